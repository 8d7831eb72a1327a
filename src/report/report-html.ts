/** The report a person opens: one HTML file that needs no network. */
import { createHash } from 'node:crypto';
import type { PhaseRecord, TestCase, Verdict } from '../outcome.ts';
import { failedTests, formatCount, formatCounts, formatDuration, headlineOf, isFlaky } from './headline.ts';
import { cutMiddle, escapeHtml, toPlainLine, toPlainText } from './inert-text.ts';
import type { ReportedEvent, ReportedLog, ReportInput, TimedPhase } from './report-input.ts';
import { pageScript, pageStyle } from './report-page.ts';

const maxLogLines = 500;
const maxLogChars = 512 * 1024;
const maxLogs = 100;
const maxEvents = 2000;

/**
 * The file in pieces, so that it can be streamed to disk. All tests are in it, as data from which the page builds rows
 * as they are looked at. A content security policy forbids the page all network and every script but its own, so that
 * text which slipped through the escaping still could do nothing.
 */
export function* renderReportHtml(input: ReportInput): Generator<string> {
  const { verdict, tests } = input;
  const { mark, outcome, sentence } = headlineOf(verdict, tests);
  const policy = `default-src 'none'; style-src '${hashOf(pageStyle)}'; script-src '${hashOf(pageScript)}'; base-uri 'none'; form-action 'none'`;
  yield `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${html(`${mark} ${verdict.tier}: ${sentence}`, 120)}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
`;
  yield renderVerdict(verdict, mark, outcome, sentence);
  yield renderTimeline(input);
  yield* renderTests(verdict, tests);
  yield* renderLogs(input.logs);
  yield renderEvents(input.events ?? []);
  yield renderFooter(input);
  yield `</main>\n<script>${pageScript}</script>\n</body>\n</html>\n`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function html(text: string, maxChars = 500): string {
  return escapeHtml(toPlainLine(text, maxChars));
}

function renderVerdict(verdict: Verdict, mark: string, outcome: string, sentence: string): string {
  const { failure, cluster, image, tests, warnings } = verdict;
  const facts: [string, string][] = [
    ['took', formatDuration(verdict.durationSeconds)],
    ...(tests.total > 0 ? ([['tests', formatCounts(tests)]] as [string, string][]) : []),
    ['tier', verdict.tier],
    ...(cluster === null
      ? []
      : ([
          ['Kubernetes', cluster.kubernetes],
          ['cluster', `${cluster.name} (${cluster.kind}, ${cluster.nodes} ${cluster.nodes === 1 ? 'node' : 'nodes'})`],
          ['namespace', cluster.namespace],
        ] as [string, string][])),
    ...(image === null ? [] : ([['image', image.name]] as [string, string][])),
  ];
  const evidence = failure === null ? '' : toPlainText(failure.evidence.join('\n')).trim();
  return `<section class="verdict ${verdict.outcome}-run" aria-label="Verdict">
<div class="outcome"><span class="mark" aria-hidden="true">${mark}</span>${html(outcome)}</div>
<h1>${html(sentence)}</h1>
${failure !== null && failure.hint !== '' ? `<p class="hint"><b>What to do:</b> ${html(failure.hint)}</p>\n` : ''}${
  evidence === '' ? '' : `<pre tabindex="0">${escapeHtml(cutMiddle(evidence, 20_000))}</pre>\n`
}<ul class="facts">${facts.map(([name, value]) => `<li>${name} <b>${html(value, 200)}</b></li>`).join('')}</ul>
${warnings
  .slice(0, 50)
  .map((warning) => `<p class="warning">⚠ ${html(warning)}</p>\n`)
  .join('')}</section>
`;
}

/** Phases with times where there are none: one after another, in the order in which they ended. */
export function placePhases(phases: readonly PhaseRecord[]): TimedPhase[] {
  let startSeconds = 0;
  return phases.map((phase) => {
    const placed = { ...phase, startSeconds };
    startSeconds += phase.seconds;
    return placed;
  });
}

function renderTimeline({ verdict, phases, events, startedAt }: ReportInput): string {
  const placed = (phases ?? placePhases(verdict.phases)).filter(({ outcome }) => outcome !== 'skipped');
  if (placed.length === 0) return '';
  const end = Math.max(
    verdict.durationSeconds,
    ...placed.map(({ startSeconds, seconds }) => startSeconds + seconds),
    0.001,
  );
  const scale = (seconds: number): number => Math.min(1000, Math.max(0, (seconds / end) * 1000));
  const rows = placed.map(({ name, outcome, startSeconds, seconds }) => {
    const width = Math.max(3, scale(seconds));
    const x = Math.min(scale(startSeconds), 1000 - width);
    const told = `${name} ${outcome} in ${formatDuration(seconds)}, ${formatDuration(startSeconds)} after the begin`;
    return `<dt>${name}</dt><dd><svg viewBox="0 0 1000 14" preserveAspectRatio="none" role="img" aria-label="${html(told)}"><title>${html(told)}</title><rect class="${outcome}" x="${x.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="14"/></svg></dd><dd class="seconds">${formatDuration(seconds)}</dd>`;
  });
  const begin = startedAt === undefined ? Number.NaN : Date.parse(startedAt);
  const ticks = (events ?? [])
    .filter(({ type }) => type === 'Warning')
    .map((event) => ({ event, seconds: (Date.parse(event.at) - begin) / 1000 }))
    .filter(({ seconds }) => seconds >= 0 && seconds <= end)
    .slice(0, 500);
  if (ticks.length > 0) {
    const lines = ticks.map(({ event, seconds }) => {
      const x = scale(seconds).toFixed(1);
      const told = `${formatDuration(seconds)}: ${event.object} ${event.reason}: ${event.message}`;
      return `<line class="tick" x1="${x}" x2="${x}" y1="0" y2="14"><title>${html(told, 300)}</title></line>`;
    });
    rows.push(
      `<dt>warnings</dt><dd><svg viewBox="0 0 1000 14" preserveAspectRatio="none" role="img" aria-label="${ticks.length} warning events of the cluster">${lines.join('')}</svg></dd><dd class="seconds">${ticks.length}</dd>`,
    );
  }
  return `<section aria-label="Phases">\n<h2>Timeline</h2>\n<dl class="timeline">\n${rows.join('\n')}\n</dl>\n</section>\n`;
}

function* renderTests(verdict: Verdict, tests: readonly TestCase[]): Generator<string> {
  if (tests.length === 0) return;
  const withStatus = (status: string): number => tests.filter((test) => test.status === status).length;
  const groups: [string, string, number][] = [
    ['all', 'All', tests.length],
    ['failed', 'Failed', failedTests(tests).length],
    ['flaky', 'Flaky', tests.filter(isFlaky).length],
    ['skipped', 'Skipped', withStatus('skipped')],
    ['passed', 'Passed', withStatus('passed')],
  ];
  const buttons = groups
    .filter(([name, , count]) => name === 'all' || count > 0)
    .map(
      ([name, label, count]) =>
        `<button type="button" data-filter="${name}" aria-pressed="false">${name === 'all' ? '' : `<span class="dot ${name}"></span>`}${label} <span class="count">${count.toLocaleString('en-US')}</span></button>`,
    );
  const leftOut = verdict.tests.total - tests.length;
  yield `<section aria-label="Tests">
<h2>Tests</h2>
${renderBar(tests)}
<div class="filters">
${buttons.join('\n')}
<input id="search" type="search" placeholder="Search name, file or message   ( / )" aria-label="Search tests">
<select id="order" aria-label="Order"><option value="worst">worst first</option><option value="slowest">slowest first</option><option value="name">by name</option><option value="file">as reported</option></select>
</div>
${leftOut > 0 ? `<p class="empty">${leftOut.toLocaleString('en-US')} more tests are counted but not listed; the tests’ own report in junit/ has them.</p>\n` : ''}<ul class="tests" id="tests"></ul>
<p class="empty" id="empty" hidden>No test matches.</p>
<button type="button" class="more" id="more" hidden></button>
<noscript><p class="empty">The list of tests needs JavaScript; junit.xml beside this file holds the same.</p></noscript>
</section>
<script type="application/json" id="tests-data">[`;
  for (const [index, test] of tests.entries()) yield `${index === 0 ? '' : ',\n'}${toInertJson(toPageTest(test))}`;
  yield ']</script>\n';
}

function renderBar(tests: readonly TestCase[]): string {
  let x = 0;
  const parts = (['failed', 'error', 'skipped', 'passed'] as const).map((status) => {
    const count = tests.filter((test) => test.status === status).length;
    // One failure among thousands is still to be seen.
    const width = count === 0 ? 0 : Math.max((count / tests.length) * 1000, status === 'passed' ? 0 : 6);
    const rect =
      count === 0 ? '' : `<rect class="${status}" x="${x.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="10"/>`;
    x += width;
    return rect;
  });
  return `<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">${parts.join('')}</svg>`;
}

/** What the page needs of a test, without what is empty. */
function toPageTest(test: TestCase): Record<string, unknown> {
  const { suite, name, classname, file, line, seconds, status, message, details, flakyRuns, rebuilt } = test;
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
    ...(flakyRuns === undefined ? {} : { flakyRuns }),
    ...(rebuilt === true ? { rebuilt } : {}),
  };
}

/** JSON that cannot end the script element in which it stands (https://html.spec.whatwg.org/#restrictions-for-contents-of-script-elements). */
function toInertJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026');
}

function* renderLogs(logs: readonly ReportedLog[]): Generator<string> {
  if (logs.length === 0) return;
  yield '<section aria-label="Logs">\n<h2>Logs</h2>\n';
  for (const { pod, container, path, lastLines } of logs.slice(0, maxLogs)) {
    const lines = lastLines.slice(-maxLogLines);
    const text = toPlainText(lines.join('\n').slice(-maxLogChars));
    yield `<details><summary><span class="mono">${html(`${pod} / ${container}`, 300)}</span><span class="path">${lines.length === 0 ? 'empty' : `last ${formatCount(lines.length, 'line')} of`} ${html(path, 300)}</span></summary><pre tabindex="0">${escapeHtml(text)}</pre></details>\n`;
  }
  if (logs.length > maxLogs) yield `<p class="empty">${logs.length - maxLogs} more logs are in logs/.</p>\n`;
  yield '</section>\n';
}

function renderEvents(events: readonly ReportedEvent[]): string {
  if (events.length === 0) return '';
  // Of too many, the warnings are worth more than the rest.
  const kept = [...events.filter(({ type }) => type === 'Warning'), ...events.filter(({ type }) => type !== 'Warning')]
    .slice(0, maxEvents)
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const rows = kept.map(
    ({ at, type, object, reason, message }) =>
      `<tr${type === 'Warning' ? ' class="warn"' : ''}><td class="at">${html(timeOfDay(at))}</td><td>${html(object, 200)}</td><td class="reason">${html(reason, 100)}</td><td>${html(message, 1000)}</td></tr>`,
  );
  const warnings = events.filter(({ type }) => type === 'Warning').length;
  const told = `${formatCount(events.length, 'event')}, ${formatCount(warnings, 'warning')} among them`;
  return `<section aria-label="Events">
<h2>Events of the cluster</h2>
<details${warnings > 0 ? ' open' : ''}><summary>${told}</summary>
<div class="scroll" tabindex="0"><table><thead><tr><th>time</th><th>object</th><th>reason</th><th>message</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div>
${events.length > kept.length ? `<p class="empty">${events.length - kept.length} more are in cluster/.</p>\n` : ''}</details>
</section>
`;
}

/** `12:04:31` of an ISO time; whatever else it is, as it is. */
function timeOfDay(at: string): string {
  return /T(\d\d:\d\d:\d\d)/.exec(at)?.[1] ?? at;
}

function renderFooter({ resultsDir, artifactUrl, startedAt }: ReportInput): string {
  const link =
    artifactUrl !== undefined && /^https:\/\/[^\s<>"']+$/.test(artifactUrl)
      ? ` · <a href="${escapeHtml(artifactUrl)}" rel="noreferrer">artifact</a>`
      : '';
  const started = startedAt === undefined ? '' : `Run of ${html(startedAt, 40)} · `;
  return `<footer>${started}files in <span class="mono">${html(resultsDir)}</span>${link}</footer>\n`;
}
