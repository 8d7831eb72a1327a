/** What a run does with a cluster that an earlier one has kept, before it uses it: sees that it is there, and clears it. */
import { describeDockerError, inspectContainers } from '../../cluster/docker.ts';
import type { ReadyCluster } from '../../cluster/make-cluster.ts';
import { pullSecretName } from '../../cluster/pull-secret.ts';
import { listNotReady } from '../../cluster/wait-for-nodes.ts';
import { nameCommand } from '../../core/name-command.ts';
import { fail, type Result, succeed, toOneLine } from '../../core/outcome.ts';
import { runLabel } from '../../job/build-job.ts';
import { ApiError } from '../../kube/api-error.ts';
import type { KubeConnection } from '../../kube/connection.ts';
import { deleteObject } from '../../kube/create-object.ts';
import type { Job } from '../../kube/objects.ts';
import type { Run } from '../run.ts';
import { findResultsInNodes, sayCollector } from '../sees-results.ts';

/** An API server that has not answered by then counts as unreachable. */
const answerSeconds = 5;

/**
 * The phase `preflight` of a run in a kept cluster: its nodes must be there and run. Where they do not see the results
 * directory anymore (it was removed, or another one is wanted), a collector fetches the results.
 * @returns where the nodes see that directory, or a failure of kind `cluster` with the state of the cluster in one line, and
 * what to do.
 */
export async function checkKept(
  run: Run,
  cluster: ReadyCluster,
): Promise<Result<{ resultsNodePath: string | undefined }>> {
  const { signal, inputs } = run;
  const anew = `Make another one: ${nameCommand('down')}, then ${nameCommand(`up --tier ${inputs.tier}`)}`;
  const format = '{{.Name}} {{.State.Running}}';
  const seen = await inspectContainers(cluster.nodes, format, signal);
  signal.throwIfAborted();
  if (/no such container/i.test(seen.stderr))
    return fail('cluster', `the kept cluster ${cluster.name} is gone: ${toOneLine(seen.stderr, 200)}`, { hint: anew });
  if (seen.exitCode !== 0)
    return fail('cluster', `docker does not answer: ${describeDockerError(seen)}`, {
      hint: `Start docker; to check the rest of this machine: ${nameCommand('doctor')}`,
    });
  const stopped = cluster.nodes.filter((node) => seen.stdout.includes(`/${node} false`));
  if (stopped.length > 0)
    return fail('cluster', `the kept cluster ${cluster.name} is not running: ${stopped.join(', ')} stopped`, {
      hint: `Start it: docker start ${stopped.join(' ')}. If it does not come back: ${anew}`,
    });
  const resultsNodePath = await findResultsInNodes(run, cluster);
  if (resultsNodePath === undefined) sayCollector(run);
  return succeed({ resultsNodePath });
}

/**
 * The phase `cluster` of a run in a kept cluster: its API server must answer and its nodes be Ready; then the leftovers of
 * former test runs are removed, so that nothing of them can be attributed to this run.
 * @returns a failure of kind `cluster` or `api`.
 */
export async function openKept(
  run: Run,
  cluster: ReadyCluster,
  connection: KubeConnection,
): Promise<Result<undefined>> {
  const again = `docker restart ${cluster.nodes.join(' ')} may help; else: ${nameCommand('down')}, then ${nameCommand(`up --tier ${run.inputs.tier}`)}`;
  try {
    const notReady = await listNotReady(connection, { signal: run.signal, deadlineSeconds: answerSeconds });
    if (notReady.length > 0)
      return fail('cluster', `nodes of the kept cluster ${cluster.name} are not ready: ${notReady.join('; ')}`, {
        hint: again,
      });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return fail('cluster', `the API server of the kept cluster ${cluster.name} does not answer: ${error.message}`, {
      hint: again,
    });
  }
  try {
    await clearFormerTests(connection, run.inputs.namespace, run.signal);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return fail('api', `leftovers of earlier tests in the kept cluster could not be removed: ${error.message}`, {
      hint: again,
    });
  }
  return succeed(undefined);
}

/** Jobs of former runs with their pods, what was made for them, and all events: only those of this run are to be there. */
async function clearFormerTests(connection: KubeConnection, namespace: string, signal: AbortSignal): Promise<void> {
  const core = `/api/v1/namespaces/${namespace}`;
  const ofRuns = { labelSelector: runLabel };
  const { items: jobs } = await connection.call<{ items: Job[] }>(
    'GET',
    `/apis/batch/v1/namespaces/${namespace}/jobs`,
    { signal, query: ofRuns },
  );
  const remove = (kind: string, query: Record<string, string>) =>
    connection.call('DELETE', `${core}/${kind}`, { signal, query });
  await Promise.all([
    ...jobs.map(({ metadata }) =>
      deleteObject(connection, { apiVersion: 'batch/v1', kind: 'Job', metadata }, { namespace, signal }),
    ),
    remove('configmaps', ofRuns),
    // This one belongs to the platform too, whose pods may still be pulling.
    remove('secrets', { ...ofRuns, fieldSelector: `metadata.name!=${pullSecretName}` }),
    // Those of Jobs are deleted with them.
    remove('pods', { labelSelector: `${runLabel},!batch.kubernetes.io/job-name` }),
    remove('events', {}),
  ]);
}
