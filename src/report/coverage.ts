import type { Coverage } from '../core/outcome.ts';

/** The covered part in percent, with one decimal. Never rounded up: 100.0 means all of it. */
export function percentOf({ covered, total }: Coverage): string {
  return (total === 0 ? 0 : Math.floor((covered / total) * 1000) / 10).toFixed(1);
}

/** As people read it: `82.4 % of 1,497 lines`. */
export function formatCoverage(coverage: Coverage): string {
  const unit = coverage.format === 'Go' ? 'statements' : 'lines';
  return `${percentOf(coverage)} % of ${coverage.total.toLocaleString('en-US')} ${unit}`;
}
