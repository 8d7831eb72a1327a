/**
 * Running a program: with argv and never a shell, with a deadline, abortable down to its last grandchild, in bounded
 * memory.
 *
 * Node's own `spawn` and not `@actions/exec`, because that can be neither aborted nor timed, loses a last line without
 * newline, reports death by a signal as an exit code of null without the signal's name, and waits ten seconds for
 * grandchildren that hold stdout.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../core/must.ts';
import { messageOf } from '../core/outcome.ts';
import { makeChildEnvironment, type Purpose } from './child-environment.ts';
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
const maxLineChars = 64 * 1024;
/** After the exit of the program its streams may be silent for 8 turns, and open for 2 s, because grandchildren hold them. */
const drainTurnMilliseconds = 25;
const drainQuietTurns = 8;
const drainTotalMilliseconds = 2000;
/** No event shows when the last of another process's children has ended, so we poll. */
const groupPollMilliseconds = 20;
/** A process in uninterruptible sleep outlives SIGKILL; this is how long we wait for the kernel to end it. */
const unkillableMilliseconds = 5000;

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
  ends: { stdin: 'pipe' | 'ignore' | Readable; keepStdout: boolean },
): { child: ChildProcess | null; ended: Promise<ProgramRun> } {
  const startedAt = performance.now();
  const maxBytes = options.maxCapturedBytes ?? defaultCapturedBytes;
  const captured = { stdout: new HeadAndTail(maxBytes), stderr: new HeadAndTail(maxBytes) };
  const state = { timedOut: false, aborted: false, error: null as string | null, isMissing: false };
  const finish = (exitCode: number | null, signal: NodeJS.Signals | null): ProgramRun => ({
    // A program that was ended by us has not done its work, even if it exits with 0.
    exitCode: exitCode === 0 && (state.timedOut || state.aborted || state.error !== null) ? null : exitCode,
    signal,
    stdout: captured.stdout.text(),
    stderr: captured.stderr.text(),
    omittedBytes: { stdout: captured.stdout.omittedBytes, stderr: captured.stderr.omittedBytes },
    seconds: (performance.now() - startedAt) / 1000,
    ...state,
  });

  if (options.signal.aborted) {
    state.aborted = true;
    return { child: null, ended: Promise.resolve(finish(null, null)) };
  }
  let started: ChildProcess;
  try {
    started = spawn(command, args, {
      cwd: options.cwd,
      env: makeChildEnvironment(options.env, options.purpose),
      stdio: [ends.stdin, 'pipe', 'pipe'],
      detached: true,
      windowsHide: true,
    });
  } catch (error) {
    // Node throws for some of the kernel's refusals (E2BIG, an argument that holds NUL) and emits the others.
    state.error = `${command} cannot be started: ${messageOf(error)}`;
    return { child: null, ended: Promise.resolve(finish(null, null)) };
  }
  return { child: started, ended: followProgram(started) };

  async function followProgram(child: ChildProcess): Promise<ProgramRun> {
    const exit = Promise.withResolvers<[number | null, NodeJS.Signals | null]>();
    let thrown: { error: unknown } | undefined;
    let termination: Promise<void> | undefined;
    let killAt = Number.POSITIVE_INFINITY;
    const { graceSeconds = defaultGraceSeconds, abortGraceSeconds = graceSeconds } = options;
    const terminate = (seconds = graceSeconds): void => {
      // A cancel also shortens a grace that has begun.
      killAt = Math.min(killAt, performance.now() + seconds * 1000);
      termination ??= endGroup(
        child.pid,
        () => killAt,
        () => exit.resolve([null, null]),
      );
    };

    child.once('exit', (code, signal) => exit.resolve([code, signal]));
    child.on('error', (error: NodeJS.ErrnoException) => {
      // With a pid it runs, and only a signal could not be delivered, which `endGroup` detects by itself.
      if (child.pid !== undefined) return;
      state.error = describeStartError(command, options.cwd, error);
      state.isMissing = isMissingProgram(options.cwd, error);
      exit.resolve([null, null]);
    });

    let poured: Promise<void> | undefined;
    const streams: Readable[] = [];
    const lineReaders: LineReader[] = [];
    let bytesRead = 0;
    for (const name of ['stdout', 'stderr'] as const) {
      const stream = child[name];
      if (!stream || (name === 'stdout' && !ends.keepStdout)) continue;
      if (name === 'stdout' && options.stdout !== undefined) {
        poured = pipeline(stream, options.stdout, { signal: options.signal }).catch((error: unknown) => {
          // Its own end by an abort or a deadline is reported by these.
          if (!options.signal.aborted && !state.timedOut)
            state.error ??= `stdout of ${command} cannot be taken: ${messageOf(error)}`;
          terminate();
        });
        continue;
      }
      const guard = (tell: () => void): void => {
        if (thrown) return;
        try {
          tell();
        } catch (error) {
          thrown = { error };
          terminate();
        }
      };
      const lines = new LineReader((line) => guard(() => options.onLine?.(line, name)));
      streams.push(stream);
      lineReaders.push(lines);
      stream.on('data', (chunk: Buffer) => {
        bytesRead += chunk.length;
        captured[name].push(chunk);
        guard(() => options.onChunk?.(chunk, name));
        if (options.onLine) lines.push(chunk);
      });
      stream.on('error', (error) => {
        state.error ??= `${name} of ${command} cannot be read: ${messageOf(error)}`;
      });
    }
    const closed = Promise.all(streams.map((stream) => new Promise((resolve) => stream.once('close', resolve))));
    if (options.stdin && child.stdin) {
      feed(options.stdin, child.stdin, (error) => {
        state.error ??= `the input of ${command} broke off: ${messageOf(error)}`;
        terminate();
      });
    }

    const onAbort = (): void => {
      if (child.pid === undefined) return;
      state.aborted = true;
      terminate(abortGraceSeconds);
    };
    const onTimeout = (): void => {
      state.timedOut = true;
      terminate();
    };
    options.signal.addEventListener('abort', onAbort, { once: true });
    const timer =
      options.timeoutSeconds === undefined ? undefined : setTimeout(onTimeout, options.timeoutSeconds * 1000);
    const [exitCode, signal] = await exit.promise;
    clearTimeout(timer);
    options.signal.removeEventListener('abort', onAbort);
    // The rest of the group gets its grace too.
    await termination;

    // A sink may be slow, and must get all of it; the rest of a program that was ended is not needed.
    if (termination !== undefined && poured !== undefined) child.stdout?.destroy();
    await poured;
    await readRest(closed, () => bytesRead);
    for (const stream of streams) stream.destroy();
    for (const lines of lineReaders) lines.end();
    await termination;
    if (thrown) throw (thrown as { error: unknown }).error;
    return finish(exitCode, signal);
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

/** SIGTERM to a process group, SIGKILL when something of it is left at the time that `killAt` gives. */
async function endGroup(leaderPid: number | undefined, killAt: () => number, onUnkillable: () => void): Promise<void> {
  if (leaderPid === undefined) return;
  signalGroup(leaderPid, 'SIGTERM');
  while (isGroupAlive(leaderPid) && performance.now() < killAt()) await sleep(groupPollMilliseconds);
  signalGroup(leaderPid, 'SIGKILL');
  setTimeout(onUnkillable, unkillableMilliseconds).unref();
}

/**
 * Whether a process of the group still runs. Zombies do not count: in a container whose first process does not reap children,
 * as in GitHub's container jobs, they stay forever, and each abort would last the whole grace.
 */
function isGroupAlive(leaderPid: number): boolean {
  if (!signalGroup(leaderPid, 0)) return false;
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    } catch {
      return false; // It ended in between.
    }
    // proc_pid_stat(5): pid (name) state parent group …; the name may hold spaces and parentheses.
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === String(leaderPid) && state !== 'Z' && state !== 'X';
  });
}

/** Sends a signal to a process group; false when no process of the group is left. */
function signalGroup(leaderPid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leaderPid, signal);
  } catch (error) {
    // EPERM (macOS for zombies, Linux for programs that changed their user) means that there is a process.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
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

/** Keeps the head and the tail of a stream, each of at most half the bytes given. */
class HeadAndTail {
  readonly #head: Buffer;
  /** A ring: byte n of what follows the head lies at n modulo its length. */
  #tail: Buffer | undefined;
  #totalBytes = 0;

  constructor(maxBytes: number) {
    // Not zeroed, so that pages which are never written cost no memory.
    this.#head = Buffer.allocUnsafeSlow(Math.max(1, Math.ceil(maxBytes / 2)));
  }

  get omittedBytes(): number {
    return Math.max(0, this.#totalBytes - 2 * this.#head.length);
  }

  push(chunk: Buffer): void {
    const capacity = this.#head.length;
    const taken = this.#totalBytes < capacity ? chunk.copy(this.#head, this.#totalBytes) : 0;
    let rest = chunk.subarray(taken);
    let position = this.#totalBytes + taken - capacity;
    this.#totalBytes += chunk.length;
    if (rest.length === 0) return;
    this.#tail ??= Buffer.allocUnsafeSlow(capacity);
    if (rest.length > capacity) {
      position += rest.length - capacity;
      rest = rest.subarray(rest.length - capacity);
    }
    const start = position % capacity;
    const written = rest.copy(this.#tail, start);
    rest.copy(this.#tail, 0, written);
  }

  text(): string {
    const capacity = this.#head.length;
    const tailBytes = this.#totalBytes - capacity;
    if (!this.#tail || tailBytes <= 0) return this.#head.toString('utf8', 0, this.#totalBytes);
    if (tailBytes <= capacity) return Buffer.concat([this.#head, this.#tail.subarray(0, tailBytes)]).toString();
    const start = tailBytes % capacity;
    const tail = Buffer.concat([this.#tail.subarray(start), this.#tail.subarray(0, start)]);
    return `${this.#head.toString()}\n… ${this.omittedBytes} bytes left out …\n${tail.toString()}`;
  }
}

/**
 * Cuts bytes into lines of text, without their line breaks. A character split between two chunks is put together again;
 * lines above 64 KiB come in pieces.
 */
export class LineReader {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #pending = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk));
  }

  end(): void {
    this.#take(this.#decoder.end());
    if (this.#pending !== '') this.#emit(this.#pending);
    this.#pending = '';
  }

  #take(text: string): void {
    const pieces = (this.#pending + text).split('\n');
    this.#pending = pieces.pop() ?? '';
    for (const piece of pieces) this.#emit(piece);
    while (this.#pending.length > maxLineChars) {
      this.#onLine(this.#pending.slice(0, maxLineChars));
      this.#pending = this.#pending.slice(maxLineChars);
    }
  }

  #emit(line: string): void {
    this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}
