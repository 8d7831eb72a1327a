/** A run against the ones before it, as a section of the page: what changed, a small line for each number, and all numbers. */
import type { Trend, TrendRun } from '../core/report-model.ts';
import { formatCount, formatDuration } from './describe-tests.ts';
import { type Html, html } from './html.ts';
import { timeOfDay } from './incident-story.ts';
import { toPlainLine } from './inert-text.ts';

const maxChanges = 200;
/** Phases that took less than this in every run are left out: their line shows nothing but noise. */
const leastSeconds = 1;
const maxPhases = 12;
/** Of the view box of a line; it is stretched to its place on the page. */
const [width, height, margin] = [200, 40, 3];

/** One number over the runs; undefined in runs that did not have it, such as a phase that was not reached. */
interface Series {
  name: string;
  values: (number | undefined)[];
  format: (value: number) => string;
}

/** The section; none without a trend. */
export function renderTrend(trend: Trend | undefined): Html | undefined {
  if (trend === undefined) return undefined;
  const { runs, changes } = trend;
  const shown = changes.slice(0, maxChanges).map((change) => html`<li>${toPlainLine(change, 300)}</li>`);
  if (changes.length > shown.length) shown.push(html`<li>… and ${changes.length - shown.length} more</li>`);
  const list =
    shown.length === 0
      ? html`<p class="note">This run changed nothing that is worth a word.</p>`
      : html`<ul class="changes">${shown}</ul>`;
  const series = listSeries(runs);
  return html`<section id="trend" aria-labelledby="trend-title">
<h2 id="trend-title">Against the ${formatCount(runs.length - 1, 'run')} before</h2>
${list}
<div class="sparks">${series.map((one) => renderSeries(one, runs))}</div>
<details><summary>all numbers</summary>
${renderTable(series, runs)}</details>
</section>
`;
}

function listSeries(runs: readonly TrendRun[]): Series[] {
  const names = [...new Set(runs.flatMap(({ phases }) => Object.keys(phases)))];
  const phases = names.map((name) => ({
    name: `phase ${name}`,
    values: runs.map((run) => run.phases[name]),
    format: formatDuration,
  }));
  const isLong = ({ values }: Series) => values.some((value) => (value ?? 0) >= leastSeconds);
  return [
    { name: 'whole run', values: runs.map(({ seconds }) => seconds), format: formatDuration },
    {
      name: 'number of tests',
      values: runs.map(({ total }) => total),
      format: (total) => total.toLocaleString('en-US'),
    },
    ...phases.filter(isLong).slice(0, maxPhases),
  ];
}

function renderSeries({ name, values, format }: Series, runs: readonly TrendRun[]): Html {
  // From 0, so that a small change does not look like a large one.
  const most = Math.max(...values.map((value) => value ?? 0), Number.MIN_VALUE);
  const x = (at: number) => margin + (at / Math.max(1, runs.length - 1)) * (width - 2 * margin);
  const y = (value: number) => height - margin - (value / most) * (height - 2 * margin);
  const points = values.flatMap((value, at) =>
    value === undefined ? [] : [`${x(at).toFixed(1)},${y(value).toFixed(1)}`],
  );
  const last = values.at(-1);
  const words = values.map((value) => (value === undefined ? 'none' : format(value))).join(', ');
  const alternative = `${name} in ${formatCount(runs.length, 'run')}, the oldest first: ${words}`;
  const dot = `M${x(runs.length - 1).toFixed(1)} ${y(last ?? 0).toFixed(1)}h0`;
  const outcome = runs.at(-1)?.outcome === 'passed' ? 'passed' : 'failed';
  return html`<figure><figcaption>${toPlainLine(name, 60)} <b class="value">${last === undefined ? '–' : format(last)}</b></figcaption><svg role="img" aria-label="${toPlainLine(alternative, 2000)}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none"><polyline points="${points.join(' ')}"/>${last === undefined ? '' : html`<path class="${outcome}" d="${dot}"/>`}</svg></figure>`;
}

function renderTable(series: readonly Series[], runs: readonly TrendRun[]): Html {
  const head = ['run', 'outcome', ...series.map(({ name }) => name)];
  const rows = runs.map(({ at, outcome }, index) => {
    const day = /^\d{4}-\d\d-\d\d/.exec(at)?.[0] ?? '';
    const numbers = series.map(({ name, values, format }) => {
      const value = values[index];
      return html`<td data-name="${toPlainLine(name, 60)}">${value === undefined ? '–' : format(value)}</td>`;
    });
    return html`<tr><td class="at">${toPlainLine(`${day} ${timeOfDay(at)}`, 60)}</td><td data-name="outcome">${toPlainLine(outcome, 40)}</td>${numbers}</tr>`;
  });
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Numbers of all runs"><table class="usage"><thead><tr>${head.map((name) => html`<th>${toPlainLine(name, 60)}</th>`)}</tr></thead><tbody>
${rows}
</tbody></table></div>
`;
}
