/** All problems of a namespace at one moment, and the pods that are still starting. Pure. */

import { statusesOf } from '../kube/job-pods.ts';
import type { Pod } from '../kube/objects.ts';
import { classifyClaim } from './classify-claim.ts';
import { classifyHeldHook } from './classify-held-hook.ts';
import { classifyNode, nodesOf } from './classify-node.ts';
import { classifyOwners } from './classify-owner.ts';
import { classifyDeletedHook, classifyPod } from './classify-pod.ts';
import type { Diagnosis } from './diagnosis.ts';
import { factsNear, type NamespaceFacts } from './namespace-facts.ts';
import { claimsOf, conditionOf, hasEnded, isBeingDeleted, isReady } from './pod-facts.ts';

/** The diagnoses of a namespace: of what makes pods, of claims, of pods, of the nodes that pods are on. */
export function findDiagnoses(facts: NamespaceFacts): Diagnosis[] {
  const claims = facts.claims.map((claim) => {
    const isBeside = (pod: Pod) => pod.metadata.namespace === claim.metadata.namespace;
    return classifyClaim(claim, { ...facts, pods: facts.pods.filter(isBeside) });
  });
  return [
    // Before what else its pods are in: this is why.
    ...facts.pods.map((pod) => classifyHeldHook(pod, facts)),
    ...facts.pods.map((pod) => classifyPod(pod, factsNear(facts, pod))),
    ...(facts.deleted?.pods ?? []).map((pod) => classifyDeletedHook(pod, facts)),
    ...classifyOwners(facts),
    ...claims,
    ...nodesOf(facts.pods, facts.nodes).map(classifyNode),
  ].filter((found) => found !== undefined);
}

/** How far other pods than that of a diagnosis are: whether some are still on their way, and may yet change it. */
export type OthersProgress = 'settled' | 'initializing' | 'starting' | 'not-begun';

/**
 * Whether pods other than those with problems are still starting: `not-begun` where a container of it has not even run yet (its
 * image is being pulled), `starting` where it runs and is not ready, or works and will end, `initializing` where only init
 * containers run.
 */
export function findOthersStand(
  diagnosis: Diagnosis,
  diagnoses: readonly Diagnosis[],
  facts: NamespaceFacts,
): OthersProgress {
  const grave = diagnoses.filter((one) => one.confidence !== 'transient');
  const stuck = new Set(grave.map((one) => one.pod));
  const uids = new Set(grave.map((one) => one.uid));
  const claims = new Set(
    facts.claims.filter(({ metadata }) => uids.has(metadata.uid)).map(({ metadata }) => metadata.name),
  );
  const waitsForClaim = (pod: Pod) => claimsOf(pod).some((name) => claims.has(name));
  let progress: OthersProgress = 'settled';
  for (const pod of facts.pods) {
    if (pod.metadata.name === diagnosis.pod || stuck.has(pod.metadata.name) || waitsForClaim(pod)) continue;
    if (!isOnItsWay(pod)) continue;
    if (!hasBegun(pod)) return 'not-begun';
    if (conditionOf(pod, 'Initialized')?.status !== 'False') progress = 'starting';
    else if (progress === 'settled') progress = 'initializing';
  }
  return progress;
}

function isOnItsWay(pod: Pod): boolean {
  if (hasEnded(pod) || isBeingDeleted(pod)) return false;
  // A container that is meant to end counts as starting until it has ended.
  return !isReady(pod) || pod.spec.restartPolicy !== 'Always';
}

function hasBegun(pod: Pod): boolean {
  return statusesOf(pod).some(
    ({ state, restartCount }) => state?.running !== undefined || state?.terminated !== undefined || restartCount > 0,
  );
}

/** The uids of a Job and of all objects that can prevent it from running. */
export function uidsOfJob(facts: NamespaceFacts, jobUid: string): Set<string> {
  const jobs = facts.jobs.filter((job) => job.metadata.uid === jobUid);
  const uids = new Set(jobs.map((job) => job.metadata.uid));
  const pods = facts.pods.filter((pod) => pod.metadata.labels?.['batch.kubernetes.io/controller-uid'] === jobUid);
  const claims = new Set(pods.flatMap(claimsOf));
  for (const pod of pods) uids.add(pod.metadata.uid);
  for (const claim of facts.claims) if (claims.has(claim.metadata.name)) uids.add(claim.metadata.uid);
  for (const node of nodesOf(pods, facts.nodes)) uids.add(node.metadata.uid);
  return uids;
}
