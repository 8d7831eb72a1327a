import { describe, expect, test } from 'vitest';
import { imbalanceOf, splitGroups } from '../../src/history/split-groups.ts';
import type { GroupForecast } from '../../src/history/test-history.ts';
import { SeededRandom } from '../kube/seeded-random.ts';

const suites = 300;

/** The reference suite: 400 tests of 300 s in all, in modules of 1 to 15 tests, with durations as skewed as real ones. */
function referenceSuite(random: SeededRandom): GroupForecast[] {
  const weights = Array.from({ length: 400 }, () => Math.exp(1.2 * normal(random)));
  const sum = weights.reduce((total, one) => total + one, 0);
  const groups: GroupForecast[] = [];
  for (let next = 0; next < weights.length; ) {
    const own = weights.slice(next, next + 1 + random.below(15));
    const seconds = (own.reduce((total, one) => total + one, 0) / sum) * 300;
    groups.push({ name: `tests.test_${groups.length}`, tests: own.length, seconds });
    next += own.length;
  }
  return groups;
}

function normal(random: SeededRandom): number {
  const uniform = () => (random.below(1_000_000) + 1) / 1_000_001;
  return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Groups of any shape: none, one, many, with and without durations. */
function anyGroups(random: SeededRandom): GroupForecast[] {
  return Array.from({ length: random.below(60) }, (_, i) => ({
    name: `g${i}`,
    tests: 1 + random.below(30),
    seconds: random.chance(0.3) ? 0 : random.below(100_000) / 100,
  }));
}

describe('a split of tests over shards', () => {
  test.each([2, 3, 4, 8])('of the reference suite over %i shards is planned within 5 % of even', (shards) => {
    for (let seed = 0; seed < suites; seed++) {
      const groups = referenceSuite(new SeededRandom(seed));
      const plan = splitGroups(groups, shards);
      const mean = 300 / shards;
      const longest = Math.max(...groups.map(({ seconds }) => seconds));
      // A module that by itself takes longer than a shard's share cannot be split.
      const possible = longest < mean * 0.5 ? 1.05 : Math.max(longest / mean, 1.15);
      expect(imbalanceOf(plan.seconds), `seed ${seed}`).toBeLessThanOrEqual(possible + 1e-9);
    }
  });

  test('gives every group to exactly one shard, and is never worse than 4/3 of what no split can beat', () => {
    for (let seed = 0; seed < suites; seed++) {
      const random = new SeededRandom(seed);
      const groups = anyGroups(random);
      const shards = 1 + random.below(12);
      const { shardOf, seconds, tests } = splitGroups(groups, shards);
      expect(shardOf.size).toBe(groups.length);
      expect(seconds).toHaveLength(shards);
      const recounted = Array.from({ length: shards }, () => ({ seconds: 0, tests: 0 }));
      for (const group of groups) {
        const own = recounted[shardOf.get(group.name) ?? -1];
        if (own === undefined) throw new Error(`seed ${seed}: ${group.name} is in no shard`);
        own.seconds += group.seconds;
        own.tests += group.tests;
      }
      expect(recounted.map((one) => one.tests)).toEqual(tests);
      for (const [i, one] of recounted.entries()) expect(seconds[i]).toBeCloseTo(one.seconds, 6);
      const sorted = groups.map((group) => group.seconds).sort((a, b) => b - a);
      const total = sorted.reduce((sum, one) => sum + one, 0);
      // Of the first m + 1 groups two share a shard.
      const pair = (sorted[shards - 1] ?? 0) + (sorted[shards] ?? 0);
      const bound = Math.max(total / shards, sorted[0] ?? 0, groups.length > shards ? pair : 0);
      expect(Math.max(...seconds), `seed ${seed}`).toBeLessThanOrEqual((4 / 3) * bound + 1e-9);
    }
  });

  test('without history is one by count', () => {
    for (let seed = 0; seed < suites; seed++) {
      const random = new SeededRandom(seed);
      const groups = referenceSuite(random).map((group) => ({ ...group, seconds: 0 }));
      const { tests } = splitGroups(groups, 4);
      expect(imbalanceOf(tests), `seed ${seed}`).toBeLessThanOrEqual(1.05);
    }
  });

  test('is the same for any order of the groups', () => {
    for (let seed = 0; seed < 50; seed++) {
      const random = new SeededRandom(seed);
      const groups = anyGroups(random);
      const shuffled = groups.toSorted((a, b) => ((a.tests * 7919) % 31) - ((b.tests * 7919) % 31));
      const [one, other] = [splitGroups(groups, 5), splitGroups(shuffled, 5)];
      expect(Object.fromEntries(one.shardOf)).toEqual(Object.fromEntries(other.shardOf));
    }
  });
});
