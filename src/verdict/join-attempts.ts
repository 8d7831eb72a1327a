/** A shard whose pod was lost and whose tests went to a fresh one: both attempts as one shard. Pure. */
import { fail, noTests, type TestCounts } from '../core/outcome.ts';
import type { TestVerdict } from './decide-verdict.ts';
import { listTestNames } from './describe-facts.ts';
import { runsOf, type ShardFacts, type ShardOfPytest } from './merge-shards.ts';
import { addCounts } from './test-facts.ts';

/**
 * All attempts of a shard, the last of which has run what the others left. Tests that finished before a pod was lost count as
 * those of any other shard. A test that ran in two attempts is listed: it was to run once.
 * @param attempts in their order, at least one.
 */
export function joinAttempts(attempts: readonly ShardFacts[]): ShardFacts {
  const last = attempts.at(-1);
  if (last === undefined) throw new Error('a shard without an attempt');
  if (attempts.length === 1) return last;
  const counts = attempts.reduce<TestCounts>((sum, { verdict }) => addCounts(sum, verdict.counts), { ...noTests });
  const seconds = attempts.reduce((sum, one) => sum + (one.seconds ?? 0), 0);
  return {
    ...last,
    verdict: { failure: findFailure(attempts), warnings: attempts.flatMap(({ verdict }) => verdict.warnings), counts },
    isEmpty: last.isEmpty && counts.total === 0,
    cases: attempts.flatMap(({ cases }) => cases),
    casesLeftOut: attempts.reduce((sum, one) => sum + one.casesLeftOut, 0),
    hosts: new Map(attempts.flatMap(({ hosts }) => [...(hosts ?? [])])),
    failedNames: attempts.flatMap(({ failedNames }) => failedNames),
    pytest: joinNotes(attempts),
    lostPods: attempts.slice(0, -1).map(({ pod }) => pod),
    ranTwice: findRepeated(attempts),
    ...(seconds === 0 ? {} : { seconds }),
  };
}

/**
 * The verdict of a suite in one piece whose pods were lost, but for the last: together they must have run every test once.
 * @param attempts in their order, at least one.
 */
export function judgeWhole(attempts: readonly ShardFacts[]): TestVerdict {
  const { verdict, pytest, ranTwice = [] } = joinAttempts(attempts);
  const missing = [...(pytest?.collected ?? [])].filter((id) => !pytest?.hasRun(id));
  const counts = missing.length === 0 ? verdict.counts : { ...verdict.counts, notRun: missing.length };
  const told = ranTwice.length > 0 ? ranTwice : missing;
  if (verdict.failure !== null || told.length === 0) return { ...verdict, counts };
  const where = ranTwice.length > 0 ? 'more than one pod' : 'none of the pods';
  const tests = told.length === 1 ? '1 test' : `${told.length} tests`;
  const failed = fail('report', `${tests} ran in ${where}: ${listTestNames(told)}`, {
    hint: 'The tests must be the same each time that they are collected.',
  });
  return { ...verdict, counts, failure: failed.failure };
}

/** The verdict of the tests that finished in a pod before it was lost. Why it was lost, and what is missing, no longer counts. */
export function judgeFinished(reports: readonly { counts: TestCounts }[], failedNames: readonly string[]): TestVerdict {
  const counts = reports.reduce<TestCounts>((sum, one) => addCounts(sum, one.counts), { ...noTests });
  const bad = counts.failed + counts.errors;
  const names = listTestNames(failedNames);
  const failed = fail('test', `${bad} of ${counts.total} tests failed before the pod was lost: ${names}`);
  return { failure: bad === 0 ? null : failed.failure, warnings: [], counts };
}

/** That of the last attempt, unless it only had nothing left to run. */
function findFailure(attempts: readonly ShardFacts[]): TestVerdict['failure'] {
  const failures = attempts.flatMap(({ verdict, isEmpty }, i) => {
    const hadAll = isEmpty && attempts.some((one, j) => j < i && one.verdict.counts.total > 0);
    return verdict.failure === null || hadAll ? [] : [verdict.failure];
  });
  return failures.at(-1) ?? null;
}

function joinNotes(attempts: readonly ShardFacts[]): ShardOfPytest | undefined {
  const notes = attempts.flatMap(({ pytest }) => (pytest === undefined ? [] : [pytest]));
  if (notes.length === 0) return undefined;
  const collected = notes.flatMap((one) => (one.collected === undefined ? [] : [...one.collected]));
  return {
    collected: notes.some((one) => one.collected !== undefined) ? new Set(collected) : undefined,
    hasRun: (id) => notes.some(({ hasRun }) => hasRun(id)),
  };
}

/** A case has one suite in notes and another in a report: where there are notes, they alone are compared. */
function findRepeated(attempts: readonly ShardFacts[]): string[] {
  const areNoted = attempts.every(({ pytest }) => pytest?.collected !== undefined);
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const one of attempts)
    for (const [key, name] of runsOf(areNoted ? { ...one, cases: [] } : one)) {
      if (seen.has(key)) repeated.add(name);
      seen.add(key);
    }
  return [...repeated];
}
