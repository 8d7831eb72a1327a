/** From the elements of a report to its cases. */

import { createHash } from 'node:crypto';
import { must } from '../core/must.ts';
import { noTests, type TestCase, type TestCounts } from '../core/outcome.ts';
import { MalformedReport, type XmlSieve } from './bounded-xml.ts';
import {
  couldNotStart,
  earlierRunNames,
  errorOutputChars,
  keepFirst,
  keepLast,
  mayFail,
  type Problem,
  problemOfAttributes,
  problemOfOutput,
  problemOfSuite,
  statusOfElement,
  worst,
} from './case-problems.ts';
import {
  type JUnitLimits,
  type JUnitReport,
  type JUnitSuite,
  type KeptTotals,
  normalisedName,
} from './junit-report.ts';
import { placeOfCase } from './locate-failure.ts';
import { type Attributes, type KeptCase, type OpenCase, type OpenSuite, openCase } from './open-elements.ts';
import type { ReportSink } from './report-sink.ts';
import { countRan, cut, detach, parseCount, parseSeconds } from './report-values.ts';
import { cutNoteChars, TextRoom } from './text-room.ts';

const maxWarnings = 20;
/** Of one case. */
const maxProperties = 20;

export class ReportBuilder implements ReportSink {
  /** More of a value than is shown, since names are compared in full to find repeated cases. */
  readonly valueChars: number;

  readonly #file: string;
  readonly #limits: JUnitLimits;
  readonly #warnings: string[] = [];
  #warningsLeftOut = 0;
  readonly #elements: string[] = [];
  readonly #suites: OpenSuite[] = [];
  readonly #endedSuites: { ended: JUnitSuite; host: string }[] = [];
  /** Hosts of equally named suites. */
  readonly #hosts = new Map<string, Set<string>>();
  #case: OpenCase | undefined;
  #problem: Problem | undefined;
  /** Elements open around the one whose problem is being read. */
  #problemDepth = 0;

  readonly #kept: KeptCase[] = [];
  /** Shared with other reports. */
  readonly #totals: KeptTotals;
  readonly #counts: TestCounts = { ...noTests };
  #casesLeftOut = 0;
  #claimedFailures = 0;
  #claimedTests = 0;
  #failedRuns = 0;
  readonly #texts: TextRoom;
  #oddTimes = 0;
  #suitesWithoutCounts = 0;
  #namesCut = 0;
  #propertiesLeftOut = 0;
  #propertiesBeyondRoom = 0;
  /** Our own normalised reports mark reruns as such, and count lines from 1 for any name of a suite. */
  #normalised = false;
  #isPytest = false;
  #superseded = new Set<TestCase>();
  /**
   * Kept cases that a later one of the same name may replace, by what identifies them: failed ones, and those of suites
   * with unique names.
   */
  readonly #keptByKey = new Map<string, KeptCase[]>();
  readonly #repeatsAreReruns: boolean;

  /** @param repeatsAreReruns whether a failed case is a rerun when a later one of the same name passed. */
  constructor(file: string, limits: JUnitLimits, totals: KeptTotals, repeatsAreReruns: boolean) {
    this.#file = file;
    this.#limits = limits;
    this.#totals = totals;
    this.#texts = new TextRoom(limits, totals);
    this.#repeatsAreReruns = repeatsAreReruns;
    this.valueChars = 4 * Math.max(limits.nameChars, limits.messageChars);
  }

  warn(warning: string): void {
    if (this.#totals.warnings >= this.#limits.keptWarnings) this.#totals.warningsLeftOut++;
    else if (this.#warnings.length >= maxWarnings) this.#warningsLeftOut++;
    else {
      this.#totals.warnings++;
      this.#warnings.push(`${this.#file} ${warning}`);
    }
  }

  open(name: string, attributes: Attributes, line: number): void {
    const root = this.#elements.length === 0;
    if (root && name !== 'testsuites' && name !== 'testsuite') {
      const shown = cut(name, 100);
      throw new MalformedReport(`is no JUnit report: its root element is <${shown}>`, { line, foreignRoot: shown });
    }
    if (root) {
      this.#normalised = attributes.name === normalisedName;
      this.#isPytest = attributes.name === 'pytest tests';
    }
    this.#elements.push(name);

    if (this.#case === undefined) {
      if (name === 'testsuites' || name === 'testsuite') this.#openSuite(name, attributes);
      else if (name === 'testcase') this.#case = openCase(attributes);
      // A failure of the suite itself (its set-up, its imports) belongs to no case, but red it is.
      else if (this.#problem === undefined && (name === 'failure' || name === 'error'))
        this.#openProblem(name === 'failure' ? 'failed' : 'error', attributes);
      return;
    }
    if (name === 'testcase') throw new MalformedReport('has a test case inside a test case', { line });
    if (this.#problem !== undefined) return;
    if (earlierRunNames.has(name)) this.#openProblem(name.endsWith('Error') ? 'error' : 'failed', attributes);
    else if (name === 'property') this.#takeProperty(this.#case, attributes);
    else if (name === 'Pass') this.#case.saysPass = '';
    else this.#openResult(name, attributes);
  }

  /** Words that are no elements of JUnit are a result only right within the case: elsewhere they may be anything. */
  #openResult(name: string, attributes: Attributes): void {
    const status = statusOfElement(name);
    const isKnown = name === 'failure' || name === 'error' || name === 'skipped';
    if (status === undefined || !(isKnown || this.#elements.at(-2) === 'testcase')) return;
    const message = isKnown ? {} : { message: `the report says <${name}> of this test` };
    this.#openProblem(status, { ...message, ...attributes });
  }

  addText(text: string): void {
    const problem = this.#problem;
    const within = this.#elements.at(-1);
    if (this.#case !== undefined && (within === 'system-out' || within === 'system-err'))
      this.#case.attachments.addText(text);
    if (this.#case?.saysPass !== undefined && this.#elements.at(-1) === 'Pass')
      this.#case.saysPass = cut(this.#case.saysPass + text.trim(), 100);
    if (problem === undefined) {
      const suite =
        this.#case === undefined && this.#elements.at(-1) === 'system-err' ? this.#suites.at(-1) : undefined;
      if (suite !== undefined) suite.errorOutput = cut(suite.errorOutput + text, errorOutputChars);
      return;
    }
    // Text of an element within (surefire's system-out in a flakyFailure) is output, not the failure's message.
    const inner = this.#elements.at(-1) ?? '';
    if (statusOfElement(inner) === undefined && !earlierRunNames.has(inner) && inner !== 'stackTrace') return;
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

  /** All of it, once the file has ended. */
  finish(sieve?: XmlSieve): JUnitReport {
    if (sieve !== undefined) this.#warnOfSieve(sieve);
    if (this.#oddTimes > 0) this.warn(`gave ${this.#oddTimes} invalid times (read as 0 s)`);
    if (this.#namesCut > 0) this.warn(`held ${this.#namesCut} names longer than ${this.#limits.nameChars} characters`);
    if (this.#propertiesLeftOut > 0)
      this.warn(
        `held ${this.#propertiesLeftOut} properties beyond the first ${maxProperties} of a test; they were left out`,
      );
    if (this.#propertiesBeyondRoom > 0)
      this.warn(`held ${this.#propertiesBeyondRoom} properties for which there was no room; they were left out`);
    if (this.#suitesWithoutCounts > 0) this.warn(`gave no counts for ${this.#suitesWithoutCounts} suites`);
    for (const warning of this.#texts.warnings) this.warn(warning);
    if (this.#casesLeftOut > 0) this.warn(`held more cases than are kept: ${this.#casesLeftOut} are only counted`);
    if (this.#warningsLeftOut > 0) this.#warnings.push(`${this.#file}: ${this.#warningsLeftOut} more warnings`);
    return this.tell();
  }

  #warnOfSieve(sieve: XmlSieve): void {
    if (sieve.filteredChars > 0)
      this.warn(`held ${sieve.filteredChars} characters that XML forbids; they were left out`);
    if (sieve.replacementChars > 0) this.warn(`held ${sieve.replacementChars} characters that could not be decoded`);
    if (sieve.textsCut > 0)
      this.warn(`held ${sieve.textsCut} texts too long to keep; their beginning and end were kept`);
  }

  /** Everything that was read so far. */
  tell(): JUnitReport {
    return {
      file: this.#file,
      suites: this.#endedSuites.map(({ ended, host }) => ({ ...ended, name: this.#nameHost(ended.name, host) })),
      cases: this.#kept
        .filter(({ kept }) => !this.#superseded.has(kept))
        .map(({ kept, suite }) => {
          const name = this.#nameHost(kept.suite, suite.host);
          return name === kept.suite ? kept : { ...kept, suite: name };
        }),
      hosts: this.#hostsBySuite(),
      counts: this.#counts,
      casesLeftOut: this.#casesLeftOut,
      claimedFailures: this.#claimedFailures,
      claimedTests: this.#claimedTests,
      failedRuns: this.#failedRuns,
      warnings: this.#warnings,
    };
  }

  #hostsBySuite(): Map<string, string> {
    const named = this.#kept.filter(({ suite }) => suite.host !== '');
    return new Map(named.map(({ kept, suite }) => [this.#nameHost(kept.suite, suite.host), suite.host]));
  }

  /** The name of a suite, with its host where equally named suites ran on others: `[firefox] shop.spec.ts`. */
  #nameHost(suite: string, host: string): string {
    return (this.#hosts.get(suite)?.size ?? 0) > 1 && host !== ''
      ? cut(`[${host}] ${suite}`, this.#limits.nameChars)
      : suite;
  }

  #openProblem(status: Problem['status'], attributes: Attributes): void {
    this.#problemDepth = this.#elements.length;
    this.#problem = { status, message: attributes.message ?? '', type: attributes.type ?? '', details: '' };
  }

  #openSuite(element: string, attributes: Attributes): void {
    const parent = this.#suites.at(-1)?.path ?? '';
    const own = element === 'testsuites' ? '' : this.#name(attributes.name ?? '');
    const declaredSeconds = attributes.time === undefined ? undefined : this.#seconds(attributes.time);
    // Writers that nest often give the inner suite its whole path already.
    const path = detach(
      cut(own === '' || own === parent ? parent : parent === '' ? own : `${parent} / ${own}`, this.#limits.nameChars),
    );
    const host = detach(this.#name(attributes.hostname ?? this.#suites.at(-1)?.host ?? ''));
    const hosts = this.#hosts.get(path) ?? new Set();
    if (this.#hosts.size < this.#limits.keptSuites) this.#hosts.set(path, hosts);
    if (hosts.size < 2) hosts.add(host);
    this.#suites.push({
      path,
      host,
      declared: {
        tests: parseCount(attributes.tests),
        failures: parseCount(attributes.failures ?? attributes.failed),
        errors: parseCount(attributes.errors),
        ran: countRan(attributes),
      },
      tests: 0,
      failed: 0,
      replacedTests: 0,
      replacedFailed: 0,
      // The default of pytest's junit_suite_name; within a session its node ids are unique.
      hasUniqueNames: (own === 'pytest' || this.#isPytest) && !this.#normalised,
      claimedFailures: 0,
      claimedTests: 0,
      failedRunsBefore: this.#failedRuns,
      errorOutput: '',
      ownSeconds: 0,
      declaredSeconds,
      timestamp: attributes.timestamp,
      saysItself: problemOfSuite(attributes),
    });
  }

  /** The suite that elements belong to now. */
  get #innerSuite(): OpenSuite {
    return must(this.#suites.at(-1), 'an open suite');
  }

  #endSuite(element: string): void {
    this.#addErrorOutput(this.#innerSuite);
    const { saysItself, failedRunsBefore } = this.#innerSuite;
    if (saysItself !== undefined && this.#failedRuns === failedRunsBefore) this.#addSuiteProblem(saysItself);
    const suite = must(this.#suites.pop(), 'a suite to end');
    const { tests, failures, errors } = suite.declared;
    const called = suite.path === '' ? 'the whole report' : `suite "${cut(suite.path, 100)}"`;
    if (tests === undefined && element === 'testsuite') this.#suitesWithoutCounts++;
    // Some writers count a rerun as a test and some do not; both are valid.
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
    suite.claimedTests = Math.max(suite.claimedTests, suite.declared.ran);
    const parent = this.#suites.at(-1);
    if (parent === undefined) {
      this.#claimedFailures = suite.claimedFailures;
      this.#claimedTests = suite.claimedTests;
    } else {
      parent.tests += suite.tests;
      parent.failed += suite.failed;
      parent.replacedTests += suite.replacedTests;
      parent.replacedFailed += suite.replacedFailed;
      parent.claimedFailures += suite.claimedFailures;
      parent.claimedTests += suite.claimedTests;
    }
    if (element === 'testsuite' && this.#totals.suites < this.#limits.keptSuites) {
      this.#totals.suites++;
      const ended = {
        name: suite.path,
        seconds: suite.declaredSeconds ?? suite.ownSeconds,
        ...(suite.timestamp === undefined ? {} : { timestamp: detach(cut(suite.timestamp, 100)) }),
      };
      this.#endedSuites.push({ ended, host: suite.host });
    }
  }

  /**
   * A suite that counts failures which none of its cases has is described by its own output, as newman writes that no server
   * answered.
   */
  #addErrorOutput(suite: OpenSuite): void {
    const claimed = (suite.declared.failures ?? 0) + (suite.declared.errors ?? 0);
    if (suite.errorOutput === '' || claimed <= this.#failedRuns - suite.failedRunsBefore) return;
    const before = suite.tests;
    this.#addSuiteProblem(problemOfOutput(suite.errorOutput));
    // Its writer did not count it as a test.
    suite.replacedTests += suite.tests - before;
  }

  #addSuiteProblem(problem: Problem): void {
    const suite = this.#innerSuite;
    this.#endCase({ ...openCase({ name: `(suite) ${suite.path}` }), problems: [problem] });
  }

  #endCase({ attributes, properties, attachments, problems, earlierRuns, saysPass }: OpenCase): void {
    const suite = this.#innerSuite;
    const said = attributes.time === undefined ? 0 : this.#seconds(attributes.time);
    const seconds = saysPass === undefined ? said : said / 1e9;
    if (problems.length === 0) {
      const problem = problemOfAttributes(saysPass === undefined ? attributes : { result: saysPass });
      if (problem !== undefined) problems.push(problem);
    }
    if (couldNotStart(attributes, problems)) for (const problem of problems) problem.status = 'error';
    const status = worst(problems);
    const isFailure = status === 'failed' || status === 'error';
    suite.tests++;
    suite.ownSeconds += seconds;
    if (isFailure) suite.failed++;
    this.#failedRuns += earlierRuns.length + (isFailure || mayFail(problems) ? 1 : 0);

    let flakyRuns = earlierRuns.length;
    const replaceable = !this.#normalised && (suite.hasUniqueNames || (isFailure && this.#repeatsAreReruns));
    const key = replaceable || this.#keptByKey.size > 0 ? this.#keyOf(suite, attributes) : undefined;
    const replaced = key === undefined ? [] : this.#takeReplaced(key, suite, status);
    for (const earlier of replaced) {
      this.#uncount(earlier, suite);
      flakyRuns += 1 + (earlier.flakyRuns ?? 0);
    }

    this.#counts.total++;
    if (status === 'failed') this.#counts.failed++;
    else if (status === 'error') this.#counts.errors++;
    else this.#counts[status]++;
    if (status === 'passed' && flakyRuns > 0) this.#counts.flaky++;

    const ofInterest = isFailure || flakyRuns > 0;
    const room =
      this.#totals.nameChars < this.#limits.totalNameChars &&
      (ofInterest ? this.#totals.failures < this.#limits.keptFailures : this.#totals.cases < this.#limits.keptCases);
    if (!room) {
      this.#casesLeftOut++;
      return;
    }
    if (ofInterest) this.#totals.failures++;
    else this.#totals.cases++;

    const reported = problems.length > 0 ? problems : earlierRuns.slice(-1);
    const kept: TestCase = {
      suite: suite.path,
      name: detach(this.#name(attributes.name ?? '') || '(unnamed)'),
      classname: detach(this.#name(attributes.classname ?? attributes.class ?? '')),
      seconds,
      status,
      message: this.#texts.keepMessage(reported),
      details: this.#texts.keepDetails(reported),
    };
    const lastReplaced = replaced.at(-1);
    if (lastReplaced !== undefined && reported.length === 0) {
      kept.message = lastReplaced.message;
      kept.details = lastReplaced.details;
    }
    if (properties.length > 0) kept.properties = properties;
    this.#attach(kept, attachments.names);
    if (flakyRuns > 0) kept.flakyRuns = flakyRuns;
    const place = placeOfCase(attributes, kept.details, suite.hasUniqueNames);
    if (place?.file !== undefined) kept.file = detach(this.#name(place.file));
    if (place?.line !== undefined) kept.line = place.line;
    this.#totals.nameChars += kept.name.length + kept.classname.length + (kept.file?.length ?? 0);
    this.#kept.push({ kept, suite });
    if (!replaceable || key === undefined) return;
    const equals = this.#keptByKey.get(key);
    if (equals === undefined) this.#keptByKey.set(key, [{ kept, suite }]);
    else equals.push({ kept, suite });
  }

  /** Kept cases that one of the same name with this status replaces; they may not be replaced again. */
  #takeReplaced(key: string, suite: OpenSuite, status: TestCase['status']): TestCase[] {
    const before = this.#keptByKey.get(key);
    if (before === undefined || (status !== 'passed' && !suite.hasUniqueNames)) return [];
    const [replaced, effective] = [true, false].map((wanted) =>
      before.filter((earlier) => this.#isReplaced(earlier, suite, status) === wanted),
    ) as [KeptCase[], KeptCase[]];
    if (replaced.length > 0) this.#keptByKey.set(key, effective);
    return replaced.map(({ kept }) => kept);
  }

  /**
   * Whether a case is a run that the present one of the same name replaces. Where names are unique, a pass that is not the last
   * result was none: pytest-rerunfailures writes the failed runs without a failure in them. Elsewhere it may as well be another
   * test, and only the success of the whole run shows that it is not. A failure and an error after it are both reported, as
   * pytest does.
   */
  #isReplaced({ kept, suite }: KeptCase, now: OpenSuite, status: TestCase['status']): boolean {
    if (now.hasUniqueNames && suite === now) return status === 'passed' || kept.status === 'passed';
    return this.#repeatsAreReruns && status === 'passed' && kept.status !== 'passed' && kept.status !== 'skipped';
  }

  /** Our own reports name files of another run's directory. */
  #attach(kept: TestCase, names: readonly string[]): void {
    if (names.length === 0 || this.#normalised || this.#totals.propertyChars >= this.#limits.propertyChars) return;
    kept.attachments = names.map(detach);
    this.#totals.propertyChars += names.reduce((sum, name) => sum + name.length, 0);
  }

  #takeProperty({ properties, attachments }: OpenCase, { name = '', value = '' }: Attributes): void {
    // In our own reports these properties repeat what the case has already.
    if (name === '' || value === '' || name.startsWith(`${normalisedName}.`)) return;
    if (properties.length >= maxProperties) {
      this.#propertiesLeftOut++;
      return;
    }
    if (this.#totals.propertyChars >= this.#limits.propertyChars) {
      this.#propertiesBeyondRoom++;
      return;
    }
    const property = { name: detach(this.#name(name)), value: detach(this.#name(value)) };
    this.#totals.propertyChars += property.name.length + property.value.length;
    properties.push(property);
    attachments.addProperty(property);
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
      this.#totals.failures--;
      suite.replacedFailed++;
    } else if (earlier.flakyRuns !== undefined) {
      this.#totals.failures--;
      if (earlier.status === 'passed') this.#counts.flaky--;
    } else this.#totals.cases--;
  }

  /** What distinguishes a case from others, or undefined when its names are too long to have been read whole. */
  #keyOf(suite: OpenSuite, attributes: Attributes): string | undefined {
    const parts = [suite.path, suite.host, attributes.classname ?? '', attributes.name ?? '', attributes.file ?? ''];
    if (parts.some((part) => part.length >= this.valueChars - 1)) return undefined;
    return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
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
