/** From the results of each part of a suite to the result of the whole suite. */
import type { Failure, ShardRecord, TestCase } from '../core/outcome.ts';
import type { PytestSession } from '../core/pytest-session.ts';
import type { ReportedLog } from '../core/report-model.ts';
import type { JUnitReport } from '../junit/junit-report.ts';
import { idOfKey, keyOfTest } from '../reconstruct/progress-notes.ts';
import { placeOfNodeId } from '../reconstruct/pytest-names.ts';
import { closeReconstructed } from '../reconstruct/reconstructed-tests.ts';
import { nameFailedTests } from '../report/describe-tests.ts';
import { decideVerdict, type TestVerdict } from '../verdict/decide-verdict.ts';
import { causeOfEnd } from '../verdict/describe-facts.ts';
import { saysNoTests } from '../verdict/explain-exit.ts';
import { explainNoReport } from '../verdict/explain-no-report.ts';
import { joinAttempts, judgeFinished, judgeWhole } from '../verdict/join-attempts.ts';
import { mergeShards, type ShardFacts } from '../verdict/merge-shards.ts';
import { judgeQuarantine, quarantineTests } from '../verdict/quarantine.ts';
import { applyRetries, type InOrderOutcome, mayRunAgain, type RetryOutcome } from '../verdict/settle-retries.ts';
import { type Progress, partsOf, type StartedTests, type SuitePart, testsOf, usageOf } from './progress.ts';
import { endOf, type PartFindings } from './read-part.ts';
import type { Run } from './run.ts';
import type { EndedRun } from './run-again.ts';

/** A report of the tests, or its replacement. */
type VerdictReport = Pick<
  JUnitReport,
  'file' | 'cases' | 'casesLeftOut' | 'counts' | 'claimedFailures' | 'claimedTests' | 'failedRuns'
>;

/** A verdict with the tests that it is about. */
export interface JudgedSuite extends TestVerdict {
  /** Reports of the tests, and reconstructed tests, none of which is reported twice. */
  reports: VerdictReport[];
  /** Tests that have ended. */
  finished: TestCase[];
  /** Absent where the suite is one piece. */
  shards?: ShardRecord[];
}

/** A suite that has ended, with the runs in which fresh pods ran what its lost shards had not finished. */
export interface TriedSuite extends EndedRun {
  again: EndedRun[];
}

/** The known facts of a suite when all of it has ended. */
interface EndedSuite extends TriedSuite {
  /** What had ended the run before its tests had a result; it outweighs their results. */
  before: Failure | null;
  /** How failed tests of the reports ended in their retries. */
  retries: ReadonlyMap<TestCase, readonly RetryOutcome[]>;
  /** How some of them ended after the tests that ran before them. */
  inOrder?: ReadonlyMap<TestCase, InOrderOutcome>;
}

/** One pod of a part, with what is known of it. */
export interface Attempt {
  progress: Progress;
  part: SuitePart;
  found: PartFindings;
  /** Whether it was lost, and a later one has run what it had not finished. */
  isResumed: boolean;
  /** Replaces what is known of it. */
  keep: (found: PartFindings) => void;
}

/** The attempts of each part of a suite, in their order. */
export function listAttempts(run: Run, suite: TriedSuite): Attempt[][] {
  const all = [suite, ...suite.again].flatMap(({ progress, collected }) =>
    partsOf(progress, run.inputs.shards).map((part, i) => ({
      progress,
      part,
      found: collected.parts[i] ?? {},
      keep: (found: PartFindings) => {
        collected.parts[i] = found;
      },
    })),
  );
  return partsOf(suite.progress, run.inputs.shards).map(({ shard }) => {
    const own = all.filter(({ part }) => part.shard === shard);
    return own.map((one, i) => ({ ...one, isResumed: i < own.length - 1 }));
  });
}

/** Failed tests that may run again: those of the reports that are not in quarantine. */
export function listFailed(run: Run, { collected, again }: Pick<TriedSuite, 'collected' | 'again'>): TestCase[] {
  const parts = [collected, ...again.map((one) => one.collected)].flatMap((one) => one.parts);
  const reports = parts.flatMap(({ results }) => results?.reports ?? []);
  const { quarantine } = run.inputs;
  const judged = quarantineTests(reports, { quarantine, nameOf: placeOfNodeId, at: run.clock.startedAt });
  return judged.reports.flatMap(({ cases }) => cases).filter(mayRunAgain);
}

/** The verdict of a suite, in one piece or in shards. */
export function judgeSuite(run: Run, suite: EndedSuite): JudgedSuite {
  const judged = judgeParts(run, suite);
  const { quarantine } = run.inputs;
  if (quarantine === undefined) return judged;
  const { failure, warnings } = judgeQuarantine({
    quarantine,
    nameOf: placeOfNodeId,
    at: run.clock.startedAt,
    tests: judged.reports.flatMap(({ cases }) => cases),
    casesLeftOut: judged.reports.reduce((sum, one) => sum + one.casesLeftOut, 0),
    // Tests that were not reached, or not asked for, may or may not exist: that is unknown.
    isWhole: judged.failure === null && run.tests.length === 0,
  });
  const isBeside = failure !== null && judged.failure !== null;
  return {
    ...judged,
    failure: judged.failure ?? failure,
    warnings: [...judged.warnings, ...warnings, ...(isBeside ? [failure.reason] : [])],
  };
}

function judgeParts(run: Run, suite: EndedSuite): JudgedSuite {
  const { progress, before, collected } = suite;
  const attempts = listAttempts(run, suite);
  const judged = attempts.map((own) => own.map((one) => judgeAttempt(run, suite, one)));
  const facts = attempts.map((own, i) => own.map((one, j) => factsOfShard(one, judged[i]?.[j])));
  const all = judged.flat();
  const finished = all.flatMap((one) => one.finished);
  const [[whole] = []] = judged;
  if (whole !== undefined && attempts[0]?.[0]?.part.shard === undefined)
    return all.length === 1
      ? whole
      : { ...judgeWhole(facts.flat()), reports: all.flatMap(({ reports }) => reports), finished };
  const shards = facts.map(joinAttempts);
  const isAnnounced =
    testsOf(progress)?.job?.way === 'placeholders' || collected.parts.some((part) => part.hasShardStatus === true);
  const merged = mergeShards(shards, { interruption: before, isAnnounced });
  const reports = all.flatMap((one) => one.reports).map((report) => withoutCases(report, merged.repeated));
  return { ...merged, reports, finished };
}

/** What is known of each shard, by its last pod. */
export function judgeAttempts(run: Run, suite: EndedSuite): ShardFacts[] {
  return listAttempts(run, suite).flatMap((own) =>
    own.slice(-1).map((one) => factsOfShard(one, judgeAttempt(run, suite, one))),
  );
}

function judgeAttempt(run: Run, suite: EndedSuite, attempt: Attempt): JudgedSuite {
  const { inputs } = run;
  const { progress, part, found } = attempt;
  const tests: Partial<StartedTests> = testsOf(progress) ?? {};
  const { job } = tests;
  const retried = applyRetries<VerdictReport>(found.results?.reports ?? [], suite.retries, suite.inOrder);
  const { reports, excused: quarantined } = quarantineTests(retried.reports, {
    quarantine: inputs.quarantine,
    nameOf: placeOfNodeId,
    at: run.clock.startedAt,
  });
  const excused = [...retried.excused, ...quarantined];
  const finished = [...reports.flatMap((report) => report.cases), ...(found.reconstructed?.cases ?? [])];
  if (attempt.isResumed) return { ...judgeFinished(reports, nameFailedTests(finished)), reports, finished };
  const pod = part.end?.pod.metadata.name;
  const measured = usageOf(progress)?.peakOf(pod ?? '', job?.container ?? '')?.memoryPeakBytes ?? 0;
  const peakBytes = Math.max(found.notes?.peakBytes ?? 0, measured);
  const ending = {
    ranIn: inputs.tier === 'unit' ? ('command' as const) : ('container' as const),
    interruption: suite.before ?? part.failure,
    end: endOf(tests, part),
    memoryLimit: job?.memoryLimit ?? inputs.memory,
    memory: {
      kills: found.kernelKills ?? [],
      ...(peakBytes === 0 ? {} : { peakBytes }),
      ...(found.notes?.cgroupVersion === undefined ? {} : { cgroupVersion: found.notes.cgroupVersion }),
    },
  };
  const reconstructed =
    found.reconstructed === undefined ? undefined : closeReconstructed(found.reconstructed, causeOfEnd(ending));
  const decided = decideVerdict({
    ...ending,
    reports,
    unreadable: found.results?.unreadable ?? [],
    stale: found.results?.stale ?? [],
    reconstructed:
      found.reconstructed === undefined || reconstructed === undefined
        ? undefined
        : {
            ...found.reconstructed,
            counts: reconstructed.counts,
            inFlight: found.reconstructed.inFlight.map(({ name }) => name),
          },
    sessions: excuseInSessions(found.sessions ?? [], excused),
    excused,
    failedNames: nameFailedTests(finished),
    logGaps: found.logGaps ?? [],
    tool: found.tool,
    junitGlobs: inputs.junitGlobs,
    resultsPath: inputs.resultsPath,
  });
  const isOfPart = (log: ReportedLog) => log.pod === pod && log.container === job?.container;
  const log = suite.collected.evidence?.logs.find(isOfPart) ?? tests.ownLog;
  const failure = decided.failure && explainNoReport(decided.failure, log?.lastLines ?? [], inputs.resultsPath);
  return {
    ...decided,
    failure,
    reports: reconstructed === undefined ? reports : [...reports, reconstructed],
    finished,
  };
}

/** Sessions without the failures of tests that are excused. */
function excuseInSessions(sessions: readonly PytestSession[], excused: readonly TestCase[]): PytestSession[] {
  const keys = new Set(excused.map(keyOfTest));
  if (keys.size === 0) return [...sessions];
  const isExcused = (id: string) => keys.has(keyOfTest(placeOfNodeId(id)));
  return sessions.map((session) => {
    const left = session.unresolvedIds.filter((id) => !isExcused(id));
    const unresolved = session.unresolved - (session.unresolvedIds.length - left.length);
    const unresolvedNames = left.map((id) => placeOfNodeId(id).name);
    return { ...session, unresolved, unresolvedIds: left, unresolvedNames };
  });
}

/** A suite in one piece counts as the only shard. */
function factsOfShard({ part, found, isResumed }: Attempt, judged: JudgedSuite | undefined): ShardFacts {
  if (judged === undefined) throw new Error('a shard has no verdict of its own');
  const { end, failure, shard = 0 } = part;
  const exitCode = end?.terminated?.exitCode ?? -1;
  const hasNone = judged.failure?.kind === 'no-tests' && failure === null;
  const { notes, results } = found;
  const ended = isResumed ? new Set(notes?.tests.idsEnded()?.map(idOfKey)) : undefined;
  const seconds = secondsOf(part);
  return {
    shard,
    pod: end?.pod.metadata.name ?? '',
    verdict: judged,
    isLost: failure !== null && !isResumed,
    isEmpty: hasNone && (exitCode === 0 || saysNoTests(exitCode, found.tool)),
    cases: judged.reports.flatMap(({ cases }) => cases),
    casesLeftOut: judged.reports.reduce((sum, one) => sum + one.casesLeftOut, 0),
    hosts: hostsOf(results?.reports ?? [], end?.pod.metadata.name ?? ''),
    failedNames: nameFailedTests(judged.finished),
    pytest:
      notes === undefined
        ? undefined
        : {
            collected: notes.undivided ?? (part.shard === undefined ? listExpected(notes) : undefined),
            // A test that was running when its pod was lost runs again.
            hasRun: (id) => ended?.has(id) ?? notes.sessions.isNoted(id),
          },
    ...(seconds === undefined ? {} : { seconds }),
  };
}

function listExpected({ tests }: NonNullable<PartFindings['notes']>): Set<string> | undefined {
  const keys = tests.idsExpected();
  return keys && new Set(keys.map(idOfKey));
}

/** The hosts of suites, but for the pod itself: that differs from shard to shard in any case. */
function hostsOf(reports: readonly JUnitReport[], pod: string): Map<string, string> {
  const named = reports.flatMap(({ hosts }) => [...hosts]);
  return new Map(named.filter(([, host]) => host !== pod && host !== pod.slice(0, maxHostChars)));
}

/** The host name is this much of a pod's name. */
const maxHostChars = 63;

/** Seconds between begin and end of the test container of a part; undefined where one of them is not known. */
export function secondsOf({ end }: SuitePart): number | undefined {
  const { startedAt, finishedAt } = end?.terminated ?? {};
  if (startedAt === undefined || finishedAt === undefined) return undefined;
  const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

function withoutCases(report: VerdictReport, left: ReadonlySet<TestCase>): VerdictReport {
  const cases = report.cases.filter((one) => !left.has(one));
  if (cases.length === report.cases.length) return report;
  const fewer = report.cases.length - cases.length;
  const { total, skipped } = report.counts;
  return { ...report, cases, counts: { ...report.counts, total: total - fewer, skipped: skipped - fewer } };
}
