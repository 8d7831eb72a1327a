/** Which shard runs which tests, from what they took before. Pure. */
import type { GroupForecast } from './test-history.ts';

/** A split of groups of tests over shards. */
export interface ShardPlan {
  /** The shard of each group, counted from 0. */
  shardOf: Map<string, number>;
  /** What each shard is expected to take. */
  seconds: number[];
  /** How many tests each shard has. */
  tests: number[];
}

/**
 * Splits groups over shards, the longest first, each to the shard that has the least to do so far (LPT: never worse than 4/3
 * of the best split, Graham 1969, https://doi.org/10.1137/0117039). Without any seconds the number of tests decides. The same
 * groups in any order give the same split.
 * @param shards at least 1.
 */
export function splitGroups(groups: readonly GroupForecast[], shards: number): ShardPlan {
  const plan: ShardPlan = {
    shardOf: new Map(),
    seconds: Array.from({ length: shards }, () => 0),
    tests: Array.from({ length: shards }, () => 0),
  };
  const longestFirst = groups.toSorted(
    (a, b) => b.seconds - a.seconds || b.tests - a.tests || (a.name < b.name ? -1 : 1),
  );
  for (const { name, seconds, tests } of longestFirst) {
    const shard = leastLoaded(plan);
    plan.shardOf.set(name, shard);
    plan.seconds[shard] = (plan.seconds[shard] ?? 0) + seconds;
    plan.tests[shard] = (plan.tests[shard] ?? 0) + tests;
  }
  return plan;
}

/** How uneven a split is: the longest shard against the mean of all; 1 is even. */
export function imbalanceOf(seconds: readonly number[]): number {
  const sum = seconds.reduce((total, one) => total + one, 0);
  return sum === 0 ? 1 : (Math.max(...seconds) * seconds.length) / sum;
}

function leastLoaded({ seconds, tests }: ShardPlan): number {
  let least = 0;
  for (const [shard, load] of seconds.entries()) {
    const best = seconds[least] ?? 0;
    if (load < best || (load === best && (tests[shard] ?? 0) < (tests[least] ?? 0))) least = shard;
  }
  return least;
}
