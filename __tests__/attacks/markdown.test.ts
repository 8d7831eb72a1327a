/** Hostile text in every field of a summary, rendered by GitHub's own fork of cmark with its extensions. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, vi } from 'vitest';
import { ActionReporter } from '../../src/action/action-reporter.ts';
import { publishInputErrors, publishNoRun } from '../../src/action/publish.ts';
import { planComment } from '../../src/action/pull-request-comment.ts';
import type { Failure } from '../../src/core/outcome.ts';
import { escapeMarkdown } from '../../src/report/inert-text.ts';
import type { Leg } from '../../src/report/leg.ts';
import { renderRollUp } from '../../src/report/roll-up-markdown.ts';
import { renderSummary } from '../../src/report/summary-markdown.ts';
import { hostileTexts } from '../report/hostile.ts';
import { makeInput, makeTest } from '../report/sample-runs.ts';
import { type Attempt, testAttack } from './attempts.ts';

const payloads = [
  ...hostileTexts,
  'a@b.example', 'mailto:a@b.example', 'xmpp:a@b.example/x', 'write to someone.else+x@sub.example.org now', '@octocat', 'GH-1', 'o/r#1', '#12345',
  'http://evil.example', 'https://evil.example/a?b=c', 'ftp://evil.example', 'www.evil.example', 'WWW.EVIL.EXAMPLE', '<https://evil.example>', '<a@b.example>',
  '# Heading', '## Heading', 'Heading\n===', 'Heading\n---', '- [ ] task', '* item', '1. item', '> quote', '***', '---', '    code',
  '<details><summary>x</summary>', '</details>', '<a href="https://evil.example">x</a>', '<img src=x>', '<!-- comment', ']]>', '&lt;b&gt;', '&#60;b&#62;',
  '[x]: https://evil.example', '[x][y]', '![x][y]', '[^1]', '[^1]: note', '~~x~~', '`a`', '``', '```\nx\n```', '~~~', '|x|', 'a|b\n-|-\nc|d', '\\', '\\\\<b>',
  '$x$', '$$x$$', ':smile:', '\u2028# x', '\u0085# x', '<svg onload=alert(1)>', 'javascript:alert(1)', '[x](javascript:alert(1))', '**', '__x__',
]; // biome-ignore format: a table

function render(markdown: string): string {
  const args = [
    '-e',
    'table',
    '-e',
    'strikethrough',
    '-e',
    'autolink',
    '-e',
    'tasklist',
    '-e',
    'footnotes',
    '--unsafe',
  ];
  const made = spawnSync(
    'cmark-gfm',
    args.filter((arg, i) => arg !== 'footnotes' && args[i + 1] !== 'footnotes'),
    { input: markdown, encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`cmark-gfm: ${made.error?.message ?? made.stderr}`);
  return made.stdout;
}

/** The elements of a page, in their order. */
const elementsOf = (html: string): string[] => [...html.matchAll(/<(\/?[a-z]\w*)/gi)].map(([, name = '']) => name);

const test = (over: object) => makeInput({ outcome: 'failed' }, [makeTest({ status: 'failed', ...over })]);
const failureOf = (text: string): Failure => ({ kind: 'test', reason: text, hint: text, evidence: [text] });

/** A leg all of whose texts are one. */
function makeLeg(text: string): Leg {
  const tests = [makeTest({ status: 'failed', name: text, message: text, file: text })];
  const trend = { runs: 5, changes: [text] };
  const { verdict } = makeInput({ outcome: 'failed', failure: failureOf(text), tier: text, trend }, tests);
  // Two suites, as a grid has them.
  const suites = [text, `${text} 2`].map((name) => ({ name, counts: verdict.tests, seconds: 1 }));
  const of = { name: text, job: text, call: text, step: text, matrix: text, directory: text };
  return { ...of, attempt: 1, siblings: 1, verdict, tests, testsLeftOut: 0, suites };
}

function renderLegs(text: string): string {
  const leg = makeLeg(text);
  const { verdict } = leg;
  return renderRollUp({ verdict, legs: [leg, leg], skippedJobs: [text], warnings: [text], resultsDir: text });
}

/** The step summary that a call writes. */
async function summaryOf(write: (reporter: ActionReporter) => Promise<void>): Promise<string> {
  const directory = mkdtempSync(path.join(tmpdir(), 'markdown-'));
  const at = (name: string) => path.join(directory, name);
  try {
    for (const name of ['summary', 'outputs']) writeFileSync(at(name), '');
    vi.stubEnv('GITHUB_STEP_SUMMARY', at('summary'));
    vi.stubEnv('GITHUB_OUTPUT', at('outputs'));
    await write(new ActionReporter(() => {}));
    return readFileSync(at('summary'), 'utf8');
  } finally {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true });
  }
}

/** Every place of a summary with foreign text. */
const noComment = planComment('never', {}, {});
const fields: Record<string, (text: string) => string | Promise<string>> = {
  'name of a test': (text) => renderSummary(test({ name: text })),
  'class of a test': (text) => renderSummary(test({ classname: text })),
  'file of a test': (text) => renderSummary(test({ file: text })),
  'message of a test': (text) => renderSummary(test({ message: text })),
  'details of a test': (text) => renderSummary(test({ details: text })),
  'failure of the run': (text) => renderSummary(makeInput({ outcome: 'failed', failure: failureOf(text) }, [])),
  'warning of the run': (text) => renderSummary(makeInput({ warnings: [text] }, [])),
  'name of the image': (text) => renderSummary(makeInput({ image: { name: text, digest: text } }, [])),
  'legs of a roll-up': renderLegs,
  'wrong inputs': (text) =>
    summaryOf((reporter) =>
      publishInputErrors([{ input: text, value: text, problem: text }], { tier: text, comment: noComment }, reporter),
    ),
  'a run that could not begin': (text) =>
    summaryOf((reporter) => publishNoRun(failureOf(text), { tier: text, comment: noComment }, reporter)),
};

async function attemptMarkdown(attempt: Attempt): Promise<void> {
  const plain = new Map<string, string[][]>();
  for (const [field, write] of Object.entries(fields))
    plain.set(field, [elementsOf(render(await write('plain'))), elementsOf(render(await write('two\nlines')))]);
  for (const payload of payloads) {
    await attempt(`a line: ${payload}`, () => {
      const html = render(`x ${escapeMarkdown(payload)}\n`);
      expect(html).not.toMatch(/<(?!\/?p>)/);
      expect(html).not.toMatch(/(^|[^\w\u2060])@\w|#\d/);
    });
    await attempt(`the begin of a line: ${payload}`, () => {
      expect(render(`${escapeMarkdown(payload)}\n`)).not.toMatch(/<(?!\/?p>)/);
    });
    // For any text the page has the same elements as for plain words, and no other.
    for (const [field, write] of Object.entries(fields))
      await attempt(`${field}: ${payload}`, async () =>
        expect(plain.get(field)).toContainEqual(elementsOf(render(await write(payload)))),
      );
  }
}
testAttack('Markdown', 'no text of others is more than text in a summary', attemptMarkdown);
