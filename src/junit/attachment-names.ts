/** The files that a test case names as its attachments: pictures, videos, traces. */
import type { TestProperty } from '../core/outcome.ts';

const opening = '[[ATTACHMENT|';
const closing = ']]';
/** Per case; one screenshot for each step is more than a reader views. */
const maxNames = 20;
const maxNameChars = 1000;
/** `attachment`, `attachment.2`, `screenshot`, `testrail_attachment`: as reporters name properties whose value is a path. */
const propertyName = /^(?:testrail[_-])?(?:attachment|screenshot|video|trace)s?(?:[.:_-]?\d+)?$/i;

/**
 * Names of files out of what a case writes, in pieces as a parser yields them. `[[ATTACHMENT|path]]` is what Playwright, the Jenkins
 * plugin and GitLab agree on. Takes time and memory proportional to the longest name, not to the text.
 */
export class AttachmentNames {
  readonly names: string[] = [];
  #rest = '';

  /** A piece of `system-out` or `system-err`. */
  addText(text: string): void {
    let left = this.#rest + text;
    for (;;) {
      const from = left.indexOf(opening);
      if (from < 0) {
        // The beginning of a mark may be at the end of this piece.
        this.#rest = left.slice(-(opening.length - 1));
        return;
      }
      const begin = from + opening.length;
      const end = left.slice(begin, begin + maxNameChars + closing.length).indexOf(closing);
      if (end < 0 && left.length - begin < maxNameChars + closing.length) {
        this.#rest = left.slice(from);
        return;
      }
      if (end >= 0) this.#add(left.slice(begin, begin + end));
      left = left.slice(end < 0 ? begin : begin + end + closing.length);
    }
  }

  /** A property of the case. */
  addProperty({ name, value }: TestProperty): void {
    if (propertyName.test(name) && value.length <= maxNameChars) this.#add(value);
  }

  #add(written: string): void {
    const name = written.trim();
    if (name === '' || this.names.length >= maxNames || this.names.includes(name)) return;
    this.names.push(name);
  }
}
