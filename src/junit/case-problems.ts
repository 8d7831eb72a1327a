/** Problems of one test case, from its child elements. */
import type { TestStatus } from '../core/outcome.ts';

export interface Problem {
  status: Exclude<TestStatus, 'passed'>;
  message: string;
  type: string;
  details: string;
}

const problemStatus: Record<string, Problem['status']> = {
  failure: 'failed',
  error: 'error',
  skipped: 'skipped',
};
/** https://maven.apache.org/surefire/maven-surefire-plugin/examples/rerun-failing-tests.html */
export const earlierRunNames = new Set(['flakyFailure', 'flakyError', 'rerunFailure', 'rerunError']);

/**
 * Values that writers without child elements use in `status` or `result`, without spaces, hyphens and underscores: googletest
 * (`run`, `notrun`, `completed`, `suppressed`), behave (`untested`), Ginkgo, Pester, NUnit. A value that is not here is
 * unknown, and a test with an unknown result has not passed.
 */
const statusOfWord: ReadonlyMap<string, TestStatus> = new Map([
  ...words('failed', 'failed failure fail panicked false'),
  ...words('error', 'error errored'),
  ...words(
    'skipped',
    'skipped skip disabled ignored ignore pending notrun notexecuted suppressed untested excluded filtered todo inconclusive xfail xfailed expectedfailure',
  ),
  ...words(
    'passed',
    'passed pass ok true success successful succeeded run ran completed complete executed finished done xpass xpassed',
  ),
]);

function words(status: TestStatus, list: string): [string, TestStatus][] {
  return list.split(' ').map((word) => [word, status]);
}

/** Names of elements, beside these words, by which a writer says that a test did not come to its end. */
const unfinished = new Set(
  'timeout timedout aborted incomplete crash crashed cancelled canceled broken interrupted killed'.split(' '),
);

/** What an element right within a case, or within a suite, says by its name; undefined when that is not a result. */
export function statusOfElement(name: string): Problem['status'] | undefined {
  if (Object.hasOwn(problemStatus, name)) return problemStatus[name];
  const word = foldWord(name);
  const status = unfinished.has(word) ? 'error' : statusOfWord.get(word);
  return status === 'passed' ? undefined : status;
}

function foldWord(written: string): string {
  return written.toLowerCase().replace(/[\s_-]/g, '');
}

/** A suite that says itself that it failed, in words that are known; undefined where it does not. */
export function problemOfSuite(attributes: Readonly<Record<string, string>>): Problem | undefined {
  for (const name of ['result', 'status', 'outcome']) {
    const status = statusOfWord.get(foldWord(attributes[name] ?? ''));
    const message = `the report says ${name}="${attributes[name]}" of this suite, and none of its tests failed`;
    if (status === 'failed' || status === 'error') return { status, message, type: '', details: '' };
  }
  return undefined;
}

/**
 * The result in the attributes `status` and `result` of a case, the worse of the two; undefined when neither contradicts a
 * pass. `outcome` and `state` mean other things elsewhere, so that they count only with a word that is known.
 */
export function problemOfAttributes(attributes: Readonly<Record<string, string>>): Problem | undefined {
  const said: Problem[] = [];
  for (const name of ['success', 'passed'])
    if (/^(?:false|no|0)$/i.test(attributes[name]?.trim() ?? ''))
      said.push({
        status: 'failed',
        message: `the report says ${name}="${attributes[name]}" of this test`,
        type: '',
        details: '',
      });
  for (const name of ['result', 'status', 'outcome', 'state']) {
    const value = (attributes[name] ?? '').trim();
    if (value === '') continue;
    const status = statusOfWord.get(foldWord(value));
    if (status === 'passed' || (status === undefined && (name === 'outcome' || name === 'state'))) continue;
    const message =
      status === undefined
        ? `the report says ${name}="${value.slice(0, 100)}" of this test, which is not a known status`
        : '';
    said.push({ status: status ?? 'error', message, type: '', details: '' });
  }
  return said.find(({ status }) => status === worst(said));
}

/** More problems in one case than this are counted as one. */
const maxProblems = 10;

export function keepFirst(problems: Problem[], problem: Problem): void {
  if (problems.length < maxProblems) problems.push(problem);
  // The worst is never lost, no matter how many skips precede it.
  else if (problem.status !== 'skipped') problems[maxProblems - 1] = problem;
}

export function keepLast(problems: Problem[], problem: Problem): void {
  // Their number is reported, so each is kept; only the text of the last one is needed.
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

/** How much of a suite's own output is read. */
export const errorOutputChars = 4000;

/** The problem of a suite whose writer counts an error and describes it only in the suite's own output. */
export function problemOfOutput(output: string): Problem {
  const lines = output.split('\n').map((line) => line.trim());
  const message = lines.find((line) => /^\w{0,100}(?:Error|Exception): /.test(line)) ?? lines.find(Boolean) ?? '';
  return { status: 'error', message, type: '', details: output };
}

/**
 * CTest calls a test skipped that it could not start, and ends with a failure for it: a program, a file or a fixture of the
 * test is missing. A test that its author skips has SKIP_RETURN_CODE or SKIP_REGULAR_EXPRESSION.
 */
export function couldNotStart(
  { status, result }: Readonly<Record<string, string>>,
  problems: readonly Problem[],
): boolean {
  const [problem, ...more] = problems;
  if (problem === undefined || more.length > 0 || status !== 'notrun' || result !== undefined) return false;
  return problem.status === 'skipped' && /^(?!SKIP_)\S/.test(problem.message);
}

export function messageOf({ message, type, details }: Problem): string {
  if (message.trim() !== '') return message.trim();
  const firstLine = /\S.*/.exec(details.slice(0, 10_000))?.[0].trim();
  return firstLine ?? type;
}
