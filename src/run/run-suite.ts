import { signalContainer } from '../cluster/signal-container.ts';
import { buildJob, jobName, testContainerName } from '../job/build-job.ts';
import { runJob } from '../job/run-job.ts';
import { type Result, succeed } from '../outcome.ts';
import type { Platform, Run } from './run.ts';
import { beginLogs } from './run-logs.ts';

/**
 * The phase `tests`: the Job, from its creation to the end of its test container, with the log on the console and on disk.
 * How it ended and what is left of the log is noted in `run`, also when this throws.
 */
export async function runSuite(run: Run, { connection, watch }: Platform): Promise<Result<undefined>> {
  const { inputs, door, signal } = run;
  const manifest = buildJob({
    ...inputs,
    runId: run.record.content.runId,
    isLoaded: run.image !== undefined,
    entrypoint: run.image?.entrypoint,
    resultsNodePath: run.resultsNodePath,
  });
  run.testsStartedAt = Date.now();
  run.logs = beginLogs(run, { connection, watch }, jobName, testContainerName);
  const ended = await runJob({
    ...run.voice,
    connection,
    watch,
    namespace: inputs.namespace,
    jobName,
    container: testContainerName,
    manifest,
    startupTimeoutSeconds: inputs.startupTimeoutSeconds,
    timeoutSeconds: inputs.timeoutSeconds,
    graceSeconds: inputs.graceSeconds,
    onStarted: () => door.waitingFor('the test container to end'),
    signalContainer: (node, id, name) => signalContainer(node, id, name, signal),
  });
  if (!ended.ok) return ended;
  run.end = ended.value;
  await run.logs.finish(signal, signal);
  return ended.value.failure === null ? succeed(undefined) : { ok: false, failure: ended.value.failure };
}
