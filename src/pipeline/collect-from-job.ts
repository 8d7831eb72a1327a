import { findClaimDirectory } from '../cluster/claim-directory.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { Pod } from '../kube/objects.ts';
import type { ResultsSource } from '../results/pull-results.ts';
import { openPodSource, ResultsCollection, startRescuePod } from '../results/results-collection.ts';
import { buildRescuePod } from '../results/route-results.ts';
import type { PreparedJob, Run } from './run.ts';

/** What brings home the results of a pod; undefined where they are written to the runner's own disk. */
export function openCollection(
  run: Run,
  connection: KubeConnection,
  job: PreparedJob,
  pod: Pod,
): ResultsCollection | undefined {
  const { route } = job;
  const { namespace } = run.inputs;
  const common = {
    directory: run.dir.results,
    limits: run.resultsLimits,
    say: (line: string) => run.reporter.say(line),
  };
  const rescue = (claim: { claimName: string; subPath: string }) => (signal: AbortSignal) => {
    const name = `k8s-test-rescue-${run.record.content.runId}`;
    run.noteObjects([{ apiVersion: 'v1', kind: 'Pod', metadata: { name } }]);
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
          const shell = await findClaimDirectory({ connection, namespace, ...route, node, signal });
          return shell ?? rescue(route)(signal);
        },
        openRescue: undefined,
      });
    case 'collector':
      return new ResultsCollection({
        ...common,
        openSource: async () => openPodSource(connection, namespace, pod.metadata.name),
        openRescue: route.claim === undefined ? undefined : rescue(route.claim),
      });
  }
}
