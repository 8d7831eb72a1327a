import { expect, test } from 'vitest';
import { chooseFiles, describeLeftOut, formatBytes, listNames, showName } from '../../src/results/results-limits.ts';

const files = [
  { name: 'core.1', bytes: 5000 },
  { name: 'junit.xml', bytes: 100 },
  { name: 'core.2', bytes: 9000 },
  { name: 'log', bytes: 900 },
];

test('when not all files fit the limit, the large ones are left out and named first', () => {
  const limits = { totalBytes: 6000, files: 10 };
  const { kept, left } = chooseFiles(files, limits);
  expect(kept.map((file) => file.name)).toEqual(['junit.xml', 'log', 'core.1']);
  expect(describeLeftOut(left, limits)).toMatch(/^1 files of the results \(8\.8 KiB\) .*: core\.2$/);
  expect(chooseFiles(files, { totalBytes: 1e9, files: 2 }).left.map((file) => file.name)).toEqual(['core.1', 'core.2']);
  expect(describeLeftOut([], limits)).toBeUndefined();
});

test('names are shown on one line, with any content, and not too many', () => {
  expect(showName('new\nline\u001b[31m\\')).toBe('new\\x0aline\\x1b[31m\\\\');
  expect(showName('x'.repeat(500))).toHaveLength(200);
  expect(listNames(['a', 'b', 'c', 'd', 'e', 'f', 'g'])).toBe('a, b, c, d, e and 2 more');
});

test.each([
  [0, '0 B'],
  [1536, '1.5 KiB'],
  [5 * 1024 ** 3, '5 GiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
