/** Reconstructs a run that left no report, or an incomplete one, from its other output. */
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { type TestCase, toOneLine } from '../core/outcome.ts';
import type { PytestSession } from '../core/pytest-session.ts';
import type { JUnitReport } from '../junit/junit-report.ts';
import { GoTestLog } from './go-test-log.ts';
import { JavaScriptLog } from './javascript-log.ts';
import { idOfKey, isReportLog, keyOfTest, type ProgressNotes, readProgress, readReportLog } from './progress-notes.ts';
import { PytestLog } from './pytest-log.ts';
import { placeOfNodeId } from './pytest-names.ts';
import { readLines, toShownLine } from './read-lines.ts';
import { joinReconstructed, type ReconstructedRun, ReconstructedTests } from './reconstructed-tests.ts';

/** Our own directory in `results-path`, where the helper in the test image writes. */
export const helperDirectory = '.k8s-test';

/** Longer lines of a log hold no result, or hold it at their end. */
const maxLogLineChars = 8192;

/**
 * Takes what the helper wrote out of the results, which are the user's, into `toDir`: only regular files, and of these only
 * those that it writes. The results then contain none of our files.
 */
export async function takeHelperFiles(resultsDir: string, toDir: string): Promise<void> {
  const from = path.join(resultsDir, helperDirectory);
  const found = await lstat(from).catch(() => undefined);
  if (found === undefined) return;
  if (found.isDirectory()) {
    for (const name of ['progress.jsonl', 'stacks.txt', 'helper-error.txt']) {
      const file = path.join(from, name);
      const stat = await lstat(file).catch(() => undefined);
      if (stat === undefined || !stat.isFile() || stat.size === 0) continue;
      await mkdir(toDir, { recursive: true });
      await rename(file, path.join(toDir, name));
    }
  }
  await rm(from, { recursive: true, force: true });
}

/** The helper's notes of this run in a directory that `takeHelperFiles` filled; undefined when there are none. */
export async function readHelperNotes(
  directory: string,
  runId: string,
  signal: AbortSignal,
): Promise<ProgressNotes | undefined> {
  const file = path.join(directory, 'progress.jsonl');
  if ((await lstat(file).catch(() => undefined)) === undefined) return undefined;
  return readProgress(file, runId, signal);
}

/** The helper's message on an internal error, on one line; empty when there was none. Notes after it are missing. */
export async function readHelperFault(directory: string, signal: AbortSignal): Promise<string> {
  const file = path.join(directory, 'helper-error.txt');
  if ((await lstat(file).catch(() => undefined)) === undefined) return '';
  for await (const line of readLines(file, { maxChars: 1000, maxBytes: 65_536, signal }))
    return toOneLine(toShownLine(line), 300);
  return '';
}

export interface ReconstructOptions {
  /** Reports of this run that could be read. */
  reports: readonly Pick<JUnitReport, 'cases' | 'counts'>[];
  unreadable: readonly { file: string; partial?: JUnitReport }[];
  notes: ProgressNotes | undefined;
  /** The output files of the tests, on the runner; a report log is looked for among them. */
  resultsDir: string;
  /** A report log last written before this time is of another run. Milliseconds of the epoch. */
  notBefore: number;
  /** The log of the test container, on the runner; undefined where there is none. */
  logFile: string | undefined;
  /** Whether something ended the run before its tests ended by themselves. */
  isInterrupted: boolean;
  signal: AbortSignal;
}

/** What is known of a run beyond its reports. */
export interface ReconstructedKnowledge {
  /** Tests that are in no report; undefined when there are none. */
  reconstructed: ReconstructedRun | undefined;
  /** Sessions of pytest, in the order in which they began. */
  sessions: PytestSession[];
}

/**
 * What is known of the run beyond its reports, from the best available source: the notes of our helper, a report log of
 * pytest-reportlog, a report that was cut off, the log. If a report could be read, only tests that it does not contain count;
 * the log, in which tests may print what looks like pytest, only if the run was interrupted.
 * @throws on I/O errors, and the signal's reason when it is aborted.
 */
export async function reconstructRun(options: ReconstructOptions): Promise<ReconstructedKnowledge> {
  const { reports, notes, signal } = options;
  const hasReport = reports.length > 0;
  const known = knownTests(reports);
  const isHeld = (id: string) => known.holds(placeOfNodeId(id));
  const sessions = notes?.sessions.list(isHeld) ?? [];
  const candidates: ReconstructedRun[] = [];
  const consider = (run: ReconstructedRun): void => {
    if (run.counts.total + run.inFlight.length > 0) candidates.push(run);
  };
  if (notes !== undefined && !notes.tests.isEmpty) {
    const noted = notes.tests.finish('the notes of the test helper', known.tells, (key) => isHeld(idOfKey(key)));
    const run = { ...noted, notRunNames: noted.notRunNames.map(idOfKey) };
    consider(hasReport && !notes.isUnfinished ? leaveOutRenamed(run, notes.tests, reports) : run);
  }
  const hasNotes = candidates.length > 0;
  for (const file of await findReportLogs(options)) {
    const log = await readReportLog(path.join(options.resultsDir, file), signal);
    if (!isNoted(log, notes)) sessions.push(...log.sessions.list(isHeld));
    if (hasNotes || log.tests.isEmpty) continue;
    const run = log.tests.finish(file, known.tells);
    consider(hasReport && !log.isUnfinished ? leaveOutRenamed(run, log.tests, reports) : run);
  }
  if (hasNotes) return { reconstructed: candidates[0], sessions };
  const cutOff = mostTelling(
    options.unreadable.flatMap(({ file, partial }) =>
      partial !== undefined && partial.counts.total > 0 ? [fromPartial(file, partial, known.tells)] : [],
    ),
  );
  const isWhole = hasReport && options.unreadable.length === 0;
  const log =
    options.logFile !== undefined && (!isWhole || options.isInterrupted)
      ? await reconstructFromLog(options.logFile, isWhole, known.tells, signal)
      : undefined;
  if (cutOff !== undefined) candidates.push(log === undefined ? cutOff : joinReconstructed(cutOff, log));
  else if (log !== undefined) consider(log);
  return { reconstructed: mostTelling(candidates), sessions };
}

/** The run as the log shows it; beside complete reports, only a session of pytest that never ended. */
async function reconstructFromLog(
  file: string,
  hasWholeReports: boolean,
  isKnown: (place: { classname: string; name: string }) => boolean,
  signal: AbortSignal,
): Promise<ReconstructedRun | undefined> {
  const { tool, tests, isUnfinished } = await readTestLog(file, signal);
  const isTold = tool === 'pytest' ? !hasWholeReports || isUnfinished : tool !== undefined && !hasWholeReports;
  return isTold && !tests.isEmpty
    ? { ...tests.finish(`the verbose output of ${tool}`, isKnown), isFromLog: true }
    : undefined;
}

/** Whether the helper's notes contain all tests of a report log, and so of its sessions. */
function isNoted(log: { tests: ReconstructedTests }, notes: ProgressNotes | undefined): boolean {
  const ids = log.tests.ids();
  return notes !== undefined && ids.length > 0 && ids.every((id) => notes.sessions.isNoted(id));
}

/**
 * A run without the tests that the reports seem to hold under other names (`--junit-prefix` and the like, or cases that the
 * reader left out): those of which the reports hold as many more.
 */
function leaveOutRenamed(
  run: ReconstructedRun,
  tests: ReconstructedTests,
  reports: ReconstructOptions['reports'],
): ReconstructedRun {
  const red = run.counts.failed + run.counts.errors;
  const green = run.counts.total - red;
  const reported = reports.reduce(
    (sum, { counts }) => {
      const failed = counts.failed + counts.errors;
      return { red: sum.red + failed, green: sum.green + counts.total - failed };
    },
    { red: 0, green: 0 },
  );
  const { finished } = tests;
  const isGreenHeld = green <= reported.green - (finished.green - green);
  const isRedHeld = red <= reported.red - (finished.red - red);
  const isLeft = ({ status }: TestCase) => (status === 'failed' || status === 'error' ? !isRedHeld : !isGreenHeld);
  const counts = { ...run.counts };
  if (isRedHeld) Object.assign(counts, { failed: 0, errors: 0 });
  if (isGreenHeld) Object.assign(counts, { passed: 0, skipped: 0, flaky: 0 });
  counts.total = counts.passed + counts.skipped + counts.failed + counts.errors;
  counts.reconstructed = counts.total;
  return { ...run, cases: run.cases.filter(isLeft), counts };
}

/** The tests in the log of a test container, and the tool that printed them; the tool with the most tests. */
async function readTestLog(
  file: string,
  signal: AbortSignal,
): Promise<{ tool: string | undefined; tests: ProgressNotes['tests']; isUnfinished: boolean }> {
  const pytest = new PytestLog();
  const goTest = new GoTestLog();
  const javaScript = new JavaScriptLog();
  const isThere = (await lstat(file).catch(() => undefined)) !== undefined;
  if (isThere) {
    for await (const raw of readLines(file, { maxChars: maxLogLineChars, signal })) {
      const line = toShownLine(raw);
      pytest.push(line);
      goTest.push(line);
      javaScript.push(line);
    }
  }
  goTest.finish();
  javaScript.finish();
  const tools = [
    { tool: 'pytest', tests: pytest.tests, isUnfinished: pytest.isUnfinished },
    { tool: 'go test', tests: goTest.tests, isUnfinished: false },
    { tool: 'jest or vitest', tests: javaScript.tests, isUnfinished: false },
  ].filter(({ tests }) => !tests.isEmpty);
  return (
    tools.sort((a, b) => b.tests.size - a.tests.size)[0] ?? {
      tool: undefined,
      tests: pytest.tests,
      isUnfinished: false,
    }
  );
}

async function findReportLogs(options: ReconstructOptions): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(options.resultsDir, { recursive: true, withFileTypes: true }).catch(() => []);
  const candidates = entries.filter((entry) => entry.isFile() && /\.(jsonl?|log)$/.test(entry.name));
  // All of them, of which results-limit bounds the number: a skipped one may contain a failed test.
  for (const entry of candidates) {
    options.signal.throwIfAborted();
    const file = path.join(entry.parentPath, entry.name);
    const { mtimeMs } = await lstat(file);
    if (mtimeMs >= options.notBefore && (await isReportLog(file))) found.push(path.relative(options.resultsDir, file));
  }
  return found.sort();
}

interface KnownTests {
  /** Whether a report holds the test. */
  holds: (place: { classname: string; name: string }) => boolean;
  /** Whether a report agrees: for a failed test, that it failed. */
  tells: (test: { classname: string; name: string; status?: TestCase['status'] }) => boolean;
}

function knownTests(reports: ReconstructOptions['reports']): KnownTests {
  const held = new Set<string>();
  const failed = new Set<string>();
  for (const { cases } of reports) {
    for (const one of cases) {
      held.add(keyOfTest(one));
      if (one.status === 'failed' || one.status === 'error') failed.add(keyOfTest(one));
    }
  }
  return {
    holds: (place) => held.has(keyOfTest(place)),
    tells: (test) => (test.status === 'failed' || test.status === 'error' ? failed : held).has(keyOfTest(test)),
  };
}

function fromPartial(file: string, partial: JUnitReport, isKnown: KnownTests['tells']): ReconstructedRun {
  const tests = new ReconstructedTests();
  for (const [i, one] of partial.cases.entries()) tests.end(String(i), one, one);
  const run = tests.finish(`what could be read of ${file}`, isKnown);
  return { ...run, casesLeftOut: partial.casesLeftOut };
}

/** The candidate with the most tests; of equals, the first. */
function mostTelling(candidates: readonly ReconstructedRun[]): ReconstructedRun | undefined {
  const size = (run: ReconstructedRun): number => run.counts.total + run.inFlight.length;
  return candidates.reduce<ReconstructedRun | undefined>(
    (best, run) => (best === undefined || size(run) > size(best) ? run : best),
    undefined,
  );
}

/** Fills in when each case of the reports ended, as far as the helper noted it. */
export function addEndings(reports: readonly Pick<JUnitReport, 'cases'>[], notes: ProgressNotes): void {
  for (const { cases } of reports) {
    for (const one of cases) {
      const endedAt = notes.endings.get(keyOfTest(one))?.shift();
      if (endedAt !== undefined) one.endedAt = endedAt;
    }
  }
}

/** Marks cases that passed, and of which the helper knows that they failed in an earlier session. */
export function addFlakyRuns(reports: readonly Pick<JUnitReport, 'cases' | 'counts'>[], notes: ProgressNotes): void {
  const flaky = new Map(notes.tests.flaky().map((one) => [keyOfTest(one), one.flakyRuns]));
  if (flaky.size === 0) return;
  for (const { cases, counts } of reports) {
    for (const one of cases) {
      const runs = flaky.get(keyOfTest(one));
      if (runs === undefined || one.status !== 'passed' || one.flakyRuns !== undefined) continue;
      one.flakyRuns = runs;
      counts.flaky++;
    }
  }
}
