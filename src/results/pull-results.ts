/**
 * Collects results from a running container that sees them: again and again while the tests write, and once more,
 * checked by checksum, when they have ended. All the container needs is sh, find, stat, xargs, tar, head and sha256sum, of
 * GNU or of busybox.
 */
import { createHash } from 'node:crypto';
import { copyFile, lstat, mkdir, open, rename, rm, statfs, unlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Extract, type Header, extract as openTar } from 'tar-stream';
import { chooseFiles, describeLeftOut, listNames, type ResultsLimits, showName } from './results-limits.ts';

/** A place where a shell can be run that sees the results. */
export interface ResultsSource {
  /** Directory of the results, as that shell sees it. */
  directory: string;
  /**
   * Runs `sh -c script sh …args`.
   * @throws when it cannot be run, or its output did not arrive whole.
   */
  run: (script: string, args: string[], options: RunScriptOptions) => Promise<{ exitCode: number; stderr: string }>;
}

export interface RunScriptOptions {
  stdin?: Buffer;
  onStdout: (chunk: Buffer) => Promise<void> | void;
  signal: AbortSignal;
}

export interface PullOptions {
  /** The place to read from, asked for each time: another may take the first one's. */
  openSource: () => ResultsSource;
  /** Directory of the runner in which the files appear, each of them only when it is whole. */
  directory: string;
  /** Directory for incomplete files, on the same disk; beside the results by default. Only this puller uses it. */
  incoming?: string;
  limits: ResultsLimits;
}

/** What was collected in the end. */
export interface PullEnd {
  files: number;
  bytes: number;
  /** Files that did not arrive as they are at the source. */
  incomplete: string[];
  /**
   * Files that existed and could not be copied: reports among them were not read. `isDirectory` represents all that may be in
   * it.
   */
  missing: { name: string; reason: string; isDirectory?: boolean }[];
  warnings: string[];
}

/** A file as the source lists it. Names are bytes, kept as latin1, since tests may write what is not UTF-8. */
interface Listed {
  name: string;
  bytes: number;
  /** Seconds of the epoch, the only resolution of busybox. */
  modified: number;
}

/** A file that is here. */
interface Here extends Listed {
  sha256: string;
}

/** While tests run, a file above this is fetched only when it has rested since the last look: it may be growing. */
const restingBytes = 8 * 1024 * 1024;
/** Per call: a transfer that breaks off has to be repeated. */
const batchBytes = 256 * 1024 * 1024;
const batchFiles = 2000;
/** A longer list of names is cut, and the files after the cut are not fetched. */
const maxListBytes = 16 * 1024 * 1024;
/** A file may grow between the list and its turn; by more it is taken in another round. */
const growthBytes = 64 * 1024 * 1024;
/** Space on the runner's disk that is left free for logs and reports. */
const spareDiskBytes = 512 * 1024 * 1024;
const checkRounds = 5;
/** Directory for incomplete files: beside the results, where the tests cannot have a file of this name. */
const incomingName = '.k8s-test-incoming';

/** The last line of a script's output: a truncated list would lose files silently. */
const endMark = 'k8s-test-end//';

/** Output that did not arrive whole; the same call may well succeed the next time. */
export class CutOutput extends Error {}

/**
 * One line for each file, terminated by a byte that no path can contain. `alive` tells the collector that the run still reads
 * from it.
 */
const listScript = `cd "$1" || exit 9
[ ! -e "$2/alive" ] || touch "$2/alive"
{ find . -type f -exec stat -c 'f %s %Y %n//' '{}' +
  find . ! -type f ! -type d -exec stat -c 's 0 0 %n//' '{}' +
} | head -c ${maxListBytes}
printf '%s\n' '${endMark}'`;
/** Names are passed by stdin, each ended by NUL; how long that is is reported, since the end of stdin is not. */
const sendScript = 'cd "$1" && head -c "$2" | xargs -0 tar -cf -';
const hashScript = `cd "$1" && head -c "$2" | xargs -0 sha256sum; printf '%s\n' '${endMark}'`;
/** For names that sha256sum would escape, or not, depending on its make. */
const hashOneByOneScript = `cd "$1" && head -c "$2" | xargs -0 sh -c 'for f; do h=$(sha256sum < "$f") && echo "\${h%% *}" || echo -; done' sh; printf '%s\n' '${endMark}'`;

class TooLarge extends Error {}

export class ResultsPuller {
  readonly #options: PullOptions;
  readonly #here = new Map<string, Here>();
  /** The files of the source at the last listing. */
  #listed = new Map<string, Listed>();
  #special: string[] = [];
  #unreadable = '';
  #isListCut = false;
  #leftOut: Listed[] = [];
  readonly #tooLarge = new Set<string>();

  constructor(options: PullOptions) {
    this.#options = options;
  }

  /** Files of the last listing that are missing here or differ. */
  get missing(): string[] {
    return this.#wanted()
      .filter((file) => !this.#isHere(file))
      .map((file) => file.name);
  }

  /** Collects new files. Throws when the source is unreachable; files received by then are kept. */
  async round(signal: AbortSignal): Promise<void> {
    const before = this.#listed;
    await this.#list(signal);
    const isGrowing = (file: Listed) => file.bytes > restingBytes && !isSame(before.get(file.name), file);
    await this.#fetch(
      this.#wanted().filter((file) => !this.#isHere(file) && !isGrowing(file)),
      signal,
    );
  }

  /**
   * Collects all the rest and compares every file with the source by SHA-256. Call it when nothing writes there anymore. Throws
   * when the source is not reachable.
   */
  async finish(signal: AbortSignal): Promise<PullEnd> {
    for (let round = 0; round < checkRounds; round++) {
      await this.#list(signal);
      await this.#fetch(
        this.#wanted().filter((file) => !this.#isHere(file)),
        signal,
      );
      const here = this.#wanted().filter((file) => this.#isHere(file));
      const hashes = await this.#hash(
        here.map((file) => file.name),
        signal,
      );
      const wrong = here.filter(({ name }) => hashes.get(name) !== this.#here.get(name)?.sha256);
      for (const { name } of wrong) this.#here.delete(name);
      if (this.missing.length === 0) break;
    }
    await this.#dropVanished();
    // What did not arrive as it is now is not left as it was before.
    for (const name of this.missing) await unlink(this.#pathOf(name)).catch(() => undefined);
    return this.describe();
  }

  /** What is here now. */
  describe(): PullEnd {
    const warnings: string[] = [];
    if (this.#special.length > 0)
      warnings.push(
        `${this.#special.length} links or special files of the results were left out: ${listNames(this.#special)}`,
      );
    if (this.#isListCut) warnings.push('there are too many result files to list them all');
    const left = describeLeftOut(
      this.#leftOut.map((file) => ({ ...file, name: showable(file.name) })),
      this.#options.limits,
    );
    if (left !== undefined) warnings.push(left);
    if (this.#unreadable !== '') warnings.push(`the collector could not read all results: ${this.#unreadable}`);
    let bytes = 0;
    for (const file of this.#here.values()) bytes += file.bytes;
    const incomplete = this.missing.map(showable);
    return { files: this.#here.size, bytes, incomplete, missing: this.#describeMissing(incomplete), warnings };
  }

  #describeMissing(incomplete: string[]): PullEnd['missing'] {
    const missing: PullEnd['missing'] = [
      ...this.#special.map((name) => ({ name, reason: 'it is a link or a special file' })),
      ...this.#leftOut.map((file) => ({ name: showable(file.name), reason: 'it is above results-limit' })),
      ...incomplete.map((name) => ({ name, reason: 'it did not arrive completely' })),
    ];
    if (this.#isListCut) missing.push({ name: '*', reason: 'not all names could be listed', isDirectory: true });
    if (this.#unreadable !== '') missing.push({ name: '*', reason: this.#unreadable, isDirectory: true });
    return missing;
  }

  /** Removes what was not whole. */
  async close(): Promise<void> {
    await rm(path.dirname(this.#draft()), { recursive: true, force: true });
  }

  #wanted(): Listed[] {
    return [...this.#listed.values()];
  }

  #isHere(file: Listed): boolean {
    return isSame(this.#here.get(file.name), file);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const chunks: Buffer[] = [];
    const { directory, limits } = this.#options;
    const source = this.#options.openSource();
    const end = await source.run(listScript, [source.directory, '/run/k8s-test'], {
      onStdout: (chunk) => void chunks.push(chunk),
      signal,
    });
    if (end.exitCode === 9) throw new Error(`no directory ${source.directory}: ${end.stderr}`);
    const text = takeWhole(chunks);
    const lines = text.split('//\n');
    this.#isListCut = text.length >= maxListBytes;
    lines.pop();
    this.#special = [];
    const files: Listed[] = [];
    for (const line of lines) {
      const [, type, size, modified, name] = /^(.) (\d+) (-?\d+) \.\/(.*)$/s.exec(line) ?? [];
      if (type === 's') this.#special.push(showable(name ?? ''));
      else if (type === 'f') files.push({ name: name ?? '', bytes: Number(size), modified: Number(modified) });
    }
    const denied = end.stderr.split('\n').find((line) => line.includes('ermission denied'));
    this.#unreadable = denied === undefined ? '' : showName(denied);
    const { bavail, bsize } = await statfs(directory);
    let hereBytes = 0;
    for (const file of this.#here.values()) hereBytes += file.bytes;
    const room = Math.max(0, bavail * bsize - spareDiskBytes + hereBytes);
    const fitting = files.filter((file) => !this.#tooLarge.has(file.name) && isConfined(file.name));
    const chosen = chooseFiles(fitting, { ...limits, totalBytes: Math.min(limits.totalBytes, room) });
    this.#leftOut = [...chosen.left, ...files.filter((file) => this.#tooLarge.has(file.name))];
    this.#listed = new Map(chosen.kept.map((file) => [file.name, file]));
  }

  async #fetch(files: Listed[], signal: AbortSignal): Promise<void> {
    let batch: Listed[] = [];
    let bytes = 0;
    for (const [i, file] of files.entries()) {
      batch.push(file);
      bytes += file.bytes;
      if (i < files.length - 1 && batch.length < batchFiles && bytes < batchBytes) continue;
      await this.#fetchBatch(new Map(batch.map((one) => [one.name, one])), signal);
      batch = [];
      bytes = 0;
    }
  }

  async #fetchBatch(batch: ReadonlyMap<string, Listed>, signal: AbortSignal): Promise<void> {
    const source = this.#options.openSource();
    // The types do not know the option: https://github.com/mafintosh/tar-stream#extract--tarextractopts
    const tar = openTar({ filenameEncoding: 'latin1' } as object);
    const pipe = new PassThrough();
    const fed = pipeline(pipe, tar);
    const unpacked = this.#unpack(tar, batch, signal);
    const stdin = joinNames(batch.keys());
    const sent = source
      .run(sendScript, [source.directory, String(stdin.length)], {
        stdin,
        signal,
        onStdout: (chunk) => write(pipe, chunk),
      })
      .then(
        // tar's exit code shows that a file changed or vanished while it was read; the checksums show the effect.
        () => void pipe.end(),
        (error: Error) => {
          pipe.destroy(error);
          throw error;
        },
      );
    const [unpacking, sending] = await Promise.allSettled([unpacked, sent, fed]);
    // Of the two errors the unpacker's is the cause: when it fails, the sender only loses its reader.
    if (unpacking.status === 'rejected' && unpacking.reason instanceof TooLarge) return;
    // An archive that is truncated although its sender exited normally: missing files are requested again.
    if (sending.status === 'fulfilled' && unpacking.status === 'rejected' && isCut(unpacking.reason)) return;
    for (const one of [sending, unpacking]) if (one.status === 'rejected') throw one.reason;
  }

  async #unpack(tar: Extract, batch: ReadonlyMap<string, Listed>, signal: AbortSignal): Promise<void> {
    try {
      for await (const entry of tar) {
        signal.throwIfAborted();
        const { header } = entry;
        const name = header.name.replace(/^\.\//, '');
        const asked = batch.get(name);
        if (asked === undefined) {
          entry.resume();
          continue;
        }
        if (header.type === 'link') {
          await this.#takeLink(asked, header);
          entry.resume();
          continue;
        }
        if (header.type !== 'file' && header.type !== 'contiguous-file') {
          entry.resume();
          continue;
        }
        if ((header.size ?? 0) > asked.bytes + growthBytes) {
          this.#tooLarge.add(name);
          throw new TooLarge(`${showable(name)} grew by more than ${growthBytes} bytes while it was being fetched`);
        }
        await this.#takeFile(asked, header, entry as AsyncIterable<Buffer>);
      }
    } catch (error) {
      tar.destroy();
      throw error;
    }
  }

  async #takeFile(asked: Listed, header: Header, content: AsyncIterable<Buffer>): Promise<void> {
    const draft = this.#draft();
    await mkdir(path.dirname(draft), { recursive: true });
    const hash = createHash('sha256');
    const file = await open(draft, 'w', 0o644);
    try {
      for await (const chunk of content) {
        hash.update(chunk);
        await file.writeFile(chunk);
      }
    } finally {
      await file.close();
    }
    await this.#place(draft, asked.name, header);
    const modified = Math.floor((header.mtime?.getTime() ?? 0) / 1000);
    this.#here.set(asked.name, {
      name: asked.name,
      bytes: header.size ?? 0,
      modified,
      sha256: hash.digest('hex'),
    });
  }

  /** tar sends what it sent already under another name as a link to that. */
  async #takeLink(asked: Listed, header: Header): Promise<void> {
    const target = (header.linkname ?? '').replace(/^\.\//, '');
    const known = this.#here.get(target);
    if (known === undefined || !isConfined(target)) return;
    const draft = this.#draft();
    await mkdir(path.dirname(draft), { recursive: true });
    await copyFile(this.#pathOf(target), draft);
    await this.#place(draft, asked.name, header);
    this.#here.set(asked.name, { ...known, name: asked.name });
  }

  #draft(): string {
    const { directory, incoming } = this.#options;
    return path.join(incoming ?? path.join(path.dirname(directory), incomingName), 'draft');
  }

  async #place(draft: string, name: string, header: Header): Promise<void> {
    const file = this.#pathOf(name);
    await this.#makeWay(name);
    await mkdir(parentOf(file), { recursive: true });
    await rename(draft, file);
    const modified = header.mtime ?? new Date(0);
    await utimes(file, modified, modified);
  }

  /** A file that is now a directory is removed, and the reverse, on the whole path; a file is replaced in one step. */
  async #makeWay(name: string): Promise<void> {
    const parts = name.split('/');
    for (let depth = 1; depth <= parts.length; depth++) {
      const above = parts.slice(0, depth).join('/');
      const at = this.#pathOf(above);
      const there = await lstat(at).catch(() => undefined);
      if (there === undefined) return;
      if (depth < parts.length ? there.isDirectory() : !there.isDirectory()) continue;
      await rm(at, { recursive: true });
      // A file that vanished must be fetched again when it is listed again, even if it looks the same.
      for (const known of this.#here.keys()) if (`${known}/`.startsWith(`${above}/`)) this.#here.delete(known);
    }
  }

  #pathOf(name: string): Buffer {
    return Buffer.concat([Buffer.from(`${this.#options.directory}/`), Buffer.from(name, 'latin1')]);
  }

  async #hash(names: string[], signal: AbortSignal): Promise<Map<string, string>> {
    const hashes = new Map<string, string>();
    const plain = names.filter((name) => !/[\\\n\r]/.test(name));
    const hostile = names.filter((name) => /[\\\n\r]/.test(name));
    for (const line of await this.#runOnNames(hashScript, plain, signal)) {
      const [, sha256, name] = /^([0-9a-f]{64}) [ *]\.\/(.*)$/.exec(line) ?? [];
      if (sha256 !== undefined) hashes.set(name ?? '', sha256);
    }
    const inOrder = await this.#runOnNames(hashOneByOneScript, hostile, signal);
    for (const [i, name] of hostile.entries()) hashes.set(name, inOrder[i] ?? '');
    return hashes;
  }

  async #runOnNames(script: string, names: string[], signal: AbortSignal): Promise<string[]> {
    if (names.length === 0) return [];
    const source = this.#options.openSource();
    const stdin = joinNames(names);
    const chunks: Buffer[] = [];
    const onStdout = (chunk: Buffer) => void chunks.push(chunk);
    await source.run(script, [source.directory, String(stdin.length)], { stdin, onStdout, signal });
    return takeWhole(chunks).split('\n').slice(0, -1);
  }

  /** What the tests deleted again is no result. */
  async #dropVanished(): Promise<void> {
    for (const name of this.#here.keys()) {
      if (this.#listed.has(name)) continue;
      this.#here.delete(name);
      // A directory may have taken the place of a file.
      await unlink(this.#pathOf(name)).catch(() => undefined);
    }
  }
}

/** The output of a script without its last line, which shows that it is whole. */
function takeWhole(chunks: Buffer[]): string {
  const text = Buffer.concat(chunks).toString('latin1');
  if (!text.endsWith(`${endMark}\n`)) throw new CutOutput('the output of the collector was truncated');
  return text.slice(0, -endMark.length - 1);
}

/** tar-stream has no code for it. */
function isCut(error: unknown): boolean {
  return error instanceof Error && error.message === 'Unexpected end of data';
}

function write(sink: Writable, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    sink.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

function isSame(one: Listed | undefined, other: Listed): boolean {
  return one !== undefined && one.bytes === other.bytes && one.modified === other.modified;
}

function joinNames(names: Iterable<string>): Buffer {
  return Buffer.concat([...names].map((name) => Buffer.from(`./${name}\0`, 'latin1')));
}

/** Names come from a `find` in a foreign container: none may lead out of the directory. */
function isConfined(name: string): boolean {
  return name !== '' && !name.split('/').some((part) => part === '' || part === '.' || part === '..');
}

function parentOf(file: Buffer): Buffer {
  return file.subarray(0, file.lastIndexOf('/'));
}

/** A name for a reader: as UTF-8 where it is that. */
function showable(name: string): string {
  return showName(Buffer.from(name, 'latin1').toString('utf8'));
}
