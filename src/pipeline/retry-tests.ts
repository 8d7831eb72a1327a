/** The phase `retries`: failed tests once more, alone in a fresh pod. docs/retries.md describes it for users. */
import { lstatSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type Result, type RetryRecord, succeed, type TestCase, toOneLine } from '../core/outcome.ts';
import { readLogTails } from '../diagnose/collect-evidence.ts';
import { emptyHistory } from '../history/test-history.ts';
import { findContainer } from '../inputs/job-manifest.ts';
import { fillTemplate, selectByTool } from '../job/select-tests.ts';
import { keyOfTest } from '../reconstruct/progress-notes.ts';
import { placeOfNodeId } from '../reconstruct/pytest-names.ts';
import { makeShardDirectory } from '../results/results-dir.ts';
import { quarantineTests } from '../verdict/quarantine.ts';
import { mayRunAgain, type RetryOutcome, settleRetry } from '../verdict/settle-retries.ts';
import { type CollectedRun, collectRun, startFindings } from './collect-run.ts';
import { judgeSuite } from './judge-suite.ts';
import { type Platform, type Progress, testsOf } from './progress.ts';
import type { PartFindings } from './read-part.ts';
import type { Run, Selection } from './run.ts';
import { runSuite } from './run-suite.ts';

/** The result of the retries of a run. */
export interface Retried {
  /** For tests of the reports, an outcome for each retry. */
  outcomes: ReadonlyMap<TestCase, RetryOutcome[]>;
  records: RetryRecord[];
}

/** For a run without retries. */
export const notRetried: Retried = { outcomes: new Map(), records: [] };

/** This many failed tests are not flakiness. */
const maxRetried = 500;

interface FirstRun {
  progress: Progress;
  collected: CollectedRun;
}

/** Failed tests that may run again: those of the reports that are not in quarantine. */
function listFailed(run: Run, parts: readonly PartFindings[]): TestCase[] {
  const reports = parts.flatMap(({ results }) => results?.reports ?? []);
  const { quarantine } = run.inputs;
  const judged = quarantineTests(reports, { quarantine, nameOf: placeOfNodeId, at: run.clock.startedAt });
  return judged.reports.flatMap(({ cases }) => cases).filter(mayRunAgain);
}

/** Whether failed tests were the only problem: if they passed, the run would pass. */
function isSound(run: Run, { progress, collected }: FirstRun): boolean {
  const passed = listFailed(run, collected.parts).map((one): [TestCase, RetryOutcome[]] => [one, ['passed']]);
  return judgeSuite(run, { progress, before: null, collected, retries: new Map(passed) }).failure === null;
}

/** Whether retries can make the run pass. A crash, a report that is missing and the like would fail it in any case. */
export function canRetry(run: Run, first: FirstRun): boolean {
  if (run.inputs.retries === 0 || first.progress.stage !== 'tests') return false;
  const failed = listFailed(run, first.collected.parts).length;
  if (failed === 0 || !isSound(run, first)) return false;
  if (failed > maxRetried) run.warn(`${failed} tests failed, and more than ${maxRetried} are not run again`);
  return failed <= maxRetried;
}

/**
 * Runs failed tests alone in a fresh pod until all have passed or the input `retries` is reached. An error in a retry leaves
 * its tests failed, and is a warning.
 */
export async function retryTests(run: Run, first: FirstRun): Promise<Result<Retried>> {
  const { progress, collected } = first;
  const platform = progress.stage === 'tests' ? progress.platform : undefined;
  const outcomes = new Map<TestCase, RetryOutcome[]>();
  const records: RetryRecord[] = [];
  if (platform === undefined) return succeed(notRetried);
  let open = listFailed(run, collected.parts);
  for (let retry = 1; retry <= run.inputs.retries && open.length > 0; retry++) {
    const selection = selectTests(run, first, open);
    if (selection === undefined) {
      run.warn(
        'the failed tests were not run again: nothing says how to select them; mount the test helper for pytest (test-helper: on), or give retry-command',
      );
      break;
    }
    const again = await runAgain(run.forRetry(retry, selection), platform);
    collected.isMasked &&= again.isMasked;
    run.warnings.push(...again.warnings);
    const settled = settleRetry(open, again);
    for (const [test, outcome] of settled) outcomes.set(test, [...(outcomes.get(test) ?? []), outcome]);
    const passed = [...settled.values()].filter((outcome) => outcome === 'passed').length;
    const problem = again.problem === '' ? {} : { problem: again.problem };
    records.push({ retry, pod: again.pod, tests: open.length, passed, ...problem });
    run.reporter.say(`retry ${retry}: ${passed} of ${open.length} failed tests passed alone in a fresh pod`);
    if (again.problem !== '') run.warn(`retry ${retry} says nothing of its tests: ${again.problem}`);
    open = open.filter((test) => settled.get(test) !== 'passed');
  }
  if (collected.evidence !== undefined && records.length > 0)
    collected.evidence.logs = run.mask.maskValue(await readLogTails(run.dir.logs));
  return succeed({ outcomes, records });
}

interface AnotherRun {
  cases: TestCase[];
  isSound: boolean;
  isMasked: boolean;
  warnings: readonly string[];
  pod: string;
  /** Why it cannot be believed; empty where it can. */
  problem: string;
}

/** @param again the context of the retry. */
async function runAgain(again: Run, platform: Platform): Promise<AnotherRun> {
  const { dir } = again;
  const name = path.basename(dir.results);
  const results = path.dirname(dir.results);
  if (lstatSync(path.join(results, name), { throwIfNoEntry: false }) !== undefined)
    return notBelieved(`the tests left results/${name}, where it would write`);
  await makeShardDirectory({ results }, name);
  for (const directory of [dir.junit, dir.cluster]) await mkdir(directory, { recursive: true });
  const { resultsNodePath } = platform;
  const place = resultsNodePath === undefined ? undefined : path.posix.join(resultsNodePath, name);
  try {
    const ended = await runSuite(again, { ...platform, resultsNodePath: place }, emptyHistory());
    const { progress } = again;
    const collected = startFindings(again, progress);
    const taken = await collectRun(again, { progress, collected, isRetry: true }, false);
    again.signal.throwIfAborted();
    const failure = ended.ok ? (taken.ok ? null : taken.failure) : ended.failure;
    const wrong =
      failure ??
      judgeSuite(again, { progress, before: null, collected, retries: assumePassed(again, collected) }).failure;
    return {
      cases: collected.parts.flatMap(({ results: own }) => (own?.reports ?? []).flatMap(({ cases }) => cases)),
      isSound: wrong === null,
      isMasked: collected.isMasked,
      warnings: again.warnings,
      pod: testsOf(progress)?.parts[0]?.end?.pod.metadata.name ?? '',
      problem: wrong === null ? '' : toOneLine(wrong.reason, 300),
    };
  } finally {
    again.closing.abort();
  }
}

function notBelieved(problem: string): AnotherRun {
  return { cases: [], isSound: false, isMasked: true, warnings: [], pod: '', problem };
}

function assumePassed(run: Run, { parts }: CollectedRun): Map<TestCase, RetryOutcome[]> {
  return new Map(listFailed(run, parts).map((one) => [one, ['passed']]));
}

/** How the tools of a suite are made to run only some tests; undefined where no tool supports it, or there are too many. */
function selectTests(run: Run, { progress, collected }: FirstRun, tests: readonly TestCase[]): Selection | undefined {
  const { retryCommand } = run.inputs;
  if (retryCommand !== undefined) {
    const command = fillTemplate(retryCommand, tests);
    return command === undefined ? undefined : { kind: 'command', command, args: [] };
  }
  const ids = new Map(
    collected.parts.flatMap(({ notes, sessions = [] }) =>
      notes === undefined
        ? []
        : sessions.flatMap(({ unresolvedIds }) =>
            unresolvedIds.map((id): [string, string] => [keyOfTest(placeOfNodeId(id)), id]),
          ),
    ),
  );
  const known = tests.flatMap((test) => ids.get(keyOfTest(test)) ?? []);
  if (known.length === tests.length) return { kind: 'ids', ids: known };
  const job = testsOf(progress)?.job;
  if (job?.manifest === undefined) return undefined;
  const { command, args } = findContainer(job.manifest, job.container);
  const selected = selectByTool({ command: wordsOf(command), args: wordsOf(args) }, tests);
  return selected === undefined ? undefined : { kind: 'command', ...selected };
}

function wordsOf(words: unknown): string[] {
  return Array.isArray(words) ? words.filter((word) => typeof word === 'string') : [];
}
