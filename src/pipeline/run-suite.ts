import { signalContainer } from '../cluster/signal-container.ts';
import { type Result, succeed } from '../core/outcome.ts';
import { PlatformWatch } from '../diagnose/platform-watch.ts';
import { type JobEnd, runJob } from '../job/run-job.ts';
import { signalInPod } from '../job/signal-in-pod.ts';
import { ResultsSizeWatch } from '../results/watch-results-size.ts';
import { openCollection } from './collect-from-job.ts';
import { prepareJob } from './prepare-job.ts';
import type { Platform, Run } from './run.ts';
import { beginLogs } from './run-logs.ts';

/** So long a pod that is ended waits for its log and its results to be read, where they can be read from nowhere else. */
const rescueSeconds = 60;

/**
 * The phase `tests`: the Job, from its creation to the end of its test container, with the log on the console and on disk.
 * How it ended and what is left of the log is noted in `run`, also when this throws.
 */
export async function runSuite(run: Run, platform: Platform): Promise<Result<undefined>> {
  const { signal } = run;
  // Before anything else: what falls over from here on, falls over under the tests.
  const watched = new PlatformWatch(platform.watch, { namespace: run.inputs.namespace, since: run.platformSince });
  const ended = await runToItsEnd(run, platform).finally(() => {
    run.incidents = watched.end();
  });
  if (!ended.ok) return ended;
  run.end = ended.value;
  await run.logs?.finish(signal, signal);
  return ended.value.failure === null ? succeed(undefined) : { ok: false, failure: ended.value.failure };
}

async function runToItsEnd(run: Run, { connection, watch }: Platform): Promise<Result<JobEnd>> {
  const { inputs, reporter } = run;
  const prepared = await prepareJob(run, connection);
  if (!prepared.ok) return prepared;
  const job = prepared.value;
  run.job = job;
  run.testsStartedAt = Date.now();
  run.saveCheckpoint();
  const size = watchSize(run);
  run.logs = beginLogs(run, { connection, watch }, job);
  return runJob({
    ...run.voice,
    connection,
    watch,
    namespace: inputs.namespace,
    jobName: job.name,
    container: job.container,
    manifest: job.manifest,
    interrupt: () => size?.failure,
    startupTimeoutSeconds: inputs.startupTimeoutSeconds,
    timeoutSeconds: inputs.timeoutSeconds,
    graceSeconds: inputs.graceSeconds,
    onStarted: (pod) => {
      reporter.waitingFor('the test container to end');
      run.collection = openCollection(run, connection, job, pod);
      run.collection?.start(run.closing.signal);
    },
    signalTests: (pod, containerId, name, over) =>
      run.existing === undefined
        ? signalContainer(pod.spec.nodeName ?? '', containerId, name, over)
        : signalInPod(
            connection,
            { namespace: inputs.namespace, pod: pod.metadata.name, container: job.container },
            name,
            over,
          ),
    rescueSeconds: run.existing === undefined ? 0 : rescueSeconds,
  });
}

/** Only what is written to the runner's disk can fill it; what is read from elsewhere is read up to the limit. */
function watchSize(run: Run): ResultsSizeWatch | undefined {
  if (run.job?.route?.kind !== 'host') return undefined;
  const { dir, inputs, closing, resultsLimits } = run;
  const { resultsPath } = inputs;
  return new ResultsSizeWatch({ directory: dir.results, limits: resultsLimits, resultsPath, signal: closing.signal });
}
