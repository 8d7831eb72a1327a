import { type Failure, toOneLine } from '../core/outcome.ts';

/** Messages of programs in all languages when they are not allowed to write: the texts of errno, and its names. */
const refusedWrites =
  /permission denied|read-only file system|no space left on device|\b(EACCES|EROFS|ENOSPC|EPERM)\b/i;

/**
 * Names the cause of a missing report where the last lines of the log show it: that the tests could not write to
 * `results-path`. Other failures stay as they are.
 */
export function explainNoReport(failure: Failure, lastLines: readonly string[], resultsPath: string): Failure {
  if (failure.kind !== 'report') return failure;
  const line = lastLines.findLast((one) => refusedWrites.test(one) && one.includes(resultsPath));
  if (line === undefined) return failure;
  return {
    ...failure,
    reason: toOneLine(`the tests could not write their report to ${resultsPath}: ${toOneLine(line, 200)}`),
    hint: `The user of the tests must be able to write there: give the volume an fsGroup, or mount nothing at ${resultsPath}.`,
    evidence: [failure.reason, ...failure.evidence],
  };
}
