/** Archives of images as users bring them, which containerd takes unpacked only. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { fail, messageOf, type Result, succeed } from '../core/outcome.ts';

/** How a file begins that was compressed, and what takes it apart. */
const packings = [
  { name: 'gzip', magic: [0x1f, 0x8b], unpack: createGunzip },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: createZstdDecompress },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], unpack: undefined },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68], unpack: undefined },
  { name: 'zip', magic: [0x50, 0x4b, 0x03, 0x04], unpack: undefined },
] as const;

/** Where a tar has the word "ustar" (POSIX and GNU alike). */
const tarMagic = { offset: 257, text: 'ustar' };
const headBytes = 512;

/**
 * Looks at how an archive of images begins.
 * @returns what opens it, each time from its beginning, as a stream of tar; or a failure of kind `image` when it is no tar.
 */
export async function openArchive(file: string): Promise<Result<() => Readable>> {
  const head = await readHead(file);
  if (!head.ok) return head;
  const packing = packings.find(({ magic }) => magic.every((byte, i) => head.value[i] === byte));
  if (packing === undefined) {
    const { offset, text } = tarMagic;
    if (head.value.toString('latin1', offset, offset + text.length) === text)
      return succeed(() => createReadStream(file));
    return fail('image', `the archive ${file} is no tar`, {
      hint: 'Write it with "docker save -o", or with an OCI exporter: "docker buildx build --output type=oci,dest=FILE".',
    });
  }
  const { name, unpack } = packing;
  if (unpack === undefined)
    return fail('image', `the archive ${file} is compressed with ${name}, which cannot be read`, {
      hint: 'Give the plain tar, or one compressed with gzip or zstd.',
    });
  // What breaks off one of the two ends the other; its reader hears of it.
  return succeed(() => pipeline(createReadStream(file), unpack(), () => {}));
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
