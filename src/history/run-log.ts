/** The last runs of a suite in the file of its history: compact, since it is kept in a cache. Pure. */
import { isObject } from '../core/is-object.ts';
import type { RecordedRun, RecordedTest, RecordedUsage } from './recorded-run.ts';

/** Runs that are kept; the same number as of the times of a test. */
const keptRuns = 20;
/** Tests whose outcomes are kept of each run; all are counted. 20 runs of these are some 2 MB. */
const maxTests = 5000;
const maxNameChars = 1000;
const maxContainers = 200;
const maxPhases = 30;

/** What is known of a test in a run, as one letter. */
const letters = new Map<string, Pick<RecordedTest, 'status' | 'isFlaky' | 'isBesideIncident'>>([
  ['p', { status: 'passed', isFlaky: false, isBesideIncident: false }],
  ['f', { status: 'failed', isFlaky: false, isBesideIncident: false }],
  ['s', { status: 'skipped', isFlaky: false, isBesideIncident: false }],
  ['r', { status: 'passed', isFlaky: true, isBesideIncident: false }],
  ['P', { status: 'passed', isFlaky: false, isBesideIncident: true }],
  ['F', { status: 'failed', isFlaky: false, isBesideIncident: true }],
  ['R', { status: 'passed', isFlaky: true, isBesideIncident: true }],
]);
/** A test that was not in a run. */
const absent = '-';

/** The last runs, with one more. */
export function addRun(runs: readonly RecordedRun[], run: RecordedRun): RecordedRun[] {
  const tests = new Map([...run.tests].slice(0, maxTests));
  return [...runs, { ...run, tests }].slice(-keptRuns);
}

/** Runs as a value for JSON: names of tests once, and a letter and milliseconds of each in each run. */
export function packRuns(runs: readonly RecordedRun[]): object {
  const names = [...new Set(runs.flatMap(({ tests }) => [...tests.keys()]))];
  return {
    names,
    runs: runs.map(({ at, outcome, total, seconds, phases, usage, tests }) => ({
      at,
      outcome,
      total,
      seconds,
      phases: Object.fromEntries(phases),
      usage,
      tests: names.map((name) => letterOf(tests.get(name))).join(''),
      milliseconds: names.map((name) => Math.round((tests.get(name)?.seconds ?? 0) * 1000)),
    })),
  };
}

function letterOf(test: RecordedTest | undefined): string {
  if (test === undefined) return absent;
  // Of tests of one name, one may have failed and another been flaky: a failure counts.
  const isFlaky = test.isFlaky && test.status === 'passed';
  for (const [letter, one] of letters)
    if (one.status === test.status && one.isFlaky === isFlaky && one.isBesideIncident === test.isBesideIncident)
      return letter;
  return 's';
}

/** The runs of a value that {@link packRuns} made. Invalid parts are skipped, since any branch may have written the file. */
export function unpackRuns(value: unknown): RecordedRun[] {
  if (!isObject(value) || !Array.isArray(value.names) || !Array.isArray(value.runs)) return [];
  const names = value.names.slice(0, keptRuns * maxTests).map((name) => (isName(name) ? name : undefined));
  return value.runs.slice(-keptRuns).flatMap((run: unknown) => unpackRun(run, names));
}

function unpackRun(run: unknown, names: readonly (string | undefined)[]): RecordedRun[] {
  if (!isObject(run) || !isAmount(run.at) || !isAmount(run.total) || !isAmount(run.seconds)) return [];
  if (run.at > maxTime || typeof run.outcome !== 'string' || typeof run.tests !== 'string') return [];
  const times = Array.isArray(run.milliseconds) ? run.milliseconds : [];
  const tests = new Map<string, RecordedTest>();
  for (const [at, name] of names.entries()) {
    const known = letters.get(run.tests.charAt(at));
    const time: unknown = times[at];
    if (name === undefined || known === undefined || tests.size >= maxTests) continue;
    tests.set(name, { ...known, seconds: isAmount(time) ? time / 1000 : 0 });
  }
  const phases = isObject(run.phases) ? Object.entries(run.phases).slice(0, maxPhases) : [];
  const usage = Array.isArray(run.usage) ? run.usage.slice(0, maxContainers) : [];
  return [
    {
      name: '',
      at: run.at,
      outcome: run.outcome.slice(0, 20),
      tests,
      total: run.total,
      seconds: run.seconds,
      phases: new Map(
        phases.flatMap(([name, seconds]) => (isName(name) && isAmount(seconds) ? [[name, seconds]] : [])),
      ),
      usage: usage.flatMap(unpackUsage),
    },
  ];
}

function unpackUsage(one: unknown): RecordedUsage[] {
  if (!isObject(one) || !isName(one.container) || !isAmount(one.peakBytes)) return [];
  const { container, peakBytes, requestBytes, limitBytes } = one;
  return [
    {
      container,
      peakBytes,
      ...(isAmount(requestBytes) ? { requestBytes } : {}),
      ...(isAmount(limitBytes) ? { limitBytes } : {}),
    },
  ];
}

/** The last moment that a Date can hold. */
const maxTime = 8.64e15;

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxNameChars;
}
