/** Archives of images as users provide them, which containerd accepts only uncompressed. */
import { createReadStream, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { text as readText } from 'node:stream/consumers';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { extract } from 'tar-stream';
import { fail, messageOf, type Result, succeed } from '../core/outcome.ts';

/** How a file begins that was compressed, and what takes it apart. */
const packings = [
  { name: 'gzip', magic: [0x1f, 0x8b], unpack: createGunzip },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: createZstdDecompress },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], unpack: undefined },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68], unpack: undefined },
  { name: 'zip', magic: [0x50, 0x4b, 0x03, 0x04], unpack: undefined },
] as const;

/** Position of "ustar" in a tar (POSIX and GNU alike). */
const tarMagic = { offset: 257, text: 'ustar' };
const headBytes = 512;

/**
 * Detects the format of an archive of images by its first bytes.
 * @returns what opens it, each time from its beginning, as a stream of tar; or a failure of kind `image` when it is no tar.
 */
export async function openArchive(file: string): Promise<Result<OpenArchive>> {
  const head = await readHead(file);
  if (!head.ok) return head;
  const packing = packings.find(({ magic }) => magic.every((byte, i) => head.value[i] === byte));
  if (packing === undefined) {
    const { offset, text } = tarMagic;
    if (head.value.toString('latin1', offset, offset + text.length) === text)
      return succeed((onBytes) => readWatched(file, onBytes));
    return fail('image', `the archive ${file} is no tar`, {
      hint: 'Write it with "docker save -o", or with an OCI exporter: "docker buildx build --output type=oci,dest=FILE".',
    });
  }
  const { name, unpack } = packing;
  if (unpack === undefined)
    return fail('image', `the archive ${file} is compressed with ${name}, which cannot be read`, {
      hint: 'Give the plain tar, or one compressed with gzip or zstd.',
    });
  // When one of the two fails, the other ends too, and its reader gets the error.
  return succeed((onBytes) => pipeline(readWatched(file, onBytes), unpack(), () => {}));
}

/** `onBytes` is called with the bytes of the file that were read so far, and with its size. */
type OpenArchive = (onBytes?: (bytes: number, totalBytes: number) => void) => Readable;

function readWatched(file: string, onBytes: Parameters<OpenArchive>[0]): Readable {
  const stream = createReadStream(file);
  if (onBytes === undefined) return stream;
  const { size } = statSync(file);
  const watch = async function* () {
    for await (const chunk of stream) {
      onBytes(stream.bytesRead, size);
      yield chunk;
    }
  };
  return Readable.from(watch(), { objectMode: false });
}

/** More than the config of any image has. */
const maxConfigBytes = 4 * 1024 * 1024;

/**
 * The platforms that the images of an archive are for, such as `linux/arm64`, by their configs: any JSON that names an
 * architecture and layers. Reads all of it; a damaged archive gives what was found so far.
 */
export async function listPlatforms(archive: Readable): Promise<string[]> {
  const platforms = new Set<string>();
  const unpack = extract();
  pipeline(archive, unpack, () => {});
  try {
    for await (const entry of unpack) {
      const { size = 0 } = entry.header;
      const isConfig = entry.header.type === 'file' && size > 0 && size <= maxConfigBytes;
      const platform = isConfig ? platformOf(await readText(entry)) : undefined;
      if (platform !== undefined) platforms.add(platform);
      entry.resume();
    }
  } catch {
    // It has been refused already; this only adds detail.
  }
  return platforms.size === 0 ? ['another platform'] : [...platforms].sort();
}

function platformOf(content: string): string | undefined {
  if (!content.startsWith('{')) return undefined;
  try {
    const config = JSON.parse(content) as { os?: unknown; architecture?: unknown; rootfs?: unknown };
    const isConfig = typeof config.architecture === 'string' && config.rootfs !== undefined;
    return isConfig && config.architecture !== 'unknown'
      ? `${String(config.os)}/${String(config.architecture)}`
      : undefined;
  } catch {
    return undefined;
  }
}

async function readHead(file: string): Promise<Result<Buffer>> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
      return succeed(buffer.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
  } catch (error) {
    return fail('image', `the archive ${file} cannot be read: ${messageOf(error)}`);
  }
}
