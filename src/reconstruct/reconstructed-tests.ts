/** What is known of a run that left no report, or not all of it: tests that finished, tests in flight, tests never reached. */
import { noTests, type TestCase, type TestCounts } from '../core/outcome.ts';
import type { JUnitReport } from '../junit/junit-report.ts';

/** A test that had begun when its run ended. */
export type TestInFlight = Pick<TestCase, 'suite' | 'name' | 'classname' | 'file' | 'line'> & {
  /** ISO 8601; absent where it is not recorded. */
  startedAt?: string;
};

/** A run, reconstructed from another source than its report. */
export interface ReconstructedRun {
  /** Its source, in words that follow "reconstructed from". */
  source: string;
  /** Whether the log of the tests contains some of them: then it is as complete as the log is. */
  isFromLog: boolean;
  /** Finished tests, in the order in which they ended; of very many, only the first, while `counts` covers all. */
  cases: TestCase[];
  casesLeftOut: number;
  /** Of the finished ones. */
  counts: TestCounts;
  inFlight: TestInFlight[];
  /** Tests that were to run; undefined where that is not recorded. */
  collected: number | undefined;
  /** Tests that were to run and never began, as far as that is known. */
  notRun: number | undefined;
  /** Names of some of these. */
  notRunNames: string[];
}

/** How a finished test is passed to `RebuiltTests`. */
export interface ReconstructedEnd {
  status: TestCase['status'];
  seconds?: number;
  endedAt?: string;
  message?: string;
  details?: string;
}

type Place = Omit<TestInFlight, 'startedAt'>;

const keptPassed = 50_000;
const keptFailures = 20_000;
const keptInFlight = 1000;
const keptIds = 200_000;
const namesNotRun = 20;
const maxNameChars = 1000;
const maxMessageChars = 4000;
const maxDetailsChars = 64 * 1024;
/** The details of all cases together, and their messages; cases after that keep the beginning. */
const maxTotalDetailsChars = 4 * 1024 * 1024;
const maxTotalMessageChars = 4 * 1024 * 1024;
const maxShortChars = 250;

/**
 * Collects the tests of a run from their records, in bounded memory. A test is identified by an id, which may be any text that
 * distinguishes it from the others.
 */
export class ReconstructedTests {
  readonly #begun = new Map<string, TestInFlight>();
  readonly #ended = new Map<string, TestCase>();
  readonly #expected = new Set<string>();
  #expectedCount: number | undefined;
  #areExpectedIdsKnown = true;
  #rerun = new Map<string, number>();
  #left: TestCounts = { ...noTests };
  #leftOut = 0;
  #failures = 0;
  #detailsChars = 0;
  #messageChars = 0;

  /** Whether anything at all is known. */
  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** Tests that are known to have begun. */
  get size(): number {
    return this.#begun.size + this.#ended.size + this.#leftOut;
  }

  /** Tests that are to run, by id; more may be added. */
  expect(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#expected.size >= keptIds) this.#areExpectedIdsKnown = false;
      else this.#expected.add(id);
    }
  }

  /** This many tests are to run, in addition to those before. */
  expectCount(count: number): void {
    this.#expectedCount = (this.#expectedCount ?? 0) + count;
  }

  begin(id: string, place: Place, startedAt?: string): void {
    if (this.#begun.size >= keptInFlight && !this.#begun.has(id)) return;
    this.#begun.set(id, {
      ...place,
      name: cutText(place.name, maxNameChars),
      classname: cutText(place.classname, maxNameChars),
      ...(startedAt === undefined ? {} : { startedAt }),
    });
  }

  hasBegun(id: string): boolean {
    return this.#begun.has(id);
  }

  hasEnded(id: string): boolean {
    return this.#ended.has(id);
  }

  /** The test is no longer in flight, and its outcome is not known. */
  forget(id: string): void {
    this.#begun.delete(id);
  }

  /** This run of the test counts no more: another one follows. */
  endForRerun(id: string): void {
    this.#begun.delete(id);
    this.#rerun.set(id, (this.#rerun.get(id) ?? 0) + 1);
  }

  /**
   * The test ended. If one id is reported twice, a failure after a pass replaces it (a teardown, say), a pass after a failure
   * is a flaky test, and of two failures the first stays.
   */
  end(id: string, place: Place, end: ReconstructedEnd): void {
    const begun = this.#begun.get(id);
    this.#begun.delete(id);
    const earlier = this.#ended.get(id);
    let flakyRuns = this.#rerun.get(id) ?? 0;
    this.#rerun.delete(id);
    if (earlier !== undefined) {
      if (isRed(earlier) && isRed(end)) return;
      if (isRed(earlier)) flakyRuns += 1;
      flakyRuns += earlier.flakyRuns ?? 0;
      if (isRed(earlier)) this.#failures--;
      this.#ended.delete(id);
    }
    const isRoom = isRed(end) ? this.#failures < keptFailures : this.#ended.size - this.#failures < keptPassed;
    if (!isRoom) {
      this.#leftOut++;
      addToCounts(this.#left, { status: end.status, flakyRuns });
      return;
    }
    if (isRed(end)) this.#failures++;
    let details = cutText(end.details ?? '', maxDetailsChars);
    if (this.#detailsChars + details.length > maxTotalDetailsChars) details = cutText(details, maxShortChars);
    this.#detailsChars += details.length;
    const where = { ...begun, ...place };
    const { startedAt: _, ...known } = where;
    this.#ended.set(id, {
      ...known,
      name: cutText(known.name, maxNameChars),
      classname: cutText(known.classname, maxNameChars),
      seconds: end.seconds ?? 0,
      ...(end.endedAt === undefined ? {} : { endedAt: end.endedAt }),
      status: end.status,
      message: this.#keepMessage(end.message ?? ''),
      details,
      ...(flakyRuns > 0 ? { flakyRuns } : {}),
      reconstructed: true,
    });
  }

  #keepMessage(text: string): string {
    const isRoom = this.#messageChars < maxTotalMessageChars;
    const message = cutText(text, isRoom ? maxMessageChars : maxShortChars);
    this.#messageChars += message.length;
    return message;
  }

  /** The message of a failed test, read after its end. */
  explain(id: string, message: string, details = ''): void {
    const ended = this.#ended.get(id);
    if (ended === undefined || !isRed(ended)) return;
    if (ended.message === '') ended.message = this.#keepMessage(message);
    if (ended.details === '' && this.#detailsChars < maxTotalDetailsChars) {
      ended.details = cutText(details, maxDetailsChars);
      this.#detailsChars += ended.details.length;
    }
  }

  /** Finished tests that passed or were skipped, and those that did not. */
  get finished(): { green: number; red: number } {
    const left = this.#left.failed + this.#left.errors;
    return {
      green: this.#ended.size - this.#failures + this.#leftOut - left,
      red: this.#failures + left,
    };
  }

  /** For tests that finally passed: their positions, and how often each had failed before. */
  flaky(): TestCase[] {
    return [...this.#ended.values()].filter((one) => !isRed(one) && (one.flakyRuns ?? 0) > 0);
  }

  /** Ids of the tests that have begun, as far as they are kept. */
  ids(): string[] {
    return [...this.#begun.keys(), ...this.#ended.keys()];
  }

  /** Ids of the tests that have ended; undefined where more of them have than are kept. */
  idsEnded(): string[] | undefined {
    return this.#leftOut === 0 ? [...this.#ended.keys()] : undefined;
  }

  /** Ids of the tests that were to run; undefined where not all of them are known. */
  idsExpected(): string[] | undefined {
    return this.#areExpectedIdsKnown && this.#expected.size > 0 ? [...this.#expected] : undefined;
  }

  /** Ids of the tests in flight. */
  idsInFlight(): string[] {
    return [...this.#begun.keys()];
  }

  /**
   * All of it. `isKnown` is true for tests that another report contains: these are left out. `isIdKnown` does the same for
   * tests that were to run, by the id that `expect` was given.
   */
  finish(
    source: string,
    isKnown: (place: Place & { status?: TestCase['status'] }) => boolean = () => false,
    isIdKnown: (id: string) => boolean = () => false,
  ): ReconstructedRun {
    const cases = [...this.#ended.values()].filter((one) => !isKnown(one));
    const inFlight = [...this.#begun.values()].filter((one) => !isKnown(one));
    const counts = { ...this.#left };
    for (const one of cases) addToCounts(counts, one);
    counts.reconstructed = counts.total;
    const areIdsKnown = this.#areExpectedIdsKnown && this.#expected.size > 0;
    const collected = areIdsKnown ? this.#expected.size : this.#expectedCount;
    const reached = this.#ended.size + this.#leftOut + this.#begun.size;
    const waiting = areIdsKnown
      ? [...this.#expected].filter((id) => !this.#ended.has(id) && !this.#begun.has(id) && !isIdKnown(id))
      : undefined;
    const notRun =
      waiting !== undefined && this.#leftOut === 0
        ? waiting.length
        : collected === undefined
          ? undefined
          : Math.max(collected - reached, 0);
    const notRunNames = this.#leftOut === 0 ? (waiting ?? []).slice(0, namesNotRun) : [];
    return {
      source,
      isFromLog: false,
      cases,
      casesLeftOut: this.#leftOut,
      counts,
      inFlight,
      collected,
      notRun,
      notRunNames,
    };
  }
}

/**
 * A report that was cut off, with what the log adds to it: tests that ended after the cut, those in flight, those never
 * reached. Of a test that both contain, the report has more details.
 */
export function joinReconstructed(cutOff: ReconstructedRun, log: ReconstructedRun): ReconstructedRun {
  const keyOf = ({ classname, name }: Place): string => JSON.stringify([classname, name]);
  const reported = new Set(cutOff.cases.map(keyOf));
  const more = log.cases.filter((one) => !reported.has(keyOf(one)));
  const counts = { ...cutOff.counts };
  for (const one of more) addToCounts(counts, one);
  counts.reconstructed = counts.total;
  return {
    ...log,
    source: `${cutOff.source} and ${log.source}`,
    cases: [...cutOff.cases, ...more],
    casesLeftOut: cutOff.casesLeftOut,
    counts,
    inFlight: log.inFlight.filter((one) => !reported.has(keyOf(one))),
  };
}

/**
 * The run with its tests in flight as `error` cases that name the cause, such as "killed for memory at its limit of 64Mi":
 * from here on it is a report like any other.
 */
export function closeReconstructed(
  run: ReconstructedRun,
  cause: string,
): Pick<JUnitReport, 'file' | 'cases' | 'casesLeftOut' | 'counts' | 'claimedFailures' | 'claimedTests' | 'failedRuns'> {
  const inFlight = run.inFlight.map(({ startedAt, ...place }): TestCase => {
    const since = startedAt === undefined ? '' : `; it had begun at ${startedAt}`;
    return {
      ...place,
      seconds: 0,
      status: 'error',
      message: cause,
      details: `This test was running when the run ended: ${cause}${since}`,
      reconstructed: true,
    };
  });
  const counts = { ...run.counts };
  for (const one of inFlight) addToCounts(counts, one);
  counts.reconstructed = counts.total;
  if (run.notRun !== undefined) counts.notRun = run.notRun;
  return {
    file: run.source,
    cases: [...run.cases, ...inFlight],
    casesLeftOut: run.casesLeftOut,
    counts,
    claimedFailures: 0,
    claimedTests: 0,
    failedRuns: 0,
  };
}

function addToCounts(counts: TestCounts, { status, flakyRuns }: Pick<TestCase, 'status' | 'flakyRuns'>): void {
  counts.total++;
  if (status === 'failed') counts.failed++;
  else if (status === 'error') counts.errors++;
  else counts[status]++;
  if (status === 'passed' && (flakyRuns ?? 0) > 0) counts.flaky++;
}

function isRed({ status }: Pick<TestCase, 'status'>): boolean {
  return status === 'failed' || status === 'error';
}

/** Text limited to this many characters, without those that XML and terminals forbid; a cut keeps beginning and end. */
function cutText(text: string, maxChars: number): string {
  const short =
    text.length <= maxChars
      ? text
      : `${text.slice(0, Math.floor(maxChars / 2))}…${text.slice(text.length - Math.ceil(maxChars / 2) + 1)}`;
  return short.toWellFormed().replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd');
}
