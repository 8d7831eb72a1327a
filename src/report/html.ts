/** HTML whose every hole is escaped. */
import { escapeHtml } from './inert-text.ts';

/** Text that is HTML. Only `html` and `rawText` make it, so that no foreign text becomes a part of a page by mistake. */
export class Html {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  static fromTemplate(strings: readonly string[], holes: readonly Hole[]): Html {
    return new Html(strings.map((text, index) => text + renderHole(holes[index])).join(''));
  }

  static fromRawText(text: string): Html {
    return new Html(text);
  }

  toString(): string {
    return this.#text;
  }
}

/** Text and numbers are escaped, HTML is kept, a list is its parts without a separator, and nothing is nothing. */
export type Hole = string | number | Html | undefined | readonly Hole[];

/** A template of HTML. Its holes may be contents of elements, and values of attributes in double quotes. */
export function html(strings: TemplateStringsArray, ...holes: Hole[]): Html {
  return Html.fromTemplate(strings, holes);
}

/** The content of a `style` or `script` element, in which nothing is escaped: it must not hold the end tag of its element. */
export function rawText(text: string): Html {
  return Html.fromRawText(text);
}

function renderHole(hole: Hole): string {
  if (hole === undefined) return '';
  if (hole instanceof Html) return hole.toString();
  if (typeof hole === 'object') return hole.map(renderHole).join('');
  return escapeHtml(String(hole));
}
