import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './read-snippets.ts';

const readme = readFileSync(path.join(root, 'README.md'), 'utf8').replace(/\s+/g, ' ');
const contributing = readFileSync(path.join(root, 'CONTRIBUTING.md'), 'utf8');
const table = contributing.split('## Which file makes a sentence of README true')[1]?.split('\n## ')[0] ?? '';
const rows = [...table.matchAll(/^\| (?<sentence>.+) \| `(?<file>src\/[^`]+)` \|$/gm)].map(({ groups }) => ({
  sentence: groups?.sentence ?? '',
  file: groups?.file ?? '',
}));

describe('The table of README sentences in CONTRIBUTING', () => {
  test('has twenty rows', () => {
    expect(rows).toHaveLength(20);
  });

  test.each(rows)('quotes "$sentence" as README has it, and names a file that exists', ({ sentence, file }) => {
    expect(readme).toContain(sentence);
    expect(existsSync(path.join(root, file))).toBe(true);
  });
});
