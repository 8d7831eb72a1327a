/** The outcome of failed tests that ran again in a fresh pod. Pure. docs/retries.md describes it for users. */
import type { TestCase, TestCounts } from '../core/outcome.ts';

/** How one run of some failed tests, alone in a fresh pod, ended. */
export interface RetryRun {
  /** All tests that its reports hold. */
  cases: readonly TestCase[];
  /**
   * Whether failed tests were its only problem: it was not killed, its reports are complete, its exit code indicates nothing
   * else. The test results of any other run are not used.
   */
  isSound: boolean;
}

export type RetryOutcome = NonNullable<TestCase['retries']>[number];
export type InOrderOutcome = NonNullable<TestCase['inOrder']>;

/** The part of a report that a retry changes. */
interface ReportOfCases {
  cases: TestCase[];
  counts: TestCounts;
}

/** Tests of one report that failed and may run again: not those that ended with the run, nor those in quarantine. */
export function mayRunAgain(test: TestCase): boolean {
  return (test.status === 'failed' || test.status === 'error') && test.reconstructed !== true;
}

/**
 * How each of some failed tests ended in a retry. A test has passed only where every test of its name in the retry has, and
 * where there are as many of them as had failed: of two browsers one may fail again. Where a test failed that was not to run
 * again, none has passed: the selection did not do what it was to do, or the tests disturb each other.
 */
export function settleRetry(failed: readonly TestCase[], { cases, isSound }: RetryRun): Map<TestCase, RetryOutcome> {
  const again = Map.groupBy(cases, keyOf);
  const wanted = Map.groupBy(failed, keyOf);
  const isDisturbed = cases.some((one) => isBad(one) && !wanted.has(keyOf(one)));
  return new Map(
    failed.map((one): [TestCase, RetryOutcome] => {
      const key = keyOf(one);
      const runs = again.get(key) ?? [];
      if (runs.some(isBad)) return [one, 'failed'];
      if (!isSound || isDisturbed || runs.length < (wanted.get(key)?.length ?? 0)) return [one, 'not run'];
      // A test that was skipped this time has shown nothing.
      return [one, runs.every(({ status }) => status === 'passed') ? 'passed' : 'not run'];
    }),
  );
}

/**
 * Reports in which a failed test that has passed in a retry counts as passed and flaky, with the message of its failure. One
 * that failed in every attempt stays failed.
 * @param outcomes of tests of these reports, an outcome for each retry.
 * @param inOrder how some of them ended after the tests that ran before them.
 * @returns `excused`: the tests that had failed and count as passed now.
 */
export function applyRetries<R extends ReportOfCases>(
  reports: readonly R[],
  outcomes: ReadonlyMap<TestCase, readonly RetryOutcome[]>,
  inOrder: ReadonlyMap<TestCase, InOrderOutcome> = new Map(),
): { reports: R[]; excused: TestCase[] } {
  if (outcomes.size === 0) return { reports: [...reports], excused: [] };
  const excused: TestCase[] = [];
  const settled = reports.map((report) => {
    const counts = { ...report.counts };
    const cases = report.cases.map((one): TestCase => {
      const retries = outcomes.get(one);
      if (retries === undefined) return one;
      const known = inOrder.get(one);
      const told = { ...one, retries: [...retries], ...(known === undefined ? {} : { inOrder: known }) };
      if (!retries.includes('passed') || !mayRunAgain(one)) return told;
      counts[one.status === 'error' ? 'errors' : 'failed']--;
      counts.passed++;
      counts.flaky++;
      excused.push(told);
      const failedRuns = retries.filter((outcome) => outcome === 'failed').length;
      return { ...told, status: 'passed', flakyRuns: (one.flakyRuns ?? 0) + 1 + failedRuns };
    });
    return { ...report, cases, counts };
  });
  return { reports: settled, excused };
}

/**
 * How tests that passed alone ended when all that had run before them ran again, in the same order and in a fresh pod.
 * @param before ids in the order in which they began at first, up to the last of these tests.
 * @param again the same of the second run, and the cases of its reports.
 * @returns nothing of a test before which something else ran, or whose end the reports do not show.
 */
export function settleOrder(
  tests: readonly { test: TestCase; id: string }[],
  before: readonly string[],
  again: { order: readonly string[]; cases: readonly TestCase[] },
): Map<TestCase, InOrderOutcome> {
  const ended = Map.groupBy(again.cases, keyOf);
  const settled = new Map<TestCase, InOrderOutcome>();
  for (const { test, id } of tests) {
    const place = before.indexOf(id);
    const isSame = place !== -1 && before.slice(0, place + 1).every((one, i) => one === again.order[i]);
    const outcome = isSame ? orderOutcomeOf(ended.get(keyOf(test)) ?? []) : undefined;
    if (outcome !== undefined) settled.set(test, outcome);
  }
  return settled;
}

/**
 * The same where all tests ran again, in the order that the tool gives them.
 * @returns nothing of a test that did not run exactly once.
 */
export function settleWhole(tests: readonly TestCase[], cases: readonly TestCase[]): Map<TestCase, InOrderOutcome> {
  const ended = Map.groupBy(cases, keyOf);
  return new Map(
    tests.flatMap((test): [TestCase, InOrderOutcome][] => {
      const outcome = orderOutcomeOf(ended.get(keyOf(test)) ?? []);
      return outcome === undefined ? [] : [[test, outcome]];
    }),
  );
}

/** Of a test after the ones before it; undefined where it did not run exactly once. */
function orderOutcomeOf([end, ...others]: readonly TestCase[]): InOrderOutcome | undefined {
  if (end === undefined || others.length > 0) return undefined;
  if (isBad(end)) return 'failed';
  return end.status === 'passed' && (end.flakyRuns ?? 0) === 0 ? 'passed' : undefined;
}

function isBad({ status }: TestCase): boolean {
  return status === 'failed' || status === 'error';
}

/** The key of a test in two runs of one suite. Its file is not part of it: for a failed test only a trace may name the file. */
function keyOf({ suite, classname, name }: TestCase): string {
  return JSON.stringify([suite, classname, name]);
}
