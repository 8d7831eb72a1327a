/** The command `history`: a summary of the results of earlier runs. */
import { lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { medianOf } from '../history/median.ts';
import { type RecordedRun, readRecordedRun } from '../history/recorded-run.ts';
import {
  type ContainerTrend,
  describeContainers,
  describeTests,
  describeTrend,
  type TestTrend,
} from '../history/trends.ts';
import { formatCount, formatDuration } from '../report/describe-tests.ts';
import { toPlainLine } from '../report/inert-text.ts';
import { formatMemory } from '../report/usage.ts';

/** Summary of several runs, as `--json` prints it. */
export interface ShownHistory {
  schema: 1;
  runs: { name: string; startedAt: string; outcome: string; seconds: number }[];
  changes: string[];
  tests: TestTrend[];
  phases: { name: string; medianSeconds: number; lastSeconds: number }[];
  containers: ContainerTrend[];
}

/** Results of later runs are in the artifacts of earlier ones, some directories deep. */
const maxDepth = 4;
const maxFileBytes = 64 * 2 ** 20;
const maxRuns = 200;
const testsShown = 15;

/**
 * Reads every run below some directories, the latest last; of the same run only one counts.
 * @returns the runs, and what could not be read, a line each.
 */
export async function readRuns(directories: readonly string[]): Promise<{ runs: RecordedRun[]; problems: string[] }> {
  const runs = new Map<string, RecordedRun>();
  const problems: string[] = [];
  for (const directory of directories)
    for (const at of await findResults(directory, 0)) {
      const [result, ctrf] = await Promise.all(
        ['result.json', 'ctrf.json'].map((name) => readOwn(path.join(at, name))),
      );
      const run =
        result === undefined || ctrf === undefined
          ? undefined
          : readRecordedRun(at, { result: result.text, ctrf: ctrf.text, at: result.at });
      if (run === undefined) problems.push(`${at} holds no result.json with a ctrf.json beside it that can be read`);
      else runs.set(JSON.stringify([run.at, run.outcome, run.total]), run);
    }
  return { runs: [...runs.values()].sort((a, b) => a.at - b.at).slice(-maxRuns), problems };
}

async function findResults(directory: string, depth: number): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  if (entries.some((entry) => entry.isFile() && entry.name === 'result.json')) return [directory];
  if (depth === maxDepth) return [];
  const below = entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(directory, name));
  const found: string[] = [];
  for (const one of below.sort()) found.push(...(await findResults(one, depth + 1)));
  return found;
}

/** An invalid file, or one that is too large to be ours, is skipped. */
async function readOwn(file: string): Promise<{ text: string; at: number } | undefined> {
  const stat = await lstat(file).catch(() => undefined);
  if (stat === undefined || !stat.isFile() || stat.size > maxFileBytes) return undefined;
  return { text: await readFile(file, 'utf8'), at: stat.mtimeMs };
}

/** Summary of several runs. @param runs the oldest first. */
export function describeHistory(runs: readonly RecordedRun[]): ShownHistory {
  const last = runs.at(-1);
  const names = [...new Set(runs.flatMap(({ phases }) => [...phases.keys()]))];
  return {
    schema: 1,
    runs: runs.map(({ name, at, outcome, seconds }) => ({
      name,
      startedAt: new Date(at).toISOString(),
      outcome,
      seconds,
    })),
    changes: last === undefined ? [] : [...(describeTrend(runs.slice(0, -1), last)?.changes ?? [])],
    tests: describeTests(runs),
    phases: names.map((name) => ({
      name,
      medianSeconds: medianOf(runs.flatMap(({ phases }) => phases.get(name) ?? [])) ?? 0,
      lastSeconds: last?.phases.get(name) ?? 0,
    })),
    containers: describeContainers(runs),
  };
}

/** The same as text, a line each. All names come from tests, and are escaped. */
export function renderHistory({ runs, changes, tests, phases, containers }: ShownHistory): string[] {
  const last = runs.at(-1);
  if (last === undefined) return ['no run is known'];
  const flaky = tests.filter(({ isFlaky }) => isFlaky).sort((a, b) => b.failures / b.runs - a.failures / a.runs);
  const slowest = tests.toSorted((a, b) => b.seconds - a.seconds).slice(0, testsShown);
  const section = (title: string, lines: string[]) => (lines.length === 0 ? [] : ['', `${title}:`, ...lines]);
  return [
    `${formatCount(runs.length, 'run')}, the last at ${last.startedAt}: ${toPlainLine(last.outcome, 40)}`,
    ...section(
      'What the last run changed',
      changes.slice(0, 30).map((line) => `  ${toPlainLine(line, 200)}`),
    ),
    ...section('Flaky tests', flaky.slice(0, 50).map(renderFlaky)),
    ...section(
      'Slowest tests',
      slowest.map(({ id, seconds }) => `  ${formatDuration(seconds).padStart(12)}  ${toPlainLine(id, 200)}`),
    ),
    ...section(
      'Phases, median and last',
      phases.map(
        ({ name, medianSeconds, lastSeconds }) =>
          `  ${toPlainLine(name, 30).padEnd(12)} ${formatDuration(medianSeconds).padStart(12)} ${formatDuration(lastSeconds).padStart(12)}`,
      ),
    ),
    ...section('Memory: at most, request, limit', containers.map(renderContainer)),
    ...section('Values that are enough (tests are no production load)', renderPatch(containers)),
  ];
}

function renderFlaky({ id, failures, runs, besideIncidents }: TestTrend): string {
  const beside = besideIncidents === 0 ? '' : `, ${besideIncidents} beside an incident of the platform`;
  return `  ${toPlainLine(id, 200)}: failed in ${failures} of ${formatCount(runs, 'run')}${beside}`;
}

function renderContainer({ container, peakBytes, requestBytes, limitBytes, closeRuns }: ContainerTrend): string {
  const amount = (bytes: number | undefined) => (bytes === undefined ? '–' : formatMemory(bytes)).padStart(9);
  const close = closeRuns === 0 ? '' : `  near its limit in ${formatCount(closeRuns, 'run')}`;
  return `  ${amount(peakBytes)} ${amount(requestBytes)} ${amount(limitBytes)}  ${toPlainLine(container, 200)}${close}`;
}

/** The part of a values file that a chart usually has for a container. */
function renderPatch(containers: readonly ContainerTrend[]): string[] {
  return containers.flatMap(({ container, runs, peakBytes, requestBytes = 0, adviceBytes }) =>
    adviceBytes === undefined
      ? []
      : [
          `  # ${toPlainLine(container, 200)}: requests ${formatMemory(requestBytes)}, peaked at ${formatMemory(peakBytes)} in ${formatCount(runs, 'run')}`,
          `  resources: {requests: {memory: ${adviceBytes / 2 ** 20}Mi}}`,
        ],
  );
}
