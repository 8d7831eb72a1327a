import { lstat } from 'node:fs/promises';
import { readLines, toShownLine } from './read-lines.ts';

/** What the log of the tests shows about the tool that ran them, beside its tests. */
export interface ToolLog {
  /** As `docs/reports.md` names it; undefined where nothing shows it. */
  tool: string | undefined;
  /** Why it ended as it did, in its own messages: one line each, at most five. */
  said: string[];
  /** Paths of reports that it wrote according to the log. */
  reportsWritten: string[];
  /** The end of the log, at most twenty lines. */
  lastLines: string[];
}

/** Only the end of a log is read: a tool prints the reason for its end there. */
const readBytes = 16 * 1024 * 1024;
const maxLineChars = 2000;
/** The message of a tool on its end is short. */
const maxReasonChars = 500;
const maxSaid = 5;
const keptLines = 20;

/** Lines that only one tool prints. */
const banners: [string, RegExp][] = [
  ['pytest', /^=+ test session starts =+$|^ERROR: usage: pytest|^ImportError while loading conftest|^no tests ran in /],
  ['jest', /^Test Suites: +\d|^Ran all test suites/],
  ['vitest', /^ RUN +v\d+\./],
  ['mocha', /^ {2}\d+ (?:passing \(|failing$)/],
  ['playwright', /^Running \d+ tests? using \d+ workers?/],
  ['node --test', /^(?:ℹ|#) tests \d+$/],
  ['ginkgo', /^Ran \d+ of \d+ Specs in /],
  ['go test', /^(?:ok {2}|FAIL|\?\s{3})\t\S+(?:\t| \[)|^DONE (?:\d+ runs, )?\d+ tests/],
  ['cargo-nextest', /^ *Nextest run ID |^ *Summary \[ *[\d.]+s\] /],
  ['cargo test', /^test result: (?:ok|FAILED)\./],
  ['Maven', /^\[(?:INFO|ERROR|WARNING)\] (?:Tests run: \d|BUILD FAILURE|COMPILATION ERROR)/],
  ['Gradle', /^> Task :|^BUILD (?:FAILED|SUCCESSFUL) in /],
  ['unittest', /^Ran \d+ tests? in [\d.]+s$/],
  ['PHPUnit', /^PHPUnit \d+\.\d+/],
  ['RSpec', /^\d+ examples?, \d+ failures?/],
  ['Robot Framework', /^Output: {2,}\S+output\.xml$/],
  ['bun test', /^bun test v\d/],
  ['deno test', /^running \d+ tests? from \S/],
  ['CTest', /^\d+% tests passed, \d+ tests? failed out of \d+$|^No tests were found!!!$/],
  ['newman', /^newman$/],
  ['Jasmine', /^Randomized with seed \d+ \(jasmine /],
  ['behave', /^\d+ scenarios? passed, \d+ failed/],
];

/**
 * Lines that contain by themselves the reason why a tool ended as it did; the first group is what is reported, all of it
 * without one.
 */
const reasons: RegExp[] = [
  /^pytest: error: (.+)$/,
  /^ERROR: ((?!usage:).+)$/,
  /^INTERNALERROR> (\w[\w.]*(?:Error|Exception|Exit)\b.*)$/,
  /^FAIL (Required test coverage of .+)$/,
  /^!+ (Interrupted: .+?) !+$/,
  /^Jest: (.*threshold.*)$/,
  /^(?:Error|TypeError|SyntaxError|ReferenceError): .+$/,
  /^ ?Exception during run: (.+)$/,
  /^Error \[\w+\]: .+$/,
  /^panic: .+$/,
  /^go: .+$/,
  /^error(?:\[E\d+\])?: .+$/,
  /^\[ERROR\] (Failed to execute goal .+)$/,
  /^\[ERROR\] (\S+\.(?:java|kt):\[\d+,\d+\] .+)$/,
  /^(Detected Programmatic Focus) - setting exit status/,
  /^(No tests? (?:files )?found), exiting with code \d+$/,
  // bun and Jasmine
  /^(No tests found)!$/,
  /^Incomplete: (No specs found)$/,
  /^TS\d+ \[ERROR\]: (.+)$/,
  /^\[ ERROR \] (.+)$/,
  /^Tests: \d+, Assertions: \d+, (?:Warnings|PHPUnit|Deprecations|Notices|Skipped|Incomplete|Risky)\b.*$/,
  /^PHP (?:Fatal|Parse) error: +(.+)$/,
];
/** The last line that Python prints for an uncaught exception: the end of its trace, and of the log. */
const pythonError = /^(?:\w+\.){0,10}\w{0,100}(?:Error|Exception): .+$/;
/** A shell that cannot start a program: `sh: 1: pytest: not found`. */
const shellReason =
  /^(?:\S{1,100}: )?(?:line )?(?:\d{1,6}: )?(\S{1,200}: (?:(?:command )?not found|cannot execute.{0,100}|Permission denied))$/;
const written = [
  /^-+ generated xml file: (\S.*?) -+$/,
  /^JUNIT report written to (\S.*?)$/,
  /^XUnit: {2,}(\S.*?)$/,
  /^Output: {2,}(\S.*output\.xml)$/,
];

/** Reads the messages of a tool line by line. */
class ToolLogReader {
  #tool: string | undefined;
  /** What certainly is a reason, and what may be one as well as output of a test. */
  readonly #said: string[] = [];
  #perhaps: string[] = [];
  readonly #written: string[] = [];
  readonly #lastLines: string[] = [];
  /** What the next lines explain, and how its explanation begins. */
  #open: { subject: string; explanation: RegExp; linesLeft: number } | undefined;
  /** The file that jest printed last. */
  #jestFile = '';
  /** The first error of a compiler since the last package of go. */
  #goError = '';

  push(line: string): void {
    if (line.trim() !== '') {
      this.#lastLines.push(line.slice(0, 300));
      if (this.#lastLines.length > keptLines) this.#lastLines.shift();
    }
    this.#tool = banners.find(([, pattern]) => pattern.test(line))?.[0] ?? this.#tool;
    for (const pattern of written) {
      const file = pattern.exec(line)?.[1];
      if (file !== undefined && this.#written.length < maxSaid) this.#written.push(file);
    }
    if (this.#explain(line) || this.#readLoading(line)) return;
    if (line.length > maxReasonChars) return;
    const pattern = /(?:not found|cannot execute.*|denied)$/.test(line) ? [shellReason, ...reasons] : reasons;
    const match = pattern.map((one) => one.exec(line)).find((found) => found !== null);
    // The last of them is nearest to the end.
    if (match !== undefined) this.#perhaps = [match[1] ?? match[0], ...this.#perhaps].slice(0, maxSaid);
  }

  /** All of it, once the log has ended. */
  tell(): ToolLog {
    if (this.#open !== undefined) this.#say(this.#open.subject);
    this.#say(this.#goError);
    const last = this.#lastLines.at(-1) ?? '';
    if (pythonError.test(last)) this.#say(last);
    for (const reason of this.#perhaps) this.#say(reason);
    return { tool: this.#tool, said: this.#said, reportsWritten: this.#written, lastLines: this.#lastLines };
  }

  #say(text: string): void {
    const line = text.trim();
    if (line !== '' && this.#said.length < maxSaid && !this.#said.includes(line)) this.#said.push(line);
  }

  /** Takes the line that explains what could not be loaded, where one is waited for. */
  #explain(line: string): boolean {
    const open = this.#open;
    if (open === undefined) return false;
    const found = open.explanation.exec(line);
    if (found === null && --open.linesLeft > 0) return false;
    this.#open = undefined;
    this.#say(found === null ? open.subject : `${open.subject}: ${(found[1] ?? found[0]).trim()}`);
    return found !== null;
  }

  /** What could not be loaded: a suite, a package, a file. */
  #readLoading(line: string): boolean {
    const wait = (subject: string, explanation: RegExp): true => {
      if (this.#open !== undefined) this.#say(this.#open.subject);
      this.#open = { subject, explanation, linesLeft: 30 };
      return true;
    };
    const jest = /^\s?FAIL\s+(\S+\.[cm]?[jt]sx?)(?: \([\d.]+ m?s\))?\s*$/.exec(line);
    if (jest !== null) this.#jestFile = jest[1] ?? '';
    if (/^ {2}● Test suite failed to run$/.test(line))
      return wait(`Test suite failed to run: ${this.#jestFile}`, /^\s{4}\S.*/);
    const vitest = /^\s?FAIL {2}(?:\|[^|]{1,60}\| )?(\S+) \[ \S+ \]$/.exec(line);
    if (vitest !== null) return wait(`Failed suite: ${vitest[1]}`, /^\w*Error: .*/);
    if (/^⎯+ (?:Uncaught Exception|Unhandled Rejection) ⎯+$/.test(line)) return wait('Unhandled error', /^\S.*/);
    const conftest = /^(ImportError while loading conftest .+?)\.?$/.exec(line);
    if (conftest !== null) return wait(conftest[1] ?? '', /^E {3}(\S.*)/);
    const ruby = /^(An error occurred while loading \S+?)\.$/.exec(line);
    if (ruby !== null) return wait(ruby[1] ?? '', /^ {2}(\S.*)/);
    if (line === '* What went wrong:') return wait('What went wrong', /^\S.*/);
    return this.#readGo(line);
  }

  #readGo(line: string): boolean {
    const error = /^\S+\.go:\d+:\d+: .+$/.exec(line);
    if (error !== null && this.#goError === '') this.#goError = error[0];
    const failed = /^(?:FAIL|=== FAIL: )\s*(\S+) \[((?:build|setup) failed)\]$/.exec(line);
    if (failed === null) return error !== null;
    this.#say(`${failed[2]} of ${failed[1]}${this.#goError === '' ? '' : `: ${this.#goError}`}`);
    this.#goError = '';
    return true;
  }
}

/** Facts from the end of a log; undefined when there is no log. @throws the signal's reason when it is aborted. */
export async function readToolLog(file: string, signal: AbortSignal): Promise<ToolLog | undefined> {
  const stat = await lstat(file).catch(() => undefined);
  if (stat === undefined) return undefined;
  const reader = new ToolLogReader();
  const startByte = Math.max(0, stat.size - readBytes);
  for await (const line of readLines(file, { maxChars: maxLineChars, startByte, signal }))
    reader.push(toShownLine(line));
  return reader.tell();
}
