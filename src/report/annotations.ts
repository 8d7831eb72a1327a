/** Which failed tests are put on the files of the checkout. */

import type { TestCase } from '../core/outcome.ts';
import { causeOf, failedTests, formatQuarantine, placeOf, quarantinedTests } from './describe-tests.ts';
import { cutMiddle, toPlainLine, toPlainText } from './inert-text.ts';

export interface Annotation {
  level: 'error' | 'warning' | 'notice';
  /** One line. */
  title: string;
  /** One line or several; the caller escapes it for the workflow command. */
  message: string;
  /** Of the checkout. */
  file?: string;
  line?: number;
}

/** GitHub keeps ten annotations of each level a step and drops the rest silently. */
const annotationLimit = 10;

/**
 * Annotations of failed tests, the worst first, at most `limit` of them, then warnings of those that failed in quarantine, as
 * many. When there are more failures, the last one says how many, so that ten are not taken for all. `findFile` maps the path
 * that a test names, one in its container, to a file of the checkout; without such a file the location is part of the text.
 */
export function annotationsOf(
  tests: readonly TestCase[],
  findFile: (file: string) => string | undefined,
  limit = annotationLimit,
): Annotation[] {
  const red = failedTests(tests);
  const shown = red.length > limit ? red.slice(0, limit - 1) : red;
  const annotations = shown.map((test) => annotate(test, 'error', findFile));
  const more = red.slice(shown.length);
  if (more.length > 0) {
    const lines = more.slice(0, 10).map((test) => `${toPlainLine(test.name, 80)}: ${causeOf(test, 100)}`);
    annotations.push({
      level: 'error',
      title: `and ${more.length.toLocaleString('en-US')} more failed tests`,
      message: [...lines, ...(more.length > lines.length ? ['…'] : []), 'All of them are in report.html.'].join('\n'),
    });
  }
  for (const test of quarantinedTests(tests).slice(0, limit)) annotations.push(annotate(test, 'warning', findFile));
  return annotations;
}

function annotate(
  test: TestCase,
  level: Annotation['level'],
  findFile: (file: string) => string | undefined,
): Annotation {
  const said = cutMiddle(toPlainText(test.message || test.details).trim(), 2000);
  const text =
    said === '' ? `The test ${test.status === 'error' ? 'ended in an error' : 'failed'} without a message` : said;
  const excuse = toPlainLine(formatQuarantine(test), 500);
  const message = excuse === '' ? text : `${text}\n(${excuse})`;
  const file = test.file === undefined ? undefined : findFile(test.file);
  const title = toPlainLine(test.name, 120);
  if (file === undefined) {
    const place = toPlainLine(placeOf(test), 500);
    return { level, title, message: place === '' ? message : `${message}\n(${place})` };
  }
  return { level, title, message, file, ...(test.line === undefined ? {} : { line: test.line }) };
}
