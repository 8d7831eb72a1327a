import path from 'node:path';
import type { Attributes } from './open-elements.ts';
import { parseCount } from './report-values.ts';

const libraryPath =
  /(^|[/\\])(site-packages|dist-packages|node_modules)[/\\]|[/\\]lib(64)?[/\\]python\d[\d.]*[/\\]|^node:|<frozen/;
const tracePatterns = [
  /** pytest's long form ends each entry so: `tests/test_a.py:12: AssertionError`. */
  /^([^\s:][^:]{0,500}\.py):(\d{1,7}): /,
  /** Python's own: `File "/app/tests/test_a.py", line 12, in test_a`. */
  /^\s*File "([^"]{1,500})", line (\d{1,7})/,
  /** Go: `orders_test.go:12: want 3, got 4`. */
  /^\s*([\w./-]{1,500}\.go):(\d{1,7})/,
];
/** JavaScript, innermost frame first: `at fn (/app/a.test.ts:12:3)`. */
const javascriptFrame = /^\s*(?:at |❯ ).{0,200}?\(?((?:file:\/\/)?[\w@./-]{1,300}\.[cm]?[jt]sx?):(\d{1,7}):\d{1,7}\)?$/;

/** The location of a failure in a stack trace: the frame nearest to the failure that is not in a library. */
export function locateFailure(details: string): { file: string; line: number } | undefined {
  let found: { file: string; line: number } | undefined;
  for (const text of details.split('\n')) {
    if (text.length > 1000) continue;
    const frame = javascriptFrame.exec(text);
    if (frame !== null && !libraryPath.test(frame[1] ?? '')) {
      return { file: (frame[1] ?? '').replace(/^file:\/\//, ''), line: Number(frame[2]) };
    }
    for (const pattern of tracePatterns) {
      const match = pattern.exec(text);
      if (match !== null && !libraryPath.test(match[1] ?? '')) found = { file: match[1] ?? '', line: Number(match[2]) };
    }
  }
  return found;
}

function samePath(one: string, other: string): boolean {
  const [a, b] = [path.posix.normalize(one), path.posix.normalize(other)];
  return a === b || a.endsWith(`/${b}`) || b.endsWith(`/${a}`);
}

/**
 * The file and line to which a case points: those that its writer gave, where the line that failed is more precise than the one
 * where the test begins, and else those of its trace.
 * @param countsFromZero pytest (junit_family=xunit1) writes the line of the test counted from 0.
 */
export function placeOfCase(
  attributes: Attributes,
  details: string,
  countsFromZero: boolean,
): { file: string; line?: number } | undefined {
  const failing = details === '' ? undefined : locateFailure(details);
  const { file = '' } = attributes;
  if (file === '') return failing;
  const line = parseCount(attributes.line);
  if (failing !== undefined && samePath(failing.file, file)) return { file, line: failing.line };
  return line === undefined ? { file } : { file, line: countsFromZero ? line + 1 : Math.max(line, 1) };
}
