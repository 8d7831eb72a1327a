/** What a program writes, in bounded memory. */
import { StringDecoder } from 'node:string_decoder';

const maxLineChars = 64 * 1024;

/** Keeps the head and the tail of a stream, each of at most half the bytes given. */
export class HeadAndTail {
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
