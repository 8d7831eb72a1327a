import { describe, expect, test } from 'vitest';
import type { TestCase } from '../../src/core/outcome.ts';
import { medianOf } from '../../src/history/median.ts';
import {
  emptyHistory,
  forecastGroups,
  keptRuns,
  parseHistory,
  recordRun,
  renderHistory,
  type TestHistory,
  typicalSeconds,
} from '../../src/history/test-history.ts';

function ran(classname: string, name: string, seconds: number, more: Partial<TestCase> = {}) {
  return { classname, name, seconds, status: 'passed' as const, ...more };
}

function historyOf(...runs: Parameters<typeof recordRun>[1][]): TestHistory {
  return runs.reduce<TestHistory>((history, run) => recordRun(history, run), emptyHistory());
}

test('the median of an odd number of runs is the middle one, of an even number the mean of two, of none nothing', () => {
  expect(medianOf([9, 1, 5])).toBe(5);
  expect(medianOf([4, 1])).toBe(2.5);
  expect(medianOf([])).toBeUndefined();
});

describe('the history of durations', () => {
  test('forecasts a group as the sum of the medians of its tests, so that one slow run does not count', () => {
    const history = historyOf(
      [ran('tests.test_a', 'one', 1), ran('tests.test_a', 'two', 2)],
      [ran('tests.test_a', 'one', 1), ran('tests.test_a', 'two', 2)],
      [ran('tests.test_a', 'one', 60), ran('tests.test_a', 'two', 2)],
    );
    expect(forecastGroups(history)).toEqual([{ name: 'tests.test_a', tests: 2, seconds: 3 }]);
  });

  test('adds up the runs of one test in one run before it takes the median', () => {
    const history = historyOf([ran('c', 'rerun', 1), ran('c', 'rerun', 2)], [ran('c', 'rerun', 3)]);
    expect(forecastGroups(history)).toEqual([{ name: 'c', tests: 1, seconds: 3 }]);
  });

  test('takes the median of all tests for one that is new', () => {
    expect(typicalSeconds(historyOf([ran('c', 'a', 1), ran('c', 'b', 2), ran('d', 'c', 90)]))).toBe(2);
    expect(typicalSeconds(emptyHistory())).toBeUndefined();
  });

  test('learns nothing from tests that were skipped or reconstructed, nor from times that are none', () => {
    const history = historyOf([
      ran('c', 'skipped', 5, { status: 'skipped' }),
      ran('c', 'reconstructed', 5, { reconstructed: true }),
      ran('c', 'odd', Number.NaN),
      ran('c', 'negative', -1),
    ]);
    expect(forecastGroups(history)).toEqual([]);
  });

  test('keeps the last 20 runs of a test, and what it knows of tests that did not run', () => {
    let history = historyOf([ran('c', 'gone', 7)]);
    for (let run = 0; run < 30; run++) history = recordRun(history, [ran('c', 'a', run)]);
    expect(history.groups.get('c')?.get('a')).toEqual(Array.from({ length: keptRuns }, (_, i) => i + 10));
    expect(history.groups.get('c')?.get('gone')).toEqual([7]);
  });

  test('is read from its file as it was written, with any names of tests', () => {
    const history = historyOf([
      ran('__proto__', 'constructor', 1),
      ran('a "b"', 'toString', 0.125),
      ran('', 'é\u0000', 2),
    ]);
    expect(parseHistory(renderHistory(history))).toEqual(history);
  });

  test.each(['', 'null', '[]', '{"schema":2,"tests":{}}', '{"schema":1}', '{"schema":1,"tests":[1]}', '{"schema":1,'])(
    'is none where a file holds %j',
    (text) => {
      expect(parseHistory(text)).toBeUndefined();
    },
  );

  test('leaves out of a file what is no duration', () => {
    const tests = { a: { x: [1, 'no', -1, 1e9, null], y: 'no', z: [] }, b: 3 };
    expect(parseHistory(JSON.stringify({ schema: 1, tests }))).toEqual({
      groups: new Map([['a', new Map([['x', [1]]])]]),
      runs: [],
    });
  });
});
