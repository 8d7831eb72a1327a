/**
 * The cache of kind and helm between runs, by `@actions/tool-cache`.
 *
 * An entry holds a file as it was downloaded, under its checksum, and is never executed: what a run executes is a copy in a
 * directory of its own, whose checksum was compared (docs/adr/0002-tool-cache.md).
 */
import { createHash } from 'node:crypto';
import { constants, mkdirSync, rmSync } from 'node:fs';
import { access, lstat, open, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { explainFileError } from '../core/disk-error.ts';
import { cacheDirectory } from '../core/user-directories.ts';
import { takeLock } from '../state/take-lock.ts';
import { type Platform, type ToolName, toolFileName } from './versions.ts';

/** A tool as its checksum knows it. */
export interface KnownTool {
  name: ToolName;
  /** With the `v`. */
  version: string;
  platform: Platform;
  /** Of the file that is downloaded. */
  sha256: string;
}

/** No release of kind or helm comes near; something larger was not put there by us. */
const maxEntryBytes = 512 * 1024 * 1024;
const lockPollMilliseconds = 100;
/** Who waits longer for another run's download makes one of its own. */
const lockSeconds = 120;

type ToolCache = typeof import('@actions/tool-cache');

/** Where tools are kept between runs: the runner's tool cache, or on a laptop a folder in the cache of the user. */
export function toolCacheFolder(): string {
  return process.env.RUNNER_TOOL_CACHE || path.join(cacheDirectory() ?? tmpdir(), 'k8s-test');
}

/** Our entry for a tool: a file that has not been compared with its checksum yet; undefined when there is none. */
export async function findEntry(tool: KnownTool): Promise<string | undefined> {
  const folder = await withToolCache((cache) => cache.find(entryName(tool), tool.version, entryArch(tool)));
  return folder === '' ? undefined : path.join(folder, fileNameOf(tool));
}

/** Puts a verified download into the cache. Only who holds {@link lockEntry} may call it. @returns why it could not. */
export async function keepEntry(tool: KnownTool, file: string): Promise<string | undefined> {
  try {
    await withToolCache((cache) =>
      cache.cacheFile(file, fileNameOf(tool), entryName(tool), tool.version, entryArch(tool)),
    );
    return undefined;
  } catch (error) {
    return explainFileError(error);
  }
}

/**
 * Waits until no other run fills the entry, and keeps them out. `cacheFile` empties a folder before it fills it, so that
 * without this two runs take each other's file away: https://github.com/actions/toolkit/issues/804
 * @returns what lets the others in again; undefined when there can be no lock, or it takes too long: then do not fill it.
 */
export async function lockEntry(tool: KnownTool, signal: AbortSignal): Promise<(() => void) | undefined> {
  const lock = path.join(toolCacheFolder(), `.${entryName(tool)}-${tool.version}-${entryArch(tool)}.lock`);
  const deadline = performance.now() + lockSeconds * 1000;
  try {
    mkdirSync(toolCacheFolder(), { recursive: true });
    while (takeLock(lock) !== undefined) {
      if (signal.aborted || performance.now() > deadline) return undefined;
      await sleep(lockPollMilliseconds);
    }
  } catch {
    // A cache that is read-only or missing: a run works without it.
    return undefined;
  }
  return () => rmSync(lock, { force: true });
}

/**
 * Copies a file that others may write to a place where they may not, and compares the copy with a checksum.
 * @returns undefined when it is the right one, else its error; the copy cannot be used then.
 */
export async function copyVerified(from: string, to: string, sha256: string): Promise<string | undefined> {
  try {
    // The path may have been replaced meanwhile: no link is followed, and no pipe is waited for.
    const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = await source.stat();
      if (!stats.isFile() || stats.size > maxEntryBytes) return 'it is not a file of this tool';
      await using target = await open(to, 'wx', 0o600);
      const hash = createHash('sha256');
      for await (const chunk of source.createReadStream({ autoClose: false, end: maxEntryBytes })) {
        hash.update(chunk as Buffer);
        await target.write(chunk as Buffer);
      }
      const found = hash.digest('hex');
      return found === sha256 ? undefined : `its SHA-256 is ${found}, expected is ${sha256}`;
    } finally {
      await source.close();
    }
  } catch (error) {
    return explainFileError(error);
  }
}

/** Where other actions keep a tool, which need not be there. */
export async function listOthers(tool: KnownTool): Promise<{ action: string; file: string }[]> {
  const { name, version, platform } = tool;
  if (name === 'kind') {
    const architecture = platform.slice(platform.indexOf('-') + 1);
    // Without the marker that find() looks for.
    const file = path.join(toolCacheFolder(), 'kind', version, architecture, 'kind', 'bin', 'kind');
    return [{ action: 'helm/kind-action', file }];
  }
  const folder = await withToolCache((cache) => cache.find('helm', version));
  return folder === '' ? [] : [{ action: 'azure/setup-helm', file: path.join(folder, platform, 'helm') }];
}

/**
 * Whether only root can change a program, as with one of the system: then it is trusted as the PATH is. Always false for root,
 * since earlier jobs of root could have changed it.
 */
export async function isOfSystem(file: string): Promise<boolean> {
  if (process.getuid === undefined || process.getuid() === 0) return false;
  try {
    let here = await realpath(file);
    await access(here, constants.X_OK);
    for (;;) {
      const { uid, mode } = await lstat(here);
      if (uid !== 0 || (mode & 0o022) !== 0) return false;
      if (here === path.dirname(here)) return true;
      here = path.dirname(here);
    }
  } catch {
    return false;
  }
}

/** A name of our own: `kind` and `helm` are those of other actions, with another layout. */
function entryName({ name }: KnownTool): string {
  return `k8s-test-${name}`;
}

/** The checksum is part of the place, so that a mirror's build never replaces the released one. */
function entryArch({ platform, sha256 }: KnownTool): string {
  return `${platform}-${sha256.slice(0, 16)}`;
}

function fileNameOf({ name, version, platform }: KnownTool): string {
  return toolFileName(name, version, platform);
}

let lastUse: Promise<unknown> = Promise.resolve();

/**
 * Gives `@actions/tool-cache` what it reads from the environment, for the time of one use; a laptop has neither variable.
 * Only the runner knows what to do with the `::debug::` lines that it prints. Loaded late, since most calls of the command
 * line need none of it.
 */
async function withToolCache<T>(use: (cache: ToolCache) => T | Promise<T>): Promise<T> {
  const before = lastUse;
  const done = Promise.withResolvers<void>();
  lastUse = done.promise;
  await before;
  const { RUNNER_TOOL_CACHE, RUNNER_TEMP, GITHUB_ACTIONS } = process.env;
  const write = process.stdout.write;
  try {
    const cache = await import('@actions/tool-cache');
    process.env.RUNNER_TOOL_CACHE = toolCacheFolder();
    process.env.RUNNER_TEMP = RUNNER_TEMP || tmpdir();
    if (GITHUB_ACTIONS !== 'true') process.stdout.write = withoutDebugLines(write.bind(process.stdout));
    return await use(cache);
  } finally {
    process.stdout.write = write;
    restore('RUNNER_TOOL_CACHE', RUNNER_TOOL_CACHE);
    restore('RUNNER_TEMP', RUNNER_TEMP);
    done.resolve();
  }
}

function withoutDebugLines(write: typeof process.stdout.write): typeof process.stdout.write {
  return ((chunk: string | Uint8Array, ...rest: []) =>
    typeof chunk === 'string' && chunk.startsWith('::debug::')
      ? true
      : write(chunk, ...rest)) as typeof process.stdout.write;
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
