/**
 * The outcome of a suite in shards: a pure function over the outcome of each shard. Green needs every shard to have ended by
 * itself, and every test of the suite to have run exactly once. docs/shards.md has the rules in their order.
 */

import {
  type Failure,
  type FailureKind,
  noTests,
  type ShardRecord,
  type TestCase,
  type TestCounts,
  toOneLine,
} from '../core/outcome.ts';
import type { TestVerdict } from './decide-verdict.ts';
import { addCounts } from './test-facts.ts';

/** What is known of one shard when all have ended. */
export interface ShardFacts {
  /** Counted from 0. */
  shard: number;
  /** Name of its pod; empty where none was seen. */
  pod: string;
  /** Its outcome, judged as a suite of its own. */
  verdict: TestVerdict;
  /** Whether something ended it before its tests had, or kept it from beginning. */
  isLost: boolean;
  /** Whether it ended well, or as its tool ends without tests, and had none. */
  isEmpty: boolean;
  /** Cases that its reports hold, and those that were reconstructed, as far as they are kept. */
  cases: readonly TestCase[];
  /** Cases of its reports that are counted and not kept. */
  casesLeftOut: number;
  /** By name of a suite, its hosts; of a suite without one nothing. */
  hosts?: ReadonlyMap<string, string>;
  /** Names of its failed tests, for the first line. */
  failedNames: readonly string[];
  /** What the test helper saw of pytest; undefined where it saw nothing. */
  pytest: ShardOfPytest | undefined;
  /** Seconds between begin and end of its test container; undefined where one of them is not known. */
  seconds?: number;
  /** Pods of it that were lost, and whose unfinished tests ran in the next. */
  lostPods?: readonly string[];
  /** Names of tests that ran in more than one of its pods. */
  ranTwice?: readonly string[];
}

/** The tests of pytest in one shard, by node id. */
export interface ShardOfPytest {
  /** All tests, before they were divided; undefined where the helper did not divide them. */
  collected: ReadonlySet<string> | undefined;
  /** Whether a test has begun in this shard. */
  hasRun: (id: string) => boolean;
}

/** How the suite was to be divided. */
export interface SplitFacts {
  /** What ended the run as a whole; null where nothing did. */
  interruption: Failure | null;
  /** Whether the command names its shard, or a runner touched TEST_SHARD_STATUS_FILE: it knows of shards. */
  isAnnounced: boolean;
}

export interface MergedVerdict extends TestVerdict {
  /** Cases that other shards report too, as tests that each of them skips: they are not shown again. */
  repeated: ReadonlySet<TestCase>;
  shards: ShardRecord[];
}

/**
 * From the kind that is least about the code under test to the one that is most: the first that occurs is the kind of the run.
 */
const gravity: readonly FailureKind[] = [
  'cancelled',
  'internal',
  'api',
  'cluster',
  'tools',
  'input',
  'chart',
  'image',
  'schedule',
  'start',
  'oom',
  'evicted',
  'timeout',
  'results',
  'report',
  'test',
  'no-tests',
];
const namesTold = 3;
const shardsTold = 3;
const evidenceTold = 20;
const maxReasonChars = 480;

/** The verdict of all shards together. Pure. */
export function mergeShards(shards: readonly ShardFacts[], split: SplitFacts): MergedVerdict {
  const repeated = findRepeatedSkips(shards);
  const notRun = findNotRun(shards);
  const facts = { shards, split, notRun, counts: sumCounts(shards, repeated, notRun) };
  const { counts } = facts;
  const records = shards.map(recordOf);
  const warnings = shards.flatMap(({ shard, verdict }) => verdict.warnings.map((one) => `shard ${shard}: ${one}`));
  for (const { judge } of shardRules) {
    const found = judge(facts);
    if (found === undefined) continue;
    const evidence = [...shards.map(describeShard), ...found.evidence];
    return { failure: { ...found, evidence }, warnings, counts, repeated, shards: records };
  }
  const empty = shards.filter(({ isEmpty }) => isEmpty).map(({ shard }) => shard);
  if (empty.length > 0)
    warnings.push(`no test ran in ${nameShards(empty)}: ${shards.length} shards are more than the suite needs`);
  const leftOut = shards.reduce((sum, { casesLeftOut, pytest }) => sum + (pytest?.collected ? 0 : casesLeftOut), 0);
  if (leftOut > 0)
    warnings.push(
      `${countTests(leftOut)} are more than are kept of reports: whether each ran in one shard is not known`,
    );
  return { failure: null, warnings, counts, repeated, shards: records };
}

interface MergedFacts {
  shards: readonly ShardFacts[];
  split: SplitFacts;
  counts: TestCounts;
  /** Ids of tests that no shard ran; undefined where the set of tests is not known. */
  notRun: readonly string[] | undefined;
}

interface ShardRule {
  /** As in docs/shards.md. */
  name: string;
  /** The failure, or undefined where the rule does not apply. It may rely on all rules above it. */
  judge: (facts: MergedFacts) => Failure | undefined;
}

/** The first that applies is the verdict, and without any the run is green. */
export const shardRules: readonly ShardRule[] = [
  { name: 'run interrupted', judge: judgeInterruption },
  { name: 'shard lost', judge: judgeLost },
  { name: 'shard failed', judge: judgeFailed },
  { name: 'every shard runs everything', judge: judgeUndivided },
  { name: 'test in two shards', judge: judgeTwice },
  { name: 'test in no shard', judge: judgeMissing },
  { name: 'no test', judge: judgeNone },
];

function judgeInterruption({ split, counts }: MergedFacts): Failure | undefined {
  const { interruption } = split;
  if (interruption === null) return undefined;
  const finished = counts.total === 0 ? '' : `; ${counts.total} tests are known, ${countBad(counts)} of them failed`;
  return { ...interruption, reason: toOneLine(`${interruption.reason}${finished}`) };
}

function judgeLost({ shards, counts, notRun }: MergedFacts): Failure | undefined {
  const lost = shards.filter(({ isLost }) => isLost);
  if (lost.length === 0) return undefined;
  const others = shards.filter(({ isLost }) => !isLost);
  const finished = others.reduce((sum, { verdict }) => sum + verdict.counts.total, 0);
  const bad = others.reduce((sum, { verdict }) => sum + countBad(verdict.counts), 0);
  const rest = others.length === 0 ? '' : `; ${finished} tests finished in the other shards, ${bad} of them failed`;
  const missing = notRun?.length ?? counts.notRun ?? 0;
  return tellFailures(lost, `${rest}${missing === 0 ? '' : `; ${countTests(missing)} of the suite not run`}`);
}

function judgeFailed({ shards, counts }: MergedFacts): Failure | undefined {
  const failed = shards.filter(({ verdict, isEmpty }) => verdict.failure !== null && !isEmpty);
  const [first] = failed;
  if (first === undefined) return undefined;
  const areTests = failed.every(({ verdict }) => verdict.failure?.kind === 'test' && countBad(verdict.counts) > 0);
  if (!areTests || failed.length === 1) return tellFailures(failed, '');
  const names = failed.flatMap(({ failedNames }) => failedNames);
  const where = nameShards(failed.map(({ shard }) => shard));
  const reason = `${countBad(counts)} of ${counts.total} tests failed in ${where}: ${listNames(names)}`;
  const evidence = failed.flatMap(({ verdict }) => verdict.failure?.evidence ?? []);
  return { kind: 'test', reason: toOneLine(reason), hint: first.verdict.failure?.hint ?? '', evidence };
}

const undividedHint =
  'Have the runner take its share (TEST_SHARD_INDEX of TEST_TOTAL_SHARDS, JOB_COMPLETION_INDEX, or {shard} and {shards} in command and args), or leave shards out: docs/shards.md.';

/** Whether the suite was not divided: then each test ran once in every shard. */
function judgeUndivided({ shards, split }: MergedFacts): Failure | undefined {
  const suites = shards.map((one) => [...runsOf(one).keys()].sort());
  const names = shards.map((one) => [...runsOf(one).values()].sort());
  const [first] = suites;
  const count = first?.length ?? 0;
  if (count === 0) return undefined;
  const areEqual = (lists: string[][]) => lists.every((one) => JSON.stringify(one) === JSON.stringify(lists[0]));
  // Names of suites may differ by the machine; where nothing indicates shards, the names of tests are enough.
  if (!areEqual(suites) && (split.isAnnounced || !areEqual(names))) return undefined;
  const reason = `each of the ${shards.length} shards ran the same ${countTests(count)}: the runner does not divide them`;
  return { kind: 'report', reason, hint: undividedHint, evidence: [] };
}

function judgeTwice({ shards }: MergedFacts): Failure | undefined {
  const runs = new Map<string, { name: string; shards: number[] }>();
  for (const one of shards)
    for (const [key, name] of runsOf(one)) {
      const run = runs.get(key) ?? { name, shards: [] };
      runs.set(key, run);
      run.shards.push(one.shard);
    }
  const inTwo = [...runs.values()].filter((run) => run.shards.length > 1);
  const inTwoPods = shards.flatMap(({ shard, ranTwice = [] }) => ranTwice.map((name) => ({ name, shard })));
  if (inTwo.length + inTwoPods.length === 0) return undefined;
  const told = [
    ...inTwo.map((run) => `${run.name} in ${nameShards(run.shards)}`),
    ...inTwoPods.map(({ name, shard }) => `${name} in two pods of shard ${shard}`),
  ];
  const where = inTwo.length > 0 ? 'more than one shard' : 'more than one pod';
  return {
    kind: 'report',
    reason: toOneLine(`${countTests(told.length)} ran in ${where}: ${listNames(told)}`),
    hint: 'Each test must run in exactly one shard: see how the runner divides them, and that all shards see the same tests.',
    evidence: told.slice(0, evidenceTold),
  };
}

function judgeMissing({ notRun = [] }: MergedFacts): Failure | undefined {
  if (notRun.length === 0) return undefined;
  return {
    kind: 'report',
    reason: toOneLine(`${countTests(notRun.length)} ran in no shard: ${listNames(notRun)}`),
    hint: 'Each shard collects the whole suite and takes its share of it: a second division (pytest-split, a conftest of your own) or tests that are not the same in all shards lose some. test-helper: off leaves the division to your own.',
    evidence: notRun.slice(0, evidenceTold),
  };
}

function judgeNone({ shards, counts }: MergedFacts): Failure | undefined {
  if (counts.total > 0) return undefined;
  const [first] = shards;
  return first?.verdict.failure ?? { kind: 'no-tests', reason: 'no test ran in any shard', hint: '', evidence: [] };
}

/** The failures of some shards as one: the most severe one gives the kind, each contributes its reason. */
function tellFailures(shards: readonly ShardFacts[], rest: string): Failure | undefined {
  const failures = shards
    .flatMap(({ shard, pod, verdict }) => (verdict.failure === null ? [] : [{ shard, pod, failure: verdict.failure }]))
    .sort((a, b) => gravity.indexOf(a.failure.kind) - gravity.indexOf(b.failure.kind));
  const [gravest] = failures;
  if (gravest === undefined) return undefined;
  const groups = new Map<string, { shards: number[]; reason: string }>();
  for (const { shard, pod, failure } of failures) {
    const same = pod === '' ? failure.reason : failure.reason.replaceAll(pod, '');
    const group = groups.get(same) ?? { shards: [], reason: failure.reason };
    groups.set(same, group);
    group.shards.push(shard);
  }
  // Each gets its share of the line.
  const told = [...groups.values()].slice(0, shardsTold);
  const chars = Math.floor((maxReasonChars - rest.length) / told.length);
  const reasons = told.map((group) => toOneLine(`${nameShards(group.shards)}: ${group.reason}`, chars));
  const more = groups.size > told.length ? '; …' : '';
  return { ...gravest.failure, reason: toOneLine(`${reasons.join('; ')}${more}${rest}`) };
}

/** Tests that a shard ran, more than skipped: their names by their unique key. */
export function runsOf({ pytest, cases, hosts }: Pick<ShardFacts, 'pytest' | 'cases' | 'hosts'>): Map<string, string> {
  const runs = new Map<string, string>();
  for (const one of cases) if (!isSkipped(one)) runs.set(keyOf(one, hosts), one.name);
  for (const id of pytest?.collected ?? []) if (pytest?.hasRun(id)) runs.set(id, id);
  return runs;
}

/** A test that failed in quarantine has run. */
function isSkipped({ status, quarantine }: TestCase): boolean {
  return status === 'skipped' && quarantine?.failed !== true;
}

/** The unique key of a test, the same in every shard. */
function keyOf({ suite, classname, name, file }: TestCase, hosts: ShardFacts['hosts']): string {
  return JSON.stringify([suite, hosts?.get(suite) ?? '', classname, name, file ?? '']);
}

/** Skipped cases that another shard ran, or an earlier one skips as well: a module that is skipped as a whole is in all. */
function findRepeatedSkips(shards: readonly ShardFacts[]): Set<TestCase> {
  const repeated = new Set<TestCase>();
  const first = new Map<string, number>();
  for (const isSkip of [false, true])
    for (const { shard, cases, hosts } of shards)
      for (const one of cases) {
        if (isSkipped(one) !== isSkip) continue;
        const key = keyOf(one, hosts);
        const known = first.get(key);
        if (known === undefined) first.set(key, shard);
        else if (isSkip && known !== shard) repeated.add(one);
      }
  return repeated;
}

/** Ids of tests that pytest collected and that no shard ran; undefined where the helper did not divide the suite. */
function findNotRun(shards: readonly ShardFacts[]): string[] | undefined {
  const divided = shards.flatMap(({ pytest }) => (pytest?.collected === undefined ? [] : [pytest]));
  if (divided.length === 0) return undefined;
  const all = new Set(divided.flatMap(({ collected }) => [...(collected ?? [])]));
  return [...all].filter((id) => !divided.some(({ hasRun }) => hasRun(id)));
}

function sumCounts(
  shards: readonly ShardFacts[],
  repeated: ReadonlySet<TestCase>,
  notRun: readonly string[] | undefined,
): TestCounts {
  const sum: TestCounts = { ...noTests };
  for (const { verdict } of shards) {
    addCounts(sum, verdict.counts);
    if (verdict.counts.notRun !== undefined) sum.notRun = (sum.notRun ?? 0) + verdict.counts.notRun;
  }
  sum.total -= repeated.size;
  sum.skipped -= repeated.size;
  for (const one of repeated) if (one.reconstructed === true) sum.reconstructed--;
  // The tests of a shard that never began are only known from the other shards.
  if (notRun !== undefined && (notRun.length > 0 || sum.notRun !== undefined)) sum.notRun = notRun.length;
  return sum;
}

function recordOf({ shard, pod, verdict, isLost, isEmpty, seconds, lostPods = [] }: ShardFacts): ShardRecord {
  const { counts, failure } = verdict;
  const outcome = isLost ? 'lost' : isEmpty ? 'empty' : failure === null ? 'passed' : 'failed';
  const took = seconds === undefined ? {} : { seconds };
  const lost = lostPods.length === 0 ? {} : { lostPods: [...lostPods] };
  return { shard, pod, outcome, tests: counts.total, failed: countBad(counts), ...took, ...lost };
}

function describeShard({ shard, pod, verdict, seconds, isEmpty }: ShardFacts): string {
  const { counts, failure } = verdict;
  const took = seconds === undefined ? '' : ` in ${Math.round(seconds * 10) / 10} s`;
  const end = failure === null ? 'passed' : isEmpty ? 'had no test' : failure.reason;
  return toOneLine(`shard ${shard}${pod === '' ? '' : ` (pod ${pod})`}: ${countTests(counts.total)}${took}: ${end}`);
}

function countBad({ failed, errors }: TestCounts): number {
  return failed + errors;
}

function countTests(count: number): string {
  return count === 1 ? '1 test' : `${count} tests`;
}

/** `shard 1`, `shards 0 and 2`, `shards 0, 1, 2, …` */
function nameShards(shards: readonly number[]): string {
  const [first] = shards;
  if (shards.length === 1) return `shard ${first}`;
  if (shards.length === 2) return `shards ${shards.join(' and ')}`;
  return `shards ${shards.slice(0, 10).join(', ')}${shards.length > 10 ? ', …' : ''}`;
}

function listNames(names: readonly string[]): string {
  const told = names.slice(0, namesTold).map((name) => toOneLine(name, 120));
  return `${told.join(', ')}${names.length > namesTold ? ', …' : ''}`;
}
