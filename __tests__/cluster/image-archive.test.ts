import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openArchive } from '../../src/cluster/image-archive.ts';

let directory: string;
let tar: Buffer;
const at = (name: string) => path.join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'archives-'));
  // Larger than the buffers of a stream, so that it arrives in several pieces.
  writeFileSync(at('layer'), Buffer.alloc(300_000, 'layer'));
  execFileSync('tar', ['-cf', at('image.tar'), '-C', directory, 'layer']);
  execFileSync('gzip', ['--keep', at('image.tar')]);
  tar = readFileSync(at('image.tar'));
  writeFileSync(at('image.tar.zst'), zstdCompressSync(tar));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('an archive of images', () => {
  test.each(['image.tar', 'image.tar.gz', 'image.tar.zst'])(
    '%s comes to containerd as the tar that it is',
    async (name) => {
      const opened = await openArchive(at(name));
      if (!opened.ok) throw new Error(opened.failure.reason);
      expect(await buffer(opened.value())).toEqual(tar);
      const counts: [number, number][] = [];
      expect(await buffer(opened.value((...count) => counts.push(count)))).toEqual(tar);
      const { size } = statSync(at(name));
      expect(counts.at(-1)).toEqual([size, size]);
      // Once for each node.
      expect(await buffer(opened.value())).toEqual(tar);
    },
  );

  test.each([
    ['a text', Buffer.from('FROM debian\n'), / is no tar$/, /docker save -o/],
    ['an empty file', Buffer.alloc(0), / is no tar$/, /docker save -o/],
    [
      'a tar in xz',
      Buffer.from('fd377a585a0000', 'hex'),
      / is compressed with xz, which cannot be read$/,
      /gzip or zstd/,
    ],
    ['a zip', Buffer.from('504b030400000000', 'hex'), / is compressed with zip, which cannot be read$/, /plain tar/],
  ])('that is %s is refused with what it is, before any node is asked', async (_, content, reason, hint) => {
    writeFileSync(at('other'), content);
    expect(await openArchive(at('other'))).toMatchObject({
      ok: false,
      failure: { kind: 'image', reason: expect.stringMatching(reason), hint: expect.stringMatching(hint) },
    });
  });

  test('that no longer exists is refused by its name', async () => {
    expect(await openArchive(at('gone.tar'))).toMatchObject({
      ok: false,
      failure: { kind: 'image', reason: expect.stringMatching(/gone\.tar cannot be read: ENOENT/) },
    });
  });

  test('that breaks off in the middle ends the stream with an error, not as if it were whole', async () => {
    writeFileSync(at('half.tar.gz'), readFileSync(at('image.tar.gz')).subarray(0, 200));
    const opened = await openArchive(at('half.tar.gz'));
    if (!opened.ok) throw new Error(opened.failure.reason);
    await expect(buffer(opened.value())).rejects.toThrow(/unexpected end of file/);
  });
});
