/**
 * The vocabulary of the project: the possible outcomes of a run, and who owns a failure. Pure types and pure functions; every
 * other folder uses these terms.
 */

/** The phases of a run, in the order in which they begin. */
const phaseNames = [
  'preflight',
  'tools',
  'cluster',
  'images',
  'platform',
  'tests',
  'results',
  'retries',
  'report',
  'teardown',
] as const;
export type PhaseName = (typeof phaseNames)[number];

/** The owner of the failure: the first fact that a reader of a failed run needs. */
export const failureKinds = [
  'test',
  'no-tests',
  'report',
  'image',
  'schedule',
  'start',
  'chart',
  'oom',
  'evicted',
  'timeout',
  'tools',
  'cluster',
  'api',
  'results',
  'input',
  'cancelled',
  'internal',
] as const;
export type FailureKind = (typeof failureKinds)[number];

/**
 * What a failure is, for code that must act on it: more exact than its kind, and in `result.json`. Its reason and its hint are
 * made from the same facts and are for readers; no code parses them.
 */
export type FailureCode =
  // What keeps a node from having an image, as diagnose/classify-image.ts finds it.
  | 'image-rate-limited'
  | 'image-registry-failing'
  | 'image-registry-unknown'
  | 'image-registry-plain-http'
  | 'image-registry-untrusted'
  | 'image-registry-unreachable'
  | 'image-node-disk-full'
  | 'image-corrupt'
  | 'image-platform-missing'
  | 'image-name-invalid'
  | 'image-not-in-node'
  | 'image-denied'
  | 'image-not-found'
  | 'image-pull-failed'
  | 'image-pull-queued'
  | 'image-pull-stuck'
  | 'image-foreign-program'
  /** The local docker has lost an image whose layers the nodes mount. */
  | 'image-vanished'
  /** A container runs and is not ready yet; it may only be slow. */
  | 'container-not-ready'
  /** Something waits for a hook that helm holds back until all is ready. */
  | 'hook-held-back';

/** An expected failure, as a value. */
export interface Failure {
  kind: FailureKind;
  /** Absent where nothing acts on more than the kind. */
  code?: FailureCode;
  /** The image that the failure is about, as the pod or the input names it. */
  image?: string;
  /** One line: what broke, where, and with which numbers. */
  reason: string;
  /** One line: what to do about it; empty when there is no useful advice. */
  hint: string;
  /** The proof: lines of logs, events, states; each element one line or a short block. */
  evidence: string[];
}

/** Facts about a failure for code, in addition to its kind. */
export type FailureSubject = Pick<Failure, 'code' | 'image'>;

/** Code and image of a failure, for another failure about the same thing. */
export function subjectOf({ code, image }: FailureSubject): FailureSubject {
  return { ...(code === undefined ? {} : { code }), ...(image === undefined ? {} : { image }) };
}

/** The outcome of a run, as its exit status shows it. */
export type Outcome = 'passed' | 'failed' | 'broken' | 'cancelled';

/** A value, or the expected failure in its place. */
export type Result<T> = { ok: true; value: T } | { ok: false; failure: Failure };

export function succeed<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail(
  kind: FailureKind,
  reason: string,
  details: { hint?: string; evidence?: string[] } & FailureSubject = {},
): { ok: false; failure: Failure } {
  const { hint = '', evidence = [] } = details;
  return {
    ok: false,
    failure: { kind, ...subjectOf(details), reason: toOneLine(reason), hint: toOneLine(hint), evidence },
  };
}

/** Counts of test cases. `total` is the sum of passed, failed, errors and skipped. */
export interface TestCounts {
  total: number;
  passed: number;
  failed: number;
  errors: number;
  skipped: number;
  /** Of the passed ones, those that failed before in the same run. */
  flaky: number;
  /** Of the total, those from other sources because the run ended before it wrote its report. */
  reconstructed: number;
  /** Of the skipped ones, those that failed in quarantine. Absent where there are none. */
  quarantined?: number;
  /** In addition to the total: tests that were to run and never began. Absent where that is not known. */
  notRun?: number;
}

export const noTests: Readonly<TestCounts> = {
  total: 0,
  passed: 0,
  failed: 0,
  errors: 0,
  skipped: 0,
  flaky: 0,
  reconstructed: 0,
};

/** The verdict of a run, or of a matrix job, that ended before any of its tests was reported. */
export function verdictWithoutTests(tier: string, failure: Failure): Verdict {
  return {
    schema: 1,
    outcome: outcomeOf(failure),
    failure,
    tier,
    tests: { ...noTests },
    phases: [],
    durationSeconds: 0,
    cluster: null,
    image: null,
    warnings: [],
  };
}

export type TestStatus = 'passed' | 'failed' | 'error' | 'skipped';

/** A name may occur several times, with a value each. */
export interface TestProperty {
  name: string;
  value: string;
}

/** One test case, as a report describes it. All text is untrusted, free of control characters that XML forbids, and bounded. */
export interface TestCase {
  /** Names of the suites around the case, outermost first, joined by ` / `; empty when it has none. */
  suite: string;
  name: string;
  classname: string;
  /**
   * Path as the writer gave it, usually one inside the container; taken from the stack trace when the writer gave none.
   */
  file?: string;
  /** Counted from 1. */
  line?: number;
  seconds: number;
  /** When it ended, ISO 8601; absent where it is not recorded. */
  endedAt?: string;
  status: TestStatus;
  /**
   * Message of the failure, error or skip; several are joined by line breaks. For a flaky case: the message of its last failed
   * run. Empty for other passed cases.
   */
  message: string;
  /** Stack trace or other text of the failure; head and tail are kept when it is longer than the reader's limit. */
  details: string;
  /** Further properties of the test, in its order: pytest's `record_property`, ids of a test management. */
  properties?: readonly TestProperty[];
  /**
   * Files that the test names as its attachments, such as screenshots. From a reader of reports: as the test named them. Once
   * results are collected: relative to the directory that holds `report.html`, with `/`, and only those that were taken.
   */
  attachments?: readonly string[];
  /** Failed runs of this case before the one that is reported here; present when there were any. */
  flakyRuns?: number;
  /** Of a failed test, how each run alone in a fresh pod ended. After one that passed it is `passed` and flaky. */
  retries?: ('passed' | 'failed' | 'not run')[];
  /**
   * Of a test that passed alone, how it ended after the tests that ran before it, in their order, in a fresh pod: one that failed
   * again was disturbed by one of them. `first`: none had run before it. Absent where that is not known.
   */
  inOrder?: 'passed' | 'failed' | 'first';
  /** True for a case that was reconstructed because the run ended before it wrote its report. */
  reconstructed?: boolean;
  /** Of a test in quarantine, its entry, and whether it failed: then its status is `skipped`. */
  quarantine?: { reason: string; owner: string; expires: string; failed: boolean };
}

/** The formats of coverage reports that are read. */
export type CoverageFormat = 'Cobertura' | 'JaCoCo' | 'lcov' | 'Go';

/** How much of the code ran in the tests, according to their coverage reports: lines, or with Go statements. */
export interface Coverage {
  format: CoverageFormat;
  covered: number;
  total: number;
  /** Of the run that `coverage-baseline` names; absent where that is not known. */
  before?: { covered: number; total: number };
}

export interface PhaseRecord {
  name: PhaseName;
  outcome: 'passed' | 'failed' | 'skipped';
  seconds: number;
}

/** One shard of a suite. */
export interface ShardRecord {
  /** Counted from 0. */
  shard: number;
  /** Name of its pod; empty where none was seen. */
  pod: string;
  /** `empty`: it had no test; `lost`: something ended it before its tests had, or kept it from beginning. */
  outcome: 'passed' | 'failed' | 'empty' | 'lost';
  /** Number of tests that it reported, and of those that failed. */
  tests: number;
  failed: number;
  /** Between begin and end of its test container, of all its pods together; absent where one of them is not known. */
  seconds?: number;
  /** Names of pods that were lost before `pod`, which ran what they had not finished. Absent where there were none. */
  lostPods?: string[];
}

/** One run of the failed tests, alone in a fresh pod. */
export interface RetryRecord {
  /** Counted from 1. */
  retry: number;
  /** Name of its pod; empty where none was seen. */
  pod: string;
  /** Failed tests that it was to run, and how many of them passed. */
  tests: number;
  passed: number;
  /** One line where it failed; absent otherwise. */
  problem?: string;
}

/** The verdict of a run: the content of `result.json`, schema 1. Fields are only ever added. */
export interface Verdict {
  schema: 1;
  outcome: Outcome;
  failure: Failure | null;
  tier: string;
  tests: TestCounts;
  phases: PhaseRecord[];
  durationSeconds: number;
  cluster: { kind: string; name: string; namespace: string; nodes: number; kubernetes: string } | null;
  image: { name: string; digest: string } | null;
  /** The chart that was to be installed; `digest` is what was pulled (`sha256:…`), empty for one of the runner's own. */
  chart?: { name: string; version: string; source: string; digest: string };
  /**
   * Whether the files beside the reports were completely checked for secrets, links and special files. Otherwise only verdict
   * and reports may be uploaded. Absent in results of earlier versions.
   */
  isMasked?: boolean;
  warnings: string[];
  /** Absent without a coverage report. */
  coverage?: Coverage;
  /**
   * The job of a workflow that this was: its id, the attempt, the values of its matrix as JSON, how many legs that has, and
   * which of its steps.
   */
  leg?: { job: string; attempt: number; matrix: string; legs: number; step?: string; name?: string };
  /** Of a suite in shards, each of them; absent for a suite in one piece. */
  shards?: ShardRecord[];
  /** Runs of the failed tests; absent where there were none. */
  retries?: RetryRecord[];
  /** What this run changed against `runs` earlier ones, the most important first; absent where too few are known. */
  trend?: { runs: number; changes: string[] };
  /** Of `tests`, those that junit.xml does not hold because there are too many. Absent where it holds all. */
  casesLeftOut?: number;
}

/** Kinds for which the code under test answers; all others but `cancelled` make a run `broken`. */
const kindsOfFailedTests: ReadonlySet<FailureKind> = new Set(['test', 'no-tests', 'report', 'oom', 'timeout']);

/** The outcome that a failure (or none) amounts to. */
export function outcomeOf(failure: Failure | null): Outcome {
  if (failure === null) return 'passed';
  if (failure.kind === 'cancelled') return 'cancelled';
  return kindsOfFailedTests.has(failure.kind) ? 'failed' : 'broken';
}

/** Exit status of the command line: 0 passed, 1 tests failed, 2 broken, 3 wrong input, 130 cancelled. */
export function exitStatusOf(verdict: Pick<Verdict, 'outcome' | 'failure'>): number {
  if (verdict.failure?.kind === 'input') return 3;
  return { passed: 0, failed: 1, broken: 2, cancelled: 130 }[verdict.outcome];
}

/**
 * Any text as one printable line of at most `maxChars` characters: line breaks become spaces, control
 * characters vanish, a cut is shown by an ellipsis.
 */
export function toOneLine(text: string, maxChars = 500): string {
  const line = text
    .replace(/\s+/g, ' ')
    .replace(/\p{Cc}/gu, '')
    .trim();
  return line.length <= maxChars ? line : `${line.slice(0, maxChars - 1)}…`;
}

/** The message of an exception; any value can be thrown. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  // Node leaves the message of an AggregateError empty.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return 'code' in error ? String(error.code) : error.name;
}
