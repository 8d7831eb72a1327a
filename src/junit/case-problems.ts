/** Problems of one test case, as the elements in it say them. */
import type { TestStatus } from '../core/outcome.ts';

export interface Problem {
  status: Exclude<TestStatus, 'passed'>;
  message: string;
  type: string;
  details: string;
}

export const problemStatus: Record<string, Problem['status']> = {
  failure: 'failed',
  error: 'error',
  skipped: 'skipped',
};
/** https://maven.apache.org/surefire/maven-surefire-plugin/examples/rerun-failing-tests.html */
export const earlierRunNames = new Set(['flakyFailure', 'flakyError', 'rerunFailure', 'rerunError']);

/** What writers without child elements say in `status` or `result` (googletest's `notrun` among them). */
const problemWords: Record<string, Problem['status']> = {
  failed: 'failed',
  failure: 'failed',
  fail: 'failed',
  false: 'failed',
  error: 'error',
  errored: 'error',
  skipped: 'skipped',
  skip: 'skipped',
  disabled: 'skipped',
  ignored: 'skipped',
  pending: 'skipped',
  notrun: 'skipped',
  notexecuted: 'skipped',
  suppressed: 'skipped',
  todo: 'skipped',
};
/** What they say of a test that passed. Any other word is an error, since nobody knows that it means well. */
const passedWords = new Set([
  ...['', 'passed', 'pass', 'ok', 'success', 'succeeded', 'successful', 'true', 'flaky'],
  ...['run', 'executed', 'completed', 'complete', 'finished', 'done'],
]);

/** The problem that `status` and `result` of a case without child elements tell; undefined when both mean passed. */
export function readStatusWords(words: readonly (string | undefined)[]): Problem | undefined {
  let unknown: Problem | undefined;
  for (const said of words) {
    const word = (said ?? '').trim().toLowerCase();
    const status = Object.hasOwn(problemWords, word) ? problemWords[word] : undefined;
    if (status !== undefined) return { status, message: '', type: '', details: '' };
    if (passedWords.has(word)) continue;
    const message = `the report gives this test the status "${word.slice(0, 100)}", which is not known to mean passed`;
    unknown ??= { status: 'error', message, type: '', details: '' };
  }
  return unknown;
}

/** More problems in one case than this are counted as one. */
const maxProblems = 10;

export function keepFirst(problems: Problem[], problem: Problem): void {
  if (problems.length < maxProblems) problems.push(problem);
  // The worst is never lost, however many skips stand before it.
  else if (problem.status !== 'skipped') problems[maxProblems - 1] = problem;
}

export function keepLast(problems: Problem[], problem: Problem): void {
  // Their number is told, so each stays; their text is needed of the last one alone.
  for (const earlier of problems) earlier.details = '';
  if (problems.length < 1000) problems.push(problem);
}

/**
 * Whether a case is one that may fail: node's test runner writes a `todo` test that failed as skipped and failed, and Catch2
 * one with the tag `!mayfail` or `!shouldfail`. Both end well then.
 */
export function mayFail(problems: readonly Problem[]): boolean {
  return problems.some(
    ({ status, type, message }) =>
      status === 'skipped' && (type === 'todo' || /^TEST_CASE tagged with !(mayfail|shouldfail)$/.test(message)),
  );
}

/** The status that the problems of one case amount to. */
export function worst(problems: readonly Problem[]): TestStatus {
  if (mayFail(problems)) return 'skipped';
  if (problems.some(({ status }) => status === 'failed')) return 'failed';
  if (problems.some(({ status }) => status === 'error')) return 'error';
  return problems.length > 0 ? 'skipped' : 'passed';
}

export function messageOf({ message, type, details }: Problem): string {
  if (message.trim() !== '') return message.trim();
  const firstLine = /\S.*/.exec(details.slice(0, 10_000))?.[0].trim();
  return firstLine ?? type;
}
