/** One normalised junit.xml out of all reports of a run. */
import type { Failure, PhaseRecord } from '../outcome.ts';
import type { JUnitReport } from './junit-read.ts';

export interface NormalisedJUnit {
  /** Reports of all files and shards; cases of equally named suites of one report come together. */
  reports: readonly Pick<JUnitReport, 'file' | 'cases' | 'casesLeftOut'>[];
  phases: readonly PhaseRecord[];
  failure: Failure | null;
}

/** Writes the file at `path` (its directory must exist), replacing what was there only when all is written. */
export declare function writeJUnit(path: string, content: NormalisedJUnit, signal?: AbortSignal): Promise<void>;
