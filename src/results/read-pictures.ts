/** Small pictures of failed tests, for the one file that a reader opens. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from './foreign-directory.ts';

const maxBytes = 200 * 1024;
const maxBytesOfAll = 4 * 1024 * 1024;
const maxPictures = 60;
/** A small file may be a picture that fills the memory of a browser. */
const maxPixels = 25_000_000;

/**
 * Reads pictures among files of ours. Files that are no pictures, too large, or missing are left out: they are linked.
 * @param files relative to the directory, the most wanted first.
 * @returns `data:` URLs of PNG and JPEG, by file. The type comes from the content, not from the name.
 */
export async function readPictures(directory: string, files: Iterable<string>): Promise<Map<string, string>> {
  const pictures = new Map<string, string>();
  let room = maxBytesOfAll;
  for (const file of files) {
    if (pictures.size >= maxPictures) break;
    if (pictures.has(file) || isOutside(file) || !/\.(png|jpe?g)$/i.test(file)) continue;
    const bytes = await readSmall(path.join(directory, file), Math.min(maxBytes, room));
    const type = bytes === undefined ? undefined : typeOf(bytes);
    if (bytes === undefined || type === undefined) continue;
    room -= bytes.length;
    pictures.set(file, `data:${type};base64,${bytes.toString('base64')}`);
  }
  return pictures;
}

/** Names of reports are replaced by names of taken files before; this holds for every later reader of reports. */
function isOutside(file: string): boolean {
  const normal = path.posix.normalize(file);
  return path.posix.isAbsolute(normal) || normal.startsWith('..');
}

async function readSmall(file: string, room: number): Promise<Buffer | undefined> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size } = await handle.stat();
      return size === 0 || size > room ? undefined : await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (codeOf(error) === '') throw error;
    return undefined;
  }
}

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function typeOf(bytes: Buffer): string | undefined {
  if (bytes.length > 24 && bytes.subarray(0, 8).equals(pngSignature)) {
    return isModest(bytes.readUInt32BE(16), bytes.readUInt32BE(20)) ? 'image/png' : undefined;
  }
  const size = sizeOfJpeg(bytes);
  return size !== undefined && isModest(size.width, size.height) ? 'image/jpeg' : undefined;
}

function isModest(width: number, height: number): boolean {
  return width > 0 && height > 0 && width * height <= maxPixels;
}

/** Of the first frame header (ITU T.81, B.2.2), found from segment to segment. */
function sizeOfJpeg(bytes: Buffer): { width: number; height: number } | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return undefined;
  let at = 2;
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}
