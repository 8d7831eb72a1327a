/**
 * The one pipeline for every entry point, and the only file that knows the order of the phases and what overlaps with what:
 *
 *     preflight → tools → (cluster → platform) ∥ images → tests → results → report, and in every case: teardown
 *
 * The platform waits for its own images, and only the tests for theirs.
 */
import path from 'node:path';
import { exportClusterLogs } from '../cluster/create-cluster.ts';
import { describeDiskError } from '../core/disk-error.ts';
import { nameCommand } from '../core/name-command.ts';
import { type Failure, messageOf, type Result, succeed, toOneLine } from '../core/outcome.ts';
import type { Reporter } from '../core/reporter.ts';
import { emptyHistory, type TestHistory } from '../history/test-history.ts';
import { ApiError } from '../kube/api-error.ts';
import { writeResultJson } from '../report/write-report.ts';
import { releaseResultsDir, takeResultsDir } from '../results/results-dir.ts';
import { type RunEnd, withVerdict } from '../results/run-end.ts';
import type { RunRecord } from '../state/run-record.ts';
import { saysNoTests } from '../verdict/explain-exit.ts';
import { bringUpPlatform } from './bring-up-platform.ts';
import { collectRun, startFindings } from './collect-run.ts';
import { checkEnvironment } from './environments/choose-environment.ts';
import type { BringUp } from './environments/environment.ts';
import { runOnMachine } from './environments/run-on-machine.ts';
import { explainEnd, explainImageFailure } from './explain-images.ts';
import { exportTrace, traceEndpoint } from './export-trace.ts';
import type { TriedSuite } from './judge-suite.ts';
import { prepareRun } from './prepare-run.ts';
import type { StartedTests, SuitePart } from './progress.ts';
import { planRest, resumeShards } from './resume-shards.ts';
import { canRetry, notRetried, type Retried, retryTests } from './retry-tests.ts';
import { Run, type RunOptions } from './run.ts';
import { loadHistory, saveHistory } from './run-history.ts';
import { runSuite } from './run-suite.ts';
import { sizeSuite } from './size-suite.ts';
import { runTeardown } from './teardown.ts';
import { describeUntested, refuseRun, saveReport, writeVerdict } from './write-verdict.ts';

const teardownSeconds = 240;

/**
 * Runs the tests from preflight to report. Expected failures are in the verdict, also when the disk is full and no report can
 * be written; an exception is a bug.
 */
export async function runTests(options: RunOptions): Promise<RunEnd> {
  const run = Run.begin(options);
  const taken = await takeResultsDir(run.dir, options.inputs.tier);
  if (!taken.ok) return refuseRun(run, taken.failure);
  for (const problem of taken.value) run.warn(problem);
  try {
    const history = await loadHistory(run);
    const failure = history.ok
      ? await turnIntoFailure(run, () => runPhases(run, history.value, options))
      : history.failure;
    if (options.isOnlyPlatform === true && failure === null) return await leavePlatform(run);
    const end = await reportEnd(run, failure, history.ok ? history.value : emptyHistory());
    if (history.ok) await saveHistory(run, history.value, end.report);
    return await finishReport(run, end, await sendTrace(run, end, failure?.kind === 'cancelled'));
  } finally {
    await releaseResultsDir(run.dir);
  }
}

/** Up to the end of the tests: each phase takes what the ones before it returned. */
async function runPhases(run: Run, history: TestHistory, options: RunOptions): Promise<Result<unknown>> {
  const { clock } = run;
  if (run.inputs.tier === 'unit') return clock.phase('tests', () => runOnMachine(run));
  const environment = await clock.phase('preflight', () => checkEnvironment(run, options));
  if (!environment.ok) return environment;
  const prepared = await prepareRun(run, environment.value);
  if (!prepared.ok) return prepared;
  const bringUp: BringUp = (open, signal) =>
    clock.phase('platform', async () =>
      explainImageFailure(await bringUpPlatform(run, open, signal), open.images, signal),
    );
  const platform = await environment.value.open(prepared.value, bringUp);
  if (!platform.ok) return platform;
  if (options.isOnlyPlatform === true) return platform;
  // Failed tests are no failure of the Job, but the phase must not be shown with a tick.
  const runTheSuite = async () => {
    await sizeSuite(run, platform.value, history);
    return runSuite(run, platform.value, history);
  };
  const tests = await clock.phase('tests', runTheSuite, haveTestsPassed);
  return explainEnd(run, tests, platform.value);
}

function haveTestsPassed({ parts }: StartedTests): boolean {
  return parts.every(hasPassed);
}

/** Whether the tests of a part ended well, or a shard of them had none. */
function hasPassed({ shard, end }: SuitePart): boolean {
  const exitCode = end?.terminated?.exitCode;
  return exitCode === 0 || (shard !== undefined && saysNoTests(exitCode ?? 0, { tool: 'pytest', said: [] }));
}

/** The end of a run that only brings up the platform: there are no tests to judge. */
async function leavePlatform(run: Run): Promise<RunEnd> {
  run.closing.abort();
  const end = describeUntested(run, run.progress);
  await writeResultJson(run.dir, end.verdict);
  return end;
}

/** The phases `results`, `retries` and `report`, from the progress that the run has made. */
async function reportEnd(run: Run, failure: Failure | null, history: TestHistory): Promise<RunEnd> {
  const { clock, progress } = run;
  const collected = startFindings(run, progress);
  const results = await turnIntoFailure(run, () =>
    clock.phase('results', async () => {
      if (failure?.kind === 'cluster' || failure?.kind === 'api') await keepNodeLogs(run);
      return collectRun(run, { progress, collected }, failure?.kind === 'cancelled');
    }),
  );
  const suite: TriedSuite = { progress, collected, again: [] };
  const { retried, cancelled } = await tryAgain(run, failure ?? results, suite, history);
  run.closing.abort();
  const before = failure ?? results ?? cancelled;
  return clock.phaseOf('report', () => writeVerdict(run, suite, before, { retried, history }));
}

/** The phase `retries`, where it can make the run pass. What fails there but a cancellation leaves the tests as they were. */
async function tryAgain(
  run: Run,
  before: Failure | null,
  suite: TriedSuite,
  history: TestHistory,
): Promise<{ retried: Retried; cancelled: Failure | null }> {
  let retried = notRetried;
  if (before !== null || (planRest(run, suite) === undefined && !canRetry(run, suite)))
    return { retried, cancelled: null };
  const failure = await turnIntoFailure(run, () =>
    run.clock.phase('retries', async () => {
      await resumeShards(run, suite, history);
      if (canRetry(run, suite)) retried = await retryTests(run, suite, history);
      return succeed(undefined);
    }),
  );
  if (failure?.kind === 'cancelled') return { retried, cancelled: failure };
  if (failure !== null) run.warn(`not everything could run again: ${failure.reason}`);
  return { retried, cancelled: null };
}

/**
 * Exports the trace of the run to its collector, where there is one. That changes no verdict.
 * @returns why it could not be exported, in a list of at most one line.
 */
async function sendTrace(run: Run, { report }: RunEnd, isCancelled: boolean): Promise<string[]> {
  const endpoint = traceEndpoint(run.inputs.otlpEndpoint, process.env);
  if (endpoint === undefined) return [];
  const problem = await exportTrace(report, { endpoint, trace: run.trace, env: process.env, isCancelled });
  if (problem !== undefined) run.warn(problem);
  else run.reporter.say(`trace ${run.trace.traceId} was exported`);
  return problem === undefined ? [] : [problem];
}

/** Writes the verdict again with what it could not know yet: the phase that wrote it, and warnings since. */
async function finishReport(run: Run, end: RunEnd, warnings: readonly string[]): Promise<RunEnd> {
  const verdict = {
    ...end.verdict,
    phases: run.clock.records,
    warnings: [...end.verdict.warnings, ...warnings],
  };
  await writeResultJson(run.dir, verdict, end.report).catch((error) => run.warn(messageOf(error)));
  return withVerdict(end, verdict);
}

/** kind's own logs of the nodes, for a cluster that this run made and that failed. */
async function keepNodeLogs(run: Run): Promise<void> {
  const { kindCluster } = run.progress;
  if (kindCluster === undefined) return;
  const directory = path.join(run.dir.cluster, 'kind-logs');
  const problem = await exportClusterLogs(kindCluster, directory, run.signal);
  if (problem !== '') run.warn(problem);
}

/**
 * Ends a run whose cluster is not kept: removes all that its record names.
 * @returns the end with the phase `teardown` and what could not be removed, as it is on disk then.
 */
export async function addTeardown(end: RunEnd, record: RunRecord, reporter: Reporter): Promise<RunEnd> {
  const advice = `; try: ${nameCommand('down')}`;
  const { problems, phase } = await runTeardown(record, reporter, { seconds: teardownSeconds, advice });
  const { phases, durationSeconds, warnings } = end.verdict;
  const tornDown = withVerdict(end, {
    ...end.verdict,
    phases: [...phases, phase],
    durationSeconds: Math.round((durationSeconds + phase.seconds) * 100) / 100,
    warnings: [...warnings, ...problems.map((problem) => `not removed: ${problem}`)],
  });
  if (!end.ownsResultsDir) return tornDown;
  const problem = await saveReport(tornDown.report, end.dir);
  if (problem !== undefined) reporter.warn(problem.reason);
  return tornDown;
}

// ── whatever happens ────────────────────────────────────────────────────────────────────────────────────────────────

/** The failure that work results in, a value or an exception; null when it succeeds. The only place that catches all. */
async function turnIntoFailure(run: Run, work: () => Promise<Result<unknown>>): Promise<Failure | null> {
  const { signal, clock } = run;
  const wasAborted = signal.aborted;
  let cancelledIn: string | undefined;
  const noteCancel = () => {
    cancelledIn = clock.currentPhases;
  };
  signal.addEventListener('abort', noteCancel, { once: true });
  const cancelled = (): Failure => {
    const reason = `cancelled (${String(signal.reason)}) during ${cancelledIn ?? clock.lastPhase}`;
    return { kind: 'cancelled', reason, hint: '', evidence: [] };
  };
  try {
    const result = await work();
    if (result.ok) return null;
    // An interrupted step may report the interruption as a failure of its own.
    return signal.aborted && !wasAborted ? cancelled() : result.failure;
  } catch (error) {
    if (signal.aborted) return cancelled();
    const phase = clock.phaseOfError(error);
    const ofDisk = describeDiskError(error, `${phase} could not continue`);
    if (ofDisk !== undefined) return ofDisk;
    if (error instanceof ApiError) {
      const reason = toOneLine(`the Kubernetes API failed during ${phase}: ${error.message}`);
      return { kind: 'api', reason, hint: '', evidence: [] };
    }
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return {
      kind: 'internal',
      reason: toOneLine(`internal error in k8s-test-action during ${phase}: ${messageOf(error)}`),
      hint: 'Please report it with the lines below.',
      evidence: stack.split('\n').slice(0, 20),
    };
  } finally {
    signal.removeEventListener('abort', noteCancel);
  }
}
