import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './read-snippets.ts';

const page = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8');
const folders = [...page.matchAll(/^\| `src\/([a-z-]+)\/` \|/gm)].map(([, folder]) => folder ?? '');

/** The folders that files of a folder import from, with one of those files each. */
function importsOf(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of globSync(`src/${folder}/**/*.ts`, { cwd: root }))
    for (const [, name] of readFileSync(path.join(root, file), 'utf8').matchAll(/from '(\.[^']+\.ts)'/g)) {
      const [, other] = path.normalize(path.join(path.dirname(file), name ?? '')).split(path.sep);
      if (other !== undefined && other !== folder) found.set(other, file);
    }
  return found;
}

describe('The architecture page', () => {
  test('has a row for each folder of src', () => {
    const all = globSync('src/*', { cwd: root }).map((folder) => path.basename(folder));
    expect(folders.toSorted()).toEqual(all.toSorted());
  });

  test.each(folders)('lists %s above the folders that it imports from', (folder) => {
    const above = folders.slice(0, folders.indexOf(folder));
    const upwards = [...importsOf(folder)].filter(([other]) => above.includes(other));
    expect(upwards).toEqual([]);
  });

  test('names files that exist', () => {
    const named = [...page.matchAll(/`((?:src\/)?[a-z-]+\/[a-z-]+(?:\/[a-z-]+)*\.ts)`/g)].map(([, file]) => file ?? '');
    const missing = named.filter((file) => !['', 'src'].some((at) => existsSync(path.join(root, at, file))));
    expect(named.length).toBeGreaterThan(40);
    expect(missing).toEqual([]);
  });
});
