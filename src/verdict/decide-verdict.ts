/**
 * What a run came to: a pure function over everything that is known when it has ended. Green needs all of: exit code 0, at
 * least one test, a report that parsed and holds no failure, written by this run, every session of pytest, and nothing that
 * contradicts it. What is unknown or contradicts itself is red and says so. docs/verdict.md has the rules in their order.
 */

import { type Failure, type FailureKind, noTests, type TestCounts, toOneLine } from '../core/outcome.ts';
import {
  describeNearMisses,
  describeToolOutput,
  hintNoReport,
  hintSaid,
  nameExitCode,
  saysNoTests,
  showLog,
  type ToolFacts,
  wasTimeout,
} from './explain-exit.ts';

/** How the test container ended. */
export interface ContainerEnd {
  exitCode: number;
  signal?: number;
  reason?: string;
  message?: string;
}

export interface TestFacts {
  /** What ran the tests: a container unless told otherwise. */
  ranIn?: 'container' | 'command';
  /** What ended the run before its tests had, or kept them from beginning; null when the container ended by itself. */
  interruption: Failure | null;
  /** Undefined when nobody saw the container end. */
  end: ContainerEnd | undefined;
  /** Memory limit of the test container, as Kubernetes writes it. */
  memoryLimit: string;
  /** What is known of its memory, beside the reason of its end. */
  memory: MemoryFacts;
  /** Reports of this run that could be read, and what was wrong with the others. */
  reports: ReportFacts[];
  unreadable: { file: string; reason: string }[];
  /** Reports that are older than the run, and were left out. */
  stale: string[];
  /** What is known beyond the reports; undefined when there is nothing. */
  reconstructed: ReconstructedFacts | undefined;
  /** Sessions of pytest, in the order in which they began; empty where nothing tells of them. */
  sessions: SessionFacts[];
  /** Names of failed tests and of those with errors, for the first line; not of tests in flight. */
  failedNames: string[];
  /** What is missing from the log of the test container, a line each. */
  logGaps: string[];
  /** What is known of the tool that ran the tests; undefined where nobody asked. */
  tool?: ToolFacts | undefined;
  junitGlobs: string[];
  resultsPath: string;
}

export interface ReportFacts {
  file: string;
  counts: TestCounts;
  /** Failures and errors that attributes claim, and failed runs that cases show; see `JUnitReport`. */
  claimedFailures: number;
  failedRuns: number;
}

/** A session of pytest, after all later ones are known; as the notes of the helper or a report log tell it. */
export interface SessionFacts {
  /** In words that begin a sentence: `session 2 of pytest`. */
  name: string;
  /** Whether it came to its end by itself. */
  isFinished: boolean;
  /** pytest's exit status; undefined where nobody noted it. */
  exit: number | undefined;
  /** Whether any of its tests failed, or was running when it died. */
  hadFailures: boolean;
  /** Tests that failed in it, or were running when it died, and that passed in no later session of the same kind. */
  unresolved: number;
  /** Names of the first of them. */
  unresolvedNames: string[];
  /** Tests that it collected, and that neither it nor a later session of the same kind ended. */
  notRun: number;
  /** Whether later sessions of the same kind ran everything that it was to run, and all of that passed. */
  isRepeated: boolean;
}

export interface MemoryFacts {
  /** Processes of the container that the node's kernel killed, as far as its log could be read. */
  kills: { process: string; usageBytes?: number; isNodeWide?: boolean }[];
  /** The most that was in use at a moment at which somebody looked, without the page cache. */
  peakBytes?: number;
  /** Of the container's cgroup. With 2 the runtime says OOMKilled of every kill for memory. */
  cgroupVersion?: number;
}

export interface ReconstructedFacts {
  /** Where it comes from, in words that follow "reconstructed from". */
  source: string;
  /** Whether the log of the tests tells of some of them. */
  isFromLog: boolean;
  /** Of finished tests and of those in flight, which are errors. */
  counts: TestCounts;
  /** Names of the tests that had begun when the run ended. */
  inFlight: string[];
  /** Tests that were to run. */
  collected: number | undefined;
  notRun: number | undefined;
  notRunNames: string[];
}

export interface TestVerdict {
  failure: Failure | null;
  warnings: string[];
  counts: TestCounts;
}

/** pytest's exit status for "no tests were collected": https://docs.pytest.org/en/stable/reference/exit-codes.html */
const pytestNoTests = 5;
const pytestTestsFailed = 1;
/** 128 + SIGKILL. */
const killedExitCode = 137;
/** Memory in use this near to the limit makes a SIGKILL of unknown origin one that the kernel probably sent. */
const nearLimit = 0.9;
const maxNamesShown = 3;

/** The verdict of a run: of the first rule that applies, or green with warnings where none does. Pure. */
export function decideVerdict(facts: TestFacts): TestVerdict {
  const counts = sumCounts(facts);
  const shown = sumReports(facts.reports);
  const judged: JudgedFacts = { ...facts, counts, shown, subject: `the ${nameSubject(facts)}` };
  const warnings = facts.stale.map((file) => `${file} was written before this run and is ignored`);
  if (facts.reconstructed?.isFromLog === true && facts.logGaps.length > 0)
    warnings.push('the log is not complete: more tests may have finished than it tells');
  for (const { judge } of verdictRules) {
    const found = judge(judged);
    if (found !== undefined) return { failure: completeFailure(found, facts), warnings, counts };
  }
  return { failure: null, warnings: [...warnings, ...warnGreen(judged)], counts };
}

/** What a green run did not do as one would expect. */
function warnGreen({ counts, shown, sessions }: JudgedFacts): string[] {
  const warnings: string[] = [];
  const unreported = counts.total - shown.total;
  if (unreported > 0) warnings.push(`${unreported} tests finished that no report holds`);
  if (counts.passed === 0) warnings.push(`all ${counts.skipped} tests were skipped`);
  for (const session of sessions) {
    if (session.exit === pytestNoTests) warnings.push(`${session.name} collected no test (exit code 5)`);
    else if (session.isRepeated && session.exit !== 0 && session.exit !== pytestTestsFailed)
      warnings.push(`${session.name} ${describeSessionEnd(session)}, and a later session passed all of its tests`);
  }
  return warnings;
}

/** Facts, with what follows from them. */
interface JudgedFacts extends TestFacts {
  /** Of the reports and of what was reconstructed beside them. */
  counts: TestCounts;
  /** Of the reports alone. */
  shown: TestCounts;
  subject: string;
}

/** A failure without the evidence that every failure gets, or a whole one. */
type Red = Pick<Failure, 'kind' | 'reason' | 'hint'> & { evidence?: string[] };

interface VerdictRule {
  /** As docs/verdict.md has it. */
  name: string;
  /** The failure, or undefined where the rule does not apply. It may rely on all rules above it. */
  judge: (facts: JudgedFacts) => Red | undefined;
}

/** From what is certain to what contradicts itself: the first that applies is the verdict, and without any the run is green. */
export const verdictRules: readonly VerdictRule[] = [
  { name: 'interrupted', judge: interrupt },
  {
    name: 'end unknown',
    judge: ({ end }) =>
      end === undefined
        ? red('internal', 'the run ended without a word on its tests', 'Please report it with the log.')
        : undefined,
  },
  { name: 'killed for memory', judge: judgeMemoryKill },
  { name: 'unreadable report', judge: judgeUnreadable },
  { name: 'no report', judge: judgeNoReport },
  { name: 'counts without cases', judge: judgeLyingCounts },
  { name: 'failed tests', judge: judgeFailedTests },
  { name: 'failed session', judge: judgeFailedSession },
  { name: 'session without an end', judge: judgeUnfinishedSession },
  { name: 'session exit code', judge: judgeSessionExit },
  { name: 'tests not run', judge: judgeNotRun },
  { name: 'failed tests without a report', judge: judgeUnreportedFailures },
  { name: 'no test', judge: judgeNoTest },
  { name: 'exit code', judge: judgeExitCode },
];

function red(kind: FailureKind, reason: string, hint: string): Red {
  return { kind, reason: toOneLine(reason), hint: toOneLine(hint) };
}

function completeFailure(one: Red, facts: TestFacts): Failure {
  return { ...one, evidence: one.evidence ?? evidenceOf(facts) };
}

/** How the container ended, in words; the rule `end unknown` has passed. */
function describeEnd({ subject, end, tool }: JudgedFacts): string {
  if (end === undefined) return `nobody saw how ${subject} ended`;
  const meaning = nameExitCode(end.exitCode, tool);
  return `${subject} ended with ${describeExit(end)}${meaning === undefined ? '' : ` (${meaning})`}`;
}

function judgeMemoryKill(facts: JudgedFacts): Red | undefined {
  const { subject, counts, end } = facts;
  const kill = judgeMemory(facts);
  if (kill === 'container')
    return red(
      'oom',
      `${subject} was ${killedForMemory(facts)}${tell(facts, counts)}`,
      'Raise memory, or find what the tests hold on to.',
    );
  if (end?.reason === 'StartError' || end?.reason === 'ContainerCannotRun')
    return red(
      'start',
      `${subject} could not start: ${end.message ?? describeEnd(facts)}`,
      'Check command, args and the image.',
    );
  if (kill !== 'process' || end === undefined) return undefined;
  const outcome =
    counts.failed + counts.errors > 0
      ? `${countFailed(counts)}, probably for it: ${listNames(facts.failedNames)}`
      : `no test failed (${counts.passed} passed), which is a contradiction`;
  return red(
    'oom',
    `a process of the tests was ${killedForMemory(facts)}, and ${subject} went on to ${describeExit(end)}; ${outcome}`,
    'Raise memory, or find which child process the tests give too much to do.',
  );
}

function judgeUnreadable(facts: JudgedFacts): Red | undefined {
  const [first] = facts.unreadable;
  if (first === undefined) return undefined;
  return red(
    'report',
    `${first.file} cannot be read as a JUnit report: ${first.reason}; ${describeEnd(facts)}${tell(facts, facts.counts)}`,
    'The file is in junit/ as the tests wrote it; narrow the input junit if it is no report.',
  );
}

function judgeNoReport(facts: JudgedFacts): Red | undefined {
  const { reports, end, counts, stale, tool, subject } = facts;
  if (reports.length > 0) return undefined;
  const exitCode = end?.exitCode ?? 0;
  if (counts.total === 0 && saysNoTests(exitCode, tool)) return foundNoTests(facts);
  if (wasTimeout(exitCode, tool))
    return red('timeout', `timeout(1) ended ${subject} (exit code 124)${tell(facts, counts)}`, timeoutHint);
  const where = `${facts.junitGlobs.join(' ')} in ${facts.resultsPath}`;
  const old = stale.length > 0 ? `, only ${stale.join(', ')} of an earlier run` : '';
  return red(
    'report',
    `no JUnit report (${where})${old}, although ${describeEnd(facts)}${describeToolOutput(tool)}${tell(facts, counts)}${describeNearMisses(tool)}`,
    reportHint(facts),
  );
}

function foundNoTests({ tool, end }: JudgedFacts): Red {
  return red('no-tests', `no test ran: ${tool?.tool} found none (exit code ${end?.exitCode})`, noTestsHint);
}

function judgeLyingCounts(facts: JudgedFacts): Red | undefined {
  const { reports, shown } = facts;
  const liar = reports.find(({ claimedFailures, failedRuns }) => claimedFailures > failedRuns);
  if (liar === undefined || shown.failed + shown.errors > 0) return undefined;
  return red(
    'report',
    `${liar.file} claims ${liar.claimedFailures} failures and errors in its counts, but none of its cases shows one, which is a contradiction; ${describeEnd(facts)}`,
    'Whatever wrote the report lost the failed tests; its log may still name them.',
  );
}

function judgeFailedTests(facts: JudgedFacts): Red | undefined {
  const { shown, counts, end } = facts;
  if (shown.failed + shown.errors === 0) return undefined;
  const failed = `${countFailed(counts)}: ${listNames(facts.failedNames)}`;
  if (end?.exitCode !== 0) return red('test', failed, '');
  return red('test', `${failed}; yet ${describeEnd(facts)}, which is a contradiction`, exitCodeHint);
}

/** Failures of a session that no report shows as such, and that no later session made good. */
function judgeFailedSession(facts: JudgedFacts): Red | undefined {
  const session = facts.sessions.find((one) => one.isFinished && one.unresolved > 0);
  if (session === undefined) return undefined;
  const { unresolved, unresolvedNames, name } = session;
  const tests = unresolved === 1 ? '1 test' : `${unresolved} tests`;
  return red(
    'test',
    `${tests} failed in ${name}, which no report shows: ${listNames(unresolvedNames)}; ${describeEnd(facts)}`,
    `${exitCodeHint} ${reportPerSessionHint}`,
  );
}

function judgeUnfinishedSession(facts: JudgedFacts): Red | undefined {
  const session = facts.sessions.find((one) => !one.isFinished && !one.isRepeated);
  if (session === undefined) return undefined;
  return red(
    'report',
    `${session.name} never came to its end; ${describeEnd(facts)}${tell(facts, facts.counts)}`,
    `Something ended pytest before it wrote its report, or it failed before it began. ${exitCodeHint}`,
  );
}

function judgeSessionExit(facts: JudgedFacts): Red | undefined {
  const session = facts.sessions.find(
    (one) =>
      one.isFinished &&
      !one.isRepeated &&
      one.exit !== 0 &&
      one.exit !== pytestNoTests &&
      // All of its failures passed in a later session: `pytest || pytest --lf`.
      !(one.exit === pytestTestsFailed && one.hadFailures),
  );
  if (session === undefined) return undefined;
  const kind = session.exit === pytestTestsFailed ? 'test' : 'report';
  return red(
    kind,
    `${session.name} ${describeSessionEnd(session)}; ${describeEnd(facts)}${tell(facts, facts.counts)}`,
    exitCodeHint,
  );
}

function judgeNotRun(facts: JudgedFacts): Red | undefined {
  const session = facts.sessions.find((one) => one.notRun > 0);
  const notRun = session?.notRun ?? facts.reconstructed?.notRun ?? 0;
  if (notRun === 0) return undefined;
  const names = facts.reconstructed?.notRunNames ?? [];
  const named = names.length === 0 ? '' : `: ${listNames(names)}`;
  const where = session === undefined ? '' : ` by ${session.name}`;
  return red(
    'report',
    `${notRun} ${notRun === 1 ? 'test was' : 'tests were'} collected${where} and never ran${named}; ${describeEnd(facts)}`,
    'Something ended the session before its last test, as -x, --maxfail and pytest.exit do.',
  );
}

function judgeUnreportedFailures(facts: JudgedFacts): Red | undefined {
  const { reconstructed, counts } = facts;
  if (reconstructed === undefined || reconstructed.counts.failed + reconstructed.counts.errors === 0) return undefined;
  return red(
    'report',
    `tests failed or were running that no report shows, although ${describeEnd(facts)}${tell(facts, counts)}`,
    `Something ended the test process before it wrote its report. ${exitCodeHint}`,
  );
}

function judgeNoTest(facts: JudgedFacts): Red | undefined {
  const { counts, shown, tool, end } = facts;
  if (counts.total === 0 && saysNoTests(end?.exitCode ?? 0, tool)) return foundNoTests(facts);
  const said = end?.exitCode === 0 ? '' : describeToolOutput(tool);
  if (counts.total === 0)
    return red(
      'no-tests',
      `no test ran: the report is empty, and ${describeEnd(facts)}${said}`,
      (said === '' ? undefined : hintSaid(tool)) ?? noTestsHint,
    );
  if (shown.total > 0) return undefined;
  return red('report', `the report is empty, although ${describeEnd(facts)}${tell(facts, counts)}`, reportHint(facts));
}

function judgeExitCode(facts: JudgedFacts): Red | undefined {
  const { end, counts, tool, subject } = facts;
  if (end?.exitCode === 0) return undefined;
  const holds = `(${counts.passed} passed, ${counts.skipped} skipped)`;
  if (wasTimeout(end?.exitCode ?? 0, tool))
    return red(
      'timeout',
      `timeout(1) ended ${subject} (exit code 124); its report holds no failure ${holds}`,
      timeoutHint,
    );
  const hint = hintSaid(tool);
  if (hint !== undefined)
    return red(
      'test',
      `${describeEnd(facts)}, and its report holds no failure ${holds}${describeToolOutput(tool)}`,
      hint,
    );
  return red(
    'test',
    `${describeEnd(facts)}, yet its report holds no failure ${holds}, which is a contradiction`,
    hintForExit(facts),
  );
}

const timeoutHint =
  'Raise its limit, or leave timeout(1) out of the command: the input timeout ends tests that hang, and says which.';

/** What pytest's exit status means: https://docs.pytest.org/en/stable/reference/exit-codes.html */
const sessionExits: Readonly<Record<number, string>> = {
  1: 'because tests failed or a plugin says so',
  2: 'because it was interrupted or could not collect all tests',
  3: 'because of an internal error',
  4: 'because of a usage error',
};

function describeSessionEnd({ isFinished, exit }: SessionFacts): string {
  if (!isFinished) return 'never came to its end';
  if (exit === undefined) return 'ended, and nobody knows its exit code';
  const why = sessionExits[exit];
  return `ended with exit code ${exit}${why === undefined ? '' : ` ${why}`}`;
}

const exitCodeHint = 'Whatever runs the tests swallows their exit code; let it through, as with set -e in a shell.';
const reportPerSessionHint = 'Let each session write a report of its own.';

/** What ended the tests, in words that follow "this test was running when the run ended: ". */
export function causeOfEnd(
  facts: Pick<TestFacts, 'ranIn' | 'interruption' | 'end' | 'memoryLimit' | 'memory'>,
): string {
  if (facts.interruption !== null) return facts.interruption.reason;
  if (judgeMemory(facts) !== undefined) return killedForMemory(facts);
  return facts.end === undefined
    ? `nobody saw how the ${nameSubject(facts)} ended`
    : `the ${nameSubject(facts)} ended with ${describeExit(facts.end)}`;
}

/**
 * Whether the kernel killed for memory: the whole container (or the process that it lives for), a process in it, or nothing
 * that anyone knows of. The runtime says OOMKilled of a container whatever process was killed in it, so the exit code
 * decides which; on cgroup v1 it may also miss the kill, and the kernel's own log tells.
 */
function judgeMemory({ end, memory }: Pick<TestFacts, 'end' | 'memory'>): 'container' | 'process' | undefined {
  const wasKilled = end?.reason === 'OOMKilled' || memory.kills.length > 0;
  if (!wasKilled) return undefined;
  return end === undefined || end.exitCode === killedExitCode ? 'container' : 'process';
}

function killedForMemory({ memoryLimit, memory }: Pick<TestFacts, 'memoryLimit' | 'memory'>): string {
  const [kill] = memory.kills;
  const used = kill?.usageBytes;
  const details = [
    ...(used === undefined ? [] : [`${formatMebibytes(used)} in use when ${kill!.process} was killed`]),
    ...(memory.peakBytes === undefined ? [] : [`peak of ${formatMebibytes(memory.peakBytes)} seen before`]),
  ];
  const where =
    kill?.isNodeWide === true
      ? `, of which the whole node had run out (its own limit is ${memoryLimit})`
      : ` at its limit of ${memoryLimit}`;
  return `killed for memory${where}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

/** The failure that ended the run, with what is known of its tests. */
function interrupt(facts: JudgedFacts): Failure | undefined {
  const { interruption, counts } = facts;
  if (interruption === null) return undefined;
  const kill =
    facts.memory.kills.length > 0 || facts.end?.reason === 'OOMKilled'
      ? `; before that a process was ${killedForMemory(facts)}`
      : '';
  const hasBegun = facts.end !== undefined || counts.total > 0;
  return {
    ...interruption,
    reason: toOneLine(`${interruption.reason}${kill}${tell(facts, counts)}`),
    evidence: hasBegun ? [...interruption.evidence, ...evidenceOf(facts)] : interruption.evidence,
  };
}

/** `; 12 of 40 tests finished (1 failed: test_b), in flight: test_x, 27 not run`, or nothing when no test is known. */
function tell({ reconstructed, failedNames }: TestFacts, counts: TestCounts): string {
  const inFlight = reconstructed?.inFlight ?? [];
  const finished = counts.total - inFlight.length;
  if (counts.total === 0 && reconstructed?.collected === undefined) return '';
  const collected = reconstructed?.collected;
  const of = collected === undefined || collected < finished ? '' : ` of ${collected}`;
  const failed = counts.failed + counts.errors - inFlight.length;
  return [
    `; ${finished}${of} tests finished`,
    failed > 0 ? ` (${failed} failed: ${listNames(failedNames)})` : '',
    inFlight.length > 0 ? `, in flight: ${listNames(inFlight)}` : '',
    (reconstructed?.notRun ?? 0) > 0 ? `, ${reconstructed!.notRun} not run` : '',
  ].join('');
}

function countFailed(counts: TestCounts): string {
  return `${counts.failed + counts.errors} of ${counts.total} tests failed`;
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, maxNamesShown).map((name) => toOneLine(name, 120));
  return `${shown.join(', ')}${names.length > maxNamesShown ? ', …' : ''}`;
}

const noTestsHint = 'Check the path of the tests, and any -k or -m that selects among them.';

function reportHint(facts: TestFacts): string {
  const exitCode = facts.end?.exitCode ?? 0;
  return exitCode === killedExitCode ? hintForExit(facts) : hintNoReport(exitCode, facts.tool, facts.resultsPath);
}

function hintForExit({ end, memory, memoryLimit }: TestFacts): string {
  if (end?.exitCode !== killedExitCode)
    return 'Something failed after the tests, such as a coverage threshold or a session fixture; the last lines of the log say what.';
  const limit = parseMemory(memoryLimit);
  const isNear = memory.peakBytes !== undefined && limit !== undefined && memory.peakBytes >= nearLimit * limit;
  // On cgroup v2 the runtime would have said so.
  if (memory.peakBytes !== undefined && isNear && memory.cgroupVersion !== 2)
    return `Something sent SIGKILL; with ${formatMebibytes(memory.peakBytes)} of ${memoryLimit} in use it was probably the kernel, for memory.`;
  return 'Something sent SIGKILL, and nothing says that it was for memory; the last lines of the log may say what.';
}

function nameSubject({ ranIn }: Pick<TestFacts, 'ranIn'>): string {
  return ranIn === 'command' ? 'command of the tests' : 'test container';
}

function describeExit(end: ContainerEnd): string {
  const number = end.signal !== undefined && end.signal > 0 ? end.signal : end.exitCode - 128;
  const signal = end.exitCode > 128 && end.exitCode < 160 ? ` (signal ${number})` : '';
  return `exit code ${end.exitCode}${signal}`;
}

function evidenceOf(facts: TestFacts): string[] {
  const { end, reconstructed, memory } = facts;
  const shown = sumReports(facts.reports);
  const subject = nameSubject(facts);
  const word = end?.reason === undefined ? '' : `, ${end.reason}`;
  return [
    end === undefined ? `${subject}: end not seen` : `${subject}: ${describeExit(end)}${word}`,
    ...memory.kills.map(
      ({ process, usageBytes }) =>
        `kernel of the node: killed ${process} for memory in the test container${usageBytes === undefined ? '' : `, with ${formatMebibytes(usageBytes)} in use`}`,
    ),
    ...(memory.peakBytes === undefined
      ? []
      : [`memory: peak of ${formatMebibytes(memory.peakBytes)} seen, limit ${facts.memoryLimit}`]),
    ...facts.reports.map(
      ({ file, counts }) =>
        `${file}: ${counts.total} tests, ${counts.failed} failed, ${counts.errors} errors, ${counts.skipped} skipped`,
    ),
    ...facts.unreadable.map(({ file, reason }) => `${file}: ${reason}`),
    ...facts.stale.map((file) => `${file}: older than this run`),
    ...(reconstructed === undefined
      ? []
      : [
          `reconstructed from ${reconstructed.source}: ${reconstructed.counts.total - reconstructed.inFlight.length} tests finished, ${reconstructed.counts.failed + reconstructed.counts.errors - reconstructed.inFlight.length} of them failed`,
          ...(reconstructed.inFlight.length === 0
            ? []
            : [`in flight: ${reconstructed.inFlight.slice(0, 10).join(', ')}`]),
          ...describeNotRun(reconstructed),
        ]),
    ...facts.logGaps,
    ...(facts.interruption === null && shown.failed + shown.errors === 0 ? showLog(facts.tool) : []),
  ];
}

function describeNotRun({ notRun, notRunNames }: ReconstructedFacts): string[] {
  if (notRun === undefined || notRun === 0) return [];
  const names = notRunNames.slice(0, 10).join(', ');
  const more = names !== '' && notRun > Math.min(notRunNames.length, 10) ? ', …' : '';
  return [`not run: ${notRun}${names === '' ? '' : `: ${names}${more}`}`];
}

/** The sum of the counts of all reports and of what was reconstructed beside them. */
function sumCounts({ reports, reconstructed }: TestFacts): TestCounts {
  const sum = sumReports(reports);
  if (reconstructed === undefined) return sum;
  addCounts(sum, reconstructed.counts);
  if (reconstructed.notRun !== undefined) sum.notRun = reconstructed.notRun;
  return sum;
}

function sumReports(reports: readonly ReportFacts[]): TestCounts {
  const sum: TestCounts = { ...noTests };
  for (const { counts } of reports) addCounts(sum, counts);
  return sum;
}

function addCounts(sum: TestCounts, counts: TestCounts): void {
  for (const key of ['total', 'passed', 'failed', 'errors', 'skipped', 'flaky', 'reconstructed'] as const)
    sum[key] += counts[key];
}

const memoryUnits: Record<string, number> = {
  '': 1,
  k: 1e3,
  Ki: 2 ** 10,
  M: 1e6,
  Mi: 2 ** 20,
  G: 1e9,
  Gi: 2 ** 30,
  T: 1e12,
  Ti: 2 ** 40,
};

/** Bytes of a quantity of memory; undefined when it is none. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
function parseMemory(quantity: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(k|Ki|M|Mi|G|Gi|T|Ti)?$/.exec(quantity);
  return match === null ? undefined : Number(match[1]) * memoryUnits[match[2] ?? '']!;
}

function formatMebibytes(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return `${mebibytes < 100 ? Math.round(mebibytes * 10) / 10 : Math.round(mebibytes)}Mi`;
}
