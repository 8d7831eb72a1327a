/**
 * Running a program: with argv and never a shell, with a deadline, abortable down to its last grandchild, in bounded
 * memory.
 *
 * Node's own `spawn` and not `@actions/exec`, because that can be neither aborted nor timed, loses a last line without
 * newline, reports death by a signal as an exit code of null without the signal's name, and waits ten seconds for
 * grandchildren that hold stdout.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../core/must.ts';
import { messageOf } from '../core/outcome.ts';
import { makeChildEnvironment, type Purpose } from './child-environment.ts';
import { endGroup } from './process-group.ts';
import { HeadAndTail, LineReader } from './program-output.ts';
import { watchWrittenBytes } from './written-bytes.ts';

export interface ProgramOptions {
  /** Ends the program and all that it started: SIGTERM, `graceSeconds`, SIGKILL. */
  signal: AbortSignal;
  /** Ends it in the same way, and sets `timedOut`; without it only the signal bounds the run. */
  timeoutSeconds?: number;
  cwd?: string;
  /** Added to the environment of every program that we start; undefined removes a variable. */
  env?: Record<string, string | undefined>;
  /** `tool` by default; `tests` are given less. */
  purpose?: Purpose;
  /** Without it the program reads an empty stdin. */
  stdin?: Readable;
  /**
   * Every line as it comes, without its line break; lines above 64 KiB come in pieces. What it throws ends the program
   * and rejects the run.
   */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Every piece of output as it comes, byte for byte. What it throws ends the program and rejects the run. */
  onChunk?: (chunk: Buffer, stream: 'stdout' | 'stderr') => void;
  /**
   * Receives the program's stdout byte for byte, with backpressure, and is ended with it; nothing of stdout is then captured or
   * passed to `onLine`. An error of it ends the program, and becomes its `error`.
   */
  stdout?: Writable;
  /** How much of each stream is kept in memory, half of it from the head and half from the tail; 8 MiB by default. */
  maxCapturedBytes?: number;
  /** Between SIGTERM and SIGKILL; 3 by default, since GitHub leaves a cancelled step 10 s in all. */
  graceSeconds?: number;
  /** The same where the signal ends the program; `graceSeconds` by default. */
  abortGraceSeconds?: number;
}

/** How a program ended. `exitCode` is 0 in success, and only then. */
export interface ProgramRun {
  exitCode: number | null;
  /** The signal that it died of. */
  signal: NodeJS.Signals | null;
  /** What was captured; a gap in the middle is marked by a line with the number of missing bytes. */
  stdout: string;
  stderr: string;
  /** Above 0: stdout and stderr are not whole and must not be parsed. */
  omittedBytes: { stdout: number; stderr: number };
  seconds: number;
  timedOut: boolean;
  /** Ended by the signal, or as part of a pipe that another one broke. */
  aborted: boolean;
  /** Why the program could not be started or not be fed; null when it could. */
  error: string | null;
  /** Whether the program does not exist. */
  isMissing?: boolean;
}

/** A program and its arguments, for {@link pipePrograms}. */
export interface ProgramCall {
  command: string;
  args: string[];
}

/** How a pipe of programs ended. */
export interface PipeRun {
  /** True when each of them ended with exit status 0. */
  ok: boolean;
  /** In the order of the calls. */
  runs: ProgramRun[];
  /** Which one broke the pipe, the others being its victims; null when none did. */
  culprit: { call: ProgramCall; run: ProgramRun } | null;
  seconds: number;
}

const defaultCapturedBytes = 8 * 1024 * 1024;
const defaultGraceSeconds = 3;
/** After the exit of the program its streams may be silent for 8 turns, and open for 2 s, because grandchildren hold them. */
const drainTurnMilliseconds = 25;
const drainQuietTurns = 8;
const drainTotalMilliseconds = 2000;

/**
 * Runs a program to its end. Resolves however that is, a missing program included (`error`); rejects only with what
 * `onLine` throws.
 *
 * The program leads a process group of its own, so that an abort reaches all its descendants. The terminal's Ctrl-C
 * does not reach it for the same reason: who handles SIGINT aborts the signal. Descendants that outlive a program that
 * was not aborted are left alone and do not delay the return, but lose the reader of their output.
 */
export function runProgram(command: string, args: string[], options: ProgramOptions): Promise<ProgramRun> {
  return startProgram(command, args, options, { stdin: options.stdin ? 'pipe' : 'ignore', keepStdout: true }).ended;
}

/**
 * Runs programs at once, the stdout of each being the stdin of the next, by the kernel's own pipe: the bytes do not
 * pass through our process, and backpressure is the kernel's. When one of them fails the others are killed; each must
 * end with exit status 0 for the pipe to be `ok`. Only the last one's stdout is captured; `onLine` sees that and the
 * stderr of all. `onBytes` is called with what the first has written so far, several times a second.
 */
export async function pipePrograms(
  calls: ProgramCall[],
  options: Omit<ProgramOptions, 'stdin'> & { onBytes?: ((bytes: number) => void) | undefined },
): Promise<PipeRun> {
  const startedAt = performance.now();
  const breakdown = new AbortController();
  const signal = AbortSignal.any([options.signal, breakdown.signal]);
  let stdin: Readable | 'ignore' = 'ignore';
  const endings: Promise<ProgramRun>[] = [];
  for (const [index, call] of calls.entries()) {
    const isLast = index === calls.length - 1;
    const program = startProgram(call.command, call.args, { ...options, signal }, { stdin, keepStdout: isLast });
    // Our own copy of the pipe has to go, or its writer would never learn that its reader is dead.
    if (stdin !== 'ignore') stdin.destroy();
    stdin = program.child?.stdout ?? 'ignore';
    // One that could not be started: the next must not take an empty stdin for the whole of its input.
    if (program.child?.pid === undefined) breakdown.abort();
    const pid = index === 0 ? program.child?.pid : undefined;
    const endWatch = pid && options.onBytes ? watchWrittenBytes(pid, options.onBytes) : undefined;
    endings.push(
      program.ended.then((run) => {
        endWatch?.();
        if (run.exitCode !== 0) breakdown.abort();
        return run;
      }),
    );
  }
  const runs = await Promise.all(endings);
  const failed = runs.filter((run) => run.exitCode !== 0);
  const endedByUs = (run: ProgramRun) => run.aborted && !options.signal.aborted;
  // With several, the first in the pipe: its readers only got part of their input. A reader's sockets close before its end is
  // reported, so it may be one that we had begun to end because of its writer, and still have an exit status of its own.
  const guilty =
    failed.find((run) => !endedByUs(run) && !lostItsReader(run)) ??
    failed.find((run) => run.exitCode !== null && !lostItsReader(run)) ??
    failed.find((run) => !endedByUs(run)) ??
    failed[0];
  return {
    ok: failed.length === 0,
    runs,
    culprit: guilty ? { call: must(calls[runs.indexOf(guilty)], 'the call of a run'), run: guilty } : null,
    seconds: (performance.now() - startedAt) / 1000,
  };
}

/**
 * Whether a program failed because its output was no longer read. Node's pipes are sockets, on which a writer gets ECONNRESET
 * instead of SIGPIPE when its reader left bytes unread; the program then prints that as its own error.
 */
function lostItsReader(run: ProgramRun): boolean {
  return run.signal === 'SIGPIPE' || /broken pipe|connection reset by peer|EPIPE|ECONNRESET/i.test(run.stderr);
}

/** How a program ended, in a few words: `exit status 1`, `killed by SIGKILL`, `no end within 60 s`, … */
export function describeProgramEnd(run: ProgramRun): string {
  if (run.error !== null) return run.error;
  if (run.timedOut) return `no end within ${Math.round(run.seconds)} s`;
  if (run.aborted) return 'aborted';
  if (run.exitCode !== null) return `exit status ${run.exitCode}`;
  return run.signal === null ? 'it cannot be killed' : `killed by ${run.signal}`;
}

function startProgram(
  command: string,
  args: string[],
  options: ProgramOptions,
  ends: ProgramEnds,
): { child: ChildProcess | null; ended: Promise<ProgramRun> } {
  const program = new Program(command, options, ends);
  const child = program.start(args);
  return { child, ended: child === null ? Promise.resolve(program.finish(null, null)) : program.follow(child) };
}

interface ProgramEnds {
  stdin: 'pipe' | 'ignore' | Readable;
  keepStdout: boolean;
}

/** One program from its start to its end. */
class Program {
  readonly #command: string;
  readonly #options: ProgramOptions;
  readonly #ends: ProgramEnds;
  readonly #startedAt = performance.now();
  readonly #captured: { stdout: HeadAndTail; stderr: HeadAndTail };
  readonly #exit = Promise.withResolvers<[number | null, NodeJS.Signals | null]>();
  readonly #state = { timedOut: false, aborted: false, error: null as string | null, isMissing: false };
  readonly #streams: Readable[] = [];
  readonly #lineReaders: LineReader[] = [];
  #bytesRead = 0;
  /** What a callback of the caller threw. */
  #thrown: { error: unknown } | undefined;
  #termination: Promise<void> | undefined;
  #killAt = Number.POSITIVE_INFINITY;

  constructor(command: string, options: ProgramOptions, ends: ProgramEnds) {
    this.#command = command;
    this.#options = options;
    this.#ends = ends;
    const maxBytes = options.maxCapturedBytes ?? defaultCapturedBytes;
    this.#captured = { stdout: new HeadAndTail(maxBytes), stderr: new HeadAndTail(maxBytes) };
  }

  /** The started program; null when it was not started, which `finish` explains. */
  start(args: string[]): ChildProcess | null {
    if (this.#options.signal.aborted) {
      this.#state.aborted = true;
      return null;
    }
    try {
      return spawn(this.#command, args, {
        cwd: this.#options.cwd,
        env: makeChildEnvironment(this.#options.env, this.#options.purpose),
        stdio: [this.#ends.stdin, 'pipe', 'pipe'],
        detached: true,
        windowsHide: true,
      });
    } catch (error) {
      // Node throws for some of the kernel's refusals (E2BIG, an argument that holds NUL) and emits the others.
      this.#state.error = `${this.#command} cannot be started: ${messageOf(error)}`;
      return null;
    }
  }

  async follow(child: ChildProcess): Promise<ProgramRun> {
    child.once('exit', (code, signal) => this.#exit.resolve([code, signal]));
    child.on('error', (error: NodeJS.ErrnoException) => {
      // With a pid it runs, and only a signal could not be delivered, which `endGroup` detects by itself.
      if (child.pid !== undefined) return;
      this.#state.error = describeStartError(this.#command, this.#options.cwd, error);
      this.#state.isMissing = isMissingProgram(this.#options.cwd, error);
      this.#exit.resolve([null, null]);
    });
    const poured = this.#connect(child);
    const closed = Promise.all(this.#streams.map((stream) => new Promise((resolve) => stream.once('close', resolve))));
    const [exitCode, signal] = await this.#waitForExit(child);
    // The rest of the group gets its grace too.
    await this.#termination;

    // A sink may be slow, and must get all of it; the rest of a program that was ended is not needed.
    if (this.#termination !== undefined && poured !== undefined) child.stdout?.destroy();
    await poured;
    await readRest(closed, () => this.#bytesRead);
    for (const stream of this.#streams) stream.destroy();
    for (const lines of this.#lineReaders) lines.end();
    await this.#termination;
    if (this.#thrown !== undefined) throw this.#thrown.error;
    return this.finish(exitCode, signal);
  }

  finish(exitCode: number | null, signal: NodeJS.Signals | null): ProgramRun {
    const { timedOut, aborted, error } = this.#state;
    const { stdout, stderr } = this.#captured;
    return {
      // A program that was ended by us has not done its work, even if it exits with 0.
      exitCode: exitCode === 0 && (timedOut || aborted || error !== null) ? null : exitCode,
      signal,
      stdout: stdout.text(),
      stderr: stderr.text(),
      omittedBytes: { stdout: stdout.omittedBytes, stderr: stderr.omittedBytes },
      seconds: (performance.now() - this.#startedAt) / 1000,
      ...this.#state,
    };
  }

  /** Connects the streams of the program. @returns fulfilled once the sink of its stdout has all of it; undefined without one. */
  #connect(child: ChildProcess): Promise<void> | undefined {
    const { stdin, stdout } = this.#options;
    let poured: Promise<void> | undefined;
    if (child.stdout !== null && this.#ends.keepStdout) {
      if (stdout === undefined) this.#read('stdout', child.stdout, child);
      else poured = this.#pour(child, child.stdout, stdout);
    }
    if (child.stderr !== null) this.#read('stderr', child.stderr, child);
    if (stdin !== undefined && child.stdin !== null) {
      feed(stdin, child.stdin, (error) => {
        this.#state.error ??= `the input of ${this.#command} broke off: ${messageOf(error)}`;
        this.#terminate(child);
      });
    }
    return poured;
  }

  #read(name: 'stdout' | 'stderr', stream: Readable, child: ChildProcess): void {
    const { onLine, onChunk } = this.#options;
    const guard = (tell: () => void): void => {
      if (this.#thrown !== undefined) return;
      try {
        tell();
      } catch (error) {
        this.#thrown = { error };
        this.#terminate(child);
      }
    };
    const lines = new LineReader((line) => guard(() => onLine?.(line, name)));
    this.#streams.push(stream);
    this.#lineReaders.push(lines);
    stream.on('data', (chunk: Buffer) => {
      this.#bytesRead += chunk.length;
      this.#captured[name].push(chunk);
      guard(() => onChunk?.(chunk, name));
      if (onLine !== undefined) lines.push(chunk);
    });
    stream.on('error', (error) => {
      this.#state.error ??= `${name} of ${this.#command} cannot be read: ${messageOf(error)}`;
    });
  }

  async #pour(child: ChildProcess, source: Readable, sink: Writable): Promise<void> {
    const { signal } = this.#options;
    try {
      await pipeline(source, sink, { signal });
    } catch (error) {
      // Its own end by an abort or a deadline is reported by these.
      if (!signal.aborted && !this.#state.timedOut)
        this.#state.error ??= `stdout of ${this.#command} cannot be taken: ${messageOf(error)}`;
      this.#terminate(child);
    }
  }

  /** Waits until the program has exited, by itself or since the signal or its deadline ended it. */
  async #waitForExit(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
    const { signal, timeoutSeconds, abortGraceSeconds } = this.#options;
    const onAbort = (): void => {
      if (child.pid === undefined) return;
      this.#state.aborted = true;
      this.#terminate(child, abortGraceSeconds);
    };
    const onTimeout = (): void => {
      this.#state.timedOut = true;
      this.#terminate(child);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const timer = timeoutSeconds === undefined ? undefined : setTimeout(onTimeout, timeoutSeconds * 1000);
    try {
      return await this.#exit.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  #terminate(child: ChildProcess, graceSeconds = this.#options.graceSeconds ?? defaultGraceSeconds): void {
    // A cancel also shortens a grace that has begun.
    this.#killAt = Math.min(this.#killAt, performance.now() + graceSeconds * 1000);
    this.#termination ??= endGroup(
      child.pid,
      () => this.#killAt,
      () => this.#exit.resolve([null, null]),
    );
  }
}

/** Feeds a program; `onBreak` is called for a source that broke off, not for a program that stopped reading. */
function feed(source: Readable, stdin: Writable, onBreak: (error: unknown) => void): void {
  let readerLeft = false;
  stdin.once('close', () => {
    readerLeft ||= !source.destroyed;
  });
  pipeline(source, stdin).catch((error: NodeJS.ErrnoException) => {
    // A program need not read everything: its exit status shows whether that was an error.
    if (error.code === 'EPIPE' || (error.code === 'ERR_STREAM_PREMATURE_CLOSE' && readerLeft)) return;
    onBreak(error);
  });
}

/**
 * Waits until the streams are closed, or silent because a grandchild holds them. Silence is counted in turns of the
 * event loop that read nothing, not in time: a loop that was busy elsewhere has not read what is there.
 */
async function readRest(closed: Promise<unknown>, bytesRead: () => number): Promise<void> {
  const deadline = performance.now() + drainTotalMilliseconds;
  let seenBytes = bytesRead();
  for (let quietTurns = 0; quietTurns < drainQuietTurns && performance.now() < deadline; quietTurns++) {
    const isClosed = await Promise.race([closed.then(() => true), sleep(drainTurnMilliseconds, false)]);
    if (isClosed) return;
    if (bytesRead() !== seenBytes) quietTurns = -1;
    seenBytes = bytesRead();
  }
}

/** Node reports a missing working directory as if the program were missing. */
function isMissingProgram(cwd: string | undefined, error: NodeJS.ErrnoException): boolean {
  return error.code === 'ENOENT' && (cwd === undefined || existsSync(cwd));
}

function describeStartError(command: string, cwd: string | undefined, error: NodeJS.ErrnoException): string {
  if (error.code !== 'ENOENT') return `${command} cannot be started: ${messageOf(error)}`;
  if (!isMissingProgram(cwd, error)) return `${command} cannot be started: there is no directory ${cwd}`;
  return command.includes('/') ? `there is no program ${command}` : `${command} is not on the PATH`;
}
