import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Makes a directory that is `TMPDIR` of this process and of all that it starts, and removes it when this process ends: tests
 * leave temporary files, above all those whose programs are killed on purpose.
 */
export function useOwnTemporaryDirectory(): void {
  const directory = mkdtempSync(path.join(tmpdir(), 'tests-'));
  // Tests that run programs as another user make directories of that user in it.
  chmodSync(directory, 0o711);
  process.env.TMPDIR = directory;
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
}
