import { describe, expect, test } from 'vitest';
import { decideVerdict, type TestFacts } from '../../src/job/decide-verdict.ts';
import type { TestCounts } from '../../src/outcome.ts';

const counts = (some: Partial<TestCounts>): TestCounts => {
  const all = { total: 0, passed: 0, failed: 0, errors: 0, skipped: 0, flaky: 0, rebuilt: 0, ...some };
  return { ...all, total: all.passed + all.failed + all.errors + all.skipped };
};
const facts = (exitCode: number, some: Partial<TestFacts> = {}): TestFacts => ({
  end: { exitCode },
  memoryLimit: '1Gi',
  reports: [],
  unreadable: [],
  stale: [],
  failedNames: [],
  junitGlobs: ['**/*.xml'],
  resultsPath: '/results',
  ...some,
});
const report = (some: Partial<TestCounts>) => ({ reports: [{ file: 'junit.xml', counts: counts(some) }] });

describe('green', () => {
  test('needs exit code 0, a test, and a report without failure', () => {
    expect(decideVerdict(facts(0, report({ passed: 3 })))).toMatchObject({ failure: null, warnings: [] });
  });
  test('with all tests skipped comes with a warning', () => {
    const verdict = decideVerdict(facts(0, report({ skipped: 4 })));
    expect(verdict).toMatchObject({ failure: null, warnings: ['all 4 tests were skipped'] });
  });
});

describe('red', () => {
  test.each<[string, TestFacts, string, RegExp]>([
    [
      'a failed test',
      facts(1, { ...report({ passed: 1, failed: 1 }), failedNames: ['test_a'] }),
      'test',
      /^1 of 2 tests failed: test_a$/,
    ],
    [
      'a failed test although exit code 0',
      facts(0, { ...report({ failed: 1 }), failedNames: ['test_a'] }),
      'test',
      /contradiction/,
    ],
    [
      'exit code 1 with an all green report',
      facts(1, report({ passed: 12 })),
      'test',
      /exit code 1, yet its report holds no failure \(12 passed/,
    ],
    ['pytest without tests', facts(5), 'no-tests', /collected none/],
    ['an empty report', facts(0, report({})), 'no-tests', /the report is empty/],
    ['no report', facts(0), 'report', /no JUnit report .* although .* exit code 0/],
    [
      'only a report of an earlier run',
      facts(0, { stale: ['junit.xml'] }),
      'report',
      /only junit\.xml of an earlier run/,
    ],
    [
      'a report that is cut',
      facts(0, { ...report({ passed: 1 }), unreadable: [{ file: 'b.xml', reason: 'line 3: cut' }] }),
      'report',
      /b\.xml cannot be read/,
    ],
    ['a kill for memory', facts(137, { end: { exitCode: 137, reason: 'OOMKilled' } }), 'oom', /at its limit of 1Gi/],
    [
      'a kill for memory with a green report',
      facts(137, { end: { exitCode: 137, reason: 'OOMKilled' }, ...report({ passed: 2 }) }),
      'oom',
      /2 tests finished/,
    ],
    [
      'exit code 137 alone, which is not called oom',
      facts(137, report({ passed: 2 })),
      'test',
      /exit code 137 \(signal 9\)/,
    ],
    [
      'a program that is not there',
      facts(128, { end: { exitCode: 128, reason: 'StartError', message: 'exec: "pytest": not found' } }),
      'start',
      /pytest/,
    ],
    ['exit code 127 without a report', facts(127), 'report', /exit code 127/],
  ])('%s', (_, given, kind, reason) => {
    const { failure } = decideVerdict(given);
    expect(failure?.kind).toBe(kind);
    expect(failure?.reason).toMatch(reason);
  });
});

test('no combination of facts is green but the one that has to be', () => {
  const exits = [0, 1, 2, 5, 127, 137, -1];
  const reasons = [undefined, 'Completed', 'Error', 'OOMKilled', 'StartError'];
  const reportSets = [
    [],
    [counts({})],
    [counts({ passed: 1 })],
    [counts({ failed: 1 })],
    [counts({ errors: 1, passed: 1 })],
    [counts({ skipped: 1 })],
  ];
  let green = 0;
  for (const exitCode of exits)
    for (const reason of reasons)
      for (const set of reportSets)
        for (const unreadable of [[], [{ file: 'x.xml', reason: 'cut' }]])
          for (const stale of [[], ['old.xml']]) {
            const end = reason === undefined ? { exitCode } : { exitCode, reason };
            const reports = set.map((one) => ({ file: 'junit.xml', counts: one }));
            const { failure } = decideVerdict(facts(exitCode, { end, reports, unreadable, stale }));
            const sum = set[0];
            const mayBeGreen =
              exitCode === 0 &&
              reason !== 'OOMKilled' &&
              reason !== 'StartError' &&
              unreadable.length === 0 &&
              sum !== undefined &&
              sum.failed + sum.errors === 0 &&
              sum.total > 0;
            expect(failure === null, JSON.stringify({ exitCode, reason, sum, unreadable, stale })).toBe(mayBeGreen);
            if (failure === null) green++;
          }
  expect(green).toBe(3 * 2 * 2);
});
