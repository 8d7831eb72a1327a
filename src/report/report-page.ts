/** Style and script of report.html. The script builds all that it shows with `textContent`, never from markup. */

export const pageStyle = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1c2128; --soft: #59636e; --line: #d9dee4; --hover: #f0f3f6; --code: #f4f6f8;
  --passed: #1a7f37; --failed: #cf222e; --error: #a4133c; --skipped: #818b98; --flaky: #9a6700; --accent: #0969da;
  --passed-soft: #dafbe1; --failed-soft: #ffebe9; --cancelled: #6e7781; --cancelled-soft: #eaeef2;
  --unplaced: #afb8c1; --pulling: #d4a72c; --init: #a475f9; --starting: #b6d7ff; --running: #54aeff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1117; --card: #151b23; --ink: #e6edf3; --soft: #9198a1; --line: #2f3742; --hover: #1c232d; --code: #0d1117;
    --passed: #3fb950; --failed: #ff6a61; --error: #ff7b9c; --skipped: #8b949e; --flaky: #d29922; --accent: #58a6ff;
    --passed-soft: #12261e; --failed-soft: #2b1719; --cancelled: #9198a1; --cancelled-soft: #21262d;
    --unplaced: #57606a; --pulling: #bb8009; --init: #8957e5; --starting: #1f4a7d; --running: #388bfd;
  }
}
* { box-sizing: border-box; } [hidden] { display: none !important; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 64px; }
code, pre, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; }
pre { margin: 0; padding: 12px 14px; background: var(--code); border: 1px solid var(--line); border-radius: 8px; overflow: auto; max-height: 480px; line-height: 1.45; tab-size: 4; white-space: pre-wrap; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 0 0 12px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 18px 20px; margin-top: 16px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 6px; }
.verdict { border-left: 6px solid var(--tone); background: linear-gradient(90deg, var(--tone-soft), var(--card) 70%); margin-top: 0; padding: 22px 24px; }
.passed-run { --tone: var(--passed); --tone-soft: var(--passed-soft); }
.failed-run, .broken-run { --tone: var(--failed); --tone-soft: var(--failed-soft); }
.cancelled-run { --tone: var(--cancelled); --tone-soft: var(--cancelled-soft); }
.verdict .outcome { color: var(--tone); font-weight: 700; letter-spacing: .02em; font-size: 14px; display: flex; gap: 8px; align-items: center; }
.verdict .mark { display: inline-grid; place-items: center; width: 22px; height: 22px; border-radius: 50%; background: var(--tone); color: var(--card); font-size: 13px; font-weight: 800; }
.verdict h1 { font-size: 22px; line-height: 1.3; margin: 8px 0 0; overflow-wrap: anywhere; text-wrap: pretty; } .verdict h1::first-letter { text-transform: uppercase; }
.verdict h1.long { font-size: 17px; } .hint { margin: 10px 0 0; } .hint b { color: var(--tone); }
.verdict pre { margin-top: 14px; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 14px 0 0; padding: 0; list-style: none; color: var(--soft); font-size: 13px; }
.facts b { color: var(--ink); font-weight: 600; overflow-wrap: anywhere; }
.warning { margin: 8px 0 0; color: var(--flaky); overflow-wrap: anywhere; }
.bar { display: block; width: 100%; height: 10px; border-radius: 5px; background: var(--line); overflow: hidden; }
.bar .passed, .dot.passed { fill: var(--passed); background: var(--passed); } .bar .failed, .dot.failed { fill: var(--failed); background: var(--failed); }
.bar .error, .dot.error { fill: var(--error); background: var(--error); } .bar .skipped, .dot.skipped { fill: var(--skipped); background: var(--skipped); }
.dot.flaky { background: var(--flaky); }
.filters { display: flex; flex-wrap: wrap; gap: 8px; margin: 14px 0; align-items: center; }
.filters button, .more { font: inherit; font-size: 13px; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 999px; padding: 4px 12px; cursor: pointer; display: inline-flex; align-items: center; gap: 7px; }
.filters button:hover, .more:hover { background: var(--hover); }
.filters button[aria-pressed="true"] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
.filters input { font: inherit; flex: 1 1 220px; min-width: 0; color: var(--ink); background: var(--page); border: 1px solid var(--line); border-radius: 8px; padding: 5px 12px; font-size: 14px; }
.filters select { font: inherit; font-size: 13px; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 5px 8px; }
.dot { display: inline-block; flex: none; width: 9px; height: 9px; border-radius: 50%; }
.count { color: var(--soft); font-variant-numeric: tabular-nums; }
.tests { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
.tests > li { border-bottom: 1px solid var(--line); }
.test { display: grid; grid-template-columns: 9px minmax(0, 1fr) auto; gap: 2px 12px; align-items: baseline; width: 100%; padding: 8px 6px; font: inherit; color: inherit; text-align: left; background: none; border: 0; cursor: pointer; }
.test:hover { background: var(--hover); }
.test .name { overflow-wrap: anywhere; font-weight: 500; }
.test .where { color: var(--soft); font-weight: 400; margin-left: 8px; font-size: 13px; }
.test .cause { grid-column: 2 / -1; color: var(--soft); font-size: 13px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.test .time { color: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
.red .cause { color: var(--failed); }
.badge.alarm { color: var(--failed); } .badge { font-size: 11px; font-weight: 600; color: var(--flaky); border: 1px solid currentColor; border-radius: 999px; padding: 0 7px; margin-left: 8px; white-space: nowrap; }
.details { padding: 2px 6px 14px 27px; display: grid; gap: 8px; }
.details p { margin: 0; color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
.details h3 { margin: 4px 0 0; font-size: 13px; color: var(--soft); font-weight: 600; }
.more { margin-top: 14px; }
.empty { color: var(--soft); margin: 12px 0 0; }
.timeline h3 { margin: 12px 0 4px; font-size: 13px; color: var(--soft); font-weight: 600; }
.row { display: grid; grid-template-columns: minmax(0, 240px) minmax(0, 1fr) minmax(0, 150px); gap: 0 14px; align-items: center; font-size: 13px; padding: 2px 0; }
.row .label { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .row .beside { color: var(--soft); font-variant-numeric: tabular-nums; }
.row svg { display: block; width: 100%; height: 16px; background: var(--hover); border-radius: 3px; overflow: hidden; }
.row .grid { stroke: var(--line); stroke-width: 1; } .axis svg { background: none; overflow: visible; } .axis text { fill: var(--soft); font-size: 12px; }
.row .phase { fill: var(--accent); } .row .phase.failed { fill: var(--failed); }
.unplaced { fill: var(--unplaced); background: var(--unplaced); } .pulling { fill: var(--pulling); background: var(--pulling); } .init { fill: var(--init); background: var(--init); }
.starting { fill: var(--starting); background: var(--starting); } .running { fill: var(--running); background: var(--running); } .ready { fill: var(--passed); background: var(--passed); }
.tick { stroke-width: 2; } .tick.warning { stroke: var(--flaky); } .tick.restart, .tick.failure, .tick.incident { stroke: var(--failed); stroke-width: 3; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; margin: 10px 0 0; padding: 0; color: var(--soft); font-size: 13px; }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 14px 4px 0; font-size: 14px; } a { color: var(--accent); }
.incidents { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; } .incidents ul { list-style: none; margin: 4px 0 0; padding: 0 0 0 14px; border-left: 3px solid var(--failed); }
.at { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; } .incidents li { overflow-wrap: anywhere; }
.gauge { display: block; width: 100%; min-width: 90px; height: 6px; margin-top: 4px; background: var(--line); border-radius: 3px; overflow: hidden; } .gauge rect { fill: var(--accent); } .gauge line { stroke: var(--ink); stroke-width: 2; }
.close [data-name^=memory] .gauge rect { fill: var(--failed); } .usage td { font-variant-numeric: tabular-nums; white-space: nowrap; } .usage td:first-child { white-space: normal; } .soft, .note { color: var(--soft); } .note { font-size: 13px; margin: 10px 0 0; }
details > summary { cursor: pointer; padding: 4px 0; overflow-wrap: anywhere; } details[open] > summary { margin-bottom: 8px; }
details .path { color: var(--soft); font-size: 13px; margin-left: 8px; }
.scroll { overflow: auto; max-height: 520px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th { text-align: left; color: var(--soft); font-weight: 600; position: sticky; top: 0; background: var(--card); }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; }
td.object { min-width: 210px; } td.reason { white-space: nowrap; } tr.warn td.reason { color: var(--flaky); font-weight: 600; }
footer { color: var(--soft); font-size: 13px; margin-top: 20px; overflow-wrap: anywhere; }
@media (max-width: 600px) {
  main { padding: 12px 10px 40px; } section { padding: 14px; border-radius: 10px; } .verdict h1 { font-size: 19px; }
  .test .where { display: block; margin-left: 0; } .details { padding-left: 6px; } .filters input { flex-basis: 100%; }
  .row { grid-template-columns: minmax(0, 1fr) auto; gap: 1px 10px; padding: 3px 0; } .row svg { grid-column: 1 / -1; grid-row: 2; } .axis .label, .axis .beside { display: none; }
  table, tbody, tr, td { display: block; } thead { display: none; } tr { border-bottom: 1px solid var(--line); padding: 6px 0; } td, td.reason { border: 0; padding: 1px 0; white-space: normal; }
  .usage td[data-name]::before { content: attr(data-name) ' '; color: var(--soft); } .usage td[data-name$=request], .usage td[data-name$=limit] { display: inline-block; margin-right: 14px; }
  .scroll { max-height: none; }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
@media print { .filters, .more, nav { display: none; } pre, .scroll { max-height: none; } }
`;

export const pageScript = String.raw`
'use strict';
const data = document.getElementById('tests-data');
const tests = data ? JSON.parse(data.textContent) : [];
const list = document.getElementById('tests');
const search = document.getElementById('search');
const order = document.getElementById('order');
const more = document.getElementById('more');
const found = document.getElementById('found');
const buttons = [...document.querySelectorAll('[data-filter]')];
const chunk = 200;
// So much is shown at first: what comes after the tests must stay within reach.
const firstChunk = { failed: 50, all: 10 };
const rank = { error: 0, failed: 0, flaky: 1, skipped: 2, passed: 3 };
let filter = 'all';
let matching = [];
let shown = 0;

const groupOf = (test) => (test.status === 'passed' && test.flakyRuns ? 'flaky' : test.status);
const isRed = (test) => test.status === 'failed' || test.status === 'error';
const isIn = (test) =>
  filter === 'all' ||
  (filter === 'failed' ? isRed(test) : filter === 'flaky' ? groupOf(test) === 'flaky' : filter === 'reconstructed' ? test.reconstructed : test.status === filter);
const place = (test) => (test.file ? test.file + (test.line ? ':' + test.line : '') : '');
const timeOf = (test) => (test.inFlight && test.seconds === 0 ? '' : duration(test.seconds));
const duration = (s) => (s < 0.0995 ? Math.round(s * 1000) + ' ms' : s < 10 ? s.toFixed(2) + ' s' : s < 60 ? s.toFixed(1) + ' s' : Math.floor(s / 60) + ' min ' + String(Math.floor(s % 60)).padStart(2, '0') + ' s');

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function details(test) {
  const box = element('div', 'details');
  const facts = [test.status, test.suite, test.classname, place(test), timeOf(test)];
  if (test.flakyRuns) facts.push('failed runs before: ' + test.flakyRuns);
  if (test.inFlight) facts.push('was running when the run ended');
  else if (test.reconstructed) facts.push('reconstructed, since the run ended before its report was written');
  box.append(element('p', 'mono', facts.filter(Boolean).join('  ·  ')));
  if (test.properties) box.append(element('p', 'mono', test.properties));
  if (test.name.length > 120) box.append(element('pre', '', test.name));
  // A message of one line stands above already, as the cause.
  if (test.message && (test.message.includes('\n') || test.message.length > 300) && !(test.details || '').includes(test.message.split('\n', 1)[0])) box.append(element('pre', '', test.message));
  if (test.details) box.append(element('pre', '', test.details));
  for (const pre of box.querySelectorAll('pre')) pre.tabIndex = 0;
  return box;
}

function toggle(item, test) {
  const button = item.firstChild;
  const open = button.getAttribute('aria-expanded') !== 'true';
  button.setAttribute('aria-expanded', String(open));
  if (open) item.append(details(test));
  else item.lastChild.remove();
}

function row(test) {
  const item = element('li', isRed(test) ? 'red' : '');
  const button = element('button', 'test');
  button.type = 'button';
  button.setAttribute('aria-expanded', 'false');
  const dot = element('span', 'dot ' + groupOf(test));
  dot.setAttribute('role', 'img');
  dot.setAttribute('aria-label', groupOf(test));
  const name = element('span', 'name', test.name.length > 300 ? test.name.slice(0, 300) + '…' : test.name);
  name.append(element('span', 'where mono', place(test) || test.classname || test.suite || ''));
  if (groupOf(test) === 'flaky') name.append(element('span', 'badge', 'flaky'));
  if (test.inFlight) name.append(element('span', 'badge alarm', 'was running'));
  else if (test.reconstructed) name.append(element('span', 'badge', 'reconstructed'));
  button.append(dot, name, element('span', 'time', timeOf(test)));
  const cause = ((test.message || test.details || '').trim().split('\n', 1)[0] || '').slice(0, 300);
  if (cause) button.append(element('span', 'cause mono', cause));
  button.addEventListener('click', () => toggle(item, test));
  item.append(button);
  return item;
}

function showMore(count) {
  const next = matching.slice(shown, shown + count);
  const rows = next.map(row);
  list.append(...rows);
  shown += next.length;
  more.hidden = shown >= matching.length;
  more.textContent = 'Show more (' + (matching.length - shown).toLocaleString('en-US') + ' left)';
  return rows;
}

function refresh() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const says = (test) => {
    if (words.length === 0) return true;
    test.text ??= (test.name + '\n' + test.classname + '\n' + test.suite + '\n' + place(test) + '\n' + (test.message || '') + '\n' + (test.properties || '')).toLowerCase();
    return words.every((word) => test.text.includes(word));
  };
  matching = tests.filter((test) => isIn(test) && says(test));
  if (order.value === 'worst') matching.sort((a, b) => rank[groupOf(a)] - rank[groupOf(b)]);
  if (order.value === 'slowest') matching.sort((a, b) => b.seconds - a.seconds);
  if (order.value === 'name') matching.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  list.replaceChildren();
  shown = 0;
  showMore(words.length > 0 ? firstChunk.failed : firstChunk[filter] || firstChunk.failed);
  found.textContent = matching.length === 0 ? 'No test matches.' : words.length > 0 ? matching.length.toLocaleString('en-US') + ' of ' + tests.length.toLocaleString('en-US') + ' tests match' : '';
  for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.filter === filter));
}

if (list) {
  for (const button of buttons) button.addEventListener('click', () => { filter = button.dataset.filter; refresh(); });
  search.addEventListener('input', refresh);
  order.addEventListener('change', refresh);
  // The button may vanish under the focus: the first of the new tests takes it over.
  more.addEventListener('click', () => showMore(chunk)[0].firstChild.focus());
  document.addEventListener('keydown', (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === '/' && !typing) { event.preventDefault(); search.focus(); }
    if (event.key === 'Escape' && event.target === search) { search.value = ''; refresh(); }
    if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && event.target.classList.contains('test')) {
      const item = event.target.parentNode;
      const next = event.key === 'ArrowDown' ? item.nextSibling : item.previousSibling;
      if (next) { event.preventDefault(); next.firstChild.focus(); }
    }
  });
  if (tests.some(isRed)) filter = 'failed';
  else order.value = 'slowest';
  refresh();
  if (filter === 'failed' && matching.length <= 3) list.firstChild.firstChild.click();
}
`;
