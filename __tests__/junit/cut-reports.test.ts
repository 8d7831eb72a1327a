/** A report that was cut off, beside a log that continues: the log knows which test was running. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readJUnit } from '../../src/junit/read-junit.ts';
import { reconstructRun } from '../../src/reconstruct/reconstruct-run.ts';
import type { ReconstructedRun } from '../../src/reconstruct/reconstructed-tests.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'cut-reports-'));
});
afterAll(() => rmSync(root, { recursive: true }));
const signal = new AbortController().signal;

async function reconstruct(xml: string, log: string, whole: string[] = []): Promise<ReconstructedRun | undefined> {
  const [report, logFile] = [path.join(root, 'junit.xml'), path.join(root, 'tests.log')];
  writeFileSync(report, xml);
  writeFileSync(logFile, log);
  const reading = await readJUnit(report, { file: 'junit.xml' });
  if (reading.ok || reading.partial === undefined) throw new Error('the report is not cut off');
  const reports = [];
  for (const text of whole) {
    writeFileSync(report, text);
    const other = await readJUnit(report);
    if (other.ok) reports.push(other.value);
  }
  const { reconstructed } = await reconstructRun({
    reports,
    unreadable: [{ file: 'junit.xml', partial: reading.partial }],
    notes: undefined,
    resultsDir: path.join(root, 'nothing'),
    notBefore: 0,
    logFile,
    isInterrupted: false,
    signal,
  });
  return reconstructed;
}

const pytestCut =
  '<testsuites name="pytest tests"><testsuite name="pytest"><testcase classname="tests.test_a" name="test_one" time="1.5"/><testcase classname="tests.test_a" name="test_two"><failure message="no cart">trace</failure></testcase>';
const pytestLog = `============================= test session starts ==============================
collecting ... collected 5 items

tests/test_a.py::test_one PASSED                                         [ 20%]
tests/test_a.py::test_two FAILED                                         [ 40%]
tests/test_a.py::test_three PASSED                                       [ 60%]
tests/test_a.py::test_four `;

test('the test in flight and those after the cut are read from the log of pytest, and messages of failures from the report', async () => {
  const run = await reconstruct(pytestCut, pytestLog);
  expect(run?.inFlight.map(({ name }) => name)).toEqual(['test_four']);
  expect(run?.cases.map(({ name, status, message }) => [name, status, message])).toEqual([
    ['test_one', 'passed', ''],
    ['test_two', 'failed', 'no cart'],
    ['test_three', 'passed', ''],
  ]);
  expect(run?.counts).toMatchObject({ total: 3, passed: 2, failed: 1, reconstructed: 3 });
  expect(run).toMatchObject({ collected: 5, notRun: 1 });
  expect(run?.source).toBe('what could be read of junit.xml and the verbose output of pytest');
});

test('the same of go test', async () => {
  const run = await reconstruct(
    '<testsuites><testsuite name="example.org/shop"><testcase classname="example.org/shop" name="TestAdds" time="0.1"/>',
    '=== RUN   TestAdds\n--- PASS: TestAdds (0.10s)\n=== RUN   TestHangs\n',
  );
  expect(run?.inFlight.map(({ name }) => name)).toEqual(['TestHangs']);
});

test('a cut report beside a whole one of other tests: tests in the complete one are reported once', async () => {
  const whole = '<testsuite name="pytest" tests="1"><testcase classname="tests.test_a" name="test_one"/></testsuite>';
  const run = await reconstruct(pytestCut, pytestLog, [whole]);
  expect(run?.cases.map(({ name }) => name)).toEqual(['test_two', 'test_three']);
  expect(run?.inFlight.map(({ name }) => name)).toEqual(['test_four']);
});

test('a log without tests leaves what could be read of the report', async () => {
  const run = await reconstruct(pytestCut, 'Killed\n');
  expect(run).toMatchObject({ source: 'what could be read of junit.xml', counts: { total: 2 }, inFlight: [] });
});
