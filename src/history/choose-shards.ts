/** How many shards a suite is worth, from what its tests took before and what the cluster has room for. Pure. */
import { splitGroups } from './split-groups.ts';
import { forecastGroups, type TestHistory } from './test-history.ts';

/** A suite shorter than this is as fast in one pod: every pod takes some seconds to start. */
export const shortSuiteSeconds = 60;
/** Each shard is to have this much to do, ten times what its pod takes to start. */
const leastSecondsOfShard = 30;
const maxShards = 100;
/** Fewer shards are chosen where they take at most so much longer than the most that are possible. */
const worthwhile = 1.1;

/** A number of shards, with the reason in words. */
export interface ShardChoice {
  shards: number;
  why: string;
}

/** What all tests of a history are expected to take together; undefined of no test. */
export function totalSeconds(history: TestHistory): number | undefined {
  const groups = forecastGroups(history);
  return groups.length === 0 ? undefined : groups.reduce((sum, { seconds }) => sum + seconds, 0);
}

/**
 * The fewest shards that take hardly longer than the most that are worth their pods. Classes and modules stay together, so the
 * longest of them is a limit as well.
 * @param room how many pods of the tests the cluster can run at once; undefined where that is not known.
 */
export function chooseShards(history: TestHistory, room: number | undefined): ShardChoice {
  const groups = forecastGroups(history);
  const total = totalSeconds(history);
  if (total === undefined)
    return { shards: 1, why: 'no earlier run is known; this one records how long the tests take' };
  const takes = `the tests take ${formatSeconds(total)} in all`;
  if (total < shortSuiteSeconds) return { shards: 1, why: `${takes}, and one pod is enough for less than a minute` };
  const worth = Math.min(Math.floor(total / leastSecondsOfShard), groups.length, maxShards);
  const most = Math.max(1, Math.min(worth, room ?? worth));
  const longest = (shards: number) => Math.max(...splitGroups(groups, shards).seconds);
  const limit = longest(most) * worthwhile;
  let shards = most;
  while (shards > 1 && longest(shards - 1) <= limit) shards--;
  const planned = shards === 1 ? '' : `, the longest shard ${formatSeconds(longest(shards))}`;
  return { shards, why: `${takes}${planned}${explainLimit()}` };

  function explainLimit(): string {
    if (room !== undefined && shards === most && room < worth)
      return `; the cluster has room for ${room === 1 ? '1 pod' : `${room} pods`} at once`;
    if (shards === most && worth === groups.length)
      return `; there are ${groups.length} classes and modules, which stay together`;
    if (shards < most) return '; more shards would hardly be faster, since a class or module stays together';
    return '';
  }
}

/** `90 s`, `12 min`. */
function formatSeconds(seconds: number): string {
  return seconds < 300 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
