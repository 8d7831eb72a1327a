/** How reports describe the shards of a suite. */
import type { ShardRecord } from '../core/outcome.ts';
import { formatDuration } from './describe-tests.ts';

/** What is before a shard in a table. */
export const shardSigns: Readonly<Record<ShardRecord['outcome'], string>> = {
  passed: '✓',
  failed: '✗',
  empty: '–',
  lost: '✗ lost',
};

/** The time of a shard; a dash where it is not known. */
export function formatShardTime({ seconds }: ShardRecord): string {
  return seconds === undefined ? '–' : formatDuration(seconds);
}

/** How even the shards were, in words: `3, the slowest took 1.2 times the mean`. */
export function describeBalance(shards: readonly ShardRecord[]): string {
  const times = shards.flatMap(({ seconds }) => (seconds === undefined ? [] : [seconds]));
  const sum = times.reduce((total, one) => total + one, 0);
  if (times.length < shards.length || sum === 0) return String(shards.length);
  const ratio = (Math.max(...times) * times.length) / sum;
  return `${shards.length}, the slowest took ${ratio.toFixed(2)} times the mean`;
}

/** The pod of a shard, after those that were lost: `b, after a was lost`. */
export function namePods({ pod, lostPods = [] }: ShardRecord): string {
  return lostPods.length === 0 ? pod : `${pod}, after ${lostPods.join(' and ')} was lost`;
}
