/** What reading a JUnit report gives, and how much of it is kept. */
import type { TestCase, TestCounts } from '../core/outcome.ts';

export interface JUnitSuite {
  /** As in `TestCase.suite`. */
  name: string;
  /** Duration in seconds as the suite reports it; the sum of its own cases when it reports none. */
  seconds: number;
  /** The suite's own `timestamp`, as written. */
  timestamp?: string;
}

export interface JUnitReport {
  /** What the report calls itself in messages, usually its path relative to the results. */
  file: string;
  /** In the order in which they end; the first `limits.keptSuites` of them. */
  suites: JUnitSuite[];
  /** In the order of the file. Beyond `limits.keptCases` and `limits.keptFailures` cases are counted but not kept. */
  cases: TestCase[];
  /** The host of each suite that names one, by the name of the suite; Playwright names its project there. */
  hosts: ReadonlyMap<string, string>;
  /** Counted from the cases, never taken from attributes. All zero is no reason to be green. */
  counts: TestCounts;
  /** Cases that are in `counts` but not in `cases`. */
  casesLeftOut: number;
  /**
   * Failures and errors that the suites' attributes claim. More than none here and none in `counts` is a contradiction
   * that a verdict should not pass over.
   */
  claimedFailures: number;
  /**
   * Tests that the suites' attributes claim to have run, without those that they claim were skipped. Some here and no case at all
   * is a contradiction; a number above that of the cases is none, as `docs/reports.md` explains.
   */
  claimedTests: number;
  /** Failed runs that the cases show, those that a later run of the same test replaced included. */
  failedRuns: number;
  /** What was tolerated: filtered characters, wrong counts, invalid times, cuts. One line each. */
  warnings: string[];
}

/** Bounds on what reports that share `KeptTotals` may take of memory: one report, or all of a run. */
export interface JUnitLimits {
  /** Nesting of elements; deeper is refused. */
  depth: number;
  /** Names of suites, classes and cases, and file names; longer ones are cut with an ellipsis. */
  nameChars: number;
  /** The message of one case. */
  messageChars: number;
  /** The details of one case. */
  detailsChars: number;
  /** The details of all cases together; cases after that keep at most a sixteenth of `messageChars` each. */
  totalDetailsChars: number;
  /** The messages of all cases together; the same holds for cases after that. */
  totalMessageChars: number;
  /** The names, classes and files of all cases together; cases after that are counted and not kept. */
  totalNameChars: number;
  /** Passed and skipped cases kept. */
  keptCases: number;
  /** Failed, erroneous and flaky cases kept. */
  keptFailures: number;
  keptSuites: number;
  /** Names and values of the properties of all cases. */
  propertyChars: number;
  /** Warnings kept. */
  keptWarnings: number;
}

export const defaultJUnitLimits: Readonly<JUnitLimits> = {
  depth: 100,
  nameChars: 1000,
  messageChars: 4000,
  detailsChars: 64 * 1024,
  totalDetailsChars: 4 * 1024 * 1024,
  totalMessageChars: 4 * 1024 * 1024,
  totalNameChars: 16 * 1024 * 1024,
  keptCases: 20_000,
  keptFailures: 20_000,
  keptSuites: 10_000,
  propertyChars: 4 * 1024 * 1024,
  keptWarnings: 200,
};

/**
 * What the reports that were read with it keep together. `JUnitLimits` bounds the sum: beyond it cases, suites and warnings
 * are counted and not kept. Its own fields are never lowered but by the reader.
 */
export interface KeptTotals {
  cases: number;
  failures: number;
  suites: number;
  detailsChars: number;
  messageChars: number;
  nameChars: number;
  propertyChars: number;
  warnings: number;
  /** Warnings that are not in any report, because there was no room. */
  warningsLeftOut: number;
}

/** Totals for reports that are yet to be read. */
export function startTotals(): KeptTotals {
  return {
    cases: 0,
    failures: 0,
    suites: 0,
    detailsChars: 0,
    messageChars: 0,
    nameChars: 0,
    propertyChars: 0,
    warnings: 0,
    warningsLeftOut: 0,
  };
}

/** What the root element of our own normalised report is called. */
export const normalisedName = 'k8s-test-action';
