import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fail, noTests, succeed, type Verdict } from '../../src/core/outcome.ts';
import { readJUnit } from '../../src/junit/read-junit.ts';
import { renderResultJson } from '../../src/report/result-json.ts';
import { rollUp } from '../../src/roll-up/roll-up.ts';
import { makeVerdict } from '../report/sample-runs.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'roll-up-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const signal = new AbortController().signal;

function leaveLeg(tier: string, over: object, junit: string): void {
  const at = path.join(root, 'legs', tier);
  mkdirSync(at, { recursive: true });
  const tests = { ...noTests, total: 1, passed: 1 };
  const verdict = makeVerdict({ tier, tests, durationSeconds: 9, ...over });
  writeFileSync(path.join(at, 'result.json'), renderResultJson(verdict));
  writeFileSync(path.join(at, 'junit.xml'), junit);
}

test('all legs become one verdict, one summary, one report, and one junit.xml in which each red leg is red', async () => {
  leaveLeg('unit', {}, '<testsuite name="pytest"><testcase name="test_a"/></testsuite>');
  const failure = { kind: 'chart', reason: 'polaris never became ready', hint: 'Look at its log.', evidence: ['x'] };
  leaveLeg('e2e', { outcome: 'broken', failure, tests: noTests }, '<testsuites/>');
  const said: string[] = [];
  const resultsDir = path.join(root, 'out');
  const end = await rollUp({
    inputs: { resultsDir, expected: ['unit', 'e2e', 'staging'], jobResults: {} },
    legs: succeed({ directory: path.join(root, 'legs'), artifacts: [] }),
    say: (line) => said.push(line),
    signal,
  });
  expect(end.verdict).toMatchObject({ outcome: 'broken', tests: { total: 1, passed: 1 } });
  expect(said).toEqual([
    '✗ e2e: broken: chart — polaris never became ready',
    '✗ staging: broken: results — staging is expected and left no results',
    '✓ unit: passed — 1 test passed in 9.00 s',
  ]);
  const read = (name: string) => readFileSync(path.join(resultsDir, name), 'utf8');
  expect((JSON.parse(read('result.json')) as Verdict).failure?.reason).toContain('2 of 3 jobs did not pass');
  expect(read('summary.md')).toContain('polaris never became ready');
  expect(read('report.html')).toContain('2 of 3 jobs did not pass');
  const junit = await readJUnit(path.join(resultsDir, 'junit.xml'));
  const cases = ['e2e', 'staging', 'unit / pytest'].map((suite) =>
    expect.objectContaining({ suite: expect.stringContaining(suite) }),
  );
  expect(junit).toMatchObject({ ok: true, value: { counts: { total: 3, passed: 1, errors: 2 }, cases } });
});

test('a roll-up whose results lie beside those of the legs, as the command report has them, is no leg of itself', async () => {
  leaveLeg('unit', {}, '<testsuite name="pytest"><testcase name="test_a"/></testsuite>');
  const roll = (resultsDir: string) =>
    rollUp({
      inputs: { resultsDir, expected: [], jobResults: {} },
      legs: succeed({ directory: path.join(root, 'legs'), artifacts: [] }),
      say: () => {},
      signal,
    });
  for (const _ of ['first', 'again']) {
    const { verdict } = await roll(path.join(root, 'legs/report'));
    expect(verdict).toMatchObject({ outcome: 'passed', failure: null, tests: { total: 1 } });
  }
  // That of another one still is not taken for a leg in silence.
  const { verdict } = await roll(path.join(root, 'out'));
  expect(verdict.failure?.reason).toContain('report holds the verdict of a roll-up, not of a matrix job');
});

test('the report of a matrix begins with its jobs and the suites that they ran', async () => {
  const suites = (failure: string) =>
    `<testsuites><testsuite name="api"><testcase name="a">${failure}</testcase></testsuite><testsuite name="ui&lt;b&gt;"><testcase name="u"/></testsuite></testsuites>`;
  const tests = { ...noTests, total: 2, passed: 2 };
  leaveLeg('unit', { tests }, suites(''));
  const failure = { kind: 'test', reason: '1 of 2 tests failed: a', hint: '', evidence: [] };
  leaveLeg('e2e', { outcome: 'failed', failure, tests: { ...tests, passed: 1, failed: 1 } }, suites('<failure/>'));
  const resultsDir = path.join(root, 'out');
  await rollUp({
    inputs: { resultsDir, expected: [], jobResults: {} },
    legs: succeed({ directory: path.join(root, 'legs'), artifacts: [] }),
    say: () => {},
    signal,
  });
  const page = readFileSync(path.join(resultsDir, 'report.html'), 'utf8');
  const rows = [...page.matchAll(/<tr>(.*)<\/tr>/g)].map(
    ([, row = '']) => row.match(/(?<=>)[^<>]+(?=<)/g)?.join('|') ?? '',
  );
  expect(rows.filter((row) => row.includes('e2e') || row.includes('unit'))).toEqual([
    '✗ e2e|✗ 1 of 1|✓ 1',
    '✓ unit|✓ 1|✓ 1',
  ]);
  expect(page).toContain('data-name="ui&lt;b&gt;"');
});

test('artifacts that cannot be downloaded are red in every case', async () => {
  const end = await rollUp({
    inputs: { resultsDir: path.join(root, 'out'), expected: [], jobResults: { unit: { result: 'success' } } },
    legs: fail('results', 'the artifacts of this run cannot be listed: no token'),
    say: () => {},
    signal,
  });
  expect(end.verdict).toMatchObject({ outcome: 'broken', failure: { kind: 'results' } });
  expect(end.verdict.failure?.reason).toContain('no token');
});

test('what a leg changed against the runs before it is in the summary, read from its result.json', async () => {
  const junit = '<testsuite name="pytest"><testcase name="test_a"/></testsuite>';
  const changes = Array.from({ length: 12 }, (_, i) => `<b>test_${i}</b>: 50 % slower: 3.0 s in place of 2.0 s`);
  leaveLeg('unit', { trend: { runs: 20, changes } }, junit);
  leaveLeg('e2e', { trend: { runs: 5, changes: [] } }, junit);
  const resultsDir = path.join(root, 'out');
  await rollUp({
    inputs: { resultsDir, expected: [], jobResults: {} },
    legs: succeed({ directory: path.join(root, 'legs'), artifacts: [] }),
    say: () => {},
    signal,
  });
  const summary = readFileSync(path.join(resultsDir, 'summary.md'), 'utf8');
  expect(summary).toContain('**What these runs changed**\n\n- unit, against the 20 runs before\n  - ');
  expect(summary.match(/50 % slower/g)).toHaveLength(10);
  expect(summary).toContain('  - … and 2 more in its `report.html`\n\n');
  expect(summary).not.toContain('<b>');
  expect(summary).not.toContain('e2e, against');
});
