import { setTimeout as delay } from 'node:timers/promises';
import { must } from '../core/must.ts';
import { type ApiError, toApiError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';
import { LogLineParser, type LogTimestamp } from './log-lines.ts';
import { type LogGap, LogPosition } from './log-position.ts';
import { OutageReport } from './outage-report.ts';
import { logPath } from './read-log.ts';
import { late, waitBriefly } from './wait-briefly.ts';

export interface FollowLogOptions {
  connection: KubeConnection;
  namespace: string;
  pod: string;
  container: string;
  /** Stops following; what is missing then is declared as a gap. */
  signal: AbortSignal;
  /**
   * Whether the container has ended, or will never write again for another reason (its pod is gone). `enough`: it may continue
   * to write, but the caller no longer waits for that; what it has written by then is fetched.
   */
  ended: () => boolean | 'enough' | Promise<boolean | 'enough'>;
  /** Which of the container's runs it is: the one that the API server has under its name, or the one before that. */
  instance?: () => 'current' | 'previous' | 'gone';
  /** Receives the log's own bytes, in order, as they arrive; reading waits for it. An exception of it ends the following. */
  onChunk: (chunk: Buffer) => void | Promise<void>;
  /** Called for each gap at its position: after all chunks before it, before the first one after it. */
  onGap?: (gap: LogGap) => void | Promise<void>;
  /** Called while the log cannot be read, with since when and why; first after some seconds, then at growing intervals. */
  onOutage?: (text: string) => void;
  timing?: Partial<FollowTiming>;
}

export interface FollowTiming {
  /** A stream without data for this long is reopened: its connection may be lost without an error. */
  stallMilliseconds: number;
  /** How often `ended` is asked while a stream is open. */
  tickMilliseconds: number;
  /** How long a stream may continue after the container's end before the rest is fetched without following. */
  lingerMilliseconds: number;
  firstRetryMilliseconds: number;
  maxRetryMilliseconds: number;
  /** How long after the container's end the rest of its log is tried for. */
  giveUpMilliseconds: number;
  /** How long an outage must last before it is reported. */
  outageGraceSeconds: number;
  /** How long a slow stream is left to collect more data. */
  gatherMilliseconds: number;
}

export interface FollowedLog {
  bytes: number;
  /** How many newlines. */
  lines: number;
  /** Timestamp of the first line; undefined when there was none. */
  first: LogTimestamp | undefined;
  /** What is, or may be, missing or doubled; empty when the delivered log is complete as far as the API server has it. */
  gaps: LogGap[];
}

/**
 * The kubelet sends each line by itself. Very many of them, handled one by one, would cost more memory in promises and timers
 * than in bytes; those that arrive within a few milliseconds are handled together.
 */
const gatherBytes = 16 * 1024;

const defaultTiming: FollowTiming = {
  stallMilliseconds: 60_000,
  tickMilliseconds: 250,
  lingerMilliseconds: 1000,
  firstRetryMilliseconds: 100,
  maxRetryMilliseconds: 1000,
  giveUpMilliseconds: 30_000,
  outageGraceSeconds: 3,
  gatherMilliseconds: 5,
};

/**
 * Delivers the log of a container, each byte once and in order, until the container has ended and a stream that was opened
 * after its end has returned nothing new. Dropped and silent streams are reopened where they ended; memory does not grow with
 * the log or its lines. Possible losses that a `LogPosition` cannot exclude are declared in `gaps`.
 *
 * An abort, a pod that is gone, and an API server that stays away after the container's end are ordinary ends, with a gap.
 * @throws what `onChunk` or `ended` threw, nothing else.
 */
export async function followLog(options: FollowLogOptions): Promise<FollowedLog> {
  const timing = { ...defaultTiming, ...options.timing };
  const position = new LogPosition();
  const problem = new OutageReport(options.onOutage, timing.outageGraceSeconds);
  const gaps = new GapTeller(position, options.onGap);
  let attempts = 0;
  let endedAt: number | undefined;
  for (;;) {
    const state = await options.ended();
    const hasEnded = state !== false;
    if (hasEnded) endedAt ??= performance.now();
    const bytesBefore = position.bytes;
    const end = await readStream(options, timing, position, gaps, !hasEnded);
    const hasNews = position.bytes > bytesBefore;
    if (end.kind === 'aborted') {
      position.declareGap('following the log was stopped before its end');
      break;
    }
    if (end.kind === 'gone') {
      position.declareGap(`the pod is gone, and the end of its log could not be confirmed: ${end.why}`);
      break;
    }
    const why = position.foreignWords === '' ? end.why : position.foreignWords;
    const isLast = !hasNews || state === 'enough';
    if (hasEnded && isLast && end.kind === 'complete' && position.foreignWords === '') {
      if (!position.isContinuous)
        position.declareGap('the last lines were removed from the node before they were confirmed');
      break;
    }
    if (endedAt !== undefined && performance.now() - endedAt > timing.giveUpMilliseconds && !hasNews) {
      position.declareGap(`the end of the log could not be read: ${why}`);
      break;
    }
    if (hasNews || why === '') problem.healed();
    else problem.failed(`the log of ${options.pod}/${options.container} cannot be read`, why);
    attempts = hasNews ? 0 : attempts + 1;
    // A stream that we closed was open long enough; one that returned the rest is confirmed by another at once.
    if (end.kind === 'over' || (hasEnded && end.kind === 'complete' && hasNews)) continue;
    const doublings = Math.min(Math.max(attempts - 1, 0), 10);
    const wait = Math.min(timing.firstRetryMilliseconds * 2 ** doublings, timing.maxRetryMilliseconds);
    // An abort is noticed at the next attempt.
    await delay(wait, undefined, { signal: options.signal }).catch(() => undefined);
  }
  await gaps.tell();
  return { bytes: position.bytes, lines: position.lines, first: position.first, gaps: position.gaps };
}

/** Passes on each gap of a position once, when requested. */
class GapTeller {
  readonly #position: LogPosition;
  readonly #onGap: FollowLogOptions['onGap'];
  #reportedGaps = 0;

  constructor(position: LogPosition, onGap: FollowLogOptions['onGap']) {
    this.#position = position;
    this.#onGap = onGap;
  }

  async tell(): Promise<void> {
    for (; this.#reportedGaps < this.#position.gaps.length; this.#reportedGaps += 1)
      await this.#onGap?.(must(this.#position.gaps[this.#reportedGaps], 'a gap'));
  }
}

/** How a stream ended; `why` is empty when nothing is wrong. */
interface StreamEnd {
  /**
   * `complete`: reported by the server; `over`: we closed it; `broken`: it was cut, or refused; `gone`: there is no such pod.
   */
  kind: 'complete' | 'over' | 'broken' | 'gone' | 'aborted';
  why: string;
}

async function readStream(
  options: FollowLogOptions,
  timing: FollowTiming,
  position: LogPosition,
  gaps: GapTeller,
  follow: boolean,
): Promise<StreamEnd> {
  const instance = options.instance?.() ?? 'current';
  if (instance === 'gone') return { kind: 'gone', why: 'its container was restarted more than once meanwhile' };
  const leave = new AbortController();
  const signal = AbortSignal.any([options.signal, leave.signal]);
  const since = position.beginStream();
  const parser = new LogLineParser(position);
  const watchdog = new Watchdog(options, timing, follow);
  let pending: Promise<unknown> | undefined;
  try {
    await gaps.tell();
    const query = {
      container: options.container,
      timestamps: 'true',
      ...(follow ? { follow: 'true' } : {}),
      ...(since === undefined ? {} : { sinceTime: since }),
      ...(instance === 'previous' ? { previous: 'true' } : {}),
    };
    // The kubelet sends the head of its answer with the first line: for a silent container that may never come.
    const opening = options.connection.open(logPath(options), { signal, query });
    pending = opening;
    const body = await watchdog.wait(opening);
    if (body === late) return watchdog.end;
    const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
    for (;;) {
      const reading = chunks.next();
      pending = reading;
      const chunk = await watchdog.wait(reading);
      if (chunk === late) return watchdog.end;
      if (chunk.done === true) return { kind: 'complete', why: '' };
      position.beginChunk(chunk.value);
      parser.push(chunk.value);
      const news = position.takeNew();
      await gaps.tell();
      const isLittle = chunk.value.length < gatherBytes;
      if (news.length > 0) await options.onChunk(news);
      if (isLittle && timing.gatherMilliseconds > 0) await delay(timing.gatherMilliseconds);
    }
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    if (options.signal.aborted) return { kind: 'aborted', why: '' };
    return { kind: error.failure.status === 404 ? 'gone' : 'broken', why: error.failure.message };
  } finally {
    parser.end();
    // The rest of the stream is dropped; we caused the failure of its read ourselves.
    pending?.catch(() => undefined);
    leave.abort();
  }
}

/** Sets what the stream threw apart from what the caller's own functions threw. */
class StreamError extends Error {
  readonly failure: ApiError;
  constructor(failure: ApiError) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Waits for the next part of a stream as long as that makes sense. */
class Watchdog {
  end: StreamEnd = { kind: 'over', why: '' };
  readonly #options: FollowLogOptions;
  readonly #timing: FollowTiming;
  readonly #follow: boolean;
  #askedAt = performance.now();
  #endedAt: number | undefined;

  constructor(options: FollowLogOptions, timing: FollowTiming, follow: boolean) {
    this.#options = options;
    this.#timing = timing;
    this.#follow = follow;
  }

  /**
   * @returns `late` when the stream is to be closed; `end` then has the reason.
   * @throws StreamError when the stream broke.
   */
  async wait<T>(part: Promise<T>): Promise<T | typeof late> {
    const start = performance.now();
    for (;;) {
      if (await this.#isOverdue()) return late;
      const result = await waitBriefly(part, this.#timing.tickMilliseconds).catch((error: unknown) => {
        throw new StreamError(toApiError(error));
      });
      if (result !== late) return result;
      const silent = performance.now() - start;
      // Time limit for fetching the rest of a log.
      const { stallMilliseconds, giveUpMilliseconds } = this.#timing;
      if (silent < (this.#follow ? stallMilliseconds : Math.min(stallMilliseconds, giveUpMilliseconds))) continue;
      // Silence is no fault of a stream that follows: tests may think for minutes.
      if (!this.#follow)
        this.end = { kind: 'broken', why: `the API server was silent for ${Math.round(silent / 1000)} s` };
      return late;
    }
  }

  /** Whether the container ended so long ago that a following stream should have ended too. */
  async #isOverdue(): Promise<boolean> {
    const now = performance.now();
    if (!this.#follow || now - this.#askedAt < this.#timing.tickMilliseconds) return false;
    this.#askedAt = now;
    const state = await this.#options.ended();
    if (state !== false) this.#endedAt ??= now;
    if (state === 'enough') return true;
    return this.#endedAt !== undefined && now - this.#endedAt >= this.#timing.lingerMilliseconds;
  }
}
