import { describe, expect, test } from 'vitest';
import { noTests, type TestCase } from '../../src/core/outcome.ts';
import { formatRetries } from '../../src/report/describe-tests.ts';
import { describeIncidents } from '../../src/report/incident-story.ts';
import {
  applyRetries,
  type RetryOutcome,
  settleOrder,
  settleRetry,
  settleWhole,
} from '../../src/verdict/settle-retries.ts';
import { SeededRandom } from '../kube/seeded-random.ts';

const caseOf = (name: string, status: TestCase['status'] = 'failed', more: Partial<TestCase> = {}): TestCase => ({
  suite: 'pytest',
  classname: 'tests.test_a',
  name,
  seconds: 1,
  status,
  message: status === 'failed' ? 'late' : '',
  details: '',
  ...more,
});
const reportOf = (cases: TestCase[]) => {
  const count = (wanted: TestCase['status']) => cases.filter(({ status }) => status === wanted).length;
  const [passed, failed, errors, skipped] = [count('passed'), count('failed'), count('error'), count('skipped')];
  return { file: 'junit.xml', cases, counts: { ...noTests, total: cases.length, passed, failed, errors, skipped } };
};

describe('a failed test that runs again in a fresh pod', () => {
  const [a, b] = [caseOf('a'), caseOf('b')];
  const settle = (cases: TestCase[], isSound = true) => [...settleRetry([a, b], { cases, isSound }).values()];

  test('has passed, has failed again, or has not run', () => {
    expect(settle([caseOf('a', 'passed'), caseOf('b')])).toEqual(['passed', 'failed']);
    expect(settle([caseOf('a', 'passed')])).toEqual(['passed', 'not run']);
    expect(settle([caseOf('a', 'skipped'), caseOf('b', 'error')])).toEqual(['not run', 'failed']);
  });

  test('is not believed when its pod was killed, or a test failed that was not asked for', () => {
    expect(settle([caseOf('a', 'passed'), caseOf('b', 'passed')], false)).toEqual(['not run', 'not run']);
    expect(settle([caseOf('a', 'passed'), caseOf('b', 'passed'), caseOf('c')])).toEqual(['not run', 'not run']);
  });

  test('is the same test where only its failure names its file', () => {
    const failed = caseOf('a', 'failed', { file: '/tmp/suite/test_a.py', line: 3 });
    expect([...settleRetry([failed], { cases: [caseOf('a', 'passed')], isSound: true }).values()]).toEqual(['passed']);
  });

  test('of the same name as another passes only when both do', () => {
    const twice = [caseOf('a'), caseOf('a')];
    const settleTwice = (cases: TestCase[]) => [...settleRetry(twice, { cases, isSound: true }).values()];
    expect(settleTwice([caseOf('a', 'passed')])).toEqual(['not run', 'not run']);
    expect(settleTwice([caseOf('a', 'passed'), caseOf('a')])).toEqual(['failed', 'failed']);
    expect(settleTwice([caseOf('a', 'passed'), caseOf('a', 'passed')])).toEqual(['passed', 'passed']);
    const elsewhere = caseOf('a', 'passed', { suite: 'firefox' });
    expect(settleTwice([elsewhere, elsewhere])).toEqual(['not run', 'not run']);
  });

  test('counts as passed and flaky, keeps its failure message, and is reported with the incident during which it failed', () => {
    const failed = caseOf('a', 'failed', { endedAt: '2026-01-01T12:00:10Z' });
    const { reports, excused } = applyRetries(
      [reportOf([failed, b])],
      new Map<TestCase, RetryOutcome[]>([
        [failed, ['failed', 'passed']],
        [b, ['failed', 'failed']],
      ]),
    );
    const [report] = reports;
    expect(report?.counts).toMatchObject({ total: 2, passed: 1, failed: 1, flaky: 1 });
    expect(report?.cases[0]).toMatchObject({ status: 'passed', flakyRuns: 2, message: 'late' });
    expect(report?.cases.map(formatRetries)).toEqual([
      'failed 2 times, then passed alone in a fresh pod: flaky',
      'failed again alone in a fresh pod, 2 times',
    ]);
    expect(excused.map(({ name }) => name)).toEqual(['a']);
    const incident = { at: '2026-01-01T12:00:08Z', pod: 'postgres-0', container: 'postgres', what: 'restarted' };
    const [story] = describeIncidents([incident], report?.cases ?? []);
    expect(story?.failed.map(({ name }) => name)).toEqual(['a']);
  });

  test('is never green when it failed in every attempt: 2,000 seeded runs', () => {
    for (let seed = 1; seed <= 2000; seed++) {
      const random = new SeededRandom(seed);
      const names = Array.from({ length: 1 + random.below(8) }, (_, i) => `t${i}`);
      const first = names.map((name) => caseOf(name, random.pick(['passed', 'failed', 'error', 'skipped'])));
      const outcomes = new Map<TestCase, RetryOutcome[]>();
      const truth = new Map<string, boolean>();
      let open = first.filter(({ status }) => status === 'failed' || status === 'error');
      for (let attempt = 1; attempt <= 2 && open.length > 0; attempt++) {
        const isSound = random.chance(0.8);
        const cases = open
          .filter(() => random.chance(0.9))
          .map(({ name }) => caseOf(name, random.pick(['passed', 'failed', 'skipped'])));
        if (random.chance(0.1)) cases.push(caseOf('stranger', random.pick(['passed', 'failed'])));
        for (const { name, status } of cases) if (status === 'passed') truth.set(name, true);
        for (const [one, outcome] of settleRetry(open, { cases, isSound }))
          outcomes.set(one, [...(outcomes.get(one) ?? []), outcome]);
        open = open.filter((one) => !outcomes.get(one)?.includes('passed'));
      }
      const { reports, excused } = applyRetries([reportOf(first)], outcomes);
      const [report] = reports;
      const wrong = (report?.cases ?? []).filter((one, i) => {
        const before = first[i];
        const hadFailed = before?.status === 'failed' || before?.status === 'error';
        return hadFailed ? one.status === 'passed' && truth.get(one.name) !== true : one !== before;
      });
      expect(wrong, `seed ${seed}`).toEqual([]);
      expect(report?.counts, `seed ${seed}`).toMatchObject({
        ...reportOf(report?.cases ?? []).counts,
        flaky: excused.length,
      });
    }
  });
});

describe('a test that passed alone and runs again after those that ran before it', () => {
  const polluted = caseOf('b');
  const tests = [{ test: polluted, id: 't.py::b' }];
  const before = ['t.py::a', 't.py::b'];
  const settle = (order: string[], cases: TestCase[]) => settleOrder(tests, before, { order, cases }).get(polluted);

  test('was disturbed by one of them where it fails, and is flaky where it passes', () => {
    expect(settle(before, [caseOf('a', 'passed'), caseOf('b')])).toBe('failed');
    expect(settle(before, [caseOf('a', 'passed'), caseOf('b', 'passed')])).toBe('passed');
    // Whether a test before it fails says nothing.
    expect(settle(before, [caseOf('a'), caseOf('b', 'error')])).toBe('failed');
  });

  test('says nothing where something else ran before it, or its end is not known', () => {
    expect(settle(['t.py::b'], [caseOf('b')])).toBeUndefined();
    expect(settle(['t.py::c', 't.py::a', 't.py::b'], [caseOf('b')])).toBeUndefined();
    expect(settle([], [caseOf('b')])).toBeUndefined();
    expect(settle(before, [caseOf('a', 'passed')])).toBeUndefined();
    expect(settle(before, [caseOf('b', 'skipped')])).toBeUndefined();
    expect(settle(before, [caseOf('b'), caseOf('b', 'passed')])).toBeUndefined();
    // It failed once more, and a plugin ran it again.
    expect(settle(before, [caseOf('b', 'passed', { flakyRuns: 1 })])).toBeUndefined();
  });

  test('is reported in words that claim no more than is known', () => {
    const told = (inOrder?: TestCase['inOrder']) =>
      formatRetries({ retries: ['passed'], ...(inOrder === undefined ? {} : { inOrder }) });
    const begin = 'failed, then passed alone in a fresh pod';
    expect(told()).toBe(`${begin}: flaky, or polluted by a test that ran before it`);
    expect(told('passed')).toBe(`${begin}, and after the tests that ran before it: flaky`);
    expect(told('failed')).toBe(
      `${begin}, and failed again after the tests that ran before it: polluted by one of them`,
    );
    expect(told('first')).toBe(`${begin}, and no test had run before it in its pod: flaky`);
  });

  test('keeps that in the reports', () => {
    const { reports } = applyRetries(
      [reportOf([polluted])],
      new Map([[polluted, ['passed']]]),
      new Map([[polluted, 'failed']]),
    );
    expect(reports[0]?.cases[0]).toMatchObject({ status: 'passed', flakyRuns: 1, inOrder: 'failed' });
  });
});

test('a test that passed alone and runs again with all others tells nothing where it did not run exactly once', () => {
  const one = caseOf('b', 'failed');
  const told = (...cases: TestCase[]) => settleWhole([one], [caseOf('a'), ...cases]).get(one);
  expect(told(caseOf('b', 'failed'))).toBe('failed');
  expect(told(caseOf('b', 'error'))).toBe('failed');
  expect(told(caseOf('b', 'passed'))).toBe('passed');
  expect(told({ ...caseOf('b', 'passed'), flakyRuns: 1 })).toBeUndefined();
  expect(told(caseOf('b', 'skipped'))).toBeUndefined();
  expect(told(caseOf('b', 'passed'), caseOf('b', 'failed'))).toBeUndefined();
  expect(told()).toBeUndefined();
});
