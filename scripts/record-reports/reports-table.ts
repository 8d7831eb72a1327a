import { formatCounts } from '../../src/report/describe-tests.ts';
import type { JudgedRecording } from './judge-recording.ts';

/** The rows of docs/reports.md, one for each recording, by tool. */
export function renderReportsTable(recordings: readonly JudgedRecording[]): string {
  const rows = recordings
    .toSorted((a, b) => a.tool.localeCompare(b.tool, 'en') || a.id.localeCompare(b.id, 'en'))
    .map(({ id, tool, version, exitCode, verdict, junitGlobs, readFrom }) => {
      const junit = junitGlobs.length > 1 ? ` (with \`junit: '${junitGlobs.at(-1)}'\`)` : '';
      return `| ${tool} | ${version} | ${readFrom.join(', ') || 'nothing'} | ${exitCode} | ${formatCounts(verdict.counts)}${junit} | ${cell(tellFirstLine(verdict.failure))} | \`${id}\` |`;
    });
  return [
    '| tool | version | read from | exit code | tests | the first line | recording |',
    '|---|---|---|--:|---|---|---|',
    ...rows,
  ].join('\n');
}

function tellFirstLine(failure: JudgedRecording['verdict']['failure']): string {
  return failure === null ? 'passed' : failure.reason;
}

function cell(text: string): string {
  return text
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replace(/\*\*\/\*\.\w+/g, '`$&`');
}

const marks = ['<!-- recorded runs -->', '<!-- end of recorded runs -->'] as const;

/** A page with the table between its marks. */
export function putTable(page: string, table: string): string {
  const [begin, end] = marks.map((mark) => page.indexOf(mark)) as [number, number];
  if (begin < 0 || end < begin) throw new Error(`the page has no ${marks.join(' and ')}`);
  return `${page.slice(0, begin + marks[0].length)}\n${table}\n${page.slice(end)}`;
}
