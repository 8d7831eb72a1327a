/**
 * The tokens of YAML 1.1, as the scanner of go.yaml.in/yaml/v2 (a translation of libyaml's) finds them; the names of its
 * functions are kept, without `yaml_parser_`, so that the two can be read side by side. Readers of YAML 1.2 differ from it
 * in tabs, in indentation within brackets and quotes, in `? `, `:` and aliases, and in what ends a line. Pure.
 */
import { YamlProblem } from './yaml-scalars.ts';

export type TokenType =
  | 'stream-end'
  | 'version-directive'
  | 'tag-directive'
  | 'document-start'
  | 'document-end'
  | 'block-sequence-start'
  | 'block-mapping-start'
  | 'block-end'
  | 'flow-sequence-start'
  | 'flow-sequence-end'
  | 'flow-mapping-start'
  | 'flow-mapping-end'
  | 'block-entry'
  | 'flow-entry'
  | 'key'
  | 'value'
  | 'alias'
  | 'anchor'
  | 'tag'
  | 'scalar';

export interface Token {
  type: TokenType;
  offset: number;
  /** Of a scalar, an anchor, an alias; the handle of a tag or of a tag directive. */
  text: string;
  /** The rest of a tag, or the prefix of a tag directive. */
  suffix: string;
  /** Of a scalar: neither quoted nor a block. */
  isPlain: boolean;
}

interface SimpleKey {
  isPossible: boolean;
  isRequired: boolean;
  tokenNumber: number;
  offset: number;
  index: number;
  line: number;
  column: number;
}

/** A simple key spans so many characters at most: https://yaml.org/spec/1.1/#id904245 */
const longestSimpleKey = 1024;
/** Brackets and indents; Go's stops at 10,000 of each, and no object of Kubernetes has 100. */
const deepestNesting = 1000;

const code = (sign: string) => sign.charCodeAt(0);
const tab = code('\t');
const space = code(' ');
const carriageReturn = code('\r');
const lineFeed = code('\n');
const colon = code(':');
const dash = code('-');
const question = code('?');
const quote = code("'");
const doubleQuote = code('"');
const backslash = code('\\');
const hash = code('#');
const exclamation = code('!');
const percent = code('%');
const pipe = code('|');
const greater = code('>');

const isBlank = (char: number) => char === space || char === tab;
const isBreak = (char: number) =>
  char === lineFeed || char === carriageReturn || char === 0x85 || char === 0x2028 || char === 0x2029;
/** At the end there is a 0, which is none of the characters that a document may hold. */
const isBreakOrEnd = (char: number) => char === 0 || isBreak(char);
const isBlankOrEnd = (char: number) => isBlank(char) || isBreakOrEnd(char);
const isDigit = (char: number) => char >= 48 && char <= 57;
const isWord = (char: number) =>
  isDigit(char) || (char >= 65 && char <= 90) || (char >= 97 && char <= 122) || char === 95 || char === dash;

const codesOf = (signs: string): ReadonlySet<number> => new Set([...signs].map(code));
const flowIndicators = codesOf(',?[]{}');
const notFirstOfPlain = codesOf('-?:,[]{}#&*!|>\'"%@`');
const afterAnchor = codesOf('?:,]}%@`');
const uriSigns = codesOf(";/?:@&=+$,.!~*'()[]%");

const escapes: Record<string, string> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  t: '\t',
  '\t': '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  e: '\x1B',
  ' ': ' ',
  '"': '"',
  "'": "'",
  '\\': '\\',
  N: '\u0085',
  _: '\u00A0',
  L: '\u2028',
  P: '\u2029',
};
const escapedLengths: Record<string, number> = { x: 2, u: 4, U: 8 };

/** Control characters and what is none, except tabs and line breaks: a document may not hold them. */
const forbidden = /[^\P{Cc}\t\n\r\u0085]|[\uFFFE\uFFFF]/u;

export class YamlScanner {
  readonly #text: string;
  #position = 0;
  /** In characters from the start, and of the line; a character beyond the BMP is one. */
  #index = 0;
  #column = 0;
  #line = 0;
  #tokens: Token[] = [];
  #tokensTaken = 0;
  #indent = -1;
  readonly #indents: number[] = [];
  #flowLevel = 0;
  #isSimpleKeyAllowed = true;
  readonly #simpleKeys: SimpleKey[] = [];
  /** By number of their token, their place in the list. */
  readonly #simpleKeysByToken = new Map<number, number>();

  constructor(text: string) {
    this.#text = text;
    const at = forbidden.exec(text)?.index;
    if (at !== undefined) throw new YamlProblem('control characters are not allowed', at);
    this.#simpleKeys.push(this.#newSimpleKey(false, false));
  }

  /** The next token, which stays the next one. */
  peek(): Token {
    this.#fetchMoreTokens();
    return this.#tokens[0] as Token;
  }

  /** The next token, and goes on behind it. */
  take(): Token {
    const token = this.peek();
    if (token.type !== 'stream-end') {
      this.#tokens.shift();
      this.#tokensTaken += 1;
    }
    return token;
  }

  #at(ahead = 0): number {
    const position = this.#position + ahead;
    return position < this.#text.length ? this.#text.charCodeAt(position) : 0;
  }

  #fail(message: string, offset = this.#position): never {
    throw new YamlProblem(message, offset);
  }

  #skip(count = 1): void {
    for (let i = 0; i < count; i += 1) {
      const isPair = (this.#at() & 0xfc00) === 0xd800 && this.#position + 1 < this.#text.length;
      this.#position += isPair ? 2 : 1;
      this.#index += 1;
      this.#column += 1;
    }
  }

  #read(): string {
    const start = this.#position;
    this.#skip();
    return this.#text.slice(start, this.#position);
  }

  /** One line break, as it counts in a scalar. */
  #readLine(): string {
    const char = this.#at();
    const width = char === carriageReturn && this.#at(1) === lineFeed ? 2 : 1;
    this.#position += width;
    this.#index += width;
    this.#column = 0;
    this.#line += 1;
    return char === 0x2028 || char === 0x2029 ? String.fromCharCode(char) : '\n';
  }

  #skipBlanks(): void {
    while (isBlank(this.#at())) this.#skip();
  }

  #skipComment(): void {
    if (this.#at() === hash) while (!isBreakOrEnd(this.#at())) this.#skip();
  }

  #add(type: TokenType, more: Partial<Token> = {}, place = -1): void {
    const token: Token = { type, offset: this.#position, text: '', suffix: '', isPlain: false, ...more };
    if (place < 0) this.#tokens.push(token);
    else this.#tokens.splice(place, 0, token);
  }

  #fetchMoreTokens(): void {
    while (this.#tokens.length === 0 || this.#mayBecomeKey()) this.#fetchNextToken();
  }

  /** Whether the next token may turn out to be a key, before which others would have to come. */
  #mayBecomeKey(): boolean {
    const place = this.#simpleKeysByToken.get(this.#tokensTaken);
    const key = place === undefined ? undefined : this.#simpleKeys[place];
    return key !== undefined && this.#isSimpleKeyValid(key);
  }

  #fetchNextToken(): void {
    this.#scanToNextToken();
    this.#unrollIndent(this.#column);
    const char = this.#at();
    if (this.#position >= this.#text.length) this.#fetchStreamEnd();
    else if (this.#column === 0 && char === percent) this.#fetchDirective();
    else if (this.#isDocumentIndicator()) this.#fetchDocumentIndicator();
    else {
      const fetch = this.#fetchers[this.#text[this.#position] ?? ''];
      if (fetch === undefined) this.#fetchByContext(char);
      else fetch();
    }
  }

  /** Tokens that begin with a sign which begins no other. */
  readonly #fetchers: Record<string, (() => void) | undefined> = {
    '[': () => this.#fetchFlowCollectionStart('flow-sequence-start'),
    '{': () => this.#fetchFlowCollectionStart('flow-mapping-start'),
    ']': () => this.#fetchFlowCollectionEnd('flow-sequence-end'),
    '}': () => this.#fetchFlowCollectionEnd('flow-mapping-end'),
    ',': () => this.#fetchFlowEntry(),
    '*': () => this.#fetchAnchor('alias'),
    '&': () => this.#fetchAnchor('anchor'),
    '!': () => this.#fetchTag(),
    "'": () => this.#fetchFlowScalar(quote),
    '"': () => this.#fetchFlowScalar(doubleQuote),
  };

  #fetchByContext(char: number): void {
    const next = this.#at(1);
    const inFlow = this.#flowLevel > 0;
    const startsPlain =
      !(isBlankOrEnd(char) || notFirstOfPlain.has(char)) ||
      (char === dash && !isBlank(next)) ||
      (!inFlow && (char === question || char === colon) && !isBlankOrEnd(next));
    if (!inFlow && (char === pipe || char === greater)) this.#fetchBlockScalar(char === pipe);
    else if (char === dash && isBlankOrEnd(next)) this.#fetchBlockEntry();
    else if (char === question && (inFlow || isBlankOrEnd(next))) this.#fetchKey();
    else if (char === colon && (inFlow || isBlankOrEnd(next))) this.#fetchValue();
    else if (startsPlain) this.#fetchPlainScalar();
    else this.#fail('found character that cannot start any token');
  }

  /** `---` or `...` at the start of a line. */
  #isDocumentIndicator(): boolean {
    if (this.#column !== 0) return false;
    const word = this.#text.slice(this.#position, this.#position + 3);
    return (word === '---' || word === '...') && isBlankOrEnd(this.#at(3));
  }

  #newSimpleKey(isPossible: boolean, isRequired: boolean): SimpleKey {
    return {
      isPossible,
      isRequired,
      tokenNumber: this.#tokensTaken + this.#tokens.length,
      offset: this.#position,
      index: this.#index,
      line: this.#line,
      column: this.#column,
    };
  }

  #isSimpleKeyValid(key: SimpleKey): boolean {
    if (!key.isPossible) return false;
    if (key.line === this.#line && key.index + longestSimpleKey >= this.#index) return true;
    if (key.isRequired) this.#fail("could not find expected ':'", key.offset);
    key.isPossible = false;
    return false;
  }

  #saveSimpleKey(): void {
    const isRequired = this.#flowLevel === 0 && this.#indent === this.#column;
    if (!this.#isSimpleKeyAllowed) return;
    const key = this.#newSimpleKey(true, isRequired);
    this.#removeSimpleKey();
    this.#simpleKeys[this.#simpleKeys.length - 1] = key;
    this.#simpleKeysByToken.set(key.tokenNumber, this.#simpleKeys.length - 1);
  }

  #removeSimpleKey(): void {
    const key = this.#simpleKeys.at(-1);
    if (key === undefined || !key.isPossible) return;
    if (key.isRequired) this.#fail("could not find expected ':'", key.offset);
    key.isPossible = false;
    this.#simpleKeysByToken.delete(key.tokenNumber);
  }

  #rollIndent(column: number, place: number, type: TokenType, offset: number): void {
    if (this.#flowLevel > 0 || this.#indent >= column) return;
    this.#indents.push(this.#indent);
    this.#indent = column;
    if (this.#indents.length > deepestNesting) this.#fail(`it is nested more than ${deepestNesting} levels deep`);
    this.#add(type, { offset }, place);
  }

  #unrollIndent(column: number): void {
    if (this.#flowLevel > 0) return;
    while (this.#indent > column) {
      this.#add('block-end');
      this.#indent = this.#indents.pop() ?? -1;
    }
  }

  #fetchStreamEnd(): void {
    if (this.#column !== 0) {
      this.#column = 0;
      this.#line += 1;
    }
    this.#unrollIndent(-1);
    this.#removeSimpleKey();
    this.#isSimpleKeyAllowed = false;
    this.#add('stream-end');
  }

  #fetchDirective(): void {
    this.#unrollIndent(-1);
    this.#removeSimpleKey();
    this.#isSimpleKeyAllowed = false;
    this.#scanDirective();
  }

  #fetchDocumentIndicator(): void {
    this.#unrollIndent(-1);
    this.#removeSimpleKey();
    this.#isSimpleKeyAllowed = false;
    this.#add(this.#at() === dash ? 'document-start' : 'document-end');
    this.#skip(3);
  }

  #fetchFlowCollectionStart(type: TokenType): void {
    this.#saveSimpleKey();
    this.#simpleKeys.push(this.#newSimpleKey(false, false));
    this.#flowLevel += 1;
    if (this.#flowLevel > deepestNesting) this.#fail(`it is nested more than ${deepestNesting} levels deep`);
    this.#isSimpleKeyAllowed = true;
    this.#add(type);
    this.#skip();
  }

  #fetchFlowCollectionEnd(type: TokenType): void {
    this.#removeSimpleKey();
    if (this.#flowLevel > 0) {
      this.#flowLevel -= 1;
      const key = this.#simpleKeys.pop();
      if (key !== undefined) this.#simpleKeysByToken.delete(key.tokenNumber);
    }
    this.#isSimpleKeyAllowed = false;
    this.#add(type);
    this.#skip();
  }

  #fetchFlowEntry(): void {
    this.#removeSimpleKey();
    this.#isSimpleKeyAllowed = true;
    this.#add('flow-entry');
    this.#skip();
  }

  #fetchBlockEntry(): void {
    if (this.#flowLevel === 0) {
      if (!this.#isSimpleKeyAllowed) this.#fail('block sequence entries are not allowed in this context');
      this.#rollIndent(this.#column, -1, 'block-sequence-start', this.#position);
    }
    this.#removeSimpleKey();
    this.#isSimpleKeyAllowed = true;
    this.#add('block-entry');
    this.#skip();
  }

  #fetchKey(): void {
    if (this.#flowLevel === 0) {
      if (!this.#isSimpleKeyAllowed) this.#fail('mapping keys are not allowed in this context');
      this.#rollIndent(this.#column, -1, 'block-mapping-start', this.#position);
    }
    this.#removeSimpleKey();
    this.#isSimpleKeyAllowed = this.#flowLevel === 0;
    this.#add('key');
    this.#skip();
  }

  #fetchValue(): void {
    const key = this.#simpleKeys.at(-1);
    if (key !== undefined && this.#isSimpleKeyValid(key)) {
      const place = key.tokenNumber - this.#tokensTaken;
      this.#add('key', { offset: key.offset }, place);
      this.#rollIndent(key.column, place, 'block-mapping-start', key.offset);
      key.isPossible = false;
      this.#simpleKeysByToken.delete(key.tokenNumber);
      this.#isSimpleKeyAllowed = false;
    } else {
      if (this.#flowLevel === 0) {
        if (!this.#isSimpleKeyAllowed) this.#fail('mapping values are not allowed in this context');
        this.#rollIndent(this.#column, -1, 'block-mapping-start', this.#position);
      }
      this.#isSimpleKeyAllowed = this.#flowLevel === 0;
    }
    this.#add('value');
    this.#skip();
  }

  #fetchAnchor(type: 'alias' | 'anchor'): void {
    this.#saveSimpleKey();
    this.#isSimpleKeyAllowed = false;
    const offset = this.#position;
    this.#skip();
    const text = this.#readWord();
    const next = this.#at();
    if (text === '' || !(isBlankOrEnd(next) || afterAnchor.has(next)))
      this.#fail('did not find expected alphabetic or numeric character', offset);
    this.#add(type, { offset, text });
  }

  #readWord(): string {
    const start = this.#position;
    while (isWord(this.#at())) this.#skip();
    return this.#text.slice(start, this.#position);
  }

  #fetchTag(): void {
    this.#saveSimpleKey();
    this.#isSimpleKeyAllowed = false;
    const offset = this.#position;
    let text = '';
    let suffix: string;
    if (this.#text[this.#position + 1] === '<') {
      this.#skip(2);
      suffix = this.#scanTagUri('', false, offset);
      if (this.#text[this.#position] !== '>') this.#fail("did not find the expected '>'", offset);
      this.#skip();
    } else {
      text = this.#scanTagHandle(false, offset);
      if (text.length > 1 && text.endsWith('!')) suffix = this.#scanTagUri('', false, offset);
      else {
        suffix = this.#scanTagUri(text.slice(1), true, offset);
        // A lone "!" has no suffix, and stands for itself.
        [text, suffix] = suffix === '' ? ['', '!'] : ['!', suffix];
      }
    }
    if (!isBlankOrEnd(this.#at())) this.#fail('did not find expected whitespace or line break', offset);
    this.#add('tag', { offset, text, suffix });
  }

  #scanTagHandle(isDirective: boolean, offset: number): string {
    if (this.#at() !== exclamation) this.#fail("did not find expected '!'", offset);
    let handle = this.#read() + this.#readWord();
    if (this.#at() === exclamation) handle += this.#read();
    else if (isDirective && handle !== '!') this.#fail("did not find expected '!'", offset);
    return handle;
  }

  #scanTagUri(head: string, mayBeEmpty: boolean, offset: number): string {
    const start = this.#position;
    while (isWord(this.#at()) || uriSigns.has(this.#at())) this.#skip();
    const written = this.#text.slice(start, this.#position);
    if (written === '' && !mayBeEmpty) this.#fail('did not find expected tag URI', offset);
    try {
      return head + decodeURIComponent(written);
    } catch {
      this.#fail('did not find URI escaped octet', offset);
    }
  }

  #scanDirective(): void {
    const offset = this.#position;
    this.#skip();
    const name = this.#readWord();
    if (name === '') this.#fail('could not find expected directive name', offset);
    if (!isBlankOrEnd(this.#at())) this.#fail('found unexpected non-alphabetical character', offset);
    this.#skipBlanks();
    if (name === 'YAML') this.#add('version-directive', { offset, text: this.#scanVersion(offset) });
    else if (name === 'TAG') {
      const text = this.#scanTagHandle(true, offset);
      if (!isBlank(this.#at())) this.#fail('did not find expected whitespace', offset);
      this.#skipBlanks();
      const suffix = this.#scanTagUri('', false, offset);
      if (!isBlankOrEnd(this.#at())) this.#fail('did not find expected whitespace or line break', offset);
      this.#add('tag-directive', { offset, text, suffix });
    } else this.#fail('found unknown directive name', offset);
    this.#skipBlanks();
    this.#skipComment();
    if (!isBreakOrEnd(this.#at())) this.#fail('did not find expected comment or line break', offset);
    if (isBreak(this.#at())) this.#readLine();
  }

  #scanVersion(offset: number): string {
    const [version] = /^\d{1,2}\.\d{1,2}(?!\d)/.exec(this.#text.slice(this.#position, this.#position + 6)) ?? [];
    if (version === undefined) this.#fail('did not find expected version number', offset);
    this.#skip(version.length);
    return version.split('.').map(Number).join('.');
  }

  #fetchBlockScalar(isLiteral: boolean): void {
    this.#removeSimpleKey();
    this.#isSimpleKeyAllowed = true;
    const offset = this.#position;
    this.#skip();
    const { chomping, increment } = this.#scanBlockHeader(offset);
    let indent = increment === 0 ? 0 : Math.max(this.#indent, 0) + increment;
    let text = '';
    let leadingBreak = '';
    let isLeadingBlank = false;
    let trailingBreaks: string;
    [trailingBreaks, indent] = this.#scanBlockBreaks(indent, offset);
    while (this.#column === indent && this.#position < this.#text.length) {
      const isTrailingBlank = isBlank(this.#at());
      if (!isLiteral && !isLeadingBlank && !isTrailingBlank && leadingBreak === '\n') {
        if (trailingBreaks === '') text += ' ';
      } else text += leadingBreak;
      text += trailingBreaks;
      isLeadingBlank = isBlank(this.#at());
      const start = this.#position;
      while (!isBreakOrEnd(this.#at())) this.#skip();
      text += this.#text.slice(start, this.#position);
      leadingBreak = isBreak(this.#at()) ? this.#readLine() : '';
      [trailingBreaks, indent] = this.#scanBlockBreaks(indent, offset);
    }
    if (chomping !== '-') text += leadingBreak;
    if (chomping === '+') text += trailingBreaks;
    this.#add('scalar', { offset, text });
  }

  #scanBlockHeader(offset: number): { chomping: string; increment: number } {
    let chomping = '';
    let increment = 0;
    const readChomping = () => {
      const sign = this.#text[this.#position];
      if (chomping === '' && (sign === '+' || sign === '-')) chomping = this.#read();
    };
    readChomping();
    if (isDigit(this.#at())) {
      increment = Number(this.#read());
      if (increment === 0) this.#fail('found an indentation indicator equal to 0', offset);
    }
    readChomping();
    this.#skipBlanks();
    this.#skipComment();
    if (!isBreakOrEnd(this.#at())) this.#fail('did not find expected comment or line break', offset);
    if (isBreak(this.#at())) this.#readLine();
    return { chomping, increment };
  }

  /** Empty lines, and the indentation of the text where nothing says it. */
  #scanBlockBreaks(known: number, offset: number): [breaks: string, indent: number] {
    let breaks = '';
    let widest = 0;
    const isIndented = () => known > 0 && this.#column >= known;
    for (;;) {
      while (!isIndented() && this.#at() === space) this.#skip();
      widest = Math.max(widest, this.#column);
      if (!isIndented() && this.#at() === tab)
        this.#fail('found a tab character where an indentation space is expected', offset);
      if (!isBreak(this.#at())) break;
      breaks += this.#readLine();
    }
    return [breaks, known === 0 ? Math.max(widest, this.#indent + 1, 1) : known];
  }

  #fetchFlowScalar(mark: number): void {
    this.#saveSimpleKey();
    this.#isSimpleKeyAllowed = false;
    const offset = this.#position;
    this.#skip();
    const parts: string[] = [];
    for (;;) {
      if (this.#isDocumentIndicator()) this.#fail('found unexpected document indicator', offset);
      if (this.#position >= this.#text.length) this.#fail('found unexpected end of stream', offset);
      const isFolded = mark === quote ? this.#scanSingleQuoted(parts) : this.#scanDoubleQuoted(parts, offset);
      if (this.#at() === mark) break;
      parts.push(this.#scanQuotedBlanks(isFolded));
    }
    this.#skip();
    this.#add('scalar', { offset, text: parts.join('') });
  }

  /** Up to the next blank or the end of the scalar. @returns whether an escaped line break ended it. */
  #scanSingleQuoted(parts: string[]): boolean {
    while (!isBlankOrEnd(this.#at())) {
      if (this.#at() !== quote) parts.push(this.#read());
      else if (this.#at(1) === quote) {
        parts.push("'");
        this.#skip(2);
      } else break;
    }
    return false;
  }

  #scanDoubleQuoted(parts: string[], offset: number): boolean {
    while (!isBlankOrEnd(this.#at())) {
      const char = this.#at();
      if (char === doubleQuote) break;
      if (char !== backslash) parts.push(this.#read());
      else if (isBreak(this.#at(1))) {
        this.#skip();
        this.#readLine();
        return true;
      } else parts.push(this.#scanEscape(offset));
    }
    return false;
  }

  #scanEscape(offset: number): string {
    const sign = this.#text[this.#position + 1] ?? '';
    const simple = Object.hasOwn(escapes, sign) ? escapes[sign] : undefined;
    const length = Object.hasOwn(escapedLengths, sign) ? (escapedLengths[sign] ?? 0) : 0;
    if (simple === undefined && length === 0) this.#fail('found unknown escape character', offset);
    this.#skip(2);
    if (simple !== undefined) return simple;
    const digits = this.#text.slice(this.#position, this.#position + length);
    if (digits.length < length || !/^[\da-fA-F]+$/.test(digits))
      this.#fail('did not find expected hexdecimal number', offset);
    const value = Number.parseInt(digits, 16);
    if ((value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff)
      this.#fail('found invalid Unicode character escape code', offset);
    this.#skip(length);
    return String.fromCodePoint(value);
  }

  /** What blanks and line breaks between words of a quoted scalar stand for. */
  #scanQuotedBlanks(isFolded: boolean): string {
    let blanks = '';
    let leadingBreak = '';
    let trailingBreaks = '';
    let isAfterBreak = isFolded;
    for (;;) {
      if (isBlank(this.#at())) {
        if (isAfterBreak) this.#skip();
        else blanks += this.#read();
      } else if (!isBreak(this.#at())) break;
      else if (isAfterBreak) trailingBreaks += this.#readLine();
      else {
        leadingBreak = this.#readLine();
        isAfterBreak = true;
      }
    }
    return isAfterBreak ? foldBreaks(leadingBreak, trailingBreaks) : blanks;
  }

  #fetchPlainScalar(): void {
    this.#saveSimpleKey();
    this.#isSimpleKeyAllowed = false;
    const offset = this.#position;
    const indent = this.#indent + 1;
    const inFlow = this.#flowLevel > 0;
    const parts: string[] = [];
    let between = '';
    let isAfterBreak = false;
    for (;;) {
      if (this.#isDocumentIndicator() || this.#at() === hash) break;
      const start = this.#position;
      for (let char = this.#at(); !isBlankOrEnd(char); char = this.#at()) {
        if (char === colon && isBlankOrEnd(this.#at(1))) break;
        if (inFlow && flowIndicators.has(char)) break;
        this.#skip();
      }
      if (this.#position > start) {
        parts.push(between, this.#text.slice(start, this.#position));
        between = '';
        isAfterBreak = false;
      }
      if (!isBlank(this.#at()) && !isBreak(this.#at())) break;
      let blanks = '';
      let leadingBreak = '';
      let trailingBreaks = '';
      while (isBlank(this.#at()) || isBreak(this.#at())) {
        if (isBlank(this.#at())) {
          if (isAfterBreak && this.#column < indent && this.#at() === tab)
            this.#fail('found a tab character that violates indentation', offset);
          if (isAfterBreak) this.#skip();
          else blanks += this.#read();
        } else if (isAfterBreak) trailingBreaks += this.#readLine();
        else {
          leadingBreak = this.#readLine();
          isAfterBreak = true;
        }
      }
      between = isAfterBreak ? foldBreaks(leadingBreak, trailingBreaks) : blanks;
      if (!inFlow && this.#column < indent) break;
    }
    this.#add('scalar', { offset, text: parts.join(''), isPlain: true });
    if (isAfterBreak) this.#isSimpleKeyAllowed = true;
  }

  #scanToNextToken(): void {
    for (;;) {
      while (this.#at() === space || ((this.#flowLevel > 0 || !this.#isSimpleKeyAllowed) && this.#at() === tab))
        this.#skip();
      this.#skipComment();
      if (!isBreak(this.#at())) return;
      this.#readLine();
      if (this.#flowLevel === 0) this.#isSimpleKeyAllowed = true;
    }
  }
}

/** One line break is a blank; of several the first is dropped. */
function foldBreaks(leading: string, trailing: string): string {
  if (leading !== '\n') return leading + trailing;
  return trailing === '' ? ' ' : trailing;
}
