import { rm } from 'node:fs/promises';
import { describeDiskError } from '../core/disk-error.ts';
import { nameCommand } from '../core/name-command.ts';
import { type Failure, noTests, outcomeOf, toOneLine, type Verdict } from '../core/outcome.ts';
import type { ReportInput } from '../core/report-model.ts';
import type { TestHistory } from '../history/test-history.ts';
import { writeJUnit } from '../junit/write-junit.ts';
import { listAttachments } from '../report/attachments.ts';
import { describeIncidents } from '../report/incident-story.ts';
import { writeReport, writeResultJson } from '../report/write-report.ts';
import { readPictures } from '../results/read-pictures.ts';
import { type ResultsDir, releaseReserve } from '../results/results-dir.ts';
import { addFailure, type RunEnd, withVerdict } from '../results/run-end.ts';
import { blameIncidents, incidentsOf } from '../verdict/blame-incidents.ts';
import { compareCoverage } from './compare-coverage.ts';
import { judgeSuite, listAttempts, type TriedSuite } from './judge-suite.ts';
import { type Progress, testsOf, usageOf } from './progress.ts';
import type { Retried } from './retry-tests.ts';
import type { Run } from './run.ts';
import { compareWithHistory } from './run-history.ts';

/** Changes against earlier runs that the verdict holds; `report.html` has more. */
const maxChanges = 100;

/**
 * The phase `report`: one verdict from all that is known, and its renderings.
 * @param before what had ended the run before the tests had a result; it outweighs their results.
 */
export async function writeVerdict(
  run: Run,
  suite: TriedSuite,
  before: Failure | null,
  { retried, history }: { retried: Retried; history?: TestHistory },
): Promise<RunEnd> {
  const { dir } = run;
  const { progress, collected } = suite;
  const started = testsOf(progress);
  const usage = usageOf(progress);
  const { outcomes, inOrder } = retried;
  const decided = judgeSuite(run, { ...suite, before, retries: outcomes, inOrder });
  const { failure: told, reports, finished } = decided;
  const cause = told !== null && collected.isDiskFull === true ? blameDisk(told, dir) : told;
  const incidents = incidentsOf(started?.incidents ?? [], cause);
  const blamed = cause === null ? null : blameIncidents(cause, describeIncidents(incidents, finished));
  const failure = run.mask.maskValue(blamed);
  if (before === null) for (const warning of decided.warnings) run.warn(warning);
  if (usage !== undefined && usage.problem !== '') run.reporter.say(usage.problem);
  const coverage = collected.coverage && (await compareCoverage(run, collected.coverage));
  const casesLeftOut = reports.reduce((sum, one) => sum + one.casesLeftOut, 0);
  const verdict: Verdict = {
    ...assembleVerdict(run, progress, { failure, tests: decided.counts, isMasked: collected.isMasked }),
    ...(casesLeftOut > 0 ? { casesLeftOut } : {}),
    ...(coverage === undefined ? {} : { coverage }),
    ...(decided.shards === undefined ? {} : { shards: decided.shards }),
    ...(retried.records.length === 0 ? {} : { retries: retried.records }),
  };
  // Text that a parser has decoded is in no file, and has not been masked yet: `&#x27;`, CDATA, escapes of JSON.
  const shown = run.mask.maskValue(reports);
  const context = run.mask.maskValue({
    logs: collected.evidence?.logs ?? (started?.ownLog === undefined ? [] : [started.ownLog]),
    events: collected.evidence?.events ?? [],
    pods: collected.evidence?.pods ?? [],
    usage: usage?.report() ?? [],
    incidents,
    phases: run.clock.phases,
    startedAt: run.clock.startedAt.toISOString(),
    resultsDir: dir.root,
  });
  const tests = shown.flatMap(({ cases }) => cases);
  // What was not gone through for secrets may not be in the report, which is uploaded all the same.
  const pictures = collected.isMasked
    ? await readPictures(dir.root, listAttachments(tests))
    : new Map<string, string>();
  const untold: ReportInput = { ...context, verdict, tests, pictures };
  const trend = history && compareWithHistory(run, history, untold);
  if (trend !== undefined) verdict.trend = { runs: trend.runs.length - 1, changes: trend.changes.slice(0, maxChanges) };
  const report = trend === undefined ? untold : { ...untold, trend };
  await releaseReserve(dir);
  const junit = () => writeJUnit(dir.junitXml, { reports: shown, phases: verdict.phases, failure });
  const problems = [await orNothing(dir.junitXml, junit), await saveReport(report, dir)];
  const { cluster } = progress;
  const { job } = started ?? {};
  // With several pods the user wants to inspect one that failed; one that was lost is gone.
  const ends = listAttempts(run, suite).flatMap((attempts) => attempts.at(-1)?.part.end ?? []);
  const shownEnd = ends.find(({ terminated }) => terminated?.exitCode !== 0) ?? ends[0];
  const testPod = job && shownEnd && { name: shownEnd.pod.metadata.name, container: job.container };
  const end = {
    verdict,
    dir,
    report,
    kubeconfig: cluster?.kubeconfigPath ?? '',
    testPod,
    ownsResultsDir: true,
    isMasked: collected.isMasked,
  };
  return withVerdict(end, problems.filter((problem) => problem !== undefined).reduce(addFailure, verdict));
}

/** Writes the report, or where the disk is full as much of it as is whole, the verdict last. */
export async function saveReport(report: ReportInput, dir: ResultsDir): Promise<Failure | undefined> {
  const problem = await orNothing(dir.reportHtml, () => writeReport(report, dir));
  if (problem !== undefined) await orNothing(dir.resultJson, () => writeResultJson(dir, report.verdict, report));
  return problem;
}

/**
 * Writes a file. A file that is truncated because the disk is full is removed: it is useless, and its space is needed for the
 * verdict.
 */
async function orNothing(file: string, write: () => Promise<unknown>): Promise<Failure | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    const problem = describeDiskError(error, 'the report could not be written');
    if (problem === undefined) throw error;
    await rm(file, { force: true });
    return problem;
  }
}

/** On a full disk a report that is missing or cut is not the fault of the tests. */
function blameDisk(failure: Failure, dir: ResultsDir): Failure {
  if (failure.kind !== 'report' && failure.kind !== 'no-tests') return failure;
  return {
    ...failure,
    kind: 'results',
    reason: toOneLine(`the disk of ${dir.root} is full, and ${failure.reason}`),
    hint: 'Free some space, set another results-dir, or have the tests write less.',
  };
}

/** The end of a run that only brought up the platform. Red, since nothing has been tested; there is no report. */
export function describeUntested(run: Run, progress: Progress): RunEnd {
  const failure: Failure = {
    kind: 'no-tests',
    reason: 'the platform was brought up, and no tests have run yet',
    hint: `Run the tests: ${nameCommand(`rerun --tier ${run.inputs.tier}`)}`,
    evidence: [],
  };
  const verdict = assembleVerdict(run, progress, { failure, tests: { ...noTests }, isMasked: false });
  const report = { verdict, tests: [], logs: [], resultsDir: run.dir.root };
  return {
    verdict,
    dir: run.dir,
    report,
    kubeconfig: progress.cluster?.kubeconfigPath ?? '',
    ownsResultsDir: false,
    isMasked: false,
  };
}

/** The end of a run that may not even use its results directory: nothing is written. */
export function refuseRun(run: Run, failure: Failure): RunEnd {
  const nothing: Progress = { stage: 'preparing' };
  const verdict = assembleVerdict(run, nothing, { failure, tests: { ...noTests }, isMasked: false });
  const report = { verdict, tests: [], logs: [], resultsDir: run.dir.root };
  return { verdict, dir: run.dir, report, kubeconfig: '', ownsResultsDir: false, isMasked: false };
}

function assembleVerdict(
  run: Run,
  progress: Progress,
  { failure, tests, isMasked }: { failure: Failure | null; tests: Verdict['tests']; isMasked: boolean },
): Verdict {
  const { inputs } = run;
  const { cluster, chartRecord, images } = progress;
  const { job, parts = [] } = testsOf(progress) ?? {};
  return run.mask.maskValue({
    schema: 1,
    outcome: outcomeOf(failure),
    failure,
    tier: inputs.tier,
    tests,
    phases: run.clock.records,
    durationSeconds: run.clock.seconds,
    cluster:
      cluster === undefined
        ? null
        : {
            kind: inputs.cluster,
            name: cluster.name,
            namespace: inputs.namespace,
            nodes: cluster.nodeCount ?? cluster.nodes.length,
            kubernetes: cluster.kubernetes,
          },
    image: {
      name: inputs.tier === 'unit' ? '' : (job?.image ?? inputs.image),
      digest: parts.find(({ end }) => end !== undefined)?.end?.imageId || (images?.test?.id ?? ''),
    },
    ...(chartRecord === undefined ? {} : { chart: chartRecord }),
    isMasked,
    warnings: [...run.warnings],
    ...(run.leg === undefined ? {} : { leg: run.leg }),
  });
}
