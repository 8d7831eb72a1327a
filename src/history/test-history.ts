/** How long each test took in earlier runs. Pure: the caller passes the text of the file. */
import { isObject } from '../core/is-object.ts';
import type { TestCase } from '../core/outcome.ts';
import { medianOf } from './median.ts';
import type { RecordedRun } from './recorded-run.ts';
import { packRuns, unpackRuns } from './run-log.ts';

/** What is known of earlier runs. */
export interface TestHistory {
  /** Seconds of each test, the latest last, by its class and its name. */
  groups: Map<string, Map<string, number[]>>;
  /** The last runs of the default branch, the oldest first; outside of a workflow those of the machine. */
  runs: readonly RecordedRun[];
}

/** Number of runs of each test that count; the median of more would follow a change of the test too slowly. */
export const keptRuns = 20;
/** Tests beyond those that a report keeps cannot be recorded. */
const maxTests = 40_000;
/** Names as long as reports keep them. */
const maxNameChars = 1000;

/** A history of no run. */
export function emptyHistory(): TestHistory {
  return { groups: new Map(), runs: [] };
}

/**
 * The history with one more run in it. Tests that did not run in it keep their entries; skipped and reconstructed ones add no
 * time. Several runs of one test in one run (reruns, several sessions) are added up.
 */
export function recordRun(
  history: TestHistory,
  cases: readonly Pick<TestCase, 'classname' | 'name' | 'seconds' | 'status' | 'reconstructed'>[],
): TestHistory {
  const groups = new Map([...history.groups].map(([group, tests]) => [group, new Map(tests)]));
  const sums = new Map<string, { classname: string; name: string; seconds: number }>();
  for (const { classname, name, seconds, status, reconstructed } of cases) {
    if (status === 'skipped' || reconstructed === true || !isDuration(seconds)) continue;
    const key = JSON.stringify([classname, name]);
    const known = sums.get(key);
    if (known === undefined) sums.set(key, { classname, name, seconds });
    else known.seconds += seconds;
  }
  let room = maxTests - countTests(groups);
  for (const { classname, name, seconds } of sums.values()) {
    const tests = groups.get(classname) ?? new Map<string, number[]>();
    const runs = tests.get(name);
    if (runs === undefined && room-- <= 0) continue;
    groups.set(classname, tests);
    tests.set(name, [...(runs ?? []), Math.round(seconds * 1000) / 1000].slice(-keptRuns));
  }
  return { groups, runs: history.runs };
}

/** What a group of tests (a class, or the functions of a module) is expected to take. */
export interface GroupForecast {
  name: string;
  tests: number;
  /** Sum of the medians of its tests. */
  seconds: number;
}

/** The forecast of every group that the history knows, in the order of their names. */
export function forecastGroups({ groups }: TestHistory): GroupForecast[] {
  return [...groups]
    .map(([name, tests]) => ({
      name,
      tests: tests.size,
      seconds: [...tests.values()].reduce((sum, runs) => sum + (medianOf(runs) ?? 0), 0),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What a test that the history does not know is expected to take: the median of those that it knows; undefined of none. */
export function typicalSeconds({ groups }: TestHistory): number | undefined {
  const medians = [...groups.values()].flatMap((tests) => [...tests.values()].map((runs) => medianOf(runs) ?? 0));
  return medianOf(medians);
}

/** The history as the text of a file. */
export function renderHistory({ groups, runs }: TestHistory): string {
  const tests = Object.fromEntries([...groups].map(([group, of]) => [group, Object.fromEntries(of)]));
  return `${JSON.stringify({ schema: 1, tests, ...(runs.length === 0 ? {} : { trend: packRuns(runs) }) })}\n`;
}

/**
 * The history that a file holds. Invalid entries are skipped, since a file may come from a cache that any branch has written.
 * @returns undefined for text that is no history at all.
 */
export function parseHistory(text: string): TestHistory | undefined {
  const content = parseJson(text);
  if (!isObject(content) || content.schema !== 1 || !isObject(content.tests)) return undefined;
  const history = { ...emptyHistory(), runs: unpackRuns(content.trend) };
  let room = maxTests;
  for (const [group, tests] of Object.entries(content.tests)) {
    if (!isObject(tests) || group.length > maxNameChars) continue;
    const known = new Map<string, number[]>();
    for (const [name, runs] of Object.entries(tests)) {
      const kept = Array.isArray(runs) ? runs.filter(isDuration).slice(-keptRuns) : [];
      if (kept.length > 0 && name.length <= maxNameChars && room-- > 0) known.set(name, kept);
    }
    if (known.size > 0) history.groups.set(group, known);
  }
  return history;
}

function countTests(groups: TestHistory['groups']): number {
  return [...groups.values()].reduce((sum, tests) => sum + tests.size, 0);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds that a test can take: a day at most. */
function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= 86_400;
}
