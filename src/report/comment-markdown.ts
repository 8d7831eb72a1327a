/** The comment of a pull request that shows how a run ended. */
import { createHash } from 'node:crypto';
import { escapeMarkdown } from './inert-text.ts';

/**
 * GitHub refuses a comment of more than 65,536 characters ("Body is too long"). A character has at least one byte of UTF-8, so
 * that text of as many bytes fits.
 */
const maxCommentChars = 65_536;
/** For what surrounds the summary. */
const frameBytes = 4096;

/** One run of a job, of those that share a comment. */
export interface CommentedRun {
  /** Number of the workflow run, which grows with every run of a repository. */
  id: number;
  attempt: number;
}

/** The parts of a comment. */
export interface CommentParts {
  /** Distinguishes the comments of one pull request: what of a workflow the run is of. */
  key: readonly string[];
  run: CommentedRun;
  /** What the comment is of, in words: tier, matrix values, workflow. */
  title: readonly string[];
  /** Links to the run and to its artifact, with their texts; one that is no https(s) address is left out. */
  links: readonly { text: string; url: string }[];
  /** The summary in at most so many bytes of UTF-8. */
  summarize: (maxBytes: number) => string;
}

/** The comment as Markdown of at most {@link maxCommentChars}. It begins with a hidden mark that {@link readMark} finds. */
export function renderComment({ key, run, title, links, summarize }: CommentParts): string {
  const shown = links.flatMap(({ text, url }) =>
    /^https?:\/\/[^\s()<>"\\]+$/.test(url) ? [`[${escapeMarkdown(text, 100)}](${url})`] : [],
  );
  const name = title.filter((part) => part !== '').map((part) => escapeMarkdown(part, 100));
  return [
    `<!-- k8s-test ${hashKey(key)} ${run.id}.${run.attempt} -->`,
    `**${name.slice(0, 8).join(' · ')}**`,
    '',
    summarize(maxCommentChars - frameBytes).trimEnd(),
    '',
    ...(shown.length === 0 ? [] : [shown.join(' · '), '']),
  ].join('\n');
}

/**
 * Which run wrote a comment for the same key.
 * @returns undefined for every other comment: of another key, or of something that is not a run of ours.
 */
export function readMark(body: string, key: readonly string[]): CommentedRun | undefined {
  const [, hash, id, attempt] = /^<!-- k8s-test ([0-9a-f]{24}) (\d{1,15})\.(\d{1,6}) -->/.exec(body) ?? [];
  if (hash !== hashKey(key)) return undefined;
  return { id: Number(id), attempt: Number(attempt) };
}

/** Whether one run is later than another. */
export function isLater(one: CommentedRun, other: CommentedRun): boolean {
  return one.id > other.id || (one.id === other.id && one.attempt > other.attempt);
}

/** Names of jobs and values of a matrix can contain anything, which no mark in HTML may. */
function hashKey(key: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 24);
}
