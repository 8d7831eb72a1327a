/** What a program shows on a real terminal. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import xterm from '@xterm/headless';

/** A screen at one moment, a string for each line, without spaces at the ends; lines that scrolled away come first. */
export type Screenshot = string[];

export interface Shown {
  /** After the last output. */
  end: Screenshot;
  /** Screens in between, one after each write of the program, as far as they differ. */
  between: Screenshot[];
  /** What the program wrote. */
  written: string;
}

/**
 * Runs a module of ours on a terminal (a pty of script(1)) of this width, and plays what it wrote to it into a terminal
 * emulator, in the pieces in which it was written.
 */
export async function showOnTerminal(
  module: string,
  { columns, rows = 24, env = {} }: { columns: number; rows?: number; env?: Record<string, string> },
): Promise<Shown> {
  const directory = mkdtempSync(path.join(tmpdir(), 'terminal-'));
  try {
    const file = (name: string) => path.join(directory, name);
    const command = `stty cols ${columns} rows ${rows}; exec ${process.execPath} ${module}`;
    const options = ['--quiet', '--return', '--log-out', file('out'), '--log-timing', file('timing')];
    const child = spawn('script', [...options, '--command', command], {
      env: { PATH: process.env.PATH, TERM: 'xterm-256color', LANG: 'C.UTF-8', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
    if (status !== 0) throw new Error(`${module} ended with ${status}:\n${output}`);
    // The first line and the last of the log are script's own.
    const log = readFileSync(file('out'));
    const body = log.subarray(log.indexOf('\n') + 1, log.lastIndexOf('\nScript done'));
    const sizes = readFileSync(file('timing'), 'utf8').trim().split('\n');
    return await play(
      body,
      sizes.map((line) => Number(line.split(' ').at(-1))),
      { columns, rows },
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function play(body: Buffer, sizes: number[], size: { columns: number; rows: number }): Promise<Shown> {
  const terminal = new xterm.Terminal({
    cols: size.columns,
    rows: size.rows,
    scrollback: 10_000,
    allowProposedApi: true,
  });
  const between: Screenshot[] = [];
  let from = 0;
  for (const bytes of [...sizes, body.length]) {
    await new Promise<void>((resolve) => terminal.write(body.subarray(from, from + bytes), resolve));
    from += bytes;
    const screen = readScreen(terminal);
    if (JSON.stringify(between.at(-1)) !== JSON.stringify(screen)) between.push(screen);
  }
  return { end: between.at(-1) ?? [], between, written: body.toString() };
}

function readScreen({ buffer: { active } }: xterm.Terminal): Screenshot {
  const lines = Array.from({ length: active.length }, (_, y) => active.getLine(y)?.translateToString(true) ?? '');
  while (lines.at(-1) === '') lines.pop();
  return lines;
}
