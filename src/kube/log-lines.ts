/** What a `LogLineParser` finds, in order. */
export interface LogLineSink {
  /** A line begins, at an instant. Two numbers and no object: a log may have millions of lines. */
  lineStarts(epochSeconds: number, nanoseconds: number): void;
  /** Bytes `from` to `to` of `chunk` (what is before `to` will not be read again) belong to the line that began last; `endsLine`: their last one is its newline. */
  content(chunk: Buffer, from: number, to: number, endsLine: boolean): void;
  /** A line without a timestamp: not from the container, but a message of the kubelet or of a proxy about the log. */
  foreignLine(text: string): void;
}

/** An instant to the nanosecond, which neither a `Date` nor a number holds. */
export interface LogTimestamp {
  epochSeconds: number;
  nanoseconds: number;
}

/** RFC 3339 with nanoseconds and an offset: 35 characters. */
const maxTimestampBytes = 40;
const maxForeignBytes = 500;
const newline = 0x0a;
const space = 0x20;
const point = 0x2e;
const digit0 = 0x30;
const letterZ = 0x5a;

/** @returns undefined for what is no RFC 3339 timestamp. */
export function parseLogTimestamp(text: string): LogTimestamp | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const epochSeconds = Date.parse(`${match[1]}${match[3]}`) / 1000;
  if (Number.isNaN(epochSeconds)) return undefined;
  return { epochSeconds, nanoseconds: Number((match[2] ?? '').padEnd(9, '0')) };
}

/** As the kubelet writes it, with all nine digits. */
export function formatLogTimestamp({ epochSeconds, nanoseconds }: LogTimestamp): string {
  return `${new Date(epochSeconds * 1000).toISOString().slice(0, 19)}.${String(nanoseconds).padStart(9, '0')}Z`;
}

/** `2026-11-24T13:35:39` */
const secondBytes = 19;

/** Reads timestamps in place. Those of one second, as in UTC, are read without a string or an object for each of them. */
class TimestampReader {
  epochSeconds = 0;
  nanoseconds = 0;
  readonly #second = Buffer.alloc(secondBytes);

  /** @returns false for what is no RFC 3339 timestamp. */
  read(bytes: Buffer, from: number, to: number): boolean {
    if (this.#readFraction(bytes, from, to)) return true;
    const at = parseLogTimestamp(bytes.toString('latin1', from, to));
    if (at === undefined) return false;
    this.epochSeconds = at.epochSeconds;
    this.nanoseconds = at.nanoseconds;
    if (bytes[to - 1] === letterZ) bytes.copy(this.#second, 0, from, from + secondBytes);
    return true;
  }

  /** Whether it is in the second of the last one that was read. */
  #readFraction(bytes: Buffer, from: number, to: number): boolean {
    const start = from + secondBytes;
    // A point, one to nine digits, and a Z.
    if (to - start < 3 || to - start > 11 || bytes[start] !== point || bytes[to - 1] !== letterZ) return false;
    if (this.#second.compare(bytes, from, start) !== 0) return false;
    let nanoseconds = 0;
    for (let i = start + 1; i < start + 10; i += 1) {
      const digit = i < to - 1 ? (bytes[i] ?? 0) - digit0 : 0;
      if (digit < 0 || digit > 9) return false;
      nanoseconds = nanoseconds * 10 + digit;
    }
    this.nanoseconds = nanoseconds;
    return true;
  }
}

/**
 * Reads the stream of `…/log?timestamps=true`: lines, each begun by a timestamp and a space. It buffers only an incomplete
 * timestamp, for lines of any length.
 */
export class LogLineParser {
  readonly #sink: LogLineSink;
  readonly #timestamp = new TimestampReader();
  #state: 'timestamp' | 'content' | 'foreign' = 'timestamp';
  #carried = '';

  constructor(sink: LogLineSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === 'timestamp') at = this.#readTimestamp(chunk, at);
      else if (this.#state === 'content') at = this.#readContent(chunk, at);
      else at = this.#readForeign(chunk, at);
    }
  }

  /** The stream is over. Half a timestamp is dropped, since its line is sent again; half a foreign line is reported. */
  end(): void {
    if (this.#state === 'foreign') this.#endForeign();
  }

  #readTimestamp(chunk: Buffer, from: number): number {
    let to = from;
    const limit = Math.min(chunk.length, from + maxTimestampBytes - this.#carried.length);
    while (to < limit && chunk[to] !== space && chunk[to] !== newline) to += 1;
    if (this.#carried === '' && chunk[to] === space && this.#timestamp.read(chunk, from, to))
      return this.#startLine(to);
    this.#carried += chunk.toString('latin1', from, to);
    if (to === chunk.length && this.#carried.length < maxTimestampBytes) return to;
    const carried = Buffer.from(this.#carried, 'latin1');
    if (chunk[to] === space && this.#timestamp.read(carried, 0, carried.length)) return this.#startLine(to);
    this.#state = 'foreign';
    return to;
  }

  #startLine(spaceAt: number): number {
    this.#carried = '';
    this.#state = 'content';
    this.#sink.lineStarts(this.#timestamp.epochSeconds, this.#timestamp.nanoseconds);
    return spaceAt + 1;
  }

  #readContent(chunk: Buffer, from: number): number {
    const end = chunk.indexOf(newline, from);
    if (end === -1) {
      this.#sink.content(chunk, from, chunk.length, false);
      return chunk.length;
    }
    this.#sink.content(chunk, from, end + 1, true);
    this.#state = 'timestamp';
    return end + 1;
  }

  #readForeign(chunk: Buffer, from: number): number {
    const end = chunk.indexOf(newline, from);
    const to = end === -1 ? chunk.length : end;
    const room = Math.max(maxForeignBytes - this.#carried.length, 0);
    this.#carried += chunk.toString('latin1', from, Math.min(to, from + room));
    if (end === -1) return to;
    this.#endForeign();
    return end + 1;
  }

  #endForeign(): void {
    const text = this.#carried.trim();
    this.#carried = '';
    this.#state = 'timestamp';
    if (text !== '') this.#sink.foreignLine(text);
  }
}
