/**
 * In the phase `retries`: the tests that lost pods had not finished, in fresh ones, for shards and for a suite in one piece.
 * docs/shards.md describes it for users.
 */
import path from 'node:path';
import type { TestCase } from '../core/outcome.ts';
import type { TestHistory } from '../history/test-history.ts';
import { isPassingLoss } from '../job/explain-loss.ts';
import { stopShards } from '../job/stop-shards.ts';
import { idOfKey } from '../reconstruct/progress-notes.ts';
import { closeReconstructed } from '../reconstruct/reconstructed-tests.ts';
import { readCoverage } from '../results/read-coverage.ts';
import type { RetryOutcome } from '../verdict/settle-retries.ts';
import { type Attempt, judgeAttempts, listAttempts, listFailed, type TriedSuite } from './judge-suite.ts';
import { type SuitePart, testsOf } from './progress.ts';
import type { PartFindings } from './read-part.ts';
import type { Run, Selection } from './run.ts';
import { type EndedRun, runAgain } from './run-again.ts';

/** What runs once more of lost shards. */
interface Rest {
  /** Undefined for a suite in one piece. */
  shards: number[] | undefined;
  /** Ids of tests that finished in them, and do not run again. Without any, each of these shards runs as a whole. */
  finished: string[];
}

/** Room for the ids of finished tests, beside a plan of 800 KB and the helper in the 1 MiB of a ConfigMap. */
const maxFinishedBytes = 180_000;
/** In these ways a pod does not start through no fault of its tests, so that a fresh one may end well. */
const passingStarts: ReadonlySet<string> = new Set(['evicted', 'schedule', 'start']);

/**
 * The shards whose tests go to fresh pods. None where something else is wrong, which no fresh pod would repair; where all shards
 * were lost; where tests ended a shard themselves, as by a timeout or for memory; and where one is known to have failed of which
 * only the log tells.
 */
export function planRest(run: Run, suite: TriedSuite): Rest | undefined {
  if (run.inputs.retries === 0 || suite.progress.stage !== 'tests') return undefined;
  const tried = listAttempts(run, suite);
  const shards = tried.flatMap((attempts) => attempts.slice(-1));
  const lost = shards.filter(({ part }) => part.failure !== null);
  const isWhole = shards.every(({ part }) => part.shard === undefined);
  if (lost.length === 0 || !lost.every(mayPassElsewhere) || (lost.length === shards.length && !isWhole))
    return undefined;
  const assumed = listFailed(run, suite).map((one): [TestCase, RetryOutcome[]] => [one, ['passed']]);
  const judged = judgeAttempts(run, { ...suite, before: null, retries: new Map(assumed) });
  if (judged.some(({ isLost, isEmpty, verdict }) => !isLost && !isEmpty && verdict.failure !== null)) return undefined;
  // The second of two sessions may not begin after one without tests.
  const isOneWay = shards.every(
    ({ found }) => found.notes?.hasVariants !== true && !(isWhole && (found.sessions?.length ?? 0) > 1),
  );
  // Those of earlier pods too, for a shard that is lost once more.
  const lostShards = tried.filter((attempts) => attempts.at(-1)?.part.failure != null).flat();
  const finished = isOneWay ? lostShards.flatMap(({ found }) => listFinished(found) ?? []) : [];
  const isRoom = Buffer.byteLength(JSON.stringify(finished)) <= maxFinishedBytes;
  const own = isWhole ? undefined : lost.flatMap(({ part }) => part.shard ?? []);
  const rest = { shards: own, finished: isRoom ? finished : [] };
  if (lost.some(({ found }) => hasFailures(found) && !isResumable(found, rest))) return undefined;
  return rest;
}

/**
 * Runs what lost shards had not finished, up to as often as the input `retries` says. Each run is added to `suite.again`.
 * What keeps one from running is a warning, and leaves its shards lost.
 */
export async function resumeShards(run: Run, suite: TriedSuite, history: TestHistory): Promise<void> {
  const platform = suite.progress.stage === 'tests' ? suite.progress.platform : undefined;
  if (platform === undefined) return;
  const coverageFiles: string[] = [];
  for (let number = 1; number <= run.inputs.retries; number++) {
    const rest = planRest(run, suite);
    if (rest === undefined) return;
    const { shards, finished } = rest;
    const { connection, watch } = platform;
    const how = { connection, watch, namespace: run.inputs.namespace, signal: run.signal };
    const stopped = await stopShards(how, jobsOf(suite, shards), shards);
    const selection: Selection =
      finished.length === 0 ? { kind: 'all' } : { kind: 'list', list: { way: 'done', ids: finished } };
    const again = run.forRetry({ name: `rest-${number}`, selection, shards });
    const ended = stopped.ok ? await runAgain(again, platform, history) : stopped;
    run.warnings.push(...again.warnings);
    if (!ended.ok) {
      run.warn(`what was lost could not run again: ${ended.failure.reason}`);
      return;
    }
    for (const attempts of listAttempts(run, suite)) {
      const lost = attempts.at(-1);
      if (lost === undefined || !isOf(lost.part, shards)) continue;
      sayResumed(run, lost, rest);
      lost.keep(isResumable(lost.found, rest) ? keepFinished(lost.found, nameOfSuites(suite)) : {});
    }
    suite.again.push(ended.value);
    suite.collected.isMasked &&= ended.value.collected.isMasked;
    const others = ended.value.collected.parts.flatMap(({ results }) => results?.others ?? []);
    coverageFiles.push(...others.map((file) => path.join(path.basename(again.dir.results), file)));
    await addCoverage(run, suite, coverageFiles);
  }
}

/** Lines that only the fresh pods covered. What was wrong with the reports has been said. */
async function addCoverage(run: Run, { collected }: TriedSuite, more: readonly string[]): Promise<void> {
  const others = collected.parts.flatMap(({ results }) => results?.others ?? []);
  const { coverage } = await readCoverage(run.dir.results, [...others, ...more], run.signal);
  collected.coverage = coverage;
}

function mayPassElsewhere({ part }: Attempt): boolean {
  const { end, failure } = part;
  return end === undefined ? passingStarts.has(failure?.kind ?? '') : isPassingLoss(end.interruption);
}

/** Ids of the tests that finished; undefined where not all of them are known, or nothing is. */
function listFinished({ notes }: PartFindings): string[] | undefined {
  return notes?.tests.idsEnded()?.map(idOfKey);
}

/** Whether the finished tests of a lost shard count, since they will not run again. */
function isResumable(found: PartFindings, { finished }: Rest): boolean {
  return finished.length > 0 && (listFinished(found)?.length ?? 0) > 0;
}

function hasFailures({ results, reconstructed }: PartFindings): boolean {
  const cases = [...(results?.reports ?? []).flatMap((report) => report.cases), ...(reconstructed?.cases ?? [])];
  return cases.some(({ status }) => status === 'failed' || status === 'error');
}

/** What is known of finished tests as a report: they are like those of any shard from now on. */
function keepFinished(found: PartFindings, suiteName: string): PartFindings {
  const { reconstructed, results } = found;
  if (reconstructed === undefined || results === undefined) return found;
  const closed = closeReconstructed({ ...reconstructed, inFlight: [], notRun: undefined }, '');
  const cases = closed.cases.map((one): TestCase => {
    const test = { ...one, suite: one.suite || suiteName };
    delete test.reconstructed;
    return test;
  });
  const counts = { ...closed.counts, reconstructed: 0 };
  const report = { ...closed, cases, counts, suites: [], hosts: new Map<string, string>(), warnings: [] };
  return { ...found, results: { ...results, reports: [...results.reports, report] }, reconstructed: undefined };
}

/** The suite that reports of the other shards name, which the notes of a lost one do not; empty where there are several. */
function nameOfSuites({ collected }: EndedRun): string {
  const reports = collected.parts.flatMap(({ results }) => results?.reports ?? []);
  const names = new Set(reports.flatMap(({ cases }) => cases.map(({ suite }) => suite)));
  const [name = '', ...others] = names;
  return others.length === 0 ? name : '';
}

function sayResumed(run: Run, { part, found }: Attempt, rest: Rest): void {
  const count = isResumable(found, rest) ? (listFinished(found)?.length ?? 0) : 0;
  const finished = count === 1 ? '1 finished test counts' : `${count} finished tests count`;
  const what = count === 0 ? 'it ran again as a whole' : `${finished}, and the others ran`;
  const name = part.shard === undefined ? 'the pod of the tests' : `shard ${part.shard}`;
  run.warn(`${name} was lost, ${what} in a fresh pod: ${part.failure?.reason ?? ''}`);
}

function isOf({ shard }: SuitePart, shards: readonly number[] | undefined): boolean {
  return shards === undefined || shards.includes(shard ?? -1);
}

/** The Jobs that lost shards belong to, the latest ones included. */
function jobsOf(suite: TriedSuite, shards: readonly number[] | undefined): string[] {
  return [suite, ...suite.again].flatMap(({ progress }) => {
    const { job, parts = [] } = testsOf(progress) ?? {};
    if (job?.jobs === undefined || !parts.some((part) => isOf(part, shards))) return [];
    const own = job.jobs.filter((one) => shards === undefined || one.shards.some((shard) => shards.includes(shard)));
    return own.map(({ manifest }) => manifest.metadata.name);
  });
}
