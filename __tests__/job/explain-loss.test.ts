import { describe, expect, test } from 'vitest';
import { explainLoss, failureOf, isNodeLost, judgeNode } from '../../src/job/explain-loss.ts';
import type { Node, Pod, PodCondition } from '../../src/kube/objects.ts';

/** A pod as the lab's cluster had it at its end, in the fields that count. */
function podWith(status: Pod['status'], deletionTimestamp?: string): Pod {
  return {
    metadata: {
      name: 'integration-tests-x7k',
      uid: 'u',
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    spec: { nodeName: 'worker', containers: [{ name: 'test-runner' }] },
    ...(status === undefined ? {} : { status }),
  };
}
const disrupted = (reason: string, message: string): { conditions: PodCondition[] } => ({
  conditions: [{ type: 'DisruptionTarget', status: 'True', reason, message }],
});
const deletedAt = '2026-11-24T14:00:00Z';

describe('a test pod that was taken away', () => {
  test.each([
    {
      what: 'by the kubelet, for its disk',
      pod: podWith({
        phase: 'Failed',
        reason: 'Evicted',
        message: 'Container test-runner exceeded its local ephemeral storage limit "20Mi". ',
        ...disrupted(
          'TerminationByKubelet',
          'Container test-runner exceeded its local ephemeral storage limit "20Mi". ',
        ),
      }),
      exitCode: 137,
      why: 'evicted',
      words:
        'the test pod integration-tests-x7k was evicted from node worker: Container test-runner exceeded its local ephemeral storage limit "20Mi".; its container ended with exit code 137 (SIGKILL)',
    },
    {
      what: 'by a drain',
      pod: podWith({ ...disrupted('EvictionByEvictionAPI', 'Eviction API: evicting') }, deletedAt),
      exitCode: 143,
      why: 'evicted',
      words:
        'the test pod integration-tests-x7k was evicted from node worker through the API, as a drain does: Eviction API: evicting; its container ended with exit code 143 (SIGTERM)',
    },
    {
      what: 'by a pod of higher priority',
      pod: podWith(
        { ...disrupted('PreemptionByScheduler', 'default-scheduler: preempting to accommodate a higher priority pod') },
        deletedAt,
      ),
      exitCode: undefined,
      why: 'evicted',
      words:
        'the test pod integration-tests-x7k was preempted from node worker by a pod of higher priority: default-scheduler: preempting to accommodate a higher priority pod',
    },
    {
      what: 'by a taint of its node',
      pod: podWith(
        { ...disrupted('DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint') },
        deletedAt,
      ),
      exitCode: 1,
      why: 'evicted',
      words:
        'the test pod integration-tests-x7k was evicted from node worker, which was tainted: Taint manager: deleting due to NoExecute taint; its container ended with exit code 1',
    },
    {
      what: 'with its node',
      pod: podWith({ ...disrupted('DeletionByPodGC', 'PodGC: node no longer exists') }, deletedAt),
      exitCode: undefined,
      why: 'node-lost',
      words: 'the node of the test pod integration-tests-x7k is gone: PodGC: node no longer exists',
    },
    {
      what: 'by somebody',
      pod: podWith({ phase: 'Running' }, deletedAt),
      exitCode: 143,
      why: 'deleted',
      words:
        'the test pod integration-tests-x7k was deleted from node worker while its tests ran, by a user or a program; its container ended with exit code 143 (SIGTERM)',
    },
  ])('$what', ({ pod, exitCode, why, words }) => {
    expect(explainLoss(pod, false, exitCode)).toEqual({ why, words });
  });

  test('and was gone before its end was seen', () => {
    expect(explainLoss(podWith({ phase: 'Running' }), true, undefined)?.why).toBe('deleted');
  });

  test('is no loss when its tests ended well within their grace, or failed by themselves', () => {
    expect(explainLoss(podWith(disrupted('EvictionByEvictionAPI', ''), deletedAt), false, 0)).toBeUndefined();
    expect(explainLoss(podWith({ phase: 'Failed' }), false, 1)).toBeUndefined();
  });

  test('is the platform to blame for, not the tests; a time-out is theirs', () => {
    const kinds = (['evicted', 'deleted', 'node-lost', 'api-lost', 'timeout'] as const).map(
      (why) => failureOf({ why, words: 'w' }, []).kind,
    );
    expect(kinds).toEqual(['evicted', 'evicted', 'evicted', 'api', 'timeout']);
  });
});

const nodeWith = (status: string, reason: string): Node => ({
  metadata: { name: 'worker', uid: 'n' },
  status: { conditions: [{ type: 'Ready', status, reason, message: 'Kubelet stopped posting node status.' }] },
});

describe('a node', () => {
  test('that is well, or of which nothing is known, is not lost', () => {
    expect(judgeNode(nodeWith('True', 'KubeletReady'), true)).toBeUndefined();
    expect(judgeNode(undefined, false)).toBeUndefined();
  });

  test('that has not answered is lost once it had time to come back', () => {
    const problem = judgeNode(nodeWith('Unknown', 'NodeStatusUnknown'), true)!;
    expect(problem.words).toBe('NodeStatusUnknown: Kubelet stopped posting node status.');
    expect(isNodeLost(problem, 9)).toBe(false);
    expect(isNodeLost(problem, 10)).toBe(true);
  });

  test('that reports itself as not ready is given longer', () => {
    const problem = judgeNode(nodeWith('False', 'KubeletNotReady'), true)!;
    expect(isNodeLost(problem, 59)).toBe(false);
    expect(isNodeLost(problem, 60)).toBe(true);
  });

  test('that was deleted is lost at once', () => {
    expect(isNodeLost(judgeNode(undefined, true)!, 0)).toBe(true);
  });
});
