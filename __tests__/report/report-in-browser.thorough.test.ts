import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReportInput } from '../../src/core/report-model.ts';
import { renderReportHtml } from '../../src/report/report-html.ts';
import { launchBrowser, type OpenedPage, openFile } from './browser.ts';
import { hostileTexts } from './hostile.ts';
import { badImageRun, failedRun, greenRun, makeInput, makeTest, restlessRun } from './sample-runs.ts';

let browser: Browser;
let directory: string;
let files = 0;

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'report-'));
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser.close();
  rmSync(directory, { recursive: true });
});

/** Opens the report of a run in a browser that knows nothing of it. */
async function open(input: ReportInput, options: BrowserContextOptions = {}): Promise<OpenedPage> {
  const file = path.join(directory, `${++files}.html`);
  writeFileSync(file, [...renderReportHtml(input)].join(''));
  return openFile(browser, file, options);
}

/**
 * The contrast of every visible text with its background, as https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio counts it. Runs
 * in the page; as text, since the tests know no DOM.
 */
const measureContrasts = String.raw`(() => {
  const channels = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = colour.slice(0, 3).map((one) => (one / 255 <= 0.03928 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    if (element === null) return [255, 255, 255];
    const colour = channels(getComputedStyle(element).backgroundColor);
    return colour[3] === 0 ? behind(element.parentElement) : colour;
  };
  return [...document.querySelectorAll('h1, h2, h3, p, li, td, th, button, summary, pre, span, nav a, figcaption, figcaption b')]
    .filter((one) => one.checkVisibility() && one.textContent.trim() !== '')
    .map((one) => {
      const [a, b] = [luminance(channels(getComputedStyle(one).color)), luminance(behind(one))];
      return { what: one.tagName + '.' + one.className, ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) };
    });
})()`;

const namesShown = (page: Page) => page.locator('#tests .name').allTextContents();

describe('report.html in a browser', () => {
  test('opens on the failed tests, the first of them unfolded, and asks for nothing', async () => {
    const { page, problems } = await open(failedRun);
    expect(await page.locator('h1').textContent()).toContain('3 of 200 tests failed');
    expect(await page.locator('#tests > li').count()).toBe(3);
    expect(await page.locator('#tests pre').first().textContent()).toContain('assert len(rows) == 5');
    expect(problems).toEqual([]);
  });

  test('can be read and searched only with the keyboard', async () => {
    const { page } = await open(failedRun);
    await page.keyboard.press('/');
    await page.keyboard.type('silver customer_id');
    expect(await namesShown(page)).toEqual([expect.stringContaining('test_schema_of_silver')]);
    expect(await page.locator('#found').textContent()).toBe('1 of 200 tests match');
    await page.keyboard.press('Escape');
    expect(await page.locator('#tests > li').count()).toBe(3);

    await page.locator('#tests .test').nth(1).focus();
    await page.keyboard.press('Enter');
    expect(await page.locator(':focus').getAttribute('aria-expanded')).toBe('true');
    await page.keyboard.press('ArrowDown');
    expect(await page.locator(':focus').textContent()).toContain('test_run_is_launched[nightly]');

    await page.locator('[data-filter=all]').focus();
    await page.keyboard.press('Space');
    expect(await page.locator('#more').textContent()).toBe('Show more (190 left)');
    await page.locator('#more').focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('#tests > li').count()).toBe(200);
    // A keyboard user who loaded more continues at the first new test.
    const index = '[...document.querySelectorAll("#tests .test")].indexOf(document.activeElement)';
    expect(await page.evaluate<number>(index)).toBe(10);
  });

  test('shows the slowest tests of a green run first', async () => {
    const { page, problems } = await open(greenRun);
    const times = await page.locator('#tests .time').allTextContents();
    expect(times).toEqual([...times].sort((a, b) => Number.parseFloat(b) - Number.parseFloat(a)));
    expect(times).toHaveLength(10);
    expect(problems).toEqual([]);
  });

  test('shows the screenshot of a failed test, and links its other files without running them', async () => {
    const png =
      'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    const names = ['results/a b/fail#1.png', 'results/trace.zip', 'results/page.html', 'results/javascript:alert(1)'];
    const failing = makeTest({ status: 'failed', message: 'no button', attachments: names });
    const { page, problems } = await open(makeInput({}, [failing], { pictures: new Map([[names[0] ?? '', png]]) }));
    const image = page.locator('.attachments img');
    expect(await image.getAttribute('alt')).toBe(names[0]);
    expect(await page.evaluate<number>('document.querySelector(".attachments img").naturalWidth')).toBe(1);
    expect(await page.locator('.attachments li').allTextContents()).toEqual(names);
    const links = await page.locator('.attachments a').all();
    expect(await Promise.all(links.map((link) => link.getAttribute('href')))).toEqual([
      './results/a%20b/fail%231.png',
      './results/trace.zip',
      './results/javascript%3Aalert(1)',
    ]);
    expect(problems).toEqual([]);
  });

  test('of a run that never reached its tests works as well', async () => {
    const { page, problems } = await open(badImageRun);
    await page.locator('nav a', { hasText: 'events' }).click();
    expect(await page.locator('#events table').first().isVisible()).toBe(true);
    expect(problems).toEqual([]);
  });

  test('shows incidents of the platform beside the tests that failed', async () => {
    const { page } = await open(restlessRun);
    expect(await page.locator('h1').textContent()).toContain(
      '; all within 4 s after floe-postgresql-0/postgres restarted',
    );
    expect(await page.locator('#incidents').textContent()).toMatch(/12:03:00\s+floe-postgresql-0\/postgres restarted/);
    expect(await page.locator('#timeline svg line.incident').count()).toBe(1);
    expect(await page.locator('#usage tr.close').textContent()).toContain('floe-postgresql-0');
  });

  test.each(['light', 'dark'] as const)('can be read in %s mode', async (colorScheme) => {
    const run = { at: '2026-01-01T10:00:00.000Z', outcome: 'passed', seconds: 90, total: 9, phases: { tests: 60 } };
    const trend = { runs: [run, run, { ...run, seconds: 120 }], changes: ['phase tests: 33 % slower'] };
    const { page, problems } = await open({ ...restlessRun, trend }, { colorScheme });
    expect(problems).toEqual([]);
    expect(await page.getByRole('img', { name: 'whole run in 3 runs, the oldest first: 1 min 30 s, ' }).count()).toBe(
      1,
    );
    const contrasts = await page.evaluate<{ what: string; ratio: number }[]>(measureContrasts);
    expect(contrasts.length).toBeGreaterThan(50);
    // https://www.w3.org/TR/WCAG22/#contrast-minimum
    expect(contrasts.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
    const colour = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(colour).toBe(colorScheme === 'dark' ? 'rgb(13, 17, 23)' : 'rgb(246, 247, 249)');
  });

  test.each([390, 768, 1200])('fits a screen of %i pixels', async (width) => {
    const { page } = await open(restlessRun, { viewport: { width, height: 800 } });
    for (const details of await page.locator('details > summary').all()) await details.click();
    const content = await page.evaluate<number>('document.documentElement.scrollWidth');
    expect(content).toBeLessThanOrEqual(width);
    for (const strip of await page.locator('#timeline svg[role=img]').all())
      expect((await strip.boundingBox())!.width).toBeGreaterThan(width / 3);
  });

  test('of 20,000 tests with 5,000 failures opens and answers at once', async () => {
    const many = makeInput(
      { outcome: 'failed', failure: { kind: 'test', reason: '5,000 of 20,000 failed', hint: '', evidence: [] } },
      Array.from({ length: 20_000 }, (_, i) =>
        makeTest({
          name: `test_${i}_${'n'.repeat(i % 7 === 0 ? 2000 : 20)}`,
          ...(i % 4 === 0 ? { status: 'failed' as const, message: `message ${i} ${'😀'.repeat(100)}` } : {}),
        }),
      ),
    );
    const { page, problems } = await open(many);
    expect(await page.locator('[data-filter=failed]').textContent()).toContain('5,000');
    await page.locator('#search').fill('message 19996');
    expect(await namesShown(page)).toEqual([expect.stringMatching(/^test_19996_/)]);
    await page.locator('#search').fill('');
    await page.locator('[data-filter=all]').click();
    expect(await page.locator('#more').textContent()).toBe('Show more (19,990 left)');
    expect(problems).toEqual([]);
  });

  test('runs no code from the texts of tests and pods', async () => {
    const failing = hostileTexts.map((text, i) =>
      makeTest({
        name: text,
        classname: text,
        file: text,
        line: i + 1,
        status: 'failed',
        message: text,
        details: text,
      }),
    );
    const { page, problems } = await open({
      ...restlessRun,
      tests: failing,
      logs: hostileTexts.map((text) => ({ pod: text, container: text, path: text, lastLines: [text] })),
    });
    expect(await page.locator('#tests > li').count()).toBe(hostileTexts.length);
    for (const button of await page.locator('#tests .test').all()) await button.click();
    for (const details of await page.locator('#logs summary').all()) await details.click();
    expect(await page.locator('img, iframe, #tests a, #logs a, #tests b').count()).toBe(0);
    expect(await page.locator('#tests').textContent()).toContain('<script>alert(1)</script>');
    expect(problems).toEqual([]);
  });
});
