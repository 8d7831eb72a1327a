/** The report for readers: one HTML file that needs no network. */
import { createHash } from 'node:crypto';
import type { ShardRecord, TestCase } from '../core/outcome.ts';
import type { JobGrid, ReportedEvent, ReportedLog, ReportedUsage, ReportInput } from '../core/report-model.ts';
import { toPageAttachments } from './attachments.ts';
import { formatCoverage } from './coverage.ts';
import {
  evidenceOf,
  failedTests,
  formatCount,
  formatCounts,
  formatDuration,
  formatProperties,
  formatQuarantine,
  formatRetries,
  isFlaky,
  quarantinedTests,
  wasInFlight,
} from './describe-tests.ts';
import { headlineOf } from './headline.ts';
import { type Html, html, rawText } from './html.ts';
import { aftermathOf, describeIncidents, nameIncident, nameVictims, timeOfDay } from './incident-story.ts';
import { cutMiddle, toPlainLine, toPlainText } from './inert-text.ts';
import { pageScript, pageStyle } from './report-page.ts';
import { describeBalance, formatShardTime, namePods, shardSigns } from './shards.ts';
import { renderTimeline } from './timeline.ts';
import { renderTrend } from './trend-html.ts';
import { formatCores, formatMemory, isCloseToLimit, nameContainer, sortUsage } from './usage.ts';

/** A longer first sentence is set smaller. */
const longSentence = 140;
const maxLogLines = 500;
const maxLogChars = 512 * 1024;
const maxLogs = 100;
const maxEvents = 2000;
const maxIncidents = 200;
const maxUsage = 200;

/**
 * The file in pieces, so that it can be streamed to disk. All tests are in it, as data from which the page builds rows when
 * they are shown. A content security policy forbids the page all network and every script but its own, so that text which was
 * not escaped could do nothing.
 */
export function* renderReportHtml(input: ReportInput): Generator<string> {
  for (const part of renderPage(input)) if (part !== undefined) yield part.toString();
}

function* renderPage(input: ReportInput): Generator<Html | undefined> {
  const { verdict, tests } = input;
  const { mark, outcome, sentence } = headlineOf(verdict, tests, input.incidents);
  const policy = `default-src 'none'; style-src '${hashOf(pageStyle)}'; script-src '${hashOf(pageScript)}'; img-src data:; base-uri 'none'; form-action 'none'`;
  yield html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${toPlainLine(`${mark} ${verdict.tier}: ${sentence}`, 120)}</title>
<style>`;
  yield rawText(pageStyle);
  yield html`</style>
</head>
<body>
<main>
`;
  yield renderVerdict(input, mark, outcome, sentence);
  yield renderContents(input);
  yield renderIncidents(input);
  yield renderGrid(input.grid);
  yield renderShards(verdict.shards ?? []);
  yield* renderTests(input);
  yield renderTrend(input.trend);
  yield renderTimeline(input);
  yield renderUsage(input.usage ?? []);
  yield* renderLogs(sortLogs(input));
  yield renderEvents(input.events ?? []);
  yield renderFooter(input);
  yield html`</main>\n<script>`;
  yield rawText(pageScript);
  yield html`</script>\n</body>\n</html>\n`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function renderVerdict({ verdict, tests: cases }: ReportInput, mark: string, outcome: string, sentence: string): Html {
  const { failure, cluster, image, tests, warnings } = verdict;
  const facts: [string, string][] = [
    ['took', formatDuration(verdict.durationSeconds)],
    ...(tests.total > 0 ? ([['tests', formatCounts(tests)]] as [string, string][]) : []),
    ...(verdict.coverage === undefined ? [] : ([['coverage', formatCoverage(verdict.coverage)]] as [string, string][])),
    ['tier', verdict.tier],
    ...(cluster === null
      ? []
      : ([
          ['Kubernetes', cluster.kubernetes],
          ['cluster', `${cluster.name} (${cluster.kind}, ${cluster.nodes} ${cluster.nodes === 1 ? 'node' : 'nodes'})`],
          ['namespace', cluster.namespace],
        ] as [string, string][])),
    ...(image === null || image.name === '' ? [] : ([['image', image.name]] as [string, string][])),
  ];
  const evidence = failure === null ? '' : toPlainText(evidenceOf(failure, cases).join('\n')).trim();
  return html`<section class="verdict ${verdict.outcome}-run" aria-label="Verdict">
<div class="outcome"><span class="mark" aria-hidden="true">${mark}</span>${toPlainLine(outcome)}</div>
<h1${sentence.length > longSentence ? html` class="long"` : ''}>${toPlainLine(sentence)}</h1>
${failure !== null && failure.hint !== '' ? html`<p class="hint"><b>What to do:</b> ${toPlainLine(failure.hint)}</p>\n` : ''}${
  evidence === '' ? '' : html`<pre tabindex="0">${cutMiddle(evidence, 20_000)}</pre>\n`
}<ul class="facts">${facts.map(([name, value]) => html`<li>${name} <b>${toPlainLine(value, 200)}</b></li>`)}</ul>
${warnings.slice(0, 50).map((warning) => html`<p class="warning">⚠ ${toPlainLine(warning)}</p>\n`)}</section>
`;
}

/** Links to parts of the page, for readers with a specific question. */
function renderContents({
  verdict,
  tests,
  events,
  logs,
  usage,
  incidents,
  trend,
  grid,
}: ReportInput): Html | undefined {
  const red = failedTests(tests).length;
  const links: [string, string, boolean][] = [
    ['incidents', formatCount(incidents?.length ?? 0, 'incident'), (incidents?.length ?? 0) > 0],
    ['jobs', 'Jobs', grid !== undefined],
    ['test-list', red > 0 ? formatCount(red, 'failed test') : 'Tests', tests.length > 0],
    ['shards', formatCount(verdict.shards?.length ?? 0, 'shard'), verdict.shards !== undefined],
    ['trend', trend?.changes.length ? formatCount(trend.changes.length, 'change') : 'Trend', trend !== undefined],
    ['timeline', 'Timeline', verdict.phases.length > 0],
    ['usage', 'CPU and memory', (usage?.length ?? 0) > 0],
    ['logs', formatCount(logs.length, 'log'), logs.length > 0],
    ['events', formatCount(events?.length ?? 0, 'event'), (events?.length ?? 0) > 0],
  ];
  const shown = links.filter(([, , isThere]) => isThere);
  if (shown.length < 2) return undefined;
  return html`<nav aria-label="On this page">${shown.map(([id, label]) => html`<a href="#${id}">${label}</a>`)}</nav>\n`;
}

/** Jobs of a matrix, and how each suite went in them. */
function renderGrid(grid: JobGrid | undefined): Html | undefined {
  if (grid === undefined) return undefined;
  const { suites, jobs, more } = grid;
  const paint = (cell: string) => (cell.startsWith('✗') ? html`<b>${cell}</b>` : cell);
  const rows = jobs.map(
    ({ name, hasPassed, cells }) =>
      html`<tr><td>${hasPassed ? '✓' : '✗'} ${toPlainLine(name, 100)}</td>${cells.map((cell, i) => html`<td data-name="${toPlainLine(suites[i] ?? '', 60)}">${paint(cell)}</td>`)}</tr>\n`,
  );
  return html`<section id="jobs" aria-labelledby="jobs-title">
<h2 id="jobs-title">Jobs</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Jobs and suites"><table class="usage"><thead><tr><th>job</th>${suites.map((name) => html`<th class="mono">${toPlainLine(name, 60)}</th>`)}</tr></thead><tbody>
${rows}</tbody></table></div>
${more > 0 ? html`<p class="note">… and ${formatCount(more, 'more job')}.</p>\n` : ''}</section>
`;
}

/** Incidents of the platform, with the tests that failed beside each of them. */
function renderIncidents({ incidents, tests }: ReportInput): Html | undefined {
  const stories = describeIncidents(incidents ?? [], tests);
  if (stories.length === 0) return undefined;
  const items = stories.slice(0, maxIncidents).map((one) => {
    const victims = one.failed
      .slice(0, 20)
      .map(
        (test) =>
          html`<li><span class="at">${toPlainLine(timeOfDay(test.endedAt ?? ''), 40)}</span> <span class="mono">${toPlainLine(test.name, 200)}</span> failed</li>`,
      );
    if (one.failed.length > victims.length)
      victims.push(html`<li>… and ${one.failed.length - victims.length} more</li>`);
    const list = victims.length === 0 ? '' : html`<ul>${victims}</ul>`;
    const within = nameVictims(one);
    return html`<li><span class="at">${toPlainLine(timeOfDay(one.incident.at), 40)}</span> <b>${toPlainLine(nameIncident(one.incident))}</b>${aftermathOf(one.incident)}${within === '' ? '' : ` — ${within}`}${list}</li>`;
  });
  const left =
    stories.length > items.length
      ? html`<p class="empty">${formatCount(stories.length - items.length, 'more incident')}</p>\n`
      : '';
  return html`<section id="incidents" aria-labelledby="incidents-title">
<h2 id="incidents-title">What happened to the platform while the tests ran</h2>
<ol class="incidents">${items}</ol>
${left}</section>
`;
}

/** Each shard with its time. */
function renderShards(shards: readonly ShardRecord[]): Html | undefined {
  if (shards.length === 0) return undefined;
  const rows = shards.map(
    (one) =>
      html`<tr><td data-name="shard">${shardSigns[one.outcome]} ${one.shard}</td><td class="mono">${toPlainLine(namePods(one), 300)}</td><td data-name="tests">${one.tests}</td><td data-name="failed">${one.failed}</td><td data-name="time">${formatShardTime(one)}</td></tr>`,
  );
  return html`<section id="shards" aria-labelledby="shards-title">
<h2 id="shards-title">Shards</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Shards of the suite"><table class="usage"><thead><tr><th>shard</th><th>pod</th><th>tests</th><th>failed</th><th>time</th></tr></thead><tbody>
${rows}
</tbody></table></div>
<p class="note">${describeBalance(shards)}</p>
</section>
`;
}

/** What containers used at most, as a bar against their limit, with a mark at their request. */
function renderUsage(usage: readonly ReportedUsage[]): Html | undefined {
  if (usage.length === 0) return undefined;
  const rows = sortUsage(usage).slice(0, maxUsage).map(renderUsageRow);
  return html`<section id="usage" aria-labelledby="usage-title">
<h2 id="usage-title">CPU and memory</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Usage of CPU and memory"><table class="usage"><thead><tr><th>container</th><th>memory, at most</th><th>request</th><th>limit</th><th>CPU, at most</th><th>request</th><th>limit</th></tr></thead><tbody>
${rows}
</tbody></table></div>
<p class="note">As the kubelet measured it every few seconds; a short peak between two looks is not seen.</p>
</section>
`;
}

function renderUsageRow(one: ReportedUsage): Html {
  const amount = (name: string, value: number | undefined, format: (value: number) => string): Html =>
    html`<td data-name="${name}">${value === undefined ? html`<span class="soft">–</span>` : format(value)}</td>`;
  return html`<tr${isCloseToLimit(one) ? html` class="close"` : ''}><td class="mono">${toPlainLine(nameContainer(one), 300)}</td>${[
    html`<td data-name="memory, at most"><b>${formatMemory(one.memoryPeakBytes)}</b>${renderGauge(one.memoryPeakBytes, one.memoryRequestBytes, one.memoryLimitBytes)}</td>`,
    amount('memory request', one.memoryRequestBytes, formatMemory),
    amount('memory limit', one.memoryLimitBytes, formatMemory),
    html`<td data-name="CPU, at most"><b>${formatCores(one.cpuPeakCores)}</b>${renderGauge(one.cpuPeakCores, one.cpuRequestCores, one.cpuLimitCores)}</td>`,
    amount('CPU request', one.cpuRequestCores, formatCores),
    amount('CPU limit', one.cpuLimitCores, formatCores),
  ]}</tr>`;
}

/** A bar whose whole length is the limit, or else the request: without either there is nothing to compare with. */
function renderGauge(peak: number, request: number | undefined, limit: number | undefined): Html | undefined {
  const whole = limit ?? request ?? 0;
  if (whole <= 0) return undefined;
  const scale = Math.max(whole, peak);
  const percent = (value: number) => `${Math.min(100, (value / scale) * 100).toFixed(1)}%`;
  const mark =
    request === undefined || request > scale
      ? ''
      : html`<line x1="${percent(request)}" x2="${percent(request)}" y1="0" y2="100%"/>`;
  return html`<svg class="gauge" aria-hidden="true"><rect width="${percent(peak)}" height="100%"/>${mark}</svg>`;
}

function* renderTests({ verdict, tests, pictures = new Map() }: ReportInput): Generator<Html> {
  if (tests.length === 0) return;
  const withStatus = (status: string): number => tests.filter((test) => test.status === status).length;
  const groups: [string, string, number][] = [
    ['all', 'All', tests.length],
    ['failed', 'Failed', failedTests(tests).length],
    ['flaky', 'Flaky', tests.filter(isFlaky).length],
    ['quarantine', 'Failed in quarantine', quarantinedTests(tests).length],
    ['reconstructed', 'Reconstructed', tests.filter(({ reconstructed }) => reconstructed === true).length],
    ['skipped', 'Skipped', withStatus('skipped')],
    ['passed', 'Passed', withStatus('passed')],
  ];
  const buttons = groups
    .filter(([name, , count]) => name === 'all' || count > 0)
    .map(
      ([name, label, count]) =>
        html`<button type="button" data-filter="${name}" aria-pressed="false">${name === 'all' || name === 'reconstructed' || name === 'quarantine' ? '' : html`<span class="dot ${name}"></span>`}${label} <span class="count">${count.toLocaleString('en-US')}</span></button>`,
    );
  const leftOut = verdict.tests.total - tests.length;
  yield html`<section id="test-list" aria-labelledby="tests-title">
<h2 id="tests-title">Tests</h2>
${renderBar(tests)}
<div class="filters">
${buttons}
<input id="search" type="search" placeholder="Search name, file or message  ( / )" aria-label="Search tests" aria-describedby="found">
<select id="order" aria-label="Order"><option value="worst">worst first</option><option value="slowest">slowest first</option><option value="name">by name</option><option value="file">as reported</option></select>
</div>
${leftOut > 0 ? html`<p class="empty">${leftOut.toLocaleString('en-US')} more tests are counted but not listed; the tests’ own report in junit/ has them.</p>\n` : ''}<ul class="tests" id="tests"></ul>
<p class="empty" id="found" role="status"></p>
<button type="button" class="more" id="more" hidden></button>
<noscript><p class="empty">The list of tests needs JavaScript; junit.xml beside this file holds the same.</p></noscript>
</section>
<script type="application/json" id="tests-data">[`;
  for (const [index, test] of tests.entries())
    yield rawText(`${index === 0 ? '' : ',\n'}${toInertJson(toPageTest(test, pictures))}`);
  yield html`]</script>\n`;
}

function renderBar(tests: readonly TestCase[]): Html {
  let x = 0;
  const parts = (['failed', 'error', 'skipped', 'passed'] as const).map((status) => {
    const count = tests.filter((test) => test.status === status).length;
    // One failure among thousands is still to be seen.
    const width = count === 0 ? 0 : Math.max((count / tests.length) * 1000, status === 'passed' ? 0 : 6);
    const rect =
      count === 0
        ? ''
        : html`<rect class="${status}" x="${x.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="10"/>`;
    x += width;
    return rect;
  });
  return html`<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">${parts}</svg>`;
}

/** What the page needs of a test, without what is empty. */
function toPageTest(test: TestCase, pictures: ReadonlyMap<string, string>): Record<string, unknown> {
  const { suite, name, classname, file, line, seconds, status, message, details, flakyRuns, reconstructed } = test;
  const properties = formatProperties(test);
  const quarantine = formatQuarantine(test);
  const attachments = toPageAttachments(test, pictures);
  const retries = formatRetries(test);
  return {
    name: toPlainLine(name, 2000),
    suite: toPlainLine(suite, 500),
    classname: toPlainLine(classname, 500),
    status,
    seconds: Math.round(seconds * 1000) / 1000,
    ...(file === undefined ? {} : { file: toPlainLine(file, 500) }),
    ...(line === undefined ? {} : { line }),
    ...(message === '' ? {} : { message: toPlainText(message) }),
    ...(details === '' ? {} : { details: toPlainText(details) }),
    ...(properties === '' ? {} : { properties: toPlainLine(properties, 1000) }),
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(flakyRuns === undefined ? {} : { flakyRuns }),
    ...(retries === '' ? {} : { retries }),
    ...(quarantine === '' ? {} : { quarantine: toPlainLine(quarantine, 1200) }),
    ...(test.quarantine?.failed === true ? { excused: true } : {}),
    ...(reconstructed === true ? { reconstructed } : {}),
    ...(wasInFlight(test) ? { inFlight: true } : {}),
  };
}

/**
 * JSON that cannot end the script element that contains it
 * (https://html.spec.whatwg.org/#restrictions-for-contents-of-script-elements).
 */
function toInertJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026');
}

/** A log, and whether a reader of this page probably needs it. */
interface RankedLog extends ReportedLog {
  isSuspect: boolean;
}

/**
 * First the logs of pods that the failure names, then those of pods that failed or were restarted, then of those that ended.
 */
function sortLogs({ logs, pods, verdict: { failure } }: ReportInput): RankedLog[] {
  const said = failure === null ? '' : [failure.reason, ...failure.evidence].join('\n');
  const lives = new Map((pods ?? []).map((pod) => [pod.name, pod]));
  const rankOf = ({ pod }: ReportedLog): number => {
    if (pod !== '' && said.includes(pod)) return 0;
    const life = lives.get(pod);
    if (life?.end === 'failed' || (life?.restarts.length ?? 0) > 0) return 1;
    return life?.end === undefined ? 3 : 2;
  };
  // Of a container that was restarted, the log of its former run shows why.
  const isFormer = ({ container }: ReportedLog) => (container.endsWith('.previous') ? 0 : 1);
  const ranked = logs
    .map((log) => ({ log, rank: rankOf(log) }))
    .sort((a, b) => a.rank - b.rank || a.log.pod.localeCompare(b.log.pod) || isFormer(a.log) - isFormer(b.log));
  return ranked.map(({ log, rank }) => ({ ...log, isSuspect: rank === 0 }));
}

function* renderLogs(logs: readonly RankedLog[]): Generator<Html> {
  if (logs.length === 0) return;
  yield html`<section id="logs" aria-labelledby="logs-title">\n<h2 id="logs-title">Logs</h2>\n`;
  for (const [index, { pod, container, path, lastLines, isSuspect }] of logs.slice(0, maxLogs).entries()) {
    const lines = lastLines.slice(-maxLogLines);
    const text = toPlainText(lines.join('\n').slice(-maxLogChars));
    yield html`<details${isSuspect && index === 0 ? html` open` : ''}><summary><span class="mono">${toPlainLine(`${pod} / ${container}`, 300)}</span><span class="path">${lines.length === 0 ? 'empty' : `last ${formatCount(lines.length, 'line')} of`} ${toPlainLine(path, 300)}</span></summary><pre tabindex="0">${text}</pre></details>\n`;
  }
  if (logs.length > maxLogs) yield html`<p class="empty">${logs.length - maxLogs} more logs are in logs/.</p>\n`;
  yield html`</section>\n`;
}

function renderEvents(events: readonly ReportedEvent[]): Html | undefined {
  if (events.length === 0) return undefined;
  const sorted = [...events].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const warnings = sorted.filter(({ type }) => type === 'Warning');
  return html`<section id="events" aria-labelledby="events-title">
<h2 id="events-title">Events of the cluster</h2>
${warnings.length === 0 ? '' : html`<details open><summary>${formatCount(warnings.length, 'warning')}</summary>\n${renderEventTable(warnings, 'Warnings')}</details>\n`}<details><summary>${events.length === 1 ? 'the only event' : `all ${formatCount(events.length, 'event')}`}</summary>
${renderEventTable(sorted, 'Events')}</details>
</section>
`;
}

function renderEventTable(events: readonly ReportedEvent[], label: string): Html {
  const rows = events
    .slice(0, maxEvents)
    .map(
      ({ at, type, object, reason, message, count }) =>
        html`<tr${type === 'Warning' ? html` class="warn"` : ''}><td class="at">${toPlainLine(timeOfDay(at), 100)}</td><td class="object">${toPlainLine(object, 200)}</td><td class="reason">${toPlainLine(reason, 100)}${count === undefined ? '' : ` ×${Math.trunc(count)}`}</td><td>${toPlainLine(message, 1000)}</td></tr>`,
    );
  const left = events.length - rows.length;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table><thead><tr><th>time</th><th>object</th><th>reason</th><th>message</th></tr></thead><tbody>
${rows}
</tbody></table></div>
${left > 0 ? html`<p class="empty">${left} more are in cluster/.</p>\n` : ''}`;
}

function renderFooter({ resultsDir, artifactUrl, startedAt }: ReportInput): Html {
  const link =
    artifactUrl !== undefined && /^https:\/\/[^\s<>"']+$/.test(artifactUrl)
      ? ` · <a href="${artifactUrl}" rel="noreferrer">artifact</a>`
      : '';
  const started = startedAt === undefined ? '' : `Run of ${toPlainLine(startedAt, 40)} · `;
  return html`<footer>${started}files in <span class="mono">${toPlainLine(resultsDir)}</span>${link}</footer>\n`;
}
