/**
 * Providing kind and helm: from the PATH, from our cache, or from the network, in this order.
 *
 * The cache is our own folder and not one of `@actions/tool-cache`, because that empties a tool's folder before it fills
 * it (two runs at once on one machine would take each other's kind away), wants RUNNER_TOOL_CACHE to be set, and writes
 * `::debug::` lines on the terminal of a laptop.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, chmod, constants, copyFile, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { fail, type Result, succeed } from '../core/outcome.ts';
import { cacheDirectory } from '../core/user-directories.ts';
import { type DownloadLimits, downloadFile, printableUrl } from './download-file.ts';
import { type ProgramRun, runProgram } from './run-program.ts';
import {
  findPlatform,
  normalizeVersion,
  type Platform,
  parseChecksums,
  pinnedTools,
  type ToolName,
  toolFileName,
  toolUrl,
} from './versions.ts';

export interface ToolRequest {
  name: ToolName;
  /** With or without the `v`; the pinned version when undefined. */
  version: string | undefined;
  /** Base address of a flat mirror, see `toolUrl`. */
  mirror: string | undefined;
  /** The user's own checksums, which go before the pinned ones; lines as `sha256sum` writes them. */
  checksumsPath: string | undefined;
  signal: AbortSignal;
  /** Hears where the tool comes from, and of each attempt that failed. */
  say: (line: string) => void;
  limits?: Partial<DownloadLimits>;
  /** False: what is not on this machine is a failure. */
  mayDownload?: boolean;
}

export interface ProvidedTool {
  /** Absolute path of the program. */
  path: string;
  version: string;
  source: 'path' | 'cache' | 'download';
}

/** A tool that does not tell its version within this time is none. */
const versionTimeoutSeconds = 20;
const busySeconds = 5;
const busyPollMilliseconds = 20;

/**
 * Provides a tool in exactly the wanted version. One on the PATH is used when it reports that version. Otherwise there has
 * to be a checksum, pinned or the user's: without one nothing is fetched. Nothing is unpacked or executed before its
 * checksum is verified. The failure is of kind `tools`, after an abort too.
 */
export async function provideTool(wanted: ToolRequest): Promise<Result<ProvidedTool>> {
  const { name, signal, say } = wanted;
  const version = normalizeVersion(wanted.version ?? pinnedTools[name].version);
  const title = `${name} ${version}`;

  const onPath = await findOnPath(name);
  if (onPath !== undefined) {
    const reported = await readVersion(name, onPath, signal);
    if (reported === version) {
      say(`${title} from the PATH (${onPath})`);
      return succeed({ path: onPath, version, source: 'path' });
    }
    if (signal.aborted) return fail('tools', `aborted while looking for ${title}`);
    say(`${onPath} is ${reported ?? 'of an unknown version'}, wanted is ${version}`);
  }

  const platform = findPlatform(process.platform, process.arch);
  if (platform === undefined) {
    return fail('tools', `there is no ${title} for ${process.platform} on ${process.arch}`, {
      hint: `Put ${title} on the PATH; downloads are known for Linux and macOS on x64 and arm64`,
    });
  }
  const checksum = await findChecksum(wanted, version, platform);
  if (!checksum.ok) return checksum;
  const sha256 = checksum.value;

  // The checksum is part of the place, so that a mirror's build never stands in for the released one.
  const folder = join(toolCacheFolder(), name, version.slice(1), `${platform}-${sha256.slice(0, 16)}`);
  const path = join(folder, name);
  if (await isExecutable(path)) {
    if ((await readVersion(name, path, signal)) === version) {
      say(`${title} from the cache (${path})`);
      return succeed({ path, version, source: 'cache' });
    }
    if (signal.aborted) return fail('tools', `aborted while looking for ${title}`);
    say(`${path} does not run as ${title} and is replaced`);
  }

  if (wanted.mayDownload === false)
    return fail('tools', `${title} is neither on the PATH nor in the cache`, { hint: 'A run downloads it.' });

  let scratch: string | undefined;
  try {
    // Before the download, so that a folder that cannot be written to is known before minutes are spent.
    await mkdir(folder, { recursive: true });
    scratch = await mkdtemp(join(process.env.RUNNER_TEMP || tmpdir(), `${name}-`));
    const url = toolUrl(name, version, platform, wanted.mirror);
    const file = join(scratch, toolFileName(name, version, platform));
    say(`${title}: downloading ${printableUrl(url)}`);
    const download = await downloadFile({ url, path: file, sha256, signal, say, limits: wanted.limits ?? {} });
    if (!download.ok) {
      const { reason, hint, evidence } = download.failure;
      return fail('tools', `${title} cannot be downloaded: ${reason}`, { hint, evidence });
    }

    const program = join(scratch, 'program');
    if (name === 'helm') await unpackFile(file, `${platform}/helm`, program, signal);
    else await rename(file, program);
    await chmod(program, 0o755);
    await putInPlace(program, path);
  } catch (error) {
    if (signal.aborted) return fail('tools', `aborted while installing ${title}`);
    if (!(error instanceof Error)) throw error;
    return fail('tools', `${title} cannot be installed: ${error.message}`, {
      hint: `Is there room, and may we write to ${toolCacheFolder()}? Another folder is taken from RUNNER_TOOL_CACHE or XDG_CACHE_HOME`,
    });
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }

  const reported = await readVersion(name, path, signal);
  if (signal.aborted) return fail('tools', `aborted while installing ${title}`);
  if (reported !== version) {
    await rm(path, { force: true });
    return fail('tools', `what was downloaded as ${title} is ${reported ?? 'not a program that runs here'}`, {
      hint: `Is its line in the checksum file that of ${toolFileName(name, version, platform)} ${version}?`,
    });
  }
  say(`${title} downloaded (${path})`);
  return succeed({ path, version, source: 'download' });
}

/** Where tools are kept between runs: the runner's tool cache, or on a laptop the user's cache folder. */
export function toolCacheFolder(): string {
  return join(process.env.RUNNER_TOOL_CACHE || cacheDirectory() || tmpdir(), 'floe-k8s-test', 'tools');
}

async function findChecksum(wanted: ToolRequest, version: string, platform: Platform): Promise<Result<string>> {
  const { name, checksumsPath } = wanted;
  const fileName = toolFileName(name, version, platform);
  if (checksumsPath !== undefined) {
    try {
      const own = parseChecksums(await readFile(checksumsPath, 'utf8')).get(fileName);
      if (own !== undefined) return succeed(own);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return fail('tools', `the checksum file ${checksumsPath} cannot be used: ${error.message}`, {
        hint: 'It holds lines as sha256sum writes them: "<sha256>  <file name>"',
      });
    }
  }
  const pinned = pinnedTools[name];
  if (version === pinned.version) return succeed(pinned.sha256[platform]);
  return fail(
    'tools',
    `there is no checksum for ${name} ${version} (${fileName}), and without one it is not downloaded`,
    {
      hint: `Put ${name} ${version} on the PATH, name a file with the line "<sha256>  ${fileName}" in the input tools-checksums, or leave ${name}-version out: ${pinned.version} is pinned`,
    },
  );
}

/** The version that a program reports as its own, as `v1.2.3`; undefined when it reports none. */
async function readVersion(name: ToolName, path: string, signal: AbortSignal): Promise<string | undefined> {
  const args = name === 'kind' ? ['version'] : ['version', '--template', '{{.Version}}'];
  const ask = () => runProgram(path, args, { signal, timeoutSeconds: versionTimeoutSeconds, maxCapturedBytes: 4096 });
  const deadline = performance.now() + busySeconds * 1000;
  let run = await ask();
  while (isBusy(run) && performance.now() < deadline && !signal.aborted) {
    await sleep(busyPollMilliseconds);
    run = await ask();
  }
  if (run.exitCode !== 0) return undefined;
  // Pre-releases are versions of their own; what follows a plus (a commit) is not.
  return /\bv\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?/.exec(run.stdout)?.[0];
}

/**
 * Whether the kernel refused to start a program since somebody has it open for writing. With what we have just written
 * that is a child of ours, which was started meanwhile and has not closed yet what it inherited: https://go.dev/issue/22315
 */
function isBusy(run: ProgramRun): boolean {
  return run.error?.includes('ETXTBSY') === true;
}

/** The program that the PATH gives for a name, as an absolute path. */
async function findOnPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = resolve(folder, name);
    if (folder !== '' && (await isExecutable(path))) return path;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false; // Missing or not for us, which is the answer.
  }
}

/**
 * Takes one file out of a `.tar.gz`. No other entry is written anywhere and no path of the archive is used, so there is
 * no way out of the folder.
 */
async function unpackFile(archive: string, entryName: string, path: string, signal: AbortSignal): Promise<void> {
  const entries = extract();
  let found = false;
  const reading = pipeline(createReadStream(archive), createGunzip(), entries, { signal });
  const writing = (async () => {
    for await (const entry of entries) {
      if (entry.header.name === entryName && entry.header.type === 'file') {
        await pipeline(entry, createWriteStream(path), { signal });
        found = true;
      } else {
        entry.resume();
      }
    }
  })();
  await Promise.all([reading, writing]);
  if (!found) throw new Error(`the archive holds no ${entryName}`);
}

/**
 * Puts a file where others may be looking at the same time: they see none or all of it, and who has the old one open keeps
 * it. Of two runs that do so the last wins, with the same bytes.
 */
async function putInPlace(source: string, path: string): Promise<void> {
  const sibling = `${path}.${randomUUID()}`;
  try {
    // A copy first, since the temporary folder may lie on another file system.
    await copyFile(source, sibling);
    await rename(sibling, path);
  } finally {
    await rm(sibling, { force: true });
  }
}
