import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { listPictures } from '../../scripts/pictures/list-pictures.ts';
import { hashPicture } from '../../scripts/pictures/render-page.ts';

const folder = path.resolve('docs/pictures');
const files = readdirSync(folder).filter((file) => /\.(webp|png|jpe?g|svg)$/.test(file));
const manifest = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as Record<string, string>;

test('the pictures show what the code draws today', async () => {
  const today = Object.fromEntries((await listPictures()).map((one) => [`${one.name}.webp`, hashPicture(one)]));
  const stale = Object.keys({ ...today, ...manifest }).filter((file) => today[file] !== manifest[file]);
  expect(stale, 'run "npm run pictures", look at the pictures, and commit them').toEqual([]);
  expect(files.sort()).toEqual(Object.keys(today).sort());
});

test('every picture is shown by a document, and all of them are less than 2 MB', () => {
  const documents = ['README.md', 'docs/pictures/README.md'].map((file) => readFileSync(file, 'utf8')).join('\n');
  expect(files.filter((file) => !documents.includes(`${file})`))).toEqual([]);
  const bytes = files.map((file) => statSync(path.join(folder, file)).size);
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(2_000_000);
});
