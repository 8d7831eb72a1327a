/**
 * Masking: what the value of a secret looks like wherever it may turn up, and its replacement in text and in streams of
 * bytes. Every writer uses this one: the console, the log on disk, the results, the report.
 */

import { Transform } from 'node:stream';
import { trimEndOf } from './trim-end.ts';

/** What stands where a secret stood. */
const stars = '***';
const starBytes = Buffer.from(stars);
/** Shorter values occur by chance in every log; they are refused as secrets. */
export const shortestSecret = 4;
/** A line of a secret that is shorter (an empty one, a lone brace) tells nothing and occurs everywhere. */
const shortestLine = 8;
/** So much of the base64 of a value within a longer one is still its own, whatever stands before it. */
const shortestBase64 = 8;

/**
 * Replaces secrets by `***`, in all the forms that logs and reports give them: as they are, line by line, in base64 (alone
 * or amid other text), and escaped as JSON, XML, URLs and shells do.
 */
export class SecretMask {
  /** Longest first, so that a secret within a secret does not leave its rest behind. */
  readonly #forms: Buffer[];
  readonly #texts: string[];
  readonly #longest: number;
  /** First bytes of all forms. */
  readonly #starts = new Set<number>();

  constructor(values: string[]) {
    const forms = new Set(values.flatMap(formsOf));
    this.#texts = [...forms].sort((a, b) => b.length - a.length);
    this.#forms = this.#texts.map((text) => Buffer.from(text)).sort((a, b) => b.length - a.length);
    this.#longest = this.#forms[0]?.length ?? 0;
    for (const form of this.#forms) this.#starts.add(form[0]!);
  }

  get isEmpty(): boolean {
    return this.#forms.length === 0;
  }

  /** All forms, the longest first: for a console that masks by itself. */
  get forms(): readonly string[] {
    return this.#texts;
  }

  /** The text without its secrets. */
  maskText(text: string): string {
    let masked = text;
    for (const form of this.#texts) masked = masked.replaceAll(form, stars);
    return masked;
  }

  /** Any JSON-like value with every text in it masked, keys included. */
  maskValue<T>(value: T): T {
    if (this.isEmpty) return value;
    if (typeof value === 'string') return this.maskText(value) as T;
    if (Array.isArray(value)) return value.map((item: unknown) => this.maskValue(item)) as T;
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.maskText(key), this.maskValue(item as unknown)]),
    ) as T;
  }

  /** A masker for one stream of bytes. */
  openStream(): MaskedStream {
    return new MaskedStream(this.#forms, this.#longest, this.#starts);
  }

  /** The same as a part of a pipeline. */
  createTransform(): Transform {
    const stream = this.openStream();
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        done(null, stream.push(chunk));
      },
      flush(done) {
        done(null, stream.end());
      },
    });
  }
}

/** Masks bytes that come in pieces. A secret that is cut by the end of a piece is held back until it is whole. */
export class MaskedStream {
  readonly #forms: readonly Buffer[];
  readonly #longest: number;
  readonly #starts: ReadonlySet<number>;
  #held: Buffer = Buffer.alloc(0);
  /** How many secrets were masked so far. */
  found = 0;

  constructor(forms: readonly Buffer[], longest: number, starts: ReadonlySet<number>) {
    this.#forms = forms;
    this.#longest = longest;
    this.#starts = starts;
  }

  /** What may be told of the bytes so far; only what may be the begin of a secret is kept back. */
  push(chunk: Buffer): Buffer {
    if (this.#longest === 0) return chunk;
    return this.#take(this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]), false);
  }

  /** The rest, when nothing more comes. */
  end(): Buffer {
    return this.#longest === 0 ? this.#held : this.#take(this.#held, true);
  }

  #take(bytes: Buffer, isLast: boolean): Buffer {
    const told: Buffer[] = [];
    const next = this.#forms.map((form) => bytes.indexOf(form));
    let at = 0;
    let begin = isLast ? bytes.length : this.#findBegin(bytes, at);
    for (;;) {
      let first = -1;
      for (const [i, form] of this.#forms.entries()) {
        if (next[i]! !== -1 && next[i]! < at) next[i] = bytes.indexOf(form, at);
        // Of two that begin together the longer one comes first in the list.
        if (next[i]! !== -1 && (first === -1 || next[i]! < next[first]!)) first = i;
      }
      // A longer secret may have begun at the same place or before: what comes next decides.
      if (first === -1 || next[first]! >= begin) break;
      told.push(bytes.subarray(at, next[first]), starBytes);
      at = next[first]! + this.#forms[first]!.length;
      this.found += 1;
      if (begin < at) begin = this.#findBegin(bytes, at);
    }
    told.push(bytes.subarray(at, begin));
    this.#held = Buffer.from(bytes.subarray(begin));
    return told.length === 1 ? told[0]! : Buffer.concat(told);
  }

  /** Where, at `from` or behind, a secret may begin whose end has not come yet; the end of the bytes when nowhere. */
  #findBegin(bytes: Buffer, from: number): number {
    for (let at = Math.max(from, bytes.length - this.#longest + 1); at < bytes.length; at++) {
      if (!this.#starts.has(bytes[at]!)) continue;
      const tail = bytes.subarray(at);
      if (this.#forms.some((form) => form.length > tail.length && form.subarray(0, tail.length).equals(tail)))
        return at;
    }
    return bytes.length;
  }
}

function formsOf(value: string): string[] {
  if (value.length < shortestSecret) return [];
  const lines = value.split(/\r?\n/).map((line) => line.trim());
  const parts = lines.length === 1 ? [value] : [value, ...lines.filter((line) => line.length >= shortestLine)];
  return parts.flatMap((part) => [part, ...base64Of(part), ...escapedOf(part)]).filter((form) => form !== '');
}

/** The base64 of a value, and what it leaves in the base64 of a longer text that holds it, at each of three places. */
function base64Of(value: string): string[] {
  const bytes = Buffer.from(value);
  const whole = bytes.toString('base64');
  const forms = [whole, trimEndOf(whole, '='), bytes.toString('base64url'), bytes.toString('hex')];
  for (const before of [0, 1, 2]) {
    const shifted = Buffer.concat([Buffer.alloc(before), bytes]);
    // Characters that also hold bits of what stands before or after are not the value's own.
    const own = shifted.toString('base64').slice(before === 0 ? 0 : before + 1, Math.floor((shifted.length * 4) / 3));
    if (own.length >= shortestBase64) forms.push(own, own.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms;
}

function escapedOf(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const xml = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const quoted = xml.replaceAll('"', '&quot;');
  return [
    json,
    json.replaceAll('/', '\\/'),
    xml,
    quoted,
    quoted.replaceAll("'", '&#39;'),
    quoted.replaceAll("'", '&apos;'),
    quoted.replaceAll('\n', '&#10;').replaceAll('\r', '&#13;').replaceAll('\t', '&#9;'),
    encodeURIComponent(value.toWellFormed()),
    encodeURIComponent(value.toWellFormed()).replaceAll('%20', '+'),
    value.replaceAll("'", "'\\''"),
    value.replaceAll('\n', '\\n'),
  ];
}
