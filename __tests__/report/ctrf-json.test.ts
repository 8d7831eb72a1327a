import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { validate } from 'ctrf';
import { expect, onTestFinished, test } from 'vitest';
import { readJUnit } from '../../src/junit/read-junit.ts';
import { writeJUnit } from '../../src/junit/write-junit.ts';
import { renderCtrf } from '../../src/report/ctrf-json.ts';
import { badImageRun, failedRun, greenRun, makeInput, makeTest, oomRun, restlessRun } from './sample-runs.ts';

const render = (run: typeof greenRun) => [...renderCtrf(run)].join('');

test.each(Object.entries({ greenRun, failedRun, oomRun, badImageRun, restlessRun }))(
  'ctrf.json of %s is valid for the readers of CTRF',
  (_, run) => {
    const { valid, errors } = validate(JSON.parse(render(run)));
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  },
);

test('ctrf.json and junit.xml name the screenshots of a test where other programs look for them', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'attachments-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const attachments = ['results/a & b.png', 'results/trace.zip'];
  const failing = makeTest({ status: 'failed', message: 'no', attachments });
  const run = makeInput({}, [failing]);
  const document = JSON.parse(render(run)) as { results: { tests: { attachments: unknown }[] } };
  expect(validate(document).valid).toBe(true);
  expect(document.results.tests[0]?.attachments).toEqual([
    { name: 'a & b.png', contentType: 'image/png', path: 'results/a & b.png' },
    { name: 'trace.zip', contentType: 'application/zip', path: 'results/trace.zip' },
  ]);
  const file = path.join(directory, 'junit.xml');
  const reports = [{ file: 'a.xml', suites: [], cases: [failing], counts: run.verdict.tests, casesLeftOut: 0 }];
  await writeJUnit(file, { reports, phases: [], failure: null });
  expect(readFileSync(file, 'utf8')).toContain(
    '<system-out>[[ATTACHMENT|results/a &amp; b.png]]\n[[ATTACHMENT|results/trace.zip]]</system-out>',
  );
});

test('ctrf.json has the details of a failed test from its report, and counts errors as failed', () => {
  const broken = makeTest({
    status: 'error',
    message: 'no database',
    details: 'at line 4',
    file: 'tests/test_db.py',
    line: 4,
  });
  const flaky = makeTest({ name: 'test_sometimes', flakyRuns: 2, properties: [{ name: 'ticket', value: 'SHOP-1' }] });
  const { results } = JSON.parse(render(makeInput({}, [broken, flaky]))) as {
    results: { summary: object; tests: object[] };
  };
  expect(results.summary).toMatchObject({ tests: 2, passed: 1, failed: 1, skipped: 0, flaky: 1 });
  expect(results.tests).toEqual([
    expect.objectContaining({
      status: 'failed',
      rawStatus: 'error',
      message: 'no database',
      trace: 'at line 4',
      filePath: 'tests/test_db.py',
      line: 4,
      duration: 420,
      suite: ['pytest', 'tests.integration.test_orders'],
    }),
    expect.objectContaining({ status: 'passed', flaky: true, retries: 2, labels: { ticket: 'SHOP-1' } }),
  ]);
});

test('ctrf.json of a run without tests names the failure', () => {
  const { results } = JSON.parse(render(badImageRun)) as { results: { tool: object; environment: object } };
  expect(results.tool).toMatchObject({ extra: { outcome: 'broken', failureKind: 'image' } });
  expect(results.environment).toMatchObject({ healthy: false });
});

test('our own reader of CTRF reads from ctrf.json what was written', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'ctrf-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = path.join(directory, 'ctrf.json');
  writeFileSync(file, render(failedRun));
  const read = await readJUnit(file, { file: 'ctrf.json', signal: AbortSignal.timeout(10_000) });
  const { passed, failed, errors, skipped } = failedRun.verdict.tests;
  expect(read.ok && read.value.counts).toMatchObject({ passed, failed: failed + errors, skipped });
});
