import { describe, expect, test } from 'vitest';
import type { Trend } from '../../src/core/report-model.ts';
import { renderReportHtml } from '../../src/report/report-html.ts';
import { renderSummary } from '../../src/report/summary-markdown.ts';
import { hostileTexts } from './hostile.ts';
import { failedRun, greenRun } from './sample-runs.ts';

const runOf = (at: number, seconds: number, over = {}) => ({
  at: `2026-01-0${at}T10:00:00.000Z`,
  outcome: 'passed',
  seconds,
  total: 200,
  phases: { preflight: 0.1, cluster: 30, tests: seconds - 30 },
  ...over,
});
const runs = [1, 2, 3, 4, 5].map((day) => runOf(day, 90));
const trendOf = (changes: string[], now = runOf(6, 120)): Trend => ({ runs: [...runs, now], changes });
const htmlOf = (trend: Trend) => [...renderReportHtml({ ...greenRun, trend })].join('');

describe('what a run changed', () => {
  test('is in the summary, the first ten, and is not where nothing changed', () => {
    const changes = Array.from({ length: 12 }, (_, i) => `change ${i}`);
    const summary = renderSummary({ ...failedRun, trend: trendOf(changes) });
    expect(summary).toContain('**What this run changed**, against the 5 runs before\n\n- change 0\n- change 1\n');
    expect(summary).toContain('- change 9\n- … and 2 more in `report.html`\n');
    expect(renderSummary({ ...failedRun, trend: trendOf([]) })).toBe(renderSummary(failedRun));
  });

  test('is drawn: a line for the run, for its tests and for each phase that takes its time', () => {
    const html = htmlOf(trendOf(['phase tests: slower']));
    expect(html).toContain('<ul class="changes"><li>phase tests: slower</li></ul>');
    expect(html.match(/<figcaption>[^<]*/g)).toEqual([
      '<figcaption>whole run ',
      '<figcaption>number of tests ',
      '<figcaption>phase cluster ',
      '<figcaption>phase tests ',
    ]);
    // From 0 at the bottom to the most at the top.
    expect(html).toContain('points="3.0,11.5 41.8,11.5 80.6,11.5 119.4,11.5 158.2,11.5 197.0,3.0"');
    expect(html).toContain('<a href="#trend">1 change</a>');
    expect(htmlOf(trendOf([]))).toContain('<a href="#trend">Trend</a>');
  });

  test('can be read without seeing the lines: each has its numbers as a text, and all are in a table', () => {
    const stopped = runOf(6, 31, { outcome: 'failed', phases: { cluster: 30 } });
    const html = htmlOf(trendOf([], stopped));
    expect(html).toContain(
      'role="img" aria-label="phase tests in 6 runs, the oldest first: 1 min 00 s, 1 min 00 s, 1 min 00 s, 1 min 00 s, 1 min 00 s, none"',
    );
    expect(html).toContain('<td class="at">2026-01-06 10:00:00</td><td data-name="outcome">failed</td>');
    expect(html).toContain('<td data-name="phase tests">–</td>');
  });

  test('is text, whatever a history holds', () => {
    const phases = Object.fromEntries(hostileTexts.map((text, i) => [text, i + 2]));
    const hostile = { ...trendOf(hostileTexts, runOf(6, 90, { outcome: hostileTexts[3], phases })) };
    const html = htmlOf(hostile);
    expect(html).not.toContain('<script>alert');
    expect(html).not.toContain('<img src=x');
    const summary = renderSummary({ ...greenRun, trend: hostile });
    expect(summary).not.toContain('<script>');
    expect(summary).not.toMatch(/@everyone/);
  });
});
