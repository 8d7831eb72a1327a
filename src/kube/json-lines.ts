/**
 * Cuts a stream of bytes into lines, each a JSON text. Bytes after the last newline are kept for the next call; after a cut
 * stream they are dropped, and the reader requests the object again.
 */
export class JsonLines {
  readonly #maxLineBytes: number;
  #begun: Buffer[] = [];
  #begunBytes = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * The lines that end within this chunk, parsed; blank ones are left out.
   * @throws SyntaxError for a line that is no JSON, RangeError for one of more than `maxLineBytes`.
   */
  *push(chunk: Buffer): Generator<unknown> {
    let from = 0;
    for (let to = chunk.indexOf(0x0a); to !== -1; to = chunk.indexOf(0x0a, from)) {
      this.#keep(chunk.subarray(from, to));
      const line = Buffer.concat(this.#begun).toString('utf8');
      this.#begun = [];
      this.#begunBytes = 0;
      from = to + 1;
      if (line.trim() !== '') yield JSON.parse(line);
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  #keep(part: Buffer): void {
    this.#begun.push(part);
    this.#begunBytes += part.length;
    if (this.#begunBytes > this.#maxLineBytes)
      throw new RangeError(`a line of more than ${this.#maxLineBytes} bytes in a stream of JSON`);
  }
}
