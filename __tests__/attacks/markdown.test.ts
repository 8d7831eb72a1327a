/** Hostile text in every field of a summary, rendered by GitHub's own fork of cmark with its extensions. */
import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';
import { renderInputErrors } from '../../src/inputs/schema.ts';
import { codeBlock, escapeMarkdown } from '../../src/report/inert-text.ts';
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

/** Elements that only text of others can have brought. */
const forged = /<(?:a|img|h1|h2|h4|h5|h6|input|script|svg|del|strong><b|hr|ol)\b/;

async function attemptMarkdown(attempt: Attempt): Promise<void> {
  for (const payload of payloads) {
    await attempt(`a line: ${payload}`, () => {
      const html = render(`x ${escapeMarkdown(payload)}\n`);
      expect(html).not.toMatch(/<(?!\/?p>)/);
      expect(html).not.toMatch(/(^|[^\w\u2060])@\w|#\d/);
    });
    await attempt(`the begin of a line: ${payload}`, () => {
      expect(render(`${escapeMarkdown(payload)}\n`)).not.toMatch(/<(?!\/?p>)/);
    });
    await attempt(`a wrong input: ${payload}`, () => {
      const lines = renderInputErrors([{ input: payload, value: payload, problem: 'is not an input' }]);
      const html = render(`**✗ wrong input**\n\n${codeBlock(lines.join('\n'), 2000)}\n`);
      expect(html.replace(/<\/?(?:p|strong|code|pre)\b[^>]*>/g, '')).not.toMatch(/<\w/);
      expect(html.match(/<pre/g)).toHaveLength(1);
    });
    const test = (over: object) => makeInput({ outcome: 'failed' }, [makeTest({ status: 'failed', ...over })]);
    const failure = { kind: 'test' as const, reason: payload, hint: payload, evidence: [payload] };
    const summaries = {
      'name of a test': test({ name: payload }),
      'class of a test': test({ classname: payload }),
      'file of a test': test({ file: payload }),
      'message of a test': test({ message: payload }),
      'details of a test': test({ details: payload }),
      'failure of the run': makeInput({ outcome: 'failed', failure }, []),
      'warning of the run': makeInput({ warnings: [payload] }, []),
      'name of the image': makeInput({ image: { name: payload, digest: payload } }, []),
    };
    for (const [field, input] of Object.entries(summaries))
      await attempt(`${field}: ${payload}`, () => expect(render(renderSummary(input))).not.toMatch(forged));
  }
}
testAttack('Markdown', 'no text of others is more than text in a summary', attemptMarkdown);
