/** One line that shows how far a transfer of bytes is. */
import type { Transfer } from '../core/reporter.ts';

/** Shorter would follow the bursts of a pipe, longer would hide that a transfer has stopped. */
const windowMilliseconds = 4000;
const leastMilliseconds = 100;
const mostBarColumns = 30;
const leastBarColumns = 8;
/** Names that are longer leave no room for what moves. */
const nameColumns = 18;

/** What has been seen of a transfer. */
export class TransferRate {
  /** Milliseconds, and the bytes until then; the oldest first. */
  readonly #seen: { at: number; bytes: number }[] = [];

  /** Takes the bytes of a moment. Fewer than before are those of another attempt. */
  add(bytes: number, now: number): void {
    const last = this.#seen.at(-1);
    if (last !== undefined && bytes < last.bytes) this.#seen.length = 0;
    // A fast download comes in thousands of pieces a second.
    if (last !== undefined && this.#seen.length > 1 && now - (this.#seen.at(-2)?.at ?? now) < leastMilliseconds)
      this.#seen.pop();
    this.#seen.push({ at: now, bytes });
    while (this.#seen.length > 2 && now - (this.#seen[1]?.at ?? now) >= windowMilliseconds) this.#seen.shift();
  }

  /** Bytes a second over the last seconds; undefined before there is anything to compare. */
  rateAt(now: number): number | undefined {
    const first = this.#seen.find(({ at }) => now - at <= windowMilliseconds) ?? this.#seen.at(-1);
    const last = this.#seen.at(-1);
    if (first === undefined || last === undefined || now - first.at < 500) return undefined;
    return ((last.bytes - first.bytes) * 1000) / (now - first.at);
  }
}

/**
 * The line, at most `columns` wide: name, bar, bytes, rate, time left. On a narrow terminal the bar is left out first, then the
 * time left, then the rate.
 * @param rate bytes a second; undefined while it is not known.
 */
export function renderTransfer(
  transfer: Transfer,
  rate: number | undefined,
  { columns, hasColour }: { columns: number; hasColour: boolean },
): string {
  const { what, bytes, totalBytes, isAbout = false } = transfer;
  // More than was expected: the total was an estimate that is no use any more.
  const total = totalBytes !== undefined && totalBytes > 0 && bytes <= totalBytes ? totalBytes : undefined;
  const amount =
    total === undefined
      ? formatBytes(bytes)
      : `${formatBytes(bytes)} of ${isAbout ? 'about ' : ''}${formatBytes(total)}`;
  const left = total === undefined || rate === undefined || rate <= 0 ? '' : formatLeft((total - bytes) / rate);
  const speed = rate === undefined ? '' : `${formatBytes(rate)}/s`;
  const name = what.length > nameColumns ? `${what.slice(0, nameColumns - 1)}…` : what;
  const room = (words: string[]) => columns - words.join('  ').length - 2;
  for (const words of [[amount, speed, left], [amount, speed], [amount]]) {
    const facts = words.filter((word) => word !== '');
    const line = ['  ', name, ...facts];
    if (room(line.slice(1)) < 0 && facts.length > 1) continue;
    const bar = Math.min(mostBarColumns, room(line.slice(1)) - 4);
    if (total === undefined || bar < leastBarColumns) return cut(`  ${[name, ...facts].join('  ')}`, columns);
    return `  ${[name, drawBar(bytes / total, bar, hasColour), ...facts].join('  ')}`;
  }
  return cut(`  ${name}`, columns);
}

function drawBar(part: number, columns: number, hasColour: boolean): string {
  const full = Math.round(part * columns);
  const [done, open] = ['━'.repeat(full), '─'.repeat(columns - full)];
  return hasColour ? `\u001b[32m${done}\u001b[0m\u001b[2m${open}\u001b[0m` : `${done}${open}`;
}

/** Decimal units, as docker and curl have them. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 99.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

function formatLeft(seconds: number): string {
  if (seconds >= 36_000) return '';
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 60) return `${whole} s left`;
  return `${Math.floor(whole / 60)} min ${whole % 60} s left`;
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}
