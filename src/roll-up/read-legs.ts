import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { failureKinds, noTests, type TestCase, type Verdict } from '../core/outcome.ts';
import { resultsMarker } from '../inputs/read-inputs.ts';
import { readJUnit } from '../junit/read-junit.ts';
import { phasesSuiteName } from '../junit/write-junit.ts';
import type { Leg, LegSuite } from '../report/leg.ts';
import { allTiers } from './judge-legs.ts';
import { missingLeg } from './missing-leg.ts';

const maxDepth = 4;
/** A verdict is some kilobytes; what is larger is none of ours. */
const maxVerdictBytes = 4 * 1024 * 1024;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** `result.json`, schema 1. It comes from another job, and whoever can write there can write anything. */
const verdictSchema = v.object({
  schema: v.literal(1),
  outcome: v.picklist(['passed', 'failed', 'broken', 'cancelled']),
  failure: v.nullable(
    v.object({ kind: v.picklist(failureKinds), reason: v.string(), hint: v.string(), evidence: v.array(v.string()) }),
  ),
  tier: v.string(),
  tests: v.object({
    total: count,
    passed: count,
    failed: count,
    errors: count,
    skipped: count,
    flaky: count,
    rebuilt: count,
  }),
  phases: v.array(v.object({ name: v.string(), outcome: v.string(), seconds: v.number() })),
  durationSeconds: v.number(),
  cluster: v.nullable(
    v.object({
      kind: v.string(),
      name: v.string(),
      namespace: v.string(),
      nodes: v.number(),
      kubernetes: v.string(),
    }),
  ),
  image: v.nullable(v.object({ name: v.string(), digest: v.string() })),
  isMasked: v.optional(v.boolean()),
  warnings: v.array(v.string()),
  leg: v.optional(
    v.object({
      job: v.string(),
      attempt: v.number(),
      matrix: v.string(),
      legs: v.number(),
      step: v.optional(v.string()),
    }),
  ),
});

/**
 * Every leg below a directory, found by its `result.json`: one of schema 1 that cannot be read, or that contradicts
 * itself or its report, makes a red leg. Of a leg that ran more than once (a rerun of failed jobs) the last attempt counts,
 * with all of its steps.
 */
export async function readLegs(directory: string, signal: AbortSignal): Promise<Leg[]> {
  const byName = new Map<string, Leg[]>();
  for (const found of await findVerdicts(directory)) {
    signal.throwIfAborted();
    const leg = await readLeg(directory, found, signal);
    // The roll-up of an earlier attempt is no leg.
    if (leg.verdict.tier === allTiers) continue;
    const key = JSON.stringify([leg.job, leg.name]);
    byName.set(key, [...(byName.get(key) ?? []), leg]);
  }
  return [...byName.values()].flatMap((legs) => {
    const last = Math.max(...legs.map(({ attempt }) => attempt));
    // Outside of a workflow nothing tells reruns from legs of one name: all of them count.
    const counting = legs.filter(({ job, attempt }) => job === '' || attempt === last);
    return counting.length === 1 ? counting : counting.map(nameByStep);
  });
}

/** Several steps of one job are told apart by their ids. */
function nameByStep(leg: Leg): Leg {
  return leg.step === '' ? leg : { ...leg, name: `${leg.name} · ${leg.step}` };
}

/** Directories that hold a `result.json`, relative to the root, sorted. What lies below one is its own. */
async function findVerdicts(root: string): Promise<string[]> {
  const found: string[] = [];
  const look = async (relative: string, depth: number): Promise<void> => {
    const entries = await readdir(path.join(root, relative), { withFileTypes: true });
    if (entries.some((entry) => entry.isFile() && entry.name === resultsMarker)) {
      found.push(relative);
      return;
    }
    if (depth === maxDepth) return;
    for (const entry of entries) if (entry.isDirectory()) await look(path.join(relative, entry.name), depth + 1);
  };
  if (existsSync(root)) await look('', 0);
  return found.sort();
}

async function readLeg(root: string, directory: string, signal: AbortSignal): Promise<Leg> {
  const at = path.join(root, directory);
  const shownName = directory === '' ? path.basename(root) : directory;
  const read = await readVerdict(path.join(at, resultsMarker));
  if (typeof read === 'string') return { ...missingLeg(shownName, '', `${resultsMarker} ${read}`), directory };
  const { verdict, leg } = read;
  const { tests, suites, problem } = await readTests(path.join(at, 'junit.xml'), signal);
  const judged = problem === '' || verdict.outcome !== 'passed' ? verdict : contradict(verdict, problem);
  const failures = tests.filter(({ status }) => status === 'failed' || status === 'error').length;
  const consistent =
    judged.outcome === 'passed' && (failures > 0 || verdict.failure !== null || verdict.tests.total === 0)
      ? contradict(verdict, `it says passed, with ${failures} failed of ${verdict.tests.total} tests`)
      : judged;
  return {
    name: nameLeg(verdict.tier, leg?.matrix ?? ''),
    job: leg?.job ?? '',
    step: leg?.step ?? '',
    matrix: leg?.matrix ?? '',
    attempt: leg?.attempt ?? 1,
    siblings: leg?.legs ?? 1,
    verdict: consistent,
    tests,
    suites,
    directory,
  };
}

/** The verdict, or what is wrong with it. */
async function readVerdict(
  file: string,
): Promise<{ verdict: Verdict; leg: v.InferOutput<typeof verdictSchema>['leg'] } | string> {
  if ((await stat(file)).size > maxVerdictBytes) return 'is too large to be a verdict';
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return 'is not JSON';
  }
  const parsed = v.safeParse(verdictSchema, content);
  if (!parsed.success) return `is not a verdict of schema 1: ${parsed.issues[0].message}`;
  const { leg, phases, isMasked, ...rest } = parsed.output;
  const told = isMasked === undefined ? {} : { isMasked };
  return { verdict: { ...rest, ...told, phases: phases as Verdict['phases'] }, leg };
}

/** The tests of a leg, by suite; what its phases have to say is in its verdict. */
async function readTests(
  file: string,
  signal: AbortSignal,
): Promise<{ tests: TestCase[]; suites: LegSuite[]; problem: string }> {
  if (!existsSync(file)) return { tests: [], suites: [], problem: 'its junit.xml is missing' };
  const reading = await readJUnit(file, { file: 'junit.xml', signal });
  if (!reading.ok) return { tests: [], suites: [], problem: reading.failure.reason };
  const tests = reading.value.cases.filter(({ suite }) => suite !== phasesSuiteName);
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
  return { tests, suites: [...suites.values()], problem: '' };
}

/** A leg that says passed and cannot have passed is red, for it was not this program alone that wrote its files. */
function contradict(verdict: Verdict, what: string): Verdict {
  return {
    ...verdict,
    outcome: 'failed',
    failure: {
      kind: 'report',
      reason: `its results contradict themselves: ${what}`,
      hint: 'Something changed the files after the run, or between upload and download: run the leg again.',
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
