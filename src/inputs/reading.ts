import path from 'node:path';
import { explainPath } from './inspect-path.ts';
import type { InputError, InputName, InputValues, RawInputs } from './schema.ts';

/** Inputs that the schema has read one by one, while they are checked against each other and against the disk. */
export class Reading {
  /** From `with:` or flags. */
  readonly given: RawInputs;
  /** The same over the defaults of the project file. */
  readonly raw: RawInputs;
  readonly value: InputValues;
  /** Directory against which paths are resolved. */
  readonly directory: string;
  /** All that is wrong so far. */
  readonly errors: InputError[];
  readonly #refused: ReadonlySet<string>;

  constructor(read: {
    given: RawInputs;
    raw: RawInputs;
    value: InputValues;
    directory: string;
    refused: ReadonlySet<string>;
    errors: InputError[];
  }) {
    this.given = read.given;
    this.raw = read.raw;
    this.value = read.value;
    this.directory = read.directory;
    this.errors = read.errors;
    this.#refused = read.refused;
  }

  /** Whether the schema has refused this input by itself. */
  isRefused(name: string): boolean {
    return this.#refused.has(name);
  }

  refuse(input: InputName, problem: string, value = this.raw[input] ?? ''): void {
    this.errors.push({ input, value, problem });
  }

  resolve(file: string): string {
    return path.resolve(this.directory, file);
  }

  /** The absolute path of what has to be there; an error where it is not. */
  existing(input: InputName, file: string, kind: 'file' | 'directory'): string {
    const full = this.resolve(file);
    const problem = explainPath(full, kind);
    if (problem !== undefined) this.refuse(input, problem, file);
    return full;
  }
}
