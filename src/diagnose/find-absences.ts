/** Which parts of a platform have no pod that is ready; pure. */

import type { ReportedIncident } from '../core/report-model.ts';
import type { Pod, Workload } from '../kube/objects.ts';
import { classifyOwners } from './classify-owner.ts';
import { classifyNotReady, classifyPod } from './classify-pod.ts';
import type { NamespaceFacts } from './namespace-facts.ts';
import { controllerOf, hasEnded, isBeingDeleted, isReady } from './pod-facts.ts';

/** The controller that replaces a deleted pod; the pod itself where there is none. */
export interface Maker {
  namespace: string | undefined;
  kind: string;
  name: string;
}

/** The Deployment behind a pod's ReplicaSet, where there is one: each change of a Deployment has a ReplicaSet of its own. */
export function makerOf(pod: Pod, { replicaSets }: Pick<NamespaceFacts, 'replicaSets'>): Maker {
  const { namespace, name } = pod.metadata;
  const owner = controllerOf(pod);
  if (owner === undefined) return { namespace, kind: 'Pod', name };
  const above = replicaSets.find(({ metadata }) => metadata.uid === owner.uid);
  return { namespace, ...((above === undefined ? undefined : controllerOf(above)) ?? owner) };
}

/** Whether a pod of this controller is ready. */
export function isStandingIn(maker: Maker, facts: Pick<NamespaceFacts, 'pods' | 'replicaSets'>): boolean {
  return podsOf(maker, facts).some((pod) => isReady(pod) && !isBeingDeleted(pod) && !hasEnded(pod));
}

function podsOf(maker: Maker, facts: Pick<NamespaceFacts, 'pods' | 'replicaSets'>): Pod[] {
  return facts.pods.filter((pod) => {
    const { namespace, kind, name } = makerOf(pod, facts);
    return namespace === maker.namespace && kind === maker.kind && name === maker.name;
  });
}

/** Why there is no pod, or none that is ready; undefined where nothing shows the reason. */
function whyAbsent(maker: Maker, workload: Workload, facts: NamespaceFacts): string | undefined {
  const uids = new Set([workload.metadata.uid]);
  for (const { metadata } of facts.replicaSets)
    if (metadata.ownerReferences?.some(({ uid }) => uid === workload.metadata.uid)) uids.add(metadata.uid);
  const diagnoses = [
    ...podsOf(maker, facts).map((pod) => classifyPod(pod, facts) ?? classifyNotReady(pod, facts)),
    ...classifyOwners(facts).filter(({ uid }) => uids.has(uid)),
  ];
  return diagnoses.find((one) => one !== undefined)?.failure.reason;
}

/**
 * Controllers without a ready pod at this moment: a Deployment or StatefulSet that is scaled to nothing, or whose pods are not
 * ready, and why. Tests that need it can only fail.
 */
export function findAbsences(facts: NamespaceFacts, at: string): ReportedIncident[] {
  const look = (kind: string, workload: Workload): ReportedIncident[] => {
    const { namespace, name } = workload.metadata;
    const maker = { namespace, kind, name };
    if (isStandingIn(maker, facts)) return [];
    const { replicas = 1 } = workload.spec ?? {};
    const what =
      replicas === 0
        ? `had no pod: its ${kind} is scaled to 0`
        : `had no ready pod: ${whyAbsent(maker, workload, facts) ?? `its ${kind} wants ${replicas}`}`;
    return [{ at, pod: name, container: '', what, lasts: true, wasBefore: true }];
  };
  return [
    ...facts.deployments.flatMap((one) => look('Deployment', one)),
    ...facts.statefulSets.flatMap((one) => look('StatefulSet', one)),
  ];
}
