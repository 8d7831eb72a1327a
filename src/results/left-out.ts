/** Files of the results that were not taken, and how they are reported. Pure. */
import { listNames, showName } from './results-limits.ts';

/** A file that was not taken. */
export interface LeftOutFile {
  /** Its path, as a reader can bear it, without secrets. */
  name: string;
  why: 'link' | 'special' | 'limit' | 'unreadable';
  /** One line; empty where nothing is lost, as by a link to a file that was taken. */
  reason: string;
  /** Whether it represents all that may be in it. */
  isDirectory?: true;
}

export const aboveLimit = 'it is above results-limit';

/** Names what was left out, a line for each reason; `holder` is its location. */
export function describeLeftOutFiles(left: readonly LeftOutFile[], holder: string): string[] {
  const warnings: string[] = [];
  const odd = left.filter(({ why }) => why === 'link' || why === 'special').map(({ name }) => name);
  if (odd.length > 0)
    warnings.push(`${odd.length} links or special files of the results were left out: ${listNames(odd.sort())}`);
  const deep = left.filter(({ why, reason }) => why === 'limit' && reason !== aboveLimit);
  for (const { name, reason } of deep) warnings.push(`${name} was left out of the results: ${reason}`);
  const unreadable = left.filter(({ why }) => why === 'unreadable');
  const first = unreadable[0];
  if (first !== undefined)
    warnings.push(
      `${unreadable.length} files of the results could not be read or masked, and are not uploaded: ${listNames(unreadable.map(({ name }) => name))} (${first.reason}). The originals are in ${holder}`,
    );
  return warnings;
}

export function leftOut(where: Buffer[], why: LeftOutFile['why'], reason: string): LeftOutFile {
  return { name: showName(nameOf(where)), why, reason };
}

export function leftOutDirectory(where: Buffer[], why: LeftOutFile['why'], reason: string): LeftOutFile {
  return { ...leftOut(where, why, reason), isDirectory: true };
}

export function nameOf(where: readonly Buffer[]): string {
  return where.map((part) => part.toString()).join('/');
}
