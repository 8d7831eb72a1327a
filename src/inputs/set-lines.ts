/**
 * Lines of `set` as Helm reads those of `--set` (helm.sh/helm/v4/pkg/strvals, the same in Helm 3). Here they are parsed only as
 * far as needed to pass each value to helm outside of its command line. Pure.
 */

/** One value, or one item of a list. */
interface SetScalar {
  /** As it is in the line, backslashes included. */
  raw: string;
  /** What it means. */
  text: string;
}

/** The target of a value: names of maps and indexes of lists. */
export type SetPath = readonly (string | number)[];

/** One `key=value` of a line. */
export interface SetAssignment {
  /** As it is in the line: `a.b[0]`. */
  key: string;
  path: SetPath;
  /** With an array, the value is a list: `{a,b}`. */
  value: SetScalar | SetScalar[];
}

/**
 * Takes a line apart.
 * @returns its assignments; or what is wrong, without any text of the line, since text at the wrong place may be part of a
 * password.
 */
export function readSetLine(line: string): { assignments: SetAssignment[] } | { problem: string } {
  const reader = new SetReader(line);
  const assignments: SetAssignment[] = [];
  while (!reader.isAtEnd) {
    const read = reader.readAssignment();
    if (typeof read === 'string') return { problem: read };
    assignments.push(read);
  }
  return { assignments };
}

/** Whether helm makes text of a value. `true`, `null`, and whole numbers of 64 bits become what they look like. */
export function isText(value: string): boolean {
  return !/^(?:true|false|null)$/iu.test(value) && !isWholeNumber(value);
}

/** Whether helm makes a number of a value. */
export function isWholeNumber(value: string): boolean {
  if (value === '0') return true;
  // Helm checks only the first character: 007 is text, -007 a number.
  if (!/^(?:[1-9]|[+-]\d)\d{0,400}$/.test(value)) return false;
  const number = BigInt(value.replace(/^\+/, ''));
  return BigInt.asIntN(64, number) === number;
}

/** The values of an assignment, each once. */
export function scalarsOf({ value }: SetAssignment): SetScalar[] {
  return Array.isArray(value) ? value : [value];
}

const noAssignment =
  'holds something that is not key=value; write a backslash before a comma, and before a dot in a name, that is part of it';

class SetReader {
  readonly #characters: string[];
  #at = 0;

  constructor(line: string) {
    this.#characters = [...line];
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#characters.length;
  }

  readAssignment(): SetAssignment | string {
    const from = this.#at;
    const path: (string | number)[] = [];
    for (let isName = true; ; ) {
      const { text, end } = this.#readUntil(isName ? '=[,.' : '=[.');
      if (isName) path.push(text);
      // The next sign follows an index directly.
      else if (text !== '') return noAssignment;
      if (end === '=') break;
      if (end === '.') {
        isName = true;
        continue;
      }
      if (end !== '[') return noAssignment;
      const index = this.#readUntil(']');
      if (index.end !== ']' || !/^[+-]?\d{1,9}$/.test(index.text)) return 'holds an index of a list that is no number';
      path.push(Number(index.text));
      isName = false;
    }
    const key = this.#characters.slice(from, this.#at - 1).join('');
    if (this.#characters[this.#at] !== '{') {
      const { raw, text } = this.#readUntil(',');
      return { key, path, value: { raw, text } };
    }
    this.#at += 1;
    const items: SetScalar[] = [];
    for (;;) {
      const { raw, text, end } = this.#readUntil(',}');
      if (end === undefined) return 'holds a list that does not end with }';
      items.push({ raw, text });
      if (end === '}') break;
    }
    if (this.#characters[this.#at] === ',') this.#at += 1;
    return { key, path, value: items };
  }

  /** Reads up to and including one of some signs; a backslash escapes the character after it. */
  #readUntil(signs: string): { raw: string; text: string; end: string | undefined } {
    const from = this.#at;
    let text = '';
    for (; this.#at < this.#characters.length; this.#at++) {
      const character = this.#characters[this.#at] ?? '';
      if (signs.includes(character)) {
        const raw = this.#characters.slice(from, this.#at).join('');
        this.#at += 1;
        return { raw, text, end: character };
      }
      if (character !== '\\') text += character;
      else {
        this.#at += 1;
        text += this.#characters[this.#at] ?? '';
      }
    }
    this.#at = this.#characters.length;
    return { raw: this.#characters.slice(from).join(''), text, end: undefined };
  }
}
