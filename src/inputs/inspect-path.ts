/** What is at a path that an input names. Errors of the file system are part of the answer: nothing here throws. */
import {
  accessSync,
  constants,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { explainFileError } from '../core/disk-error.ts';

/**
 * What a path leads to, links followed. `problem` explains in plain words why that is unknown, or why the target cannot be
 * used.
 */
export type Inspected = 'file' | 'directory' | 'absent' | { problem: string };

/**
 * Checks a path, and whether this process may read its target.
 * @param full absolute.
 */
export function inspectPath(full: string): Inspected {
  let stats: Stats | undefined;
  try {
    stats = statSync(full, { throwIfNoEntry: false });
  } catch (error) {
    return { problem: `may not be accessed: ${explainAt(full, error)}` };
  }
  if (stats === undefined) return 'absent';
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : undefined;
  if (kind === undefined) return { problem: 'is neither a file nor a directory' };
  try {
    accessSync(full, kind === 'file' ? constants.R_OK : constants.R_OK | constants.X_OK);
  } catch (error) {
    return { problem: `may not be read: ${explainAt(full, error)}` };
  }
  return kind;
}

/** What is wrong with a path that must lead to something; undefined when nothing is. */
export function explainPath(full: string, wanted: 'file' | 'directory' | 'any'): string | undefined {
  const found = inspectPath(full);
  if (found === 'absent') return `does not exist (looked for ${full})`;
  if (typeof found === 'object') return found.problem;
  return wanted === 'any' || wanted === found ? undefined : `is not a ${wanted}`;
}

/** The text of a file that an input names, or what is wrong with it, as {@link explainPath} describes it. */
export function readInputFile(
  full: string,
): { text: string; problem?: undefined } | { text?: undefined; problem: string } {
  const problem = explainPath(full, 'file');
  if (problem !== undefined) return { problem };
  try {
    return { text: decodeText(readFileSync(full)) };
  } catch (error) {
    return { problem: `may not be read: ${explainAt(full, error)}` };
  }
}

/**
 * UTF-8, or UTF-16 after its byte order mark, as kubectl and kind read it: Windows PowerShell writes it by `>`. Invalid bytes
 * become U+FFFD, as with kubectl.
 */
function decodeText(bytes: Buffer): string {
  const mark = bytes.toString('hex', 0, 2);
  const encoding = { feff: 'utf-16be', fffe: 'utf-16le' }[mark] ?? 'utf-8';
  return new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes);
}

/** The names in a directory, or what is wrong with it. */
export function listInputDirectory(
  full: string,
): { names: string[]; problem?: undefined } | { names?: undefined; problem: string } {
  try {
    return { names: readdirSync(full) };
  } catch (error) {
    return { problem: `may not be read: ${explainAt(full, error)}` };
  }
}

/** Why nothing can be written at a path, which need not be there yet; undefined when it can. */
export function explainUnwritable(full: string): string | undefined {
  for (let here = full; ; here = path.dirname(here)) {
    try {
      accessSync(here, constants.W_OK | constants.X_OK);
      return undefined;
    } catch (error) {
      if (isOwn(here)) return undefined;
      const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!isAbsent || here === path.dirname(here)) return `may not be written: ${explainAt(here, error)}`;
    }
  }
}

/** Whose owner may give himself every right. */
function isOwn(full: string): boolean {
  try {
    return statSync(full).uid === process.getuid?.();
  } catch {
    return false;
  }
}

/** Where a path leads with all links followed, as far as it is there; undefined when that cannot be found out. */
export function followLinks(full: string): string | undefined {
  const missing: string[] = [];
  for (let here = full; ; here = path.dirname(here)) {
    try {
      return path.join(realpathSync(here), ...missing);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || here === path.dirname(here)) return undefined;
      missing.unshift(path.basename(here));
    }
  }
}

/**
 * A link in the path of a directory that others may have created: the directory itself, or a part of its path below the
 * workspace, which holds what others commit. Links above are the machine's own.
 */
export function findForeignLink(full: string, workspace: string): string | undefined {
  for (let here = full; here !== path.dirname(here); here = path.dirname(here)) {
    if (here === workspace || (here !== full && !`${here}/`.startsWith(`${workspace}/`))) return undefined;
    if (isLink(here)) return here;
  }
  return undefined;
}

/** A path that cannot be read is no link that our code would follow. */
function isLink(full: string): boolean {
  try {
    return lstatSync(full).isSymbolicLink();
  } catch {
    return false;
  }
}

/** With a permission, who lacks it and at which part of the path. */
function explainAt(full: string, error: unknown): string {
  const said = explainFileError(error);
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== 'EACCES' && code !== 'EPERM') return said;
  const who = process.getuid === undefined ? '' : ` for user ${process.getuid()}`;
  return `${said} at ${firstDenied(full)}${who}`;
}

/** The first directory on the way that this process may not pass, or the path itself. */
function firstDenied(full: string): string {
  const parts = full.split(path.sep);
  for (let i = 1; i < parts.length; i++) {
    const parent = parts.slice(0, i).join(path.sep) || path.sep;
    try {
      accessSync(parent, constants.X_OK);
    } catch {
      return parent;
    }
  }
  return full;
}
