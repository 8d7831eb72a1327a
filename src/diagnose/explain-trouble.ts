import { toOneLine } from '../core/outcome.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { Pod } from '../kube/objects.ts';
import { listResources } from '../kube/resources.ts';
import { classifyNotReady } from './classify-pod.ts';
import { classifySchedule, sumRequests } from './classify-schedule.ts';
import type { NamespaceFacts } from './namespace-facts.ts';
import { controllerOf } from './pod-facts.ts';
import type { Trouble } from './trouble.ts';

/**
 * A trouble as it is told once it has ended a wait: of a Deployment that is late, the pod that is not ready and what its
 * probe says; of a pod without a place, what the other pods of the cluster ask for, as far as we may see them.
 */
export async function explainTrouble(
  connection: KubeConnection,
  trouble: Trouble,
  facts: NamespaceFacts,
  signal: AbortSignal,
): Promise<Trouble> {
  const pod = facts.pods.find((one) => one.metadata.uid === trouble.uid);
  if (pod !== undefined && trouble.failure.kind === 'schedule') {
    const all = await listAllPods(connection, signal);
    return (all === undefined ? undefined : classifySchedule(pod, facts, sumRequests(all))) ?? trouble;
  }
  const beside = trouble.pod === '' ? findLatePod(trouble, facts) : undefined;
  if (beside === undefined) return trouble;
  const { failure } = trouble;
  const reason = toOneLine(`${failure.reason}: ${beside.failure.reason}`);
  return { ...trouble, pod: beside.pod, container: beside.container, failure: { ...failure, reason } };
}

function findLatePod(trouble: Trouble, facts: NamespaceFacts): Trouble | undefined {
  const owned = facts.replicaSets
    .filter((set) => controllerOf(set)?.uid === trouble.uid)
    .map((set) => set.metadata.uid);
  return facts.pods
    .filter((pod) => owned.includes(controllerOf(pod)?.uid ?? ''))
    .map((pod) => classifyNotReady(pod, facts))
    .find((found) => found !== undefined);
}

/** Undefined where we may not see the pods of other namespaces. */
async function listAllPods(connection: KubeConnection, signal: AbortSignal): Promise<Pod[] | undefined> {
  try {
    return await listResources<Pod>(connection, '/api/v1/pods', signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}
