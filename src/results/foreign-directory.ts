import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../core/outcome.ts';

/** Linux' own flag for a descriptor that only names a file; Node has no constant for it. */
const oPath = 0o10000000;
const isLinux = process.platform === 'linux';

/** One name in a directory that others wrote. Names are bytes: Linux allows all but `/` and NUL. */
export interface ForeignEntry {
  name: Buffer;
  kind: 'file' | 'directory' | 'link' | 'special';
  /** Apparent size: a sparse file counts with its holes. */
  bytes: number;
}

/**
 * A directory that others may be writing to, held open. Every name in it is resolved against the open directory and not
 * against a path, as openat(2) does: who swaps a parent directory for a link leads us nowhere. No link is ever followed.
 *
 * Where there is no /proc (macOS, whose containers write from a virtual machine), names are resolved by path.
 */
export class ForeignDirectory {
  readonly #fd: number;
  readonly #path: Buffer;

  private constructor(fd: number, ownPath: Buffer) {
    this.#fd = fd;
    this.#path = isLinux ? Buffer.from(`/proc/self/fd/${fd}`) : ownPath;
  }

  /** Opens a directory by its path, whose parents must be ours. @throws the error of open(2), ENOTDIR or ELOOP for a link. */
  static open(directory: string): ForeignDirectory {
    return ForeignDirectory.#openAt(Buffer.from(directory));
  }

  static #openAt(directory: Buffer): ForeignDirectory {
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      const stat = fstatSync(fd);
      if (isOurs(stat) && (stat.mode & 0o700) !== 0o700) fchmodSync(fd, (stat.mode & 0o7777) | 0o700);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new ForeignDirectory(fd, directory);
  }

  /** The path of a name for one call of the file system, made at once. */
  at(name: Buffer): Buffer {
    return Buffer.concat([this.#path, Buffer.from('/'), name]);
  }

  /** Its present entries. Those that vanish meanwhile are left out. */
  list(): ForeignEntry[] {
    const names = readdirSync(this.#path.toString(), { encoding: 'buffer' });
    return names.flatMap((name) => this.look(name) ?? []);
  }

  /** The entry with this name; undefined when there is none. */
  look(name: Buffer): ForeignEntry | undefined {
    const stat = this.#stat(name);
    return stat === undefined ? undefined : { name, kind: kindOf(stat), bytes: stat.size };
  }

  /** The target of a link, verbatim. */
  readLink(name: Buffer): Buffer {
    return readlinkSync(this.at(name), { encoding: 'buffer' });
  }

  /** Opens a directory in it, and makes it accessible if it is ours and is not. @throws the error of open(2). */
  openDirectory(name: Buffer): ForeignDirectory {
    this.#makeAccessible(name, 0o700);
    return ForeignDirectory.#openAt(this.at(name));
  }

  /**
   * Opens a regular file for reading. Never waits, as the open of a FIFO would.
   * @throws the error of open(2): ELOOP for a link; and ENXIO for anything else that is not a regular file.
   */
  async openFile(name: Buffer): Promise<FileHandle> {
    // Opening a device may have effects: it is checked first.
    if (this.look(name)?.kind === 'special') throw noFile();
    this.#makeAccessible(name, 0o400);
    const handle = await open(this.at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    throw noFile();
  }

  /**
   * Moves a regular file of ours to a path of ours, which must be free. The file that was checked is the file that is moved.
   * @throws the error of rename(2); EACCES for a file of another user, who could deny us access at any time; ENXIO when another
   * file had the name by then.
   */
  moveFile(name: Buffer, to: string): void {
    this.#makeAccessible(name, 0o400);
    const before = this.#stat(name);
    if (before !== undefined && !isOurs(before))
      throw Object.assign(new Error('EACCES: the file is another user’s'), { code: 'EACCES' });
    renameSync(this.at(name), to);
    const moved = lstatSync(to);
    if (!moved.isFile()) {
      if (moved.isDirectory()) renameSync(to, this.at(name));
      else unlinkSync(to);
      throw noFile();
    }
    const mode = (moved.mode & 0o755) | 0o600;
    if ((moved.mode & 0o7777) !== mode) chmodSync(to, mode);
  }

  /** Removes an entry that is no directory; a missing one is no error. */
  unlink(name: Buffer): void {
    try {
      unlinkSync(this.at(name));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  /** Removes an empty directory. */
  removeDirectory(name: Buffer): void {
    rmdirSync(this.at(name));
  }

  /** Moves a file of any type to a path of ours. */
  moveAway(name: Buffer, to: string): void {
    this.#makeAccessible(name, 0o700, true);
    renameSync(this.at(name), to);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #stat(name: Buffer): Stats | undefined {
    try {
      return lstatSync(this.at(name));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Adds `bits` to the mode of what is ours and lacks them. A descriptor that only names it needs no rights for that. */
  #makeAccessible(name: Buffer, bits: number, onlyDirectories = false): void {
    const stat = this.#stat(name);
    if (stat === undefined || (stat.mode & bits) === bits || !isOurs(stat) || stat.isSymbolicLink()) return;
    if (onlyDirectories && !stat.isDirectory()) return;
    if (!isLinux) {
      chmodSync(this.at(name), (stat.mode & 0o7777) | bits);
      return;
    }
    const fd = openSync(this.at(name), oPath | constants.O_NOFOLLOW);
    try {
      const named = fstatSync(fd);
      if (named.isSymbolicLink() || !isOurs(named)) return;
      chmodSync(`/proc/self/fd/${fd}`, (named.mode & 0o7777) | bits);
    } finally {
      closeSync(fd);
    }
  }
}

/** Prefix of the names of our own directories beside the results. They are never uploaded. */
export const holderPrefix = '.k8s-test-';

/**
 * Removes a directory, or any other file at this path, with all its content. Never throws because of the content: a process
 * that still has it open may continue to write.
 * @returns an empty text, or why something stays.
 */
export function discard(target: string): string {
  const scratch = path.join(path.dirname(target), `${holderPrefix}${randomBytes(6).toString('hex')}-scratch`);
  mkdirSync(scratch, { mode: 0o700 });
  const problem = removeTree(target, scratch);
  try {
    // Not recursively: that would use paths, in which another process may put a link.
    rmdirSync(scratch);
    return problem;
  } catch (error) {
    return problem || messageOf(error);
  }
}

/** Something that is to be removed. */
interface Doomed {
  parent: string;
  name: Buffer;
  attempts: number;
}

/** What a writer that is still at work makes of a removal. */
const passingCodes = new Set(['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EISDIR', 'ENOTDIR', 'ELOOP']);
/** How often the same directory is emptied. */
const mostAttempts = 10;

/**
 * Removes all below a path, and it; never follows a link; for any depth and any names. Directories that are ours and closed to
 * us are opened first.
 * @param scratch an empty directory of ours on the same file system.
 * @returns an empty text, or why something stays.
 */
function removeTree(target: string, scratch: string): string {
  const problems: string[] = [];
  let count = 0;
  // Directories move side by side into the scratch directory, so that no path ever becomes too long.
  const pending: Doomed[] = [{ parent: path.dirname(target), name: Buffer.from(path.basename(target)), attempts: 0 }];
  const moveBeside = (directory: ForeignDirectory, name: Buffer): void => {
    count += 1;
    const moved = `${process.pid}-${count}`;
    directory.moveAway(name, path.join(scratch, moved));
    pending.push({ parent: scratch, name: Buffer.from(moved), attempts: 0 });
  };
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    try {
      removeOne(next, moveBeside);
    } catch (error) {
      const isPassing = passingCodes.has(codeOf(error));
      // Again when its content has been removed, a limited number of times.
      if (isPassing && next.attempts < mostAttempts) pending.unshift({ ...next, attempts: next.attempts + 1 });
      else if (codeOf(error) !== 'ENOENT') problems.push(messageOf(error));
    }
  }
  return problems[0] ?? '';
}

/** Removes the file with a name; if it is a directory, with the files in it, after the directories in it were moved out. */
function removeOne({ parent, name }: Doomed, moveBeside: (directory: ForeignDirectory, name: Buffer) => void): void {
  const holder = ForeignDirectory.open(parent);
  try {
    const kind = holder.look(name)?.kind;
    if (kind === undefined) return;
    if (kind !== 'directory') {
      holder.unlink(name);
      return;
    }
    const directory = holder.openDirectory(name);
    try {
      for (const entry of directory.list()) {
        if (entry.kind === 'directory') moveBeside(directory, entry.name);
        else directory.unlink(entry.name);
      }
    } finally {
      directory.close();
    }
    holder.removeDirectory(name);
  } finally {
    holder.close();
  }
}

/** The code of an exception of the file system; empty when it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function kindOf(stat: Stats): ForeignEntry['kind'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  return stat.isSymbolicLink() ? 'link' : 'special';
}

function isOurs(stat: Stats): boolean {
  return stat.uid === (process.getuid?.() ?? stat.uid);
}

function noFile(): Error {
  return Object.assign(new Error('ENXIO: not a regular file'), { code: 'ENXIO' });
}
