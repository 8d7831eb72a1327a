/** What our helper in the test image noted, and what pytest-reportlog did: lines of JSON, one written as each test ended. */

import { createReadStream } from 'node:fs';
import path from 'node:path';
import { isObject } from '../core/is-object.ts';
import { placeOfNodeId } from './pytest-names.ts';
import { PytestSessions } from './pytest-sessions.ts';
import { readLines } from './read-lines.ts';
import { ReconstructedTests } from './reconstructed-tests.ts';

/** Longer lines than the helper writes, and than pytest-reportlog does of all but monstrous failures. */
const maxLineChars = 4 * 1024 * 1024;
const keptEnds = 200_000;

/** The helper's notes of one run. */
export interface ProgressNotes {
  tests: ReconstructedTests;
  /** Whether a session began that has not ended by itself. */
  isUnfinished: boolean;
  sessions: PytestSessions;
  /** All tests that pytest collected before the helper left out those of other shards; undefined where it divided nothing. */
  undivided: ReadonlySet<string> | undefined;
  /** Whether sessions ran in different ways: the same tests several times, with other options or in another environment. */
  hasVariants: boolean;
  /**
   * Ids of all tests in the order in which they began; undefined where that says nothing of what ran before what: several
   * sessions, several processes, or a test that ran twice.
   */
  order: readonly string[] | undefined;
  /** When each test ended, ISO 8601, by its `keyOfTest`; in order of time. */
  endings: Map<string, string[]>;
  /** The most memory, without the page cache, that the container used when a test had ended. Bytes. */
  peakBytes: number | undefined;
  /** Of the container's cgroup; undefined where it could not be seen. */
  cgroupVersion: number | undefined;
}

/** The key of a test in `ProgressNotes.tests`: sessions of different variants run different tests of one id. */
export function idOfKey(key: string): string {
  return key.slice(key.indexOf('\u0000') + 1);
}

/** What the notes of the helper and the cases of a JUnit report have in common. */
export function keyOfTest({ classname, name }: { classname: string; name: string }): string {
  return `${classname}\u0000${name.slice(0, 900)}`;
}

/** Notes of some hundred thousand tests; notes after them are not read, which leaves their session unfinished. */
const maxNotesBytes = 256 * 1024 * 1024;

/**
 * Reads the helper's `progress.jsonl`. Notes of another run are left out, and so are invalid ones: the tests could write to the
 * file.
 * @throws on I/O errors, and the signal's reason when it is aborted.
 */
export async function readProgress(file: string, runId: string, signal?: AbortSignal): Promise<ProgressNotes> {
  const notes = new NotesReader(runId);
  const limits = { maxChars: maxLineChars, maxBytes: maxNotesBytes, ...(signal ? { signal } : {}) };
  for await (const line of readLines(file, limits)) {
    const note = parseObject(line);
    if (note !== undefined) notes.push(note);
  }
  return notes.finish();
}

type Note = Record<string, unknown>;

class NotesReader {
  readonly #runId: string;
  readonly #tests = new ReconstructedTests();
  readonly #sessions = new PytestSessions();
  readonly #endings: ProgressNotes['endings'] = new Map();
  #undivided: Set<string> | undefined;
  /** Variants of the open and ended sessions of this run, by key; and keys of those that have not finished. */
  readonly #variants = new Map<string, string>();
  readonly #open = new Set<string>();
  readonly #order = new Set<string>();
  #isOrdered = true;
  /** Of the session that began last; undefined for one of another run. */
  #last: string | undefined;
  #ends = 0;
  #peakBytes: number | undefined;
  #cgroupVersion: number | undefined;

  constructor(runId: string) {
    this.#runId = runId;
  }

  finish(): ProgressNotes {
    return {
      tests: this.#tests,
      isUnfinished: this.#open.size > 0,
      sessions: this.#sessions,
      undivided: this.#undivided,
      hasVariants: new Set(this.#variants.values()).size > 1,
      order: this.#isOrdered && this.#variants.size === 1 ? [...this.#order] : undefined,
      endings: this.#endings,
      peakBytes: this.#peakBytes,
      cgroupVersion: this.#cgroupVersion,
    };
  }

  push(note: Note): void {
    if (note.type === 'session') {
      this.#begin(note);
      return;
    }
    const key = typeof note.s === 'string' ? note.s : this.#last;
    const variant = key === undefined ? undefined : this.#variants.get(key);
    if (key === undefined || variant === undefined) return;
    const keyOf = (id: string) => `${variant}\u0000${id}`;
    if (note.type === 'finish') {
      this.#open.delete(key);
      this.#sessions.finish(key, typeof note.exit === 'number' ? note.exit : undefined);
    } else if (note.type === 'collected') {
      const ids = textsOf(note.ids);
      this.#tests.expect(ids.map(keyOf));
      this.#sessions.collect(key, ids);
      if (note.workers !== undefined) this.#isOrdered = false;
    }
    if (note.type === 'undivided') {
      this.#undivided ??= new Set();
      for (const one of textsOf(note.ids)) if (this.#undivided.size < keptEnds) this.#undivided.add(one);
    }
    const id = typeof note.id === 'string' ? note.id : undefined;
    if (id === undefined) return;
    const place = { ...placeOfNodeId(id), ...fileOf(note.file, note.line) };
    if (note.type === 'start') {
      if (this.#order.has(id) || this.#order.size >= keptEnds) this.#isOrdered = false;
      this.#order.add(id);
      this.#tests.begin(keyOf(id), place, toTime(note.at));
      this.#sessions.start(key, id);
    } else if (note.type === 'problem') {
      this.#tests.end(keyOf(id), place, {
        status: 'error',
        message: textOf(note.message),
        details: textOf(note.details),
      });
      this.#sessions.end(key, id, 'red');
    } else if (note.type === 'end') this.#end({ note, key, id, place, keyOfTest: keyOf(id) });
  }

  #begin(note: Note): void {
    if (note.run !== this.#runId) {
      this.#last = undefined;
      return;
    }
    const key = typeof note.s === 'string' ? note.s : `line ${this.#variants.size}`;
    const variant = textOf(note.variant);
    this.#last = key;
    this.#variants.set(key, variant);
    this.#open.add(key);
    this.#sessions.begin(key, variant);
    if (typeof note.cgroup === 'number') this.#cgroupVersion = note.cgroup;
  }

  #end(one: { note: Note; key: string; id: string; place: ReturnType<typeof placeOfNodeId>; keyOfTest: string }): void {
    const { note, key, id, place } = one;
    if (note.outcome === 'rerun') {
      this.#tests.endForRerun(one.keyOfTest);
      this.#sessions.end(key, id, 'rerun');
      return;
    }
    // An unknown outcome is not a pass.
    const status = statusOf(note.outcome) ?? 'error';
    const endedAt = toTime(note.stop);
    this.#tests.end(one.keyOfTest, place, {
      status,
      seconds: secondsBetween(note.start, note.stop),
      ...(endedAt === undefined ? {} : { endedAt }),
      message: textOf(note.message),
      details: textOf(note.details),
    });
    this.#sessions.end(key, id, status === 'passed' || status === 'skipped' ? 'green' : 'red');
    if (endedAt !== undefined && this.#ends++ < keptEnds) {
      const ends = this.#endings.get(keyOfTest(place));
      if (ends === undefined) this.#endings.set(keyOfTest(place), [endedAt]);
      else ends.push(endedAt);
    }
    if (typeof note.used === 'number' && note.used > (this.#peakBytes ?? 0)) this.#peakBytes = note.used;
  }
}

/**
 * Reads what pytest-reportlog wrote (`pytest --report-log=FILE`): setup, call and teardown of each test as they end. The
 * format is that of `pytest_report_to_serializable` in pytest's src/_pytest/reports.py.
 * @throws on I/O errors, and the signal's reason when it is aborted.
 */
export async function readReportLog(
  file: string,
  signal?: AbortSignal,
): Promise<{ tests: ReconstructedTests; isUnfinished: boolean; sessions: PytestSessions }> {
  const tests = new ReconstructedTests();
  const sessions = new PytestSessions(`in ${path.basename(file)}`);
  let session = 0;
  let isUnfinished = false;
  const open = new Map<
    string,
    { status: TestEnd; start: unknown; message: string; details: string; seconds: number }
  >();
  for await (const line of readLines(file, { maxChars: maxLineChars, ...(signal ? { signal } : {}) })) {
    const note = parseObject(line);
    if (note === undefined) continue;
    const type = note.$report_type;
    // A variant of its own: it is not known whether another session is a repetition of this one.
    if (type === 'SessionStart') sessions.begin(String(++session), String(session));
    if (type === 'SessionFinish')
      sessions.finish(String(session), typeof note.exitstatus === 'number' ? note.exitstatus : undefined);
    if (type === 'SessionStart') isUnfinished = true;
    else if (type === 'SessionFinish') isUnfinished = false;
    const id = typeof note.nodeid === 'string' ? note.nodeid : '';
    if (id === '') continue;
    const location = Array.isArray(note.location) ? note.location : [];
    const line0: unknown = location[1];
    const place = { ...placeOfNodeId(id), ...fileOf(location[0], typeof line0 === 'number' ? line0 + 1 : undefined) };
    const said = explain(note.longrepr);
    if (type === 'CollectReport') {
      if (note.outcome !== 'failed') continue;
      tests.end(id, place, { status: 'error', ...said });
      sessions.end(String(session), id, 'red');
      continue;
    }
    if (type !== 'TestReport') continue;
    const entry = open.get(id) ?? { status: 'passed', start: note.start, message: '', details: '', seconds: 0 };
    if (note.when === 'setup') {
      tests.begin(id, place, toTime(note.start));
      sessions.start(String(session), id);
      entry.status = 'passed';
    }
    open.set(id, entry);
    if (typeof note.duration === 'number') entry.seconds += note.duration;
    if (note.outcome === 'rerun') entry.status = 'rerun';
    else if (entry.status !== 'rerun') {
      const status = note.outcome === 'failed' && note.when !== 'call' ? 'error' : (statusOf(note.outcome) ?? 'error');
      if (ranks.indexOf(status) > ranks.indexOf(entry.status)) Object.assign(entry, { status, ...said });
    }
    if (note.when === 'setup' || note.when === 'call') continue;
    open.delete(id);
    const { status, message, details, seconds } = entry;
    const endedAt = toTime(note.stop);
    sessions.end(
      String(session),
      id,
      status === 'rerun' ? 'rerun' : status === 'passed' || status === 'skipped' ? 'green' : 'red',
    );
    if (status === 'rerun') tests.endForRerun(id);
    else tests.end(id, place, { status, seconds, message, details, ...(endedAt === undefined ? {} : { endedAt }) });
  }
  return { tests, isUnfinished, sessions };
}

/** Whether a file begins as pytest-reportlog does. */
export async function isReportLog(file: string): Promise<boolean> {
  const stream = createReadStream(file, { end: 500 });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  const head = Buffer.concat(chunks).toString('utf8');
  return head.startsWith('{') && /"\$report_type": ?"SessionStart"/.test(head.split('\n')[0] ?? '');
}

type TestEnd = 'passed' | 'skipped' | 'error' | 'failed' | 'rerun';
const ranks: TestEnd[] = ['passed', 'skipped', 'error', 'failed'];

function statusOf(outcome: unknown): 'passed' | 'skipped' | 'error' | 'failed' | undefined {
  return outcome === 'passed' || outcome === 'skipped' || outcome === 'error' || outcome === 'failed'
    ? outcome
    : undefined;
}

/** pytest's description of a failure: text, a skip's (file, line, reason), or the parts of a long form. */
function explain(longrepr: unknown): { message: string; details: string } {
  if (typeof longrepr === 'string') return { message: lastLine(longrepr), details: longrepr };
  if (Array.isArray(longrepr)) return { message: textOf(longrepr[2]).replace(/^Skipped: /, ''), details: '' };
  if (!isObject(longrepr)) return { message: '', details: '' };
  const crash = isObject(longrepr.reprcrash) ? longrepr.reprcrash : {};
  const trace = isObject(longrepr.reprtraceback) ? longrepr.reprtraceback : {};
  const entries = Array.isArray(trace.reprentries) ? trace.reprentries : [];
  const lines = entries.flatMap((entry) => {
    const data = isObject(entry) && isObject(entry.data) ? entry.data : {};
    const place = isObject(data.reprfileloc) ? data.reprfileloc : {};
    const at =
      typeof place.path === 'string' ? [`${place.path}:${String(place.lineno)}: ${textOf(place.message)}`] : [];
    return [...textsOf(data.lines), ...at];
  });
  return { message: textOf(crash.message), details: lines.join('\n') };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    // The last line of a run that was killed may be half written.
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function fileOf(file: unknown, line: unknown): { file?: string; line?: number } {
  if (typeof file !== 'string' || file === '') return {};
  return typeof line === 'number' && Number.isInteger(line) && line > 0 ? { file, line } : { file };
}

/** ISO 8601 of seconds of the epoch; undefined for an invalid value. */
function toTime(seconds: unknown): string | undefined {
  if (typeof seconds !== 'number' || !(seconds > 0) || seconds > 1e11) return undefined;
  return new Date(seconds * 1000).toISOString();
}

function secondsBetween(start: unknown, stop: unknown): number {
  return typeof start === 'number' && typeof stop === 'number' && stop > start ? stop - start : 0;
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
