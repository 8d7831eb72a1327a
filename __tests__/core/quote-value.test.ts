import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { quoteValue } from '../../src/core/quote-value.ts';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { renderInputErrors, unknownInput } from '../../src/inputs/schema.ts';

test.each<[value: unknown, quoted: string]>([
  ['text', '"text"'],
  ['a\n"b"', '"a\\n\\"b\\""'],
  [{ a: [1, null, true], b: {} }, '{"a":[1,null,true],"b":{}}'],
  [undefined, 'undefined'],
  [12n, '12'],
])('a short value is quoted as JSON would: %o', (value, quoted) => {
  expect(quoteValue(value)).toBe(quoted);
});

test('a long value is cut after 200 characters', () => {
  expect(quoteValue('x'.repeat(1e6))).toBe(`"${'x'.repeat(198)}…`);
  expect(quoteValue(Array.from({ length: 1e6 }, () => 1))).toHaveLength(200);
});

test('a list that is in itself a billion times is quoted at once', () => {
  let bomb: unknown[] = ['lol'];
  for (let level = 0; level < 30; level++) bomb = [bomb, bomb];
  expect(quoteValue(bomb).length).toBeLessThanOrEqual(200);
  let wide: unknown[] = [];
  for (let level = 0; level < 12; level++) wide = Array.from({ length: 9 }, () => wide);
  expect(quoteValue(wide)).toHaveLength(200);
});

test('a value that holds itself is quoted like any other', () => {
  const cycle: Record<string, unknown> = {};
  cycle.me = cycle;
  expect(quoteValue(cycle)).toContain('{"me":{"me":{"me":');
});

test('an error of an input names an input of a megabyte in one short line', () => {
  const errors = [
    { input: 'tier', value: 'y'.repeat(1e6), problem: 'is wrong' },
    unknownInput(`unit.${'x'.repeat(1e6)}`, ''),
  ];
  for (const line of renderInputErrors(errors)) expect(line.length).toBeLessThan(500);
});

test('a project file of ten thousand wrong names is answered in some lines, soon', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'many-errors-'));
  try {
    const names = Array.from({ length: 10_000 }, (_, i) => `  wrong-name-${i}: x\n`);
    writeFileSync(path.join(directory, '.k8s-test.yaml'), `unit:\n${names.join('')}`);
    const read = readInputs({ given: { tier: 'unit', command: 'true' }, directory, bundledChart: directory });
    const lines = renderInputErrors(read.errors ?? []);
    expect(lines).toHaveLength(51);
    expect(lines[0]).toContain('unit.wrong-name-0: "" is not an input');
    expect(lines.at(-1)).toContain('has 9950 more names that are no inputs');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a thousand errors are reported in a hundred lines, with their number', () => {
  const errors = Array.from({ length: 1000 }, () => ({ input: 'tier', value: 'y', problem: 'z'.repeat(1e5) }));
  const lines = renderInputErrors(errors);
  expect(lines.at(-1)).toBe('… and 900 more inputs are wrong');
  expect(lines.join('').length).toBeLessThan(200_000);
});
