/**
 * What is in a text, undone from what encoders make of it: escapes of JSON, XML, addresses, shells and source code,
 * also one within the other.
 */

/** One reading of a piece of text: the bytes that it represents, and where the text continues. */
export interface Reading {
  bytes: readonly number[];
  end: number;
}

/** Maximum depth of nested encodings: XML in JSON in an address is three. */
const maxDepth = 3;
/** JSON in JSON doubles backslashes each time; a run that is longer is no escape anymore. */
const maxBackslashes = 32;
const maxZeros = 8;
const maxIndent = 64;
const maxColourCharacters = 24;
/** Number of readings that are cached; those before the current place are no longer needed. */
const maxKnown = 4096;
const nothing: readonly Reading[] = [];

const code = (character: string) => character.charCodeAt(0);
const backslash = code('\\');
const ampersand = code('&');
const percent = code('%');
const equals = code('=');
const apostrophe = code("'");
const quote = code('"');
const plus = code('+');
const dollar = code('$');
const space = code(' ');
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const escapeCharacter = 0x1b;

/** Bytes with which an encoded spelling may begin. */
const leads = [backslash, ampersand, percent, equals, apostrophe, quote, plus, dollar, lineFeed];
/** 1 for each byte with which an encoded spelling may begin; every other byte represents only itself. */
export const isLead: Uint8Array = flagsOf(leads);
const base64Seams = [backslash, ampersand, percent, lineFeed, carriageReturn, escapeCharacter, code('#')];
/** 1 for each byte that may begin a sequence which represents nothing, in text, in base64 and between digits. */
export const isSeamLead: Record<'text' | 'base64' | 'hex' | 'decimal', Uint8Array> = {
  text: flagsOf([backslash, ampersand, percent, equals, apostrophe, escapeCharacter, ...[...'#]'].map(code)]),
  base64: flagsOf(base64Seams),
  decimal: flagsOf([...base64Seams, space]),
  hex: flagsOf([...leads, escapeCharacter, carriageReturn, space, ...[...'#:-,_0'].map(code)]),
};

/** `\n` and its like, in the languages that have them. */
const shortEscapes = new Map(
  Object.entries({ a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, e: 27, E: 27, s: 32 }).map(([letter, byte]) => [
    code(letter),
    byte,
  ]),
);

/** Named entities of HTML for ASCII (https://html.spec.whatwg.org/multipage/named-characters.html). */
const asciiEntities: Record<string, string> = {
  Tab: '\t', NewLine: '\n', excl: '!', quot: '"', QUOT: '"', num: '#', dollar: '$', percnt: '%', amp: '&', AMP: '&',
  apos: "'", lpar: '(', rpar: ')', ast: '*', midast: '*', plus: '+', comma: ',', period: '.', sol: '/', colon: ':',
  semi: ';', lt: '<', LT: '<', equals: '=', gt: '>', GT: '>', quest: '?', commat: '@', lsqb: '[', lbrack: '[',
  bsol: '\\', rsqb: ']', rbrack: ']', Hat: '^', lowbar: '_', UnderBar: '_', grave: '`', DiacriticalGrave: '`',
  lcub: '{', lbrace: '{', verbar: '|', vert: '|', VerticalLine: '|', rcub: '}', rbrace: '}', euro: '€',
}; // biome-ignore format: a table
/** Those for U+00A0 to U+00FF, in their order. */
const latinEntities =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml'.split(
    ' ',
  );
const entities = new Map<string, number[]>([
  ...Object.entries(asciiEntities).map(([name, text]): [string, number[]] => [name, [...Buffer.from(text)]]),
  ...latinEntities.map((name, i): [string, number[]] => [name, encode(0xa0 + i)]),
]);
const longestEntity = Math.max(...[...entities.keys()].map((name) => name.length));

/** Reads the bytes of one text, which may be incomplete. */
export class TextSpellings {
  #bytes: Uint8Array = new Uint8Array();
  #isWhole = false;
  /** Readings that are looked up again and again, by place and depth. */
  #run = { from: 0, to: 0 };
  readonly #known = new Map<number, readonly Reading[]>();
  /** Whether the answer could be another one once more of the text is there. */
  needsMore = false;

  /** @param isWhole whether no bytes follow these. */
  open(bytes: Uint8Array, isWhole: boolean): void {
    this.#bytes = bytes;
    this.#isWhole = isWhole;
    this.#run = { from: 0, to: 0 };
    this.#known.clear();
  }

  /** All that the text at a place may represent other than the byte itself. */
  readAt(at: number): readonly Reading[] {
    if (this.#known.size > maxKnown) this.#known.clear();
    return this.#read(at, maxDepth);
  }

  /** Whether these bytes are at a place. */
  hasAt(at: number, bytes: Uint8Array): boolean {
    return bytes.every((byte, i) => this.#at(at + i) === byte);
  }

  /**
   * The place where the text continues after a sequence that represents nothing within a longer text: terminal colours, the
   * seam of two quotations of a shell or of two CDATA sections, a continued line. The same place where there is no such
   * sequence.
   */
  skipSeam(at: number): number {
    for (const seam of [']]><![CDATA[', "'$'", "''"]) if (this.#has(at, seam)) return at + seam.length;
    const end = this.#skipColours(at);
    if (end !== at) return end;
    // Soft line breaks of quoted-printable, of shells and of YAML.
    const byte = this.#at(at);
    if (byte !== equals && byte !== backslash) return at;
    const next = this.#at(at + 1) === carriageReturn ? at + 2 : at + 1;
    return this.#at(next) === lineFeed ? this.#skipIndent(next + 1) : at;
  }

  /** The same for breaks of lines, escaped ones included, with the indent after them. */
  skipLineBreak(at: number): number {
    let end = at;
    for (let breaks = 0; breaks < 4; breaks++) {
      const next = this.#skipOneBreak(end);
      if (next === end) break;
      end = next;
    }
    return end === at ? this.#skipColours(at) : this.#skipIndent(end);
  }

  /** The same for what separates the bytes of a dump. */
  skipSeparator(at: number): number {
    let next = at;
    while (next < at + 2 && ' :-,_'.includes(String.fromCharCode(this.#at(next)))) next++;
    next = this.skipLineBreak(next);
    return this.#has(next, '0x') || this.#has(next, '0X') ? next + 2 : next;
  }

  #at(at: number): number {
    const byte = this.#bytes[at];
    if (byte !== undefined) return byte;
    if (!this.#isWhole) this.needsMore = true;
    return -1;
  }

  #has(at: number, text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.#at(at + i) !== text.charCodeAt(i)) return false;
    return true;
  }

  #skipIndent(at: number): number {
    let end = at;
    while (end < at + maxIndent && (this.#at(end) === space || this.#at(end) === 9)) end++;
    return end;
  }

  #skipOneBreak(at: number): number {
    const byte = this.#at(at);
    if (byte === lineFeed || byte === carriageReturn) return at + 1;
    if (byte === -1 || isLead[byte] === 0) return at;
    const found = this.#read(at, 2).find(
      ({ bytes: [only, more] }) => more === undefined && (only === lineFeed || only === carriageReturn),
    );
    return found?.end ?? at;
  }

  #skipColours(at: number): number {
    let end = at;
    for (let colours = 0; colours < 3; colours++) {
      const next = this.#skipColour(end);
      if (next === end) break;
      end = next;
    }
    return end;
  }

  /** A sequence of a terminal that colours what follows, as it is or as reports write it. */
  #skipColour(at: number): number {
    const byte = this.#at(at);
    let end = at;
    if (byte === escapeCharacter) end = at + 1;
    // pytest has its own way to write characters that XML does not allow.
    else if (byte === code('#') && (this.#has(at, '#x1B') || this.#has(at, '#x1b'))) end = at + 4;
    else if (byte === backslash || byte === ampersand || byte === percent)
      end = this.#read(at, 2).find(({ bytes }) => bytes.length === 1 && bytes[0] === escapeCharacter)?.end ?? at;
    if (end === at || this.#at(end) !== code('[')) return at;
    for (let next = end + 1; next <= end + maxColourCharacters; next++) {
      const one = this.#at(next);
      if ((one >= 0x41 && one <= 0x5a) || (one >= 0x61 && one <= 0x7a)) return next + 1;
      if (!(one >= 0x30 && one <= 0x3b)) return at;
    }
    return at;
  }

  #read(at: number, depth: number): readonly Reading[] {
    const byte = this.#at(at);
    if (depth === 0 || byte === -1 || isLead[byte] === 0) return nothing;
    const key = at * (maxDepth + 1) + depth;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const neededMore = this.needsMore;
    this.needsMore = false;
    const found: Reading[] = [];
    this.#readFrom(byte, at + 1, depth - 1, found);
    // The lead itself may be spelled: `&quot;` in JSON is `\u0026quot;`, `\n` in an address `%5Cn`.
    let backslashEnd = Number.POSITIVE_INFINITY;
    for (const { bytes, end } of this.#read(at, depth - 1)) {
      // Bytes that represent themselves are processed together as a run, not here.
      const [spelled] = bytes;
      if (bytes.length !== 1 || spelled === undefined || spelled === byte) continue;
      if (spelled === backslash) backslashEnd = Math.min(backslashEnd, end);
      else this.#readFrom(spelled, end, depth - 1, found);
    }
    if (backslashEnd !== Number.POSITIVE_INFINITY) {
      found.push({ bytes: [backslash], end: backslashEnd });
      this.#readBackslash(backslashEnd, depth - 1, found);
    }
    if (!this.needsMore) this.#known.set(key, found);
    this.needsMore ||= neededMore;
    return found;
  }

  /**
   * Readings of a sequence that begins with a lead and continues at a place; it may contain up to this many further encodings.
   */
  #readFrom(lead: number, at: number, depth: number, found: Reading[]): void {
    if (lead === backslash) this.#readBackslash(at, depth, found);
    else if (lead === ampersand) this.#readEntity(at, depth, found);
    else if (lead === percent) this.#readPercent(at, depth, found);
    else if (lead === equals) this.#readHex(at, 2, found);
    else if (lead === apostrophe) this.#readApostrophe(at, depth, found);
    else if (lead === quote || lead === dollar) {
      // Doubled, as tables (CSV) and Compose do.
      if (this.#at(at) === lead) found.push({ bytes: [lead], end: at + 1 });
    } else if (lead === plus) found.push({ bytes: [space], end: at });
    // Folded, as YAML does with what is long.
    else if (lead === lineFeed) found.push({ bytes: [space], end: this.#skipIndent(at) });
  }

  /** The place after an ASCII character, spelled in any way; -1 where it is another one. */
  #pass(character: number, at: number, depth: number): number {
    if (this.#at(at) === character) return at + 1;
    const found = this.#read(at, depth).find(({ bytes }) => bytes.length === 1 && bytes[0] === character);
    return found?.end ?? -1;
  }

  #readBackslash(begin: number, depth: number, found: Reading[]): void {
    let at = begin;
    const run = this.#endOfRun(begin) - begin;
    for (let count = 1; count < maxBackslashes; ) {
      const next = run >= maxBackslashes ? begin + count : this.#passBackslash(at, depth);
      if (next === -1) break;
      at = next;
      count++;
      // Each JSON around another one doubles them.
      if (depth === maxDepth - 1 && (count & (count - 1)) === 0) found.push({ bytes: [backslash], end: at });
      else if (run >= maxBackslashes && depth < maxDepth - 1) return;
    }
    const byte = this.#at(at);
    if (byte === -1 || byte === backslash) return;
    const short = shortEscapes.get(byte);
    if (short !== undefined) found.push({ bytes: [short], end: at + 1 });
    if (byte === code('u')) this.#readUnicode(at + 1, depth, found);
    else if (byte === code('U')) this.#readCodePoint(at + 1, 8, 8, found);
    else if (byte === code('x')) {
      if (this.#at(at + 1) === code('{')) this.#readBraced(at + 2, found);
      else this.#readHex(at + 1, 2, found);
    } else if (isOctal(byte)) this.#readOctal(at, found);
    else if (isPunctuation(byte)) found.push({ bytes: [byte], end: at + 1 });
    for (const reading of this.#read(at, depth))
      if (reading.bytes.length === 1 && isPunctuation(reading.bytes[0] ?? -1)) found.push(reading);
  }

  /** Where a run of backslashes ends; looked up once for all of the run. */
  #endOfRun(begin: number): number {
    if (begin >= this.#run.from && begin < this.#run.to) return this.#run.to;
    let end = begin;
    while (end < this.#bytes.length && this.#bytes[end] === backslash) end++;
    this.#run = { from: begin, to: end };
    return end;
  }

  /** The place after a backslash that does not begin a run, spelled in any way; -1 where there is none. */
  #passBackslash(at: number, depth: number): number {
    const byte = this.#at(at);
    if (byte === backslash) return at + 1;
    return byte === ampersand || byte === percent ? this.#pass(backslash, at, Math.min(depth, 1)) : -1;
  }

  /** After `\u`: four digits, two times four above U+FFFF, or any number in braces. */
  #readUnicode(at: number, depth: number, found: Reading[]): void {
    if (this.#at(at) === code('{')) {
      this.#readBraced(at + 1, found);
      return;
    }
    const unit = this.#hex(at, 4);
    if (unit === -1) return;
    if (!isHighSurrogate(unit)) {
      found.push({ bytes: encode(unit), end: at + 4 });
      return;
    }
    let next = at + 4;
    let hasBackslash = false;
    for (let count = 0; count < maxBackslashes; count++) {
      const end = this.#passBackslash(next, depth);
      if (end === -1) break;
      next = end;
      hasBackslash = true;
    }
    if (hasBackslash && this.#at(next) === code('u')) this.#readLowSurrogate(unit, next + 1, found);
  }

  #readLowSurrogate(high: number, at: number, found: Reading[]): void {
    const low = this.#hex(at, 4);
    if (low >= 0xdc00 && low <= 0xdfff)
      found.push({ bytes: encode(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), end: at + 4 });
  }

  #readBraced(begin: number, found: Reading[]): void {
    let at = begin;
    while (at < begin + maxZeros + 6 && isHex(this.#at(at))) at++;
    if (at > begin && this.#at(at) === code('}')) this.#push(Number.parseInt(this.#text(begin, at), 16), at + 1, found);
  }

  #readCodePoint(at: number, digits: number, length: number, found: Reading[]): void {
    const point = this.#hex(at, digits);
    if (point !== -1) this.#push(point, at + length, found);
  }

  /** A byte, which may also be a character of Latin-1. */
  #readHex(at: number, digits: number, found: Reading[]): void {
    const byte = this.#hex(at, digits);
    if (byte !== -1) pushByte(byte, at + digits, found);
  }

  #readOctal(begin: number, found: Reading[]): void {
    const maxDigits = this.#at(begin) === code('0') ? 4 : 3;
    let at = begin;
    while (at < begin + maxDigits && isOctal(this.#at(at))) at++;
    const byte = Number.parseInt(this.#text(begin, at), 8);
    if (byte < 0x100) pushByte(byte, at, found);
  }

  #readPercent(begin: number, depth: number, found: Reading[]): void {
    let at = begin;
    if (this.#at(at) === percent) found.push({ bytes: [percent], end: at + 1 });
    // A percent sign that was encoded again and again.
    for (let round = 0; round < maxDepth && this.#has(at, '25'); round++) {
      at += 2;
      found.push({ bytes: [percent], end: at });
    }
    this.#readHex(at, 2, found);
    if (this.#at(at) !== code('u')) return;
    const unit = this.#hex(at + 1, 4);
    if (unit === -1) return;
    if (!isHighSurrogate(unit)) found.push({ bytes: encode(unit), end: at + 5 });
    else {
      const next = this.#pass(percent, at + 5, depth);
      if (next !== -1 && this.#at(next) === code('u')) this.#readLowSurrogate(unit, next + 1, found);
    }
  }

  #readEntity(begin: number, depth: number, found: Reading[]): void {
    let at = begin;
    for (let round = 0; round < maxDepth; round++) {
      const again = ['amp;', '#38;', '#x26;', '#X26;'].find((spelling) => this.#has(at, spelling));
      if (again === undefined) break;
      at += again.length;
      found.push({ bytes: [ampersand], end: at });
    }
    const hash = this.#pass(code('#'), at, depth);
    if (hash !== -1) {
      this.#readCharacterReference(hash, depth, found);
      return;
    }
    let end = at;
    while (end < at + longestEntity && isAlphanumeric(this.#at(end))) end++;
    const bytes = end === at ? undefined : entities.get(this.#text(at, end));
    const next = bytes === undefined ? -1 : this.#pass(code(';'), end, depth);
    if (bytes !== undefined && next !== -1) found.push({ bytes, end: next });
  }

  /** After `&#`. */
  #readCharacterReference(at: number, depth: number, found: Reading[]): void {
    const isHexadecimal = this.#at(at) === code('x') || this.#at(at) === code('X');
    const begin = isHexadecimal ? at + 1 : at;
    const isDigit = isHexadecimal ? isHex : isDecimal;
    let end = begin;
    while (end < begin + maxZeros + 7 && isDigit(this.#at(end))) end++;
    if (end === begin) return;
    const next = this.#pass(code(';'), end, depth);
    if (next !== -1) this.#push(Number.parseInt(this.#text(begin, end), isHexadecimal ? 16 : 10), next, found);
  }

  /** An apostrophe within what apostrophes enclose: `''`, `'\''` or `'"'"'`. */
  #readApostrophe(at: number, depth: number, found: Reading[]): void {
    if (this.#at(at) === apostrophe) found.push({ bytes: [apostrophe], end: at + 1 });
    for (const [before, after] of [
      [backslash, -1],
      [quote, quote],
    ] as const) {
      let next = this.#passEscaped(before, at, depth);
      if (next !== -1) next = this.#passEscaped(apostrophe, next, depth);
      if (next !== -1 && after !== -1) next = this.#passEscaped(after, next, depth);
      if (next !== -1) next = this.#passEscaped(apostrophe, next, depth);
      if (next !== -1) found.push({ bytes: [apostrophe], end: next });
    }
  }

  /** As `#pass`; the character may have backslashes of JSON before it. */
  #passEscaped(character: number, begin: number, depth: number): number {
    let at = begin;
    for (let count = 0; count < maxBackslashes; count++) {
      const next = this.#passBackslash(at, depth);
      if (next === -1) break;
      at = next;
    }
    if (character === backslash) return at === begin ? -1 : at;
    return this.#pass(character, at, depth);
  }

  /** The number with this many hexadecimal digits; -1 for other characters. */
  #hex(at: number, digits: number): number {
    let value = 0;
    for (let i = 0; i < digits; i++) {
      const digit = this.#at(at + i);
      if (!isHex(digit)) return -1;
      value = value * 16 + (digit <= 0x39 ? digit - 0x30 : (digit | 0x20) - 0x57);
    }
    return value;
  }

  #text(from: number, to: number): string {
    return String.fromCharCode(...this.#bytes.subarray(from, to));
  }

  #push(point: number, end: number, found: Reading[]): void {
    if (point <= 0x10ffff) found.push({ bytes: encode(point), end });
  }
}

function pushByte(byte: number, end: number, found: Reading[]): void {
  found.push({ bytes: [byte], end });
  if (byte >= 0x80) found.push({ bytes: encode(byte), end });
}

/** A code point in UTF-8. */
function encode(point: number): number[] {
  return [...Buffer.from(String.fromCodePoint(point))];
}

function flagsOf(bytes: readonly number[]): Uint8Array {
  const flags = new Uint8Array(256);
  for (const byte of bytes) flags[byte] = 1;
  return flags;
}

function isDecimal(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isOctal(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x37;
}

function isHex(byte: number): boolean {
  return isDecimal(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function isAlphanumeric(byte: number): boolean {
  return isDecimal(byte) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

function isPunctuation(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f && byte !== backslash && !isAlphanumeric(byte)) || (byte >= 9 && byte <= 13);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
