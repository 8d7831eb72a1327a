import { describe, expect, test } from 'vitest';
import { findUnfinishedRollouts } from '../../src/diagnose/classify-rollout.ts';
import type { NamespaceFacts } from '../../src/diagnose/namespace-facts.ts';
import type { Workload } from '../../src/kube/objects.ts';
import { recorded } from './recorded.ts';

/** As if helm had made all of it for this release; `edit` changes what is there. */
function released(fault: string, edit: (one: Workload) => Workload = (one) => one): NamespaceFacts {
  const facts = recorded(fault);
  const mark = (list: readonly Workload[]) =>
    list.map((one) => {
      const annotations = { ...one.metadata.annotations, 'meta.helm.sh/release-name': 'shop' };
      return edit({ ...one, metadata: { ...one.metadata, annotations } });
    });
  const { deployments, statefulSets, daemonSets } = facts;
  return {
    ...facts,
    deployments: mark(deployments),
    statefulSets: mark(statefulSets),
    daemonSets: mark(daemonSets),
  };
}

const unfinished = (facts: NamespaceFacts) => findUnfinishedRollouts(facts, 'shop');

describe('what a release has made, where helm does not wait for it', () => {
  test('is ready when all pods are, with any controller', () => {
    expect(unfinished(released('rolling-update'))).toEqual([]);
    expect(unfinished(released('held-hook'))).toEqual([
      'Deployment webserver has 0 of 1 pods ready',
      'Deployment worker has 0 of 1 pods ready',
    ]);
    expect(unfinished(released('never-ready-tcp'))).toEqual(['Deployment web has 0 of 1 pods ready']);
    expect(unfinished(released('quota-deployment'))).toEqual(['Deployment web has 0 of 1 pods ready']);
    expect(unfinished(released('service-account-stateful-set'))).toEqual([
      'StatefulSet postgres has 0 of 1 pods ready',
    ]);
  });

  test('is not ready when its controller has not observed it, or pods of a former revision are left', () => {
    const asked = (one: Workload) => ({ ...one, metadata: { ...one.metadata, generation: 2 } });
    expect(unfinished(released('rolling-update', asked))).toEqual(['Deployment web has not been looked at yet']);
    const former = (one: Workload) => ({
      ...one,
      status: { ...one.status, replicas: 3, currentRevision: 'former', updatedNumberScheduled: 0 },
    });
    expect(unfinished(released('held-hook', former))).toEqual([
      'Deployment database has pods of a former revision',
      'Deployment webserver has 0 of 1 pods ready',
      'Deployment worker has 0 of 1 pods ready',
      'StatefulSet queue has pods of a former revision',
      'DaemonSet agent has pods of a former revision',
    ]);
    const byHand = (one: Workload) => former({ ...one, spec: { ...one.spec, updateStrategy: { type: 'OnDelete' } } });
    expect(unfinished(released('held-hook', byHand)).filter((line) => /StatefulSet|DaemonSet/.test(line))).toEqual([]);
  });

  test('of others is none of our business, and what is scaled to none is ready', () => {
    expect(findUnfinishedRollouts(released('never-ready-tcp'), 'other')).toEqual([]);
    const none = (one: Workload) => ({ ...one, spec: { ...one.spec, replicas: 0 } });
    expect(unfinished(released('never-ready-tcp', none))).toEqual([]);
  });
});
