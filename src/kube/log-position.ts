import { must } from '../core/must.ts';
import { formatLogTimestamp, type LogLineSink, type LogTimestamp } from './log-lines.ts';

/** A part of a log that is, or may be, missing or doubled. */
export interface LogGap {
  /** Timestamp of the last line before it; empty when there is none. */
  afterTimestamp: string;
  note: string;
}

const nanosecondsPerSecond = 1e9;

/**
 * stdout and stderr are stamped by two goroutines of the container runtime and written to one file: lines may be in it out of
 * order by a little. We ask for this much time before the last line, and only lines that are older still count as proof of a
 * clock that was set back.
 */
const slackNanoseconds = 2 * nanosecondsPerSecond;

/**
 * Tracks how far a log has been read, and selects from each reopened stream what has not been received before.
 *
 * A server that is asked for all lines since an instant (rounded down to a whole second) sends what its file holds, in the
 * order of the file. The lines that were received before are therefore sent again first, in the same order, and are recognised
 * by their timestamps, one by one: equal ones are as many lines. What follows the last of them is new. When that last line is
 * not sent again, the file was rotated meanwhile, and the lines between are declared as a gap.
 *
 * It cannot detect lines that a node rotated away before the first line was read, nor lines that the kubelet itself skips while
 * it follows a file through a rotation: only the node's own files show those.
 */
export class LogPosition implements LogLineSink {
  bytes = 0;
  lines = 0;
  /** Timestamp of the first received line. */
  first: LogTimestamp | undefined;
  readonly gaps: LogGap[] = [];
  /** The server's message about the log during the present stream, in place of the log. */
  foreignWords = '';

  #chunk: Buffer = Buffer.alloc(0);
  #newBytes = 0;

  /** The second in which the first line was written: instants are counted in nanoseconds from there, exact for 104 days. */
  #baseEpochSeconds: number | undefined;
  /** The instants of the received lines not before `#windowStart`, in the order of arrival. */
  readonly #window = new Instants();
  #windowStart = Number.NEGATIVE_INFINITY;
  #latest = Number.NEGATIVE_INFINITY;
  /** The instant of the last received line. */
  #last: number | undefined;
  /** How much of the last line has been received, while its newline is missing. */
  #unfinishedBytes: number | undefined;
  #clockWentBack = false;

  // Of the present stream.
  #isReplay = false;
  /** Index in `#window` of the next line that is expected again. */
  #expected = 0;
  #isFirstLine = true;
  /** How many bytes of the present line were received before and are left out. */
  #skipBytes = 0;

  /**
   * A new stream is about to begin.
   * @returns the instant from which to ask for lines, a whole second; undefined for all there are.
   */
  beginStream(): string | undefined {
    this.foreignWords = '';
    this.#isFirstLine = true;
    this.#expected = 0;
    this.#isReplay = this.#window.length > 0;
    if (!this.#isReplay) return undefined;
    if (this.#clockWentBack)
      this.declareGap('the clock of the node was set back: lines may be missing where following the log resumed');
    const epochSeconds = this.#base + this.#windowStart / nanosecondsPerSecond;
    return new Date(epochSeconds * 1000).toISOString().replace('.000Z', 'Z');
  }

  /** Whether the present stream has shown that nothing is missing before it: the last line of the former was sent again. */
  get isContinuous(): boolean {
    return !this.#isReplay;
  }

  /** Declares that the log may be incomplete after the received part. */
  declareGap(note: string): void {
    this.gaps.push({ afterTimestamp: this.#format(this.#last), note });
  }

  /** Collects the new part of a chunk in place at its start: the output is never longer than the input. */
  beginChunk(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#newBytes = 0;
  }

  /** The new bytes of the chunk, without timestamps. */
  takeNew(): Buffer {
    return this.#chunk.subarray(0, this.#newBytes);
  }

  lineStarts(epochSeconds: number, nanoseconds: number): void {
    this.first ??= { epochSeconds, nanoseconds };
    this.#baseEpochSeconds ??= epochSeconds;
    const instant = (epochSeconds - this.#baseEpochSeconds) * nanosecondsPerSecond + nanoseconds;
    const novelty = this.#isReplay ? this.#compare(instant) : 'new';
    this.#isFirstLine = false;
    switch (novelty) {
      case 'old':
        this.#skipBytes = Number.POSITIVE_INFINITY;
        break;
      case 'unfinished':
        this.#skipBytes = this.#unfinishedBytes ?? 0;
        break;
      case 'new':
        this.#skipBytes = 0;
        this.#remember(instant);
    }
  }

  content(chunk: Buffer, from: number, to: number, endsLine: boolean): void {
    const skipped = Math.min(this.#skipBytes, to - from);
    this.#skipBytes -= skipped;
    const start = from + skipped;
    if (start === to) return;
    this.#newBytes += chunk.copy(this.#chunk, this.#newBytes, start, to);
    this.bytes += to - start;
    if (endsLine) {
      this.lines += 1;
      this.#unfinishedBytes = undefined;
    } else {
      this.#unfinishedBytes = (this.#unfinishedBytes ?? 0) + (to - start);
    }
  }

  foreignLine(text: string): void {
    this.foreignWords = text;
  }

  /** The kind of a line that is received while earlier lines are sent again. */
  #compare(instant: number): 'old' | 'unfinished' | 'new' {
    const found = this.#window.indexOf(instant, this.#expected);
    if (found !== -1) {
      this.#expected = found + 1;
      if (this.#expected < this.#window.length) return 'old';
      this.#isReplay = false;
      return this.#unfinishedBytes === undefined ? 'old' : 'unfinished';
    }
    // A long line is several pieces in the node's file, each with its timestamp. When the one that we ask from is in the middle
    // of a line, the stream begins with the rest of that line, which was received before under its first timestamp.
    if (this.#isFirstLine && instant < this.#window.last) return 'old';
    // Lines of before the clock was set back may have instants in the future; they are not in the window.
    if (this.#clockWentBack && this.#expected === 0) return 'old';
    this.#isReplay = false;
    this.#unfinishedBytes = undefined;
    this.declareGap(
      `the log was rotated (or its container restarted) while the connection was lost: lines between ${this.#format(this.#last)} and ${this.#format(instant)} may be missing`,
    );
    return 'new';
  }

  /** The second from which instants are counted, once there are any. */
  get #base(): number {
    return must(this.#baseEpochSeconds, 'the base of instants');
  }

  #format(instant: number | undefined): string {
    if (instant === undefined) return '';
    const seconds = Math.floor(instant / nanosecondsPerSecond);
    return formatLogTimestamp({
      epochSeconds: this.#base + seconds,
      nanoseconds: instant - seconds * nanosecondsPerSecond,
    });
  }

  #remember(instant: number): void {
    if (instant < this.#windowStart) {
      this.#clockWentBack = true;
      this.#window.dropBefore(Number.POSITIVE_INFINITY);
      this.#windowStart = Number.NEGATIVE_INFINITY;
      this.#latest = Number.NEGATIVE_INFINITY;
    }
    this.#latest = Math.max(this.#latest, instant);
    const start = Math.floor(this.#latest / nanosecondsPerSecond) * nanosecondsPerSecond - slackNanoseconds;
    if (start > this.#windowStart) {
      this.#windowStart = start;
      this.#window.dropBefore(start);
    }
    this.#window.push(instant);
    this.#last = instant;
    this.#unfinishedBytes = 0;
  }
}

/** Instants in the order of arrival. Kept in one array: millions of them pass through it while a log is followed. */
class Instants {
  length = 0;
  #values = new Float64Array(1024);

  get last(): number {
    return this.#values[this.length - 1] ?? Number.NEGATIVE_INFINITY;
  }

  push(instant: number): void {
    if (this.length === this.#values.length) {
      const larger = new Float64Array(this.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length] = instant;
    this.length += 1;
  }

  /** Index of the first one that equals `instant`, from `from` on; -1 when there is none. */
  indexOf(instant: number, from: number): number {
    return this.#values.subarray(0, this.length).indexOf(instant, from);
  }

  /** Drops all earlier ones. */
  dropBefore(instant: number): void {
    let kept = 0;
    for (let i = 0; i < this.length; i += 1) {
      const value = this.#values[i] ?? 0;
      if (value < instant) continue;
      this.#values[kept] = value;
      kept += 1;
    }
    this.length = kept;
  }
}
