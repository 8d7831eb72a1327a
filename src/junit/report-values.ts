/** Values of a report's attributes and texts: cut to a size, copied, read as numbers. */
export function cut(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  return `${text.slice(0, maxChars - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** A copy of a text that does not keep the whole chunk of the file in memory of which V8 made it a slice. */
export function detach(text: string): string {
  if (text.length < 13) return text;
  // A text of small code points can be stored with one byte for each, which V8 does not do by itself.
  const encoding = beyondLatin1.test(text) ? 'utf16le' : 'latin1';
  // One buffer for all: a buffer for each would be garbage that V8 does not count.
  if (scratch.length < 2 * text.length) scratch = Buffer.allocUnsafeSlow(2 * text.length);
  return scratch.toString(encoding, 0, scratch.write(text, encoding));
}

let scratch = Buffer.allocUnsafeSlow(256 * 1024);
const beyondLatin1 = /[\u0100-\uffff]/;

/** A number of things; writers that count in floating point have `3.0`. */
export function parseCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\+?\d{1,9}(\.0{0,9})?$/.test(text.trim()) ? Number(text) : undefined;
}

/** How many tests attributes claim to have run. mocha-junit-reporter counts pending tests and writes no case of them. */
export function countRan({ tests, skipped, disabled, ignored }: Record<string, string | undefined>): number {
  const leftOut = [skipped, disabled, ignored].map((one) => parseCount(one) ?? 0);
  return Math.max(0, (parseCount(tests) ?? 0) - leftOut.reduce((sum, one) => sum + one, 0));
}

/**
 * Seconds of a `time` attribute, or undefined for what is no time (negative ones, `NaN`). A comma before the last point
 * groups thousands (`1,234.5`, as surefire writes it); a comma without a point is a decimal comma (`0,123`), since
 * tests that take a round number of thousands of seconds are rarer than German machines.
 */
export function parseSeconds(text: string): number | undefined {
  const trimmed = text.trim().replace(/\s{0,10}s$/, '');
  let plain: string;
  if (/^\d{1,3}(,\d{3})+\.\d*$/.test(trimmed)) plain = trimmed.replaceAll(',', '');
  else if (/^\d{1,3}(\.\d{3})+,\d*$/.test(trimmed)) plain = trimmed.replaceAll('.', '').replace(',', '.');
  else if (/^\d*,\d+$/.test(trimmed)) plain = trimmed.replace(',', '.');
  else plain = trimmed;
  if (!/^(\d+(?:\.\d*)?|\.\d+)(e[+-]?\d{1,3})?$/i.test(plain)) return undefined;
  const seconds = Number(plain);
  return Number.isFinite(seconds) ? seconds : undefined;
}

/** Without white space at its end and empty lines at its beginning; the indentation of its first line stays. */
export function trimLines(text: string): string {
  const first = text.search(/\S/);
  return first < 0 ? '' : text.slice(text.lastIndexOf('\n', first) + 1).trimEnd();
}

/** Text without what XML forbids: characters of control, halves of pairs, noncharacters. */
export function replaceForbiddenCharacters(text: string): string {
  return text.toWellFormed().replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd');
}
