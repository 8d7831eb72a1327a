/** One run, as its result.json and its ctrf.json describe it. Pure: the caller passes the texts of the files. */
import { isObject } from '../core/is-object.ts';
import type { ReportInput } from '../core/report-model.ts';

/** How a test ended in one run. */
export interface RecordedTest {
  status: 'passed' | 'failed' | 'skipped';
  /** Whether it failed before it passed in the same run. */
  isFlaky: boolean;
  /** Whether it failed while something happened to the platform. */
  isBesideIncident: boolean;
  seconds: number;
}

/** What a container used at most in one run, in bytes; absent is what was not asked for. */
export interface RecordedUsage {
  /** Without the parts that differ between runs: `shop/web`. */
  container: string;
  peakBytes: number;
  requestBytes?: number;
  limitBytes?: number;
}

export interface RecordedRun {
  /** Name of its directory. */
  name: string;
  /** Milliseconds of the epoch. */
  at: number;
  outcome: string;
  /** By the properties that distinguish tests. */
  tests: Map<string, RecordedTest>;
  /** All counted tests. */
  total: number;
  seconds: number;
  phases: Map<string, number>;
  usage: RecordedUsage[];
}

/** Within this time after an incident a failure is attributed to it, as in reports. */
const incidentMilliseconds = 30_000;
const maxTests = 40_000;
/** As ctrf.json calls a test without a name. */
const nameless = '(no name)';

/**
 * Reads a run.
 * @param name of its directory.
 * @param at when its files were written, for reports without a start time.
 * @returns undefined where the texts are not those files.
 */
export function readRecordedRun(
  name: string,
  { result, ctrf, at }: { result: string; ctrf: string; at: number },
): RecordedRun | undefined {
  const verdict = asObject(parseJson(result));
  const results = asObject(asObject(parseJson(ctrf))?.results);
  if (verdict?.schema !== 1 || typeof verdict.outcome !== 'string' || results === undefined) return undefined;
  const incidents = listOf(verdict.incidents).flatMap(readIncident);
  const tests = new Map<string, RecordedTest>();
  for (const test of listOf(results.tests).slice(0, maxTests).flatMap(readTest)) addTest(tests, test, incidents);
  const began = numberOf(asObject(results.summary)?.start) ?? 0;
  return {
    name,
    at: began > 0 ? began : at,
    outcome: verdict.outcome,
    tests,
    total: numberOf(asObject(verdict.tests)?.total) ?? tests.size,
    seconds: numberOf(verdict.durationSeconds) ?? 0,
    phases: new Map(
      listOf(verdict.phases).flatMap(({ name: phase, seconds, outcome }) =>
        typeof phase === 'string' && outcome !== 'skipped' ? [[phase, numberOf(seconds) ?? 0] as const] : [],
      ),
    ),
    usage: listOf(verdict.usage).flatMap(readUsage),
  };
}

type Incident = { began: number; lasts: boolean };

function readIncident(one: { at?: unknown; lasts?: unknown; wasBefore?: unknown }): Incident[] {
  const began = Date.parse(String(one.at));
  return Number.isNaN(began) ? [] : [{ began, lasts: one.lasts === true || one.wasBefore === true }];
}

/** A test of one report; times in milliseconds of the epoch, where they are known. */
interface EndedTest {
  id: string;
  status: RecordedTest['status'];
  isFlaky: boolean;
  seconds: number;
  start: number | undefined;
  stop: number | undefined;
}

/** If tests of one run have the same name, a failure counts. */
function addTest(tests: Map<string, RecordedTest>, test: EndedTest, incidents: readonly Incident[]): void {
  const { id, status, stop, start = stop } = test;
  const known = tests.get(id);
  const isFlaky = test.isFlaky || known?.isFlaky === true;
  const hasFailed = status === 'failed' || isFlaky;
  const isBeside = incidents.some(
    ({ began, lasts }) =>
      stop === undefined || (stop >= began - 1000 && (lasts || (start ?? stop) <= began + incidentMilliseconds)),
  );
  tests.set(id, {
    status: known?.status === 'failed' ? 'failed' : status,
    isFlaky,
    isBesideIncident: (known?.isBesideIncident ?? false) || (hasFailed && isBeside),
    seconds: (known?.seconds ?? 0) + test.seconds,
  });
}

/** A test of a CTRF report; none, where it has no name. */
function readTest(test: Record<string, unknown>): EndedTest[] {
  const suite = Array.isArray(test.suite) ? test.suite.filter((one) => typeof one === 'string') : [];
  if (typeof test.name !== 'string') return [];
  const stop = numberOf(test.stop);
  // It fails whenever certain tests run before it, and passes alone: that is no chance.
  const isPolluted = asObject(test.extra)?.retryInOrder === 'failed';
  return [
    {
      id: [...suite, test.name].join(' / '),
      status: isPolluted ? 'failed' : statusOf(test.status),
      isFlaky: test.flaky === true && !isPolluted,
      seconds: (numberOf(test.duration) ?? 0) / 1000,
      start: numberOf(test.start) ?? stop,
      stop,
    },
  ];
}

/**
 * A run that has just ended, as its files will describe it: what {@link readRecordedRun} makes of them.
 * @param name what it is called.
 */
export function recordReport(
  name: string,
  { verdict, tests: cases, incidents = [], usage = [], startedAt }: ReportInput,
): RecordedRun {
  const known = incidents.flatMap(({ at, lasts, wasBefore }) => readIncident({ at, lasts, wasBefore }));
  const tests = new Map<string, RecordedTest>();
  for (const one of cases.slice(0, maxTests)) {
    const seconds = Math.max(0, Math.round(one.seconds * 1000)) / 1000;
    const stop = one.endedAt === undefined ? undefined : numberOf(Date.parse(one.endedAt));
    const suites = [...one.suite.split(' / '), one.classname].filter((part) => part !== '');
    const isPolluted = one.inOrder === 'failed';
    const isFailed = one.status === 'failed' || one.status === 'error' || one.quarantine?.failed === true || isPolluted;
    const test: EndedTest = {
      id: [...suites, one.name === '' ? nameless : one.name].join(' / '),
      status: isFailed ? 'failed' : one.status === 'passed' ? 'passed' : 'skipped',
      isFlaky: one.flakyRuns !== undefined && one.status === 'passed' && !isPolluted,
      seconds,
      start: stop === undefined ? undefined : stop - seconds * 1000,
      stop,
    };
    addTest(tests, test, known);
  }
  const phases = verdict.phases.filter(({ outcome }) => outcome !== 'skipped');
  return {
    name,
    at: startedAt === undefined ? 0 : (numberOf(Date.parse(startedAt)) ?? 0),
    outcome: verdict.outcome,
    tests,
    total: verdict.tests.total,
    seconds: verdict.durationSeconds,
    phases: new Map(phases.map((phase) => [phase.name, phase.seconds])),
    usage: usage.flatMap((one) => readUsage({ ...one })),
  };
}

/** A test that failed in quarantine has failed: CTRF calls it `other`. */
function statusOf(status: unknown): RecordedTest['status'] {
  if (status === 'passed') return 'passed';
  return status === 'failed' || status === 'other' ? 'failed' : 'skipped';
}

function readUsage(one: Record<string, unknown>): RecordedUsage[] {
  const peakBytes = numberOf(one.memoryPeakBytes);
  if (typeof one.pod !== 'string' || typeof one.container !== 'string' || peakBytes === undefined) return [];
  const requestBytes = numberOf(one.memoryRequestBytes);
  const limitBytes = numberOf(one.memoryLimitBytes);
  return [
    {
      container: `${workloadOf(one.pod)}/${one.container}`,
      peakBytes,
      ...(requestBytes === undefined ? {} : { requestBytes }),
      ...(limitBytes === undefined ? {} : { limitBytes }),
    },
  ];
}

/** The name of a pod without the suffix of a controller. */
function workloadOf(pod: string): string {
  return pod.replace(/(?:-[bcdf0-9]{6,10})?-[bcdfghjklmnpqrstvwxz2456789]{5}$/, '').replace(/-\d{1,3}$/, '');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return isObject(value) ? value : undefined;
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(asObject).filter((one) => one !== undefined) : [];
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}
