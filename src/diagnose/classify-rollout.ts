/** Whether the objects of a release have reached their desired state. Pure. */
import type { Workload } from '../kube/objects.ts';
import { releaseOf } from '../kube/release-of.ts';
import type { NamespaceFacts } from './namespace-facts.ts';

/**
 * What of a release is not rolled out: `Deployment web has 0 of 2 pods ready`. As `kubectl rollout status` sees it; Jobs are
 * not waited for, as helm does not.
 */
export function findUnfinishedRollouts(facts: NamespaceFacts, release: string): string[] {
  const of = (kind: string, list: readonly Workload[], count: (one: Workload) => Progress) =>
    list.filter((one) => releaseOf(one) === release).flatMap((one) => describeProgress(kind, one, count(one)));
  return [
    ...of('Deployment', facts.deployments, ({ spec, status = {} }) => ({
      wanted: spec?.replicas ?? 1,
      ready: status.availableReplicas ?? 0,
      isNew: (status.updatedReplicas ?? 0) >= (spec?.replicas ?? 1) && status.replicas === status.updatedReplicas,
    })),
    ...of('StatefulSet', facts.statefulSets, ({ spec, status = {} }) => ({
      wanted: spec?.replicas ?? 1,
      ready: status.readyReplicas ?? 0,
      isNew: !isRolledByItself(spec) || status.currentRevision === status.updateRevision,
    })),
    ...of('DaemonSet', facts.daemonSets, ({ spec, status = {} }) => ({
      wanted: status.desiredNumberScheduled ?? 0,
      ready: status.numberAvailable ?? 0,
      isNew: !isRolledByItself(spec) || status.updatedNumberScheduled === status.desiredNumberScheduled,
    })),
  ];
}

interface Progress {
  wanted: number;
  ready: number;
  /** Whether none of its pods is of a former revision. */
  isNew: boolean;
}

function describeProgress(kind: string, { metadata, status }: Workload, { wanted, ready, isNew }: Progress): string[] {
  const where = `${kind} ${metadata.name}`;
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) return [`${where} has not been looked at yet`];
  if (wanted === 0) return [];
  if (ready < wanted) return [`${where} has ${ready} of ${wanted} pods ready`];
  return isNew ? [] : [`${where} has pods of a former revision`];
}

/** Whether all pods are created again by themselves when their template changes. */
function isRolledByItself(spec: Workload['spec']): boolean {
  const { type = 'RollingUpdate', rollingUpdate } = spec?.updateStrategy ?? {};
  return type === 'RollingUpdate' && (rollingUpdate?.partition ?? 0) === 0;
}
