import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readInputFile } from '../../../src/inputs/inspect-path.ts';
import { readYaml } from '../../../src/inputs/read-yaml.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'compare-yaml-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function write(name: string, content: string | Buffer): string {
  const file = path.join(directory, name);
  writeFileSync(file, content);
  return file;
}

function compare(...files: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync('node', ['scripts/compare-yaml.ts', ...files], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const asUtf16 = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le');
const pair = String.raw`{"smile": "\ud83d\ude00", "slash": "a\/b", "half": "\ud83dA\ud83d\u0041", "word": "\\ud83d"}`;

describe('scripts/compare-yaml.ts', () => {
  test('compares a JSON file as kubectl reads it, whose escapes YAML does not know', () => {
    const files = [
      write('pair.json', pair),
      write('tabs.json', '{\n\t"a": 1,\n\t"b": [1,\n\t2]\n}\n---\n{"b": 2}\n'),
      write('list.json', '[1, {"a": 0400}]'),
      write('cut.json', '{"a": 1,'),
    ];
    const summary = '5 documents, 1 that both refuse, 0 differences\n';
    expect(compare(...files)).toEqual({ status: 0, stdout: summary, stderr: '' });
  });

  test('compares a document that is longer than a file of a chart may be', () => {
    const file = write('long.yaml', `a: 1\n---\nlong: ${'😀'.repeat(1_600_001)}\n---\nb: 2\n`);
    const summary = '3 documents, 0 that both refuse, 0 differences\n';
    expect(compare(file)).toEqual({ status: 0, stdout: summary, stderr: '' });
  });

  test('compares a file in UTF-16, which Windows PowerShell writes', () => {
    const little = write('little.yaml', asUtf16('a: ü😀\n---\nmode: 0400\n'));
    const big = write('big.yaml', asUtf16('a: ü😀\n').swap16());
    const summary = '3 documents, 0 that both refuse, 0 differences\n';
    expect(compare(little, big)).toEqual({ status: 0, stdout: summary, stderr: '' });
  });

  test('prints one line for each path that cannot be read, and compares the others', () => {
    const { status, stdout, stderr } = compare(directory, path.join(directory, 'none.yaml'), write('a.yaml', 'a: 1\n'));
    const none = path.join(directory, 'none.yaml');
    expect(stderr).toBe(`${directory} is not a file\n${none} does not exist (looked for ${none})\n`);
    expect(stdout).toBe('1 documents, 0 that both refuse, 0 differences\n');
    expect(status).toBe(2);
  });
});

test('a half of a pair of escapes is the character U+FFFD, as kubectl reads it, and is sent on as one', () => {
  expect(readYaml(pair).value).toEqual({ smile: '😀', slash: 'a/b', half: '\uFFFDA\uFFFDA', word: String.raw`\ud83d` });
  expect(readYaml(String.raw`{"key\ude00": 1}`).value).toEqual({ 'key\uFFFD': 1 });
});

test('a manifest in UTF-16 is read by its byte order mark, and what is no character in UTF-8 is U+FFFD', () => {
  const { text = '' } = readInputFile(write('job.yaml', asUtf16('kind: Job\nname: größe\n')));
  expect(readYaml(text).value).toEqual({ kind: 'Job', name: 'größe' });
  expect(readInputFile(write('latin1.yaml', Buffer.from([0x61, 0xff]))).text).toBe('a\uFFFD');
});
