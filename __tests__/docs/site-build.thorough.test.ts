import { appendFileSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSteps, runStep } from '../repository/workflow-steps.ts';
import { providePythonWith } from '../support/python/python-packages.ts';
import { root } from './read-snippets.ts';

const steps = Object.values(readSteps('docs.yml', 'build'));
let checkout: string;
let env: Record<string, string>;

beforeAll(() => {
  checkout = mkdtempSync(path.join(tmpdir(), 'site-'));
  for (const name of ['docs', 'mkdocs.yml', 'scripts'])
    cpSync(path.join(root, name), path.join(checkout, name), { recursive: true });
  const { packagesDir } = providePythonWith(path.join(root, 'scripts/site-requirements.txt'));
  env = {
    PYTHONPATH: packagesDir,
    PATH: `${path.join(packagesDir, 'bin')}:${process.env.PATH}`,
    NO_MKDOCS_2_WARNING: '1',
  };
}, 6 * 60_000);
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

test('the workflow of the site builds every page, with a search over all of them', async () => {
  // What the first step installs is there already.
  expect(steps[0]).toContain('--requirement scripts/site-requirements.txt');
  const built = await runStep(steps[1], checkout, env);
  expect(built.status, built.printed).toBe(0);
  const pages = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => name.replace(/(README|index)\.md$/, '').replace(/\.md$/, '/'));
  expect(pages.length).toBeGreaterThan(20);
  const at = (...names: string[]) => path.join(checkout, 'site', ...names);
  expect(pages.filter((page) => !existsSync(at(page, 'index.html')))).toEqual([]);
  const { docs } = JSON.parse(readFileSync(at('search/search_index.json'), 'utf8')) as { docs: { location: string }[] };
  const searched = new Set(docs.map(({ location }) => location.replace(/#.*/, '')));
  expect(pages.filter((page) => !searched.has(page))).toEqual([]);
  // A file beside the documents is on GitHub.
  expect(readFileSync(at('architecture/index.html'), 'utf8')).toContain(
    'href="https://github.com/floe/k8s-test-action/blob/main/CONTRIBUTING.md"',
  );
});

test('a link or an anchor that leads nowhere fails the workflow of the site', async () => {
  const page = path.join(checkout, 'docs/glossary.md');
  const whole = readFileSync(page);
  for (const link of ['[no page](no-such-page.md)', '[no heading](verdict.md#no-such-heading)']) {
    appendFileSync(page, `\n${link}\n`);
    const built = await runStep(steps[1], checkout, env);
    expect(built.status, link).not.toBe(0);
    expect(built.printed).toContain('no-such-');
    cpSync(path.join(root, 'docs/glossary.md'), page);
    expect(readFileSync(page)).toEqual(whole);
  }
});
