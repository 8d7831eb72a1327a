import path from 'node:path';
import { findClaimDirectory } from '../cluster/claim-directory.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { Pod } from '../kube/objects.ts';
import type { ResultsSource } from '../results/pull-results.ts';
import { dismissCollector, openPodSource, ResultsCollection, startRescuePod } from '../results/results-collection.ts';
import { buildRescuePod } from '../results/route-results.ts';
import type { OpenCluster, PreparedJob, StartedTests, SuitePart } from './progress.ts';
import type { Run } from './run.ts';

/** A pod that is being deleted needs no more. */
const dismissSeconds = 5;

/** Collects the results of a pod; undefined where they are written to the runner's own disk. */
export function openCollection(
  run: Run,
  open: OpenCluster,
  job: PreparedJob,
  { part, pod }: { part: SuitePart; pod: Pod },
): ResultsCollection | undefined {
  const { route } = job;
  const { connection } = open;
  const { namespace } = run.inputs;
  const isShard = part.shard !== undefined;
  const suffix = `${run.retry === undefined ? '' : `-${run.retry.name}`}${isShard ? `-${part.shard}` : ''}`;
  const common = {
    directory: path.join(run.dir.results, part.directory),
    incoming: path.join(run.dir.root, `.k8s-test-incoming${suffix}`),
    limits: run.resultsLimits,
    say: (line: string) => run.reporter.say(`${isShard ? `shard ${part.shard}: ` : ''}${line}`),
  };
  /** A part of a suite has a directory of its own in a claim. */
  const placeOf = (claim: { claimName: string; subPath: string }) => ({
    claimName: claim.claimName,
    subPath: path.posix.join(claim.subPath, part.directory),
  });
  const rescue = (claim: { claimName: string; subPath: string }) => (signal: AbortSignal) => {
    const name = `k8s-test-rescue-${run.record.content.runId}${suffix}`;
    run.noteObjects(open, [{ apiVersion: 'v1', kind: 'Pod', metadata: { name } }]);
    return startRescuePod(
      connection,
      namespace,
      buildRescuePod({
        name,
        namespace,
        labels: job.labels,
        claim,
        job: job.manifest,
        container: job.container,
        collector: job.collector,
      }),
      signal,
    );
  };
  switch (route.kind) {
    case 'host':
      return undefined;
    case 'node':
      return new ResultsCollection({
        ...common,
        openSource: async (signal): Promise<ResultsSource> => {
          const node = pod.spec.nodeName ?? '';
          const shell = await findClaimDirectory({ connection, namespace, ...placeOf(route), node, signal });
          return shell ?? rescue(placeOf(route))(signal);
        },
        openRescue: undefined,
      });
    case 'collector':
      return new ResultsCollection({
        ...common,
        openSource: async () => openPodSource(connection, namespace, pod.metadata.name),
        openRescue: route.claim === undefined ? undefined : rescue(placeOf(route.claim)),
      });
  }
}

/**
 * The last of the results of a part, as far as they arrive until the signal, where they are not on this disk yet; then its pod
 * may end. What is missing is noted in the part, and warned of.
 */
export async function finishCollection(
  run: Run,
  { connection, job }: { connection: KubeConnection | undefined; job: StartedTests['job'] },
  part: SuitePart,
  signal: AbortSignal,
): Promise<void> {
  const { collection, end } = part;
  if (collection === undefined || connection === undefined) return;
  part.collection = undefined;
  const { warnings, failure, missing } = await collection.finish(signal);
  for (const warning of warnings) run.warn(warning);
  if (end !== undefined && job?.route?.kind === 'collector') {
    const over = AbortSignal.timeout(dismissSeconds * 1000);
    await dismissCollector(connection, run.inputs.namespace, end.pod.metadata.name, over).catch((error: unknown) => {
      if (!over.aborted) throw error;
    });
  }
  const named = missing.map((one) => ({ ...one, name: path.join(part.directory, one.name) }));
  part.collected = { failure, missing: named };
  // Where something else ended the run, that is its failure, and this only a consequence.
  if (failure !== undefined) run.warn(failure.reason);
}
