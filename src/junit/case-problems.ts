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
export const statusWords: Record<string, Problem['status']> = {
  failed: 'failed',
  failure: 'failed',
  fail: 'failed',
  error: 'error',
  errored: 'error',
  skipped: 'skipped',
  disabled: 'skipped',
  ignored: 'skipped',
  pending: 'skipped',
  notrun: 'skipped',
  suppressed: 'skipped',
};

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

export function worst(problems: readonly Problem[]): TestStatus {
  if (problems.some(({ status }) => status === 'failed')) return 'failed';
  if (problems.some(({ status }) => status === 'error')) return 'error';
  return problems.length > 0 ? 'skipped' : 'passed';
}

export function messageOf({ message, type, details }: Problem): string {
  if (message.trim() !== '') return message.trim();
  const firstLine = /\S.*/.exec(details.slice(0, 10_000))?.[0].trim();
  return firstLine ?? type;
}
