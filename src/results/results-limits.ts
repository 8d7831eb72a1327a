/** How much of what tests write is collected: pure decisions over names and sizes. */

export interface ResultsLimits {
  /** Of all files together. */
  totalBytes: number;
  files: number;
}

/** More files than this are no results but a mistake, such as a virtual environment. */
export const maxResultFiles = 50_000;

/** A file as its name (in any form) and size. */
export interface SizedFile {
  name: string;
  bytes: number;
}

/**
 * Chooses what is collected when not everything may: the small ones first, since reports and logs are small, and cores and
 * dumps are not.
 */
export function chooseFiles<T extends SizedFile>(files: readonly T[], limits: ResultsLimits): { kept: T[]; left: T[] } {
  const bySize = [...files].sort((a, b) => a.bytes - b.bytes || (a.name < b.name ? -1 : 1));
  let bytes = 0;
  let count = 0;
  const kept: T[] = [];
  const left: T[] = [];
  for (const file of bySize) {
    if (count < limits.files && bytes + file.bytes <= limits.totalBytes) {
      kept.push(file);
      bytes += file.bytes;
      count += 1;
    } else left.push(file);
  }
  return { kept, left };
}

const namesShown = 5;

/** Names for a reader, the first few of them. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, namesShown).map(showName).join(', ');
  return names.length <= namesShown ? shown : `${shown} and ${names.length - namesShown} more`;
}

/** A file's name in a readable form: on one line, with any content. */
export function showName(name: string): string {
  const plain = name.replace(/[\p{Cc}\\\ufffd]/gu, (character) =>
    character === '\\' ? '\\\\' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return plain.length <= 200 ? plain : `${plain.slice(0, 199)}…`;
}

/** What was left out, in a line; undefined when nothing was. */
export function describeLeftOut(left: readonly SizedFile[], limits: ResultsLimits): string | undefined {
  if (left.length === 0) return undefined;
  const largest = [...left].sort((a, b) => b.bytes - a.bytes);
  const bytes = left.reduce((sum, file) => sum + file.bytes, 0);
  const limit = `${formatBytes(limits.totalBytes)} and ${limits.files} files`;
  return `${left.length} files of the results (${formatBytes(bytes)}) are above the limit of ${limit} (results-limit) and were left out: ${listNames(largest.map((file) => file.name))}`;
}

/** `1.5 GiB`, `12 KiB`, `3 B`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
