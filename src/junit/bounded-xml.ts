/**
 * The stage before the XML parser: bytes become characters, forbidden characters and parts that no report needs are removed,
 * and all that could grow without bound is cut. A parser collects a text until it ends; only here, before it, can the size of a
 * text be bounded.
 */

import { TextDecoder } from 'node:util';
import { must } from '../core/must.ts';

type MalformedCode = 'empty' | 'cut-off';

/** Why a file is no report we can trust. Thrown inside the reader, a `Failure` outside of it. */
export class MalformedReport extends Error {
  readonly line: number | undefined;
  /** The root element, when the file is XML of another kind. */
  readonly foreignRoot: string | undefined;

  /** What it is, for code that must act on it: a writer that was killed leaves a file that is empty or cut off. */
  readonly code: MalformedCode | undefined;

  constructor(problem: string, place: { line?: number; foreignRoot?: string; code?: MalformedCode } = {}) {
    super(problem);
    this.code = place.code;
    this.line = place.line;
    this.foreignRoot = place.foreignRoot;
  }
}

// ── bytes to characters ─────────────────────────────────────────────────────────────────────────────────────────────

/** An XML declaration is short; what does not declare itself within this many bytes is UTF-8. */
const declarationBytes = 1024;

/**
 * The encoding of an XML document by its first bytes: byte order mark, pattern of zero bytes, declaration, in that
 * order (https://www.w3.org/TR/xml/#sec-guessing).
 *
 * @throws MalformedReport for an encoding that nothing here can decode.
 */
function detectEncoding(head: Uint8Array): { encoding: string; warning?: string } {
  const [a, b, c, d] = head;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { encoding: 'utf-8' };
  const utf32 = (a === 0 && b === 0 && (c === 0xfe || c === 0)) || (a === 0xff && b === 0xfe && c === 0 && d === 0);
  if (utf32 && head.length >= 4) throw new MalformedReport('is encoded as UTF-32, which is not supported');
  if (a === 0xff && b === 0xfe) return { encoding: 'utf-16le' };
  if (a === 0xfe && b === 0xff) return { encoding: 'utf-16be' };
  if (a === 0x3c && b === 0) return { encoding: 'utf-16le' };
  if (a === 0 && b === 0x3c) return { encoding: 'utf-16be' };

  const text = new TextDecoder('latin1').decode(head.subarray(0, declarationBytes));
  const declared = /^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']{1,40})["']/i.exec(text)?.[1];
  if (declared === undefined) return { encoding: 'utf-8' };
  // Writers that build the document as a string (.NET's StringWriter) declare UTF-16 and then save UTF-8.
  if (/^utf-?16/i.test(declared)) {
    return { encoding: 'utf-8', warning: `declares ${declared} but has another encoding; read as UTF-8` };
  }
  try {
    return { encoding: new TextDecoder(declared).encoding };
  } catch {
    throw new MalformedReport(`declares the unknown encoding "${declared}"`);
  }
}

/** The characters of a stream of bytes. `warn` is called with what was odd about the encoding. */
export async function* decodeXml(
  source: AsyncIterable<Uint8Array>,
  warn: (warning: string) => void,
): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  let head = Buffer.alloc(0);
  const begin = (): TextDecoder => {
    const { encoding, warning } = detectEncoding(head);
    if (warning !== undefined) warn(warning);
    return new TextDecoder(encoding);
  };
  for await (const chunk of source) {
    if (decoder !== undefined) {
      yield decoder.decode(chunk, { stream: true });
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < declarationBytes) continue;
    decoder = begin();
    yield decoder.decode(head, { stream: true });
    head = Buffer.alloc(0);
  }
  if (decoder === undefined) {
    if (head.length === 0) return;
    decoder = begin();
    yield decoder.decode(head, { stream: true });
  }
  yield decoder.decode();
}

// ── characters to bounded XML ───────────────────────────────────────────────────────────────────────────────────────

/** Bounds of what reaches the parser, in characters. */
export interface SieveLimits {
  /** Characters that are kept of the beginning of an element's text. */
  headChars: number;
  /** Characters that are kept of the end of a longer text; more than 0. */
  tailChars: number;
  /** Of one attribute's value. */
  valueChars: number;
  /** Of all values of one tag. */
  tagValueChars: number;
  /** Of a tag without its values. */
  tagChars: number;
}

/** What XML 1.0 forbids of what a decoder can yield: control characters but tab, line feed and carriage return. */
const forbidden = /[^\t\n\r\u0020-\ufffd]/g;
const escapeCharacter = '\u001b';
const ansiSequence = new RegExp(`${escapeCharacter}\\[[0-?]{0,32}[ -/]{0,8}[@-~]`, 'g');
const unfinishedAnsi = new RegExp(`${escapeCharacter}(\\[[0-?]{0,32}[ -/]{0,8})?$`);
const entity = /&(?:#[xX]([0-9a-fA-F]{1,8})|#([0-9]{1,9})|[A-Za-z][\w.-]{0,30});/y;
/** No entity that `entity` accepts is longer. */
const longestEntityChars = 33;
const textEnd = /[<&]/g;
const tagStop = /["'>]/g;
const valueStop = { '"': /["&]/g, "'": /['&]/g };

/** True for the code points that XML 1.0 allows (https://www.w3.org/TR/xml/#charsets). */
export function isXmlCharacter(code: number): boolean {
  return (
    code === 0x9 ||
    code === 0xa ||
    code === 0xd ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  );
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

function searchFrom(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? -1;
}

/**
 * Cuts XML to bounded pieces, as a stream. It only recognises where texts, tags and values begin and end; the parser checks
 * their structure. Comments, processing instructions and the XML declaration are left out; a DOCTYPE is refused, since it is
 * only needed for entities.
 */
export class XmlSieve {
  /** Characters left out because XML does not allow them. */
  filteredChars = 0;
  /** Characters that replace bytes which could not be decoded (U+FFFD). */
  replacementChars = 0;
  /** Texts that were cut. */
  textsCut = 0;

  readonly #emit: (piece: string, line: number) => void;
  readonly #limits: SieveLimits;
  #state: 'text' | 'tag' | 'value' | 'cdata' | 'comment' | 'instruction' = 'text';
  #carry = '';
  #line = 1;
  #out = '';
  #outLine = 1;
  #quote: '"' | "'" = '"';
  #sawTag = false;
  // Of the tag being read.
  #tagChars = 0;
  #tagValueChars = 0;
  #valueChars = 0;
  // Of the element's text being read.
  #headLeft: number;
  #tailSpent = false;
  #tail = '';
  #beyondHeadChars = 0;

  /** `emit` gets the pieces in order, each with the line of the file on which it begins. What it throws passes through. */
  constructor(limits: SieveLimits, emit: (piece: string, line: number) => void) {
    this.#limits = limits;
    this.#emit = emit;
    this.#headLeft = limits.headChars;
  }

  /** @throws MalformedReport */
  write(chunk: string): void {
    for (let at = chunk.indexOf('\ufffd'); at >= 0; at = chunk.indexOf('\ufffd', at + 1)) this.replacementChars++;
    this.#read(this.#carry + chunk, false);
  }

  /** @throws MalformedReport */
  end(): void {
    this.#read(this.#carry, true);
    this.#endRun();
    this.#flush();
    if (this.#state !== 'text') {
      const where = { tag: 'a tag', value: 'a value', cdata: 'a CDATA section' } as Record<string, string>;
      throw this.#malformed(`ends in the middle of ${where[this.#state] ?? `a ${this.#state}`}`, { code: 'cut-off' });
    }
  }

  #malformed(problem: string, more: { foreignRoot?: string; code?: MalformedCode } = {}): MalformedReport {
    return new MalformedReport(problem, { line: this.#line, ...more });
  }

  #read(raw: string, last: boolean): void {
    const text = this.#clean(raw, last);
    let at = 0;
    while (at < text.length) {
      const next = this.#step(text, at, last);
      if (next === undefined) break; // more characters are needed to know what this is
      at = next;
    }
    // What the states hand back is clean already; prepending it to the next chunk cleans it again, which changes nothing.
    this.#carry = text.slice(at) + this.#carry;
    this.#flush();
  }

  /** Takes out what XML forbids; leaves the beginning of an unfinished ANSI sequence in the carry. */
  #clean(raw: string, last: boolean): string {
    this.#carry = '';
    let text = raw;
    if (!last) {
      const cut = unfinishedAnsi.exec(text);
      if (cut !== null) {
        this.#carry = cut[0];
        text = text.slice(0, cut.index);
      }
    }
    if (text.search(forbidden) < 0) return text;
    const before = text.length;
    text = text.replace(ansiSequence, '').replace(forbidden, '');
    this.filteredChars += before - text.length;
    return text;
  }

  #flush(): void {
    if (this.#out !== '') this.#emit(this.#out, this.#outLine);
    this.#out = '';
    this.#outLine = this.#line;
  }

  /** Passes on a part of the file as it is. */
  #pass(piece: string): void {
    this.#out += piece;
    this.#line += countLines(piece);
  }

  /** Leaves out a part of the file. Flushes first, so that lines of pieces are reported correctly. */
  #drop(piece: string): void {
    this.#flush();
    this.#line += countLines(piece);
    this.#outLine = this.#line;
  }

  /** Text of an element, within the bounds of what is kept of it. */
  #take(piece: string, isEntity = false): void {
    if (piece.length <= this.#headLeft) {
      this.#headLeft -= piece.length;
      this.#pass(piece);
      return;
    }
    // A pair of surrogates is not torn apart, and an entity is passed whole or not at all.
    let kept = isEntity ? 0 : this.#headLeft;
    if (kept > 0 && /[\ud800-\udbff]/.test(piece.charAt(kept - 1))) kept--;
    this.#headLeft = 0;
    if (kept > 0) this.#pass(piece.slice(0, kept));
    const beyond = piece.slice(kept);
    this.#beyondHeadChars += beyond.length;
    if (!this.#tailSpent) {
      this.#tail += beyond;
      // Trimmed only at intervals: a copy for each of a million entities would take too long.
      if (this.#tail.length > 2 * this.#limits.tailChars) this.#tail = this.#tail.slice(-this.#limits.tailChars);
    }
    this.#drop(beyond);
  }

  /** Text or a CDATA section ends: the kept part of its end follows, with a note on what is missing between. */
  #endRun(): void {
    if (this.#beyondHeadChars === 0) return;
    let tail = this.#tail.slice(-this.#limits.tailChars).replace(/^[\udc00-\udfff]/, '');
    const missing = this.#beyondHeadChars - tail.length;
    if (this.#state === 'text') tail = this.#checkEntities(tail);
    if (missing > 0) {
      this.#out += `\n… ${missing.toLocaleString('en-US')} characters left out …\n`;
      this.textsCut++;
    }
    this.#out += tail;
    this.#flush();
    this.#tail = '';
    this.#tailSpent = true;
    this.#beyondHeadChars = 0;
  }

  /** The entity at `at`: its replacement (itself, mostly) and its end; undefined when more characters are needed. */
  #entityAt(text: string, at: number, last: boolean): { written: string; length: number } | undefined {
    entity.lastIndex = at;
    const match = entity.exec(text);
    if (match === null) {
      if (!last && text.length - at < longestEntityChars) return undefined;
      throw this.#malformed('has an "&" that begins no entity');
    }
    const [written, hex, decimal] = match;
    if (hex === undefined && decimal === undefined) return { written, length: written.length };
    const code = hex === undefined ? Number.parseInt(decimal ?? '', 10) : Number.parseInt(hex, 16);
    // Writers escape control characters as if that made them legal (`&#27;`); the parser would refuse the document.
    if (isXmlCharacter(code)) return { written, length: written.length };
    this.filteredChars++;
    return { written: '', length: written.length };
  }

  #checkEntities(text: string): string {
    let checked = '';
    let at = 0;
    for (let next = text.indexOf('&'); next >= 0; next = text.indexOf('&', at)) {
      const { written, length } = must(this.#entityAt(text, next, true), 'an entity of the last piece');
      checked += text.slice(at, next) + written;
      at = next + length;
    }
    return checked + text.slice(at);
  }

  /** Continues to read at `at`; returns where to continue next, or undefined when more characters are needed to decide. */
  #step(text: string, at: number, last: boolean): number | undefined {
    switch (this.#state) {
      case 'text':
        return this.#readText(text, at, last);
      case 'tag':
        return this.#readTag(text, at);
      case 'value':
        return this.#readValue(text, at, last);
      case 'cdata':
        return this.#readCdata(text, at, last);
      case 'comment':
        return this.#skipTo('-->', text, at, last);
      case 'instruction':
        return this.#skipTo('?>', text, at, last);
    }
  }

  #readText(text: string, at: number, last: boolean): number | undefined {
    // Entities in text that is left out need not be checked one by one; those of the tail are in `#endRun`.
    const stop = this.#headLeft === 0 ? text.indexOf('<', at) : searchFrom(textEnd, text, at);
    if (stop !== at) {
      const end = stop < 0 ? text.length : stop;
      this.#take(text.slice(at, end));
      return end;
    }
    if (text[at] === '&') {
      const found = this.#entityAt(text, at, last);
      if (found === undefined) return undefined;
      if (found.written !== '') this.#take(found.written, true);
      return at + found.length;
    }
    if (!last && text.length - at < '<!DOCTYPE'.length && /^<[!?]|^<$/.test(text.slice(at, at + 2))) return undefined;
    this.#endRun();
    if (text.startsWith('<![CDATA[', at)) {
      this.#state = 'cdata';
      this.#pass('<![CDATA[');
      return at + '<![CDATA['.length;
    }
    if (text.startsWith('<!--', at)) {
      this.#state = 'comment';
      this.#drop('');
      return at + '<!--'.length;
    }
    if (text.startsWith('<?', at)) {
      this.#state = 'instruction';
      this.#drop('');
      return at + '<?'.length;
    }
    if (text.startsWith('<!', at)) {
      const root = /^<!DOCTYPE\s+([^\s>[]{1,200})/i.exec(text.slice(at, at + 300))?.[1];
      const foreign = root !== undefined && !this.#sawTag && root !== 'testsuite' && root !== 'testsuites';
      throw this.#malformed(
        root === undefined ? 'has a declaration that no report needs' : 'has a DOCTYPE, which is refused',
        foreign ? { foreignRoot: root } : {},
      );
    }
    this.#state = 'tag';
    this.#sawTag = true;
    this.#tagChars = 0;
    this.#tagValueChars = 0;
    this.#pass('<');
    return at + 1;
  }

  #readTag(text: string, at: number): number {
    const stop = searchFrom(tagStop, text, at);
    const end = stop < 0 ? text.length : stop + 1;
    this.#tagChars += end - at;
    if (this.#tagChars > this.#limits.tagChars) throw this.#malformed('has a tag of boundless length');
    this.#pass(text.slice(at, end));
    if (stop < 0) return end;
    if (text[stop] === '>') {
      this.#state = 'text';
      this.#headLeft = this.#limits.headChars;
      this.#tailSpent = false;
    } else {
      this.#state = 'value';
      this.#quote = text[stop] as '"' | "'";
      this.#valueChars = 0;
    }
    return end;
  }

  #readValue(text: string, at: number, last: boolean): number | undefined {
    const stop = searchFrom(valueStop[this.#quote], text, at);
    if (stop === at && text[at] === this.#quote) {
      this.#pass(this.#quote);
      this.#state = 'tag';
      return at + 1;
    }
    let piece: string;
    let length: number;
    if (stop === at) {
      const found = this.#entityAt(text, at, last);
      if (found === undefined) return undefined;
      piece = found.written;
      length = found.length;
    } else {
      piece = text.slice(at, stop < 0 ? text.length : stop);
      length = piece.length;
    }
    const left = Math.min(this.#limits.valueChars - this.#valueChars, this.#limits.tagValueChars - this.#tagValueChars);
    let kept = piece.length;
    if (kept > left) kept = stop === at ? 0 : Math.max(left, 0);
    if (kept > 0 && kept < piece.length && /[\ud800-\udbff]/.test(piece.charAt(kept - 1))) kept--;
    // Once cut, a value stays cut: a short entity after a long text must not be appended to it.
    this.#valueChars += kept < piece.length ? this.#limits.valueChars : kept;
    this.#tagValueChars += kept;
    if (kept > 0) this.#pass(piece.slice(0, kept));
    if (kept < piece.length) this.#drop(piece.slice(kept));
    return at + length;
  }

  #readCdata(text: string, at: number, last: boolean): number | undefined {
    const stop = text.indexOf(']]>', at);
    if (stop >= 0) {
      if (stop > at) this.#take(text.slice(at, stop));
      this.#endRun();
      this.#pass(']]>');
      this.#state = 'text';
      return stop + ']]>'.length;
    }
    const end = last ? text.length : text.length - 2;
    if (end <= at) return undefined;
    this.#take(text.slice(at, end));
    return end;
  }

  #skipTo(terminator: string, text: string, at: number, last: boolean): number | undefined {
    const stop = text.indexOf(terminator, at);
    if (stop >= 0) {
      this.#drop(text.slice(at, stop + terminator.length));
      this.#state = 'text';
      return stop + terminator.length;
    }
    const end = last ? text.length : text.length - (terminator.length - 1);
    if (end <= at) return undefined;
    this.#drop(text.slice(at, end));
    return end;
  }
}
