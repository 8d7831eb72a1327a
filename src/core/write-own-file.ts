import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';

/**
 * Writes a file of ours in one step: readers see the old one or the new one. A link that stands in its place is replaced,
 * and what it leads to stays as it is.
 * @throws what the file system says; nothing is left of the attempt then.
 */
export async function writeOwnFile(file: string, content: string): Promise<void> {
  const draft = `${file}.${randomBytes(4).toString('hex')}.draft`;
  try {
    await writeFile(draft, content, { flag: 'wx' });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
