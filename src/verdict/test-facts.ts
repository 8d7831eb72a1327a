/** The input of `decideVerdict`: all facts that are known when a run has ended. */
import { type Failure, noTests, type TestCase, type TestCounts } from '../core/outcome.ts';
import type { PytestSession } from '../core/pytest-session.ts';
import type { ToolFacts } from './explain-exit.ts';

/** How the test container ended. */
export interface ContainerEnd {
  exitCode: number;
  signal?: number;
  reason?: string;
  message?: string;
}

export interface TestFacts {
  /** What ran the tests: a container by default. */
  ranIn?: 'container' | 'command';
  /** What ended the run before its tests had, or prevented them from starting; null when the container ended by itself. */
  interruption: Failure | null;
  /** Undefined when the end of the container is not known. */
  end: ContainerEnd | undefined;
  /** Memory limit of the test container, as Kubernetes writes it. */
  memoryLimit: string;
  /** Known facts about its memory, beside the reason for its end. */
  memory: MemoryFacts;
  /** Reports of this run that could be read, and what was wrong with the others. */
  reports: ReportFacts[];
  unreadable: { file: string; reason: string }[];
  /** Reports that are older than the run, and were left out. */
  stale: string[];
  /** What is known beyond the reports; undefined when there is nothing. */
  reconstructed: ReconstructedFacts | undefined;
  /** Sessions of pytest, in the order in which they began; empty where nothing shows them. */
  sessions: SessionFacts[];
  /** Names of failed tests and of those with errors, for the first line; not of tests in flight. */
  failedNames: string[];
  /** Failed tests of the reports that do not count as failed: those in quarantine, and those that passed in a retry. */
  excused?: readonly TestCase[];
  /** What is missing from the log of the test container, a line each. */
  logGaps: string[];
  /** What is known of the tool that ran the tests; undefined where it was not determined. */
  tool?: ToolFacts | undefined;
  junitGlobs: string[];
  resultsPath: string;
}

export interface ReportFacts {
  file: string;
  counts: TestCounts;
  /** Failures and errors that attributes claim, and failed runs that cases show; see `JUnitReport`. */
  claimedFailures: number;
  /** Tests that attributes claim to have run. */
  claimedTests: number;
  failedRuns: number;
}

/** What the verdict weighs of a session of pytest. */
export type SessionFacts = Omit<PytestSession, 'unresolvedIds'>;

export interface MemoryFacts {
  /** Processes of the container that the node's kernel killed, as far as its log could be read. */
  kills: { process: string; usageBytes?: number; isNodeWide?: boolean }[];
  /** The highest measured usage, without the page cache. */
  peakBytes?: number;
  /** Of the container's cgroup. With 2 the runtime reports OOMKilled for every kill for memory. */
  cgroupVersion?: number;
}

export interface ReconstructedFacts {
  /** Where it comes from, in words that follow "reconstructed from". */
  source: string;
  /** Whether the log of the tests contains some of them. */
  isFromLog: boolean;
  /** Of finished tests and of those in flight, which are errors. */
  counts: TestCounts;
  /** Names of the tests that had begun when the run ended. */
  inFlight: string[];
  /** Tests that were to run. */
  collected: number | undefined;
  notRun: number | undefined;
  notRunNames: string[];
}

/** The sum of the counts of all reports and of what was reconstructed beside them. */
export function sumCounts({ reports, reconstructed }: TestFacts): TestCounts {
  const sum = sumReports(reports);
  if (reconstructed === undefined) return sum;
  addCounts(sum, reconstructed.counts);
  if (reconstructed.notRun !== undefined) sum.notRun = reconstructed.notRun;
  return sum;
}

export function sumReports(reports: readonly ReportFacts[]): TestCounts {
  const sum: TestCounts = { ...noTests };
  for (const { counts } of reports) addCounts(sum, counts);
  return sum;
}

/** Adds counts to a sum. `notRun` is not part of it: tests that did not run are known from several sides. @returns the sum. */
export function addCounts(sum: TestCounts, counts: TestCounts): TestCounts {
  for (const key of ['total', 'passed', 'failed', 'errors', 'skipped', 'flaky', 'reconstructed'] as const)
    sum[key] += counts[key];
  if (counts.quarantined !== undefined) sum.quarantined = (sum.quarantined ?? 0) + counts.quarantined;
  return sum;
}
