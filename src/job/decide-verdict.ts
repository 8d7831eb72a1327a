/**
 * Whether the tests passed: a pure function over everything that is known when the test container has ended. Green
 * needs all of: exit code 0, at least one test, a report that parsed and holds no failure, written by this run. What is
 * unknown or contradicts itself is red and says so.
 */
import { type Failure, type TestCounts, toOneLine } from '../outcome.ts';

export interface TestFacts {
  /** How the test container ended. */
  end: { exitCode: number; signal?: number; reason?: string; message?: string };
  /** Memory limit of the test container, as Kubernetes writes it. */
  memoryLimit: string;
  /** Reports of this run that could be read, and what was wrong with the others. */
  reports: { file: string; counts: TestCounts }[];
  unreadable: { file: string; reason: string }[];
  /** Reports that are older than the run, and were left out. */
  stale: string[];
  /** Names of failed tests and of those with errors, for the first line. */
  failedNames: string[];
  junitGlobs: string[];
  resultsPath: string;
}

export interface TestVerdict {
  failure: Failure | null;
  warnings: string[];
  counts: TestCounts;
}

/** pytest's exit status for "no tests were collected": https://docs.pytest.org/en/stable/reference/exit-codes.html */
const pytestNoTests = 5;

export function decideVerdict(facts: TestFacts): TestVerdict {
  const counts = sumCounts(facts.reports.map((report) => report.counts));
  const warnings = facts.stale.map((file) => `${file} was written before this run and is ignored`);
  const { end } = facts;
  const red = (kind: Failure['kind'], reason: string, hint: string): TestVerdict => ({
    failure: { kind, reason: toOneLine(reason), hint, evidence: evidenceOf(facts) },
    warnings,
    counts,
  });
  const ended = `the test container ended with ${describeExit(end)}`;
  const where = `${facts.junitGlobs.join(' ')} in ${facts.resultsPath}`;

  if (end.reason === 'OOMKilled')
    return red(
      'oom',
      `the test container was killed for memory at its limit of ${facts.memoryLimit}${finished(counts)}`,
      'Raise memory, or find what the tests hold on to.',
    );
  if (end.reason === 'StartError' || end.reason === 'ContainerCannotRun')
    return red(
      'start',
      `the test container could not start: ${end.message ?? ended}`,
      'Check command, args and the image.',
    );
  if (facts.unreadable.length > 0) {
    const [first] = facts.unreadable;
    const reason = `${first!.file} cannot be read as a JUnit report: ${first!.reason}; ${ended}`;
    return red(
      'report',
      reason,
      'The file is in junit/ as the tests wrote it; narrow the input junit if it is no report.',
    );
  }
  if (facts.reports.length === 0) {
    if (end.exitCode === pytestNoTests)
      return red('no-tests', `no test ran: pytest collected none (exit code 5)`, noTestsHint);
    const old = facts.stale.length > 0 ? `, only ${facts.stale.join(', ')} of an earlier run` : '';
    return red('report', `no JUnit report (${where})${old}, although ${ended}`, reportHint(end.exitCode));
  }
  if (counts.failed + counts.errors > 0) {
    const names = facts.failedNames.slice(0, 3).join(', ');
    const more = facts.failedNames.length > 3 ? ', …' : '';
    const verb = `${counts.failed + counts.errors} of ${counts.total} tests failed: ${names}${more}`;
    if (end.exitCode === 0)
      return red(
        'test',
        `${verb}; yet ${ended}, which is a contradiction`,
        'Whatever runs the tests swallows their exit code; let it through.',
      );
    return red('test', verb, '');
  }
  if (counts.total === 0) return red('no-tests', `no test ran: the report is empty, and ${ended}`, noTestsHint);
  if (end.exitCode !== 0) {
    const reason = `${ended}, yet its report holds no failure (${counts.passed} passed, ${counts.skipped} skipped), which is a contradiction`;
    return red('test', reason, hintForExit(end.exitCode));
  }
  if (counts.passed === 0) warnings.push(`all ${counts.skipped} tests were skipped`);
  return { failure: null, warnings, counts };
}

const noTestsHint = 'Check the path of the tests, and any -k or -m that selects among them.';

function reportHint(exitCode: number): string {
  if (exitCode === 127 || exitCode === 126) return 'The command was not found in the image: check command and args.';
  return 'Let the tests write one, as with pytest --junitxml=/results/junit.xml, or set junit and results-path.';
}

function hintForExit(exitCode: number): string {
  if (exitCode === 137)
    return 'Something sent SIGKILL after the report was written; the last lines of the log may say what.';
  return 'Something failed after the tests, such as a coverage threshold or a session fixture; the last lines of the log say what.';
}

function finished(counts: TestCounts): string {
  return counts.total === 0 ? '' : `, with ${counts.total} tests finished`;
}

function describeExit(end: TestFacts['end']): string {
  const signal = end.exitCode > 128 && end.exitCode < 160 ? ` (signal ${end.exitCode - 128})` : '';
  return `exit code ${end.exitCode}${signal}`;
}

function evidenceOf(facts: TestFacts): string[] {
  return [
    `test container: ${describeExit(facts.end)}${facts.end.reason === undefined ? '' : `, ${facts.end.reason}`}`,
    ...facts.reports.map(
      ({ file, counts }) =>
        `${file}: ${counts.total} tests, ${counts.failed} failed, ${counts.errors} errors, ${counts.skipped} skipped`,
    ),
    ...facts.unreadable.map(({ file, reason }) => `${file}: ${reason}`),
    ...facts.stale.map((file) => `${file}: older than this run`),
  ];
}

/** The sum of several reports' counts. */
function sumCounts(all: TestCounts[]): TestCounts {
  const sum: TestCounts = { total: 0, passed: 0, failed: 0, errors: 0, skipped: 0, flaky: 0, rebuilt: 0 };
  for (const counts of all) for (const key of Object.keys(sum) as (keyof TestCounts)[]) sum[key] += counts[key];
  return sum;
}
