/** Values of others in messages of ours. */

/** No message quotes more of a value. */
const maxQuotedChars = 200;
/** Deeper parts of a value are shown by an ellipsis; a value that holds itself has no bottom. */
const maxQuotedDepth = 20;

/**
 * A value as JSON would write it, cut to `maxChars` characters with an ellipsis. The work is bounded as the text is: a value
 * that holds itself, or a list that is in it a billion times, takes no longer.
 */
export function quoteValue(value: unknown, maxChars = maxQuotedChars): string {
  let text = '';
  const isFull = (): boolean => text.length > maxChars;
  const writeItems = (items: Iterable<[string, unknown]>, depth: number): void => {
    let separator = '';
    for (const [label, item] of items) {
      if (isFull()) return;
      text += separator + label;
      separator = ',';
      write(item, depth + 1);
    }
  };
  const write = (item: unknown, depth: number): void => {
    if (typeof item === 'string') text += quoteText(item, maxChars);
    else if (typeof item !== 'object' || item === null) text += String(item);
    else if (depth === maxQuotedDepth) text += '…';
    else {
      const [begin, end] = Array.isArray(item) ? '[]' : '{}';
      text += begin;
      writeItems(Array.isArray(item) ? labelItems(item) : labelEntries(item, maxChars), depth);
      text += end;
    }
  };
  write(value, 0);
  return isFull() ? `${text.slice(0, maxChars - 1)}…`.toWellFormed() : text;
}

function* labelItems(items: unknown[]): Generator<[string, unknown]> {
  for (const item of items) yield ['', item];
}

function* labelEntries(object: object, maxChars: number): Generator<[string, unknown]> {
  for (const key of Object.keys(object))
    yield [`${quoteText(key, maxChars)}:`, (object as Record<string, unknown>)[key]];
}

function quoteText(text: string, maxChars: number): string {
  return JSON.stringify(text.length > maxChars ? text.slice(0, maxChars + 1) : text);
}
