import path from 'node:path';
import { buildJob, jobName, testContainerName } from '../job/build-job.ts';
import { captureLog } from '../job/capture-log.ts';
import { runJob } from '../job/run-job.ts';
import { type Result, succeed } from '../outcome.ts';
import { provideHelper } from './provide-helper.ts';
import type { Platform, Run } from './run.ts';

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
    helper: await provideHelper(run, connection),
  });
  run.testsStartedAt = Date.now();
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
    onStarted: (pod) => {
      door.waitingFor('the test container to end');
      run.logFile = path.join(run.dir.logs, pod.metadata.name, `${testContainerName}.log`);
      run.log = captureLog({
        connection,
        namespace: inputs.namespace,
        pod: pod.metadata.name,
        container: testContainerName,
        file: run.logFile,
        quote: (line) => door.quote(line),
        warn: (text) => run.warn(text),
        signal: run.closing.signal,
        hasEnded: () => run.end !== undefined || signal.aborted,
      });
      // Awaited below or when results are brought home; until then nobody may be waiting.
      run.log.catch(() => undefined);
    },
  });
  if (!ended.ok) return ended;
  run.end = ended.value;
  await run.log;
  return ended.value.failure === null ? succeed(undefined) : { ok: false, failure: ended.value.failure };
}
