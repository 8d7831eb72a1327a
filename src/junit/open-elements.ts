/** The state of the suites and the case that a reader is in. */
import type { TestCase, TestProperty } from '../core/outcome.ts';
import { AttachmentNames } from './attachment-names.ts';
import type { Problem } from './case-problems.ts';

export type Attributes = Record<string, string>;

export interface OpenSuite {
  path: string;
  /** The suite's own `hostname`, or that of a suite around it: Playwright names its project there. */
  host: string;
  declared: { tests: number | undefined; failures: number | undefined; errors: number | undefined; ran: number };
  /** As counted, of this suite and those in it. */
  tests: number;
  failed: number;
  /** Of these, runs that a later run of the same test has replaced. */
  replacedTests: number;
  replacedFailed: number;
  claimedFailures: number;
  /** Tests that attributes claim to have run, of this suite and those in it. */
  claimedTests: number;
  /** Failed runs that the report held before it, of all suites. */
  failedRunsBefore: number;
  /** The beginning of its own system-err, which belongs to no case. */
  errorOutput: string;
  /** Whether its writer gives each test a name of its own, so that a name repeated in this suite is a rerun. */
  hasUniqueNames: boolean;
  ownSeconds: number;
  declaredSeconds: number | undefined;
  timestamp: string | undefined;
  /** What its own attributes say against it. */
  saysItself: Problem | undefined;
}

export interface OpenCase {
  attributes: Attributes;
  properties: TestProperty[];
  attachments: AttachmentNames;
  problems: Problem[];
  /** Failed runs reported inside the case, by surefire's `flakyFailure` and similar elements. */
  earlierRuns: Problem[];
  /** Content of `Pass` by container-structure-test; its `time` is in nanoseconds. */
  saysPass?: string;
}

/** A kept case with the suite that holds it. */
export interface KeptCase {
  kept: TestCase;
  suite: OpenSuite;
}

/** A case that has just begun. */
export function openCase(attributes: Attributes): OpenCase {
  return { attributes, properties: [], attachments: new AttachmentNames(), problems: [], earlierRuns: [] };
}
