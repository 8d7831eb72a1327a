import { describe, expect, test } from 'vitest';
import { type Failure, noTests, type TestCase, type TestCounts } from '../../src/core/outcome.ts';
import { joinAttempts, judgeFinished, judgeWhole } from '../../src/verdict/join-attempts.ts';
import { mergeShards, type ShardFacts } from '../../src/verdict/merge-shards.ts';
import { SeededRandom } from '../kube/seeded-random.ts';

const evicted: Failure = { kind: 'evicted', reason: 'the test pod p was evicted', hint: '', evidence: [] };
const failed: Failure = { kind: 'test', reason: 'a test failed', hint: '', evidence: [] };
const none: Failure = { kind: 'no-tests', reason: 'no test ran', hint: '', evidence: [] };

function caseOf(name: string, status: TestCase['status'] = 'passed'): TestCase {
  return { suite: 'pytest', classname: 'tests.test_a', name, seconds: 1, status, message: '', details: '' };
}
function countsOf(cases: readonly TestCase[]): TestCounts {
  const count = (wanted: TestCase['status']) => cases.filter(({ status }) => status === wanted).length;
  const [passed, failedCount, errors, skipped] = [count('passed'), count('failed'), count('error'), count('skipped')];
  return { ...noTests, total: cases.length, passed, failed: failedCount, errors, skipped };
}
/** One pod of shard 1. `all` are the ids of the whole suite. */
function attempt(
  cases: TestCase[],
  more: Partial<ShardFacts> & { failure?: Failure; all?: string[] } = {},
): ShardFacts {
  const { failure = null, all, ...facts } = more;
  const ran = new Set(cases.map(({ name }) => name));
  return {
    shard: 1,
    pod: 'p',
    verdict: { failure, warnings: [], counts: countsOf(cases) },
    isLost: false,
    isEmpty: false,
    cases,
    casesLeftOut: 0,
    failedNames: cases.filter(({ status }) => status === 'failed').map(({ name }) => name),
    pytest: all === undefined ? undefined : { collected: new Set(all), hasRun: (id) => ran.has(id) },
    ...facts,
  };
}
const merge = (...shards: ShardFacts[][]) =>
  mergeShards(
    shards.map((attempts, shard) => ({ ...joinAttempts(attempts), shard })),
    { interruption: null, isAnnounced: false },
  );

describe('a shard whose pod was lost and whose other tests ran in a fresh one', () => {
  const all = ['a', 'b', 'c', 'd'];
  const whole = [attempt([caseOf('a')], { all })];

  test('passes where both pods together ran each of its tests once, and names the lost pod', () => {
    const merged = merge(whole, [
      attempt([caseOf('b')], { all, pod: 'lost', seconds: 4 }),
      attempt([caseOf('c'), caseOf('d')], { all, pod: 'fresh', seconds: 2 }),
    ]);
    expect(merged).toMatchObject({ failure: null, counts: { total: 4, passed: 4 } });
    expect(merged.shards[1]).toEqual({
      shard: 1,
      pod: 'fresh',
      outcome: 'passed',
      tests: 3,
      failed: 0,
      seconds: 6,
      lostPods: ['lost'],
    });
  });

  test('fails where a test ran in neither, in both, or failed in the first', () => {
    const lost = attempt([caseOf('b')], { all });
    expect(merge(whole, [lost, attempt([caseOf('c')], { all })]).failure?.reason).toBe('1 test ran in no shard: d');
    const twice = attempt([caseOf('b'), caseOf('c'), caseOf('d')], { all });
    expect(merge(whole, [lost, twice]).failure?.reason).toBe(
      '1 test ran in more than one pod: b in two pods of shard 1',
    );
    const red = [caseOf('b', 'failed')];
    const early = attempt(red, { all, ...judged(red) });
    expect(merge(whole, [early, attempt([caseOf('c'), caseOf('d')], { all })]).failure).toMatchObject({
      kind: 'test',
      reason: 'shard 1: 1 of 1 tests failed before the pod was lost: b',
    });
  });

  test('stays lost where the fresh pod is lost as well, and fails as that fails', () => {
    const early = attempt([caseOf('b')], { all });
    const again = attempt([caseOf('c')], { all, isLost: true, failure: evicted });
    expect(merge(whole, [early, again])).toMatchObject({
      failure: { kind: 'evicted', reason: expect.stringContaining('1 test of the suite not run') },
      shards: [{}, { outcome: 'lost' }],
    });
    const red = attempt([caseOf('c', 'failed'), caseOf('d')], { all, failure: failed });
    expect(merge(whole, [early, red]).failure).toMatchObject({ kind: 'test', reason: 'shard 1: a test failed' });
  });

  test('passes where nothing was left for the fresh pod', () => {
    const first = attempt([caseOf('b'), caseOf('c'), caseOf('d')], { all });
    const merged = merge(whole, [first, attempt([], { all, failure: none, isEmpty: true })]);
    expect(merged).toMatchObject({ failure: null, warnings: [], counts: { total: 4 } });
    expect(merged.shards[1]?.outcome).toBe('passed');
  });

  test('never passes with a test missing or twice: 2,000 seeded schedules', () => {
    for (let seed = 1; seed <= 2000; seed++) {
      const random = new SeededRandom(seed);
      const own = Array.from({ length: 1 + random.below(6) }, (_, i) => `t${i}`);
      const ids = ['a', ...own];
      const pods = 2 + random.below(2);
      // Each test in its one pod, unless a pod lies: then in none, or in two.
      const homes = own.map(() => {
        const home = random.below(pods);
        if (random.below(10) > 0) return [home];
        return random.below(2) === 0 ? [] : [home, (home + 1) % pods];
      });
      const attempts = Array.from({ length: pods }, (_, pod) => {
        const cases = own.flatMap((name, i) => (homes[i]?.includes(pod) === true ? [caseOf(name)] : []));
        const isLast = pod === pods - 1;
        return attempt(cases, {
          all: ids,
          ...(isLast && cases.length === 0 ? { failure: none, isEmpty: true } : {}),
        });
      });
      const { failure } = merge([attempt([caseOf('a')], { all: ids })], attempts);
      const isRight = homes.every((one) => one.length === 1);
      expect({ seed, isGreen: failure === null }).toEqual({ seed, isGreen: isRight });
    }
  });
});

function judged(cases: TestCase[]): { verdict: ShardFacts['verdict'] } {
  return {
    verdict: judgeFinished(
      [{ counts: countsOf(cases) }],
      cases.map(({ name }) => name),
    ),
  };
}

describe('a suite in one piece whose pod was lost and whose other tests ran in a fresh one', () => {
  const all = ['a', 'b', 'c'];
  const lost = attempt([caseOf('a')], { all });

  test('passes where its pods together ran each of its tests once', () => {
    expect(judgeWhole([lost, attempt([caseOf('b'), caseOf('c')], { all: ['b', 'c'] })])).toMatchObject({
      failure: null,
      counts: { total: 3, passed: 3 },
    });
  });

  test('fails where the fresh pod did not collect a test that had not finished, or ran one that had', () => {
    expect(judgeWhole([lost, attempt([caseOf('b')], { all: ['b'] })])).toMatchObject({
      failure: { kind: 'report', reason: '1 test ran in none of the pods: c' },
      counts: { total: 2, notRun: 1 },
    });
    expect(
      judgeWhole([
        lost,
        attempt(
          all.map((name) => caseOf(name)),
          { all },
        ),
      ]).failure,
    ).toMatchObject({
      kind: 'report',
      reason: '1 test ran in more than one pod: a',
    });
  });

  test('fails where the fresh pod does, whatever the lost one showed', () => {
    const rest = attempt([caseOf('b', 'failed'), caseOf('c')], { all: ['b', 'c'], failure: failed });
    expect(judgeWhole([lost, rest]).failure).toEqual(failed);
  });
});
