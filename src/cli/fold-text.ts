/** Text in lines of a terminal's width. */

/**
 * Breaks a text at blanks. Lines begin with `margin`, those after the first with `hanging`. None is longer than `columns`,
 * except for a single longer word.
 */
export function foldText(text: string, columns: number, margin = '', hanging = margin): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line === undefined) lines.push(margin + word);
    else if (line.length + 1 + word.length > columns) lines.push(hanging + word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

/** Columns of the terminal that a stream is, or else of the one that COLUMNS is about; undefined where neither is known. */
export function columnsOf({ columns }: { columns?: number }): number | undefined {
  return columns || Number(process.env.COLUMNS) || undefined;
}
