/**
 * Takes verdict and report out of the zip of an artifact, and nothing else. The uploader of an artifact controls the content of
 * its zip, so no name in it becomes a path before it is checked, and no more is unpacked than a report may have.
 */
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, crc32, createInflateRaw } from 'node:zlib';
import { fail, messageOf, type Result, succeed, toOneLine } from '../core/outcome.ts';
import { resultsMarker } from '../inputs/check-results-dir.ts';
import { maxResultsDepth } from '../report/leg.ts';

const reportName = 'junit.xml';
const mebibyte = 1024 * 1024;

/** What is taken of one artifact, at most. */
export interface ZipLimits {
  /** Of each file, when it is unpacked. */
  fileBytes: number;
  /** Of the list of all files, which is read into memory. */
  listBytes: number;
  /** Directories with results. */
  results: number;
}

const defaultZipLimits: Readonly<ZipLimits> = { fileBytes: 256 * mebibyte, listBytes: 64 * mebibyte, results: 1000 };

interface Entry {
  name: string;
  method: number;
  flags: number;
  crc: number;
  packed: number;
  unpacked: number;
  offset: number;
  /** Permissions and kind of the file, where the archive was made by Unix. */
  mode: number;
}

/** What makes a zip one that nothing is taken of. */
class BadZip extends Error {}

/**
 * Unpacks each `result.json` of an artifact, and the `junit.xml` beside it, into a directory, under the paths that they have.
 * @returns a failure of kind `results` for an archive that is damaged, or that no run of ours can have uploaded.
 */
export async function takeResultsOfZip(
  file: string,
  directory: string,
  limits: ZipLimits = defaultZipLimits,
): Promise<Result<undefined>> {
  let zip: FileHandle | undefined;
  try {
    zip = await open(file, 'r');
    const entries = await listEntries(zip, limits);
    for (const entry of chooseEntries(entries, limits)) await unpack(zip, entry, directory, limits);
    return succeed(undefined);
  } catch (error) {
    const isOurs = error instanceof BadZip || (error instanceof Error && 'code' in error);
    if (!isOurs) throw error;
    return fail('results', `the archive of the artifact cannot be used: ${toOneLine(messageOf(error), 200)}`, {
      hint: 'Run the job that uploaded it again.',
    });
  } finally {
    await zip?.close();
  }
}

async function read(zip: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await zip.read(buffer, 0, length, offset);
  if (bytesRead !== length) throw new BadZip('it is cut off');
  return buffer;
}

/** The central directory is authoritative: the headers before each file may differ. */
async function listEntries(zip: FileHandle, limits: ZipLimits): Promise<Entry[]> {
  const { size } = await zip.stat();
  const tailBytes = Math.min(size, 22 + 0xffff);
  const tail = await read(zip, size - tailBytes, tailBytes);
  let end = tailBytes - 22;
  while (end >= 0 && !(tail.readUInt32LE(end) === 0x06054b50 && end + 22 + tail.readUInt16LE(end + 20) === tailBytes))
    end--;
  if (end < 0) throw new BadZip('it is not a zip file');
  let count = tail.readUInt16LE(end + 10);
  let bytes = tail.readUInt32LE(end + 12);
  let offset = tail.readUInt32LE(end + 16);
  if (end >= 20 && tail.readUInt32LE(end - 20) === 0x07064b50) {
    const large = await read(zip, toNumber(tail.readBigUInt64LE(end - 12)), 56);
    if (large.readUInt32LE(0) !== 0x06064b50) throw new BadZip('its zip64 record is invalid');
    count = toNumber(large.readBigUInt64LE(32));
    bytes = toNumber(large.readBigUInt64LE(40));
    offset = toNumber(large.readBigUInt64LE(48));
  }
  if (bytes > limits.listBytes) throw new BadZip(`its list of files has ${bytes} bytes`);
  const list = await read(zip, offset, bytes);
  const entries: Entry[] = [];
  for (let at = 0; at < bytes; ) {
    if (at + 46 > bytes || list.readUInt32LE(at) !== 0x02014b50) throw new BadZip('its list of files is damaged');
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => list.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ];
    const next = at + 46 + nameBytes + extraBytes + commentBytes;
    if (next > bytes) throw new BadZip('its list of files is damaged');
    const extra = list.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes);
    const readNumber = readNumbers(extra);
    entries.push({
      name: list.subarray(at + 46, at + 46 + nameBytes).toString(),
      flags: list.readUInt16LE(at + 8),
      method: list.readUInt16LE(at + 10),
      crc: list.readUInt32LE(at + 16),
      unpacked: readNumber(list.readUInt32LE(at + 24)),
      packed: readNumber(list.readUInt32LE(at + 20)),
      offset: readNumber(list.readUInt32LE(at + 42)),
      mode: list[at + 5] === 3 ? list.readUInt16LE(at + 40) : 0,
    });
    at = next;
  }
  if (entries.length !== count) throw new BadZip('its list of files is not as long as it says');
  return entries;
}

/** Kind of the part of an extra field that holds numbers of 64 bits. */
const largeNumbersId = 1;

/**
 * A reader of the numbers of one entry, in the order in which its extra field has them: a number that needs 64 bits is there,
 * and the regular field holds 32 one bits.
 */
function readNumbers(extra: Buffer): (field: number) => number {
  let large = Buffer.alloc(0);
  for (let from = 0; from + 4 <= extra.length; ) {
    const to = from + 4 + extra.readUInt16LE(from + 2);
    if (extra.readUInt16LE(from) === largeNumbersId) {
      if (to > extra.length) throw new BadZip('its numbers of 64 bits are cut off');
      large = Buffer.from(extra.subarray(from + 4, to));
    }
    from = to;
  }
  let at = 0;
  return (field) => {
    if (field !== 0xffffffff) return field;
    if (at + 8 > large.length) throw new BadZip('it lacks a number of 64 bits');
    at += 8;
    return toNumber(large.readBigUInt64LE(at - 8));
  };
}

function toNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BadZip('it contains an impossible number');
  return Number(value);
}

/** The results that are not below the directory of another, each with its report. */
function chooseEntries(entries: readonly Entry[], limits: ZipLimits): Entry[] {
  const byName = new Map<string, Entry>();
  const deep: string[] = [];
  for (const entry of entries) {
    const base = entry.name.slice(entry.name.lastIndexOf('/') + 1);
    if ((base !== resultsMarker && base !== reportName) || !isPlain(entry.name)) continue;
    if (base === resultsMarker && depthOf(entry.name) > maxResultsDepth) deep.push(entry.name);
    if (depthOf(entry.name) > maxResultsDepth) continue;
    if (byName.has(entry.name)) throw new BadZip(`it holds ${toOneLine(entry.name, 100)} twice`);
    byName.set(entry.name, entry);
  }
  const directories = new Set(
    [...byName.keys()].filter((name) => path.posix.basename(name) === resultsMarker).map(path.posix.dirname),
  );
  const isWithinOther = (directory: string) => {
    for (let here = directory; here !== '.'; ) {
      here = path.posix.dirname(here);
      if (directories.has(here)) return true;
    }
    return false;
  };
  // A result that is not read may be a red one.
  const lost = deep.find((name) => !isWithinOther(path.posix.dirname(name)));
  if (lost !== undefined)
    throw new BadZip(`its ${toOneLine(lost, 100)} is more than ${maxResultsDepth} directories deep`);
  const own = [...directories].filter((directory) => !isWithinOther(directory));
  if (own.length > limits.results) throw new BadZip(`it holds ${own.length} results`);
  return own.flatMap((directory) =>
    [resultsMarker, reportName].flatMap((name) => byName.get(path.posix.join(directory, name)) ?? []),
  );
}

function depthOf(name: string): number {
  return name.split('/').length - 1;
}

/** Paths with more components are skipped. */
const maxParts = 100;

/** Whether a name is a path of plain parts, which leads nowhere else and which any disk takes. */
function isPlain(name: string): boolean {
  const parts = name.split('/');
  return (
    parts.length <= maxParts &&
    !/[\\\0\ufffd]/.test(name) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255)
  );
}

async function unpack(zip: FileHandle, entry: Entry, directory: string, limits: ZipLimits): Promise<void> {
  const { name, flags, method, mode, packed, unpacked, offset } = entry;
  const shown = toOneLine(name, 100);
  const kind = mode & 0o170000;
  if (kind !== 0 && kind !== 0o100000) throw new BadZip(`its ${shown} is not a regular file`);
  if ((flags & 1) === 1 || (method !== 0 && method !== 8))
    throw new BadZip(`its ${shown} uses an unsupported compression`);
  if (unpacked > limits.fileBytes) throw new BadZip(`its ${shown} has ${unpacked} bytes`);
  const head = await read(zip, offset, 30);
  if (head.readUInt32LE(0) !== 0x04034b50) throw new BadZip(`its ${shown} is not where it should be`);
  const start = offset + 30 + head.readUInt16LE(26) + head.readUInt16LE(28);
  const target = path.join(directory, name);
  await mkdir(path.dirname(target), { recursive: true });
  const output = await open(target, 'wx', 0o600);
  try {
    let written = 0;
    let crc = 0;
    const write = async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        written += chunk.length;
        if (written > unpacked) throw new BadZip(`its ${shown} is larger than it says`);
        crc = crc32(chunk, crc);
        await output.write(chunk);
      }
    };
    const bytes = readBytes(zip, start, packed);
    if (method === 0) await write(bytes);
    else await pipeline(bytes, createInflateRaw({ finishFlush: constants.Z_FINISH }), write);
    if (written !== unpacked || crc !== entry.crc) throw new BadZip(`its ${shown} is damaged`);
  } finally {
    await output.close();
  }
}

async function* readBytes(zip: FileHandle, start: number, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < length; ) {
    const chunk = await read(zip, start + at, Math.min(64 * 1024, length - at));
    at += chunk.length;
    yield chunk;
  }
}
