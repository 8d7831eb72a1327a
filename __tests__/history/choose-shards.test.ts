import { describe, expect, test } from 'vitest';
import { chooseShards, totalSeconds } from '../../src/history/choose-shards.ts';
import { splitGroups } from '../../src/history/split-groups.ts';
import { emptyHistory, forecastGroups, type TestHistory } from '../../src/history/test-history.ts';
import { SeededRandom } from '../kube/seeded-random.ts';

/** A history of modules that take so many seconds each, in one test. */
const historyOf = (seconds: readonly number[]): TestHistory => ({
  groups: new Map(seconds.map((one, i) => [`tests.test_m${i}`, new Map([['test_a', [one]]])])),
  runs: [],
});
const even = (count: number, seconds: number) => historyOf(Array.from({ length: count }, () => seconds));

describe('shards: auto', () => {
  test('is one pod without history, and for less than a minute of tests', () => {
    expect(chooseShards(emptyHistory(), 8)).toEqual({
      shards: 1,
      why: 'no earlier run is known; this one records how long the tests take',
    });
    expect(chooseShards(even(20, 2.9), 8)).toEqual({
      shards: 1,
      why: 'the tests take 58 s in all, and one pod is enough for less than a minute',
    });
    expect(chooseShards(even(20, 3), 8).shards).toBe(2);
  });

  test('gives each shard half a minute, as far as the cluster has room', () => {
    expect(chooseShards(even(100, 3), 20)).toMatchObject({ shards: 10 });
    expect(chooseShards(even(100, 3), undefined)).toMatchObject({ shards: 10 });
    expect(chooseShards(even(100, 3), 4)).toEqual({
      shards: 4,
      why: 'the tests take 5 min in all, the longest shard 75 s; the cluster has room for 4 pods at once',
    });
    expect(chooseShards(even(100, 3), 0)).toMatchObject({ shards: 1 });
  });

  test('takes no more than help, where one module is as long as all others, or there are few', () => {
    const skewed = historyOf([150, ...Array.from({ length: 50 }, () => 3)]);
    expect(chooseShards(skewed, 20)).toEqual({
      shards: 2,
      why: 'the tests take 5 min in all, the longest shard 150 s; more shards would hardly be faster, since a class or module stays together',
    });
    expect(chooseShards(even(3, 100), 20)).toEqual({
      shards: 3,
      why: 'the tests take 5 min in all, the longest shard 100 s; there are 3 classes and modules, which stay together',
    });
  });

  test('never takes more than fit, nor many for little: 1,000 seeded suites', () => {
    for (let seed = 1; seed <= 1000; seed++) {
      const random = new SeededRandom(seed);
      const history = historyOf(Array.from({ length: 1 + random.below(80) }, () => random.below(600) / 10));
      const room = random.below(12);
      const { shards } = chooseShards(history, room);
      const groups = forecastGroups(history);
      const total = totalSeconds(history) ?? 0;
      expect({ seed, isIn: shards >= 1 && shards <= Math.max(1, room) }).toEqual({ seed, isIn: true });
      if (shards === 1) continue;
      expect(total / shards).toBeGreaterThanOrEqual(30);
      // One fewer would be slower by more than a tenth than the most that fit.
      const longest = (count: number) => Math.max(...splitGroups(groups, count).seconds);
      const most = Math.min(room, groups.length, Math.floor(total / 30));
      expect(longest(shards)).toBeLessThanOrEqual(longest(most) * 1.1);
      expect(longest(shards - 1)).toBeGreaterThan(longest(most) * 1.1);
    }
  });
});
