/**
 * Providing kind and helm: from the PATH, from the cache, or from the network, in this order. What is executed is on the
 * PATH, belongs to the system, or is in the run's own directory with the checksum that was expected.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { access, chmod, constants, copyFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { explainFileError } from '../core/disk-error.ts';
import { fail, type Result, succeed } from '../core/outcome.ts';
import type { Transfer } from '../core/reporter.ts';
import { type DownloadLimits, downloadFile, printableUrl } from './download-file.ts';
import { type ProgramRun, runProgram } from './run-program.ts';
import {
  copyVerified,
  findEntry,
  isOfSystem,
  type KnownTool,
  keepEntry,
  listOthers,
  lockEntry,
  toolCacheFolder,
} from './tool-cache.ts';
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
  /** For this run only, where no other process can write: programs are executed from there. */
  directory: string;
  signal: AbortSignal;
  /** Called with the origin of the tool, and for each failed attempt. */
  say: (line: string) => void;
  transferring?: ((transfer: Transfer) => void) | undefined;
  limits?: Partial<DownloadLimits>;
  /** False: a tool that is not on this machine is a failure. */
  mayDownload?: boolean;
}

export interface ProvidedTool {
  /** Absolute path of the program. */
  path: string;
  version: string;
  source: 'path' | 'cache' | 'download';
}

/** A tool that does not print its version within this time is not used. */
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
  const tool: KnownTool = { name, version, platform, sha256: checksum.value };

  let scratch: string;
  try {
    scratch = await mkdtemp(join(wanted.directory, `${name}-`));
  } catch (error) {
    return fail('tools', `${title} cannot be stored: ${explainFileError(error)} (${wanted.directory})`);
  }
  let provided: Result<ProvidedTool> | undefined;
  try {
    provided = (await takeKept(tool, scratch, wanted)) ?? (await download(tool, scratch, wanted));
  } catch (error) {
    if (!signal.aborted && !(error instanceof Error)) throw error;
    provided = signal.aborted
      ? fail('tools', `aborted while installing ${title}`)
      : fail('tools', `${title} cannot be installed: ${(error as Error).message}`, {
          hint: `Is there room in ${wanted.directory}?`,
        });
  } finally {
    if (provided?.ok !== true || !provided.value.path.startsWith(scratch))
      await rm(scratch, { recursive: true, force: true });
  }
  return provided;
}

/** A tool's entry in the caches of this machine: ours, or that of another action; undefined when there is none. */
async function takeKept(
  tool: KnownTool,
  scratch: string,
  { signal, say }: ToolRequest,
): Promise<Result<ProvidedTool> | undefined> {
  const title = `${tool.name} ${tool.version}`;
  const ours = await takeEntry(tool, scratch, { signal, say });
  if (ours !== undefined) return ours;
  for (const { action, file } of await listOthers(tool)) {
    if (!(await isExecutable(file))) continue;
    const copy = join(scratch, 'other');
    // For helm there is a checksum of the archive, but none of the program in it.
    const wrong = tool.name === 'kind' ? await copyVerified(file, copy, tool.sha256) : 'there is no checksum for it';
    const program = wrong === undefined ? join(scratch, tool.name) : file;
    if (wrong === undefined) await placeProgram(tool, copy, program, signal);
    else if (!(await isOfSystem(file))) {
      say(`${file} of ${action} is not used: ${wrong}, and users other than root can write it`);
      continue;
    }
    if ((await readVersion(tool.name, program, signal)) !== tool.version) continue;
    say(`${title} from the cache of ${action} (${file})`);
    return succeed({ path: program, version: tool.version, source: 'cache' });
  }
  return signal.aborted ? fail('tools', `aborted while looking for ${title}`) : undefined;
}

/** Our entry of the cache, copied and compared with its checksum before anything of it is executed. */
async function takeEntry(
  tool: KnownTool,
  scratch: string,
  { signal, say }: Pick<ToolRequest, 'signal' | 'say'>,
): Promise<Result<ProvidedTool> | undefined> {
  const entry = await findEntry(tool);
  if (entry === undefined) return undefined;
  const title = `${tool.name} ${tool.version}`;
  const [copy, program] = [join(scratch, 'entry'), join(scratch, tool.name)];
  const wrong = await copyVerified(entry, copy, tool.sha256);
  if (wrong !== undefined) {
    await rm(copy, { force: true });
    say(`${entry} is not ${title} and is replaced: ${wrong}`);
    return undefined;
  }
  await placeProgram(tool, copy, program, signal);
  const reported = await readVersion(tool.name, program, signal);
  if (signal.aborted) return fail('tools', `aborted while looking for ${title}`);
  if (reported !== tool.version) return refuseVersion(tool, reported, 'is in the cache as');
  say(`${title} from the cache (${entry})`);
  return succeed({ path: program, version: tool.version, source: 'cache' });
}

/** Downloads a tool into the run's directory and into the cache; who finds another run doing so waits for it. */
async function download(tool: KnownTool, scratch: string, wanted: ToolRequest): Promise<Result<ProvidedTool>> {
  const { name, version, platform, sha256 } = tool;
  const { signal, say } = wanted;
  const title = `${name} ${version}`;
  if (wanted.mayDownload === false)
    return fail('tools', `${title} is neither on PATH nor in the cache`, { hint: 'A run downloads it.' });
  const unlock = await lockEntry(tool, signal);
  try {
    const meanwhile = unlock === undefined ? undefined : await takeEntry(tool, scratch, wanted);
    if (meanwhile !== undefined) return meanwhile;
    const url = toolUrl(name, version, platform, wanted.mirror);
    const file = join(scratch, 'download');
    say(`${title}: downloading ${printableUrl(url)}`);
    const onBytes = (bytes: number, totalBytes: number | undefined) =>
      wanted.transferring?.({ what: title, bytes, ...(totalBytes === undefined ? {} : { totalBytes }) });
    const loaded = await downloadFile({ url, path: file, sha256, signal, say, onBytes, limits: wanted.limits ?? {} });
    wanted.transferring?.({ what: title, bytes: 0, hasEnded: true });
    if (!loaded.ok) {
      const { reason, hint, evidence } = loaded.failure;
      return fail('tools', `${title} cannot be downloaded: ${reason}`, { hint, evidence });
    }
    const program = join(scratch, name);
    await placeProgram(tool, file, program, signal);
    const reported = await readVersion(name, program, signal);
    if (signal.aborted) return fail('tools', `aborted while installing ${title}`);
    if (reported !== version) return refuseVersion(tool, reported, 'was downloaded as');
    const notKept = unlock === undefined ? 'it cannot be locked' : await keepEntry(tool, file);
    if (notKept !== undefined) say(`${title} is not kept in ${toolCacheFolder()} for later runs: ${notKept}`);
    await rm(file, { force: true });
    say(`${title} downloaded (${program})`);
    return succeed({ path: program, version, source: 'download' });
  } finally {
    unlock?.();
  }
}

function refuseVersion(tool: KnownTool, reported: string | undefined, how: string): Result<never> {
  const { name, version, platform } = tool;
  return fail('tools', `the file that ${how} ${name} ${version} is ${reported ?? 'not a program that runs here'}`, {
    hint: `Is its line in the checksum file that of ${toolFileName(name, version, platform)} ${version}?`,
  });
}

/** The program out of the file that has the checksum. */
async function placeProgram({ name, platform }: KnownTool, file: string, program: string, signal: AbortSignal) {
  if (name === 'helm') await unpackFile(file, `${platform}/helm`, program, signal);
  else await copyFile(file, program);
  await chmod(program, 0o755);
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
 * Whether the kernel refused to start a program since it is open for writing (ETXTBSY). For a file that we have just written
 * the holder is a child process of ours, which was started meanwhile and has not yet closed its inherited descriptors:
 * https://go.dev/issue/22315
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
 * Takes one file out of a `.tar.gz`. No other entry is written anywhere and no path of the archive is used, so nothing is
 * written outside of the folder.
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
