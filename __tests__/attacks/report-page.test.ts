/** Hostile text in every field of report.html, opened in a real browser, with its content security policy and without. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import type { ReportInput } from '../../src/core/report-model.ts';
import { renderReportHtml } from '../../src/report/report-html.ts';
import { launchBrowser, type OpenedPage, openFile } from '../report/browser.ts';
import { hostileTexts } from '../report/hostile.ts';
import { makeTest, restlessRun } from '../report/sample-runs.ts';
import { testAttack } from './attempts.ts';

let browser: Browser;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'report-page-'));
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser.close();
  rmSync(directory, { recursive: true });
});

const payloads = [
  ...hostileTexts,
  '"><script>alert(1)</script>',
  "'><script>alert(1)</script>",
  '"onmouseover="alert(1)" autofocus onfocus="alert(1)" x="',
  '<svg onload=alert(1)>',
  '<svg><script>alert(1)</script></svg>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<a href="javascript:alert(1)">x</a>',
  '<base href="https://evil.example/">',
  '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
  '<link rel="stylesheet" href="https://evil.example/x.css">',
  '<style>body{display:none}</style>',
  '<object data="https://evil.example/"></object>',
  '<form action="https://evil.example/"><input autofocus onfocus=alert(1)></form>',
  '<details open ontoggle=alert(1)>',
  '<video><source onerror=alert(1)></video>',
  '</title><script>alert(1)</script>',
  '</textarea><script>alert(1)</script>',
  '</style><script>alert(1)</script>',
  '--><script>alert(1)</script>',
  ']]><script>alert(1)</script>',
  '\u2028alert(1)\u2029',
  '</script\n><script>alert(1)//',
  '<\u0000script>alert(1)</script>',
  '\\u003cscript\\u003ealert(1)\\u003c/script\\u003e',
  '&lt;img src=x onerror=alert(1)&gt;',
  '`+alert(1)+`',
  '__proto__',
  'constructor',
  '<b>bold</b>',
  '<em>stressed</em>',
  '<p title="x">paragraph',
];

/** A copy of a value in which every text is `payload`, but those that a schema of ours allows few words for. */
function poison<T>(value: T, payload: string, key = ''): T {
  if (fixed.has(key)) return value;
  if (typeof value === 'string') return payload as T;
  if (Array.isArray(value)) return value.map((item: unknown) => poison(item, payload, key)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, poison(item as unknown, payload, name)]),
  ) as T;
}
const fixed = new Set(['outcome', 'kind', 'status', 'startedAt', 'at', 'time', 'severity', 'phases']);

/** How many elements of each name, and which attributes, a page has: the same for every text. */
const census = `(() => {
  const found = {};
  for (const one of document.querySelectorAll('*')) {
    const name = one.tagName + ' ' + [...one.attributes].map((each) => each.name).sort().join(' ');
    found[name] = (found[name] ?? 0) + 1;
  }
  return found;
})()`;

const policy = /<meta http-equiv="Content-Security-Policy"[^>]*>/i;

/** Opens the report of a run all of whose texts are one, and everything in it. */
async function openReport(text: string, hasPolicy: boolean): Promise<OpenedPage & { file: string; elements: unknown }> {
  const failing = makeTest({
    status: 'failed',
    message: text,
    details: text,
    file: text,
    line: 1,
    attachments: [text],
  });
  const run: ReportInput = { ...restlessRun, tests: [failing, ...restlessRun.tests.slice(0, 5)] };
  const html = [...renderReportHtml(poison(run, text))].join('');
  expect(html).toMatch(policy);
  const file = path.join(directory, 'report.html');
  writeFileSync(file, hasPolicy ? html : html.replace(policy, ''));
  const { page, problems } = await openFile(browser, file);
  // By script, so that nothing waits until an element is in view: every listener is called.
  await page.evaluate(
    `for (const one of document.querySelectorAll('#tests .test')) one.click();
    for (const one of document.querySelectorAll('*')) { if (one.tagName === 'DETAILS') one.open = true; one.dispatchEvent(new MouseEvent('mouseover', { bubbles: true })); }`,
  );
  return { page, problems, file, elements: await page.evaluate(census) };
}

/** A page shows a long text and a text of lines once more, whole. */
const plainTexts = [
  'plain',
  'two\nlines',
  'a long line '.repeat(5),
  'two long lines '.repeat(3).concat('\n', 'and more'),
];

testAttack(
  'report page',
  'no text in any field of report.html becomes more than text',
  async (attempt) => {
    for (const hasPolicy of [true, false]) {
      const plain: unknown[] = [];
      for (const text of plainTexts) {
        const { page, elements } = await openReport(text, hasPolicy);
        await page.context().close();
        plain.push(elements);
      }
      for (const payload of payloads)
        await attempt(
          `${JSON.stringify(payload.slice(0, 60))}, ${hasPolicy ? 'with' : 'without'} the policy`,
          async () => {
            const { page, problems, file, elements } = await openReport(payload, hasPolicy);
            try {
              expect(plain).toContainEqual(elements);
              expect(problems).toEqual([]);
              expect(await page.locator('#tests > li').count()).toBeGreaterThan(0);
              expect(page.url()).toBe(`file://${file}`);
            } finally {
              await page.context().close();
            }
          },
        );
    }
  },
  300_000,
);
