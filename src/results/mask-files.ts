import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm, utimes } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { SecretMask } from '../core/secret-mask.ts';

const draftSuffix = '.k8s-test-masked';

/**
 * Masks all files below directories, their names included. A file without a secret stays as it is, to the byte; the
 * others keep their times, by which reports of this run are told from older ones.
 * @returns the files that held a secret, as paths below their directory and masked themselves.
 */
export async function maskFiles(mask: SecretMask, directories: string[], signal: AbortSignal): Promise<string[]> {
  const masked: string[] = [];
  if (mask.isEmpty) return masked;
  for (const directory of directories)
    for (const file of await listFiles(directory)) {
      signal.throwIfAborted();
      if (file.endsWith(draftSuffix)) {
        // Of a process that was killed while it masked.
        await rm(file);
        continue;
      }
      const name = path.relative(directory, file);
      const plainName = mask.maskText(name);
      const holds = await maskFile(mask, file, signal);
      if (plainName !== name) {
        const plain = path.join(directory, plainName);
        await mkdir(path.dirname(plain), { recursive: true });
        await rename(file, plain);
        await removeEmpty(path.dirname(file), directory);
      }
      if (holds || plainName !== name) masked.push(plainName);
    }
  return masked;
}

async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

/** Directories whose names held a secret are empty once their files have moved. */
async function removeEmpty(from: string, root: string): Promise<void> {
  for (let at = from; at !== root && at.startsWith(root); at = path.dirname(at)) {
    if ((await readdir(at)).length > 0) return;
    await rm(at, { recursive: true });
  }
}

async function maskFile(mask: SecretMask, file: string, signal: AbortSignal): Promise<boolean> {
  const look = mask.openStream();
  for await (const chunk of createReadStream(file, { signal })) {
    look.push(chunk as Buffer);
    if (look.found > 0) break;
  }
  look.end();
  if (look.found === 0) return false;
  const { atime, mtime, mode } = await lstat(file);
  const draft = `${file}${draftSuffix}`;
  await pipeline(createReadStream(file), mask.createTransform(), createWriteStream(draft, { mode }), { signal });
  await utimes(draft, atime, mtime);
  await rename(draft, file);
  return true;
}
