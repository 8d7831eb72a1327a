/** The outcome of all legs together. Pure. */
import { type Failure, noTests, type TestCounts, toOneLine, type Verdict } from '../core/outcome.ts';
import { formatCount } from '../report/describe-tests.ts';
import type { Leg } from '../report/leg.ts';
import { missingLeg } from './missing-leg.ts';

/** Results of the jobs that a job needs, as `toJSON(needs)` gives them. */
export type JobResults = Record<string, { result: string }>;

export interface Expectations {
  /** Names of tiers, legs or jobs that must have left results. */
  expected: readonly string[];
  jobResults: JobResults;
}

export interface JudgedLegs {
  /** The worst first, else in the order of their names. */
  legs: Leg[];
  /** Jobs that did not run, and left nothing for that reason. */
  skippedJobs: string[];
  verdict: Verdict;
}

/** The text in the roll-up's own verdict in place of a tier. */
export const allTiers = 'all tiers';

const severity = { broken: 0, failed: 1, cancelled: 2, passed: 3 };
/** Of one leg, where several are red: each has its whole reason below. */
const maxReasonChars = 90;

/**
 * Adds the legs that left no result, also those of a matrix that are known only from its other legs, and sums up. A job that
 * failed or was cancelled and left no red leg could not report why: it is red here, not absent. Green needs at least one leg,
 * and every leg green.
 */
export function judgeLegs(found: readonly Leg[], { expected, jobResults }: Expectations): JudgedLegs {
  const legs = [...found];
  const skippedJobs: string[] = [];
  for (const [job, { result }] of Object.entries(jobResults)) {
    const own = found.filter((leg) => leg.job === job);
    if (result === 'skipped') skippedJobs.push(job);
    else if (result !== 'success' && own.every((leg) => leg.verdict.outcome === 'passed'))
      legs.push(missingLeg(job, job, `job ${job} ended as ${result} and left no results`));
  }
  const calls = new Map(found.filter(({ job }) => job !== '').map((leg) => [JSON.stringify([leg.job, leg.call]), leg]));
  for (const { job, call } of calls.values()) {
    const own = found.filter((leg) => leg.job === job && leg.call === call);
    const total = Math.max(...own.map(({ siblings }) => siblings));
    // Several steps of one leg are several runs of it.
    const there = new Set(own.map(({ matrix }) => matrix)).size;
    if (there < total)
      legs.push(missingLeg(job, job, `${total - there} of the ${total} matrix jobs of ${job} left no results`));
    // Results of a runner that does not report the number of legs count as one leg, too.
    if (total > 1 && there > total)
      legs.push(missingLeg(job, job, `${there} matrix jobs of ${job} left results, but there are ${total}`));
  }
  for (const name of expected) {
    const isThere = legs.some((leg) => leg.name === name || leg.job === name || leg.verdict.tier === name);
    if (isThere) continue;
    const why = skippedJobs.includes(name) ? 'was skipped' : 'left no results';
    legs.push(missingLeg(name, '', `${name} is expected and ${why}`));
  }
  legs.sort((a, b) => severity[a.verdict.outcome] - severity[b.verdict.outcome] || a.name.localeCompare(b.name, 'en'));
  return { legs, skippedJobs, verdict: sumUp(legs) };
}

function sumUp(legs: readonly Leg[]): Verdict {
  const tests: TestCounts = { ...noTests };
  for (const { verdict } of legs)
    for (const [key, count] of Object.entries(verdict.tests) as [keyof TestCounts, number][])
      tests[key] = (tests[key] ?? 0) + count;
  const failure = causeOf(legs);
  return {
    schema: 1,
    outcome: legs[0]?.verdict.outcome ?? 'broken',
    failure,
    tier: allTiers,
    tests,
    phases: [],
    // Legs run beside each other: the longest one is the waiting time.
    durationSeconds: Math.max(0, ...legs.map(({ verdict }) => verdict.durationSeconds)),
    cluster: null,
    image: null,
    warnings: legs.flatMap(({ name, verdict }) => verdict.warnings.map((warning) => `${name}: ${warning}`)),
  };
}

function causeOf(legs: readonly Leg[]): Failure | null {
  if (legs.length === 0)
    return {
      kind: 'results',
      reason: 'no job left results',
      hint: 'Run this after the jobs that test, with needs: and if: always(), in the same workflow run.',
      evidence: [],
    };
  const red = legs.filter(({ verdict }) => verdict.outcome !== 'passed');
  const [worst] = red;
  if (worst === undefined) return null;
  const explain = ({ name, verdict }: Leg, shorten: (reason: string) => string) =>
    `${name}: ${verdict.failure?.kind ?? verdict.outcome}: ${shorten(verdict.failure?.reason ?? 'no reason given')}`;
  const listed = red.map((leg) => explain(leg, red.length > 1 ? beginOf : (reason) => reason)).join('; ');
  return {
    kind: worst.verdict.failure?.kind ?? 'internal',
    reason: toOneLine(`${red.length} of ${formatCount(legs.length, 'job')} did not pass: ${listed}`),
    hint: worst.verdict.failure?.hint ?? '',
    evidence: red.map((leg) =>
      toOneLine(
        explain(leg, (reason) => reason),
        1000,
      ),
    ),
  };
}

/** The beginning of a reason, which names what failed: up to what it adds, and no longer than {@link maxReasonChars}. */
function beginOf(reason: string): string {
  const begin = reason.split(/ \(|; /, 1)[0] ?? '';
  return begin.length <= maxReasonChars ? begin : `${begin.slice(0, maxReasonChars).replace(/\s\S*$/, '')} …`;
}
