/**
 * JUnit XML as it is found in the wild, read as a stream: lenient in what writers do wrong without harm, strict in what
 * would let a red run look green.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { SaxesParser } from 'saxes';
import {
  type Failure,
  fail,
  noTests,
  succeed,
  type TestCase,
  type TestCounts,
  type TestProperty,
  type TestStatus,
} from '../core/outcome.ts';
import { decodeXml, MalformedReport, type SieveLimits, XmlSieve } from './bounded-xml.ts';

export interface JUnitSuite {
  /** As in `TestCase.suite`. */
  name: string;
  /** Seconds the suite says it took; the sum of its own cases when it says nothing. */
  seconds: number;
  /** The suite's own `timestamp`, as written. */
  timestamp?: string;
}

export interface JUnitReport {
  /** What the report calls itself in messages, usually its path relative to the results. */
  file: string;
  /** In the order in which they end; the first `limits.keptSuites` of them. */
  suites: JUnitSuite[];
  /** In the order of the file. Beyond `limits.keptCases` and `limits.keptFailures` cases are counted but not kept. */
  cases: TestCase[];
  /** Counted from the cases, never taken from attributes. All zero is no reason to be green. */
  counts: TestCounts;
  /** Cases that are in `counts` but not in `cases`. */
  casesLeftOut: number;
  /**
   * Failures and errors that the suites' attributes claim. More than none here and none in `counts` is a contradiction
   * that a verdict should not pass over.
   */
  claimedFailures: number;
  /** Failed runs that the cases show, those that a later run of the same test replaced included. */
  failedRuns: number;
  /** What was tolerated: filtered characters, counts that lie, times that are none, cuts. One line each. */
  warnings: string[];
}

/** Bounds on what one report may take of memory. */
export interface JUnitLimits {
  /** Nesting of elements; deeper is refused. */
  depth: number;
  /** Names of suites, classes and cases, and file names; longer ones are cut with an ellipsis. */
  nameChars: number;
  /** The message of one case. */
  messageChars: number;
  /** The details of one case. */
  detailsChars: number;
  /** The details of all cases together; what comes after keeps at most a sixteenth of `messageChars` each. */
  totalDetailsChars: number;
  /** Passed and skipped cases kept. */
  keptCases: number;
  /** Failed, erroneous and flaky cases kept. */
  keptFailures: number;
  keptSuites: number;
}

const defaultJUnitLimits: Readonly<JUnitLimits> = {
  depth: 100,
  nameChars: 1000,
  messageChars: 4000,
  detailsChars: 64 * 1024,
  totalDetailsChars: 4 * 1024 * 1024,
  keptCases: 20_000,
  keptFailures: 20_000,
  keptSuites: 10_000,
};

export interface ReadJUnitOptions {
  /** What to call the report in messages; the path when there is one. */
  file?: string;
  limits?: Partial<JUnitLimits>;
  /** Aborting it makes the reading throw the signal's reason. */
  signal?: AbortSignal;
}

/**
 * A report, or a failure of kind `report` with file and line. `foreignRoot` names the root element of a file that is
 * XML but no JUnit report at all (`coverage`, say), so that a caller who took all `*.xml` may leave it aside. `partial` is
 * what stood before the end of a file whose writer was killed: good for telling which tests had finished, and for no more.
 */
export type JUnitReading =
  | { ok: true; value: JUnitReport }
  | { ok: false; failure: Failure; foreignRoot?: string; partial?: JUnitReport };

/**
 * Reads one JUnit report in memory that does not grow with its size.
 *
 * Tolerated, with a warning where something was lost: characters that XML forbids, other encodings, nested suites,
 * missing or wrong counts, `1,234.5` seconds, several failures in one case, reruns told as `flakyFailure` or as repeated
 * cases. Refused as kind `report`: an empty or truncated file, XML that is not well-formed, another root than
 * `testsuites` or `testsuite`, a DOCTYPE, elements nested deeper than `limits.depth`.
 *
 * Cases of equal suite, class, name and file are one flaky test when an earlier one failed and a later one passed; a
 * verdict must hold that against the exit code, since nothing in the report tells a rerun from a second test of the same
 * name. In pytest's reports, where names are unique, an earlier pass is a failed run too: pytest-rerunfailures writes it
 * without its failure. In all other combinations each counts for itself.
 *
 * @throws the signal's reason when it is aborted; everything else comes as a value.
 */
export async function readJUnit(
  source: string | AsyncIterable<Uint8Array>,
  options: ReadJUnitOptions = {},
): Promise<JUnitReading> {
  const { signal } = options;
  const file = options.file ?? (typeof source === 'string' ? source : 'the JUnit report');
  const limits = { ...defaultJUnitLimits, ...options.limits };
  signal?.throwIfAborted();
  const bytes = typeof source === 'string' ? createReadStream(source) : source;
  const builder = new ReportBuilder(file, limits);
  try {
    return succeed(await parseReport(bytes, builder, limits, signal));
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof MalformedReport) {
      const at = error.line === undefined ? '' : ` (line ${error.line})`;
      const failed = fail('report', `${file} ${error.message}${at}`, { hint: hintFor(error) });
      if (error.foreignRoot !== undefined) return { ...failed, foreignRoot: error.foreignRoot };
      return wasCutOff(error) ? { ...failed, partial: builder.tell() } : failed;
    }
    if (error instanceof Error && 'code' in error && 'syscall' in error) {
      return fail('report', `${file} cannot be read: ${error.message}`);
    }
    throw error;
  }
}

function wasCutOff(error: MalformedReport): boolean {
  return /is cut off|ends in the middle/.test(error.message);
}

function hintFor(error: MalformedReport): string {
  return error.message === emptyReport || wasCutOff(error)
    ? 'The test process ended before it had written its report; see the end of its log for the reason'
    : '';
}

const emptyReport = 'is empty';

async function parseReport(
  bytes: AsyncIterable<Uint8Array>,
  builder: ReportBuilder,
  limits: JUnitLimits,
  signal: AbortSignal | undefined,
): Promise<JUnitReport> {
  const parser = new SaxesParser<{ xmlns: false }>();
  let pieceLine = 1;
  let parserLine = 1;
  const lineNow = (): number => pieceLine + parser.line - parserLine;

  parser.on('error', (error) => {
    // saxes begins its messages with line and column of what it was given, which is not what the file holds.
    const problem = error.message.replace(/^\d+:\d+: /, '').replace(/\.$/, '');
    const unclosed = /^unclosed tag: (.{1,100})/.exec(problem)?.[1];
    throw new MalformedReport(
      unclosed === undefined ? `is not well-formed XML: ${problem}` : `is cut off: its <${unclosed}> never ends`,
      { line: lineNow() },
    );
  });
  parser.on('opentag', ({ name, attributes }) => builder.open(name, attributes, lineNow()));
  parser.on('closetag', ({ name }) => builder.close(name));
  parser.on('text', (text) => builder.addText(text));
  parser.on('cdata', (text) => builder.addText(text));

  const sieveLimits: SieveLimits = {
    headChars: Math.ceil(limits.detailsChars * 0.75),
    tailChars: Math.ceil(limits.detailsChars * 0.25),
    valueChars: builder.valueChars,
    tagValueChars: 8 * builder.valueChars,
    tagChars: 256 * 1024,
  };
  const sieve = new XmlSieve(sieveLimits, (piece, line) => {
    pieceLine = line;
    parserLine = parser.line;
    parser.write(piece);
  });

  let sawCharacters = false;
  for await (const chunk of decodeXml(bytes, (warning) => builder.warn(warning))) {
    signal?.throwIfAborted();
    sawCharacters ||= /\S/.test(chunk);
    sieve.write(chunk);
  }
  if (!sawCharacters) throw new MalformedReport(emptyReport);
  sieve.end();
  parser.close();
  return builder.finish(sieve);
}

// ── from elements to cases ──────────────────────────────────────────────────────────────────────────────────────────

type Attributes = Record<string, string>;

interface OpenSuite {
  path: string;
  declared: { tests: number | undefined; failures: number | undefined; errors: number | undefined };
  /** As counted, of this suite and those in it. */
  tests: number;
  failed: number;
  /** Of these, runs that a later run of the same test has replaced. */
  replacedTests: number;
  replacedFailed: number;
  claimedFailures: number;
  /** Whether its writer gives each test a name of its own, so that a repeated name is a rerun. */
  hasUniqueNames: boolean;
  ownSeconds: number;
  declaredSeconds: number | undefined;
  timestamp: string | undefined;
}

interface Problem {
  status: Exclude<TestStatus, 'passed'>;
  message: string;
  type: string;
  details: string;
}

interface OpenCase {
  attributes: Attributes;
  properties: TestProperty[];
  problems: Problem[];
  /** Failed runs told inside the case, by surefire's `flakyFailure` and its like. */
  earlierRuns: Problem[];
}

const problemStatus: Record<string, Problem['status']> = { failure: 'failed', error: 'error', skipped: 'skipped' };
/** https://maven.apache.org/surefire/maven-surefire-plugin/examples/rerun-failing-tests.html */
const earlierRunNames = new Set(['flakyFailure', 'flakyError', 'rerunFailure', 'rerunError']);

/** What writers without child elements say in `status` or `result` (googletest's `notrun` among them). */
const statusWords: Record<string, Problem['status']> = {
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

const maxWarnings = 20;
/** Of one case. */
const maxProperties = 20;

/** What the root element of our own normalised report is called. */
export const normalisedName = 'k8s-test-action';

class ReportBuilder {
  /** More of a value than is shown, since names are compared in full to find repeated cases. */
  readonly valueChars: number;

  readonly #file: string;
  readonly #limits: JUnitLimits;
  readonly #warnings: string[] = [];
  #warningsLeftOut = 0;
  readonly #elements: string[] = [];
  readonly #suites: OpenSuite[] = [];
  readonly #endedSuites: JUnitSuite[] = [];
  #case: OpenCase | undefined;
  #problem: Problem | undefined;
  /** Elements open around the one whose problem is being read. */
  #problemDepth = 0;

  readonly #kept: TestCase[] = [];
  #keptFailures = 0;
  #keptOthers = 0;
  readonly #counts: TestCounts = { ...noTests };
  #casesLeftOut = 0;
  #claimedFailures = 0;
  #failedRuns = 0;
  #detailsChars = 0;
  #detailsSaved = 0;
  #oddTimes = 0;
  #suitesWithoutCounts = 0;
  #namesCut = 0;
  #propertiesLeftOut = 0;
  /** Our own normalised reports count lines from 1 whatever the suite is called. */
  #normalised = false;
  #superseded = new Set<TestCase>();
  /**
   * Kept cases that a later one of the same name may replace, by what identifies them: failed ones, and those of suites
   * with unique names.
   */
  readonly #keptByKey = new Map<string, TestCase[]>();

  constructor(file: string, limits: JUnitLimits) {
    this.#file = file;
    this.#limits = limits;
    this.valueChars = 4 * Math.max(limits.nameChars, limits.messageChars);
  }

  warn(warning: string): void {
    if (this.#warnings.length < maxWarnings) this.#warnings.push(`${this.#file} ${warning}`);
    else this.#warningsLeftOut++;
  }

  open(name: string, attributes: Attributes, line: number): void {
    const root = this.#elements.length === 0;
    if (root && name !== 'testsuites' && name !== 'testsuite') {
      const shown = cut(name, 100);
      throw new MalformedReport(`is no JUnit report: its root element is <${shown}>`, { line, foreignRoot: shown });
    }
    if (this.#elements.length >= this.#limits.depth) {
      throw new MalformedReport(`nests elements more than ${this.#limits.depth} deep`, { line });
    }
    if (root) this.#normalised = attributes.name === normalisedName;
    this.#elements.push(name);

    if (this.#case === undefined) {
      if (name === 'testsuites' || name === 'testsuite') this.#openSuite(name, attributes);
      else if (name === 'testcase') this.#case = { attributes, properties: [], problems: [], earlierRuns: [] };
      // A failure of the suite itself (its set-up, its imports) belongs to no case, but red it is.
      else if (this.#problem === undefined && (name === 'failure' || name === 'error')) {
        this.#openProblem(problemStatus[name]!, attributes);
      }
      return;
    }
    if (name === 'testcase') throw new MalformedReport('has a test case inside a test case', { line });
    if (this.#problem !== undefined) return;
    const status = problemStatus[name];
    if (status !== undefined) this.#openProblem(status, attributes);
    else if (earlierRunNames.has(name)) this.#openProblem(name.endsWith('Error') ? 'error' : 'failed', attributes);
    else if (name === 'property') this.#takeProperty(this.#case, attributes);
  }

  addText(text: string): void {
    const problem = this.#problem;
    if (problem === undefined) return;
    // Text of an element within (surefire's system-out in a flakyFailure) is output, not the failure's own words.
    const inner = this.#elements.at(-1)!;
    if (problemStatus[inner] === undefined && !earlierRunNames.has(inner) && inner !== 'stackTrace') return;
    const room = this.#limits.detailsChars + cutNoteChars - problem.details.length;
    if (room > 0) problem.details += text.slice(0, room);
  }

  close(name: string): void {
    this.#elements.pop();
    const open = this.#case;
    if (this.#problem !== undefined && this.#elements.length < this.#problemDepth) {
      const problem = this.#problem;
      this.#problem = undefined;
      if (open === undefined) this.#addSuiteProblem(problem);
      else if (earlierRunNames.has(name)) keepLast(open.earlierRuns, problem);
      else keepFirst(open.problems, problem);
      return;
    }
    if (this.#problem !== undefined) return;
    if (name === 'testcase' && open !== undefined) {
      this.#case = undefined;
      this.#endCase(open);
    } else if ((name === 'testsuite' || name === 'testsuites') && open === undefined) this.#endSuite(name);
  }

  finish(sieve: XmlSieve): JUnitReport {
    if (sieve.filteredChars > 0)
      this.warn(`held ${sieve.filteredChars} characters that XML forbids; they were left out`);
    if (sieve.replacementChars > 0) this.warn(`held ${sieve.replacementChars} characters that could not be decoded`);
    if (sieve.textsCut > 0) this.warn(`held ${sieve.textsCut} texts too long to keep; their begin and end were kept`);
    if (this.#oddTimes > 0) this.warn(`gave ${this.#oddTimes} times that are none (taken as 0 s)`);
    if (this.#namesCut > 0) this.warn(`held ${this.#namesCut} names longer than ${this.#limits.nameChars} characters`);
    if (this.#propertiesLeftOut > 0)
      this.warn(
        `held ${this.#propertiesLeftOut} properties beyond the first ${maxProperties} of a test; they were left out`,
      );
    if (this.#suitesWithoutCounts > 0) this.warn(`gave no counts for ${this.#suitesWithoutCounts} suites`);
    if (this.#detailsSaved > 0)
      this.warn(`held so many failures that the details of ${this.#detailsSaved} were cut short`);
    if (this.#casesLeftOut > 0) this.warn(`held more cases than are kept: ${this.#casesLeftOut} are only counted`);
    if (this.#warningsLeftOut > 0) this.#warnings.push(`${this.#file}: ${this.#warningsLeftOut} more warnings`);
    return this.tell();
  }

  /** All that was read so far. */
  tell(): JUnitReport {
    return {
      file: this.#file,
      suites: this.#endedSuites,
      cases: this.#superseded.size === 0 ? this.#kept : this.#kept.filter((kept) => !this.#superseded.has(kept)),
      counts: this.#counts,
      casesLeftOut: this.#casesLeftOut,
      claimedFailures: this.#claimedFailures,
      failedRuns: this.#failedRuns,
      warnings: this.#warnings,
    };
  }

  #openProblem(status: Problem['status'], attributes: Attributes): void {
    this.#problemDepth = this.#elements.length;
    this.#problem = { status, message: attributes.message ?? '', type: attributes.type ?? '', details: '' };
  }

  #openSuite(element: string, attributes: Attributes): void {
    const parent = this.#suites.at(-1)?.path ?? '';
    const own = element === 'testsuites' ? '' : this.#name(attributes.name ?? '');
    const declaredSeconds = attributes.time === undefined ? undefined : this.#seconds(attributes.time);
    this.#suites.push({
      // Writers that nest often give the inner suite its whole path already.
      path: cut(
        own === '' || own === parent ? parent : parent === '' ? own : `${parent} / ${own}`,
        this.#limits.nameChars,
      ),
      declared: {
        tests: parseCount(attributes.tests),
        failures: parseCount(attributes.failures),
        errors: parseCount(attributes.errors),
      },
      tests: 0,
      failed: 0,
      replacedTests: 0,
      replacedFailed: 0,
      // The default of pytest's junit_suite_name; within a session its node ids are unique.
      hasUniqueNames: own === 'pytest' && !this.#normalised,
      claimedFailures: 0,
      ownSeconds: 0,
      declaredSeconds,
      timestamp: attributes.timestamp,
    });
  }

  #endSuite(element: string): void {
    const suite = this.#suites.pop()!;
    const { tests, failures, errors } = suite.declared;
    const called = suite.path === '' ? 'the whole report' : `suite "${cut(suite.path, 100)}"`;
    if (tests === undefined && element === 'testsuite') this.#suitesWithoutCounts++;
    // Some writers count a rerun as a test and some do not; both tell the truth.
    if (tests !== undefined && (tests > suite.tests || tests < suite.tests - suite.replacedTests)) {
      this.warn(`says ${tests} tests for ${called} but holds ${suite.tests}`);
    }
    const claimed = (failures ?? 0) + (errors ?? 0);
    if (
      (failures !== undefined || errors !== undefined) &&
      (claimed > suite.failed || claimed < suite.failed - suite.replacedFailed)
    ) {
      this.warn(`says ${claimed} failures and errors for ${called} but holds ${suite.failed} failed cases`);
    }
    suite.claimedFailures = Math.max(suite.claimedFailures, claimed);
    const parent = this.#suites.at(-1);
    if (parent === undefined) this.#claimedFailures = suite.claimedFailures;
    else {
      parent.tests += suite.tests;
      parent.failed += suite.failed;
      parent.replacedTests += suite.replacedTests;
      parent.replacedFailed += suite.replacedFailed;
      parent.claimedFailures += suite.claimedFailures;
    }
    if (element === 'testsuite' && this.#endedSuites.length < this.#limits.keptSuites) {
      this.#endedSuites.push({
        name: detach(suite.path),
        seconds: suite.declaredSeconds ?? suite.ownSeconds,
        ...(suite.timestamp === undefined ? {} : { timestamp: detach(cut(suite.timestamp, 100)) }),
      });
    }
  }

  #addSuiteProblem(problem: Problem): void {
    const suite = this.#suites.at(-1)!;
    this.#endCase({
      attributes: { name: `(suite) ${suite.path}` },
      properties: [],
      problems: [problem],
      earlierRuns: [],
    });
  }

  #endCase({ attributes, properties, problems, earlierRuns }: OpenCase): void {
    const suite = this.#suites.at(-1)!;
    const seconds = attributes.time === undefined ? 0 : this.#seconds(attributes.time);
    if (problems.length === 0) {
      const word =
        statusWords[(attributes.result ?? '').toLowerCase()] ?? statusWords[(attributes.status ?? '').toLowerCase()];
      if (word !== undefined) problems.push({ status: word, message: '', type: '', details: '' });
    }
    const status = worst(problems);
    const isFailure = status === 'failed' || status === 'error';
    suite.tests++;
    suite.ownSeconds += seconds;
    if (isFailure) suite.failed++;
    this.#failedRuns += earlierRuns.length + (isFailure ? 1 : 0);

    let flakyRuns = earlierRuns.length;
    const replaceable = isFailure || suite.hasUniqueNames;
    const key = replaceable || this.#keptByKey.size > 0 ? this.#keyOf(suite, attributes) : undefined;
    const before = (key === undefined ? undefined : this.#keptByKey.get(key)) ?? [];
    // A pass replaces failures. A pass that is not the last word of a test was none: pytest-rerunfailures writes the
    // failed runs without a failure in them. A failure and an error after it are both told, as pytest does.
    const replaced = before.filter((earlier) => status === 'passed' || earlier.status === 'passed');
    for (const earlier of replaced) {
      this.#uncount(earlier, suite);
      flakyRuns += 1 + (earlier.flakyRuns ?? 0);
    }
    const standing = before.filter((earlier) => !replaced.includes(earlier));
    if (key !== undefined && replaced.length > 0) this.#keptByKey.set(key, standing);

    this.#counts.total++;
    if (status === 'failed') this.#counts.failed++;
    else if (status === 'error') this.#counts.errors++;
    else this.#counts[status]++;
    if (status === 'passed' && flakyRuns > 0) this.#counts.flaky++;

    const ofInterest = isFailure || flakyRuns > 0;
    const room = ofInterest
      ? this.#keptFailures < this.#limits.keptFailures
      : this.#keptOthers < this.#limits.keptCases;
    if (!room) {
      this.#casesLeftOut++;
      return;
    }
    if (ofInterest) this.#keptFailures++;
    else this.#keptOthers++;

    const told = problems.length > 0 ? problems : earlierRuns.slice(-1);
    const kept: TestCase = {
      suite: detach(suite.path),
      name: detach(this.#name(attributes.name ?? '') || '(unnamed)'),
      classname: detach(this.#name(attributes.classname ?? attributes.class ?? '')),
      seconds,
      status,
      message: detach(cut(told.map(messageOf).filter(Boolean).join('\n'), this.#limits.messageChars)),
      details: this.#details(told),
    };
    const lastReplaced = replaced.at(-1);
    if (lastReplaced !== undefined && told.length === 0) {
      kept.message = lastReplaced.message;
      kept.details = lastReplaced.details;
    }
    if (properties.length > 0) kept.properties = properties;
    if (flakyRuns > 0) kept.flakyRuns = flakyRuns;
    this.#place(kept, attributes, suite);
    this.#kept.push(kept);
    if (replaceable && key !== undefined) this.#keptByKey.set(key, [...standing, kept]);
  }

  #takeProperty({ properties }: OpenCase, { name = '', value = '' }: Attributes): void {
    // Our own are what a case of ours says of itself already.
    if (name === '' || value === '' || name.startsWith(`${normalisedName}.`)) return;
    if (properties.length < maxProperties)
      properties.push({ name: detach(this.#name(name)), value: detach(this.#name(value)) });
    else this.#propertiesLeftOut++;
  }

  /** Takes back a run that a later one of the same test has replaced. */
  #uncount(earlier: TestCase, suite: OpenSuite): void {
    this.#superseded.add(earlier);
    suite.replacedTests++;
    this.#counts.total--;
    if (earlier.status === 'failed') this.#counts.failed--;
    else if (earlier.status === 'error') this.#counts.errors--;
    else this.#counts[earlier.status]--;
    if (earlier.status === 'failed' || earlier.status === 'error') {
      this.#keptFailures--;
      suite.replacedFailed++;
    } else if (earlier.flakyRuns !== undefined) {
      this.#keptFailures--;
      if (earlier.status === 'passed') this.#counts.flaky--;
    } else this.#keptOthers--;
  }

  #place(kept: TestCase, attributes: Attributes, suite: OpenSuite): void {
    const file = attributes.file;
    const line = parseCount(attributes.line);
    const failing = kept.details === '' ? undefined : locateFailure(kept.details);
    if (file !== undefined && file !== '') {
      kept.file = detach(this.#name(file));
      // pytest (junit_family=xunit1) writes the line of the test counted from 0.
      if (line !== undefined) kept.line = suite.hasUniqueNames ? line + 1 : Math.max(line, 1);
      // The line that failed says more than the one where the test begins.
      if (failing !== undefined && samePath(failing.file, kept.file)) kept.line = failing.line;
    } else if (failing !== undefined) {
      kept.file = detach(this.#name(failing.file));
      kept.line = failing.line;
    }
  }

  /** What tells a case from others, or undefined when its names are too long to have been read whole. */
  #keyOf(suite: OpenSuite, attributes: Attributes): string | undefined {
    const parts = [suite.path, attributes.classname ?? '', attributes.name ?? '', attributes.file ?? ''];
    if (parts.some((part) => part.length >= this.valueChars - 1)) return undefined;
    return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
  }

  #details(problems: readonly Problem[]): string {
    let details = problems
      .map(({ details: text }) => trimLines(text))
      .filter(Boolean)
      .join('\n\n');
    const shortChars = Math.floor(this.#limits.messageChars / 16);
    if (details.length > shortChars && this.#detailsChars >= this.#limits.totalDetailsChars) {
      details = cut(details, shortChars);
      this.#detailsSaved++;
    }
    details = cut(details, this.#limits.detailsChars + cutNoteChars);
    this.#detailsChars += details.length;
    return detach(details);
  }

  #name(text: string): string {
    if (text.length <= this.#limits.nameChars) return text;
    this.#namesCut++;
    return cut(text, this.#limits.nameChars);
  }

  #seconds(text: string): number {
    const seconds = parseSeconds(text);
    if (seconds !== undefined) return seconds;
    this.#oddTimes++;
    return 0;
  }
}

/** Room for the note with which the sieve marks what it left out. */
const cutNoteChars = 100;

/** More problems in one case than this are counted as one. */
const maxProblems = 10;

function keepFirst(problems: Problem[], problem: Problem): void {
  if (problems.length < maxProblems) problems.push(problem);
  // The worst is never lost, however many skips stand before it.
  else if (problem.status !== 'skipped') problems[maxProblems - 1] = problem;
}

function keepLast(problems: Problem[], problem: Problem): void {
  // Their number is told, so each stays; their text is needed of the last one alone.
  for (const earlier of problems) earlier.details = '';
  if (problems.length < 1000) problems.push(problem);
}

function worst(problems: readonly Problem[]): TestStatus {
  if (problems.some(({ status }) => status === 'failed')) return 'failed';
  if (problems.some(({ status }) => status === 'error')) return 'error';
  return problems.length > 0 ? 'skipped' : 'passed';
}

function messageOf({ message, type, details }: Problem): string {
  if (message.trim() !== '') return message.trim();
  const firstLine = /\S.*/.exec(details.slice(0, 10_000))?.[0].trim();
  return firstLine ?? type;
}

function cut(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  return `${text.slice(0, maxChars - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** A copy of a text that does not keep the whole chunk of the file in memory of which V8 made it a slice. */
function detach(text: string): string {
  if (text.length < 13) return text;
  // A text of small code points takes one byte for each, which V8 does not see by itself.
  const encoding = beyondLatin1.test(text) ? 'utf16le' : 'latin1';
  // One buffer for all: a buffer for each would be garbage that V8 does not count.
  if (scratch.length < 2 * text.length) scratch = Buffer.allocUnsafeSlow(2 * text.length);
  return scratch.toString(encoding, 0, scratch.write(text, encoding));
}

let scratch = Buffer.allocUnsafeSlow(256 * 1024);
const beyondLatin1 = /[\u0100-\uffff]/;

function parseCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text.trim()) ? Number(text) : undefined;
}

/**
 * Seconds of a `time` attribute, or undefined for what is no time (negative ones, `NaN`). A comma before the last point
 * groups thousands (`1,234.5`, as surefire writes it); a comma without a point is a decimal comma (`0,123`), since
 * tests that take a round number of thousands of seconds are rarer than German machines.
 */
export function parseSeconds(text: string): number | undefined {
  const trimmed = text.trim().replace(/\s*s$/, '');
  let plain: string;
  if (/^\d{1,3}(,\d{3})+\.\d*$/.test(trimmed)) plain = trimmed.replaceAll(',', '');
  else if (/^\d{1,3}(\.\d{3})+,\d*$/.test(trimmed)) plain = trimmed.replaceAll('.', '').replace(',', '.');
  else if (/^\d*,\d+$/.test(trimmed)) plain = trimmed.replace(',', '.');
  else plain = trimmed;
  if (!/^(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(plain)) return undefined;
  const seconds = Number(plain);
  return Number.isFinite(seconds) ? seconds : undefined;
}

const libraryPath =
  /(^|[/\\])(site-packages|dist-packages|node_modules)[/\\]|[/\\]lib(64)?[/\\]python\d[\d.]*[/\\]|^node:|<frozen/;
const tracePatterns = [
  /** pytest's long form ends each entry so: `tests/test_a.py:12: AssertionError`. */
  /^([^\s:][^:]{0,500}\.py):(\d{1,7}): /,
  /** Python's own: `File "/app/tests/test_a.py", line 12, in test_a`. */
  /^\s*File "([^"]{1,500})", line (\d{1,7})/,
  /** Go: `orders_test.go:12: want 3, got 4`. */
  /^\s*([\w./-]{1,500}\.go):(\d{1,7})/,
];
/** JavaScript, innermost frame first: `at fn (/app/a.test.ts:12:3)`. */
const javascriptFrame = /^\s*(?:at |❯ ).{0,200}?\(?((?:file:\/\/)?[\w@./-]{1,300}\.[cm]?[jt]sx?):(\d{1,7}):\d{1,7}\)?$/;

/** Where a stack trace says that a test failed: the frame nearest to the failure that is no library's. */
export function locateFailure(details: string): { file: string; line: number } | undefined {
  let found: { file: string; line: number } | undefined;
  for (const text of details.split('\n')) {
    if (text.length > 1000) continue;
    const frame = javascriptFrame.exec(text);
    if (frame !== null && !libraryPath.test(frame[1]!)) {
      return { file: frame[1]!.replace(/^file:\/\//, ''), line: Number(frame[2]) };
    }
    for (const pattern of tracePatterns) {
      const match = pattern.exec(text);
      if (match !== null && !libraryPath.test(match[1]!)) found = { file: match[1]!, line: Number(match[2]) };
    }
  }
  return found;
}

function samePath(one: string, other: string): boolean {
  const [a, b] = [path.posix.normalize(one), path.posix.normalize(other)];
  return a === b || a.endsWith(`/${b}`) || b.endsWith(`/${a}`);
}

/** Without white space at its end and empty lines at its begin; the indentation of its first line stays. */
function trimLines(text: string): string {
  const first = text.search(/\S/);
  return first < 0 ? '' : text.slice(text.lastIndexOf('\n', first) + 1).trimEnd();
}
