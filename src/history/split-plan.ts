/** The plan by which the helper in the test image divides pytest tests over shards. */
import { imbalanceOf, splitGroups } from './split-groups.ts';
import { forecastGroups, type TestHistory, typicalSeconds } from './test-history.ts';

/** A plan as the helper reads it, and how even it is. */
export interface SplitPlan {
  /** JSON: `groups` has shard and seconds of each, `typical` the seconds of a test that is in none of them. */
  text: string;
  /** The longest shard against the mean; undefined without history. */
  imbalance: number | undefined;
}

/**
 * The plan of a suite whose earlier runs are known. Of more groups than fit, the longest are planned, and the helper gives the
 * others to the shard with the least work.
 * @param maxBytes room for the text; a ConfigMap has 1 MiB in all.
 */
export function planSplit(history: TestHistory, shards: number, maxBytes: number): SplitPlan {
  const forecasts = forecastGroups(history);
  const typical = typicalSeconds(history);
  if (typical === undefined) return { text: JSON.stringify({ groups: {} }), imbalance: undefined };
  const plan = splitGroups(forecasts, shards);
  const groups: [string, [number, number]][] = [];
  let bytes = 100;
  for (const { name, seconds } of forecasts.toSorted((a, b) => b.seconds - a.seconds)) {
    const entry: [string, [number, number]] = [name, [plan.shardOf.get(name) ?? 0, Math.round(seconds * 1000) / 1000]];
    bytes += Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (bytes > maxBytes) break;
    groups.push(entry);
  }
  const text = JSON.stringify({ typical: Math.max(typical, 0.001), groups: Object.fromEntries(groups) });
  return { text, imbalance: imbalanceOf(plan.seconds) };
}
