/**
 * What one scalar of YAML means to Kubernetes' own tools: `resolve` of go.yaml.in/yaml/v2, on which sigs.k8s.io/yaml, and with
 * it kubectl, Helm and the API server, are built. It is YAML 1.1 with exceptions of its own: sexagesimal numbers and times stay
 * strings, and `y` and `n` are booleans.
 */

import { toOneLine } from '../core/outcome.ts';

declare global {
  interface JSON {
    /** A number of exactly these digits; https://tc39.es/proposal-json-parse-with-source */
    rawJSON(text: string): object;
    isRawJSON(value: unknown): value is { rawJSON: string };
  }
}

const longestMessage = 200;

/** Why a document cannot be read, and from which character on. */
export class YamlProblem extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(toOneLine(message, longestMessage));
    this.offset = offset;
  }
}

export type ScalarType = 'null' | 'bool' | 'int' | 'float' | 'str';

export interface ResolvedScalar {
  type: ScalarType;
  /** null, a boolean, a number, a string, or an integer with so many digits that only `JSON.rawJSON` holds it exactly. */
  value: unknown;
}

const coreTag = 'tag:yaml.org,2002:';
export const mergeTag = `${coreTag}merge`;

const constants = new Map<string, ResolvedScalar>();
const addConstants = (type: ScalarType, value: unknown, words: string) => {
  for (const word of words.split(' ')) constants.set(word, { type, value });
};
addConstants('bool', true, 'y Y yes Yes YES true True TRUE on On ON');
addConstants('bool', false, 'n N no No NO false False FALSE off Off OFF');
addConstants('null', null, ' ~ null Null NULL');
addConstants('float', Number.NaN, '.nan .NaN .NAN');
addConstants('float', Number.POSITIVE_INFINITY, '.inf .Inf .INF +.inf +.Inf +.INF');
addConstants('float', Number.NEGATIVE_INFINITY, '-.inf -.Inf -.INF');

/** What a plain scalar without a tag means. */
export function resolvePlain(text: string): ResolvedScalar {
  return constants.get(text) ?? resolveNumber(text) ?? { type: 'str', value: text };
}

/**
 * What a scalar with a tag means.
 * @throws YamlProblem when its text is invalid for the tag.
 */
export function resolveTagged(tag: string, text: string, offset: number): ResolvedScalar {
  const name = tag.startsWith(coreTag) ? tag.slice(coreTag.length) : '';
  const asString: ResolvedScalar = { type: 'str', value: text };
  if (name === 'binary') return { type: 'str', value: decodeBase64(text, offset) };
  if (name === 'timestamp' && isTimestamp(text)) return asString;
  if (!['bool', 'int', 'float', 'null', 'timestamp'].includes(name)) return asString;
  const resolved = resolvePlain(text);
  if (resolved.type === name) return resolved;
  if (name === 'float' && resolved.type === 'int') {
    const { value } = resolved;
    if (!JSON.isRawJSON(value)) return { type: 'float', value };
    if (BigInt(value.rawJSON) <= int64.largest) return { type: 'float', value: Number(value.rawJSON) };
  }
  // Without the text, which may be a secret.
  throw new YamlProblem(`a value is no ${name}, as its tag says`, offset);
}

function resolveNumber(text: string): ResolvedScalar | undefined {
  if (!/^[-+.\d]/.test(text)) return undefined;
  const plain = text.replaceAll('_', '');
  const integer = text.startsWith('.') ? undefined : readInteger(plain);
  if (integer !== undefined) return { type: 'int', value: exactNumber(integer) };
  if (!/^[-+]?(\.\d+|\d+(\.\d*)?)(e[-+]?\d+)?$/i.test(plain)) return undefined;
  const value = Number(plain);
  return Number.isFinite(value) ? { type: 'float', value } : undefined;
}

const int64 = { smallest: -(2n ** 63n), largest: 2n ** 63n - 1n };
const largestUint64 = 2n ** 64n - 1n;

/** As Go reads an integer literal: 0x, 0o, 0b, and 0 alone for octal; undefined beyond 64 bits. */
function readInteger(text: string): bigint | undefined {
  const [, sign = '', prefix = '', digits = ''] = /^([-+]?)(0[xXoObB]|0(?=\d))?([\da-fA-F]+)$/.exec(text) ?? [];
  if (digits === '') return undefined;
  const base = prefix === '0' ? '0o' : prefix.toLowerCase();
  const allowed = { '0x': /^[\da-f]+$/i, '0o': /^[0-7]+$/, '0b': /^[01]+$/ }[base] ?? /^\d+$/;
  // A number with more digits than 64 bits have in any base is no integer, and BigInt would be slow for it.
  if (!allowed.test(digits) || digits.replace(/^0+/, '').length > 64) return undefined;
  const value = BigInt(`${base}${digits}`);
  if (sign === '-') return -value < int64.smallest ? undefined : -value;
  return value > (sign === '+' ? int64.largest : largestUint64) ? undefined : value;
}

/** An integer as a JavaScript number where that is exact, else as its digits, which JSON.stringify writes as they are. */
function exactNumber(value: bigint): number | object {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : JSON.rawJSON(value.toString());
}

/** An integer of JSON, exact up to 64 bits; one of more is a float, as to Go. */
export function exactInteger(digits: string): number | object {
  const integer = digits.length > 20 ? undefined : readInteger(digits);
  return integer === undefined ? Number(digits) : exactNumber(integer);
}

/** As encoding/base64 of Go reads it: line breaks are passed over, and the padding must be there. */
function decodeBase64(text: string, offset: number): string {
  const digits = text.replace(/[\r\n]/g, '');
  if (digits.length % 4 !== 0 || !/^[A-Za-z\d+/]*={0,2}$/.test(digits))
    throw new YamlProblem('what is tagged !!binary is no base64', offset);
  return decodeUtf8(Buffer.from(digits, 'base64'));
}

/** As Go writes a string of any bytes in JSON: one U+FFFD for each byte that is no part of a character. */
function decodeUtf8(bytes: Buffer): string {
  const whole = bytes.toString('utf8');
  if (!whole.includes('\uFFFD')) return whole;
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    const width = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const character = bytes.toString('utf8', at, at + width);
    const isCharacter = Buffer.from(character).equals(bytes.subarray(at, at + width));
    parts.push(isCharacter ? character : '\uFFFD');
    at += isCharacter ? width : 1;
  }
  return parts.join('');
}

function isTimestamp(text: string): boolean {
  const [, year, month, day, hour = '0', minute = '0', second = '0'] =
    /^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]| )(\d\d?):(\d\d?):(\d\d?)(?:[.,]\d+)?)?(?:(?<=[Tt].*)(?:Z|[-+]\d\d:\d\d))?$/.exec(
      text,
    ) ?? [];
  if (year === undefined || (/[Tt]/.test(text) && !/(Z|[-+]\d\d:\d\d)$/.test(text))) return false;
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  const isDate = Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= lastDay;
  return isDate && Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
}

/** A float as a key of a mapping, as sigs.k8s.io/yaml writes it: the shortest text of a float32, by `%g` of Go. */
export function floatKey(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  const single = Math.fround(value);
  if (!Number.isFinite(single)) return single > 0 ? '.inf' : '-.inf';
  if (single === 0) return Object.is(single, -0) ? '-0' : '0';
  let digits = 1;
  while (digits < 9 && Math.fround(Number(single.toPrecision(digits))) !== single) digits += 1;
  const [mantissa = '', exponent = ''] = single.toExponential(digits - 1).split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return plainDigits(mantissa, power);
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

function plainDigits(mantissa: string, power: number): string {
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '');
  if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${digits}`;
  const whole = digits.slice(0, power + 1).padEnd(power + 1, '0');
  const rest = digits.slice(power + 1);
  return `${sign}${whole}${rest === '' ? '' : `.${rest}`}`;
}
