import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { trimEndOf } from '../../src/core/trim-end.ts';
import { readLines } from '../../src/reconstruct/read-lines.ts';
import { codeBlock } from '../../src/report/inert-text.ts';

test.each([
  ['a/b//', '/', 'a/b'],
  ['//', '/', ''],
  ['', '/', ''],
  ['a\r\n\r', '\r', 'a\r\n'],
  ['ab==a', '=', 'ab==a'],
])('of %j the %j at the end are left out', (text, characters, trimmed) => {
  expect(trimEndOf(text, characters)).toBe(trimmed);
});

/** A quadratic way takes minutes for a text of this length, and more than an hour for four megabytes. */
const manyChars = 1_000_000;
const boundMilliseconds = 5000;

test('a line of a million carriage returns that the tests wrote does not stop the run', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'lines-'));
  const file = path.join(directory, 'progress.jsonl');
  await writeFile(file, `${'\r'.repeat(manyChars)}x\n${'\r'.repeat(manyChars)}\nlast\r\n`);
  const start = performance.now();
  const lines: string[] = [];
  for await (const line of readLines(file, { maxChars: 4 * manyChars })) lines.push(line);
  expect(lines.map((line) => line.length)).toEqual([manyChars + 1, 0, 4]);
  expect(performance.now() - start).toBeLessThan(boundMilliseconds);
  await rm(directory, { recursive: true });
});

test('a failure of a million line breaks does not stop the summary', () => {
  const start = performance.now();
  expect(codeBlock(`said${'\n'.repeat(manyChars)}`, 1000)).toBe('```text\nsaid\n```');
  expect(codeBlock(`${'\n'.repeat(manyChars)}x`, 1000).length).toBeLessThan(1200);
  expect(performance.now() - start).toBeLessThan(boundMilliseconds);
});
