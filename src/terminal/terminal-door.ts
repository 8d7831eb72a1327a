import { stripVTControlCharacters } from 'node:util';
import type { Door } from '../door.ts';
import { type PhaseName, type PhaseRecord, toOneLine } from '../outcome.ts';

/** Where the words go; a part of `process.stdout`. */
export interface Terminal {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const clockMilliseconds = 200;
/** On a plain console: so often at most is it said what is being waited for. */
const waitingSeconds = 15;
const eraseLine = '\r\u001b[K';

/**
 * The words of a run on a terminal: finished phases above, and below them one live line with the running phases, their
 * clock, and the last thing seen. Without a terminal, plain lines.
 */
export class TerminalDoor implements Door {
  readonly #out: Terminal;
  readonly #isLive: boolean;
  readonly #running = new Map<PhaseName, number>();
  readonly #masked = new Set<string>();
  #waiting = '';
  #lastWaiting = { what: '', at: 0 };
  #clock: NodeJS.Timeout | undefined;

  constructor(out: Terminal) {
    this.#out = out;
    this.#isLive = out.isTTY === true;
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
    const sign = { passed: '✓', failed: '✗', skipped: '–' }[record.outcome];
    this.#print(`${sign} ${record.name.padEnd(10)} ${record.seconds.toFixed(1).padStart(6)} s`);
    if (this.#running.size === 0) {
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
    const now = Date.now();
    if (what === this.#lastWaiting.what || now - this.#lastWaiting.at < waitingSeconds * 1000) return;
    this.#lastWaiting = { what, at: now };
    this.#print(`  … ${this.#waiting}`);
  }

  quote(line: string): void {
    // Colours of pytest and the like are lost, but no line can move the cursor or ring the bell.
    this.#print(`  │ ${stripVTControlCharacters(line).replaceAll(/(?!\t)\p{Cc}/gu, '')}`);
  }

  mask(secret: string): void {
    if (secret !== '') this.#masked.add(secret);
  }

  #print(line: string): void {
    let text = line;
    for (const secret of this.#masked) text = text.replaceAll(secret, '***');
    this.#out.write(this.#isLive ? `${eraseLine}${text}\n` : `${text}\n`);
    this.#draw();
  }

  #draw(): void {
    if (!this.#isLive || this.#running.size === 0) return;
    const now = performance.now();
    const clocks = [...this.#running]
      .map(([name, since]) => `${name} ${Math.floor((now - since) / 1000)} s`)
      .join(' · ');
    const line = `⏳ ${clocks}${this.#waiting === '' ? '' : ` — ${this.#waiting}`}`;
    const width = (this.#out.columns ?? 80) - 2;
    this.#out.write(`${eraseLine}${line.length > width ? `${line.slice(0, width - 1)}…` : line}`);
  }
}
