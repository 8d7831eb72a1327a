import { describe, expect, test } from 'vitest';
import { type RecordedRun, type RecordedTest, readRecordedRun } from '../../src/history/recorded-run.ts';
import { describeChanges, describeContainers, describeTests } from '../../src/history/trends.ts';
import { SeededRandom } from '../kube/seeded-random.ts';

const passed: RecordedTest = { status: 'passed', isFlaky: false, isBesideIncident: false, seconds: 1 };
const failed: RecordedTest = { ...passed, status: 'failed' };
const mebibyte = 2 ** 20;

function runOf(tests: [string, RecordedTest][], more: Partial<RecordedRun> = {}): RecordedRun {
  return {
    name: 'run',
    at: 0,
    outcome: 'failed',
    tests: new Map(tests),
    total: tests.length,
    seconds: 60,
    phases: new Map([['tests', 30]]),
    usage: [],
    ...more,
  };
}

/** The trend of one test whose runs are these: F failed, P passed, I failed beside an incident. */
function trendOf(outcomes: string) {
  const byLetter: Record<string, RecordedTest> = { P: passed, F: failed, I: { ...failed, isBesideIncident: true } };
  return describeTests([...outcomes].map((letter) => runOf([['t', byLetter[letter] ?? passed]])))[0];
}

describe('a test over many runs', () => {
  test('is flaky by a failure between passed runs, by many flips, or by passing in a retry', () => {
    expect(trendOf('PPPFPPP')).toMatchObject({ isFlaky: true, flips: 2, failures: 1, runs: 7 });
    expect(trendOf('FPFPF')?.isFlaky).toBe(true);
    expect(describeTests([runOf([['t', { ...passed, isFlaky: true }]])])[0]?.isFlaky).toBe(true);
  });

  test('is not flaky when it is broken, was broken for some time, or failed beside an incident', () => {
    for (const outcomes of ['PPPPFFFF', 'FFFFPPPP', 'PPFFFFFPP', 'PPIPPIPP', 'PPPPF'])
      expect(trendOf(outcomes)?.isFlaky, outcomes).toBe(false);
    expect(trendOf('PPIPP')).toMatchObject({ flips: 0, failures: 1, besideIncidents: 1 });
  });

  test('is named flaky rightly in a fleet of 200 stable and 20 flaky tests, in each of 50 seeded fleets', () => {
    let [named, right, found, toFind, blamed] = [0, 0, 0, 0, 0];
    for (let seed = 1; seed <= 50; seed++) {
      const random = new SeededRandom(seed);
      const rates = Array.from({ length: 20 }, (_, i) => 0.05 + (0.45 * i) / 19);
      // Some stable tests are broken by a commit, for some days, and then repaired.
      const breaks = new Map(Array.from({ length: 5 }, (_, i) => [`stable${i}`, 2 + random.below(10)]));
      const hit = new Set<string>();
      const runs = Array.from({ length: 20 }, (_, at) => {
        const isIncident = random.chance(0.15);
        const stable = Array.from({ length: 200 }, (__, i): [string, RecordedTest] => {
          const id = `stable${i}`;
          if (isIncident && random.chance(0.1)) {
            hit.add(id);
            return [id, { ...failed, isBesideIncident: true }];
          }
          const begin = breaks.get(id);
          return [id, begin !== undefined && at >= begin && at < begin + 5 ? failed : passed];
        });
        const flaky = rates.map((rate, i): [string, RecordedTest] => [
          `flaky${i}`,
          random.chance(rate) ? failed : passed,
        ]);
        return runOf([...stable, ...flaky]);
      });
      const flaky = describeTests(runs).filter(({ isFlaky }) => isFlaky);
      named += flaky.length;
      right += flaky.filter(({ id }) => id.startsWith('flaky')).length;
      blamed += flaky.filter(({ id }) => hit.has(id)).length;
      const names = new Set(flaky.map(({ id }) => id));
      const often = rates.flatMap((rate, i) => (rate >= 0.1 ? [`flaky${i}`] : []));
      toFind += often.length;
      found += often.filter((id) => names.has(id)).length;
    }
    expect(blamed).toBe(0);
    expect(right / named).toBeGreaterThanOrEqual(0.95);
    expect(found / toFind).toBeGreaterThanOrEqual(0.9);
  });
});

describe('containers over many runs', () => {
  const used = (peak: number, limit = 1024) => ({
    usage: [
      {
        container: 'shop/web',
        peakBytes: peak * mebibyte,
        requestBytes: 1024 * mebibyte,
        limitBytes: limit * mebibyte,
      },
    ],
  });

  test('get a recommendation after five runs, and none when their usage was close to the limit', () => {
    const runs = [200, 212, 190, 180, 205].map((peak) => runOf([], used(peak)));
    expect(describeContainers(runs)).toEqual([
      expect.objectContaining({ peakBytes: 212 * mebibyte, runs: 5, adviceBytes: 320 * mebibyte }),
    ]);
    expect(describeContainers(runs.slice(1))[0]?.adviceBytes).toBeUndefined();
    expect(describeContainers([...runs, runOf([], used(212, 220))])[0]?.adviceBytes).toBeUndefined();
  });
});

test('the last run shows what changed: slower tests and phases, fewer tests, newly flaky ones, memory', () => {
  const usual = (more: Partial<RecordedRun> = {}) =>
    runOf(
      [
        ['a', passed],
        ['b', passed],
      ],
      {
        usage: [{ container: 'shop/db', peakBytes: 95, limitBytes: 100 }],
        ...more,
      },
    );
  const last = runOf([['a', { ...passed, seconds: 9, isFlaky: true }]], { phases: new Map([['tests', 60]]) });
  expect(describeChanges([usual(), usual(), usual(), last])).toEqual([
    '1 tests fewer than before',
    'phase tests: 100 % slower: 60.0 s in place of 30.0 s',
    'newly flaky: a',
    'a: 800 % slower: 9.0 s in place of 1.0 s',
    'shop/db: memory near its limit in 3 runs',
  ]);
  expect(describeChanges([usual(), usual()])).toEqual([]);
});

describe('the files of a run', () => {
  const result = JSON.stringify({
    schema: 1,
    outcome: 'failed',
    tests: { total: 3 },
    phases: [{ name: 'tests', outcome: 'failed', seconds: 4 }],
    durationSeconds: 10,
    incidents: [{ at: '2026-01-01T00:00:10Z', pod: 'db-0', container: 'db', what: 'restarted' }],
    usage: [{ pod: 'shop-75f8ddc69d-2pnkv', container: 'web', memoryPeakBytes: 7, cpuPeakCores: 1 }],
  });
  const at = Date.parse('2026-01-01T00:00:00Z');
  const testOf = (name: string, status: string, second: number) => ({
    name,
    status,
    suite: ['s'],
    duration: 1000,
    start: at + second * 1000 - 1000,
    stop: at + second * 1000,
  });
  const ctrf = JSON.stringify({
    results: {
      summary: { start: at },
      tests: [testOf('a', 'failed', 5), testOf('b', 'failed', 12), testOf('c', 'other', 300)],
    },
  });

  test('show for each test whether it failed during an incident, and list containers by their workload', () => {
    const run = readRecordedRun('one', { result, ctrf, at: 0 });
    expect(run).toMatchObject({ at, outcome: 'failed', total: 3, seconds: 10 });
    expect([...(run?.tests ?? [])].map(([id, one]) => [id, one.status, one.isBesideIncident])).toEqual([
      ['s / a', 'failed', false],
      ['s / b', 'failed', true],
      ['s / c', 'failed', false],
    ]);
    expect(run?.usage).toEqual([{ container: 'shop/web', peakBytes: 7 }]);
  });

  test('show a test that another one pollutes as failed, and not as flaky', () => {
    const entryOf = (retryInOrder: string) => ({
      name: retryInOrder,
      status: 'passed',
      flaky: true,
      extra: { retryInOrder },
    });
    const tests = ['passed', 'failed', 'first'].map(entryOf);
    const run = readRecordedRun('one', { result, ctrf: JSON.stringify({ results: { summary: {}, tests } }), at: 0 });
    expect([...(run?.tests ?? [])].map(([id, one]) => [id, one.status, one.isFlaky])).toEqual([
      ['passed', 'passed', true],
      ['failed', 'failed', false],
      ['first', 'passed', true],
    ]);
  });

  test('of other users are ignored', () => {
    for (const text of ['', '[]', '{}', '{"schema":2}']) {
      expect(readRecordedRun('x', { result: text, ctrf, at: 0 })).toBeUndefined();
      expect(readRecordedRun('x', { result, ctrf: text, at: 0 })).toBeUndefined();
    }
  });
});
