import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { noTests, type TestCase, type Verdict } from '../../src/core/outcome.ts';
import { defaultJUnitLimits } from '../../src/junit/junit-report.ts';
import { writeJUnit } from '../../src/junit/write-junit.ts';
import { renderResultJson } from '../../src/report/result-json.ts';
import { readLegs } from '../../src/roll-up/read-legs.ts';
import { makeTest } from '../report/sample-runs.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'legs-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const signal = new AbortController().signal;

const passed: Verdict = {
  schema: 1,
  outcome: 'passed',
  failure: null,
  tier: 'integration',
  tests: { ...noTests, total: 2, passed: 2 },
  phases: [{ name: 'tests', outcome: 'passed', seconds: 3 }],
  durationSeconds: 60,
  cluster: null,
  image: null,
  warnings: [],
};

/** Leaves the results of a leg, as a run would. */
async function leaveLeg(
  directory: string,
  over: object = {},
  cases: TestCase[] = [makeTest({ suite: 'pytest', seconds: 1 }), makeTest({ suite: 'other', seconds: 2 })],
): Promise<void> {
  const at = path.join(root, directory);
  mkdirSync(at, { recursive: true });
  const verdict = { ...passed, ...over };
  writeFileSync(path.join(at, 'result.json'), renderResultJson(verdict));
  const reports = [{ file: 'junit.xml', cases, casesLeftOut: 0 }];
  await writeJUnit(path.join(at, 'junit.xml'), { reports, phases: passed.phases, failure: verdict.failure });
}

describe('the legs of a directory', () => {
  test('are found in any directory, with their tests by suite', async () => {
    await leaveLeg('k8s-test-integration-a1');
    await leaveLeg('deeper/still/e2e', { tier: 'e2e' });
    const legs = await readLegs(root, signal);
    expect(legs.map(({ name }) => name)).toEqual(['e2e', 'integration']);
    expect(legs[1]).toMatchObject({
      verdict: { outcome: 'passed' },
      suites: [
        { name: 'pytest', counts: { total: 1, passed: 1 }, seconds: 1 },
        { name: 'other', counts: { total: 1, passed: 1 }, seconds: 2 },
      ],
    });
  });

  test('are found as deep in an artifact as they are unpacked there, so that no red one is passed over', async () => {
    const artifact = { name: 'k8s-test-deep', jobRun: 'a', createdAt: 1, directory: '17/k8s-test-deep' };
    const oom = { kind: 'oom', reason: 'killed', hint: '', evidence: [] };
    await leaveLeg('17/k8s-test-deep/a/b/c/d', { outcome: 'failed', failure: oom });
    const legs = await readLegs(root, signal, [artifact]);
    expect(legs).toMatchObject([{ verdict: { outcome: 'failed' }, artifact }]);
  });

  test('keep no more in memory together than one run does, and lose no count', async () => {
    const legCount = 5;
    const perLeg = 6000;
    const cases = (leg: number) =>
      Array.from({ length: perLeg }, (_, i) => makeTest({ suite: 'many', name: `test_${leg}_${i}`, seconds: 1 }));
    for (let leg = 0; leg < legCount; leg++)
      await leaveLeg(`leg-${leg}`, { tests: { ...noTests, total: perLeg, passed: perLeg } }, cases(leg));
    const legs = await readLegs(root, signal);
    expect(legs.map(({ verdict }) => verdict.outcome)).toEqual(Array(legCount).fill('passed'));
    expect(legs.reduce((sum, { tests }) => sum + tests.length, 0)).toBe(defaultJUnitLimits.keptCases);
    for (const { tests, testsLeftOut, suites } of legs) {
      expect(tests.length + testsLeftOut).toBe(perLeg);
      expect(suites.reduce((sum, { counts }) => sum + counts.passed, 0)).toBe(perLeg);
    }
    expect(legs.at(-1)).toMatchObject({
      tests: [],
      suites: [{ name: 'tests that are only counted', counts: { total: perLeg, passed: perLeg, failed: 0 } }],
    });
  });

  test('share the room for details and for verdicts too, and none of them passes for want of it', async () => {
    const details = 'x'.repeat(60_000);
    const failed = (leg: number) =>
      Array.from({ length: 30 }, (_, i) =>
        makeTest({ suite: 's', name: `t_${leg}_${i}`, status: 'failed', message: 'm', details }),
      );
    const warnings = ['w'.repeat(3_500_000)];
    for (let leg = 0; leg < 12; leg++)
      await leaveLeg(
        `leg-${String(leg).padStart(2, '0')}`,
        { outcome: 'passed', warnings, tests: { ...noTests, total: 30, failed: 30 } },
        failed(leg),
      );
    const legs = await readLegs(root, signal);
    const kept = legs.flatMap(({ tests }) => tests).reduce((sum, one) => sum + (one.details ?? '').length, 0);
    expect(kept).toBeLessThan(1.1 * defaultJUnitLimits.totalDetailsChars);
    expect(legs.map(({ verdict }) => verdict.outcome)).not.toContain('passed');
    expect(legs.at(-1)?.verdict.failure?.reason).toContain('too large beside those of the other jobs');
  });

  test('are none where there is no such directory', async () => {
    expect(await readLegs(path.join(root, 'absent'), signal)).toEqual([]);
  });

  test('of one job are distinguished by their matrix', async () => {
    const leg = (python: string) => ({ leg: { job: 'test', attempt: 1, matrix: JSON.stringify({ python }), legs: 2 } });
    await leaveLeg('a', leg('3.11'));
    await leaveLeg('b', leg('3.12'));
    expect((await readLegs(root, signal)).map(({ name }) => name)).toEqual([
      'integration (3.11)',
      'integration (3.12)',
    ]);
  });

  test.each([
    ['is not JSON', '{"schema": 1'],
    ['is not a verdict of schema 1', '{"schema": 2}'],
    ['is not a verdict of schema 1', '[]'],
    ['is not a verdict of schema 1', JSON.stringify({ ...passed, outcome: 'great' })],
    ['is not a verdict of schema 1', JSON.stringify({ ...passed, tests: { ...noTests, total: -1 } })],
    ['is too large', JSON.stringify({ ...passed, warnings: ['x'.repeat(5 * 1024 * 1024)] })],
  ])('whose result.json %s are red, and never dropped', async (problem, text) => {
    await leaveLeg('leg');
    writeFileSync(path.join(root, 'leg', 'result.json'), text);
    const [leg] = await readLegs(root, signal);
    expect(leg?.verdict).toMatchObject({ outcome: 'broken', failure: { kind: 'results' } });
    expect(leg?.verdict.failure?.reason).toContain(problem);
  });

  test('that report passed are red when their junit.xml is missing, cut off, or holds a failure', async () => {
    await leaveLeg('missing');
    rmSync(path.join(root, 'missing', 'junit.xml'));
    await leaveLeg('cut', { tier: 'e2e' });
    writeFileSync(path.join(root, 'cut', 'junit.xml'), '<testsuites><testsuite>');
    await leaveLeg('red', { tier: 'unit' }, [makeTest({ status: 'failed' })]);
    for (const { verdict } of await readLegs(root, signal))
      expect(verdict, verdict.tier).toMatchObject({ outcome: 'failed', failure: { kind: 'report' } });
  });

  test.each<[string, object]>([
    ['counts more tests than its junit.xml', { tests: { ...noTests, total: 1000, passed: 1000 } }],
    ['counts failed tests', { tests: { ...noTests, total: 2, passed: 1, failed: 1 } }],
    ['counts failed tests beside its total', { tests: { ...noTests, total: 2, passed: 2, failed: 5 } }],
    ['counts skipped tests that its junit.xml holds as passed', { tests: { ...noTests, total: 2, skipped: 2 } }],
    ['leaves out cases of a small report', { tests: { ...noTests, total: 9, passed: 9 }, casesLeftOut: 7 }],
  ])('that say passed are red when their verdict %s', async (_, over) => {
    await leaveLeg('leg', over);
    const [leg] = await readLegs(root, signal);
    expect(leg?.verdict).toMatchObject({ outcome: 'failed', failure: { kind: 'report' } });
  });

  test('of very many tests pass although their junit.xml holds not all of them, if the verdict has the number', async () => {
    const cases = Array.from({ length: 1200 }, (__, i) => makeTest({ suite: 'pytest', name: `test_${i}`, seconds: 0 }));
    await leaveLeg('leg', { tests: { ...noTests, total: 5000, passed: 5000 }, casesLeftOut: 3800 }, cases);
    expect((await readLegs(root, signal))[0]?.verdict).toMatchObject({ outcome: 'passed' });
  });

  test.each(['0', '-1', '1.5', '1e400', '"2"', 'null'])('of an attempt that is none (%s) are red', async (attempt) => {
    await leaveLeg('leg');
    const text = JSON.stringify({ ...passed, leg: { job: 'j', attempt: 7, matrix: '', legs: 1 } });
    writeFileSync(path.join(root, 'leg', 'result.json'), text.replace('"attempt":7', `"attempt":${attempt}`));
    expect((await readLegs(root, signal))[0]?.verdict).toMatchObject({ outcome: 'broken' });
  });

  test('that report passed without a test are red', async () => {
    await leaveLeg('empty', { tests: noTests }, []);
    expect((await readLegs(root, signal))[0]?.verdict.outcome).toBe('failed');
  });
});
