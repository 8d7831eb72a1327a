import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GoTestLog } from '../../src/reconstruct/go-test-log.ts';
import { JavaScriptLog } from '../../src/reconstruct/javascript-log.ts';
import { PytestLog } from '../../src/reconstruct/pytest-log.ts';
import { readLines, toShownLine } from '../../src/reconstruct/read-lines.ts';
import { type ReconstructedRun, ReconstructedTests } from '../../src/reconstruct/reconstructed-tests.ts';

/** As the tools wrote them: go 1.26, jest 30, vitest 5. */
const recorded = (name: string) => readFileSync(path.join(import.meta.dirname, 'logs', name), 'utf8');
const linesOf = (text: string) => text.split('\n').map((line) => toShownLine(line.replace(/\r$/, '')));

function readGo(text: string): ReconstructedRun {
  const log = new GoTestLog();
  for (const line of linesOf(text)) log.push(line);
  log.finish();
  return log.tests.finish('go test');
}
function readJavaScript(text: string): ReconstructedRun {
  const log = new JavaScriptLog();
  for (const line of linesOf(text)) log.push(line);
  log.finish();
  return log.tests.finish('jest');
}
function readPytest(text: string): ReconstructedRun {
  const log = new PytestLog();
  for (const line of linesOf(text)) log.push(line);
  return log.tests.finish('pytest');
}
const told = (run: ReconstructedRun) => run.cases.map(({ classname, name, status }) => [classname, name, status]);
const flying = (run: ReconstructedRun) => run.inFlight.map(({ name }) => name);

const orders = 'example.com/orders';
const goTests = [
  [orders, 'TestBad', 'failed'],
  [orders, 'TestParallel', 'passed'],
  [orders, 'TestSkip', 'skipped'],
  [orders, 'TestSum', 'passed'],
  [orders, 'TestTable', 'failed'],
  [orders, 'TestTable/one_case', 'passed'],
  [orders, 'TestTable/two', 'failed'],
];

describe('go test', () => {
  test('-v lists each test and subtest with its package, and the output of failed ones', () => {
    const run = readGo(recorded('go-verbose.txt'));
    expect(
      told(run)
        .filter(([classname]) => classname === orders)
        .sort(),
    ).toEqual(goTests);
    expect(run.cases.find(({ name }) => name === 'TestBad')).toMatchObject({
      message: 'a_test.go:4: want 3, got 4',
      reconstructed: true,
    });
  });

  test('-v makes a test that ran when its package ended a failed one, with the tests around it', () => {
    const run = readGo(recorded('go-verbose.txt'));
    const hang = `${orders}/hang`;
    expect(told(run).filter(([classname]) => classname === hang)).toEqual([
      [hang, 'TestQuick', 'passed'],
      [hang, 'TestHang', 'failed'],
      [hang, 'TestHang/sleeps', 'failed'],
    ]);
    expect(run.inFlight).toEqual([]);
  });

  test('-v that was killed has the innermost test in flight', () => {
    const run = readGo(recorded('go-killed.txt'));
    expect(told(run)).toEqual([['', 'TestQuick', 'passed']]);
    expect(flying(run)).toEqual(['TestHang/sleeps']);
  });

  test('-json gives the same, with times', () => {
    const run = readGo(recorded('go-json.txt'));
    expect(told(run).sort()).toEqual(goTests);
    expect(run.cases.find(({ name }) => name === 'TestBad')).toMatchObject({
      endedAt: '2026-11-24T13:57:15.818Z',
      message: 'a_test.go:4: want 3, got 4',
    });
    const killed = recorded('go-json.txt').split('\n').slice(0, 8).join('\n');
    expect(flying(readGo(`${killed}\n{"Time":"2026-11-24T13:5`))).toEqual(['TestBad']);
  });
});

describe('jest and vitest', () => {
  test('jest --verbose lists each test with the groups around it', () => {
    const run = readJavaScript(recorded('jest-verbose.txt'));
    expect(told(run)).toEqual([
      ['', 'top level', 'passed'],
      ['orders', 'later', 'skipped'],
      ['orders', 'some day', 'skipped'],
      ['orders › sum', 'adds (twice)', 'passed'],
      ['orders › sum', 'fails', 'failed'],
      ['', 'only one', 'passed'],
    ]);
    expect(run.cases[4]).toMatchObject({
      file: 't/a.test.js',
      seconds: 0.01,
      message: 'expect(received).toBe(expected) // Object.is equality',
      details: expect.stringContaining('Received: 1'),
    });
  });

  test('vitest --reporter=verbose lists each test, and which was flaky', () => {
    const run = readJavaScript(recorded('vitest-verbose.txt'));
    expect(told(run)).toEqual([
      ['orders > sum', 'adds', 'passed'],
      ['orders > sum', 'fails 5ms', 'failed'],
      ['orders > sum', 'slow', 'passed'],
      ['orders', 'later', 'skipped'],
      ['orders', 'some day', 'skipped'],
      ['', 'flaky', 'passed'],
    ]);
    expect(run.cases[1]).toMatchObject({ message: 'expected 1 to be 2 // Object.is equality', file: 'a.test.ts' });
    expect(run.cases[5]).toMatchObject({ flakyRuns: 1 });
    expect(run.counts).toMatchObject({ total: 6, passed: 3, failed: 1, skipped: 2, flaky: 1, reconstructed: 6 });
  });
});

const session = '============ test session starts ============\n';

describe('pytest -v, in what real runs seldom show', () => {
  test('a result after output, glued to it, or coloured and ended by CR LF, belongs to the test before', () => {
    const run = readPytest(
      `${session}collected 5 items\r\n\u001b[1mtests/test_a.py::test_a \u001b[0mhello\nworld\n\u001b[32mPASSED\u001b[0m\u001b[32m   [ 20%]\u001b[0m\r\ntests/test_a.py::test_b no line breakFAILED [ 40%]\ntests/test_a.py::test_c SKIPPED (was PASSED [ 9%] once) [ 60%]\ntests/test_a.py::test_d[a PASSED b] ERROR   [ 80%]\ntests/test_a.py::test_e[x y] begins`,
    );
    expect(told(run)).toEqual([
      ['tests.test_a', 'test_a', 'passed'],
      ['tests.test_a', 'test_b', 'failed'],
      ['tests.test_a', 'test_c', 'skipped'],
      ['tests.test_a', 'test_d[a PASSED b]', 'error'],
    ]);
    expect(flying(run)).toEqual(['test_e[x y]']);
    expect(run).toMatchObject({ collected: 5, notRun: 0 });
  });

  test('what was deselected is not missed, and counts of several sessions add up', () => {
    const run = readPytest(
      `${session}collecting ... collected 12 items / 2 deselected / 10 selected\na/test_x.py::test_a PASSED [ 10%]\n=== 1 passed in 0.10s ===\n${session}collected 3 items / 1 deselected\na/test_y.py::test_b `,
    );
    expect(run).toMatchObject({ collected: 12, notRun: 10 });
    expect(flying(run)).toEqual(['test_b']);
  });

  test('what only looks like a result, outside of a session or in its summary, is none', () => {
    const run = readPytest(
      `a/test_x.py::test_no PASSED [ 10%]\n${session}a/test_x.py::test_a FAILED [100%]\n===== FAILURES =====\na/test_x.py::test_b PASSED [100%]\n===== warnings summary =====\na/test_x.py::test_c\n=== short test summary info ===\nFAILED a/test_x.py::test_a - assert 1 - 1 == 2\n=== 1 failed in 0.02s ===\na/test_x.py::test_d FAILED [ 1%]`,
    );
    expect(told(run)).toEqual([['a.test_x', 'test_a', 'failed']]);
    expect(run.cases[0]!.message).toBe('assert 1 - 1 == 2');
    expect(run.inFlight).toEqual([]);
  });
});

describe('a run that is gathered', () => {
  const place = (name: string) => ({ suite: 's', classname: 'c', name });

  test('takes a failure after a pass, and a pass after a failure as flaky', () => {
    const tests = new ReconstructedTests();
    tests.end('a', place('a'), { status: 'passed' });
    tests.end('a', place('a'), { status: 'error', message: 'teardown' });
    tests.end('b', place('b'), { status: 'failed' });
    tests.end('b', place('b'), { status: 'passed' });
    const run = tests.finish('here');
    expect(run.cases).toMatchObject([
      { name: 'a', status: 'error', message: 'teardown' },
      { name: 'b', status: 'passed', flakyRuns: 1 },
    ]);
    expect(run.counts).toMatchObject({ total: 2, passed: 1, errors: 1, flaky: 1 });
  });

  test('of more tests than are kept still has the total number', () => {
    const tests = new ReconstructedTests();
    for (let i = 0; i < 60_000; i++) tests.end(String(i), place(`t${i}`), { status: 'passed' });
    for (let i = 0; i < 10; i++) tests.end(`f${i}`, place(`f${i}`), { status: 'failed' });
    const run = tests.finish('here');
    expect(run.counts).toMatchObject({ total: 60_010, passed: 60_000, failed: 10 });
    expect(run.cases.length + run.casesLeftOut).toBe(60_010);
    expect(run.cases.filter(({ status }) => status === 'failed')).toHaveLength(10);
  });

  test('keeps no character that XML forbids, and no more of a text than is of use', () => {
    const tests = new ReconstructedTests();
    tests.end('a', place('n\u0000\ud800'.repeat(10_000)), { status: 'failed', details: 'x'.repeat(1_000_000) });
    const [one] = tests.finish('here').cases;
    expect(one!.name.length).toBeLessThanOrEqual(1000);
    expect(one!.name).toMatch(/^n\ufffd\ufffd/);
    expect(one!.details.length).toBeLessThanOrEqual(64 * 1024);
  });

  test('of 20,000 failed tests with long messages and traces keeps a few megabytes, and every message begins as it was', () => {
    const tests = new ReconstructedTests();
    const long = (word: string) => `${word} ${'x'.repeat(10_000)}`;
    for (let i = 0; i < 20_000; i++)
      tests.end(String(i), place(`t${i}`), { status: 'failed', message: long(`m${i}`), details: long(`d${i}`) });
    const { cases } = tests.finish('here');
    for (const [i, { message, details }] of cases.entries())
      expect([message.split(' ')[0], details.split(' ')[0]]).toEqual([`m${i}`, `d${i}`]);
    const chars = cases.reduce((sum, { message, details }) => sum + message.length + details.length, 0);
    // Two times 4 MiB, and two times 250 characters of each test.
    expect(chars).toBeLessThan(2 * (4 * 2 ** 20 + 10_000 + 20_000 * 250));
  });
});

describe('the lines of a file', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'read-lines-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));
  const read = async (content: string | Buffer, maxChars = 100): Promise<string[]> => {
    const file = path.join(dir, 'log');
    writeFileSync(file, content);
    const lines: string[] = [];
    for await (const line of readLines(file, { maxChars })) lines.push(line);
    return lines;
  };

  test('end with LF, CR LF or the file; bytes that are no UTF-8 harm nothing', async () => {
    expect(await read('a\r\nb\n\nlast')).toEqual(['a', 'b', '', 'last']);
    expect(await read(Buffer.from([0x61, 0xff, 0x0a, 0xe2, 0x9c, 0x93]))).toEqual(['a\ufffd', '✓']);
    expect(await read('')).toEqual([]);
  });

  test('of a line without end only begin and end are kept', async () => {
    const [line, next] = await read(`${'x'.repeat(3_000_000)} PASSED [ 10%]\nnext`);
    expect(line!.length).toBeLessThan(700);
    expect(line).toMatch(/^x{100}\0x+ PASSED \[ 10%\]$/);
    expect(next).toBe('next');
  });

  test('are shown as a terminal would', () => {
    expect(toShownLine('\u001b[32m✓\u001b[39m a \u001b]0;title\u0007b')).toBe('✓ a b');
    expect(toShownLine('10%\r50%\rdone')).toBe('done');
  });
});
