import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { root } from './read-snippets.ts';

const page = readFileSync(path.join(root, 'docs/requirements.md'), 'utf8');
/** The cells of the tables, without those of their heads. */
const rows = page
  .split('\n')
  .filter((line) => /^\| (?!REQ|decision)/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| /, '')));

test('every requirement from 636 to 650 has its row', () => {
  const numbers = rows.map(([first]) => Number(first)).filter((number) => !Number.isNaN(number));
  expect(numbers).toEqual(Array.from({ length: 15 }, (_, i) => 636 + i));
});

test('the table of requirements names only tests, sources and targets that are there', () => {
  const makefile = readFileSync(path.join(root, 'Makefile'), 'utf8');
  const missing = [...page.matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) => {
    if (name.endsWith('.test.ts')) return existsSync(path.join(root, '__tests__', name)) ? [] : [name];
    if (/^(src|examples|\.github)\//.test(name)) return existsSync(path.join(root, name)) ? [] : [name];
    const target = /^make (\S+)/.exec(name)?.[1];
    return target === undefined || makefile.includes(`\n${target}:`) ? [] : [name];
  });
  expect(missing).toEqual([]);
});

test('every requirement and every decision names a test that shows it', () => {
  expect(rows.length).toBeGreaterThan(20);
  for (const row of rows) expect(row.join(' | ')).toMatch(/\w\.test\.ts`|`make test-/);
});
