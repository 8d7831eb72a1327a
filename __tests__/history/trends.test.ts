import { describe, expect, test } from 'vitest';
import { type RecordedRun, type RecordedTest, readRecordedRun, recordReport } from '../../src/history/recorded-run.ts';
import { addRun, packRuns, unpackRuns } from '../../src/history/run-log.ts';
import { describeContainers, describeTests, describeTrend } from '../../src/history/trends.ts';
import { renderCtrf } from '../../src/report/ctrf-json.ts';
import { renderResultJson } from '../../src/report/result-json.ts';
import { SeededRandom } from '../kube/seeded-random.ts';
import { failedRun, greenRun, restlessRun } from '../report/sample-runs.ts';

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

describe('a run against those before it', () => {
  const usual = (more: Partial<RecordedRun> = {}, seconds = 1) =>
    runOf(
      [
        ['a', { ...passed, seconds }],
        ['b', passed],
      ],
      { usage: [{ container: 'shop/db', peakBytes: 80, limitBytes: 100 }], ...more },
    );
  const close = { usage: [{ container: 'shop/db', peakBytes: 95, limitBytes: 100 }] };
  const changesOf = (before: RecordedRun[], now: RecordedRun) => describeTrend(before, now)?.changes;

  test('shows what changed: fewer tests, newly flaky ones, memory, slower phases and tests', () => {
    const before = [usual(), usual(close), usual(), usual(close), usual()];
    const last = runOf([['a', { ...passed, seconds: 9, isFlaky: true }]], {
      phases: new Map([['tests', 60]]),
      ...close,
    });
    expect(changesOf(before, last)).toEqual([
      '1 test fewer than before',
      'newly flaky: a',
      'shop/db: memory near its limit in 3 runs',
      'phase tests: 100 % slower: 60.0 s in place of 30.0 s',
      'a: 800 % slower: 9.0 s in place of 1.0 s',
    ]);
    expect(describeTrend(before, last)?.runs).toHaveLength(6);
  });

  test('says nothing with fewer than five runs before it, of a run that was broken, or where nothing changed', () => {
    const last = runOf([['a', { ...passed, seconds: 9 }]]);
    expect(describeTrend([usual(), usual(), usual(), usual()], last)).toBeUndefined();
    const broken = usual({ outcome: 'broken' });
    expect(describeTrend([usual(), usual(), usual(), usual(), broken, broken], last)).toBeUndefined();
    const five = [usual(), usual(), usual(), usual(), usual()];
    expect(describeTrend(five, { ...last, outcome: 'broken' })).toBeUndefined();
    expect(describeTrend(five, { ...last, outcome: 'cancelled' })).toBeUndefined();
    expect(changesOf(five, usual())).toEqual([]);
  });

  test('makes no noise of times that vary, of short ones, or of what has been fixed', () => {
    const varied = [1, 1, 4, 1, 1].map((seconds) => usual({}, seconds));
    // Slower than the median by far, but not slower than it has been before.
    expect(changesOf(varied, usual({}, 3.9))).toEqual([]);
    expect(changesOf(varied, usual({}, 4.1))).toEqual(['a: 310 % slower: 4.1 s in place of 1.0 s']);
    const short = [0.1, 0.1, 0.1, 0.1, 0.1].map((seconds) => usual({}, seconds));
    expect(changesOf(short, usual({}, 1))).toEqual([]);
    expect(changesOf([usual(close), usual(close), usual(close), usual(close), usual()], usual())).toEqual([]);
    // A test that only the last few runs have has no usual time yet.
    const fresh = (seconds: number) => runOf([['c', { ...passed, seconds }]]);
    expect(changesOf([fresh(1), fresh(1), usual(), usual(), usual()], fresh(60))).toEqual(['1 test fewer than before']);
  });
});

describe('the runs in the file of a history', () => {
  const example = runOf(
    [
      ['a', passed],
      ['b', { ...failed, isBesideIncident: true }],
      ['__proto__', { ...passed, isFlaky: true, seconds: 0.125 }],
    ],
    { name: '', at: 5, usage: [{ container: 'shop/db', peakBytes: 95, limitBytes: 100, requestBytes: 50 }] },
  );

  test('come back as they were, of tests that not every run has', () => {
    const runs = [example, runOf([['other', { ...passed, status: 'skipped' }]], { name: '' })];
    expect(unpackRuns(JSON.parse(JSON.stringify(packRuns(runs))))).toEqual(runs);
  });

  test('are the last 20, and have room for thousands of tests', () => {
    const many = runOf(Array.from({ length: 6000 }, (_, i) => [`tests.test_module_${i % 100} / test_${i}`, passed]));
    let runs: RecordedRun[] = [];
    for (let at = 0; at < 30; at++) runs = addRun(runs, { ...many, at });
    expect(runs.map(({ at }) => at)).toEqual(Array.from({ length: 20 }, (_, i) => i + 10));
    expect(runs[0]?.tests.size).toBe(5000);
    expect(JSON.stringify(packRuns(runs)).length).toBeLessThan(1_500_000);
  });

  test('are read with suspicion, since any branch may have written them', () => {
    for (const wrong of [undefined, null, 1, [], {}, { names: 1, runs: [] }, { names: ['a'], runs: [null, 1, {}] }])
      expect(unpackRuns(wrong)).toEqual([]);
    const [one] = (packRuns([example]) as { runs: object[] }).runs;
    const names = ['a', 'x'.repeat(5000), 7];
    for (const at of [-1, Number.NaN, '5', 1e300]) expect(unpackRuns({ names, runs: [{ ...one, at }] })).toEqual([]);
    const [read] = unpackRuns({ names, runs: [{ ...one, tests: 'p?', milliseconds: ['x'], usage: [3], phases: [] }] });
    expect([...(read?.tests ?? [])]).toEqual([['a', { ...passed, seconds: 0 }]]);
    expect(read).toMatchObject({ usage: [], phases: new Map() });
  });
});

test.each([
  ['a green run', greenRun],
  ['a failed run', failedRun],
  ['a run with an incident', restlessRun],
])('%s is recorded as its files describe it', (_, report) => {
  const files = { result: renderResultJson(report.verdict, report), ctrf: [...renderCtrf(report)].join(''), at: 0 };
  expect(recordReport('run', report)).toEqual(readRecordedRun('run', files));
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
    const polluted = (retryInOrder: string) => ({
      name: retryInOrder,
      status: 'passed',
      flaky: true,
      extra: { retryInOrder },
    });
    const tests = ['passed', 'failed', 'first'].map(polluted);
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
