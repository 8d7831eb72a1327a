/** A summary of earlier runs: which tests are flaky, what has changed, and what containers need. Pure. */
import { medianOf } from './median.ts';
import type { RecordedRun, RecordedTest } from './recorded-run.ts';

/** One test over some runs. */
export interface TestTrend {
  id: string;
  /** Runs in which it passed or failed. */
  runs: number;
  /** Runs in which it failed, those in which it passed later included. */
  failures: number;
  /** The failures during an incident of the platform. */
  besideIncidents: number;
  /** How often a run differs from the one before it, without what is put down to the platform. */
  flips: number;
  /** Median of the runs in which it passed; 0 where there is none. */
  seconds: number;
  isFlaky: boolean;
}

/** This many failed runs in a row are not random: the test was broken, and then fixed. */
const mostFailuresOfAFlake = 3;
const flipsOfAFlake = 4;

/**
 * How each test did, by name. A test is flaky when it failed and then passed in the same run; when it failed in up to three
 * runs in a row between runs in which it passed; or when it flips again and again. Failures during an incident of the platform
 * count neither way, and broken or cancelled runs do not count at all.
 * @param runs the oldest first.
 */
export function describeTests(runs: readonly RecordedRun[]): TestTrend[] {
  const said = runs.filter(({ outcome }) => outcome === 'passed' || outcome === 'failed');
  const all = new Map<string, RecordedTest[]>();
  for (const { tests } of said)
    for (const [id, test] of tests) {
      if (test.status === 'skipped') continue;
      const own = all.get(id);
      if (own === undefined) all.set(id, [test]);
      else own.push(test);
    }
  return [...all].map(([id, tests]) => describeTest(id, tests)).sort((a, b) => (a.id < b.id ? -1 : 1));
}

function describeTest(id: string, tests: readonly RecordedTest[]): TestTrend {
  const own = tests.filter(({ isBesideIncident }) => !isBesideIncident);
  const hasFailed = own.map(({ status, isFlaky }) => status === 'failed' || isFlaky);
  const flips = hasFailed.filter((failed, i) => i > 0 && failed !== hasFailed[i - 1]).length;
  const passed = tests.filter(({ status }) => status === 'passed').map(({ seconds }) => seconds);
  return {
    id,
    runs: tests.length,
    failures: tests.filter(({ status, isFlaky }) => status === 'failed' || isFlaky).length,
    besideIncidents: tests.length - own.length,
    flips,
    seconds: medianOf(passed) ?? 0,
    isFlaky: own.some(({ isFlaky }) => isFlaky) || flips >= flipsOfAFlake || hasShortFailure(hasFailed),
  };
}

/** Whether there is a short row of failures with a passed run on either side. */
function hasShortFailure(hasFailed: readonly boolean[]): boolean {
  let failures = 0;
  let hasPassed = false;
  for (const failed of hasFailed) {
    if (failed) {
      failures++;
      continue;
    }
    if (hasPassed && failures > 0 && failures <= mostFailuresOfAFlake) return true;
    hasPassed = true;
    failures = 0;
  }
  return false;
}

/** What a container used over some runs, in bytes. */
export interface ContainerTrend {
  container: string;
  runs: number;
  peakBytes: number;
  requestBytes?: number;
  limitBytes?: number;
  /** Runs in which its usage was close to its limit. */
  closeRuns: number;
  /** A request that is enough; absent where the present request is about right, or too few runs are known. */
  adviceBytes?: number;
}

const leastRunsForAdvice = 5;
/** The share of a limit from which a container counts as close to it. */
const closeToLimit = 0.9;
/** On top of the highest peak. */
const headroom = 1.5;
const stepBytes = 32 * 2 ** 20;

/** What each container used at most, by name, against what it asked for in the last run. @param runs the oldest first. */
export function describeContainers(runs: readonly RecordedRun[]): ContainerTrend[] {
  const all = new Map<string, ContainerTrend>();
  for (const { usage } of runs)
    for (const [container, own] of Map.groupBy(usage, (one) => one.container)) {
      const peakBytes = Math.max(...own.map((one) => one.peakBytes));
      const [{ requestBytes, limitBytes } = {}] = own;
      const known = all.get(container);
      const isClose = own.some((one) => one.limitBytes !== undefined && one.peakBytes >= closeToLimit * one.limitBytes);
      all.set(container, {
        container,
        runs: (known?.runs ?? 0) + 1,
        peakBytes: Math.max(known?.peakBytes ?? 0, peakBytes),
        ...(requestBytes === undefined ? {} : { requestBytes }),
        ...(limitBytes === undefined ? {} : { limitBytes }),
        closeRuns: (known?.closeRuns ?? 0) + (isClose ? 1 : 0),
      });
    }
  return [...all.values()].map(advise).sort((a, b) => (a.container < b.container ? -1 : 1));
}

function advise(one: ContainerTrend): ContainerTrend {
  const enough = Math.max(stepBytes, Math.ceil((one.peakBytes * headroom) / stepBytes) * stepBytes);
  const isGenerous = one.requestBytes !== undefined && one.requestBytes >= 2 * enough;
  return one.runs >= leastRunsForAdvice && isGenerous && one.closeRuns === 0 ? { ...one, adviceBytes: enough } : one;
}

const slower = 1.4;
const leastSecondsSlower = 1;
const closeRunsTold = 3;

/** What the last run changed against the median of those before it, a line each. @param runs the oldest first. */
export function describeChanges(runs: readonly RecordedRun[]): string[] {
  const last = runs.at(-1);
  const before = runs.slice(0, -1);
  if (last === undefined || before.length === 0) return [];
  const changes: string[] = [];
  const fewer = (medianOf(before.map(({ total }) => total)) ?? 0) - last.total;
  if (fewer > 0) changes.push(`${fewer} tests fewer than before`);
  for (const [phase, seconds] of last.phases) {
    const usual = medianOf(before.flatMap(({ phases }) => phases.get(phase) ?? []));
    if (isSlower(seconds, usual)) changes.push(`phase ${phase}: ${describeSlower(seconds, usual)}`);
  }
  const wereFlaky = new Set(describeTests(before).flatMap(({ id, isFlaky }) => (isFlaky ? [id] : [])));
  for (const { id, isFlaky } of describeTests(runs))
    if (isFlaky && !wereFlaky.has(id)) changes.push(`newly flaky: ${id}`);
  const usual = new Map(describeTests(before).map(({ id, seconds }) => [id, seconds]));
  for (const [id, { status, seconds }] of last.tests) {
    const median = usual.get(id);
    if (status === 'passed' && median !== undefined && isSlower(seconds, median))
      changes.push(`${id}: ${describeSlower(seconds, median)}`);
  }
  for (const { container, closeRuns } of describeContainers(runs))
    if (closeRuns >= closeRunsTold) changes.push(`${container}: memory near its limit in ${closeRuns} runs`);
  return changes;
}

function isSlower(seconds: number, usual: number | undefined): usual is number {
  return usual !== undefined && seconds >= usual * slower && seconds - usual >= leastSecondsSlower;
}

function describeSlower(seconds: number, usual: number): string {
  const more = usual === 0 ? '' : `${Math.round((seconds / usual - 1) * 100)} % slower: `;
  return `${more}${seconds.toFixed(1)} s in place of ${usual.toFixed(1)} s`;
}
