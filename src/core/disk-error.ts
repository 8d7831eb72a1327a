import { statfs } from 'node:fs/promises';
import { type Failure, fail, messageOf, toOneLine } from './outcome.ts';

/** Errors of the file system that are not caused by the program: what is wrong, and what to do. */
const words: Record<string, { said: string; hint: string }> = {
  ENOSPC: { said: 'the disk is full', hint: 'Free some space there, or set another results-dir.' },
  EDQUOT: { said: 'the disk quota is used up', hint: 'Free some space there, or set another results-dir.' },
  EROFS: { said: 'the disk is read-only', hint: 'Set results-dir to a directory on another disk.' },
  EIO: { said: 'the disk cannot be read or written', hint: 'Set results-dir to a directory on another disk.' },
  EACCES: { said: 'permission denied', hint: 'Give this user the rights there, or set another results-dir.' },
  EPERM: { said: 'permission denied', hint: 'Give this user the rights there, or set another results-dir.' },
  ENOTDIR: { said: 'a part of the path is a file', hint: 'Set another results-dir.' },
  ENAMETOOLONG: { said: 'a name is too long', hint: 'Set another results-dir, with a shorter path.' },
  ELOOP: { said: 'its symbolic links form a loop', hint: 'Set another results-dir.' },
  EISDIR: { said: 'it is a directory', hint: 'Set another results-dir.' },
  EMFILE: { said: 'too many files are open', hint: 'Raise the limit of open files (ulimit -n).' },
  ENFILE: { said: 'too many files are open on this machine', hint: 'Raise the limit of open files.' },
};

/** An error of the file system in plain words; for an unknown code, its own message. */
export function explainFileError(error: unknown): string {
  return words[codeOf(error)]?.said ?? toOneLine(messageOf(error), 200);
}

/** The failure of kind `results` that an exception of the file system amounts to; undefined when it is another. */
export function describeDiskError(error: unknown, what: string): Failure | undefined {
  const known = words[codeOf(error)];
  if (known === undefined) return undefined;
  return fail('results', `${what}: ${known.said} (${messageOf(error)})`, { hint: known.hint }).failure;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Below this, the file written last may have been truncated. */
const fullBytes = 64 * 1024;

/** Whether nothing more can be written to the file system of a directory. */
export async function isDiskFull(directory: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize < fullBytes;
}
