import { createReadStream } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { trimEndOf } from '../core/trim-end.ts';

/** How much of the end of an overlong line is kept. */
const tailChars = 500;

const escapeCharacter = '\u001b';
/** Colours, cursor movements, and titles of windows. */
const terminalSequence = new RegExp(
  `${escapeCharacter}(?:\\[[0-?]{0,32}[ -/]{0,8}[@-~]|\\][^\\u0007${escapeCharacter}]{0,500}(?:\\u0007|${escapeCharacter}\\\\)?|[@-_])`,
  'g',
);

export interface ReadLinesOptions {
  /** The beginning and the end of a longer line are kept, with a NUL between them. */
  maxChars: number;
  /** Where in the file to begin, in bytes; its begin by default. */
  startByte?: number;
  /** Where to stop, in bytes from the beginning of the file; its end by default. A file of zeros can be a terabyte long. */
  maxBytes?: number;
  signal?: AbortSignal;
}

/**
 * The lines of a file as text, without their line breaks (LF or CR LF), in memory that grows with neither the file nor its
 * lines. Bytes that are no UTF-8 become U+FFFD; a last line without a line break is a line as well.
 * @throws on I/O errors, and the signal's reason when it is aborted.
 */
export async function* readLines(file: string, options: ReadLinesOptions): AsyncGenerator<string> {
  const { maxChars, signal } = options;
  const decoder = new StringDecoder('utf8');
  let head = '';
  let tail = '';
  const add = (part: string): void => {
    const room = maxChars - head.length;
    if (room > 0) head += part.slice(0, room);
    if (part.length > room) tail = (tail + part.slice(Math.max(room, part.length - tailChars))).slice(-tailChars);
  };
  const take = (): string => {
    const line = trimEndOf(tail === '' ? head : `${head}\u0000${tail}`, '\r');
    head = '';
    tail = '';
    return line;
  };
  const range = { start: options.startByte ?? 0, end: (options.maxBytes ?? Infinity) - 1 };
  for await (const chunk of createReadStream(file, range)) {
    signal?.throwIfAborted();
    const parts = decoder.write(chunk as Buffer).split('\n');
    for (let i = 0; i < parts.length - 1; i++) {
      add(parts[i] ?? '');
      yield take();
    }
    add(parts.at(-1) ?? '');
  }
  add(decoder.end());
  if (head !== '') yield take();
}

/** A line as a terminal would show it: without escape sequences, and after a carriage return only what overwrote it. */
export function toShownLine(line: string): string {
  const plain = line.includes(escapeCharacter) ? line.replace(terminalSequence, '') : line;
  return plain.includes('\r') ? plain.slice(plain.lastIndexOf('\r') + 1) : plain;
}
