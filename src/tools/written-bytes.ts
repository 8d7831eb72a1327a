/** How much a program has written, where its output goes to another program and not through this process. */
import { readFileSync } from 'node:fs';

/** Often enough for a bar that moves. */
const pollMilliseconds = 200;

/**
 * Calls `tell` with the bytes that a process has passed to write(2) so far, as Linux counts them
 * (https://docs.kernel.org/filesystems/proc.html, `wchar`). Never, where the kernel does not say: then there is nothing to show,
 * and nothing else changes.
 * @returns ends it.
 */
export function watchWrittenBytes(pid: number, tell: (bytes: number) => void): () => void {
  let last = -1;
  const look = () => {
    const bytes = readWrittenBytes(pid);
    if (bytes === undefined || bytes === last) return;
    last = bytes;
    tell(bytes);
  };
  const timer = setInterval(look, pollMilliseconds).unref();
  return () => clearInterval(timer);
}

function readWrittenBytes(pid: number): number | undefined {
  try {
    const count = /^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1];
    return count === undefined ? undefined : Number(count);
  } catch {
    // It has ended, or belongs to another user.
    return undefined;
  }
}
