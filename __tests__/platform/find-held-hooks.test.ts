import { describe, expect, test } from 'vitest';
import { findHeldHooks } from '../../src/platform/find-held-hooks.ts';

/** A Job as charts make it for a hook. */
const hook = (name: string, events: string, rest: object = {}) => ({
  kind: 'Job',
  metadata: { name, annotations: { 'helm.sh/hook': events }, labels: { 'helm.sh/chart': 'airflow-1.15.0' } },
  spec: { template: { spec: { containers: [{ name }], ...rest } } },
});

describe('hooks that helm --wait holds back', () => {
  test('are those after the installation that run something, by the words that describe their task', () => {
    const volumes = [
      { name: 'd', persistentVolumeClaim: { claimName: 'seed' } },
      { name: 't', emptyDir: {} },
    ];
    const manifests = [
      hook('prod-run-airflow-migrations', 'post-install,post-upgrade', { volumes }),
      hook('prod-prepare', 'pre-install'),
      hook('prod-check', 'test'),
      { kind: 'ConfigMap', metadata: { name: 'words', annotations: { 'helm.sh/hook': 'post-install' } } },
      { kind: 'Deployment', metadata: { name: 'prod-webserver' } },
      null,
    ];
    expect(findHeldHooks(manifests, 'prod', 'install')).toEqual([
      {
        title: 'post-install hook Job prod-run-airflow-migrations',
        name: 'prod-run-airflow-migrations',
        words: ['migrations'],
        claims: ['seed'],
      },
    ]);
    expect(findHeldHooks(manifests, 'prod', 'upgrade')[0]?.title).toMatch(/^post-upgrade hook/);
  });

  test('are not recognised by words of the release, nor by hosts that init containers wait for', () => {
    const manifests = [
      hook('warehouse-scheduler-postgresql-users', 'post-install'),
      { kind: 'Service', metadata: { name: 'warehouse-postgresql' } },
      { kind: 'Deployment', metadata: { name: 'warehouse-scheduler' } },
    ];
    expect(findHeldHooks(manifests, 'warehouse', 'install').map(({ words }) => words)).toEqual([['users']]);
  });
});
