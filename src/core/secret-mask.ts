/**
 * Masking: what the value of a secret looks like wherever it may turn up, and its replacement in text and in streams of
 * bytes. Every writer uses this one: the console, the log on disk, the results, the report.
 */

import { Transform } from 'node:stream';
import { must } from './must.ts';
import { base64Of, PatternTree, partsOf, patternKinds, shortestSecret } from './secret-patterns.ts';
import { isLead, isSeamLead, TextSpellings } from './text-spellings.ts';

export { shortestSecret };

/** The replacement for a secret. */
const stars = '***';
const starBytes = Buffer.from(stars);
/** Where a text was cut to a length, by us or by others; a secret may have been cut with it. */
const ellipsis = Buffer.from('…');

/**
 * Replaces secrets by `***`, in all forms that occur in logs and reports: verbatim, line by line, escaped as JSON, XML,
 * addresses, shells and source code do it (also one within the other), in base64 (alone, amid other text, in lines) and in
 * hexadecimal digits and other numbers of bytes. docs/threat-model.md lists what is not found.
 */
export class SecretMask {
  readonly #matcher: SecretMatcher;
  /** The commonest spellings, the longest first: for a console that does its own masking. */
  readonly forms: readonly string[];

  constructor(values: string[]) {
    this.#matcher = new SecretMatcher(values);
    this.forms = [...new Set(values.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  }

  get isEmpty(): boolean {
    return this.#matcher.isEmpty;
  }

  /** The text without its secrets. */
  maskText(text: string): string {
    if (this.isEmpty || text.length < shortestSecret) return text;
    const stream = this.openStream();
    const parts = [stream.push(Buffer.from(text)), stream.end()];
    return stream.found === 0 ? text : Buffer.concat(parts).toString();
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
    return new MaskedStream(this.#matcher);
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

/** What all streams of one mask share. */
class SecretMatcher {
  readonly tree: PatternTree;
  readonly isEmpty: boolean;
  /** Nodes of the tree where patterns begin. */
  readonly roots = [...patternKinds.keys()];
  /** 1 for a byte with which no secret begins. */
  readonly isIdle = new Uint8Array(256);
  /** 1 for two bytes in a row of which the first begins no secret if the second follows it. */
  readonly isIdlePair = new Uint8Array(65_536);
  /** 1 for a byte that may be more than itself within a secret. */
  readonly isAmbiguous = new Uint8Array(256);

  constructor(values: string[]) {
    this.tree = new PatternTree(values);
    this.isEmpty = this.tree.size === this.roots.length;
    for (let byte = 0; byte < 256; byte++) {
      const nodes = this.roots.map((root) => this.tree.step(root, byte)).filter((node) => node !== -1);
      if (nodes.length === 0 && !this.#leadBegins(byte)) this.isIdle[byte] = 1;
      if (byte === ellipsis[0] || isLead[byte] === 1 || patternKinds.some((kind) => isSeamLead[kind][byte] === 1))
        this.isAmbiguous[byte] = 1;
      if (isLead[byte] === 1) continue;
      for (let next = 0; next < 256; next++)
        if (!nodes.some((node) => this.#goesOn(node, next))) this.isIdlePair[byte * 256 + next] = 1;
    }
  }

  #goesOn(node: number, byte: number): boolean {
    return (
      isLead[byte] === 1 ||
      byte === ellipsis[0] ||
      isSeamLead[must(patternKinds[this.tree.kindOf(node)], 'the kind of a pattern')][byte] === 1 ||
      this.tree.step(node, byte) !== -1
    );
  }

  /** Whether a spelling that begins with this byte may begin a secret. */
  #leadBegins(byte: number): boolean {
    if (isLead[byte] === 0) return false;
    const begins = (first: number) => this.roots.some((root) => this.tree.step(root, first) !== -1);
    const character = String.fromCharCode(byte);
    if (character === '+' || character === '\n') return begins(0x20);
    // What these begin is only ever the same character.
    return `'"$`.includes(character) ? begins(byte) : true;
  }
}

/** Places of a text that a reading has reached, with what of a pattern is before each. */
interface Paths {
  /** Twice the number of the node; one more where the last characters read encode nothing. */
  states: number[];
  /** Where the reading began. */
  begins: number[];
}

/**
 * Masks bytes that arrive in pieces. Bytes that may begin a secret are held back until that is decided. All readings of the
 * text are followed side by side, so that the effort grows with the length of the text and not with its square.
 */
export class MaskedStream {
  readonly #matcher: SecretMatcher;
  readonly #spellings = new TextSpellings();
  /** From the first byte on that is held back. */
  #bytes: Buffer = Buffer.alloc(0);
  /** The next byte to be examined. */
  #at = 0;
  #here: Paths = { states: [], begins: [] };
  /** Used in turn with `#here`. */
  #spare: Paths = { states: [], begins: [] };
  /** Readings that continue further on, by their place. */
  readonly #ahead = new Map<number, Paths>();
  /** Secrets that were found in what is held back, in their order; none overlaps with another. */
  readonly #covered: { from: number; to: number }[] = [];
  /** How many secrets were masked so far. */
  found = 0;

  constructor(matcher: SecretMatcher) {
    this.#matcher = matcher;
  }

  /** What may be shown of the bytes so far; only bytes that may begin a secret are held back. */
  push(chunk: Buffer): Buffer {
    if (this.#matcher.isEmpty) return chunk;
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    return this.#take(false);
  }

  /** The rest, when there is no more input. */
  end(): Buffer {
    return this.#matcher.isEmpty ? Buffer.alloc(0) : this.#take(true);
  }

  #take(isWhole: boolean): Buffer {
    const { isAmbiguous } = this.#matcher;
    this.#spellings.open(this.#bytes, isWhole);
    while (this.#at < this.#bytes.length) {
      if (this.#here.states.length === 0 && this.#ahead.size === 0) this.#skipIdle();
      if (this.#at >= this.#bytes.length) break;
      if (isAmbiguous[this.#bytes[this.#at] ?? 0] === 0 && this.#ahead.size === 0) this.#stepPlainly();
      else if (!this.#step()) break;
    }
    return this.#release(isWhole ? this.#bytes.length : this.#firstOpen());
  }

  /** Passes over bytes with which no secret begins. */
  #skipIdle(): void {
    const { isIdle, isIdlePair } = this.#matcher;
    const bytes = this.#bytes;
    const last = bytes.length - 1;
    let at = this.#at;
    while (
      at < last &&
      (isIdle[bytes[at] ?? 0] === 1 || isIdlePair[(bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)] === 1)
    )
      at++;
    if (at === last && isIdle[bytes[at] ?? 0] === 1) at++;
    this.#at = at;
  }

  /** Follows all readings by a byte that has no other meaning than itself. */
  #stepPlainly(): void {
    const { tree, isIdle, isIdlePair, roots } = this.#matcher;
    const byte = this.#bytes[this.#at] ?? 0;
    const next = this.#spare;
    next.states.length = 0;
    next.begins.length = 0;
    const { states, begins } = this.#here;
    let isOnce = true;
    for (let i = 0; i < states.length; i++) {
      const state = states[i] ?? 0;
      const reached = tree.step(state >> 1, byte);
      if (reached !== -1) this.#arrive(next, this.#at + 1, reached * 2, begins[i] ?? 0);
      if ((state & 1) === 1) isOnce = false;
    }
    const following = this.#bytes[this.#at + 1];
    if (isIdle[byte] === 0 && (following === undefined || isIdlePair[byte * 256 + following] === 0))
      for (const root of roots) {
        const reached = tree.step(root, byte);
        if (reached !== -1) this.#arrive(next, this.#at + 1, reached * 2, this.#at);
      }
    this.#spare = this.#here;
    this.#here = isOnce ? next : this.#join(next, undefined);
    this.#at++;
  }

  /** Follows all readings by the text at this place; false when more of the text is needed for that. */
  #step(): boolean {
    const { tree, isIdle, roots } = this.#matcher;
    const at = this.#at;
    const byte = this.#bytes[at] ?? 0;
    const mayBegin = isIdle[byte] === 0;
    const { states, begins } = this.#here;
    this.#spellings.needsMore = false;
    const readings = isLead[byte] === 1 && (mayBegin || states.length > 0) ? this.#spellings.readAt(at) : [];
    const seams = states.length > 0 ? this.#findSeams(states, byte) : [];
    const isCut = byte === ellipsis[0] && states.length > 0 && this.#spellings.hasAt(at, ellipsis);
    if (this.#spellings.needsMore) return false;
    const next: Paths = { states: [], begins: [] };
    const follow = (node: number, begin: number) => {
      const plain = tree.step(node, byte);
      if (plain !== -1) this.#arrive(next, at + 1, plain * 2, begin);
      for (const { bytes, end } of readings) {
        let reached = node;
        for (const one of bytes) if (reached !== -1) reached = tree.step(reached, one);
        if (reached !== -1) this.#arrive(end === at + 1 ? next : this.#pathsAt(end), end, reached * 2, begin);
      }
    };
    for (const [i, state] of states.entries()) {
      const node = state >> 1;
      follow(node, begins[i] ?? 0);
      if (isCut && tree.isTelling(node)) this.#cover(begins[i] ?? 0, at);
      const end = (state & 1) === 0 ? (seams[tree.kindOf(node)] ?? at) : at;
      if (end === at) continue;
      const paths = end === at + 1 ? next : this.#pathsAt(end);
      paths.states.push(node * 2 + 1);
      paths.begins.push(begins[i] ?? 0);
    }
    if (mayBegin) for (const root of roots) follow(root, at);
    this.#at = at + 1;
    this.#here = this.#join(next, this.#ahead.get(at + 1));
    this.#ahead.delete(at + 1);
    return true;
  }

  /** For each kind of patterns, the place where the text continues after characters here that encode nothing in it. */
  #findSeams(states: readonly number[], byte: number): number[] {
    const at = this.#at;
    const isThere = patternKinds.map(() => false);
    for (const state of states) isThere[this.#matcher.tree.kindOf(state >> 1)] = true;
    return patternKinds.map((kind, i) => {
      if (isThere[i] !== true || isSeamLead[kind][byte] === 0) return at;
      if (kind === 'text') return this.#spellings.skipSeam(at);
      if (kind === 'hex') return this.#spellings.skipSeparator(at);
      const end = this.#spellings.skipLineBreak(at);
      return kind === 'decimal' && end === at && byte === 0x20 ? at + 1 : end;
    });
  }

  #pathsAt(at: number): Paths {
    let paths = this.#ahead.get(at);
    if (paths === undefined) {
      paths = { states: [], begins: [] };
      this.#ahead.set(at, paths);
    }
    return paths;
  }

  #arrive(paths: Paths, at: number, state: number, begin: number): void {
    if (this.#matcher.tree.endsAt(state >> 1)) this.#cover(begin, at);
    paths.states.push(state);
    paths.begins.push(begin);
  }

  /** Readings at the same position of the same pattern are merged into one, which began where the first of them began. */
  #join(paths: Paths, more: Paths | undefined): Paths {
    if (more === undefined && paths.states.length < 2) return paths;
    const first = new Map<number, number>();
    for (const { states, begins } of more === undefined ? [paths] : [paths, more])
      for (const [i, state] of states.entries())
        first.set(state, Math.min(first.get(state) ?? Number.POSITIVE_INFINITY, begins[i] ?? 0));
    return { states: [...first.keys()], begins: [...first.values()] };
  }

  /** Notes that a secret is there; with those that it overlaps, it is one. */
  #cover(from: number, to: number): void {
    const merged = { from, to };
    let begin = this.#covered.length;
    while ((this.#covered[begin - 1]?.to ?? from) > from) begin--;
    let end = begin;
    for (let next = this.#covered[end]; next !== undefined && next.from < to; next = this.#covered[++end]) {
      merged.from = Math.min(merged.from, next.from);
      merged.to = Math.max(merged.to, next.to);
    }
    this.#covered.splice(begin, end - begin, merged);
  }

  /** Where what is not decided yet begins. */
  #firstOpen(): number {
    let first = this.#at;
    for (const { begins } of [this.#here, ...this.#ahead.values()])
      for (const begin of begins) if (begin < first) first = begin;
    return first;
  }

  /** Returns the masked text before a place and drops it. A secret across that place is kept. */
  #release(until: number): Buffer {
    const told: Buffer[] = [];
    let from = 0;
    let done = 0;
    let end = until;
    for (const one of this.#covered) {
      if (one.to > until) {
        end = Math.min(end, one.from);
        break;
      }
      told.push(this.#bytes.subarray(from, one.from), starBytes);
      from = one.to;
      done++;
    }
    told.push(this.#bytes.subarray(from, end));
    this.found += done;
    this.#forget(end, done);
    const [only] = told;
    return told.length === 1 && only !== undefined ? only : Buffer.concat(told);
  }

  #forget(length: number, secrets: number): void {
    this.#covered.splice(0, secrets);
    if (length === 0) return;
    // A copy: what is held back must not change when the caller reuses the chunk.
    this.#bytes = Buffer.from(this.#bytes.subarray(length));
    this.#at -= length;
    for (const one of this.#covered) {
      one.from -= length;
      one.to -= length;
    }
    const ahead = [...this.#ahead];
    this.#ahead.clear();
    for (const [at, paths] of ahead) this.#ahead.set(at - length, paths);
    for (const { begins } of [this.#here, ...this.#ahead.values()])
      for (let i = 0; i < begins.length; i++) begins[i] = (begins[i] ?? 0) - length;
  }
}

/** The spellings of a secret that are worth a command to a console that masks text by text. */
function formsOf(value: string): string[] {
  return partsOf(value)
    .flatMap((part) => [part, ...base64Of(Buffer.from(part)), ...escapedOf(part)])
    .filter((form) => form !== '');
}

function escapedOf(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const xml = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const quoted = xml.replaceAll('"', '&quot;');
  const address = encodeURIComponent(value.toWellFormed());
  return [
    json,
    json.replaceAll('/', '\\/'),
    json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
    xml,
    quoted,
    quoted.replaceAll("'", '&#39;'),
    quoted.replaceAll("'", '&#x27;'),
    quoted.replaceAll("'", '&apos;'),
    address,
    address.replaceAll('%20', '+'),
    value.replaceAll("'", "'\\''"),
    Buffer.from(value).toString('hex'),
    Buffer.from(value).toString('base64url'),
  ];
}
