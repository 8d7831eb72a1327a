/** How renderings show what tests have written beside their outcome. */
import type { TestCase } from '../core/outcome.ts';
import { failedTests, isFlaky } from './describe-tests.ts';
import { toPlainLine } from './inert-text.ts';

/** A browser runs what is in these when it opens them from disk, with the rights of the file: they are named and not linked. */
const active = /\.(?:x?html?|xht|shtml|svgz?|xml|xslt?|mht|mhtml|js|mjs)$/i;

/** An attachment as on the page of the report. */
export interface PageAttachment {
  name: string;
  /** A relative URL; absent for what is only named. */
  href?: string;
  /** A `data:` URL. */
  picture?: string;
}

/** Paths of all attachments that a reader looks for first: of failed tests, then of flaky ones. */
export function listAttachments(tests: readonly TestCase[]): string[] {
  return [...failedTests(tests), ...tests.filter(isFlaky)].flatMap(({ attachments }) => attachments ?? []);
}

/** @param pictures those that are shown at once, by path. */
export function toPageAttachments(
  { attachments = [] }: TestCase,
  pictures: ReadonlyMap<string, string>,
): PageAttachment[] {
  return attachments.map((path) => {
    const picture = pictures.get(path);
    const href = active.test(path) ? undefined : toRelativeUrl(path);
    return {
      name: toPlainLine(path, 1000),
      ...(href === undefined ? {} : { href }),
      ...(picture === undefined ? {} : { picture }),
    };
  });
}

/** Begins with `./`: no name of a file becomes a scheme, a host or a directory above. */
function toRelativeUrl(path: string): string {
  return `./${path.toWellFormed().split('/').map(encodeURIComponent).join('/')}`;
}
