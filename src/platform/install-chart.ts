import { classifyPod } from '../diagnose/classify-pod.ts';
import { apiLostSeconds, type NamespaceWatch } from '../diagnose/namespace-watch.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { readLogTail } from '../kube/log-tail.ts';
import { type Failure, fail, type Result, succeed } from '../outcome.ts';
import { runProgram } from '../tools/run-program.ts';
import { type Chart, chartArguments, chartFailure, helmEnvironment } from './chart.ts';

const guiltyLines = 50;
/** helm's own deadline is a net behind ours. */
const helmSlackSeconds = 30;

export interface InstallOptions {
  connection: KubeConnection;
  kubeconfigPath: string;
  watch: NamespaceWatch;
  timeoutSeconds: number;
  signal: AbortSignal;
  waitingFor: (what: string) => void;
  quote: (line: string) => void;
}

/**
 * Installs the chart and returns when all it made is ready, or as soon as it is certain that it never will be. helm
 * waits; beside it our own watcher reads what helm does not say.
 * @returns a failure of kind `chart` with the guilty container's last lines, or of kind `api`.
 */
export async function installChart(chart: Chart, options: InstallOptions): Promise<Result<undefined>> {
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const timeout = `${options.timeoutSeconds + helmSlackSeconds}s`;
  const args = [
    'install',
    ...chartArguments(chart),
    '--kubeconfig',
    options.kubeconfigPath,
    '--wait',
    '--timeout',
    timeout,
  ];
  const helm = runProgram(chart.helm, args, { signal, env: helmEnvironment, onLine: options.quote });
  const verdict = options.watch.until(
    () => {
      options.waitingFor(options.watch.describe(() => true));
      return options.watch.certainTrouble(() => true);
    },
    { signal, deadlineSeconds: options.timeoutSeconds },
  );
  // Whichever ends first ends the other; both are awaited, so that nothing of this phase outlives it.
  const first = await Promise.race([
    helm.then((run) => ({ run })),
    verdict.then(
      (end) => ({ end }),
      (error) => ({ error }),
    ),
  ]);
  over.abort();
  const run = await helm;
  await verdict.catch(() => undefined);
  options.signal.throwIfAborted();

  if ('run' in first) {
    if (first.run.exitCode === 0) return succeed(undefined);
    return withEvidence(chartFailure('helm install failed', run), options);
  }
  if ('error' in first) throw first.error;
  switch (first.end.kind) {
    case 'decided': {
      const { failure, pod, container } = first.end.value;
      const evidence = container === '' ? [] : await readGuiltyLines(options, chart.namespace, pod, container);
      return fail('chart', failure.reason, { hint: failure.hint, evidence: [...failure.evidence, ...evidence] });
    }
    case 'api-lost':
      return fail(
        'api',
        `the API server has not answered for ${first.end.seconds} s while the chart was being installed`,
        {
          hint: `It may be away for ${apiLostSeconds} s; look at the logs of the cluster.`,
        },
      );
    case 'deadline':
      return withEvidence(
        fail(
          'chart',
          `the chart is not ready after ${options.timeoutSeconds} s: ${options.watch.describe(() => true)}`,
          {
            hint: 'Look at the log of the pod named here; if it is only slow, raise platform-timeout.',
          },
        ),
        options,
      );
  }
}

/** Adds what the pods that are not well say of themselves. */
function withEvidence(result: { ok: false; failure: Failure }, options: InstallOptions): Result<undefined> {
  const troubles = options.watch.pods.map(classifyPod).filter((trouble) => trouble !== undefined);
  const evidence = [...result.failure.evidence, ...troubles.map((trouble) => trouble.failure.reason)];
  return { ok: false, failure: { ...result.failure, evidence } };
}

async function readGuiltyLines(
  options: InstallOptions,
  namespace: string,
  pod: string,
  container: string,
): Promise<string[]> {
  const lines = await readLogTail(options.connection, {
    namespace,
    pod,
    container,
    lines: guiltyLines,
    signal: options.signal,
  });
  return lines.length === 0 ? [`container ${container} of pod ${pod} wrote no log`] : lines;
}
