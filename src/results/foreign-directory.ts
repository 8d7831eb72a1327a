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

  /** Opens a directory by its path, whose parents must be ours. @throws what open(2) says, ENOTDIR or ELOOP for a link. */
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

  /** What is in it now. What vanishes meanwhile is left out. */
  list(): ForeignEntry[] {
    const names = readdirSync(this.#path.toString(), { encoding: 'buffer' });
    return names.flatMap((name) => this.look(name) ?? []);
  }

  /** What has this name; undefined when nothing has. */
  look(name: Buffer): ForeignEntry | undefined {
    const stat = this.#stat(name);
    return stat === undefined ? undefined : { name, kind: kindOf(stat), bytes: stat.size };
  }

  /** Where a link leads, as it says. */
  readLink(name: Buffer): Buffer {
    return readlinkSync(this.at(name), { encoding: 'buffer' });
  }

  /** Opens a directory in it, and makes it accessible if it is ours and is not. @throws what open(2) says. */
  openDirectory(name: Buffer): ForeignDirectory {
    this.#makeAccessible(name, 0o700);
    return ForeignDirectory.#openAt(this.at(name));
  }

  /**
   * Opens a regular file for reading. Never waits, as the open of a FIFO would.
   * @throws what open(2) says: ELOOP for a link; and ENXIO for anything else that is not a regular file.
   */
  async openFile(name: Buffer): Promise<FileHandle> {
    // Devices may act when they are opened: they are looked at first.
    if (this.look(name)?.kind === 'special') throw noFile();
    this.#makeAccessible(name, 0o400);
    const handle = await open(this.at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    throw noFile();
  }

  /**
   * Moves a regular file of ours to a path of ours, which must be free. The file that was looked at is the file that arrives.
   * @throws what rename(2) says; EACCES for a file of another user, who could close it to us at any time; ENXIO when something else had the name by then.
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

  /** Removes what is no directory; that it is gone already is as good. */
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

  /** Moves anything to a path of ours, whatever it is. */
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

/** Begin of the names of our own directories beside the results. They are never uploaded. */
export const holderPrefix = '.k8s-test-';

/**
 * Removes a directory, or whatever else has this path, with all that is in it. Never throws for what is in it: whoever still
 * has it open may go on writing.
 * @returns an empty text, or why something stays.
 */
export function discard(target: string): string {
  const scratch = path.join(path.dirname(target), `${holderPrefix}${randomBytes(6).toString('hex')}-scratch`);
  mkdirSync(scratch, { mode: 0o700 });
  const problem = removeTree(target, scratch);
  try {
    // Not with all that is in it: that would go by paths, on which somebody may put a link.
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
/** So often the same directory is emptied. */
const mostAttempts = 10;

/**
 * Removes all below a path, and it; never follows a link, of whatever depth and with whatever names. Directories that are
 * ours and closed to us are opened first.
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
      // Once more when all that was in it has gone, and not for ever.
      if (isPassing && next.attempts < mostAttempts) pending.unshift({ ...next, attempts: next.attempts + 1 });
      else if (codeOf(error) !== 'ENOENT') problems.push(messageOf(error));
    }
  }
  return problems[0] ?? '';
}

/** Removes what has a name, if it is a directory with the files in it; the directories in it go elsewhere first. */
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
