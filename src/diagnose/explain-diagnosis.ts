import { toOneLine } from '../core/outcome.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { Pod } from '../kube/objects.ts';
import { listResources } from '../kube/resources.ts';
import { classifyNotReady } from './classify-pod.ts';
import { classifySchedule, sumRequests } from './classify-schedule.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { NamespaceFacts } from './namespace-facts.ts';
import { controllerOf } from './pod-facts.ts';

/**
 * A diagnosis as it is reported once it has ended a wait: for a late Deployment, the pod that is not ready and the message of
 * its probe; for a pod without a node, the requests of the other pods of the cluster, as far as we may read them.
 */
export async function explainDiagnosis(
  connection: KubeConnection,
  diagnosis: Diagnosis,
  facts: NamespaceFacts,
  signal: AbortSignal,
): Promise<Diagnosis> {
  const pod = facts.pods.find((one) => one.metadata.uid === diagnosis.uid);
  if (pod !== undefined && diagnosis.failure.kind === 'schedule') {
    const all = await listAllPods(connection, signal);
    return (all === undefined ? undefined : classifySchedule(pod, facts, sumRequests(all))) ?? diagnosis;
  }
  const beside = diagnosis.pod === '' ? findLatePod(diagnosis, facts) : undefined;
  if (beside === undefined) return diagnosis;
  const { failure } = diagnosis;
  const reason = toOneLine(`${failure.reason}: ${beside.failure.reason}`);
  return { ...diagnosis, pod: beside.pod, container: beside.container, failure: { ...failure, reason } };
}

function findLatePod(diagnosis: Diagnosis, facts: NamespaceFacts): Diagnosis | undefined {
  const owned = facts.replicaSets
    .filter((set) => controllerOf(set)?.uid === diagnosis.uid)
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
