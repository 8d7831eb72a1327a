import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestCase } from '../../src/core/outcome.ts';
import type { JUnitReport } from '../../src/junit/junit-report.ts';
import { readJUnit } from '../../src/junit/read-junit.ts';
import { type NormalisedJUnit, phasesSuiteName, renderJUnit, writeJUnit } from '../../src/junit/write-junit.ts';

const testCase = (over: Partial<TestCase> = {}): TestCase => ({
  suite: 'pytest',
  name: 'test_a',
  classname: 'tests.test_a',
  seconds: 0.5,
  status: 'passed',
  message: '',
  details: '',
  ...over,
});

const content = (cases: TestCase[], over: Partial<NormalisedJUnit> = {}): NormalisedJUnit => ({
  reports: [{ file: 'junit/junit.xml', cases, casesLeftOut: 0 }],
  phases: [
    { name: 'cluster', outcome: 'passed', seconds: 21.5 },
    { name: 'tests', outcome: 'failed', seconds: 3 },
  ],
  failure: null,
  ...over,
});

async function readBack(written: NormalisedJUnit): Promise<JUnitReport> {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (const piece of renderJUnit(written)) yield Buffer.from(piece);
  }
  const reading = await readJUnit(bytes());
  if (!reading.ok) throw new Error(reading.failure.reason);
  return reading.value;
}

const hostile = '<b>&amp;"\'\n\t]]>\u0000\u001b[31m\ud800\uffff😀 ::error::';

describe('the normalised report', () => {
  test('holds the cases of all files, and its counts are those of its cases', async () => {
    const cases = [
      testCase(),
      testCase({
        name: 'test_b',
        status: 'failed',
        message: 'assert 1',
        details: 'trace',
        file: 'tests/test_a.py',
        line: 3,
      }),
      testCase({ name: 'test_c', status: 'error', suite: 'other' }),
      testCase({ name: 'test_d', status: 'skipped', message: 'why' }),
    ];
    const shard = { file: 'junit/shard-1.xml', cases: [testCase()], casesLeftOut: 0 };
    const written = content(cases);
    const report = await readBack({ ...written, reports: [...written.reports, shard] });
    expect(report.counts).toMatchObject({ total: 5, passed: 2, failed: 1, errors: 1, skipped: 1 });
    expect(report.cases.find(({ name }) => name === 'test_b')).toEqual(cases[1]);
    expect(report.suites.map(({ name }) => name)).toEqual(['pytest', 'other', 'pytest', phasesSuiteName]);
    expect(report.warnings).toEqual([]);
  });

  test('survives any text', async () => {
    const report = await readBack(
      content([
        testCase({
          name: hostile,
          classname: hostile,
          suite: hostile,
          file: hostile,
          status: 'failed',
          message: hostile,
          details: hostile,
        }),
      ]),
    );
    expect(report.cases).toHaveLength(1);
    const shown = '<b>&amp;"\'\n\t]]>\ufffd\ufffd[31m\ufffd\ufffd😀 ::error::';
    expect(report.cases[0]).toMatchObject({ name: shown, message: shown, details: shown });
  });

  test('is in itself what it was when it is read and written again', async () => {
    const once = content(
      [testCase({ status: 'failed', message: hostile, details: hostile }), testCase({ name: 'b' })],
      { phases: [] },
    );
    const first = await readBack(once);
    const second = await readBack({ ...once, reports: [first] });
    expect(second.cases).toEqual(first.cases);
  });

  test('keeps the properties of tests, and does not mix its own marks with them', async () => {
    const properties = [
      { name: 'needs', value: 'cube' },
      { name: 'needs', value: '"<postgres>' },
    ];
    const report = await readBack(content([testCase({ properties, reconstructed: true }), testCase({ name: 'b' })]));
    expect(report.cases.map((one) => one.properties)).toEqual([properties, undefined]);
  });

  test('marks reconstructed and flaky cases', () => {
    const xml = [
      ...renderJUnit(
        content([testCase({ reconstructed: true }), testCase({ name: 'f', flakyRuns: 2, message: 'once' })]),
      ),
    ].join('');
    expect(xml).toContain('<property name="k8s-test-action.rebuilt" value="true"/>');
    expect(xml).toContain('<property name="k8s-test-action.failed-runs-before" value="2"/>');
    expect(xml).toContain('<flakyFailure message="once">');
  });

  test('a flaky case is no failure and stays flaky', async () => {
    expect((await readBack(content([testCase({ flakyRuns: 1, message: 'once' })]))).counts).toMatchObject({
      total: 1,
      passed: 1,
      flaky: 1,
    });
  });

  test('reports the phases without a test case for each', () => {
    const xml = [...renderJUnit(content([testCase()]))].join('');
    expect(xml).toContain(
      `<testsuite name="${phasesSuiteName}" tests="0" failures="0" errors="0" skipped="0" time="24.500">`,
    );
    expect(xml).toContain('<property name="phase.tests.outcome" value="failed"/>');
    expect(xml.match(/<testcase/g)).toHaveLength(1);
  });

  test('is red when the run is, though no test failed', async () => {
    const failure = { kind: 'oom' as const, reason: 'killed at 512 MiB', hint: 'raise memory', evidence: ['line'] };
    const report = await readBack(content([testCase()], { failure }));
    expect(report.counts).toMatchObject({ total: 2, passed: 1, errors: 1 });
    expect(report.cases[1]).toMatchObject({
      suite: phasesSuiteName,
      name: 'phase tests',
      message: 'killed at 512 MiB',
      details: 'raise memory\nline',
    });
  });

  test('adds nothing to the count when a test has the failure', async () => {
    const failure = { kind: 'test' as const, reason: '1 of 1 failed', hint: '', evidence: [] };
    expect((await readBack(content([testCase({ status: 'failed' })], { failure }))).counts.total).toBe(1);
  });

  test('reports how many cases were only counted', () => {
    const reports = [{ file: 'junit.xml', cases: [testCase()], casesLeftOut: 7 }];
    expect([...renderJUnit(content([], { reports }))].join('')).toContain(
      '<property name="k8s-test-action.cases-left-out" value="7"/>',
    );
  });
});

describe('the file', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'junit-write-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  test('is written whole, 20,000 cases too', async () => {
    const file = path.join(dir, 'junit.xml');
    await writeJUnit(file, content(Array.from({ length: 20_000 }, (_, i) => testCase({ name: `t${i}` }))));
    expect((await readFile(file, 'utf8')).match(/<testcase /g)).toHaveLength(20_000);
    const reading = await readJUnit(file);
    expect(reading.ok && reading.value.counts.total).toBe(20_000);
    expect(await readdir(dir)).toEqual(['junit.xml']);
  });

  test('that cannot be written throws, and leaves nothing behind', async () => {
    await expect(writeJUnit(path.join(dir, 'none', 'junit.xml'), content([testCase()]))).rejects.toThrow('ENOENT');
    const aborted = AbortSignal.abort(new Error('cancelled'));
    await expect(writeJUnit(path.join(dir, 'late.xml'), content([testCase()]), aborted)).rejects.toThrow('cancelled');
    expect(await readdir(dir)).toEqual(['junit.xml']);
  });
});
