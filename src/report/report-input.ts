/** What every rendering of a run is made from. Nothing here is trusted: each renderer makes text inert for its medium. */
import type { PhaseRecord, Verdict } from '../outcome.ts';

/** A test as reports show it; a `TestCase` of a JUnit report is one. */
export interface ReportedTest {
  suite: string;
  name: string;
  classname: string;
  file?: string;
  line?: number;
  seconds: number;
  status: 'passed' | 'failed' | 'error' | 'skipped';
  message: string;
  details: string;
  /** Failed runs before the one that is told here. */
  flakyRuns?: number;
  /** From the log, because the run ended before it wrote its report. */
  rebuilt?: boolean;
}

/** The end of one container's log. */
export interface ReportedLog {
  pod: string;
  container: string;
  /** Of the complete file, relative to the results directory. */
  path: string;
  lastLines: string[];
}

/** An event of the cluster. */
export interface ReportedEvent {
  /** ISO 8601. */
  at: string;
  /** `Normal` or `Warning`. */
  type: string;
  /** Kind and name, as `Pod/floe-test-abc`. */
  object: string;
  reason: string;
  message: string;
}

/** A phase with its place in time. */
export interface TimedPhase extends PhaseRecord {
  /** Seconds from the begin of the run to that of the phase. */
  startSeconds: number;
}

export interface ReportInput {
  verdict: Verdict;
  /** All tests whose text is kept, in any order. */
  tests: readonly ReportedTest[];
  logs: readonly ReportedLog[];
  /** In any order. */
  events?: readonly ReportedEvent[];
  /** With times, phases are drawn where they lay; without, one after another. */
  phases?: readonly TimedPhase[];
  /** ISO 8601; places events on the timeline. */
  startedAt?: string;
  /** Directory on the runner that holds all files of the run. */
  resultsDir: string;
  /** Where the uploaded artifact can be had. */
  artifactUrl?: string;
}
