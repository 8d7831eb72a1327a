/** What a run leaves: its verdict, and the directory of its files. */
import { type Failure, outcomeOf, type Verdict } from '../core/outcome.ts';
import type { ReportInput } from '../core/report-model.ts';
import type { ResultsDir } from './results-dir.ts';

export interface RunEnd {
  verdict: Verdict;
  dir: ResultsDir;
  report: ReportInput;
  /** The summary in at most so many bytes; absent where it is that of the report, a run. */
  summarize?: (maxBytes: number) => string;
  /** Path of the kubeconfig; empty when there is no cluster. */
  kubeconfig: string;
  /** Undefined when none was started. */
  testPod?: { name: string; container: string } | undefined;
  /** Whether all files were masked. Otherwise only the verdict and its reports may be seen by others. */
  isMasked: boolean;
  /** False when another run uses the results directory, or there is no report: nothing of this one may be written there. */
  ownsResultsDir: boolean;
}

/** The same end with another verdict, also in its report. */
export function withVerdict(end: RunEnd, verdict: Verdict): RunEnd {
  return { ...end, verdict, report: { ...end.report, verdict } };
}

/** A verdict with a failure at the very end of a run: it is the run's own where there is none yet, else a warning. */
export function addFailure(verdict: Verdict, failure: Failure): Verdict {
  if (verdict.failure !== null) return { ...verdict, warnings: [...verdict.warnings, failure.reason] };
  return { ...verdict, failure, outcome: outcomeOf(failure) };
}
