/** Untrusted text made inert for the medium in which it is shown. */
import { trimEndOf } from '../core/trim-end.ts';

const escapeCharacter = '\u001b';
/** CSI sequences (colours, cursor), OSC sequences (titles, links) and the two-character ones. */
const ansiSequence = new RegExp(
  `${escapeCharacter}(?:\\[[0-?]{0,64}[ -/]{0,8}[@-~]|\\][^\\u0007${escapeCharacter}]{0,4096}(?:\\u0007|${escapeCharacter}\\\\)|[@-Z\\\\^_])`,
  'g',
);
/** Control characters but line feed and tab; the latter two are layout and not commands. */
const control = /(?![\n\t])\p{Cc}/gu;
/**
 * Characters that reorder or hide the text around them (https://trojansource.codes); shown as U+FFFD, so that readers notice
 * them.
 */
const bidirectional = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text without sequences and characters that a terminal or a browser would obey. Line breaks are `\n`. */
export function toPlainText(text: string): string {
  return text
    .toWellFormed()
    .replace(ansiSequence, '')
    .replace(/\r\n?/g, '\n')
    .replace(control, '')
    .replace(bidirectional, '\ufffd');
}

/** The same on one line of at most `maxChars` characters; a cut is shown by an ellipsis. */
export function toPlainLine(text: string, maxChars = 500): string {
  // Text that will be cut off need not be processed, however long it is.
  const line = toPlainText(text.slice(0, 20 * maxChars))
    .replace(/\s+/g, ' ')
    .trim();
  if (line.length <= maxChars) return line;
  return `${line.slice(0, maxChars - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The first line with content. */
export function firstLineOf(text: string, maxChars = 500): string {
  const start = text.search(/\S/);
  if (start < 0) return '';
  const end = text.indexOf('\n', start);
  return toPlainLine(text.slice(start, end < 0 ? undefined : end), maxChars);
}

/** For HTML text and for attribute values in double quotes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/**
 * One line of Markdown that renders as the text it is: no markup, no HTML, no links, no mentions. GitHub searches for
 * addresses, mentions and issues after it has decoded the escapes, so that a word joiner (U+2060) has to separate them.
 */
export function escapeMarkdown(text: string, maxChars = 500): string {
  return (
    toPlainLine(text, maxChars)
      .replace(/[\\`*_[\]<>#|~&]/g, '\\$&')
      .replace(/@/g, '@\u2060')
      .replace(/#(?=\d)|\bGH-(?=\d)/gi, '$&\u2060')
      .replace(/:(?=\/\/)/g, '\\:')
      .replace(/\bwww\./gi, (www) => `${www.slice(0, 3)}\\.`)
      .replace(/^[-+=]/, '\\$&')
      // A backslash before a digit would be shown: only punctuation can be escaped.
      .replace(/^(\d+)([.)])/, '$1\\$2')
  );
}

function longestRun(text: string, character: string): number {
  let longest = 0;
  let run = 0;
  for (const char of text) {
    run = char === character ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** A code span; its fence is longer than any run of backticks in it (https://spec.commonmark.org/0.31.2/#code-spans). */
export function codeSpan(text: string, maxChars = 200): string {
  const line = toPlainLine(text, maxChars);
  if (line === '') return '';
  const fence = '`'.repeat(longestRun(line, '`') + 1);
  const padding = /^[` ]|[` ]$/.test(line) ? ' ' : '';
  return `${fence}${padding}${line}${padding}${fence}`;
}

/** A code span for a cell of a table, where a bar ends the cell even in code (https://github.github.com/gfm/#example-200). */
export function tableCodeSpan(text: string, maxChars = 200): string {
  return codeSpan(text, maxChars).replaceAll('|', '\\|');
}

/** A fenced block of at most `maxChars` characters; begin and end are kept. */
export function codeBlock(text: string, maxChars: number): string {
  const plain = cutMiddle(trimEndOf(toPlainText(text), '\n'), maxChars);
  const fence = '`'.repeat(Math.max(3, longestRun(plain, '`') + 1));
  return `${fence}text\n${plain}\n${fence}`;
}

/** Text of about `maxChars` characters: its beginning, a note on what is missing, its end. */
export function cutMiddle(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const head = Math.floor(maxChars / 3);
  const tail = maxChars - head;
  const missing = text.length - head - tail;
  return `${text.slice(0, head)}\n… ${missing.toLocaleString('en-US')} characters left out …\n${text.slice(-tail)}`.toWellFormed();
}
