/** A terminal as HTML: what a program shows, line by line, with its colours. */
import xterm from '@xterm/headless';
import { escapeHtml } from '../../src/report/inert-text.ts';

/** What text with control sequences leaves on a terminal of this width, as the content of a `pre`. */
export async function drawTerminal(text: string, columns: number): Promise<string> {
  const rows = 200;
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true });
  await new Promise<void>((resolve) => terminal.write(text, resolve));
  const { active } = terminal.buffer;
  const lines = Array.from({ length: active.length }, (_, y) => drawLine(active.getLine(y)));
  while (lines.at(-1)?.trim() === '') lines.pop();
  return lines.join('\n');
}

function drawLine(line: xterm.IBufferLine | undefined): string {
  if (line === undefined) return '';
  let html = '';
  let open = '';
  for (let x = 0; x < line.length; x++) {
    const cell = line.getCell(x);
    // The second column of a wide character has a width of 0.
    if (cell === undefined || cell.getWidth() === 0) continue;
    const classes = [
      ...(cell.isFgPalette() ? [`c${cell.getFgColor()}`] : []),
      ...(cell.isDim() ? ['dim'] : []),
      ...(cell.isBold() ? ['bold'] : []),
    ].join(' ');
    if (classes !== open) html += `${open === '' ? '' : '</span>'}${classes === '' ? '' : `<span class="${classes}">`}`;
    open = classes;
    html += escapeHtml(cell.getChars() || ' ');
  }
  return `${html}${open === '' ? '' : '</span>'}`.trimEnd();
}
