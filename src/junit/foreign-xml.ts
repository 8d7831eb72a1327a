/** XML reports of other tools, handed on as JUnit: NUnit, xUnit.net, TRX, and Robot Framework's output.xml. */
import { must } from '../core/must.ts';
import { type ForeignCase, type ForeignProblem, type ReportSink, sendCase, sendProblem } from './report-sink.ts';

/** What the elements of a format mean. */
interface ForeignFormat {
  /** The attributes of a `testsuite`, or undefined for an element that is no suite. */
  suite?: (element: string, attributes: Attributes) => Attributes | undefined;
  /** The attributes of a `testcase`, or undefined for an element that is no test. */
  testCase: (element: string, attributes: Attributes) => Attributes | undefined;
  /** Elements that hold a problem, with its kind; anywhere in a test, and in a suite only where `isOfSuite`. */
  problem: (element: string, attributes: Attributes) => Pick<ForeignProblem, 'element' | 'type'> | undefined;
  /** Whether a problem outside of a test is one of its own, and not the sum of those in it. */
  isOfSuite: (path: readonly OpenElement[]) => boolean;
  messageElement: string;
  detailsElement: string;
  /** Attributes of a test that are given as elements directly in it. */
  inCase?: (element: string, attributes: Attributes) => Attributes | undefined;
  /** What an element outside of the tests claims of the whole run: asked once all its tests are known. */
  ofRun?: (element: string, attributes: Attributes) => RunClaim | undefined;
}

type Attributes = Record<string, string>;
/** Problems of the whole run in addition to the number of failed tests. */
type RunClaim = (failedCases: number) => string | undefined;
interface OpenElement {
  name: string;
  attributes: Attributes;
  /** Whether it was handed on as a suite. */
  isSuite: boolean;
}

const maxMessageChars = 16_000;
const maxDetailsChars = 128 * 1024;

/** https://docs.nunit.org/articles/nunit/technical-notes/usage/Test-Result-XML-Format.html and that of NUnit 2 */
const nunit: ForeignFormat = {
  suite: (element, { type, name, fullname, total, failed, duration, time }) =>
    element === 'test-suite' && /^(Assembly|Project|.*Fixture)$/.test(type ?? '')
      ? dropUndefined({
          name: type === 'Assembly' ? baseName(name) : (fullname ?? name),
          tests: total,
          failures: failed,
          time: duration ?? time,
        })
      : undefined,
  testCase: (element, { name, classname, duration, time, result, label, executed }) =>
    element === 'test-case'
      ? dropUndefined({
          name,
          classname,
          time: duration ?? time,
          result: nunitWords[`${result} ${label ?? ''}`.trim()] ?? nunitWords[result ?? ''] ?? result ?? executed,
        })
      : undefined,
  problem: (element, { result, label }) => {
    const isSkipped = /^(Skipped|Ignored|Inconclusive)$/.test(result ?? '');
    if (isSkipped && (element === 'failure' || element === 'reason')) return { element: 'skipped', type: label ?? '' };
    // The result decides: pytest-nunit writes a failure into every case, those that passed too.
    if (element !== 'failure' || /^(Passed|Success)$/.test(result ?? '')) return undefined;
    return { element: label === 'Error' || result === 'Error' ? 'error' : 'failure', type: '' };
  },
  // NUnit marks a suite with a failed test as failed too, with the site Child or Test.
  isOfSuite: (path) => /^(SetUp|TearDown)$/.test(path.at(-1)?.attributes.site ?? ''),
  messageElement: 'message',
  detailsElement: 'stack-trace',
  ofRun: (element, { result, failed, failures, errors }) => {
    if (element === 'test-run' || element === 'test-results') return claimRed([failed, failures, errors], result);
    return undefined;
  },
};
const nunitWords: Record<string, string> = {
  Warning: 'passed',
  'Failed Error': 'error',
  'Failed Invalid': 'error',
  'Failed Cancelled': 'error',
};

/** https://xunit.net/docs/format-xml-v2 */
const xunit: ForeignFormat = {
  suite: (element, { name, total, failed, errors, time }) =>
    element === 'assembly'
      ? dropUndefined({ name: baseName(name), tests: total, failures: failed, errors, time })
      : undefined,
  testCase: (element, { name, type, time, result }) =>
    element === 'test' ? dropUndefined({ name, classname: type, time, result }) : undefined,
  problem: (element, attributes) => {
    const type = attributes['exception-type'] ?? '';
    if (element === 'failure') return { element: 'failure', type };
    return element === 'reason' ? { element: 'skipped', type } : undefined;
  },
  isOfSuite: (path) => path.at(-1)?.name === 'error',
  messageElement: 'message',
  detailsElement: 'stack-trace',
};

/** vstest.xsd of Visual Studio: http://microsoft.com/schemas/VisualStudio/TeamTest/2010 */
const trx: ForeignFormat = {
  testCase: (element, { testName, duration, outcome }) =>
    testName !== undefined && element.endsWith('TestResult')
      ? dropUndefined({ name: testName, time: secondsOfSpan(duration), result: outcome ?? 'Error' })
      : undefined,
  problem: (element, { outcome }) =>
    element !== 'ErrorInfo'
      ? undefined
      : { element: outcome === 'NotExecuted' ? 'skipped' : outcome === 'Failed' ? 'failure' : 'error', type: '' },
  isOfSuite: () => false,
  messageElement: 'Message',
  detailsElement: 'StackTrace',
  ofRun: (element, { outcome, failed, error, timeout, aborted }) => {
    if (element === 'Counters') return claimFailed([failed, error, timeout, aborted], outcome);
    if (element === 'ResultSummary') return claimRed([], outcome);
    // adapters note each failed test as an error of the run, too
    return element === 'RunInfo' && outcome === 'Error'
      ? (failedCases) => (failedCases === 0 ? 'the run ended with an error' : undefined)
      : undefined;
  },
};

/** https://github.com/robotframework/robotframework/tree/master/doc/schema */
const robot: ForeignFormat = {
  suite: (element, { name }) => (element === 'suite' ? dropUndefined({ name }) : undefined),
  testCase: (element, { name }) => (element === 'test' ? dropUndefined({ name, result: 'Error' }) : undefined),
  problem: (element, { status }) =>
    element === 'status' && /^(FAIL|SKIP)$/.test(status ?? '')
      ? { element: status === 'FAIL' ? 'failure' : 'skipped', type: '' }
      : undefined,
  // Robot Framework marks a suite with a failed test as failed too, without a message.
  isOfSuite: (path) => path.at(-1)?.name === 'suite',
  messageElement: 'status',
  detailsElement: '',
  inCase: (element, { status, elapsed }) =>
    element === 'status' ? dropUndefined({ result: status, time: elapsed }) : undefined,
  // Tests of a suite whose teardown failed stay passed in the file, and count as failed.
  ofRun: (element, { fail }) => (element === 'stat' ? claimRed([fail], undefined) : undefined),
};

/** Failures that are only in the counts, or in the result of the whole run, where no failed test or suite is listed. */
function claimRed(counts: readonly (string | undefined)[], result: string | undefined): RunClaim {
  const claim = claimFailed(counts, result);
  return (failedCases) => (failedCases === 0 ? claim(0) : undefined);
}

/** The same, also where only some of them are shown. */
function claimFailed(counts: readonly (string | undefined)[], result: string | undefined): RunClaim {
  const claimed = counts.reduce((sum, count) => sum + (Number(count) || 0), 0);
  return (failedCases) => {
    if (claimed > failedCases) return `the run counts ${claimed} failed tests, and names ${failedCases}`;
    const isRed = /^(failed|failure|error|aborted|timeout|disconnected|cancelled)$/i.test(result ?? '');
    return isRed && failedCases === 0 ? `the result of the run is ${result}` : undefined;
  };
}

const formats: ReadonlyMap<string, ForeignFormat> = new Map([
  ['test-run', nunit],
  ['test-results', nunit],
  ['assemblies', xunit],
  ['TestRun', trx],
  ['robot', robot],
]);

/** Whether a root element is that of a format which `ForeignXml` reads. */
export function isForeignRoot(root: string): boolean {
  return formats.has(root);
}

/** Takes the elements of another format, and hands them to `sink` as those of JUnit. */
export class ForeignXml implements ReportSink {
  readonly #sink: ReportSink;
  readonly #format: ForeignFormat;
  readonly #path: OpenElement[] = [];
  #case: ForeignCase | undefined;
  #caseDepth = 0;
  #problem: ForeignProblem | undefined;
  #problemDepth = 0;
  #failedCases = 0;
  /** By element. Visual Studio writes them after the tests, and mocha-trx-reporter before them. */
  readonly #claims = new Map<string, { claim: RunClaim; line: number }>();
  #line = 1;

  constructor(root: string, sink: ReportSink) {
    this.#sink = sink;
    this.#format = must(formats.get(root), `the format with the root ${root}`);
  }

  open(name: string, attributes: Attributes, line: number): void {
    this.#line = line;
    const isRoot = this.#path.length === 0;
    const suite = isRoot ? undefined : this.#format.suite?.(name, attributes);
    const isSuite = suite !== undefined && this.#case === undefined;
    if (isRoot) {
      this.#sink.open('testsuites', {}, line);
      this.#claim(name, attributes);
    }
    if (isSuite) this.#sink.open('testsuite', suite, line);
    else if (!isRoot && this.#case === undefined) this.#openOutside(name, attributes);
    else if (this.#case !== undefined) this.#openInCase(this.#case, name, attributes);
    this.#path.push({ name, attributes, isSuite });
  }

  addText(text: string): void {
    const problem = this.#problem;
    const inner = this.#path.at(-1);
    if (problem === undefined || inner === undefined) return;
    if (inner.name === this.#format.messageElement) problem.message = append(problem.message, text, maxMessageChars);
    else if (inner.name === this.#format.detailsElement)
      problem.details = append(problem.details, text, maxDetailsChars);
  }

  close(): void {
    const closed = must(this.#path.pop(), 'an element to close');
    if (this.#problem !== undefined && this.#path.length < this.#problemDepth) this.#endProblem(this.#problem);
    if (this.#case !== undefined && this.#path.length < this.#caseDepth) this.#endCase(this.#case);
    else if (closed.isSuite) this.#sink.close('testsuite');
    if (this.#path.length > 0) return;
    // A claim with a number of tests is more precise than the overall result.
    const claims = [...this.#claims].toSorted(
      ([a], [b]) => Number(a === 'ResultSummary') - Number(b === 'ResultSummary'),
    );
    for (const [, { claim, line }] of claims) {
      const message = claim(this.#failedCases);
      if (message === undefined) continue;
      this.#failedCases++;
      sendProblem(this.#sink, { element: 'error', type: '', message, details: '' }, line);
    }
    this.#sink.close('testsuites');
  }

  #openOutside(name: string, attributes: Attributes): void {
    const testCase = this.#format.testCase(name, attributes);
    if (testCase !== undefined) {
      this.#case = { attributes: testCase };
      this.#caseDepth = this.#path.length + 1;
      return;
    }
    if (this.#claim(name, attributes)) return;
    if (this.#format.isOfSuite(this.#path)) {
      const problem = this.#format.problem(name, attributes);
      if (problem !== undefined && this.#problem === undefined) this.#begin({ ...problem, element: 'error' });
    }
  }

  /** Keeps what an element claims of the whole run; the first of its name is that of all tests. */
  #claim(name: string, attributes: Attributes): boolean {
    const claim = this.#format.ofRun?.(name, attributes);
    if (claim !== undefined && !this.#claims.has(name)) this.#claims.set(name, { claim, line: this.#line });
    return claim !== undefined;
  }

  #openInCase(open: ForeignCase, name: string, attributes: Attributes): void {
    const isDirect = this.#path.length === this.#caseDepth;
    if (isDirect) Object.assign(open.attributes, this.#format.inCase?.(name, attributes));
    if (this.#problem !== undefined || open.problem !== undefined) return;
    // Deeper elements belong to steps of the test, or to results in it.
    const isOwn = isDirect || (this.#path.length === this.#caseDepth + 1 && this.#path.at(-1)?.name === 'Output');
    const inCase = this.#path[this.#caseDepth - 1]?.attributes;
    const problem = isOwn ? this.#format.problem(name, { ...inCase, ...attributes }) : undefined;
    if (problem !== undefined) this.#begin(problem);
  }

  #begin(problem: Pick<ForeignProblem, 'element' | 'type'>): void {
    this.#problem = { ...problem, message: '', details: '' };
    this.#problemDepth = this.#path.length + 1;
  }

  #endProblem(problem: ForeignProblem): void {
    this.#problem = undefined;
    problem.message = problem.message.trim();
    problem.details = problem.details.trim();
    if (this.#case !== undefined) this.#case.problem = problem;
    else if (problem.message !== '' || this.#format !== robot) {
      this.#failedCases++;
      sendProblem(this.#sink, problem, this.#line);
    }
  }

  #endCase(ended: ForeignCase): void {
    this.#case = undefined;
    const said = (ended.attributes.result ?? '').toLowerCase();
    if (ended.problem?.element === 'failure' || ended.problem?.element === 'error' || /^(fail|error)/.test(said))
      this.#failedCases++;
    sendCase(this.#sink, ended, this.#line);
  }
}

function append(text: string, more: string, maxChars: number): string {
  return text.length >= maxChars ? text : text + more.slice(0, maxChars - text.length);
}

function baseName(file: string | undefined): string | undefined {
  return file?.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
}

/** Seconds of a .NET TimeSpan (`00:00:01.5000000`, `1.02:03:04`) as a `time` of JUnit. */
function secondsOfSpan(span: string | undefined): string | undefined {
  const match = /^(?:(\d{1,5})\.)?(\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)$/.exec(span ?? '');
  if (match === null) return span;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
  ];
  return String(Math.round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1e7) / 1e7);
}

function dropUndefined(attributes: Record<string, string | undefined>): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
