import { statfs } from 'node:fs/promises';
import { type Failure, fail, messageOf } from './outcome.ts';

/** What the file system says when the fault is its own, and not that of the program. */
const words: Record<string, string> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the disk is read-only',
  EIO: 'the disk cannot be read or written',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTDIR: 'a part of the path is a file',
  ENAMETOOLONG: 'a name is too long',
};

/** The failure of kind `results` that an exception of the file system amounts to; undefined when it is another. */
export function describeDiskTrouble(error: unknown, what: string): Failure | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const said = words[code];
  if (said === undefined) return undefined;
  return fail('results', `${what}: ${said} (${messageOf(error)})`, {
    hint: 'Free some room or mend the rights there, or name another results-dir.',
  }).failure;
}

/** Below this, whatever was written last may have been cut. */
const fullBytes = 64 * 1024;

/** Whether nothing more can be written to the file system of a directory. */
export async function isDiskFull(directory: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize < fullBytes;
}
