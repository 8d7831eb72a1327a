import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { convertJUnitToCTRFReport } from 'junit-to-ctrf';
import { parse as parseTestResults } from 'test-results-parser';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestCase, TestStatus } from '../../src/core/outcome.ts';
import { readJUnit } from '../../src/junit/read-junit.ts';
import { writeJUnit } from '../../src/junit/write-junit.ts';
import { closeReconstructed, ReconstructedTests } from '../../src/reconstruct/reconstructed-tests.ts';
import { type Python, providePython } from '../support/python/python-packages.ts';

/** A reader's counts for a report; `red` are failures and errors, which not all readers distinguish. */
interface ReaderCounts {
  total: number;
  red: number;
  skipped: number;
  names: string[];
}

let python: Python;
let dir: string;
beforeAll(() => {
  python = providePython();
  dir = mkdtempSync(path.join(tmpdir(), 'foreign-readers-'));
}, 150_000);
afterAll(() => rmSync(dir, { recursive: true }));

const junitparserScript = `
import json, sys
from junitparser import JUnitXml, Failure, Error, Skipped
xml = JUnitXml.fromfile(sys.argv[1])
cases = [case for suite in xml for case in suite]
def has(case, kind): return any(isinstance(one, kind) for one in case.result)
print(json.dumps({
  "total": len(cases), "red": sum(has(c, (Failure, Error)) for c in cases), "skipped": sum(has(c, Skipped) for c in cases),
  "names": [c.name for c in cases], "attributes": [xml.tests, xml.failures + xml.errors, xml.skipped],
}))`;

function readByJunitparser(file: string): ReaderCounts {
  const printed = execFileSync(python.program, ['-c', junitparserScript, file], {
    env: { ...process.env, PYTHONPATH: python.packagesDir },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const { attributes, ...counts } = JSON.parse(printed) as ReaderCounts & { attributes: number[] };
  expect(attributes).toEqual([counts.total, counts.red, counts.skipped]);
  return counts;
}

/** Its `total` leaves skipped tests out. */
function readByTestResultsParser(file: string): ReaderCounts {
  const result = parseTestResults({ type: 'junit', files: [file] });
  const cases = result.suites.flatMap((suite) => suite.cases);
  expect(cases.filter(({ status }) => status === 'FAIL')).toHaveLength(result.failed + result.errors);
  return {
    total: result.total + result.skipped,
    red: result.failed + result.errors,
    skipped: result.skipped,
    names: cases.map(({ name }) => String(name)),
  };
}

async function readByJunitToCtrf(file: string): Promise<ReaderCounts> {
  const report = await convertJUnitToCTRFReport(file);
  const { tests, failed, skipped } = report!.results.summary;
  return { total: tests, red: failed, skipped, names: report!.results.tests.map(({ name }) => name) };
}

const testCase = (name: string, status: TestStatus = 'passed', over: Partial<TestCase> = {}): TestCase => ({
  suite: 'pytest',
  name,
  classname: 'tests.test_a',
  seconds: 0.25,
  status,
  message: status === 'passed' ? '' : `why ${name}`,
  details: status === 'failed' ? 'a trace\nof two lines' : '',
  ...over,
});

/** Writes the cases as our normalised report and has all three read it; they agree, or the test fails here. */
async function readByAll(cases: TestCase[], file = path.join(dir, 'junit.xml')): Promise<ReaderCounts> {
  const phases = [
    { name: 'cluster' as const, outcome: 'passed' as const, seconds: 20 },
    { name: 'tests' as const, outcome: 'failed' as const, seconds: 3 },
  ];
  const reports = [{ file: 'junit/junit.xml', cases, casesLeftOut: 0 }];
  await writeJUnit(file, { reports, phases, failure: null });
  const [one, two, three] = [readByJunitparser(file), readByTestResultsParser(file), await readByJunitToCtrf(file)];
  const { names: _, ...counts } = one;
  expect(two).toMatchObject(counts);
  expect(three).toMatchObject(counts);
  const own = await readJUnit(file);
  expect(own).toMatchObject({ ok: true, value: { counts: { total: one.total, skipped: one.skipped } } });
  return one;
}

describe('three readers that are not ours agree with us', () => {
  test('on passed, failed, skipped and flaky tests, and on those with errors', async () => {
    const read = await readByAll([
      testCase('test_a'),
      testCase('test_b', 'failed'),
      testCase('test_c', 'error'),
      testCase('test_d', 'skipped'),
      testCase('test_e', 'passed', { flakyRuns: 2, message: 'failed at first', details: 'trace' }),
      testCase('test_f', 'passed', { suite: 'another' }),
    ]);
    expect(read).toEqual({
      total: 6,
      red: 2,
      skipped: 1,
      names: ['test_a', 'test_b', 'test_c', 'test_d', 'test_e', 'test_f'],
    });
  });

  test('on a run that was killed: finished tests and the one in flight', async () => {
    const tests = new ReconstructedTests();
    const place = (name: string) => ({ suite: 'pytest', classname: 'tests.test_a', name });
    tests.expect(['a', 'b', 'c', 'd']);
    tests.end('a', place('test_a'), { status: 'passed', seconds: 0.1 });
    tests.end('b', place('test_b'), { status: 'failed', message: 'no' });
    tests.begin('c', place('test_c'));
    const run = closeReconstructed(tests.finish('the log'), 'killed for memory at its limit of 64Mi');
    expect(await readByAll(run.cases)).toEqual({
      total: 3,
      red: 2,
      skipped: 0,
      names: ['test_a', 'test_b', 'test_c'],
    });
  });

  test('on names that are hostile to XML, to Markdown and to terminals', async () => {
    const names = [
      '<b>&amp;"\'',
      ']]>',
      '::error::x',
      'emoji 😀 and ü',
      '\u0000\u001b[31m\ud800\uffff',
      'n'.repeat(10_000),
    ];
    const read = await readByAll(
      names.flatMap((name) => [testCase(name), testCase(name, 'failed', { message: name, details: name })]),
    );
    expect(read).toMatchObject({ total: 12, red: 6, skipped: 0 });
    expect(read.names.slice(0, 8).filter((_, i) => i % 2 === 0)).toEqual(names.slice(0, 4));
  });

  test('on the same name twice, and on 20,000 tests of which 5,000 failed', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) =>
      testCase(`test_${i % 19_000}`, i % 4 === 0 ? 'failed' : 'passed'),
    );
    const read = await readByAll(many);
    expect(read).toMatchObject({ total: 20_000, red: 5000, skipped: 0 });
  }, 60_000);
});
