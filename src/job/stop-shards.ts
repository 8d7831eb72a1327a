/** Makes sure that nothing of some shards runs any more, before their tests go to fresh pods. */
import { fail, type Result, succeed } from '../core/outcome.ts';
import type { NamespaceWatch } from '../diagnose/namespace-watch.ts';
import { hasEnded } from '../diagnose/pod-facts.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { isOfJob } from '../kube/job-pods.ts';
import type { Pod } from '../kube/objects.ts';
import { shardOfPod } from './shard-job.ts';

/** For the API to have forgotten pods that are deleted without a grace period. */
const goneSeconds = 30;

/**
 * Suspends Jobs, which then create no more pods, not even for an index that waits for a quota; their pods that have ended stay.
 * Then deletes what is left of the pods of lost shards, also on a node that does not answer.
 * @param jobs names of the Jobs that have these shards.
 * @param shards undefined for the one pod of a suite in one piece.
 * @returns a failure of kind `api` where a pod may still run: its tests must not run beside it.
 */
export async function stopShards(
  {
    connection,
    watch,
    namespace,
    signal,
  }: {
    connection: KubeConnection;
    watch: NamespaceWatch;
    namespace: string;
    signal: AbortSignal;
  },
  jobs: readonly string[],
  shards: readonly number[] | undefined,
): Promise<Result<undefined>> {
  const isLeft = (pod: Pod) =>
    jobs.some((job) => isOfJob(pod, job)) && (shards?.includes(shardOfPod(pod) ?? -1) ?? true) && !hasEnded(pod);
  try {
    // The Job of a suite in one piece has failed with its only pod, and creates none.
    for (const job of shards === undefined ? [] : jobs)
      await connection.call('PATCH', `/apis/batch/v1/namespaces/${namespace}/jobs/${job}`, {
        body: { spec: { suspend: true } },
        signal,
      });
    for (const pod of watch.pods.filter(isLeft))
      await connection.deletePod(namespace, pod.metadata.name, { graceSeconds: 0, signal });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return fail('api', `what is left of a lost shard cannot be stopped: ${error.message}`);
  }
  const areGone = (): true | undefined => (watch.pods.some(isLeft) ? undefined : true);
  const gone = await watch.until(areGone, { signal, deadlineSeconds: goneSeconds });
  if (gone.kind === 'decided') return succeed(undefined);
  return fail('api', `a pod of a lost shard is still there after ${goneSeconds} s`);
}
