/**
 * JUnit XML as it is found in the wild, read as a stream: lenient in what writers do wrong without harm, strict in what
 * would let a red run look green.
 */
import type { Failure, TestCounts } from '../outcome.ts';

export type TestStatus = 'passed' | 'failed' | 'error' | 'skipped';

/** One test case, as a report tells it. All text is untrusted, free of control characters that XML forbids, and bounded. */
export interface TestCase {
  /** Names of the suites around the case, outermost first, joined by ` / `; empty when it has none. */
  suite: string;
  name: string;
  classname: string;
  /** Path as the writer gave it, usually one inside the container. */
  file?: string;
  line?: number;
  seconds: number;
  status: TestStatus;
  /** What the failure, error or skip says of itself; several are joined by line breaks. Empty for passed cases. */
  message: string;
  /** Stack trace or other text of the failure; head and tail are kept when it is longer than `limits.detailsChars`. */
  details: string;
  /** Failed runs of this case before the one that is told here; present when there were any. */
  flakyRuns?: number;
  /** True for a case that comes from a log because the run ended before it wrote its report. */
  rebuilt?: boolean;
}

export interface JUnitSuite {
  name: string;
  /** Seconds the suite says it took; the sum of its own cases when it says nothing. */
  seconds: number;
  /** The suite's own `timestamp`, as written. */
  timestamp?: string;
}

export interface JUnitReport {
  /** What the report calls itself in messages, usually its path relative to the results. */
  file: string;
  suites: JUnitSuite[];
  /** In the order of the file. Beyond `limits.keptCases` and `limits.keptFailures` cases are counted but not kept. */
  cases: TestCase[];
  /** Counted from the cases, never taken from attributes. */
  counts: TestCounts;
  /** Cases that are in `counts` but not in `cases`. */
  casesLeftOut: number;
  /** What was tolerated: filtered characters, counts that lie, times that are none, cuts. One line each. */
  warnings: string[];
}

/** Bounds on what one report may take of memory. */
export interface JUnitLimits {
  /** Nesting of elements; deeper is refused. */
  depth: number;
  /** Names of suites, classes and cases, and file names; longer ones are cut with an ellipsis. */
  nameChars: number;
  /** The message of one case. */
  messageChars: number;
  /** The details of one case. */
  detailsChars: number;
  /** The details of all cases together; what comes after keeps at most `messageChars` of details each. */
  totalDetailsChars: number;
  /** Passed and skipped cases kept. */
  keptCases: number;
  /** Failed and erroneous cases kept. */
  keptFailures: number;
}

export const defaultJUnitLimits: Readonly<JUnitLimits> = {
  depth: 100,
  nameChars: 1000,
  messageChars: 4000,
  detailsChars: 64 * 1024,
  totalDetailsChars: 32 * 1024 * 1024,
  keptCases: 50_000,
  keptFailures: 20_000,
};

export interface ReadJUnitOptions {
  /** What to call the report in messages; the path when there is one. */
  file?: string;
  limits?: Partial<JUnitLimits>;
  /** Aborting it makes the reading throw the signal's reason. */
  signal?: AbortSignal;
}

/**
 * A report, or a failure of kind `report` with file and line. `foreignRoot` names the root element of a file that is
 * XML but no JUnit report at all (`coverage`, say), so that a caller who took all `*.xml` may leave it aside.
 */
export type JUnitReading = { ok: true; value: JUnitReport } | { ok: false; failure: Failure; foreignRoot?: string };

export declare function readJUnit(
  source: string | AsyncIterable<Uint8Array>,
  options?: ReadJUnitOptions,
): Promise<JUnitReading>;
