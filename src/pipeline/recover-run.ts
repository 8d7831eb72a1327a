/**
 * Reports the end of a run whose process was killed before it could: what the post step of the action does after a cancel that
 * took too long, or when the runner was out of memory. It collects what is left in the results directory and the cluster, and
 * makes one verdict of it, as the run itself would have done.
 */
import { existsSync } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Failure, fail, messageOf } from '../core/outcome.ts';
import type { Reporter } from '../core/reporter.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import { connect, type KubeConnection } from '../kube/connection.ts';
import { podNamePrefix } from '../kube/job-pods.ts';
import type { KeptLog } from '../logs/job-logs.ts';
import { isHeldBy, layoutResults, releaseResultsDir } from '../results/results-dir.ts';
import type { RunEnd } from '../results/run-end.ts';
import { readLegs } from '../roll-up/read-legs.ts';
import type { RunRecord } from '../state/run-record.ts';
import { type Checkpoint, proveSecrets } from './checkpoint.ts';
import { type CollectedRun, salvageCluster, salvageDisk, startFindings } from './collect-run.ts';
import { describeMachineLog } from './environments/run-on-machine.ts';
import type { StoppedClock } from './phase-clock.ts';
import { listParts, type Progress } from './progress.ts';
import { notRetried } from './retry-tests.ts';
import { Run } from './run.ts';
import { resultsPathIn } from './sees-results.ts';
import { refuseRun, writeVerdict } from './write-verdict.ts';

export interface RecoverOptions {
  record: RunRecord;
  workDir: string;
  checkpoint: Checkpoint;
  /** As they are known now; the files are only touched if they are those of the run. */
  secrets: Inputs['secrets'];
  reporter: Reporter;
  /** Called once the cluster is no longer needed. Returns whether nothing of the run is left that could continue. */
  tearDown: () => Promise<boolean>;
}

/** Of the five minutes that GitHub gives a post step after a cancel, seconds for the cluster… */
const clusterSeconds = 30;
/** …and for the disk. The upload needs its own. */
const diskSeconds = 60;

/** The kubelet's `containerLogMaxSize`, as it is by default. */
const rotatedBytes = 10 * 1024 * 1024;

/** @throws on I/O errors and bugs; `tearDown` has been called then, unless it threw itself. */
export async function recoverRun(options: RecoverOptions): Promise<RunEnd> {
  const { record, checkpoint, secrets, tearDown } = options;
  const dir = layoutResults(checkpoint.inputs.resultsDir);
  const run = new Run(
    {
      inputs: { ...checkpoint.inputs, secrets },
      reporter: options.reporter,
      signal: AbortSignal.timeout((clusterSeconds + diskSeconds) * 1000),
      record,
      workDir: options.workDir,
      ...(checkpoint.leg === null ? {} : { leg: checkpoint.leg }),
    },
    await stopClock(checkpoint, path.join(dir.root, 'logs'), record.file),
  );
  run.warnings.push(...checkpoint.warnings);
  const failure = describeKill(checkpoint);
  const ended = await readEnd(run);
  if (ended !== undefined) {
    await tearDown();
    return ended;
  }
  if (!isHeldBy(dir, record.content)) {
    await tearDown();
    return refuseRun(run, failure);
  }
  try {
    const areKnown = proveSecrets(secrets, record.content.runId) === checkpoint.secretsProof;
    if (areKnown) return await reportSalvaged(run, checkpoint, failure, tearDown);
    run.warn(
      `the secrets have changed since the run started, so its files cannot be masked: they stay in ${dir.root} on the runner and are not uploaded`,
    );
    await tearDown();
    const { progress } = run;
    const unread = { progress, collected: startFindings(run, progress), again: [] };
    return await writeVerdict(run, unread, failure, { retried: notRetried });
  } finally {
    await releaseResultsDir(dir);
  }
}

/** The progress that a run had made by its checkpoint. */
function readProgress(run: Run, { cluster, job, testsStartedAt }: Checkpoint): Progress {
  const { shards, tier, cluster: kind } = run.inputs;
  const resultsNodePath = cluster === undefined || kind === 'existing' ? undefined : resultsPathIn(run, cluster);
  const known = { ...(cluster === undefined ? {} : { cluster }), resultsNodePath };
  if (job === undefined && testsStartedAt === undefined) return { ...known, stage: 'preparing' };
  const machineLog = describeMachineLog(run.dir, []);
  const isLogged = tier === 'unit' && existsSync(path.join(run.dir.root, machineLog.path));
  const tests = { parts: listParts(shards), startedAt: testsStartedAt, job };
  return { ...known, stage: 'tests', tests: { ...tests, ...(isLogged ? { ownLog: machineLog } : {}) } };
}

/** The verdict of a run, from what its cluster and the disk still hold. If files could not be masked, only the verdict. */
async function reportSalvaged(
  run: Run,
  checkpoint: Checkpoint,
  failure: Failure,
  tearDown: RecoverOptions['tearDown'],
): Promise<RunEnd> {
  const begun = readProgress(run, checkpoint);
  const collected = startFindings(run, begun);
  const logs = checkpoint.job === undefined ? [] : await findLogs(run.dir.logs, checkpoint.job.name);
  const { isTornDown } = await salvageFromCluster(run, { progress: begun, collected, logs }, tearDown);
  const progress = withLogs(begun, logs);
  const isOurs = run.inputs.tier === 'unit' || run.inputs.cluster === 'existing' || isTornDown;
  const signal = AbortSignal.timeout(diskSeconds * 1000);
  const found = await salvageDisk(run, { progress, collected, signal }, isOurs).then(
    () => collected,
    (error: unknown) => {
      run.warn(`not all results could be masked, and none is uploaded: ${messageOf(error)}`);
      return startFindings(run, progress);
    },
  );
  return writeVerdict(run, { progress, collected: found, again: [] }, failure, { retried: notRetried });
}

/** Saves what only the cluster has, then tears down. @returns whether nothing of the run is left that could write. */
async function salvageFromCluster(
  run: Run,
  { progress, collected, logs }: { progress: Progress; collected: CollectedRun; logs: KeptLog[] },
  tearDown: RecoverOptions['tearDown'],
): Promise<{ isTornDown: boolean }> {
  const { cluster } = progress;
  const aside = cluster === undefined ? [] : await putAside(logs, run.dir.root);
  const left = logs.filter((log) => !aside.some((one) => one.log === log));
  let connection: KubeConnection | undefined;
  try {
    if (cluster !== undefined) {
      connection = connect({ kubeconfigPath: cluster.kubeconfigPath });
      const signal = AbortSignal.timeout(clusterSeconds * 1000);
      await salvageCluster(run, { progress: { ...withLogs(progress, left), connection }, collected, signal });
    }
  } catch (error) {
    run.warn(`the cluster no longer answers: ${messageOf(error)}`);
  } finally {
    await connection?.close();
  }
  const isTornDown = await tearDown();
  for (const one of aside) await takeLonger(one);
  return { isTornDown };
}

function withLogs(progress: Progress, kept: readonly KeptLog[]): Progress {
  if (progress.stage !== 'tests') return progress;
  return { ...progress, tests: { ...progress.tests, logs: { kept, finish: nothing, close: nothing } } };
}

async function nothing(): Promise<void> {}

/** The logs of a Job's pods, as far as they were received when the process that followed them was killed. */
async function findLogs(logsDir: string, jobName: string): Promise<KeptLog[]> {
  const kept: KeptLog[] = [];
  for (const pod of await readdir(logsDir)) {
    if (!pod.startsWith(podNamePrefix(jobName))) continue;
    for (const name of await readdir(path.join(logsDir, pod))) {
      const container = path.basename(name, '.log');
      const gaps = [`the log of ${container} ends where the step was killed`];
      const file = path.join(logsDir, pod, name);
      kept.push({ pod, container, run: 0, file, bytes: (await stat(file)).size, gaps });
    }
  }
  return kept;
}

interface LogAside {
  log: KeptLog;
  file: string;
}

/** Logs that the cluster certainly has in full, since the kubelet has not rotated them, are replaced by the cluster's. */
async function putAside(logs: readonly KeptLog[], root: string): Promise<LogAside[]> {
  const aside: LogAside[] = [];
  for (const [i, log] of logs.entries()) {
    if ((await stat(log.file)).size > rotatedBytes / 2) continue;
    const file = path.join(root, `.log-${i}`);
    await rename(log.file, file);
    aside.push({ log, file });
  }
  return aside;
}

/** The log that the cluster gave, or where that is less the one that was there. */
async function takeLonger({ log, file }: LogAside): Promise<void> {
  const given = await stat(log.file).catch(() => undefined);
  if (given === undefined || given.size < (await stat(file)).size) await rename(file, log.file);
  else {
    log.gaps = [];
    await rm(file);
  }
}

function describeKill({ cancelledBy, running, phases }: Checkpoint): Failure {
  const last = phases.at(-1);
  const named = running.map(({ name }) => name).join(' and ');
  const when = named !== '' ? `during ${named}` : last === undefined ? 'at its very start' : `after ${last.name}`;
  if (cancelledBy !== undefined)
    return fail('cancelled', `cancelled (${cancelledBy}) ${when}, and killed before it could report its end`).failure;
  return fail('internal', `the step was killed ${when}`, {
    hint: 'Something killed its process, most often a runner that is out of memory. Everything collected before that is in the results.',
  }).failure;
}

/** The clock of the run, stopped at the last sign of life that its process left. */
async function stopClock(checkpoint: Checkpoint, logsDir: string, recordFile: string): Promise<StoppedClock> {
  const startedAt = new Date(checkpoint.startedAt);
  const logs = await readdir(logsDir, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = logs.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const begun = [...checkpoint.phases, ...checkpoint.running].map(({ startSeconds }) => startSeconds);
  const ended = checkpoint.phases.map(({ startSeconds, seconds }) => startSeconds + seconds);
  const written = await Promise.all([recordFile, ...files].map(async (file) => (await stat(file)).mtimeMs));
  const seen = written.map((milliseconds) => (milliseconds - startedAt.getTime()) / 1000);
  const seconds = Math.round(Math.max(0, ...begun, ...ended, ...seen) * 100) / 100;
  const running = checkpoint.running.map(({ name, startSeconds }) => ({
    name,
    startSeconds,
    outcome: 'failed' as const,
    seconds: Math.round((seconds - startSeconds) * 100) / 100,
  }));
  return { startedAt, phases: [...checkpoint.phases, ...running], seconds };
}

/**
 * The end that the run itself had written to disk, when it was killed before it could report it; undefined when there is none,
 * or only that of another run. The times of its phases identify the run.
 */
async function readEnd(run: Run): Promise<RunEnd | undefined> {
  const { dir } = run;
  if (!existsSync(dir.resultJson) || run.clock.records.length === 0) return undefined;
  const [leg] = await readLegs(dir.root, run.signal);
  if (leg === undefined || !isDeepStrictEqual(leg.verdict.phases, run.clock.records)) return undefined;
  const { verdict, tests } = leg;
  const report = { verdict, tests, logs: [], resultsDir: dir.root };
  return {
    verdict,
    dir,
    report,
    kubeconfig: '',
    ownsResultsDir: true,
    isMasked: verdict.isMasked === true,
  };
}
