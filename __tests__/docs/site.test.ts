import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { root } from './read-snippets.ts';

const docs = path.join(root, 'docs');
const pages = readdirSync(docs, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
const read = (name: string) => readFileSync(path.join(docs, name), 'utf8');

/** Pages of a navigation, at any depth. */
function listPages(nav: unknown): string[] {
  if (typeof nav === 'string') return [nav];
  return typeof nav === 'object' && nav !== null ? Object.values(nav).flatMap(listPages) : [];
}

test('every page of the documentation is in the navigation of the site, once', () => {
  const { nav } = load(readFileSync(path.join(root, 'mkdocs.yml'), 'utf8')) as { nav: unknown };
  expect(listPages(nav).sort()).toEqual([...pages].sort());
});

test.each(pages.filter((name) => !name.includes('/')))('%s begins with what its reader can do afterwards', (name) => {
  expect(read(name)).toMatch(/^# .+\n\nAfter reading this page you /);
});

test.each(pages)('the links of %s lead to files and headings that are there', (name) => {
  // Text in code is an example.
  const text = read(name)
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, '');
  const links = [...text.matchAll(/\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)/g)];
  const broken = links.filter(([, file = '', anchor]) => {
    const target = file === '' ? path.join(docs, name) : path.join(docs, path.dirname(name), file);
    if (!existsSync(target)) return true;
    return anchor !== undefined && target.endsWith('.md') && !headingsOf(target).includes(anchor);
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});

/** Anchors of the headings of a page, as GitHub makes them. */
function headingsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  );
}
