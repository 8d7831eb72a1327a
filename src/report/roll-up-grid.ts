/** Jobs of a matrix against the suites that they ran. */
import type { JobGrid } from '../core/report-model.ts';
import { formatCount } from './describe-tests.ts';
import { escapeMarkdown, tableCodeSpan } from './inert-text.ts';
import type { Leg, LegSuite } from './leg.ts';

/** A wider table has to be scrolled, and shows nothing at a glance. */
const maxColumns = 10;
const maxRows = 60;

/**
 * A row for each job, a column for each suite, and in their cell the result, which shows whether a suite fails everywhere or a
 * job fails in all it runs. Undefined where there is one suite, or none that ran in two jobs: then there is nothing to compare.
 */
export function makeGrid(legs: readonly Leg[]): JobGrid | undefined {
  const withSuites = legs.filter(({ suites }) => suites.length > 0);
  const counts = new Map<string, number>();
  for (const { suites } of withSuites)
    for (const name of new Set(suites.map((suite) => suite.name))) counts.set(name, (counts.get(name) ?? 0) + 1);
  const suites = [...counts.keys()].sort((a, b) => a.localeCompare(b, 'en'));
  const isCompared = [...counts.values()].some((count) => count > 1);
  if (!isCompared || suites.length < 2 || suites.length > maxColumns) return undefined;
  const jobs = withSuites.slice(0, maxRows).map((leg) => ({
    name: leg.name,
    // A job may fail although all of its suites passed: killed, or with results that are missing.
    hasPassed: leg.verdict.outcome === 'passed',
    cells: suites.map((suite) => countCell(leg.suites, suite)),
  }));
  return { suites, jobs, more: withSuites.length - jobs.length };
}

/** Several suites of one name, such as those of two files, count together. */
function countCell(suites: readonly LegSuite[], name: string): string {
  const own = suites.filter((suite) => suite.name === name).map(({ counts }) => counts);
  const total = own.reduce((sum, one) => sum + one.total, 0);
  const failed = own.reduce((sum, one) => sum + one.failed + one.errors, 0);
  const skipped = own.reduce((sum, one) => sum + one.skipped, 0);
  if (failed > 0) return `✗ ${failed.toLocaleString('en-US')} of ${total.toLocaleString('en-US')}`;
  return skipped === total ? '–' : `✓ ${(total - skipped).toLocaleString('en-US')}`;
}

/** As a table of Markdown; empty without a grid. */
export function renderGrid(grid: JobGrid | undefined): string {
  if (grid === undefined) return '';
  const head = ['job', ...grid.suites.map((name) => tableCodeSpan(name, 60))];
  const rows = grid.jobs.map(({ name, hasPassed, cells }) => [
    `${hasPassed ? '✅' : '❌'} ${escapeMarkdown(name, 100)}`,
    ...cells.map((cell) => cell.replace('✗', '❌').replace('✓', '✅')),
  ]);
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return `${lines.join('\n')}\n\n${grid.more > 0 ? `… and ${formatCount(grid.more, 'more job')}.\n\n` : ''}`;
}
