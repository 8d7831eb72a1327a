import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { countQuota, countRoom } from '../../src/diagnose/count-room.ts';
import type { Node, Pod } from '../../src/kube/objects.ts';

/** Of a Kind cluster with one node of two cores and 24 GiB, without a platform: its system pods ask for 950m of cpu and 270Mi. */
const recorded = JSON.parse(readFileSync('__tests__/diagnose/recorded-room.json', 'utf8')) as {
  nodes: [Node];
  pods: Pod[];
};
const { nodes, pods } = recorded;
const [node] = nodes;

const podOf = (requests: Record<string, string>, spec: object = {}): Pod =>
  ({
    metadata: { name: 'p', uid: 'p' },
    spec: { containers: [{ name: 'tests', resources: { requests, limits: { cpu: '2', memory: '1Gi' } } }], ...spec },
  }) as Pod;
const small = podOf({ cpu: '100m', memory: '1Gi' });
/** A pod that is on the node already. */
const taking = (requests: Record<string, string>, phase = 'Running'): Pod => ({
  ...podOf(requests, { nodeName: node.metadata.name }),
  status: { phase },
});

describe('the pods that a cluster has room for', () => {
  test('are as many as the scarcest resource of its nodes admits', () => {
    // 1,050m of 2 cores are left.
    expect(countRoom(small, nodes, pods)).toBe(10);
    expect(countRoom(podOf({ cpu: '350m' }), nodes, pods)).toBe(3);
    expect(countRoom(podOf({ cpu: '1100m' }), nodes, pods)).toBe(0);
    // 23.3 GiB of memory are left.
    expect(countRoom(podOf({ cpu: '1m', memory: '8Gi' }), nodes, pods)).toBe(2);
    // A node takes 110 pods, of which there are nine.
    expect(countRoom(podOf({}), nodes, pods)).toBe(101);
  });

  test('are fewer by those that run, and not by those that have ended', () => {
    expect(countRoom(small, nodes, [...pods, taking({ cpu: '500m' })])).toBe(5);
    expect(countRoom(small, nodes, [...pods, taking({ cpu: '500m' }, 'Succeeded')])).toBe(10);
    expect(countRoom(small, nodes, [...pods, taking({ cpu: '5' })])).toBe(0);
  });

  test('count only nodes that take them: ready, not cordoned, without a taint of theirs, with their labels', () => {
    const second = (more: Partial<Node>): Node[] => [
      node,
      { ...node, ...more, metadata: { ...node.metadata, name: 'second', ...more.metadata } },
    ];
    expect(countRoom(small, second({}), pods)).toBe(10 + 20);
    expect(countRoom(small, second({ spec: { unschedulable: true } }), pods)).toBe(10);
    const taint = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };
    expect(countRoom(small, second({ spec: { taints: [taint] } }), pods)).toBe(10);
    const tolerant = podOf({ cpu: '100m' }, { tolerations: [{ key: taint.key, operator: 'Exists' }] });
    expect(countRoom(tolerant, second({ spec: { taints: [taint] } }), pods)).toBe(30);
    const notReady = { ...node.status, conditions: [{ type: 'Ready', status: 'Unknown' }] };
    expect(countRoom(small, second({ status: notReady }), pods)).toBe(10);
    const picky = podOf({ cpu: '100m' }, { nodeSelector: { pool: 'tests' } });
    expect(countRoom(picky, nodes, pods)).toBe(0);
    const labelled = { metadata: { ...node.metadata, name: 'second', labels: { pool: 'tests' } } };
    expect(countRoom(picky, second(labelled), pods)).toBe(20);
  });
});

describe('the pods that the quotas of a namespace admit', () => {
  const quota = (hard: Record<string, string>, used: Record<string, string> = {}) => ({ status: { hard, used } });

  test('are as many as the scarcest of what they count', () => {
    expect(countQuota(small, [])).toBe(Infinity);
    expect(countQuota(small, [quota({ pods: '5' }, { pods: '2' })])).toBe(3);
    expect(countQuota(small, [quota({ 'requests.cpu': '1' }, { 'requests.cpu': '450m' })])).toBe(5);
    expect(countQuota(small, [quota({ cpu: '1', 'limits.memory': '4Gi' })])).toBe(4);
    expect(countQuota(small, [quota({ 'limits.cpu': '5' }), quota({ pods: '1' }, { pods: '3' })])).toBe(0);
    expect(countQuota(small, [quota({ services: '0', 'requests.storage': '0' })])).toBe(Infinity);
  });

  test('do not count where it is not certain that a quota counts them', () => {
    expect(countQuota(small, [{ ...quota({ pods: '0' }), spec: { scopes: ['BestEffort'] } }])).toBe(Infinity);
  });
});
