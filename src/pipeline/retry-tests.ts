/** In the phase `retries`: failed tests once more, alone in a fresh pod. docs/retries.md describes it for users. */
import { type RetryRecord, type TestCase, toOneLine } from '../core/outcome.ts';
import { readLogTails } from '../diagnose/collect-evidence.ts';
import { emptyHistory, type TestHistory } from '../history/test-history.ts';
import { findContainer } from '../inputs/job-manifest.ts';
import { fillTemplate, selectByTool } from '../job/select-tests.ts';
import { keyOfTest } from '../reconstruct/progress-notes.ts';
import { placeOfNodeId } from '../reconstruct/pytest-names.ts';
import {
  type InOrderOutcome,
  type RetryOutcome,
  settleOrder,
  settleRetry,
  settleWhole,
} from '../verdict/settle-retries.ts';
import { judgeSuite, listAttempts, listFailed, secondsOf, type TriedSuite } from './judge-suite.ts';
import { type Platform, testsOf } from './progress.ts';
import type { Run, Selection } from './run.ts';
import { type EndedRun, runAgain } from './run-again.ts';

/** The result of the retries of a run. */
export interface Retried {
  /** For tests of the reports, an outcome for each retry. */
  outcomes: ReadonlyMap<TestCase, RetryOutcome[]>;
  /** How some of them ended after the tests that ran before them. */
  inOrder: ReadonlyMap<TestCase, InOrderOutcome>;
  records: RetryRecord[];
}

/** For a run without retries. */
export const notRetried: Retried = { outcomes: new Map(), inOrder: new Map(), records: [] };

/** This many failed tests are not flakiness. */
const maxRetried = 500;
/** With so many retries there is one to spare for a test that has passed in the first. */
const retriesWithOrder = 2;
/** Of a pod that runs once more as a whole. */
const maxWholeSeconds = 300;
/** Room for the ids of the tests of an order, as for those that are done. */
const maxOrderBytes = 180_000;

/** Whether failed tests were the only problem: if they passed, the run would pass. */
function isSound(run: Run, suite: TriedSuite): boolean {
  return judgeSuite(run, { ...suite, before: null, retries: assumePassed(run, suite) }).failure === null;
}

function assumePassed(run: Run, suite: TriedSuite): Map<TestCase, RetryOutcome[]> {
  return new Map(listFailed(run, suite).map((one) => [one, ['passed']]));
}

/** Whether retries can make the run pass. A crash, a report that is missing and the like would fail it in any case. */
export function canRetry(run: Run, suite: TriedSuite): boolean {
  if (run.inputs.retries === 0 || suite.progress.stage !== 'tests') return false;
  const failed = listFailed(run, suite).length;
  if (failed === 0 || !isSound(run, suite)) return false;
  if (failed > maxRetried) run.warn(`${failed} tests failed, and more than ${maxRetried} are not run again`);
  return failed <= maxRetried;
}

/**
 * Runs failed tests alone in a fresh pod until all have passed or the input `retries` is reached. An error in a retry leaves
 * its tests failed, and is a warning. Where a retry is to spare, tests that passed alone run once more in their order.
 */
export async function retryTests(run: Run, suite: TriedSuite, history: TestHistory): Promise<Retried> {
  const platform = suite.progress.stage === 'tests' ? suite.progress.platform : undefined;
  if (platform === undefined) return notRetried;
  const outcomes = new Map<TestCase, RetryOutcome[]>();
  const records: RetryRecord[] = [];
  let open = listFailed(run, suite);
  for (let retry = 1; retry <= run.inputs.retries && open.length > 0; retry++) {
    const selection = selectTests(run, suite, open);
    if (selection === undefined) {
      run.warn(
        'the failed tests were not run again: nothing says how to select them; mount the test helper for pytest (test-helper: on), or give retry-command',
      );
      break;
    }
    const again = run.forRetry({ name: `retry-${retry}`, selection, shards: undefined });
    const ended = await runAlone(again, platform);
    suite.collected.isMasked &&= ended.isMasked;
    run.warnings.push(...again.warnings);
    const settled = settleRetry(open, ended);
    for (const [test, outcome] of settled) outcomes.set(test, [...(outcomes.get(test) ?? []), outcome]);
    const passed = [...settled.values()].filter((outcome) => outcome === 'passed').length;
    const problem = ended.problem === '' ? {} : { problem: ended.problem };
    records.push({ retry, pod: ended.pod, tests: open.length, passed, ...problem });
    run.reporter.say(`retry ${retry}: ${passed} of ${open.length} failed tests passed alone in a fresh pod`);
    if (ended.problem !== '') run.warn(`retry ${retry} says nothing of its tests: ${ended.problem}`);
    open = open.filter((test) => settled.get(test) !== 'passed');
  }
  const inOrder = await tellPolluted(run, suite, { platform, outcomes, history });
  if (suite.collected.evidence !== undefined && records.length > 0)
    suite.collected.evidence.logs = run.mask.maskValue(await readLogTails(run.dir.logs));
  return { outcomes, inOrder, records };
}

interface AnotherRun {
  cases: TestCase[];
  isSound: boolean;
  isMasked: boolean;
  pod: string;
  /** Why it cannot be believed; empty where it can. */
  problem: string;
}

/** @param again the context of the retry. */
async function runAlone(again: Run, platform: Platform): Promise<AnotherRun> {
  const ended = await runAgain(again, platform, emptyHistory());
  if (!ended.ok)
    return { cases: [], isSound: false, isMasked: true, pod: '', problem: toOneLine(ended.failure.reason, 300) };
  const { progress, collected } = ended.value;
  const suite = { progress, collected, again: [] };
  const wrong = judgeSuite(again, { ...suite, before: null, retries: assumePassed(again, suite) }).failure;
  return {
    cases: casesOf(ended.value),
    isSound: wrong === null,
    isMasked: collected.isMasked,
    pod: testsOf(progress)?.parts[0]?.end?.pod.metadata.name ?? '',
    problem: wrong === null ? '' : toOneLine(wrong.reason, 300),
  };
}

function casesOf({ collected }: EndedRun): TestCase[] {
  return collected.parts.flatMap(({ results }) => (results?.reports ?? []).flatMap(({ cases }) => cases));
}

interface Repetition {
  platform: Platform;
  history: TestHistory;
  /** Tests that have passed alone. */
  passed: readonly TestCase[];
}

/**
 * Tells flaky tests from those that a test before them disturbs: the pods in which they failed run once more, by the notes of
 * the helper of pytest up to these tests and in the same order, else as a whole.
 */
async function tellPolluted(
  run: Run,
  suite: TriedSuite,
  { outcomes, ...how }: Omit<Repetition, 'passed'> & { outcomes: ReadonlyMap<TestCase, RetryOutcome[]> },
): Promise<Map<TestCase, InOrderOutcome>> {
  if (run.inputs.retries < retriesWithOrder) return new Map();
  const passed = [...outcomes].flatMap(([test, [first]]) => (first === 'passed' ? [test] : []));
  const isNoted = listAttempts(run, suite).some((attempts) => attempts.some(({ found }) => found.notes !== undefined));
  return isNoted ? repeatOrders(run, suite, { ...how, passed }) : repeatWhole(run, suite, { ...how, passed });
}

/** Where one session ran one test after the other. */
async function repeatOrders(
  run: Run,
  suite: TriedSuite,
  { platform, history, passed }: Repetition,
): Promise<Map<TestCase, InOrderOutcome>> {
  const settled = new Map<TestCase, InOrderOutcome>();
  const orders = findOrders(run, suite, passed);
  for (const { tests } of orders) for (const { test, place } of tests) if (place === 0) settled.set(test, 'first');
  const open = orders.filter(({ before }) => before.length > 1);
  const ids = open.flatMap(({ before }) => before);
  if (open.length === 0 || Buffer.byteLength(JSON.stringify(ids)) > maxOrderBytes) return settled;
  const shards = open.flatMap(({ shard }) => shard ?? []);
  const ended = await repeat(run, suite, {
    platform,
    history,
    selection: { kind: 'list', list: { way: 'order', ids } },
    shards,
  });
  if (ended === undefined) return settled;
  const cases = casesOf(ended);
  for (const [i, { tests, before }] of open.entries()) {
    const order = ended.collected.parts[i]?.notes?.order ?? [];
    const later = tests.filter(({ place }) => place > 0);
    for (const [test, outcome] of settleOrder(later, before, { order, cases })) settled.set(test, outcome);
  }
  sayRepeated(run, `${ids.length} tests ran again in their order`, settled);
  return settled;
}

/**
 * Of a tool whose order is not known: it takes the same one for the same tests. A longer run than some minutes costs more than
 * the answer is worth.
 */
async function repeatWhole(
  run: Run,
  suite: TriedSuite,
  { platform, history, passed }: Repetition,
): Promise<Map<TestCase, InOrderOutcome>> {
  const parts = listAttempts(run, suite).flatMap(([only, ...others]) => {
    const own = new Set((only?.found.results?.reports ?? []).flatMap(({ cases }) => cases));
    return only === undefined || others.length > 0 || !passed.some((test) => own.has(test)) ? [] : [only.part];
  });
  const isShort = parts.every((part) => (secondsOf(part) ?? Number.POSITIVE_INFINITY) <= maxWholeSeconds);
  if (parts.length === 0 || !isShort) return new Map();
  const shards = parts.flatMap(({ shard }) => shard ?? []);
  const ended = await repeat(run, suite, { platform, history, selection: { kind: 'all' }, shards });
  if (ended === undefined) return new Map();
  const settled = settleWhole(passed, casesOf(ended));
  sayRepeated(run, 'the suite ran again as a whole', settled);
  return settled;
}

/** Runs some tests in a pod that decides no verdict; undefined, with a warning, where it came to nothing. */
async function repeat(
  run: Run,
  suite: TriedSuite,
  how: { platform: Platform; history: TestHistory; selection: Selection; shards: readonly number[] },
): Promise<EndedRun | undefined> {
  const { platform, history, selection } = how;
  const shards = how.shards.length === 0 ? undefined : [...how.shards];
  const again = run.forRetry({ name: 'order-1', selection, shards });
  const ended = await runAgain(again, platform, history);
  run.warnings.push(...again.warnings);
  if (!ended.ok) {
    run.warn(`whether failed tests are flaky or disturbed by others is not known: ${ended.failure.reason}`);
    return undefined;
  }
  suite.collected.isMasked &&= ended.value.collected.isMasked;
  return ended.value;
}

function sayRepeated(run: Run, what: string, settled: ReadonlyMap<TestCase, InOrderOutcome>): void {
  const count = (wanted: InOrderOutcome) => [...settled.values()].filter((outcome) => outcome === wanted).length;
  run.reporter.say(
    `${what}: ${count('failed')} that had passed alone failed again after the others, ${count('passed')} passed`,
  );
}

interface Order {
  shard: number | undefined;
  /** Each with its id and its place in the order. */
  tests: { test: TestCase; id: string; place: number }[];
  /** Ids of what had run in the pod up to the last of these tests, in its order. */
  before: readonly string[];
}

/** Of some tests, the orders that can be repeated: of pods whose notes show one, and that ran all of their part. */
function findOrders(run: Run, suite: TriedSuite, tests: readonly TestCase[]): Order[] {
  return listAttempts(run, suite).flatMap((attempts): Order[] => {
    const [only, ...others] = attempts;
    const order = only?.found.notes?.order;
    if (only === undefined || others.length > 0 || order === undefined) return [];
    const places = new Map(order.map((id, place) => [keyOfTest(placeOfNodeId(id)), { id, place }]));
    const own = new Set((only.found.results?.reports ?? []).flatMap(({ cases }) => cases));
    const known = tests.flatMap((test) => {
      const found = places.get(keyOfTest(test));
      return own.has(test) && found !== undefined ? [{ test, ...found }] : [];
    });
    const last = Math.max(-1, ...known.map(({ place }) => place));
    return last === -1 ? [] : [{ shard: only.part.shard, tests: known, before: order.slice(0, last + 1) }];
  });
}

/** How the tools of a suite are made to run only some tests; undefined where no tool supports it, or there are too many. */
function selectTests(run: Run, suite: TriedSuite, tests: readonly TestCase[]): Selection | undefined {
  const { retryCommand } = run.inputs;
  if (retryCommand !== undefined) {
    const command = fillTemplate(retryCommand, tests);
    return command === undefined ? undefined : { kind: 'command', command, args: [] };
  }
  const parts = [suite, ...suite.again].flatMap(({ collected }) => collected.parts);
  const ids = new Map(
    parts.flatMap(({ notes, sessions = [] }) =>
      notes === undefined
        ? []
        : sessions.flatMap(({ unresolvedIds }) =>
            unresolvedIds.map((id): [string, string] => [keyOfTest(placeOfNodeId(id)), id]),
          ),
    ),
  );
  const known = tests.flatMap((test) => ids.get(keyOfTest(test)) ?? []);
  if (known.length === tests.length) return { kind: 'list', list: { way: 'only', ids: known } };
  const job = testsOf(suite.progress)?.job;
  if (job?.manifest === undefined) return undefined;
  const { command, args } = findContainer(job.manifest, job.container);
  const selected = selectByTool({ command: wordsOf(command), args: wordsOf(args) }, tests);
  return selected === undefined ? undefined : { kind: 'command', ...selected };
}

function wordsOf(words: unknown): string[] {
  return Array.isArray(words) ? words.filter((word) => typeof word === 'string') : [];
}
