import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { RawInputs } from '../../src/inputs/schema.ts';
import { changeOf, formatCoverage } from '../../src/report/coverage.ts';
import { renderSummary } from '../../src/report/summary-markdown.ts';
import { runUnitTier } from './unit-tier.ts';

/** Tier unit, whose tests cover two of these three lines. */
function runCovered(root: string, given: RawInputs) {
  const report = '<testsuite name="s" tests="1"><testcase name="adds"/></testsuite>';
  const lcov = 'SF:shop.js\\nDA:1,1\\nDA:2,1\\nDA:3,0\\nend_of_record\\n';
  const script = `const fs = require('fs'); const at = process.argv[1]; fs.writeFileSync(at + '/junit.xml', '${report}'); fs.writeFileSync(at + '/lcov.info', '${lcov}')`;
  return runUnitTier(script, { args: '["/results"]', ...given }, { root });
}

const makeRoot = () => mkdtempSync(path.join(tmpdir(), 'coverage-'));

test('a run reports by how many points its coverage changed since an earlier run', async () => {
  const root = makeRoot();
  const coverage = { format: 'lcov', covered: 1, total: 4 };
  writeFileSync(path.join(root, 'main.json'), JSON.stringify({ schema: 1, coverage }));
  const end = await runCovered(root, { 'coverage-baseline': 'main.json' });
  expect(end.verdict).toMatchObject({ outcome: 'passed', warnings: [] });
  expect(end.verdict.coverage).toEqual({ format: 'lcov', covered: 2, total: 3, before: { covered: 1, total: 4 } });
  const summary = renderSummary(end.report).replaceAll('\\', '');
  expect(summary).toContain('Coverage: 66.6 % of 3 lines (+41.7 points).');
  const written = JSON.parse(readFileSync(end.dir.resultJson, 'utf8')) as { coverage: object };
  expect(written.coverage).toEqual(end.verdict.coverage);
});

test.each([
  ['a result.json of a run without coverage', '{"schema":1}', 'that run had no coverage'],
  [
    'coverage of another format',
    '{"coverage":{"format":"Go","covered":1,"total":2}}',
    'it is of Go, and that of this run of lcov',
  ],
  ['a file that is no JSON', '<coverage/>', 'it is no result.json'],
  ['counts that are none', '{"coverage":{"format":"lcov","covered":-1,"total":"2"}}', 'it is no result.json'],
])('%s is a warning, and changes no verdict', async (_what, content, why) => {
  const root = makeRoot();
  writeFileSync(path.join(root, 'main.json'), content);
  const end = await runCovered(root, { 'coverage-baseline': 'main.json' });
  expect(end.verdict.outcome).toBe('passed');
  expect(end.verdict.coverage).toEqual({ format: 'lcov', covered: 2, total: 3 });
  expect(end.verdict.warnings).toEqual([expect.stringContaining(why)]);
});

test('an earlier run that is not there yet is no problem, and one in results-dir is a wrong input', async () => {
  const first = await runCovered(makeRoot(), { 'coverage-baseline': 'main.json' });
  expect(first).toMatchObject({ verdict: { outcome: 'passed', warnings: [] } });
  const own = runCovered(makeRoot(), { 'coverage-baseline': 'out/result.json' });
  await expect(own).rejects.toThrow('lies in results-dir, which each run empties; name another place');
});

test('a change of coverage is shown in points, with its sign', () => {
  const of = (covered: number, before: number) =>
    changeOf({ format: 'lcov', covered, total: 1000, before: { covered: before, total: 1000 } });
  expect(of(812, 800)).toBe('+1.2');
  expect(of(800, 812)).toBe('-1.2');
  expect(of(800, 800)).toBe('0.0');
  expect(changeOf({ format: 'lcov', covered: 1, total: 2 })).toBeUndefined();
  expect(formatCoverage({ format: 'lcov', covered: 1, total: 2, before: { covered: 0, total: 0 } })).toBe(
    '50.0 % of 2 lines',
  );
});
