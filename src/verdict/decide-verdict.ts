/**
 * The outcome of a run: a pure function over everything that is known when it has ended. Green needs all of: exit code 0, at
 * least one test, a report that parsed and holds no failure, written by this run, every session of pytest, and nothing that
 * contradicts it. Unknown or contradictory facts make the run red and are named. docs/verdict.md has the rules in their order.
 */

import { type Failure, type FailureKind, type TestCounts, toOneLine } from '../core/outcome.ts';
import { readQuantity } from '../core/quantity.ts';
import {
  countFailed,
  describeExit,
  describeProgress,
  evidenceOf,
  formatMebibytes,
  judgeMemory,
  killedExitCode,
  killedForMemory,
  listTestNames,
  nameSubject,
} from './describe-facts.ts';
import {
  describeNearMisses,
  describeToolOutput,
  hintNoReport,
  hintSaid,
  nameExitCode,
  saysNoTests,
  saysOnlyFailed,
  wasTimeout,
} from './explain-exit.ts';
import { type SessionFacts, sumCounts, sumReports, type TestFacts } from './test-facts.ts';

export interface TestVerdict {
  failure: Failure | null;
  warnings: string[];
  counts: TestCounts;
}

/** pytest's exit status for "no tests were collected": https://docs.pytest.org/en/stable/reference/exit-codes.html */
const pytestNoTests = 5;
const pytestTestsFailed = 1;
/** Memory in use this near to the limit makes a SIGKILL of unknown origin one that the kernel probably sent. */
const nearLimit = 0.9;

/** The verdict of a run: of the first rule that applies, or green with warnings where none does. Pure. */
export function decideVerdict(facts: TestFacts): TestVerdict {
  const counts = sumCounts(facts);
  const shown = sumReports(facts.reports);
  const judged: JudgedFacts = { ...facts, counts, shown, subject: `the ${nameSubject(facts)}` };
  const warnings = facts.stale.map((file) => `${file} was written before this run and is ignored`);
  if (facts.reconstructed?.isFromLog === true && facts.logGaps.length > 0)
    warnings.push('the log is incomplete: more tests may have finished than it shows');
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
  if (unreported > 0) warnings.push(`${unreported} finished tests are in no report`);
  if (counts.passed === 0) warnings.push(describeNonePassed(counts));
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
  /** As in docs/verdict.md. */
  name: string;
  /** The failure, or undefined where the rule does not apply. It may rely on all rules above it. */
  judge: (facts: JudgedFacts) => Red | undefined;
}

/** From certain facts to contradictions: the first that applies is the verdict, and without any the run is green. */
export const verdictRules: readonly VerdictRule[] = [
  { name: 'interrupted', judge: interrupt },
  {
    name: 'end unknown',
    judge: ({ end }) =>
      end === undefined
        ? red('internal', 'the run ended before any test result was recorded', 'Please report it with the log.')
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
function describeSubjectEnd({ subject, end, tool }: JudgedFacts): string {
  if (end === undefined) return `the end of ${subject} was not observed`;
  const meaning = nameExitCode(end.exitCode, tool);
  return `${subject} ended with ${describeExit(end)}${meaning === undefined ? '' : ` (${meaning})`}`;
}

function judgeMemoryKill(facts: JudgedFacts): Red | undefined {
  const { subject, counts, end } = facts;
  const kill = judgeMemory(facts);
  if (kill === 'container')
    return red(
      'oom',
      `${subject} was ${killedForMemory(facts)}${describeProgress(facts, counts)}`,
      'Raise memory, or find what the tests keep in memory.',
    );
  if (end?.reason === 'StartError' || end?.reason === 'ContainerCannotRun')
    return red(
      'start',
      `${subject} could not start: ${end.message ?? describeSubjectEnd(facts)}`,
      'Check command, args and the image.',
    );
  if (kill !== 'process' || end === undefined) return undefined;
  const outcome =
    counts.failed + counts.errors > 0
      ? `${countFailed(counts)}, probably because of it: ${listTestNames(facts.failedNames)}`
      : `no test failed (${counts.passed} passed), which is a contradiction`;
  return red(
    'oom',
    `a process of the tests was ${killedForMemory(facts)}, and ${subject} continued to ${describeExit(end)}; ${outcome}`,
    'Raise memory, or find which child process uses too much.',
  );
}

function judgeUnreadable(facts: JudgedFacts): Red | undefined {
  const [first] = facts.unreadable;
  if (first === undefined) return undefined;
  return red(
    'report',
    `${first.file} cannot be read as a JUnit report: ${first.reason}; ${describeSubjectEnd(facts)}${describeProgress(facts, facts.counts)}`,
    'The file is in junit/ as the tests wrote it; narrow the input junit if it is no report.',
  );
}

function judgeNoReport(facts: JudgedFacts): Red | undefined {
  const { reports, end, counts, stale, tool, subject } = facts;
  if (reports.length > 0) return undefined;
  const exitCode = end?.exitCode ?? 0;
  if (counts.total === 0 && saysNoTests(exitCode, tool)) return foundNoTests(facts);
  if (wasTimeout(exitCode, tool))
    return red('timeout', `timeout(1) ended ${subject} (exit code 124)${describeProgress(facts, counts)}`, timeoutHint);
  const where = `${facts.junitGlobs.join(' ')} in ${facts.resultsPath}`;
  const old = stale.length > 0 ? `, only ${stale.join(', ')} of an earlier run` : '';
  return red(
    'report',
    `no JUnit report (${where})${old}, although ${describeSubjectEnd(facts)}${describeToolOutput(tool)}${describeProgress(facts, counts)}${describeNearMisses(tool)}`,
    reportHint(facts),
  );
}

function foundNoTests({ tool, end }: JudgedFacts): Red {
  return red('no-tests', `no test ran: ${tool?.tool} found none (exit code ${end?.exitCode})`, noTestsHint);
}

function judgeLyingCounts(facts: JudgedFacts): Red | undefined {
  const { reports, shown } = facts;
  const hollow = reports.find(({ claimedTests, counts }) => claimedTests > 0 && counts.total === 0);
  if (hollow !== undefined && shown.failed + shown.errors === 0)
    return red(
      'report',
      `${hollow.file} counts ${hollow.claimedTests} tests that ran and holds none of them, which is a contradiction; ${describeSubjectEnd(facts)}`,
      'The tool that wrote the report lost its tests, or something removed them afterwards; its log may still name them.',
    );
  const liar = reports.find(({ claimedFailures, failedRuns }) => claimedFailures > failedRuns);
  if (liar === undefined || shown.failed + shown.errors > 0) return undefined;
  return red(
    'report',
    `${liar.file} claims ${liar.claimedFailures} failures and errors in its counts, but none of its cases shows one, which is a contradiction; ${describeSubjectEnd(facts)}`,
    'The tool that wrote the report lost the failed tests; its log may still name them.',
  );
}

function judgeFailedTests(facts: JudgedFacts): Red | undefined {
  const { shown, counts, end } = facts;
  if (shown.failed + shown.errors === 0) return undefined;
  const failed = `${countFailed(counts)}: ${listTestNames(facts.failedNames)}`;
  if (end?.exitCode !== 0) return red('test', failed, '');
  return red('test', `${failed}; yet ${describeSubjectEnd(facts)}, which is a contradiction`, exitCodeHint);
}

/** Failures of a session that no report shows as such, and that no later session made good. */
function judgeFailedSession(facts: JudgedFacts): Red | undefined {
  const session = facts.sessions.find((one) => one.isFinished && one.unresolved > 0);
  if (session === undefined) return undefined;
  const { unresolved, unresolvedNames, name } = session;
  const tests = unresolved === 1 ? '1 test' : `${unresolved} tests`;
  return red(
    'test',
    `${tests} failed in ${name}, which no report shows: ${listTestNames(unresolvedNames)}; ${describeSubjectEnd(facts)}`,
    `${exitCodeHint} ${reportPerSessionHint}`,
  );
}

function judgeUnfinishedSession(facts: JudgedFacts): Red | undefined {
  const session = facts.sessions.find((one) => !one.isFinished && !one.isRepeated);
  if (session === undefined) return undefined;
  return red(
    'report',
    `${session.name} never came to its end; ${describeSubjectEnd(facts)}${describeProgress(facts, facts.counts)}`,
    `Something stopped pytest before it wrote its report, or it failed before it started. ${exitCodeHint}`,
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
    `${session.name} ${describeSessionEnd(session)}; ${describeSubjectEnd(facts)}${describeProgress(facts, facts.counts)}`,
    exitCodeHint,
  );
}

function judgeNotRun(facts: JudgedFacts): Red | undefined {
  const session = facts.sessions.find((one) => one.notRun > 0);
  const notRun = session?.notRun ?? facts.reconstructed?.notRun ?? 0;
  if (notRun === 0) return undefined;
  const names = facts.reconstructed?.notRunNames ?? [];
  const named = names.length === 0 ? '' : `: ${listTestNames(names)}`;
  const where = session === undefined ? '' : ` by ${session.name}`;
  return red(
    'report',
    `${notRun} ${notRun === 1 ? 'test was' : 'tests were'} collected${where} and never ran${named}; ${describeSubjectEnd(facts)}`,
    'Something stopped the session before its last test, as -x, --maxfail and pytest.exit do.',
  );
}

function judgeUnreportedFailures(facts: JudgedFacts): Red | undefined {
  const { reconstructed, counts } = facts;
  if (reconstructed === undefined || reconstructed.counts.failed + reconstructed.counts.errors === 0) return undefined;
  return red(
    'report',
    `failed or running tests are in no report, although ${describeSubjectEnd(facts)}${describeProgress(facts, counts)}`,
    `Something stopped the test process before it wrote its report. ${exitCodeHint}`,
  );
}

function judgeNoTest(facts: JudgedFacts): Red | undefined {
  const { counts, shown, tool, end } = facts;
  if (counts.total === 0 && saysNoTests(end?.exitCode ?? 0, tool)) return foundNoTests(facts);
  const said = end?.exitCode === 0 ? '' : describeToolOutput(tool);
  if (counts.total === 0)
    return red(
      'no-tests',
      `no test ran: the report is empty, and ${describeSubjectEnd(facts)}${said}`,
      (said === '' ? undefined : hintSaid(tool)) ?? noTestsHint,
    );
  if (shown.total > 0) return undefined;
  return red(
    'report',
    `the report is empty, although ${describeSubjectEnd(facts)}${describeProgress(facts, counts)}`,
    reportHint(facts),
  );
}

function judgeExitCode(facts: JudgedFacts): Red | undefined {
  const { end, counts, tool, subject, excused = [] } = facts;
  if (end === undefined || end.exitCode === 0) return undefined;
  if (saysOnlyFailed(end.exitCode, excused, tool)) return undefined;
  const holds = `(${countGreen(counts)})`;
  if (wasTimeout(end.exitCode, tool))
    return red(
      'timeout',
      `timeout(1) ended ${subject} (exit code 124); its report holds no failure ${holds}`,
      timeoutHint,
    );
  const hint = hintSaid(tool);
  if (hint !== undefined)
    return red(
      'test',
      `${describeSubjectEnd(facts)}, and its report holds no failure ${holds}${describeToolOutput(tool)}`,
      hint,
    );
  return red(
    'test',
    `${describeSubjectEnd(facts)}, yet its report holds no failure ${holds}, which is a contradiction`,
    hintForExit(facts),
  );
}

/** `3 passed, 1 skipped`; those in quarantine apart. */
function countGreen({ passed, skipped, quarantined = 0 }: TestCounts): string {
  const excused = quarantined === 0 ? '' : `, ${quarantined} failed in quarantine`;
  return `${passed} passed, ${skipped - quarantined} skipped${excused}`;
}

function describeNonePassed(counts: TestCounts): string {
  const { skipped, quarantined = 0 } = counts;
  return quarantined === 0 ? `all ${skipped} tests were skipped` : `no test passed: ${countGreen(counts)}`;
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
  if (exit === undefined) return 'ended with an unknown exit code';
  const why = sessionExits[exit];
  return `ended with exit code ${exit}${why === undefined ? '' : ` ${why}`}`;
}

const exitCodeHint = 'The command that runs the tests hides their exit code; pass it on, as with set -e in a shell.';
const reportPerSessionHint = 'Let each session write a report of its own.';

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
    reason: toOneLine(`${interruption.reason}${kill}${describeProgress(facts, counts)}`),
    evidence: hasBegun ? [...interruption.evidence, ...evidenceOf(facts)] : interruption.evidence,
  };
}

const noTestsHint = 'Check the path of the tests, and what selects among them, as -k and -m of pytest do.';

function reportHint(facts: TestFacts): string {
  const exitCode = facts.end?.exitCode ?? 0;
  return exitCode === killedExitCode ? hintForExit(facts) : hintNoReport(exitCode, facts.tool, facts.resultsPath);
}

function hintForExit({ end, memory, memoryLimit }: TestFacts): string {
  if (end?.exitCode !== killedExitCode)
    return 'Something failed after the tests, such as a coverage threshold or a session fixture; the last lines of the log say what.';
  const limit = readQuantity(memoryLimit);
  const isNear = memory.peakBytes !== undefined && limit !== undefined && memory.peakBytes >= nearLimit * limit;
  // On cgroup v2 the runtime would have reported it.
  if (memory.peakBytes !== undefined && isNear && memory.cgroupVersion !== 2)
    return `Something sent SIGKILL; with ${formatMebibytes(memory.peakBytes)} of ${memoryLimit} in use it was probably the kernel, for memory.`;
  return 'Something sent SIGKILL, and nothing says that it was for memory; the last lines of the log may say what.';
}
