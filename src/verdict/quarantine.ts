/** How a quarantine changes the tests of a run and their outcome. Pure. docs/quarantine.md describes it for users. */
import { type Failure, type TestCase, type TestCounts, toOneLine } from '../core/outcome.ts';
import type { Quarantine, QuarantineEntry } from '../core/quarantine.ts';

/** The part of a report that a quarantine changes. */
interface ReportOfCases {
  cases: TestCase[];
  counts: TestCounts;
}

/** The key of a test by its names in a report. */
export type NamedTest = Pick<TestCase, 'classname' | 'name'>;

/** This many days before their last day ends, entries are announced. */
const warningDays = 7;
const namesTold = 3;
const dayMilliseconds = 86_400_000;

/** Whether the last day of an entry is over, in UTC. */
function hasExpired({ expires }: QuarantineEntry, at: Date): boolean {
  return at.toISOString().slice(0, 10) > expires;
}

/** A test as an entry may name it: `class::name`, or the name of a test without a class. */
function idOfTest({ classname, name }: NamedTest): string {
  return classname === '' ? name : `${classname}::${name}`;
}

/**
 * Reports in which the failed tests of a quarantine count as skipped, as pytest reports a failure that is expected, each with
 * its entry. All else stays: a test that was reconstructed, or that the reports count and do not hold, is not excused.
 * @param nameOf the test that an id of pytest means.
 * @param at when the run began; entries that had expired by then excuse nothing.
 * @returns `excused`: the tests that had failed.
 */
export function quarantineTests<R extends ReportOfCases>(
  reports: readonly R[],
  { quarantine, nameOf, at }: { quarantine: Quarantine | undefined; nameOf: (id: string) => NamedTest; at: Date },
): { reports: R[]; excused: TestCase[] } {
  const entries = quarantine?.entries.filter((one) => !hasExpired(one, at)) ?? [];
  if (entries.length === 0) return { reports: [...reports], excused: [] };
  const byId = new Map(entries.flatMap((one) => idsOf(one, nameOf).map((id) => [id, one] as const)));
  const excused: TestCase[] = [];
  const judged = reports.map((report) => {
    const counts = { ...report.counts };
    const cases = report.cases.map((one): TestCase => {
      const entry = one.reconstructed === true ? undefined : byId.get(idOfTest(one));
      if (entry === undefined) return one;
      const { reason, owner, expires } = entry;
      const failed = one.status === 'failed' || one.status === 'error';
      const told: TestCase = { ...one, quarantine: { reason, owner, expires, failed } };
      if (!failed) return told;
      counts[one.status === 'error' ? 'errors' : 'failed']--;
      counts.skipped++;
      counts.quarantined = (counts.quarantined ?? 0) + 1;
      excused.push(told);
      return { ...told, status: 'skipped' };
    });
    return { ...report, cases, counts };
  });
  return { reports: judged, excused };
}

/** How the whole suite ended, as far as its quarantine is concerned. */
export interface QuarantinedSuite {
  quarantine: Quarantine;
  nameOf: (id: string) => NamedTest;
  at: Date;
  /** All tests that the reports hold. */
  tests: readonly NamedTest[];
  /** Tests that are counted and not held. */
  casesLeftOut: number;
  /** Whether all of the suite was to run: for a part of it, missing tests are unknown. */
  isWhole: boolean;
}

/**
 * What is wrong with the quarantine itself, once its tests have run: entries that have expired, and ids of no test. It fails a
 * run that would have passed. With the results of the tests, since a day passes without a commit.
 */
export function judgeQuarantine(suite: QuarantinedSuite): { failure: Failure | null; warnings: string[] } {
  const { quarantine, nameOf, at, isWhole, casesLeftOut } = suite;
  const { file, entries } = quarantine;
  const held = new Set(suite.tests.map(idOfTest));
  const isKnown = (one: QuarantineEntry) => idsOf(one, nameOf).some((id) => held.has(id));
  const expired = entries.filter((one) => hasExpired(one, at));
  const unknown = isWhole ? entries.filter((one) => !isKnown(one)) : [];
  const soon = entries.filter((one) => !hasExpired(one, at) && daysLeft(one, at) < warningDays);
  const warnings = soon.map(({ id, owner, expires }) => `${file}: ${id} (${owner}) is in quarantine until ${expires}`);
  if (expired.length + unknown.length === 0) return { failure: null, warnings };
  const clauses = [
    expired.length === 0
      ? ''
      : `${countEntries(expired.length)} expired: ${listEntries(expired, ({ id, owner, expires }) => `${id} on ${expires} (${owner})`)}`,
    unknown.length === 0
      ? ''
      : `${countEntries(unknown.length)} matched no test of the run: ${listEntries(unknown, ({ id, owner }) => `${id} (${owner})`)}`,
  ].filter((clause) => clause !== '');
  const leftOut =
    unknown.length > 0 && casesLeftOut > 0
      ? `; ${casesLeftOut} tests are counted and not kept, so one may be there`
      : '';
  const failure: Failure = {
    kind: 'input',
    reason: toOneLine(`quarantine: in ${file}, ${clauses.join('; ')}${leftOut}`),
    hint: 'Remove the entry of a test that is repaired or gone, correct its id, or give it a later day: docs/quarantine.md.',
    evidence: [
      ...expired.map(({ id, owner, expires, reason }) => `expired on ${expires}: ${id} (${owner}): ${reason}`),
      ...unknown.map((one) => `no such test: ${one.id} (${one.owner})${suggest(one, suite)}`),
    ].map((line) => toOneLine(line, 1000)),
  };
  return { failure, warnings };
}

function idsOf({ id }: QuarantineEntry, nameOf: (id: string) => NamedTest): string[] {
  return [id, idOfTest(nameOf(id))];
}

function daysLeft({ expires }: QuarantineEntry, at: Date): number {
  return (Date.parse(`${expires}T00:00:00Z`) - at.getTime()) / dayMilliseconds;
}

/** A test of the same name in another class, which may be meant. */
function suggest({ id }: QuarantineEntry, { nameOf, tests }: QuarantinedSuite): string {
  const { name } = nameOf(id);
  const close = tests.find((one) => one.name === name);
  return close === undefined ? '' : `; there is ${idOfTest(close)}`;
}

function countEntries(count: number): string {
  return count === 1 ? '1 entry' : `${count} entries`;
}

function listEntries(entries: readonly QuarantineEntry[], tell: (one: QuarantineEntry) => string): string {
  const told = entries.slice(0, namesTold).map((one) => toOneLine(tell(one), 150));
  return `${told.join(', ')}${entries.length > namesTold ? ', …' : ''}`;
}
