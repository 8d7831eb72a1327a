import { open, rename, rm, stat, truncate } from 'node:fs/promises';
import { must } from '../core/must.ts';
import type { SecretMask } from '../core/secret-mask.ts';

/** How a file compares with what the node has. */
export interface Reconciliation {
  /**
   * `equal`: the same bytes. `replaced`: it differed, and now holds the log of the node. `ahead`: it holds all that the node
   * has, and more of the log. `failed`: the node did not return all of it, and the file is unchanged.
   */
  kind: 'equal' | 'replaced' | 'ahead' | 'failed';
  why: string;
  nodeBytes: number;
}

/**
 * Makes a file hold what the node has, byte for byte. It is compared with the stream from the node and only written from the
 * first difference on, into a new file that takes its place at the end.
 * @param mask the node's bytes are masked before they are written: no secret reaches the disk.
 * @param logBytes how much of the file is the log: the rest are our own lines about its gaps.
 * @param read passes on the node's bytes in chunks, and resolves with the reason when they are incomplete.
 */
export async function reconcileLog(
  path: string,
  logBytes: number,
  read: (onChunk: (chunk: Buffer) => Promise<void>) => Promise<string>,
  mask: SecretMask,
): Promise<Reconciliation> {
  const newPath = `${path}.node`;
  const size = await stat(path).then(
    (stats) => stats.size,
    () => -1,
  );
  const ours = size === -1 ? undefined : await open(path, 'r');
  let replacement = size === -1 ? await open(newPath, 'w') : undefined;
  const masked = mask.openStream();
  let nodeBytes = 0;
  /** Of what the node has, after masking. */
  let maskedBytes = 0;
  try {
    const scratch = Buffer.alloc(64 * 1024);
    const isSame = async (chunk: Buffer): Promise<boolean> => {
      if (ours === undefined) return false;
      for (let at = 0; at < chunk.length; ) {
        const wanted = Math.min(scratch.length, chunk.length - at);
        const { bytesRead } = await ours.read(scratch, 0, wanted, maskedBytes + at);
        if (bytesRead === 0 || scratch.compare(chunk, at, at + bytesRead, 0, bytesRead) !== 0) return false;
        at += bytesRead;
      }
      return true;
    };
    const take = async (chunk: Buffer): Promise<void> => {
      if (chunk.length === 0) return;
      if (replacement === undefined && !(await isSame(chunk))) {
        replacement = await open(newPath, 'w');
        for (let at = 0; at < maskedBytes; ) {
          const { bytesRead } = await must(ours, 'the log that we followed').read(
            scratch,
            0,
            Math.min(scratch.length, maskedBytes - at),
            at,
          );
          await replacement.writeFile(scratch.subarray(0, bytesRead));
          at += bytesRead;
        }
      }
      await replacement?.writeFile(chunk);
      maskedBytes += chunk.length;
    };
    const why = await read(async (chunk) => {
      nodeBytes += chunk.length;
      await take(masked.push(chunk));
    });
    await take(masked.end());
    if (why !== '') return { kind: 'failed', why, nodeBytes };
    if (replacement === undefined) {
      if (nodeBytes < logBytes) return { kind: 'ahead', why: '', nodeBytes };
      await truncate(path, maskedBytes);
      return { kind: maskedBytes === size ? 'equal' : 'replaced', why: '', nodeBytes };
    }
    await replacement.close();
    replacement = undefined;
    await rename(newPath, path);
    return { kind: 'replaced', why: '', nodeBytes };
  } finally {
    await ours?.close();
    await replacement?.close();
    await rm(newPath, { force: true });
  }
}
