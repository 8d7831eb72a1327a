import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { failureKinds } from '../../src/core/outcome.ts';

const page = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section): [string, string] => [section.slice(0, section.indexOf('\n')), section]),
);

test('every kind of failure has its section, and no section is of a kind that there is not', () => {
  expect([...sections.keys()].sort()).toEqual([...failureKinds].sort());
});

test.each([...sections])('%s shows a first line, what to look at and what to do', (_, section) => {
  expect(section).toMatch(/^- .*`[^`]+`/m);
  expect(section).toMatch(/^\*Look at\*/m);
  expect(section).toMatch(/^\*Do\*/m);
});

test.each([...failureKinds])('%s is in the table of whose turn it is', (kind) => {
  expect(page.slice(0, page.indexOf('\n## '))).toContain(`[${kind}](#${kind})`);
});
