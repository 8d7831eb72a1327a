/** The legs of a workflow run, or of several runs on one machine: the outcome of each, according to its results. */
import type { TestCase, TestCounts, Verdict } from '../core/outcome.ts';

/** Maximum depth at which results of legs are looked for, in an artifact or in a directory that holds all of them. */
export const maxResultsDepth = 4;

/** Tests of one suite of a leg. */
export interface LegSuite {
  name: string;
  counts: Pick<TestCounts, 'total' | 'passed' | 'failed' | 'errors' | 'skipped' | 'flaky'>;
  seconds: number;
}

export interface Leg {
  /**
   * Its display name: the tier, the values of the matrix where there are any, and the step where a job has several of the name.
   */
  name: string;
  /** Job of the workflow; empty outside of one. */
  job: string;
  /** Distinguishes two calls of one reusable workflow; empty where none was given. */
  call: string;
  /** Step of that job; empty where it is not recorded. */
  step: string;
  /** The values of the matrix as JSON; empty without one. */
  matrix: string;
  /** Attempt of the workflow run, from 1. */
  attempt: number;
  /** How many legs its job has, this one included. */
  siblings: number;
  verdict: Verdict;
  tests: TestCase[];
  /** Of its report, counted and not kept: all legs together keep no more than one run does. */
  testsLeftOut: number;
  suites: LegSuite[];
  /** Directory of its files, relative to the directory of all legs; empty for a leg that left none. */
  directory: string;
  /** GitHub's metadata of the artifact that contained it; absent where GitHub was not asked. */
  artifact?: LegArtifact;
}

/** An artifact of the workflow run, as GitHub knows it. No job can choose any of it but the name. */
export interface LegArtifact {
  name: string;
  /**
   * The job run that uploaded it, another one for each job of a matrix and each attempt; undefined where the service does not
   * distinguish jobs.
   */
  jobRun: string | undefined;
  /** Milliseconds of the epoch; undefined where GitHub does not return it. */
  createdAt: number | undefined;
  /** Directory of its files, relative to the directory of all legs. */
  directory: string;
}
