/**
 * The texts of the scalars of YAML 1.1, as the scanner of go.yaml.in/yaml/v2 reads them; `yaml-scanner.ts` has the tokens. Each
 * function begins at the scalar's first character, moves past its last, and throws YamlProblem where there is no scalar.
 */
import {
  backslash,
  colon,
  doubleQuote,
  flowIndicators,
  hash,
  isBlank,
  isBlankOrEnd,
  isBreak,
  isBreakOrEnd,
  isDigit,
  quote,
  space,
  tab,
  type YamlCursor,
} from './yaml-cursor.ts';

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

/**
 * The text of a block scalar, from its `|` or `>` on.
 * @param parentIndent the column of the collection around it; -1 at the top.
 */
export function scanBlockScalar(cursor: YamlCursor, isLiteral: boolean, parentIndent: number): string {
  const offset = cursor.position;
  cursor.skip();
  const { chomping, increment } = scanBlockHeader(cursor, offset);
  let indent = increment === 0 ? 0 : Math.max(parentIndent, 0) + increment;
  let text = '';
  let leadingBreak = '';
  let isLeadingBlank = false;
  let trailingBreaks: string;
  [trailingBreaks, indent] = scanBlockBreaks(cursor, indent, parentIndent, offset);
  while (cursor.column === indent && cursor.position < cursor.text.length) {
    const isTrailingBlank = isBlank(cursor.at());
    if (!isLiteral && !isLeadingBlank && !isTrailingBlank && leadingBreak === '\n') {
      if (trailingBreaks === '') text += ' ';
    } else text += leadingBreak;
    text += trailingBreaks;
    isLeadingBlank = isBlank(cursor.at());
    const start = cursor.position;
    while (!isBreakOrEnd(cursor.at())) cursor.skip();
    text += cursor.text.slice(start, cursor.position);
    leadingBreak = isBreak(cursor.at()) ? cursor.readLine() : '';
    [trailingBreaks, indent] = scanBlockBreaks(cursor, indent, parentIndent, offset);
  }
  if (chomping !== '-') text += leadingBreak;
  if (chomping === '+') text += trailingBreaks;
  return text;
}

function scanBlockHeader(cursor: YamlCursor, offset: number): { chomping: string; increment: number } {
  let chomping = '';
  let increment = 0;
  const readChomping = () => {
    const sign = cursor.text[cursor.position];
    if (chomping === '' && (sign === '+' || sign === '-')) chomping = cursor.read();
  };
  readChomping();
  if (isDigit(cursor.at())) {
    increment = Number(cursor.read());
    if (increment === 0) cursor.fail('found an indentation indicator equal to 0', offset);
  }
  readChomping();
  cursor.skipBlanks();
  cursor.skipComment();
  if (!isBreakOrEnd(cursor.at())) cursor.fail('did not find expected comment or line break', offset);
  if (isBreak(cursor.at())) cursor.readLine();
  return { chomping, increment };
}

/** Empty lines, and the indentation of the text where no indicator gives it. */
function scanBlockBreaks(
  cursor: YamlCursor,
  known: number,
  parentIndent: number,
  offset: number,
): [breaks: string, indent: number] {
  let breaks = '';
  let widest = 0;
  const isIndented = () => known > 0 && cursor.column >= known;
  for (;;) {
    while (!isIndented() && cursor.at() === space) cursor.skip();
    widest = Math.max(widest, cursor.column);
    if (!isIndented() && cursor.at() === tab)
      cursor.fail('found a tab character where an indentation space is expected', offset);
    if (!isBreak(cursor.at())) break;
    breaks += cursor.readLine();
  }
  return [breaks, known === 0 ? Math.max(widest, parentIndent + 1, 1) : known];
}

/** The text of a quoted scalar, from one quotation mark to the other. */
export function scanFlowScalar(cursor: YamlCursor, mark: number): string {
  const offset = cursor.position;
  cursor.skip();
  const parts: string[] = [];
  for (;;) {
    if (cursor.isDocumentIndicator()) cursor.fail('found unexpected document indicator', offset);
    if (cursor.position >= cursor.text.length) cursor.fail('found unexpected end of stream', offset);
    const isFolded = mark === quote ? scanSingleQuoted(cursor, parts) : scanDoubleQuoted(cursor, parts, offset);
    if (cursor.at() === mark) break;
    parts.push(scanQuotedBlanks(cursor, isFolded));
  }
  cursor.skip();
  return parts.join('');
}

/** Up to the next blank or the end of the scalar. @returns whether an escaped line break ended it. */
function scanSingleQuoted(cursor: YamlCursor, parts: string[]): boolean {
  while (!isBlankOrEnd(cursor.at())) {
    if (cursor.at() !== quote) parts.push(cursor.read());
    else if (cursor.at(1) === quote) {
      parts.push("'");
      cursor.skip(2);
    } else break;
  }
  return false;
}

function scanDoubleQuoted(cursor: YamlCursor, parts: string[], offset: number): boolean {
  while (!isBlankOrEnd(cursor.at())) {
    const char = cursor.at();
    if (char === doubleQuote) break;
    if (char !== backslash) parts.push(cursor.read());
    else if (isBreak(cursor.at(1))) {
      cursor.skip();
      cursor.readLine();
      return true;
    } else parts.push(scanEscape(cursor, offset));
  }
  return false;
}

function scanEscape(cursor: YamlCursor, offset: number): string {
  const sign = cursor.text[cursor.position + 1] ?? '';
  const simple = Object.hasOwn(escapes, sign) ? escapes[sign] : undefined;
  const length = Object.hasOwn(escapedLengths, sign) ? (escapedLengths[sign] ?? 0) : 0;
  if (simple === undefined && length === 0) cursor.fail('found unknown escape character', offset);
  cursor.skip(2);
  if (simple !== undefined) return simple;
  const digits = cursor.text.slice(cursor.position, cursor.position + length);
  if (digits.length < length || !/^[\da-fA-F]+$/.test(digits))
    cursor.fail('did not find expected hexdecimal number', offset);
  const value = Number.parseInt(digits, 16);
  if ((value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff)
    cursor.fail('found invalid Unicode character escape code', offset);
  cursor.skip(length);
  return String.fromCodePoint(value);
}

/** The meaning of blanks and line breaks between words of a quoted scalar. */
function scanQuotedBlanks(cursor: YamlCursor, isFolded: boolean): string {
  let blanks = '';
  let leadingBreak = '';
  let trailingBreaks = '';
  let isAfterBreak = isFolded;
  for (;;) {
    if (isBlank(cursor.at())) {
      if (isAfterBreak) cursor.skip();
      else blanks += cursor.read();
    } else if (!isBreak(cursor.at())) break;
    else if (isAfterBreak) trailingBreaks += cursor.readLine();
    else {
      leadingBreak = cursor.readLine();
      isAfterBreak = true;
    }
  }
  return isAfterBreak ? foldBreaks(leadingBreak, trailingBreaks) : blanks;
}

/**
 * The text of a scalar without quotes, and whether a line break ended it.
 * @param indent the least column of its further lines, outside brackets.
 */
export function scanPlainScalar(
  cursor: YamlCursor,
  indent: number,
  inFlow: boolean,
): { text: string; endsAfterBreak: boolean } {
  const offset = cursor.position;
  const parts: string[] = [];
  let between = '';
  let isAfterBreak = false;
  for (;;) {
    if (cursor.isDocumentIndicator() || cursor.at() === hash) break;
    const start = cursor.position;
    for (let char = cursor.at(); !isBlankOrEnd(char); char = cursor.at()) {
      if (char === colon && isBlankOrEnd(cursor.at(1))) break;
      if (inFlow && flowIndicators.has(char)) break;
      cursor.skip();
    }
    if (cursor.position > start) {
      parts.push(between, cursor.text.slice(start, cursor.position));
      between = '';
      isAfterBreak = false;
    }
    if (!isBlank(cursor.at()) && !isBreak(cursor.at())) break;
    let blanks = '';
    let leadingBreak = '';
    let trailingBreaks = '';
    while (isBlank(cursor.at()) || isBreak(cursor.at())) {
      if (isBlank(cursor.at())) {
        if (isAfterBreak && cursor.column < indent && cursor.at() === tab)
          cursor.fail('found a tab character that violates indentation', offset);
        if (isAfterBreak) cursor.skip();
        else blanks += cursor.read();
      } else if (isAfterBreak) trailingBreaks += cursor.readLine();
      else {
        leadingBreak = cursor.readLine();
        isAfterBreak = true;
      }
    }
    between = isAfterBreak ? foldBreaks(leadingBreak, trailingBreaks) : blanks;
    if (!inFlow && cursor.column < indent) break;
  }
  return { text: parts.join(''), endsAfterBreak: isAfterBreak };
}

/** One line break is a blank; of several the first is dropped. */
function foldBreaks(leading: string, trailing: string): string {
  if (leading !== '\n') return leading + trailing;
  return trailing === '' ? ' ' : trailing;
}
