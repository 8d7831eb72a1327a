/** Sessions of pytest in one run: how each ended, and what of it a later one made good. */

import path from 'node:path';
import { must } from '../core/must.ts';
import type { PytestSession } from '../core/pytest-session.ts';
import { placeOfNodeId } from './pytest-names.ts';

const maxSessions = 20_000;
/** Ids of tests that are kept of all sessions together. Ids after that are not resolved. */
const maxIds = 400_000;
const namesKept = 20;

class Session {
  readonly number: number;
  readonly variant: string;
  readonly firstLine: number;
  lastLine: number;
  isFinished = false;
  exit: number | undefined;
  collected = 0;
  ended = 0;
  readonly waiting = new Set<string>();
  readonly running = new Set<string>();
  readonly red = new Set<string>();
  readonly green = new Set<string>();
  redLeftOut = 0;

  constructor(number: number, variant: string, line: number) {
    this.number = number;
    this.variant = variant;
    this.firstLine = line;
    this.lastLine = line;
  }
}

/**
 * Gathers sessions from notes, in bounded memory. A later session makes good what failed in an earlier one only if both are
 * of one variant (the same directory, environment and options), and the earlier one was over when it began: `pytest ||
 * pytest --lf` is a flaky test, and a loop over two databases is not.
 */
export class PytestSessions {
  readonly #byKey = new Map<string, Session>();
  readonly #title: string;
  #ids = 0;
  #line = 0;
  #leftOut = 0;
  /** Ids of all tests that began or ended, of whichever session. */
  readonly #noted = new Set<string>();

  /** @param title what the sessions are called, before or after their number. */
  constructor(title = 'of pytest') {
    this.#title = title;
  }

  begin(key: string, variant: string): void {
    this.#line++;
    if (this.#byKey.has(key)) return;
    if (this.#byKey.size < maxSessions) this.#byKey.set(key, new Session(this.#byKey.size + 1, variant, this.#line));
    else this.#leftOut++;
  }

  collect(key: string, ids: readonly string[]): void {
    const session = this.#touch(key);
    if (session === undefined) return;
    session.collected += ids.length;
    for (const id of ids) this.#keep(session.waiting, id);
  }

  start(key: string, id: string): void {
    const session = this.#touch(key);
    if (session === undefined) return;
    this.#keep(session.running, id);
    this.#note(id);
  }

  /** A test, or a module that could not be collected, has ended; `rerun` is a run of a test that another one follows. */
  end(key: string, id: string, outcome: 'green' | 'red' | 'rerun'): void {
    const session = this.#touch(key);
    if (session === undefined) return;
    this.#note(id);
    if (session.running.delete(id)) this.#ids--;
    if (outcome === 'rerun') return;
    session.ended++;
    if (session.waiting.delete(id)) this.#ids--;
    if (outcome === 'red') {
      if (!this.#keep(session.red, id)) session.redLeftOut++;
      if (session.green.delete(id)) this.#ids--;
    } else this.#keep(session.green, id);
  }

  finish(key: string, exit: number | undefined): void {
    const session = this.#touch(key);
    if (session === undefined) return;
    session.isFinished = true;
    session.exit = exit;
  }

  /** Whether a session shows how this test ended, or that it ran. */
  isNoted(id: string): boolean {
    return this.#noted.has(id);
  }

  /** @param isHeld whether a report contains a test, which then has run even if the notes differ. */
  list(isHeld: (id: string) => boolean): PytestSession[] {
    const all = [...this.#byKey.values()];
    const outcomes = new Map<string, LaterOutcomes>();
    for (const session of all) {
      const { variant } = session;
      const of = outcomes.get(variant) ?? new LaterOutcomes();
      outcomes.set(variant, of);
      of.add(session);
    }
    const listed = all.map((session) =>
      describe(session, must(outcomes.get(session.variant), 'the outcomes of a variant'), this.#title, isHeld),
    );
    return this.#leftOut === 0 ? listed : [...listed, describeLeftOut(this.#leftOut)];
  }

  #touch(key: string): Session | undefined {
    this.#line++;
    const session = this.#byKey.get(key);
    if (session !== undefined) session.lastLine = this.#line;
    return session;
  }

  #note(id: string): void {
    if (this.#noted.size < maxIds) this.#noted.add(id);
  }

  #keep(ids: Set<string>, id: string): boolean {
    if (ids.has(id)) return true;
    if (this.#ids >= maxIds) return false;
    this.#ids++;
    ids.add(id);
    return true;
  }
}

/** In which sessions of a variant each test ended, to be asked from the view of an earlier one. */
class LaterOutcomes {
  readonly #passed = new Map<string, number>();
  readonly #ended = new Map<string, number>();
  #lastBegun = 0;

  /** Sessions are in the order in which they began. */
  add({ firstLine, green, red }: Session): void {
    this.#lastBegun = firstLine;
    for (const id of red) this.#ended.set(id, firstLine);
    for (const id of green) {
      this.#ended.set(id, firstLine);
      this.#passed.set(id, firstLine);
      // A module or package that could not be collected has been collected when a test in it passes.
      const module = id.split('::', 1)[0] ?? '';
      for (let part = module; part !== '' && part !== '.'; part = path.posix.dirname(part)) {
        if (this.#passed.get(part) === firstLine || part === '/') break;
        this.#passed.set(part, firstLine);
      }
    }
  }

  hasBegunAfter({ lastLine }: Session): boolean {
    return this.#lastBegun > lastLine;
  }

  hasPassedAfter({ lastLine }: Session, id: string): boolean {
    return (this.#passed.get(id) ?? 0) > lastLine;
  }

  hasEndedAfter({ lastLine }: Session, id: string): boolean {
    return (this.#ended.get(id) ?? 0) > lastLine;
  }
}

function describe(
  session: Session,
  later: LaterOutcomes,
  title: string,
  isHeld: (id: string) => boolean,
): PytestSession {
  const { isFinished, exit, collected, ended, waiting, running, red, redLeftOut } = session;
  const open = isFinished ? [...red] : [...red, ...running];
  const unresolvedIds = open.filter((id) => !later.hasPassedAfter(session, id));
  const unresolved = unresolvedIds.length + redLeftOut;
  const missing = [...waiting].filter((id) => (isFinished || !running.has(id)) && !isHeld(id));
  const left = missing.filter((id) => !later.hasEndedAfter(session, id));
  // Beyond the kept ids only the number is known.
  const uncounted = Math.max(0, collected - ended - waiting.size);
  const notRun = left.length + uncounted;
  return {
    name: `session ${session.number} ${title}`,
    isFinished,
    exit: isFinished ? exit : undefined,
    hadFailures: open.length + redLeftOut > 0,
    unresolved,
    unresolvedNames: unresolvedIds.slice(0, namesKept).map((id) => placeOfNodeId(id).name),
    unresolvedIds,
    notRun,
    isRepeated:
      later.hasBegunAfter(session) &&
      collected + open.length > 0 &&
      unresolved + notRun === 0 &&
      missing.every((id) => later.hasPassedAfter(session, id)),
  };
}

function describeLeftOut(count: number): PytestSession {
  return {
    name: `session ${maxSessions + 1} of pytest and ${count - 1} more`,
    isFinished: false,
    exit: undefined,
    hadFailures: false,
    unresolved: 0,
    unresolvedNames: [],
    unresolvedIds: [],
    notRun: 0,
    isRepeated: false,
  };
}
