import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { maskFiles } from '../../src/results/mask-files.ts';

const mask = new SecretMask(['the-secret']);
const signal = AbortSignal.timeout(30_000);
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'mask-files-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, content: string | Buffer) => {
  const file = path.join(directory, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  utimesSync(file, 1e9, 1e9);
  return file;
};

test('only files that hold a secret are written again, and all keep their times', async () => {
  const binary = Buffer.from([0, 255, 1, 254, 10]);
  const untouched = write('deep/untouched', binary);
  const { ino } = statSync(untouched);
  // Longer than what is read at once, so that the secret lies across a border.
  const filler = 'x'.repeat(64 * 1024 - 5);
  const report = write('report.xml', `${filler}the-secret${filler}the-secret`);
  expect(await maskFiles(mask, [directory, path.join(directory, 'no-such')], signal)).toEqual(['report.xml']);
  expect(readFileSync(report, 'utf8')).toBe(`${filler}***${filler}***`);
  expect(readFileSync(untouched)).toEqual(binary);
  expect(statSync(untouched).ino).toBe(ino);
  for (const file of [report, untouched]) expect(statSync(file).mtimeMs).toBe(1e12);
});

test('names are masked too, of files and of directories', async () => {
  write('of the-secret/the-secret.txt', 'plain');
  expect(await maskFiles(mask, [directory], signal)).toEqual(['of ***/***.txt']);
  expect(readFileSync(path.join(directory, 'of ***/***.txt'), 'utf8')).toBe('plain');
  expect(existsSync(path.join(directory, 'of the-secret'))).toBe(false);
});
