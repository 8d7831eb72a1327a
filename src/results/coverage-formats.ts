/** Coverage reports in four formats, as units of code that ran or did not. Pure. */
import { SaxesParser } from 'saxes';
import type { CoverageFormat } from '../core/outcome.ts';

/** More units than any product has that is tested in one run; it bounds the memory that a report can take. */
const maxUnits = 500_000;

/**
 * What several reports cover together. A unit is a line, or with Go a block of statements; it is covered when one report marks
 * it as covered. Shards and processes of one suite each report the same lines.
 */
export class CoverageUnion {
  readonly #uncovered = new Map<string, number>();
  readonly #covered = new Map<string, number>();

  /** `weight` is how many lines or statements the unit represents. @throws RangeError beyond half a million units. */
  add(unit: string, weight: number, isCovered: boolean): void {
    if (this.#covered.has(unit)) return;
    if (isCovered) {
      this.#uncovered.delete(unit);
      this.#covered.set(unit, weight);
    } else this.#uncovered.set(unit, weight);
    if (this.#covered.size + this.#uncovered.size > maxUnits)
      throw new RangeError(`it names more than ${maxUnits.toLocaleString('en-US')} lines`);
  }

  get counts(): { covered: number; total: number } {
    const sum = (units: Map<string, number>) => [...units.values()].reduce((all, weight) => all + weight, 0);
    const covered = sum(this.#covered);
    return { covered, total: covered + sum(this.#uncovered) };
  }
}

/**
 * Adds what a report covers.
 * @returns its format; undefined for what is no coverage report of these four.
 * @throws for a report that is cut off or too large, with a message that ends the sentence "FILE cannot be read: …".
 */
export function addCoverage(text: string, union: CoverageUnion): CoverageFormat | undefined {
  if (/^\ufeff?\s*</.test(text)) return addXml(text, union);
  if (/^mode: (set|count|atomic)\r?\n/.test(text)) return addGo(text, union);
  return /^(TN:.*\r?\n)?SF:/.test(text) ? addLcov(text, union) : undefined;
}

/** Cobertura (`coverage` with a `line-rate`) and JaCoCo (`report` of packages). */
function addXml(text: string, union: CoverageUnion): CoverageFormat | undefined {
  let format: CoverageFormat | undefined;
  let depth = 0;
  let place = '';
  let file = '';
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    depth++;
    if (depth === 1) {
      if (name === 'coverage' && attributes['line-rate'] !== undefined) format = 'Cobertura';
      if (name === 'report') format = 'JaCoCo';
    } else if (format === 'Cobertura') {
      if (name === 'class') file = attributes.filename ?? '';
      else if (name === 'line') union.add(`${file}:${attributes.number}`, 1, Number(attributes.hits) > 0);
    } else if (format === 'JaCoCo') {
      // Modules of a build may have packages of the same name: each is a group.
      if (name === 'group' || name === 'package') place = `${name === 'group' ? '' : place}/${attributes.name}`;
      else if (name === 'sourcefile') file = `${place}/${attributes.name}`;
      else if (name === 'line') union.add(`${file}:${attributes.nr}`, 1, Number(attributes.ci) > 0);
    }
  });
  parser.on('closetag', ({ name }) => {
    depth--;
    if (name === 'package' && format === 'JaCoCo') place = place.slice(0, place.lastIndexOf('/'));
  });
  parser.write(text).close();
  return format;
}

/** https://github.com/linux-test-project/lcov: `SF:` begins a file, `DA:line,hits` is a line of it. */
function addLcov(text: string, union: CoverageUnion): 'lcov' {
  let file = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('SF:')) file = line.slice(3).trim();
    else if (line.startsWith('DA:')) {
      const [number, hits] = line.slice(3).split(',');
      union.add(`${file}:${number}`, 1, Number(hits) > 0);
    }
  }
  if (!/(^|\n)end_of_record\s*$/.test(text.slice(-100))) throw new Error('its end is cut off');
  return 'lcov';
}

/** `name.go:line.column,line.column statements count`, a block a line. */
function addGo(text: string, union: CoverageUnion): 'Go' {
  const [, ...lines] = text.split('\n');
  for (const line of lines) {
    if (line.trim() === '') continue;
    const [block = '', statements, count, more] = line.trim().split(' ');
    if (count === undefined || more !== undefined || !/^\d{1,9}$/.test(statements ?? ''))
      throw new Error('it holds a line that is no block');
    union.add(block, Number(statements), Number(count) > 0);
  }
  return 'Go';
}
