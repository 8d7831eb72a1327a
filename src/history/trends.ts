/** A summary of earlier runs: which tests are flaky, what has changed, and what containers need. Pure. */
import type { Trend } from '../core/report-model.ts';
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

/** Slower by less is what runners of a shared cloud differ by. */
const slower = 1.4;
/** Below it a share of the time says nothing. */
const leastSecondsSlower = 1;
/** Once may be chance. */
const closeRunsTold = 3;
/** Of fewer runs, one that was unlucky moves the median. */
const leastRunsForTrend = 5;

/**
 * A run against those before it.
 * @param before the oldest first.
 * @returns undefined where there are fewer than five of them, or where the run itself says nothing of its tests: it was broken
 * or cancelled.
 */
export function describeTrend(before: readonly RecordedRun[], now: RecordedRun): Trend | undefined {
  const said = before.filter(({ outcome }) => outcome === 'passed' || outcome === 'failed');
  if (said.length < leastRunsForTrend || (now.outcome !== 'passed' && now.outcome !== 'failed')) return undefined;
  const runs = [...said, now];
  return {
    runs: runs.map(({ at, outcome, seconds, total, phases }) => ({
      at: new Date(at).toISOString(),
      outcome,
      seconds,
      total,
      phases: Object.fromEntries(phases),
    })),
    changes: describeChanges(runs),
  };
}

/**
 * What the last run changed, a line each, the most important first. A time is reported when it is 40 % and a second above the
 * median, and above every single run before.
 * @param runs the oldest first.
 */
function describeChanges(runs: readonly RecordedRun[]): string[] {
  const last = runs.at(-1);
  if (last === undefined) return [];
  const before = runs.slice(0, -1);
  const changes: string[] = [];
  const fewer = (medianOf(before.map(({ total }) => total)) ?? 0) - last.total;
  if (fewer >= 1) changes.push(`${Math.floor(fewer)} ${fewer < 2 ? 'test' : 'tests'} fewer than before`);
  const wereFlaky = new Set(describeTests(before).flatMap(({ id, isFlaky }) => (isFlaky ? [id] : [])));
  for (const { id, isFlaky } of describeTests(runs))
    if (isFlaky && !wereFlaky.has(id)) changes.push(`newly flaky: ${id}`);
  // What is no longer close has been fixed, whatever earlier runs were.
  const closeNow = new Set(
    describeContainers([last]).flatMap(({ container, closeRuns }) => (closeRuns > 0 ? [container] : [])),
  );
  for (const { container, closeRuns } of describeContainers(runs))
    if (closeRuns >= closeRunsTold && closeNow.has(container))
      changes.push(`${container}: memory near its limit in ${closeRuns} runs`);
  for (const [phase, seconds] of last.phases) {
    const more = describeSlower(
      seconds,
      before.flatMap(({ phases }) => phases.get(phase) ?? []),
    );
    if (more !== undefined) changes.push(`phase ${phase}: ${more.words}`);
  }
  const slowerTests = [...last.tests].flatMap(([id, { status, seconds }]) => {
    if (status !== 'passed') return [];
    const own = before.map(({ tests }) => tests.get(id)).filter((one) => one?.status === 'passed');
    const more = describeSlower(
      seconds,
      own.map((one) => one?.seconds ?? 0),
    );
    return more === undefined ? [] : [{ words: `${id}: ${more.words}`, share: more.share }];
  });
  changes.push(...slowerTests.sort((a, b) => b.share - a.share).map(({ words }) => words));
  return changes;
}

/** Undefined for a time that is usual, or about which too little is known. */
function describeSlower(seconds: number, before: readonly number[]): { words: string; share: number } | undefined {
  const usual = medianOf(before);
  if (usual === undefined || before.length < leastRunsForTrend) return undefined;
  if (seconds < usual * slower || seconds - usual < leastSecondsSlower || seconds <= Math.max(...before))
    return undefined;
  const share = usual === 0 ? Number.POSITIVE_INFINITY : seconds / usual - 1;
  const more = usual === 0 ? '' : `${Math.round(share * 100)} % slower: `;
  return { words: `${more}${seconds.toFixed(1)} s in place of ${usual.toFixed(1)} s`, share };
}
