import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { noTests, type TestCase, type TestCounts, type Verdict } from '../core/outcome.ts';
import { resultsMarker } from '../inputs/check-results-dir.ts';
import { type KeptTotals, startTotals } from '../junit/junit-report.ts';
import { readJUnit } from '../junit/read-junit.ts';
import { phasesSuiteName } from '../junit/write-junit.ts';
import { type Leg, type LegArtifact, type LegSuite, maxResultsDepth } from '../report/leg.ts';
import { verdictSchema } from '../report/result-schema.ts';
import { missingLeg } from './missing-leg.ts';

/** A verdict is some kilobytes; a larger file is not ours. */
const maxVerdictBytes = 4 * 1024 * 1024;
const maxVerdictBytesOfAll = 32 * 1024 * 1024;

/**
 * Every leg below a directory, or below those of its artifacts, found by its `result.json`: one of schema 1 that cannot be
 * read, or that contradicts itself or its report, makes a red leg. Which of them count is decided by `chooseLegs`.
 * @param artifacts GitHub's metadata of the artifacts in the directory.
 * @param own directory of the roll-up's own results, which may lie among them.
 */
export async function readLegs(
  directory: string,
  signal: AbortSignal,
  artifacts: readonly LegArtifact[] = [],
  own = '',
): Promise<Leg[]> {
  const legs: Leg[] = [];
  // One for all: a matrix of 256 jobs must not take the memory of 256 runs.
  const budget: ReadBudget = { totals: startTotals(), verdictBytes: maxVerdictBytesOfAll };
  for (const artifact of artifacts.length === 0 ? [undefined] : artifacts)
    for (const found of await findVerdicts(directory, artifact?.directory ?? '')) {
      signal.throwIfAborted();
      if (path.resolve(directory, found) === own) continue;
      const leg = await readLeg(directory, found, budget, signal);
      legs.push(artifact === undefined ? leg : { ...leg, artifact });
    }
  return legs;
}

/**
 * Directories that hold a `result.json`, at `start` or some directories below, relative to the root, sorted. Directories below
 * one belong to it.
 */
async function findVerdicts(root: string, start: string): Promise<string[]> {
  const found: string[] = [];
  const look = async (relative: string, depth: number): Promise<void> => {
    const entries = await readdir(path.join(root, relative), { withFileTypes: true });
    if (entries.some((entry) => entry.isFile() && entry.name === resultsMarker)) {
      found.push(relative);
      return;
    }
    if (depth === maxResultsDepth) return;
    for (const entry of entries) if (entry.isDirectory()) await look(path.join(relative, entry.name), depth + 1);
  };
  if (existsSync(path.join(root, start))) await look(start, 0);
  return found.sort();
}

/** What all legs together may keep in memory, and still can. */
interface ReadBudget {
  totals: KeptTotals;
  verdictBytes: number;
}

async function readLeg(root: string, directory: string, budget: ReadBudget, signal: AbortSignal): Promise<Leg> {
  const at = path.join(root, directory);
  const shownName = directory === '' ? path.basename(root) : directory;
  const read = await readVerdict(path.join(at, resultsMarker), budget);
  if (typeof read === 'string') return { ...missingLeg(shownName, '', `${resultsMarker} ${read}`), directory };
  const { verdict, leg } = read;
  const { tests, testsLeftOut, suites, counts, problem } = await readTests(path.join(at, 'junit.xml'), budget, signal);
  const against = verdict.outcome === 'passed' ? problem || findContradiction(verdict, counts) : '';
  return {
    name: nameLeg(verdict.tier, leg?.matrix ?? ''),
    job: leg?.job ?? '',
    call: leg?.name ?? '',
    step: leg?.step ?? '',
    matrix: leg?.matrix ?? '',
    attempt: leg?.attempt ?? 1,
    siblings: leg?.legs ?? 1,
    verdict: against === '' ? verdict : contradict(verdict, against),
    tests,
    testsLeftOut,
    suites,
    directory,
  };
}

/** The verdict, or what is wrong with it. */
async function readVerdict(
  file: string,
  budget: ReadBudget,
): Promise<{ verdict: Verdict; leg: v.InferOutput<typeof verdictSchema>['leg'] } | string> {
  const { size } = await stat(file);
  if (size > maxVerdictBytes) return 'is too large to be a verdict';
  if (size > budget.verdictBytes) return 'is too large beside those of the other jobs';
  budget.verdictBytes -= size;
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return 'is not JSON';
  }
  const parsed = v.safeParse(verdictSchema, content);
  if (!parsed.success) return `is not a verdict of schema 1: ${parsed.issues[0].message}`;
  const { leg, phases, failure, tests, ...rest } = parsed.output;
  const { rebuilt, ...counts } = tests;
  const verdict = {
    ...rest,
    failure: failure as Verdict['failure'],
    tests: { ...counts, reconstructed: rebuilt },
    phases: phases as Verdict['phases'],
  };
  return { verdict, leg };
}

/** The tests of a leg, by suite; failures of its phases are in its verdict. */
async function readTests(
  file: string,
  { totals }: ReadBudget,
  signal: AbortSignal,
): Promise<{ tests: TestCase[]; testsLeftOut: number; suites: LegSuite[]; counts: TestCounts; problem: string }> {
  const nothing = { tests: [], testsLeftOut: 0, suites: [], counts: noTests };
  if (!existsSync(file)) return { ...nothing, problem: 'its junit.xml is missing' };
  const reading = await readJUnit(file, { file: 'junit.xml', totals, signal });
  if (!reading.ok) return { ...nothing, problem: reading.failure.reason };
  const { cases, counts, casesLeftOut } = reading.value;
  const tests = cases.filter(({ suite }) => suite !== phasesSuiteName);
  const suites = new Map<string, LegSuite>();
  for (const test of tests) {
    const name = test.suite === '' ? 'tests' : test.suite;
    const suite = suites.get(name) ?? { name, counts: { ...noTests }, seconds: 0 };
    suites.set(name, suite);
    suite.counts.total++;
    suite.counts[test.status === 'error' ? 'errors' : test.status]++;
    if (test.status === 'passed' && (test.flakyRuns ?? 0) > 0) suite.counts.flaky++;
    suite.seconds += test.seconds;
  }
  const rest = casesLeftOut === 0 ? [] : [countRest(cases, counts)];
  return { tests, testsLeftOut: casesLeftOut, suites: [...suites.values(), ...rest], counts, problem: '' };
}

/** The tests that are counted and not kept, in a row of their own. */
function countRest(kept: readonly TestCase[], counts: TestCounts): LegSuite {
  const { total, passed, failed, errors, skipped, flaky } = counts;
  const rest = { total, passed, failed, errors, skipped, flaky };
  for (const test of kept) {
    rest.total--;
    rest[test.status === 'error' ? 'errors' : test.status]--;
    if (test.status === 'passed' && (test.flakyRuns ?? 0) > 0) rest.flaky--;
  }
  return { name: 'tests that are only counted', counts: rest, seconds: 0 };
}

/** Minimum number of cases that the reader of a run keeps before it leaves any out. */
const leastKeptCases = 1000;

/** Objections to a leg that reports passed; empty when there are none. A silent failure of its phases is an error, too. */
function findContradiction({ tests, failure, casesLeftOut = 0 }: Verdict, counts: TestCounts): string {
  if (failure !== null) return `it says passed, and that ${failure.reason}`;
  const red = Math.max(counts.failed + counts.errors, tests.failed + tests.errors);
  if (red > 0) return `it says passed, with ${red} failed of ${tests.total} tests`;
  if (tests.total === 0) return 'it says passed, without a test';
  const left = counts.total >= leastKeptCases ? casesLeftOut : 0;
  const isWhole = left === 0 && tests.passed === counts.passed && tests.skipped === counts.skipped;
  const isCut = left > 0 && counts.passed <= tests.passed && counts.skipped <= tests.skipped;
  const isSum = tests.total === tests.passed + tests.skipped && tests.total === counts.total + left;
  if (isSum && (isWhole || isCut)) return '';
  return `it says ${tests.passed} passed and ${tests.skipped} skipped of ${tests.total} tests, and its junit.xml holds ${counts.passed} passed and ${counts.skipped} skipped of ${counts.total}`;
}

/** A leg that reports passed and cannot have passed is red, since other programs may have written its files. */
export function contradict(verdict: Verdict, what: string): Verdict {
  return {
    ...verdict,
    outcome: 'failed',
    failure: {
      kind: 'report',
      reason: `its results contradict themselves: ${what}`,
      hint: 'Something changed the files after the run, or between upload and download: run the job again.',
      evidence: [],
    },
  };
}

/** `integration`, or with a matrix `integration (3.11, ubuntu)`: its values beside the tier, as GitHub names jobs. */
export function nameLeg(tier: string, matrix: string): string {
  let values: unknown;
  try {
    values = JSON.parse(matrix === '' ? 'null' : matrix);
  } catch {
    return `${tier} (${matrix})`;
  }
  if (typeof values !== 'object' || values === null) return tier;
  const shown = Object.values(values)
    .map((value) => (typeof value === 'object' ? JSON.stringify(value) : String(value)))
    .filter((value) => value !== tier);
  return shown.length === 0 ? tier : `${tier} (${shown.join(', ')})`;
}
