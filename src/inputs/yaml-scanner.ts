/**
 * The tokens of YAML 1.1, as the scanner of go.yaml.in/yaml/v2 (a translation of libyaml's) finds them; the names of its
 * functions are kept, without `yaml_parser_`, so that the two can be read side by side. Readers of YAML 1.2 differ from it
 * in tabs, in indentation within brackets and quotes, in `? `, `:` and aliases, and in what ends a line. Pure.
 */
import { scanBlockScalar, scanFlowScalar, scanPlainScalar } from './scan-yaml-scalars.ts';
import {
  afterAnchor,
  colon,
  dash,
  doubleQuote,
  exclamation,
  greater,
  isBlank,
  isBlankOrEnd,
  isBreak,
  isBreakOrEnd,
  isWord,
  notFirstOfPlain,
  percent,
  pipe,
  question,
  quote,
  space,
  tab,
  uriSigns,
  YamlCursor,
} from './yaml-cursor.ts';

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

/** Maximum length of a simple key in characters: https://yaml.org/spec/1.1/#id904245 */
const longestSimpleKey = 1024;
/** Brackets and indents; Go's stops at 10,000 of each, and no object of Kubernetes has 100. */
const deepestNesting = 1000;

export class YamlScanner {
  readonly #cursor: YamlCursor;
  #tokens: Token[] = [];
  #tokensTaken = 0;
  #indent = -1;
  readonly #indents: number[] = [];
  #flowLevel = 0;
  #isSimpleKeyAllowed = true;
  readonly #simpleKeys: SimpleKey[] = [];
  /** By number of their token, their place in the list. */
  readonly #simpleKeysByToken = new Map<number, number>();

  /** @throws YamlProblem for control characters; the methods throw it for what is no YAML. */
  constructor(text: string) {
    this.#cursor = new YamlCursor(text);
    this.#simpleKeys.push(this.#newSimpleKey(false, false));
  }

  /** The next token, which stays the next one. */
  peek(): Token {
    this.#fetchMoreTokens();
    return this.#tokens[0] as Token;
  }

  /** Returns the next token, and moves past it. */
  take(): Token {
    const token = this.peek();
    if (token.type !== 'stream-end') {
      this.#tokens.shift();
      this.#tokensTaken += 1;
    }
    return token;
  }

  #add(type: TokenType, more: Partial<Token> = {}, place = -1): void {
    const token: Token = { type, offset: this.#cursor.position, text: '', suffix: '', isPlain: false, ...more };
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
    this.#unrollIndent(this.#cursor.column);
    const char = this.#cursor.at();
    if (this.#cursor.position >= this.#cursor.text.length) this.#fetchStreamEnd();
    else if (this.#cursor.column === 0 && char === percent) this.#fetchDirective();
    else if (this.#cursor.isDocumentIndicator()) this.#fetchDocumentIndicator();
    else {
      const fetch = this.#fetchers[this.#cursor.text[this.#cursor.position] ?? ''];
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
    const next = this.#cursor.at(1);
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
    else this.#cursor.fail('found character that cannot start any token');
  }

  #newSimpleKey(isPossible: boolean, isRequired: boolean): SimpleKey {
    return {
      isPossible,
      isRequired,
      tokenNumber: this.#tokensTaken + this.#tokens.length,
      offset: this.#cursor.position,
      index: this.#cursor.index,
      line: this.#cursor.line,
      column: this.#cursor.column,
    };
  }

  #isSimpleKeyValid(key: SimpleKey): boolean {
    if (!key.isPossible) return false;
    if (key.line === this.#cursor.line && key.index + longestSimpleKey >= this.#cursor.index) return true;
    if (key.isRequired) this.#cursor.fail("could not find expected ':'", key.offset);
    key.isPossible = false;
    return false;
  }

  #saveSimpleKey(): void {
    const isRequired = this.#flowLevel === 0 && this.#indent === this.#cursor.column;
    if (!this.#isSimpleKeyAllowed) return;
    const key = this.#newSimpleKey(true, isRequired);
    this.#removeSimpleKey();
    this.#simpleKeys[this.#simpleKeys.length - 1] = key;
    this.#simpleKeysByToken.set(key.tokenNumber, this.#simpleKeys.length - 1);
  }

  #removeSimpleKey(): void {
    const key = this.#simpleKeys.at(-1);
    if (key === undefined || !key.isPossible) return;
    if (key.isRequired) this.#cursor.fail("could not find expected ':'", key.offset);
    key.isPossible = false;
    this.#simpleKeysByToken.delete(key.tokenNumber);
  }

  #rollIndent(column: number, place: number, type: TokenType, offset: number): void {
    if (this.#flowLevel > 0 || this.#indent >= column) return;
    this.#indents.push(this.#indent);
    this.#indent = column;
    if (this.#indents.length > deepestNesting)
      this.#cursor.fail(`it is nested more than ${deepestNesting} levels deep`);
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
    if (this.#cursor.column !== 0) {
      this.#cursor.column = 0;
      this.#cursor.line += 1;
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
    this.#add(this.#cursor.at() === dash ? 'document-start' : 'document-end');
    this.#cursor.skip(3);
  }

  #fetchFlowCollectionStart(type: TokenType): void {
    this.#saveSimpleKey();
    this.#simpleKeys.push(this.#newSimpleKey(false, false));
    this.#flowLevel += 1;
    if (this.#flowLevel > deepestNesting) this.#cursor.fail(`it is nested more than ${deepestNesting} levels deep`);
    this.#isSimpleKeyAllowed = true;
    this.#add(type);
    this.#cursor.skip();
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
    this.#cursor.skip();
  }

  #fetchFlowEntry(): void {
    this.#removeSimpleKey();
    this.#isSimpleKeyAllowed = true;
    this.#add('flow-entry');
    this.#cursor.skip();
  }

  #fetchBlockEntry(): void {
    if (this.#flowLevel === 0) {
      if (!this.#isSimpleKeyAllowed) this.#cursor.fail('block sequence entries are not allowed in this context');
      this.#rollIndent(this.#cursor.column, -1, 'block-sequence-start', this.#cursor.position);
    }
    this.#removeSimpleKey();
    this.#isSimpleKeyAllowed = true;
    this.#add('block-entry');
    this.#cursor.skip();
  }

  #fetchKey(): void {
    if (this.#flowLevel === 0) {
      if (!this.#isSimpleKeyAllowed) this.#cursor.fail('mapping keys are not allowed in this context');
      this.#rollIndent(this.#cursor.column, -1, 'block-mapping-start', this.#cursor.position);
    }
    this.#removeSimpleKey();
    this.#isSimpleKeyAllowed = this.#flowLevel === 0;
    this.#add('key');
    this.#cursor.skip();
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
        if (!this.#isSimpleKeyAllowed) this.#cursor.fail('mapping values are not allowed in this context');
        this.#rollIndent(this.#cursor.column, -1, 'block-mapping-start', this.#cursor.position);
      }
      this.#isSimpleKeyAllowed = this.#flowLevel === 0;
    }
    this.#add('value');
    this.#cursor.skip();
  }

  #fetchAnchor(type: 'alias' | 'anchor'): void {
    this.#saveSimpleKey();
    this.#isSimpleKeyAllowed = false;
    const offset = this.#cursor.position;
    this.#cursor.skip();
    const text = this.#cursor.readWord();
    const next = this.#cursor.at();
    if (text === '' || !(isBlankOrEnd(next) || afterAnchor.has(next)))
      this.#cursor.fail('did not find expected alphabetic or numeric character', offset);
    this.#add(type, { offset, text });
  }

  #fetchTag(): void {
    this.#saveSimpleKey();
    this.#isSimpleKeyAllowed = false;
    const offset = this.#cursor.position;
    let text = '';
    let suffix: string;
    if (this.#cursor.text[this.#cursor.position + 1] === '<') {
      this.#cursor.skip(2);
      suffix = this.#scanTagUri('', false, offset);
      if (this.#cursor.text[this.#cursor.position] !== '>') this.#cursor.fail("did not find the expected '>'", offset);
      this.#cursor.skip();
    } else {
      text = this.#scanTagHandle(false, offset);
      if (text.length > 1 && text.endsWith('!')) suffix = this.#scanTagUri('', false, offset);
      else {
        suffix = this.#scanTagUri(text.slice(1), true, offset);
        // A lone "!" has no suffix, and represents itself.
        [text, suffix] = suffix === '' ? ['', '!'] : ['!', suffix];
      }
    }
    if (!isBlankOrEnd(this.#cursor.at())) this.#cursor.fail('did not find expected whitespace or line break', offset);
    this.#add('tag', { offset, text, suffix });
  }

  #scanTagHandle(isDirective: boolean, offset: number): string {
    if (this.#cursor.at() !== exclamation) this.#cursor.fail("did not find expected '!'", offset);
    let handle = this.#cursor.read() + this.#cursor.readWord();
    if (this.#cursor.at() === exclamation) handle += this.#cursor.read();
    else if (isDirective && handle !== '!') this.#cursor.fail("did not find expected '!'", offset);
    return handle;
  }

  #scanTagUri(head: string, mayBeEmpty: boolean, offset: number): string {
    const start = this.#cursor.position;
    while (isWord(this.#cursor.at()) || uriSigns.has(this.#cursor.at())) this.#cursor.skip();
    const written = this.#cursor.text.slice(start, this.#cursor.position);
    if (written === '' && !mayBeEmpty) this.#cursor.fail('did not find expected tag URI', offset);
    try {
      return head + decodeURIComponent(written);
    } catch {
      this.#cursor.fail('did not find URI escaped octet', offset);
    }
  }

  #scanDirective(): void {
    const offset = this.#cursor.position;
    this.#cursor.skip();
    const name = this.#cursor.readWord();
    if (name === '') this.#cursor.fail('could not find expected directive name', offset);
    if (!isBlankOrEnd(this.#cursor.at())) this.#cursor.fail('found unexpected non-alphabetical character', offset);
    this.#cursor.skipBlanks();
    if (name === 'YAML') this.#add('version-directive', { offset, text: this.#scanVersion(offset) });
    else if (name === 'TAG') {
      const text = this.#scanTagHandle(true, offset);
      if (!isBlank(this.#cursor.at())) this.#cursor.fail('did not find expected whitespace', offset);
      this.#cursor.skipBlanks();
      const suffix = this.#scanTagUri('', false, offset);
      if (!isBlankOrEnd(this.#cursor.at())) this.#cursor.fail('did not find expected whitespace or line break', offset);
      this.#add('tag-directive', { offset, text, suffix });
    } else this.#cursor.fail('found unknown directive name', offset);
    this.#cursor.skipBlanks();
    this.#cursor.skipComment();
    if (!isBreakOrEnd(this.#cursor.at())) this.#cursor.fail('did not find expected comment or line break', offset);
    if (isBreak(this.#cursor.at())) this.#cursor.readLine();
  }

  #scanVersion(offset: number): string {
    const [version] =
      /^\d{1,2}\.\d{1,2}(?!\d)/.exec(this.#cursor.text.slice(this.#cursor.position, this.#cursor.position + 6)) ?? [];
    if (version === undefined) this.#cursor.fail('did not find expected version number', offset);
    this.#cursor.skip(version.length);
    return version.split('.').map(Number).join('.');
  }

  #fetchBlockScalar(isLiteral: boolean): void {
    this.#removeSimpleKey();
    this.#isSimpleKeyAllowed = true;
    const offset = this.#cursor.position;
    this.#add('scalar', { offset, text: scanBlockScalar(this.#cursor, isLiteral, this.#indent) });
  }

  #fetchFlowScalar(mark: number): void {
    this.#saveSimpleKey();
    this.#isSimpleKeyAllowed = false;
    const offset = this.#cursor.position;
    this.#add('scalar', { offset, text: scanFlowScalar(this.#cursor, mark) });
  }

  #fetchPlainScalar(): void {
    this.#saveSimpleKey();
    this.#isSimpleKeyAllowed = false;
    const offset = this.#cursor.position;
    const { text, endsAfterBreak } = scanPlainScalar(this.#cursor, this.#indent + 1, this.#flowLevel > 0);
    this.#add('scalar', { offset, text, isPlain: true });
    if (endsAfterBreak) this.#isSimpleKeyAllowed = true;
  }

  #scanToNextToken(): void {
    for (;;) {
      while (
        this.#cursor.at() === space ||
        ((this.#flowLevel > 0 || !this.#isSimpleKeyAllowed) && this.#cursor.at() === tab)
      )
        this.#cursor.skip();
      this.#cursor.skipComment();
      if (!isBreak(this.#cursor.at())) return;
      this.#cursor.readLine();
      if (this.#flowLevel === 0) this.#isSimpleKeyAllowed = true;
    }
  }
}
