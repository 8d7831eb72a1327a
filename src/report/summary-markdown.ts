/** The step summary of a run. */

import type { TestCase } from '../core/outcome.ts';
import type { ReportInput } from '../core/report-model.ts';
import { formatCoverage } from './coverage.ts';
import {
  causeOf,
  evidenceOf,
  failedTests,
  formatCount,
  formatCounts,
  formatDuration,
  formatProperties,
  formatQuarantine,
  formatRetries,
  isFlaky,
  placeOf,
  quarantinedTests,
  slowestTests,
  wasInFlight,
} from './describe-tests.ts';
import { headlineOf } from './headline.ts';
import { aftermathOf, describeIncidents, nameIncident, nameVictims, timeOfDay } from './incident-story.ts';
import {
  codeBlock,
  codeSpan,
  escapeHtml,
  escapeMarkdown,
  firstLineOf,
  tableCodeSpan,
  toPlainLine,
} from './inert-text.ts';
import { describeBalance, formatShardTime, namePods, shardSigns } from './shards.ts';
import { formatCores, formatMemory, isCloseToLimit, nameContainer, sortUsage } from './usage.ts';

/** GitHub drops a summary of more than 1,024 KiB whole; the rest is for what other steps' summaries add. */
const maxSummaryBytes = 900 * 1024;

const maxTestsWithDetails = 100;
const maxTestsListed = 1000;
const maxDetailsChars = 8000;
const maxOpenLines = 30;
const maxIncidents = 30;
const maxUsage = 15;
const maxAttachments = 5;
const maxChanges = 10;

/**
 * Markdown of at most `maxBytes` bytes of UTF-8 (but never less than its head, some 10 KiB at most). What does not fit
 * is reported: "and N more in report.html".
 */
export function renderSummary(input: ReportInput, maxBytes = maxSummaryBytes): string {
  const head = renderHead(input);
  const foot = renderFoot(input);
  const incidents = renderIncidents(input);
  let left = maxBytes - Buffer.byteLength(head) - Buffer.byteLength(foot) - Buffer.byteLength(incidents);
  const sections: string[] = [incidents];
  const failed = renderFailedTests(input, left);
  sections.push(failed);
  left -= Buffer.byteLength(failed);
  for (const section of [
    renderRetries(input),
    renderQuarantine(input),
    renderShards(input),
    renderFlaky(input),
    renderTrend(input),
    renderSlowest(input),
    renderPhases(input),
    renderUsage(input),
  ]) {
    if (section === '' || Buffer.byteLength(section) > left) continue;
    sections.push(section);
    left -= Buffer.byteLength(section);
  }
  return [head, ...sections, foot].filter((section) => section !== '').join('');
}

function renderHead({ verdict, tests, incidents }: ReportInput): string {
  const { mark, outcome, sentence } = headlineOf(verdict, tests, incidents);
  const sign = { '✓': '✅', '✗': '❌', '■': '⏹️' }[mark];
  const parts = [`### ${sign} ${escapeMarkdown(outcome)} — ${escapeMarkdown(sentence)}\n`];
  const { failure, coverage } = verdict;
  if (failure !== null) {
    if (failure.hint !== '') parts.push(`**What to do:** ${escapeMarkdown(failure.hint)}\n`);
    const evidence = evidenceOf(failure, tests);
    if (failure.kind === 'test' && evidence.length === 0) {
      parts.push(`${escapeMarkdown(formatCounts(verdict.tests))} in ${formatDuration(verdict.durationSeconds)}\n`);
    } else {
      if (evidence.length > 0) parts.push(`${codeBlock(evidence.join('\n'), 6000)}\n`);
      if (verdict.tests.total > 0) parts.push(`Of the tests: ${escapeMarkdown(formatCounts(verdict.tests))}.\n`);
    }
  }
  if (coverage !== undefined) parts.push(`Coverage: ${escapeMarkdown(formatCoverage(coverage))}.\n`);
  return `${parts.join('\n')}\n`;
}

/** Incidents of the platform in the order of time, each with the tests that failed beside it. */
function renderIncidents({ incidents, tests }: ReportInput): string {
  const told = describeIncidents(incidents ?? [], tests);
  if (told.length === 0) return '';
  const lines = told.slice(0, maxIncidents).map((one) => {
    const within = nameVictims(one);
    const names = one.failed.slice(0, 5).map(({ name }) => codeSpan(name, 80));
    const more = one.failed.length > names.length ? ', …' : '';
    const victims = within === '' ? '' : ` — **${within}**: ${names.join(', ')}${more}`;
    return `- \`${toPlainLine(timeOfDay(one.incident.at), 40).replaceAll('`', '')}\` ${escapeMarkdown(nameIncident(one.incident))}${aftermathOf(one.incident)}${victims}`;
  });
  if (told.length > lines.length) lines.push(`- … and ${told.length - lines.length} more in \`report.html\``);
  return `**What happened to the platform while the tests ran**\n\n${lines.join('\n')}\n\n`;
}

function renderFailedTests({ verdict, tests }: ReportInput, maxBytes: number): string {
  const failed = failedTests(tests);
  const count = Math.max(failed.length, verdict.tests.failed + verdict.tests.errors);
  if (count === 0) return '';
  let text = '';
  let bytes = 0;
  let told = 0;
  // Room for the closing words, which must always fit.
  const room = maxBytes - 200;
  for (const test of failed.slice(0, maxTestsListed)) {
    const entry = told < maxTestsWithDetails ? renderFailedTest(test, count <= 3) : `${renderListedTest(test)}\n`;
    const size = Buffer.byteLength(entry);
    if (bytes + size > room) break;
    text += entry;
    bytes += size;
    told++;
  }
  const more = count - told;
  return more > 0 ? `${text}\n… and ${more.toLocaleString('en-US')} more in \`report.html\`.\n\n` : `${text}\n`;
}

function renderFailedTest(test: TestCase, open: boolean): string {
  // Between <summary> and the next blank line GitHub reads HTML and no Markdown.
  const name = escapeHtml(toPlainLine(test.name, 200));
  const cause = escapeHtml(causeOf(test, 160));
  const place = placeOf(test);
  const properties = formatProperties(test);
  const body = [test.message, test.details].filter((part) => part.trim() !== '');
  // Writers often begin the details with the message; once is enough.
  const text =
    body.length === 2 && test.details.includes(firstLineOf(test.message, 10_000)) ? test.details : body.join('\n\n');
  return [
    // A trace that fills the screen hides the text after it.
    `<details${open && text.split('\n', maxOpenLines + 1).length <= maxOpenLines ? ' open' : ''}><summary><code>${name}</code>${cause === '' ? '' : ` — ${cause}`}</summary>`,
    '',
    [
      place === '' ? '' : codeSpan(place),
      place !== '' || test.classname === '' ? '' : codeSpan(test.classname),
      // For a test that never ended, the duration may be unknown.
      wasInFlight(test) && test.seconds === 0 ? '' : formatDuration(test.seconds),
      wasInFlight(test) ? 'was running when the run ended' : test.reconstructed === true ? 'reconstructed' : '',
      test.flakyRuns === undefined ? '' : `failed ${test.flakyRuns + 1} times`,
      formatRetries(test),
      properties === '' ? '' : codeSpan(toPlainLine(properties, 300)),
    ]
      .filter((part) => part !== '')
      .join(' · '),
    '',
    ...(text === '' || isSaid(text, test) ? [] : [codeBlock(text, maxDetailsChars), '']),
    ...renderAttachments(test),
    '</details>',
    '',
    '',
  ].join('\n');
}

/** Whether a text is no more than what stands above it: the cause, and of a test that never ended that it was running. */
function isSaid(text: string, test: TestCase): boolean {
  if (toPlainLine(text) === causeOf(test, 160)) return true;
  return wasInFlight(test) && !text.includes('\n') && text.endsWith(causeOf(test, 10_000));
}

/** GitHub shows no picture that is in an artifact: files are named. */
function renderAttachments({ attachments = [] }: TestCase): string[] {
  if (attachments.length === 0) return [];
  const shown = attachments.slice(0, maxAttachments).map((file) => codeSpan(toPlainLine(file, 300)));
  const more = attachments.length > shown.length ? `, and ${attachments.length - shown.length} more` : '';
  return [`Attachments: ${shown.join(', ')}${more}`, ''];
}

function renderListedTest(test: TestCase): string {
  const cause = causeOf(test, 120);
  return `- ${codeSpan(test.name)}${cause === '' ? '' : ` — ${escapeMarkdown(cause, 120)}`}`;
}

function renderFlaky({ tests }: ReportInput): string {
  const flaky = tests.filter(isFlaky);
  if (flaky.length === 0) return '';
  const shown = flaky
    .slice(0, 50)
    .map(
      (test) =>
        `${renderListedTest(test)} (${formatRetries(test) || `${formatCount(test.flakyRuns ?? 0, 'failed run')} before it passed`})`,
    );
  const more = flaky.length > shown.length ? [`- … and ${flaky.length - shown.length} more in \`report.html\``] : [];
  return `**Flaky tests**\n\n${[...shown, ...more].join('\n')}\n\n`;
}

function renderRetries({ verdict: { retries = [] } }: ReportInput): string {
  const lines = retries.map(({ retry, pod, tests, passed, problem }) => {
    const where = pod === '' ? '' : ` in pod ${codeSpan(pod)}`;
    const why = problem === undefined ? '' : `: ${escapeMarkdown(problem, 300)}`;
    return `- Retry ${retry}${where}: ${passed} of ${formatCount(tests, 'failed test')} passed alone${why}`;
  });
  return lines.length === 0 ? '' : `${lines.join('\n')}\n\n`;
}

function renderQuarantine({ tests }: ReportInput): string {
  const failed = quarantinedTests(tests);
  if (failed.length === 0) return '';
  const shown = failed
    .slice(0, 50)
    .map((test) => `${renderListedTest(test)}  \n  ${escapeMarkdown(toPlainLine(formatQuarantine(test), 300))}`);
  const more = failed.length > shown.length ? [`- … and ${failed.length - shown.length} more in \`report.html\``] : [];
  return `**Failed in quarantine, which does not fail the run**\n\n${[...shown, ...more].join('\n')}\n\n`;
}

function renderTrend({ trend }: ReportInput): string {
  if (trend === undefined || trend.changes.length === 0) return '';
  const shown = trend.changes.slice(0, maxChanges).map((change) => `- ${escapeMarkdown(change, 300)}`);
  const more = trend.changes.length - shown.length;
  if (more > 0) shown.push(`- … and ${more} more in \`report.html\``);
  return `**What this run changed**, against the ${trend.runs.length - 1} runs before\n\n${shown.join('\n')}\n\n`;
}

function renderSlowest({ tests }: ReportInput): string {
  const slowest = slowestTests(tests, 5);
  if (slowest.length === 0) return '';
  const rows = slowest.map((test) => `| ${tableCodeSpan(test.name)} | ${formatDuration(test.seconds)} |`);
  return `<details><summary>Slowest tests</summary>\n\n| test | time |\n|---|--:|\n${rows.join('\n')}\n\n</details>\n\n`;
}

function renderPhases({ verdict }: ReportInput): string {
  if (verdict.phases.length === 0) return '';
  const signs = { passed: '✓', failed: '✗', skipped: '–' };
  const rows = verdict.phases.map(
    ({ name, outcome, seconds }) =>
      `| ${signs[outcome]} ${name} | ${outcome === 'skipped' ? '–' : formatDuration(seconds)} |`,
  );
  const total = `| **whole run** | **${formatDuration(verdict.durationSeconds)}** |`;
  return `<details><summary>Phases</summary>\n\n| phase | time |\n|---|--:|\n${rows.join('\n')}\n${total}\n\n</details>\n\n`;
}

function renderShards({ verdict: { shards } }: ReportInput): string {
  if (shards === undefined) return '';
  const rows = shards.map((one) => {
    const cells = [tableCodeSpan(namePods(one)), String(one.tests), String(one.failed), formatShardTime(one)];
    return `| ${shardSigns[one.outcome]} ${one.shard} | ${cells.join(' | ')} |`;
  });
  // A shard that did not end well should not hide in a folded section.
  const areWell = shards.every(
    ({ outcome, lostPods }) => (outcome === 'passed' || outcome === 'empty') && lostPods === undefined,
  );
  const open = areWell ? '' : ' open';
  return `<details${open}><summary>Shards: ${describeBalance(shards)}</summary>\n\n| shard | pod | tests | failed | time |\n|---|---|--:|--:|--:|\n${rows.join('\n')}\n\n</details>\n\n`;
}

function renderUsage({ usage }: ReportInput): string {
  if (usage === undefined || usage.length === 0) return '';
  const amount = (value: number | undefined, format: (value: number) => string) =>
    value === undefined ? '–' : format(value);
  const sorted = sortUsage(usage);
  const rows = sorted.slice(0, maxUsage).map((one) => {
    const memory = `${formatMemory(one.memoryPeakBytes)}${isCloseToLimit(one) ? ' ⚠️' : ''}`;
    const cpu = formatCores(one.cpuPeakCores);
    return `| ${tableCodeSpan(nameContainer(one))} | ${memory} | ${amount(one.memoryRequestBytes, formatMemory)} | ${amount(one.memoryLimitBytes, formatMemory)} | ${cpu} | ${amount(one.cpuRequestCores, formatCores)} | ${amount(one.cpuLimitCores, formatCores)} |`;
  });
  const more = sorted.length > rows.length ? `\n… and ${sorted.length - rows.length} more in \`report.html\`\n` : '';
  // What is close to its limit should not hide in a folded section.
  const open = sorted.some(isCloseToLimit) ? ' open' : '';
  return `<details${open}><summary>CPU and memory</summary>\n\n| container | memory, at most | request | limit | CPU, at most | request | limit |\n|---|--:|--:|--:|--:|--:|--:|\n${rows.join('\n')}\n${more}\n</details>\n\n`;
}

function renderFoot({ verdict, resultsDir, artifactUrl }: ReportInput): string {
  const { cluster, image, warnings, tier } = verdict;
  const facts = [
    `tier ${codeSpan(tier)}`,
    ...(cluster === null
      ? []
      : [
          `Kubernetes ${codeSpan(cluster.kubernetes)}`,
          `${codeSpan(cluster.kind)} cluster ${codeSpan(cluster.name)} of ${cluster.nodes} ${cluster.nodes === 1 ? 'node' : 'nodes'}`,
          `namespace ${codeSpan(cluster.namespace)}`,
        ]),
    ...(image === null || image.name === '' ? [] : [`image ${codeSpan(image.name)}`]),
  ];
  const artifact =
    artifactUrl !== undefined && /^https:\/\/[^\s()<>"\\]+$/.test(artifactUrl) ? ` — [download](${artifactUrl})` : '';
  const shown = warnings.slice(0, 20).map((warning) => `> ⚠️ ${escapeMarkdown(warning, 300)}`);
  if (warnings.length > shown.length) shown.push(`> ⚠️ and ${warnings.length - shown.length} more in \`result.json\``);
  return [
    ...(shown.length === 0 ? [] : [shown.join('\n>\n'), '']),
    `Files: ${codeSpan(resultsDir, 500)}${artifact}; open \`report.html\` for all tests, logs and events.`,
    '',
    facts.join(' · '),
    '',
  ].join('\n');
}
