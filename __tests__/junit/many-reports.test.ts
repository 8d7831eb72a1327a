import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { startTotals } from '../../src/junit/junit-report.ts';
import { readJUnit } from '../../src/junit/read-junit.ts';
import { collectResults } from '../../src/results/collect-results.ts';
import { takeFiles } from '../../src/results/take-files.ts';

const limits = {
  keptCases: 50,
  keptFailures: 30,
  keptSuites: 4,
  totalDetailsChars: 10_000,
  messageChars: 800,
  totalMessageChars: 4000,
  detailsChars: 1000,
  propertyChars: 500,
  keptWarnings: 6,
};

/** 20 passed and 20 failed tests, with a trace, a property and a wrong count each. */
function report(name: string): string {
  const cases = Array.from({ length: 20 }, (_, i) => [
    `<testcase name="green ${i}" classname="${name}"><properties><property name="p" value="${'v'.repeat(50)}"/></properties></testcase>`,
    `<testcase name="red ${i}" classname="${name}"><failure message="m">${'line\n'.repeat(150)}</failure></testcase>`,
  ]).flat();
  return `<testsuite name="${name}" tests="1" failures="1">${cases.join('')}</testsuite>`;
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

test('sixty reports keep no more in memory than one may, and every test of them is counted', async () => {
  const totals = startTotals();
  const kept = { cases: 0, failures: 0, suites: 0, detailsChars: 0, propertyChars: 0, warnings: 0 };
  const counted = { total: 0, failed: 0, leftOut: 0 };
  for (let i = 0; i < 60; i++) {
    const reading = await readJUnit(bytesOf(report(`suite ${i}`)), { file: `junit-${i}.xml`, limits, totals });
    if (!reading.ok) throw new Error(reading.failure.reason);
    const { cases, counts, casesLeftOut, suites, warnings } = reading.value;
    expect(cases.length + casesLeftOut).toBe(40);
    counted.total += counts.total;
    counted.failed += counts.failed;
    counted.leftOut += casesLeftOut;
    kept.failures += cases.filter(({ status }) => status === 'failed').length;
    kept.cases += cases.filter(({ status }) => status === 'passed').length;
    kept.suites += suites.length;
    kept.detailsChars += cases.reduce((sum, { details }) => sum + details.length, 0);
    kept.propertyChars += cases
      .flatMap(({ properties = [] }) => properties)
      .reduce((sum, one) => sum + one.value.length, 0);
    kept.warnings += warnings.length;
  }
  expect(counted).toEqual({ total: 2400, failed: 1200, leftOut: 2400 - 80 });
  expect(kept).toMatchObject({ cases: 50, failures: 30, suites: 4, warnings: 6 });
  expect(kept.detailsChars).toBeLessThan(limits.totalDetailsChars + limits.detailsChars + 30 * 250);
  expect(kept.propertyChars).toBeLessThan(limits.propertyChars + 60);
  expect(totals.warningsLeftOut).toBeGreaterThan(100);
});

test('long messages of many failed tests are cut when together they take too much, and no failure is lost', async () => {
  const totals = startTotals();
  const messages: string[] = [];
  const warnings: string[] = [];
  for (let i = 0; i < 30; i++) {
    const xml = `<testsuite name="s${i}" tests="1"><testcase name="red"><failure message="${`m${i} `.repeat(300)}"/></testcase></testsuite>`;
    const reading = await readJUnit(bytesOf(xml), { file: `${i}.xml`, limits, totals });
    if (!reading.ok) throw new Error(reading.failure.reason);
    messages.push(...reading.value.cases.map(({ message }) => message));
    warnings.push(...reading.value.warnings);
  }
  expect(warnings[0]).toBe('5.xml held so many failures that the messages of 1 were cut short');
  expect(messages).toHaveLength(30);
  for (const [i, message] of messages.entries()) expect(message.startsWith(`m${i} `)).toBe(true);
  const sum = messages.reduce((all, message) => all + message.length, 0);
  expect(sum).toBeLessThan(limits.totalMessageChars + limits.messageChars + 30 * 51);
});

test('names that together take too much are of tests that are only counted', async () => {
  const totals = startTotals();
  const counted = { kept: 0, leftOut: 0, total: 0 };
  for (let i = 0; i < 10; i++) {
    const xml = `<testsuite name="s${i}" tests="1"><testcase classname="${'c'.repeat(400)}" name="${'n'.repeat(500)}"/></testsuite>`;
    const reading = await readJUnit(bytesOf(xml), { limits: { totalNameChars: 3000 }, totals });
    if (!reading.ok) throw new Error(reading.failure.reason);
    counted.kept += reading.value.cases.length;
    counted.leftOut += reading.value.casesLeftOut;
    counted.total += reading.value.counts.total;
  }
  expect(counted).toEqual({ kept: 4, leftOut: 6, total: 10 });
});

test('a report that is refused takes no room from the others', async () => {
  const totals = startTotals();
  await readJUnit(bytesOf(`${report('a').replace('</testsuite>', '')}<broken></testsuite>`), { limits, totals });
  expect(totals).toEqual(startTotals());
  const next = await readJUnit(bytesOf(report('b')), { limits, totals });
  expect(next.ok ? next.value.cases.length : 0).toBe(40);
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'many-reports-'));
  await mkdir(path.join(directory, 'written'));
  await mkdir(path.join(directory, 'junit'));
});
afterEach(() => rm(directory, { recursive: true }));

test('of many reports with many warnings the limit and one more line are kept', async () => {
  for (let i = 0; i < 300; i++) await writeFile(path.join(directory, 'written', `r${i}.xml`), report(`suite ${i}`));
  const old = path.join(directory, 'written', 'a-stale.xml');
  await writeFile(old, report('stale'));
  await utimes(old, 1, 1);
  const takenDir = path.join(directory, 'written');
  const signal = new AbortController().signal;
  const taken = await takeFiles({
    directory: takenDir,
    root: directory,
    mask: new SecretMask([]),
    limits: { totalBytes: 1e9, files: 1e6 },
    isFenced: true,
    signal,
  });
  const results = await collectResults({
    taken,
    takenDir,
    junitDir: path.join(directory, 'junit'),
    junitGlobs: ['**/*.xml'],
    seenAs: '/results',
    notBefore: 1_000_000,
    signal,
  });
  expect(results.stale).toEqual(['a-stale.xml']);
  expect(results.reports.reduce((sum, { counts }) => sum + counts.total, 0)).toBe(300 * 40);
  expect(results.warnings).toHaveLength(201);
  expect(results.warnings.at(-1)).toMatch(/^the reports gave cause for \d+ more warnings$/);
});
