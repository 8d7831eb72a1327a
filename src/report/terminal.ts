/** The last screen of a run on a terminal. */
import path from 'node:path';
import type { ReportInput } from '../core/report-model.ts';
import { formatCoverage } from './coverage.ts';
import {
  causeOf,
  evidenceOf,
  failedTests,
  formatCount,
  formatCounts,
  formatDuration,
  formatQuarantine,
  placeOf,
  quarantinedTests,
} from './describe-tests.ts';
import { headlineOf } from './headline.ts';
import { describeIncidents, nameIncident, nameVictims, timeOfDay } from './incident-story.ts';
import { toPlainLine } from './inert-text.ts';
import { formatMemory, isCloseToLimit, nameContainer } from './usage.ts';

const escapeCharacter = '\u001b';
const maxEvidenceLines = 12;
const maxIncidents = 10;

function quote(text: string, maxChars = 200): string {
  return toPlainLine(text, maxChars).replaceAll('##[', '## [');
}

/**
 * Lines without line breaks; `colour` adds ANSI colours of our own; paths in `cwd` are relative to it. No untrusted text is at
 * the beginning of a line, and `##[` is broken up, so that the runner's log interprets nothing here as a command.
 */
export function renderTerminal(
  input: ReportInput,
  { colour = false, maxTests = 20, cwd }: { colour?: boolean; maxTests?: number; cwd?: string } = {},
): string[] {
  const paint =
    (code: number) =>
    (text: string): string =>
      colour ? `${escapeCharacter}[${code}m${text}${escapeCharacter}[0m` : text;
  const [bold, red, green, yellow, dim] = [paint(1), paint(31), paint(32), paint(33), paint(2)];

  const { verdict, tests, resultsDir } = input;
  const { mark, outcome, sentence } = headlineOf(verdict, tests, input.incidents);
  const paintOutcome = { passed: green, failed: red, broken: red, cancelled: yellow }[verdict.outcome];
  const lines = [`${paintOutcome(bold(`${mark} ${outcome}`))} — ${quote(sentence, 500)}`];

  const { failure } = verdict;
  if (failure !== null) {
    if (failure.hint !== '') lines.push(`  ${bold('what to do:')} ${quote(failure.hint, 500)}`);
    const evidence = evidenceOf(failure, tests).flatMap((block) => block.split('\n'));
    for (const line of evidence.slice(-maxEvidenceLines)) lines.push(dim(`  │ ${quote(line)}`));
  }

  for (const story of describeIncidents(input.incidents ?? [], tests).slice(0, maxIncidents)) {
    const within = nameVictims(story);
    lines.push(
      `  ${yellow('!')} ${dim(timeOfDay(quote(story.incident.at, 40)))} ${quote(nameIncident(story.incident))}${within === '' ? '' : `: ${within}`}`,
    );
  }

  const failed = failedTests(tests);
  if (failed.length > 0) lines.push('');
  for (const test of failed.slice(0, maxTests)) {
    const place = placeOf(test);
    lines.push(`  ${red('✗')} ${quote(test.name)}${place === '' ? '' : `  ${dim(quote(place))}`}`);
    const cause = causeOf(test);
    if (cause !== '') lines.push(`    │ ${quote(cause)}`);
  }
  const more = Math.max(failed.length, verdict.tests.failed + verdict.tests.errors) - Math.min(failed.length, maxTests);
  if (more > 0 && failed.length > 0) lines.push(`  … and ${more.toLocaleString('en-US')} more in report.html`);

  for (const test of quarantinedTests(tests).slice(0, maxTests))
    lines.push(`  ${yellow('!')} ${quote(test.name)}  ${dim(quote(formatQuarantine(test)))}`);

  lines.push('');
  if (verdict.tests.total > 0)
    lines.push(`  ${formatCount(verdict.tests.total, 'test')}: ${formatCounts(verdict.tests)}`);
  for (const close of (input.usage ?? []).filter(isCloseToLimit).slice(0, 5))
    lines.push(
      `  ${yellow('memory:')} ${quote(nameContainer(close))} used ${formatMemory(close.memoryPeakBytes)} of its limit of ${formatMemory(close.memoryLimitBytes ?? 0)}`,
    );
  if (verdict.coverage !== undefined) lines.push(`  coverage: ${formatCoverage(verdict.coverage)}`);
  lines.push(`  took ${formatDuration(verdict.durationSeconds)}`);
  for (const warning of verdict.warnings.slice(0, 10)) lines.push(`  ${yellow('warning:')} ${quote(warning, 300)}`);
  if (verdict.warnings.length > 10) lines.push(`  … and ${verdict.warnings.length - 10} more warnings in result.json`);
  const shown = cwd === undefined ? resultsDir : fromDirectory(cwd, resultsDir);
  lines.push(`  results: ${quote(shown, 500)}`);
  lines.push(`  report:  ${quote(path.join(shown, 'report.html'), 500)}`);
  return lines;
}

/** A path from a directory that it is in; any other as it is. */
function fromDirectory(cwd: string, absolute: string): string {
  const relative = path.relative(cwd, absolute);
  return relative === '' || relative.startsWith('..') || path.isAbsolute(relative) ? absolute : relative;
}
