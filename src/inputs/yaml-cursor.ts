/** A place in a YAML text, and the characters with a meaning there, as in `yamlprivateh.go` of go.yaml.in/yaml/v2. */
import { YamlProblem } from './yaml-scalars.ts';

const code = (sign: string) => sign.charCodeAt(0);
export const tab = code('\t');
export const space = code(' ');
const carriageReturn = code('\r');
const lineFeed = code('\n');
export const colon = code(':');
export const dash = code('-');
export const question = code('?');
export const quote = code("'");
export const doubleQuote = code('"');
export const backslash = code('\\');
export const hash = code('#');
export const exclamation = code('!');
export const percent = code('%');
export const pipe = code('|');
export const greater = code('>');

export const isBlank = (char: number) => char === space || char === tab;
export const isBreak = (char: number) =>
  char === lineFeed || char === carriageReturn || char === 0x85 || char === 0x2028 || char === 0x2029;
/** At the end there is a 0, a character that no document may contain. */
export const isBreakOrEnd = (char: number) => char === 0 || isBreak(char);
export const isBlankOrEnd = (char: number) => isBlank(char) || isBreakOrEnd(char);
export const isDigit = (char: number) => char >= 48 && char <= 57;
export const isWord = (char: number) =>
  isDigit(char) || (char >= 65 && char <= 90) || (char >= 97 && char <= 122) || char === 95 || char === dash;

const codesOf = (signs: string): ReadonlySet<number> => new Set([...signs].map(code));
export const flowIndicators = codesOf(',?[]{}');
export const notFirstOfPlain = codesOf('-?:,[]{}#&*!|>\'"%@`');
export const afterAnchor = codesOf('?:,]}%@`');
export const uriSigns = codesOf(";/?:@&=+$,.!~*'()[]%");

/** Control characters and invalid characters, except tabs and line breaks: a document must not contain them. */
const forbidden = /[^\P{Cc}\t\n\r\u0085]|[\uFFFE\uFFFF]/u;

/** Reads a text forward, and counts lines and columns as Go's reader does. */
export class YamlCursor {
  readonly text: string;
  /** In UTF-16 units. */
  position = 0;
  /** In characters from the start, and of the line; a character beyond the BMP is one. */
  index = 0;
  column = 0;
  line = 0;

  /** @throws YamlProblem for control characters. */
  constructor(text: string) {
    this.text = text;
    const at = forbidden.exec(text)?.index;
    if (at !== undefined) throw new YamlProblem('control characters are not allowed', at);
  }

  at(ahead = 0): number {
    const position = this.position + ahead;
    return position < this.text.length ? this.text.charCodeAt(position) : 0;
  }

  fail(message: string, offset = this.position): never {
    throw new YamlProblem(message, offset);
  }

  skip(count = 1): void {
    for (let i = 0; i < count; i += 1) {
      const isPair = (this.at() & 0xfc00) === 0xd800 && this.position + 1 < this.text.length;
      this.position += isPair ? 2 : 1;
      this.index += 1;
      this.column += 1;
    }
  }

  read(): string {
    const start = this.position;
    this.skip();
    return this.text.slice(start, this.position);
  }

  /** One line break, as it counts in a scalar. */
  readLine(): string {
    const char = this.at();
    const width = char === carriageReturn && this.at(1) === lineFeed ? 2 : 1;
    this.position += width;
    this.index += width;
    this.column = 0;
    this.line += 1;
    return char === 0x2028 || char === 0x2029 ? String.fromCharCode(char) : '\n';
  }

  skipBlanks(): void {
    while (isBlank(this.at())) this.skip();
  }

  skipComment(): void {
    if (this.at() === hash) while (!isBreakOrEnd(this.at())) this.skip();
  }

  /** `---` or `...` at the start of a line. */
  isDocumentIndicator(): boolean {
    if (this.column !== 0) return false;
    const word = this.text.slice(this.position, this.position + 3);
    return (word === '---' || word === '...') && isBlankOrEnd(this.at(3));
  }

  readWord(): string {
    const start = this.position;
    while (isWord(this.at())) this.skip();
    return this.text.slice(start, this.position);
  }
}
