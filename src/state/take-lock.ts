/**
 * Files that give one process at a time exclusive use of something. A lock whose process ended without releasing it blocks no
 * other.
 */
import { closeSync, constants, fstatSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import * as v from 'valibot';
import { identifySelf, judgeLife, type ProcessIdentity, processSchema } from './is-alive.ts';

/** A writer that has not identified itself by then was ended before it could. */
const writingMilliseconds = 5000;
/** For a lock of a process on another machine, or in another container, only its age is known. */
const unknownMilliseconds = 24 * 60 * 60 * 1000;

/** Who wrote a lock, alive or not; undefined when there is none, or its writer has not identified itself. */
export function writerOf(lock: string): ProcessIdentity | undefined {
  return read(lock)?.writer;
}

/**
 * Takes a lock for this process, until it removes it or ends.
 * @returns the process that holds it, if that is another one; its id is 0 while it has not yet identified itself.
 */
export function takeLock(lock: string): ProcessIdentity | undefined {
  while (!create(lock)) {
    const owner = ownerOf(lock);
    if (owner === 'nobody') continue;
    if (owner !== 'dead') return owner;
    // If two processes find the same lock of a dead process, the second would remove the new lock of the first: so one at a
    // time checks again.
    const guard = `${lock}.dead`;
    const other = takeLock(guard);
    if (other !== undefined) return other;
    try {
      if (ownerOf(lock) === 'dead') rmSync(lock);
    } finally {
      rmSync(guard, { force: true });
    }
  }
  return undefined;
}

/** @returns false when it is there already. */
function create(lock: string): boolean {
  let fd: number;
  try {
    fd = openSync(lock, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    writeFileSync(fd, JSON.stringify(identifySelf()));
  } catch (error) {
    rmSync(lock, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  return true;
}

function ownerOf(lock: string): ProcessIdentity | 'nobody' | 'dead' {
  const found = read(lock);
  if (found === undefined) return 'nobody';
  const { writer, ageMilliseconds } = found;
  if (writer !== undefined) {
    const life = judgeLife(writer);
    return life === 'dead' || (life === 'unknown' && ageMilliseconds > unknownMilliseconds) ? 'dead' : writer;
  }
  return ageMilliseconds < writingMilliseconds ? { pid: 0, startTicks: '' } : 'dead';
}

/** What a lock holds is shorter; what is longer was not written by `create`. */
const maxLockBytes = 4096;

/**
 * Both of the same file, even if its name is reused a moment later; undefined when there is none. A checkout can hold anything
 * under this name: a link is not followed, a FIFO is not waited for, and a file of any size is not read whole.
 */
function read(lock: string): { writer: ProcessIdentity | undefined; ageMilliseconds: number } | undefined {
  let fd: number;
  try {
    fd = openSync(lock, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    // A link or a socket: no process wrote it as its lock.
    if (code === 'ELOOP' || code === 'ENXIO') return { writer: undefined, ageMilliseconds: Infinity };
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return { writer: undefined, ageMilliseconds: Infinity };
    const bytes = Buffer.alloc(maxLockBytes);
    const length = readSync(fd, bytes, 0, maxLockBytes, 0);
    return { writer: parse(bytes.toString('utf8', 0, length)), ageMilliseconds: Date.now() - stat.mtimeMs };
  } finally {
    closeSync(fd);
  }
}

function parse(text: string): ProcessIdentity | undefined {
  try {
    const parsed = v.safeParse(processSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
