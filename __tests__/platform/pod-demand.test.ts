import { expect, test } from 'vitest';
import { sumDemand } from '../../src/platform/pod-demand.ts';

const asks = (cpu: string, memory: string, more: object = {}) => ({
  resources: { requests: { cpu, memory } },
  ...more,
});
const deployment = (name: string, spec: object, more: object = {}) => ({
  kind: 'Deployment',
  metadata: { name, ...more },
  spec: { template: { spec } },
});
const mebibyte = 1024 ** 2;

test('the containers of a pod are added up, and the pods of all workloads with them', () => {
  const web = deployment('web', { containers: [asks('100m', '128Mi'), asks('0.4', '128Mi')] });
  const database = {
    kind: 'StatefulSet',
    metadata: { name: 'database' },
    spec: { replicas: 2, template: { spec: { containers: [asks('250m', '1Gi')] } } },
  };
  const { sum, largestCpu, largestMemory } = sumDemand([web, { kind: 'List', items: [database] }, null], 1);
  expect(sum.cpuCores).toBeCloseTo(1);
  expect(sum.memoryBytes).toBe((256 + 2048) * mebibyte);
  expect(largestCpu.pod).toBe('Deployment/web');
  expect(largestMemory).toEqual({ pod: 'StatefulSet/database', memoryBytes: 1024 * mebibyte });
});

test('an init container counts where it asks for more than what runs after it; a sidecar counts with both', () => {
  const spec = {
    initContainers: [asks('100m', '10Mi', { restartPolicy: 'Always' }), asks('2', '10Mi')],
    containers: [asks('500m', '100Mi')],
  };
  const { sum } = sumDemand([deployment('web', spec)], 1);
  expect(sum.cpuCores).toBeCloseTo(2.1);
  expect(sum.memoryBytes).toBe(110 * mebibyte);
});

test('a limit replaces a missing request; without both, nothing is requested', () => {
  const spec = { containers: [{ resources: { limits: { cpu: 1, memory: '64Mi' } } }, {}] };
  expect(sumDemand([deployment('web', spec)], 1).sum).toEqual({ cpuCores: 1, memoryBytes: 64 * mebibyte });
});

test('hooks and CronJobs are temporary; a DaemonSet runs on every worker', () => {
  const spec = { containers: [asks('1', '1Mi')] };
  const hook = deployment('migrate', spec, { annotations: { 'helm.sh/hook': 'pre-install' } });
  const cron = { kind: 'CronJob', spec: { jobTemplate: { spec: { template: { spec } } } } };
  const daemons = { kind: 'DaemonSet', spec: { template: { spec } } };
  expect(sumDemand([hook, cron, daemons, { kind: 'ConfigMap' }], 3).sum.cpuCores).toBe(3);
});
