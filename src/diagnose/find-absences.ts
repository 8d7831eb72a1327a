/** Which parts of a platform have no pod that is ready; pure. */
import type { Pod, Workload } from '../kube/objects.ts';
import type { ReportedIncident } from '../report/report-input.ts';
import type { NamespaceFacts } from './namespace-facts.ts';
import { controllerOf, hasEnded, isBeingDeleted, isReady } from './pod-facts.ts';

/** What puts a pod in the place of one that is gone; the pod itself where nothing does. */
export interface Maker {
  kind: string;
  name: string;
}

/** The Deployment behind a pod's ReplicaSet, where there is one: each change of a Deployment has a ReplicaSet of its own. */
export function makerOf(pod: Pod, { replicaSets }: Pick<NamespaceFacts, 'replicaSets'>): Maker {
  const owner = controllerOf(pod);
  if (owner === undefined) return { kind: 'Pod', name: pod.metadata.name };
  const above = replicaSets.find(({ metadata }) => metadata.uid === owner.uid);
  return (above === undefined ? undefined : controllerOf(above)) ?? owner;
}

/** Whether a pod of this maker is ready. */
export function isStandingIn(maker: Maker, facts: Pick<NamespaceFacts, 'pods' | 'replicaSets'>): boolean {
  return facts.pods.some((pod) => {
    const { kind, name } = makerOf(pod, facts);
    return kind === maker.kind && name === maker.name && isReady(pod) && !isBeingDeleted(pod) && !hasEnded(pod);
  });
}

/**
 * What has no pod that is ready at this moment: a Deployment or StatefulSet that is scaled to nothing, or whose pods are not
 * ready. Tests that need it can only fail.
 */
export function findAbsences(facts: NamespaceFacts, at: string): ReportedIncident[] {
  const look = (kind: string, workload: Workload): ReportedIncident[] => {
    const { name } = workload.metadata;
    if (isStandingIn({ kind, name }, facts)) return [];
    const { replicas = 1 } = workload.spec ?? {};
    const what =
      replicas === 0 ? `had no pod: its ${kind} is scaled to 0` : `had no ready pod: its ${kind} wants ${replicas}`;
    return [{ at, pod: name, container: '', what, lasts: true, wasBefore: true }];
  };
  return [
    ...facts.deployments.flatMap((one) => look('Deployment', one)),
    ...facts.statefulSets.flatMap((one) => look('StatefulSet', one)),
  ];
}
