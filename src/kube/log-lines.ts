/** What a `LogLineParser` finds, in order. */
export interface LogLineSink {
  /** A line begins; `at` is the timestamp as the server wrote it. */
  lineStarts(at: LogTimestamp): void;
  /** Bytes `from` to `to` of `chunk` (what is before `to` will not be read again) belong to the line that began last; `endsLine`: their last one is its newline. */
  content(chunk: Buffer, from: number, to: number, endsLine: boolean): void;
  /** A line without a timestamp: not the container's, but words of the kubelet or of a proxy about the log. */
  foreignLine(text: string): void;
}

/** An instant to the nanosecond, which neither a `Date` nor a number holds. */
export interface LogTimestamp {
  text: string;
  epochSeconds: number;
  nanoseconds: number;
}

/** RFC 3339 with nanoseconds and an offset: 35 characters. */
const maxTimestampBytes = 40;
const maxForeignBytes = 500;
const newline = 0x0a;
const space = 0x20;

/** @returns undefined for what is no RFC 3339 timestamp. */
function parseLogTimestamp(text: string): LogTimestamp | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const epochSeconds = Date.parse(`${match[1]}${match[3]}`) / 1000;
  if (Number.isNaN(epochSeconds)) return undefined;
  return { text, epochSeconds, nanoseconds: Number((match[2] ?? '').padEnd(9, '0')) };
}

/**
 * Reads the stream of `…/log?timestamps=true`: lines, each begun by a timestamp and a space. It keeps nothing but a
 * timestamp that has not wholly come, whatever the length of the lines.
 */
export class LogLineParser {
  readonly #sink: LogLineSink;
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

  /** The stream is over. Half a timestamp is dropped, since its line comes again; half a foreign line is told. */
  end(): void {
    if (this.#state === 'foreign') this.#endForeign();
  }

  #readTimestamp(chunk: Buffer, from: number): number {
    let to = from;
    const limit = Math.min(chunk.length, from + maxTimestampBytes - this.#carried.length);
    while (to < limit && chunk[to] !== space && chunk[to] !== newline) to += 1;
    this.#carried += chunk.toString('latin1', from, to);
    if (to === chunk.length && this.#carried.length < maxTimestampBytes) return to;
    const at = chunk[to] === space ? parseLogTimestamp(this.#carried) : undefined;
    if (at === undefined) {
      this.#state = 'foreign';
      return to;
    }
    this.#carried = '';
    this.#state = 'content';
    this.#sink.lineStarts(at);
    return to + 1;
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
