/** What our helper in the test image noted, and what pytest-reportlog did: lines of JSON, one written as each test ended. */
import { createReadStream } from 'node:fs';
import { placeOfNodeId } from './pytest-names.ts';
import { readLines } from './read-lines.ts';
import { RebuiltTests } from './rebuilt-tests.ts';

/** Longer lines than the helper writes, and than pytest-reportlog does of all but monstrous failures. */
const maxLineChars = 4 * 1024 * 1024;
const keptEnds = 200_000;

/** The helper's notes of one run. */
export interface ProgressNotes {
  tests: RebuiltTests;
  /** Whether a session began that has not ended by itself. */
  isUnfinished: boolean;
  /** When each test ended, ISO 8601, by what `keyOfTest` makes of it; in the order of time. */
  endings: Map<string, string[]>;
  /** The most memory that the container had used when its last finished test ended. Bytes. */
  peakBytes: number | undefined;
}

/** What the notes of the helper and the cases of a JUnit report have in common. */
export function keyOfTest({ classname, name }: { classname: string; name: string }): string {
  return `${classname}\u0000${name.slice(0, 900)}`;
}

/**
 * Reads the helper's `progress.jsonl`. Notes of another run are left out, and so is all that is no note: the file lay where
 * the tests could write.
 * @throws on I/O errors, and the signal's reason when it is aborted.
 */
export async function readProgress(file: string, runId: string, signal?: AbortSignal): Promise<ProgressNotes> {
  const tests = new RebuiltTests();
  const endings: ProgressNotes['endings'] = new Map();
  let peakBytes: number | undefined;
  let isOurs = false;
  let open = 0;
  let ends = 0;
  for await (const line of readLines(file, { maxChars: maxLineChars, ...(signal ? { signal } : {}) })) {
    const note = parseObject(line);
    if (note === undefined) continue;
    if (note.type === 'session') {
      isOurs = note.run === runId;
      if (isOurs) open++;
      continue;
    }
    if (!isOurs) continue;
    if (note.type === 'finish') open--;
    else if (note.type === 'collected') tests.expect(textsOf(note.ids));
    const id = typeof note.id === 'string' ? note.id : undefined;
    if (id === undefined) continue;
    const place = { ...placeOfNodeId(id), ...fileOf(note.file, note.line) };
    if (note.type === 'start') tests.begin(id, place, toTime(note.at));
    else if (note.type === 'problem')
      tests.end(id, place, { status: 'error', message: textOf(note.message), details: textOf(note.details) });
    else if (note.type === 'end') {
      if (note.outcome === 'rerun') {
        tests.endForRerun(id);
        continue;
      }
      const status = statusOf(note.outcome);
      if (status === undefined) continue;
      const endedAt = toTime(note.stop);
      tests.end(id, place, {
        status,
        seconds: secondsBetween(note.start, note.stop),
        ...(endedAt === undefined ? {} : { endedAt }),
        message: textOf(note.message),
        details: textOf(note.details),
      });
      if (endedAt !== undefined && ends++ < keptEnds) {
        const key = keyOfTest(place);
        const known = endings.get(key);
        if (known === undefined) endings.set(key, [endedAt]);
        else known.push(endedAt);
      }
      if (typeof note.peak === 'number' && note.peak > (peakBytes ?? 0)) peakBytes = note.peak;
    }
  }
  return { tests, isUnfinished: open > 0, endings, peakBytes };
}

/**
 * Reads what pytest-reportlog wrote (`pytest --report-log=FILE`): setup, call and teardown of each test as they end. The
 * format is that of `pytest_report_to_serializable` in pytest's src/_pytest/reports.py.
 * @throws on I/O errors, and the signal's reason when it is aborted.
 */
export async function readReportLog(
  file: string,
  signal?: AbortSignal,
): Promise<{ tests: RebuiltTests; isUnfinished: boolean }> {
  const tests = new RebuiltTests();
  let isUnfinished = false;
  const open = new Map<
    string,
    { status: TestEnd; start: unknown; message: string; details: string; seconds: number }
  >();
  for await (const line of readLines(file, { maxChars: maxLineChars, ...(signal ? { signal } : {}) })) {
    const note = parseObject(line);
    if (note === undefined) continue;
    const type = note.$report_type;
    if (type === 'SessionStart') isUnfinished = true;
    else if (type === 'SessionFinish') isUnfinished = false;
    const id = typeof note.nodeid === 'string' ? note.nodeid : '';
    if (id === '') continue;
    const location = Array.isArray(note.location) ? note.location : [];
    const line0: unknown = location[1];
    const place = { ...placeOfNodeId(id), ...fileOf(location[0], typeof line0 === 'number' ? line0 + 1 : undefined) };
    const said = explain(note.longrepr);
    if (type === 'CollectReport') {
      if (note.outcome === 'failed') tests.end(id, place, { status: 'error', ...said });
      continue;
    }
    if (type !== 'TestReport') continue;
    const entry = open.get(id) ?? { status: 'passed', start: note.start, message: '', details: '', seconds: 0 };
    if (note.when === 'setup') {
      tests.begin(id, place, toTime(note.start));
      entry.status = 'passed';
    }
    open.set(id, entry);
    if (typeof note.duration === 'number') entry.seconds += note.duration;
    if (note.outcome === 'rerun') entry.status = 'rerun';
    else if (entry.status !== 'rerun') {
      const status = note.outcome === 'failed' && note.when !== 'call' ? 'error' : statusOf(note.outcome);
      if (status !== undefined && ranks.indexOf(status) > ranks.indexOf(entry.status))
        Object.assign(entry, { status, ...said });
    }
    if (note.when === 'setup' || note.when === 'call') continue;
    open.delete(id);
    const { status, message, details, seconds } = entry;
    const endedAt = toTime(note.stop);
    if (status === 'rerun') tests.endForRerun(id);
    else tests.end(id, place, { status, seconds, message, details, ...(endedAt === undefined ? {} : { endedAt }) });
  }
  return { tests, isUnfinished };
}

/** Whether a file begins as pytest-reportlog does. */
export async function isReportLog(file: string): Promise<boolean> {
  const stream = createReadStream(file, { end: 500 });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  const head = Buffer.concat(chunks).toString('utf8');
  return head.startsWith('{') && /"\$report_type": ?"SessionStart"/.test(head.split('\n')[0]!);
}

type TestEnd = 'passed' | 'skipped' | 'error' | 'failed' | 'rerun';
const ranks: TestEnd[] = ['passed', 'skipped', 'error', 'failed'];

function statusOf(outcome: unknown): 'passed' | 'skipped' | 'error' | 'failed' | undefined {
  return outcome === 'passed' || outcome === 'skipped' || outcome === 'error' || outcome === 'failed'
    ? outcome
    : undefined;
}

/** What pytest says of a failure: text, a skip's (file, line, reason), or the parts of a long form. */
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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

/** ISO 8601 of seconds of the epoch; undefined for what is none. */
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
