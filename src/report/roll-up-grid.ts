/** Jobs of a matrix against the suites that they ran. */
import { formatCount } from './describe-tests.ts';
import { escapeMarkdown, tableCodeSpan } from './inert-text.ts';
import type { Leg, LegSuite } from './leg.ts';

/** A wider table has to be scrolled, and shows nothing at a glance. */
const maxColumns = 10;
const maxRows = 60;

/**
 * Markdown: a row for each job, a column for each suite, and in their cell the result, which shows whether a suite fails
 * everywhere or a job fails in all it runs. Empty where there is one suite, or none that ran in two jobs: then there is nothing
 * to compare.
 */
export function renderGrid(legs: readonly Leg[]): string {
  const withSuites = legs.filter(({ suites }) => suites.length > 0);
  const counts = new Map<string, number>();
  for (const { suites } of withSuites)
    for (const name of new Set(suites.map((suite) => suite.name))) counts.set(name, (counts.get(name) ?? 0) + 1);
  const names = [...counts.keys()].sort((a, b) => a.localeCompare(b, 'en'));
  const isCompared = [...counts.values()].some((count) => count > 1);
  if (!isCompared || names.length < 2 || names.length > maxColumns) return '';
  const rows = withSuites.slice(0, maxRows).map(({ name, suites, verdict }) => [
    // A job may fail although all of its suites passed: killed, or with results that are missing.
    `${verdict.outcome === 'passed' ? '✅' : '❌'} ${escapeMarkdown(name, 100)}`,
    ...names.map((suite) => renderCell(suites, suite)),
  ]);
  const head = ['job', ...names.map((name) => tableCodeSpan(name, 60))];
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const more = withSuites.length - rows.length;
  return `${lines.join('\n')}\n\n${more > 0 ? `… and ${formatCount(more, 'more job')}.\n\n` : ''}`;
}

/** Several suites of one name, such as those of two files, count together. */
function renderCell(suites: readonly LegSuite[], name: string): string {
  const own = suites.filter((suite) => suite.name === name).map(({ counts }) => counts);
  if (own.length === 0) return '–';
  const total = own.reduce((sum, one) => sum + one.total, 0);
  const failed = own.reduce((sum, one) => sum + one.failed + one.errors, 0);
  const skipped = own.reduce((sum, one) => sum + one.skipped, 0);
  if (failed > 0) return `❌ ${failed.toLocaleString('en-US')} of ${total.toLocaleString('en-US')}`;
  if (skipped === total) return '–';
  return `✅ ${(total - skipped).toLocaleString('en-US')}`;
}
