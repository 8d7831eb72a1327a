/** The table of all values of the bundled chart, from values.yaml and its comments. */
import { load } from 'js-yaml';

interface ValueLine {
  /** As `dagster.webserver.replicas`. */
  path: string[];
  comment: string;
}

/**
 * Markdown: one table with a row for each value, and for each group that has a comment.
 * @param text values.yaml. A comment explains the key under it, as far as nothing but other comments is between them.
 */
export function renderChartValues(text: string): string[] {
  const values = load(text);
  const lines = readLines(text);
  const isGroup = ({ path }: ValueLine) => lines.some((other) => isBelow(other.path, path));
  return [
    '| value | default | meaning |',
    '|---|---|---|',
    ...lines
      .filter((line) => line.comment !== '' || !isGroup(line))
      .map((line) => {
        const shown = isGroup(line) ? '' : `\`${escapeCell(JSON.stringify(valueAt(values, line.path)))}\``;
        return `| \`${line.path.join('.')}\` | ${shown} | ${escapeCell(line.comment)} |`;
      }),
  ];
}

function isBelow(path: readonly string[], group: readonly string[]): boolean {
  return path.length > group.length && group.every((key, index) => path[index] === key);
}

function readLines(text: string): ValueLine[] {
  const open: { indent: number; key: string }[] = [];
  let comments: string[] = [];
  return text.split('\n').flatMap((line) => {
    const comment = /^ *# ?(.*)$/.exec(line);
    if (comment !== null) {
      // Indented under the sign is an example of YAML, which a cell cannot show.
      if (!/^\s/.test(comment[1] ?? '')) comments.push(comment[1] ?? '');
      return [];
    }
    const entry = /^( *)([\w-]+):/.exec(line);
    const told = comments.join(' ');
    comments = [];
    if (entry === null) return [];
    const indent = (entry[1] ?? '').length;
    while ((open.at(-1)?.indent ?? -1) >= indent) open.pop();
    open.push({ indent, key: entry[2] ?? '' });
    return [{ path: open.map(({ key }) => key), comment: told }];
  });
}

function valueAt(values: unknown, path: readonly string[]): unknown {
  return path.reduce((value, key) => (value as Record<string, unknown>)[key], values);
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
