import { stripVTControlCharacters } from 'node:util';
import { type PhaseName, type PhaseRecord, toOneLine } from '../core/outcome.ts';
import type { Reporter, Transfer } from '../core/reporter.ts';
import { trimEndOf } from '../core/trim-end.ts';
import { renderTransfer, TransferRate } from './transfer-line.ts';

/** The output stream; a part of `process.stdout`. */
export interface Terminal {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const clockMilliseconds = 200;
/** On a plain console: minimum interval between progress lines. */
const waitingSeconds = 15;
/** The mark before a phase that has ended, and its ANSI colour. */
const signs = {
  passed: { sign: '✓', colour: 32 },
  failed: { sign: '✗', colour: 31 },
  skipped: { sign: '–', colour: 2 },
};
const eraseLine = '\r\u001b[K';
const upAndErase = '\u001b[A\u001b[K';
/** More would fill a small screen, and no run has more at once. */
const mostTransfers = 3;

/**
 * The output of a run on a terminal: finished phases above, and below them one live line with the running phases, their clock,
 * and the latest state, and one for each transfer of bytes. Without a terminal, plain lines.
 */
export class TerminalReporter implements Reporter {
  readonly #out: Terminal;
  readonly #isLive: boolean;
  readonly #hasColour: boolean;
  readonly #running = new Map<PhaseName, number>();
  readonly #masked = new Set<string>();
  readonly #transfers = new Map<string, { latest: Transfer; rate: TransferRate }>();
  /** Of what is live, on the screen, below the first line. */
  #linesBelow = 0;
  #waiting = '';
  #lastWaiting = { what: '', at: Number.NEGATIVE_INFINITY };
  #clock: NodeJS.Timeout | undefined;

  constructor(out: Terminal, env: Record<string, string | undefined> = {}) {
    this.#out = out;
    this.#isLive = canObey(out, env);
    this.#hasColour = wantsColour(out, env);
  }

  phaseStarted(name: PhaseName): void {
    this.#running.set(name, performance.now());
    this.#waiting = '';
    if (!this.#isLive) this.#print(`▶ ${name}`);
    else {
      this.#clock ??= setInterval(() => this.#draw(), clockMilliseconds).unref();
      this.#draw();
    }
  }

  phaseEnded(record: PhaseRecord): void {
    this.#running.delete(record.name);
    // The last wait may have belonged to this phase; phases that continue print their own again.
    this.#waiting = '';
    const { sign, colour } = signs[record.outcome];
    const painted = this.#hasColour ? `\u001b[${colour}m${sign}\u001b[0m` : sign;
    this.#print(`${painted} ${record.name.padEnd(10)} ${record.seconds.toFixed(1).padStart(6)} s`);
    if (this.#running.size === 0) {
      this.#transfers.clear();
      clearInterval(this.#clock);
      this.#clock = undefined;
    }
  }

  say(line: string): void {
    this.#print(`  ${toOneLine(line, 2000)}`);
  }

  warn(line: string): void {
    this.#print(`! ${toOneLine(line, 2000)}`);
  }

  waitingFor(what: string): void {
    this.#waiting = toOneLine(what, 1000);
    if (this.#isLive) return;
    const now = performance.now();
    if (what === this.#lastWaiting.what || now - this.#lastWaiting.at < waitingSeconds * 1000) return;
    this.#lastWaiting = { what, at: now };
    this.#print(`  … ${this.#waiting}`);
  }

  transferring(transfer: Transfer): void {
    if (!this.#isLive) return;
    if (transfer.hasEnded === true) this.#transfers.delete(transfer.what);
    else {
      const known = this.#transfers.get(transfer.what);
      const rate = known?.rate ?? new TransferRate();
      rate.add(transfer.bytes, performance.now());
      this.#transfers.set(transfer.what, { latest: transfer, rate });
      // The clock draws it; a download comes in thousands of pieces.
      if (known !== undefined) return;
    }
    this.#draw();
  }

  quote(line: string): void {
    // Colours of pytest and the like are lost, but no line can move the cursor or ring the bell.
    const text = `  │ ${stripVTControlCharacters(line).replaceAll(/(?!\t)\p{Cc}/gu, '')}`;
    this.#print(this.#isLive ? shortenRuler(text, this.#out.columns ?? 80) : text);
  }

  mask(secret: string): void {
    if (secret !== '') this.#masked.add(secret);
  }

  #print(line: string): void {
    let text = line;
    for (const secret of this.#masked) text = text.replaceAll(secret, '***');
    this.#out.write(this.#isLive ? `${this.#erase()}${text}\n` : `${text}\n`);
    this.#draw();
  }

  /** What removes everything live from the screen; the cursor is then where its first line began. */
  #erase(): string {
    const lines = this.#linesBelow;
    this.#linesBelow = 0;
    return eraseLine + upAndErase.repeat(lines);
  }

  #draw(): void {
    if (!this.#isLive || this.#running.size === 0) return;
    const now = performance.now();
    const clocks = [...this.#running]
      .map(([name, since]) => `${name} ${Math.floor((now - since) / 1000)} s`)
      .join(' · ');
    const line = `⏳ ${clocks}${this.#waiting === '' ? '' : ` — ${this.#waiting}`}`;
    const columns = (this.#out.columns ?? 80) - 1;
    const below = [...this.#transfers.values()]
      .slice(0, mostTransfers)
      .map(({ latest, rate }) => renderTransfer(latest, rate.rateAt(now), { columns, hasColour: this.#hasColour }));
    const erase = this.#erase();
    this.#linesBelow = below.length;
    this.#out.write(`${erase}${[cutToWidth(line, columns), ...below].join('\n')}`);
  }
}

/** Whether a terminal obeys the two commands that the live line needs; a dumb one would print them. */
function canObey(out: Terminal, env: Record<string, string | undefined>): boolean {
  return out.isTTY === true && env.TERM !== 'dumb';
}

/** Whether colours are wanted: a terminal that supports them, whose user did not turn them off (https://no-color.org). */
export function wantsColour(out: Terminal, env: Record<string, string | undefined>): boolean {
  return canObey(out, env) && (env.NO_COLOR ?? '') === '';
}

/** pytest draws its rulers as wide as it believes the terminal to be; one that would wrap for our margin is cut at its end. */
function shortenRuler(text: string, columns: number): string {
  const excess = text.length - columns;
  const drawn = text.at(-1) ?? '';
  if (excess <= 0 || !'=_-'.includes(drawn)) return text;
  const rulerChars = Math.min(80, text.length - trimEndOf(text, drawn).length);
  return rulerChars < 4 ? text : text.slice(0, text.length - Math.min(excess, rulerChars - 3));
}

/** East Asian characters and pictures take two columns of a terminal. */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** Text cut to this many columns; a longer line would wrap, and only its last row would be erased. */
function cutToWidth(text: string, columns: number): string {
  let used = 0;
  let kept = '';
  for (const character of text) {
    used += wide.test(character) ? 2 : 1;
    if (used > columns - 1) return `${kept}…`;
    kept += character;
  }
  return kept;
}
