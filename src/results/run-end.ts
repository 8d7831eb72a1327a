/** What a run leaves: its verdict, and where its files lie. */
import type { Verdict } from '../core/outcome.ts';
import type { ReportInput } from '../core/report-model.ts';
import type { ResultsDir } from './results-dir.ts';

export interface RunEnd {
  verdict: Verdict;
  dir: ResultsDir;
  report: ReportInput;
  /** Path of the kubeconfig; empty when there is no cluster. */
  kubeconfig: string;
  /** Undefined when none was started. */
  testPod?: { name: string; container: string } | undefined;
  /** Whether all files were masked. Otherwise only the verdict and its reports may be seen by others. */
  isMasked: boolean;
  /** False when another run uses the results directory, or there is no report: nothing of this one may be written there. */
  ownsResultsDir: boolean;
}
