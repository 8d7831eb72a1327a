import type { Coverage } from '../core/outcome.ts';

/** The covered part in percent, with one decimal. Never rounded up: 100.0 means all of it. */
export function percentOf({ covered, total }: Coverage): string {
  return (total === 0 ? 0 : Math.floor((covered / total) * 1000) / 10).toFixed(1);
}

/** The change since the run that this one is compared with, in percentage points: `+1.2`, `-0.3`, `0.0`; undefined without one. */
export function changeOf({ covered, total, before }: Coverage): string | undefined {
  if (before === undefined || before.total === 0 || total === 0) return undefined;
  const tenths = Math.round((covered / total - before.covered / before.total) * 1000);
  return `${tenths > 0 ? '+' : ''}${(tenths / 10).toFixed(1)}`.replace(/^-0\.0$/, '0.0');
}

/** For readers: `82.4 % of 1,497 lines (+1.2 points)`. */
export function formatCoverage(coverage: Coverage): string {
  const unit = coverage.format === 'Go' ? 'statements' : 'lines';
  const change = changeOf(coverage);
  const since = change === undefined ? '' : ` (${change} points)`;
  return `${percentOf(coverage)} % of ${coverage.total.toLocaleString('en-US')} ${unit}${since}`;
}
