/** The summary of all legs: one table of leg and suite, and why each red one is red. */
import type { TestCounts, Verdict } from '../core/outcome.ts';
import { causeOf, failedTests, formatCount, formatCounts, formatDuration, placeOf } from './describe-tests.ts';
import { codeSpan, escapeMarkdown, tableCodeSpan } from './inert-text.ts';
import type { Leg } from './leg.ts';
import { makeGrid, renderGrid } from './roll-up-grid.ts';

export interface RollUpInput {
  verdict: Verdict;
  /** The worst first. */
  legs: readonly Leg[];
  /** Jobs that did not run. */
  skippedJobs: readonly string[];
  /** What cannot be determined here; a sentence each. */
  warnings?: readonly string[];
  resultsDir: string;
}

const signs = { passed: '✅', failed: '❌', broken: '❌', cancelled: '⏹️' };
const maxSuitesPerLeg = 30;
const maxTestsPerLeg = 20;
const maxChangesPerLeg = 10;

/** Markdown of at most `maxBytes` bytes of UTF-8: red legs are reported first, and what does not fit is named. */
export function renderRollUp(input: RollUpInput, maxBytes = 900 * 1024): string {
  const { verdict, legs, skippedJobs, resultsDir, warnings = [] } = input;
  const red = legs.filter((leg) => leg.verdict.outcome !== 'passed');
  const head = `### ${signs[verdict.outcome]} ${escapeMarkdown(headlineOfLegs(input))}\n\n${warnings.map((text) => `⚠️ ${escapeMarkdown(text)}\n\n`).join('')}`;
  const foot = [
    ...(skippedJobs.length === 0 ? [] : [`Not run: ${skippedJobs.map((job) => codeSpan(job)).join(', ')}.`, '']),
    `Files: ${codeSpan(resultsDir, 500)}; open \`report.html\` for all tests of all jobs.`,
    '',
  ].join('\n');
  let left = maxBytes - Buffer.byteLength(head) - Buffer.byteLength(foot) - 200;
  const parts = [head];
  let leftOut = 0;
  for (const part of [renderGrid(makeGrid(legs)), renderTable(legs), ...red.map(renderRedLeg), renderChanges(legs)]) {
    const size = Buffer.byteLength(part);
    if (size > left) leftOut++;
    else {
      parts.push(part);
      left -= size;
    }
  }
  if (leftOut > 0) parts.push(`… and ${leftOut} more sections in \`report.html\`.\n\n`);
  return [...parts, foot].join('');
}

/** The first line alone shows which leg failed, and why. */
function headlineOfLegs({ verdict, legs }: Pick<RollUpInput, 'verdict' | 'legs'>): string {
  if (verdict.failure !== null) return verdict.failure.reason;
  return `${formatCount(legs.length, 'job')} passed: ${formatCounts(verdict.tests)} in ${formatDuration(verdict.durationSeconds)}`;
}

function renderTable(legs: readonly Leg[]): string {
  const rows = legs.flatMap((leg) => {
    const { verdict } = leg;
    const again = leg.attempt > 1 ? ` · attempt ${leg.attempt}` : '';
    const own = row(
      `${signs[verdict.outcome]} **${escapeCell(leg.name)}**${again}`,
      '',
      verdict.tests,
      verdict.durationSeconds,
    );
    const suites = leg.suites.slice(0, maxSuitesPerLeg).map(({ name, counts, seconds }) => {
      return row('', tableCodeSpan(name, 100), counts, seconds);
    });
    const more = leg.suites.length - suites.length;
    return [own, ...suites, ...(more > 0 ? [`| | … and ${formatCount(more, 'suite')} more | | | | | |`] : [])];
  });
  return `| job | suite | tests | passed | failed | skipped | time |\n|---|---|--:|--:|--:|--:|--:|\n${rows.join('\n')}\n\n`;
}

function row(
  leg: string,
  suite: string,
  counts: Pick<TestCounts, 'total' | 'passed' | 'failed' | 'errors' | 'skipped'>,
  seconds: number,
): string {
  const failed = counts.failed + counts.errors;
  const number = (count: number) => (count === 0 ? '–' : count.toLocaleString('en-US'));
  const cells = [
    leg,
    suite,
    number(counts.total),
    number(counts.passed),
    failed === 0 ? '–' : `**${number(failed)}**`,
    number(counts.skipped),
    seconds === 0 ? '–' : formatDuration(seconds),
  ];
  return `| ${cells.join(' | ')} |`;
}

function renderRedLeg(leg: Leg): string {
  const { failure } = leg.verdict;
  const lines = [
    `#### ${escapeMarkdown(leg.name)} — ${escapeMarkdown(failure?.reason ?? leg.verdict.outcome)}`,
    '',
    ...(failure === null || failure.hint === '' ? [] : [`**What to do:** ${escapeMarkdown(failure.hint)}`, '']),
  ];
  const failed = failedTests(leg.tests);
  for (const test of failed.slice(0, maxTestsPerLeg)) {
    const place = placeOf(test);
    const cause = causeOf(test, 160);
    lines.push(
      `- ${codeSpan(test.name)}${place === '' ? '' : ` ${codeSpan(place)}`}${cause === '' ? '' : ` — ${escapeMarkdown(cause, 160)}`}`,
    );
  }
  const more = Math.max(failed.length, leg.verdict.tests.failed + leg.verdict.tests.errors) - maxTestsPerLeg;
  if (more > 0) lines.push(`- … and ${more.toLocaleString('en-US')} more in \`report.html\``);
  return `${lines.join('\n')}\n\n`;
}

/** What the legs changed against the runs before them; empty where nothing did. */
function renderChanges(legs: readonly Leg[]): string {
  const lines = legs.flatMap(({ name, verdict: { trend } }) => {
    if (trend === undefined || trend.changes.length === 0) return [];
    const shown = trend.changes.slice(0, maxChangesPerLeg).map((change) => `  - ${escapeMarkdown(change, 300)}`);
    const more = trend.changes.length - shown.length;
    if (more > 0) shown.push(`  - … and ${more} more in its \`report.html\``);
    return [`- ${escapeMarkdown(name, 100)}, against the ${formatCount(trend.runs, 'run')} before`, ...shown];
  });
  return lines.length === 0 ? '' : `**What these runs changed**\n\n${lines.join('\n')}\n\n`;
}

function escapeCell(text: string): string {
  return escapeMarkdown(text, 100);
}
