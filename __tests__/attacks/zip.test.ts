/** Hostile zips: the uploader of an artifact of the workflow run controls the content of the archive. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { expect } from 'vitest';
import { takeResultsOfZip, type ZipLimits } from '../../src/roll-up/read-zip.ts';
import { testAttack } from './attempts.ts';

interface Packed {
  name: string | Buffer;
  content?: string | Buffer;
  /** Unix mode, with the kind of the file. */
  mode?: number;
  flags?: number;
  method?: number;
  /** The false fields of the list. */
  says?: { unpacked?: number; packed?: number; crc?: number; offset?: number };
  /** The text before the file itself, in place of its name. */
  localName?: string;
}

const limits: ZipLimits = { fileBytes: 1024 * 1024, listBytes: 1024 * 1024, results: 20 };

/** The false fields of the 64-bit records. */
interface Large {
  /** The numbers of each entry: unpacked and packed size, offset. */
  numbers?: (bigint | number)[];
  /** Id of the extra field. */
  id?: number;
  /** The length of the extra field according to itself. */
  extraBytes?: number;
  count?: bigint;
  listBytes?: bigint;
  listAt?: bigint;
  recordAt?: bigint;
  signature?: number;
}

/** The end of a zip whose numbers need 64 bits: record, locator, and an end that refers to them. */
function makeLargeEnd(count: number, listBytes: number, offset: number, over: Large): Buffer {
  const record = Buffer.alloc(56);
  record.writeUInt32LE(over.signature ?? 0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(over.count ?? BigInt(count), 24);
  record.writeBigUInt64LE(over.count ?? BigInt(count), 32);
  record.writeBigUInt64LE(over.listBytes ?? BigInt(listBytes), 40);
  record.writeBigUInt64LE(over.listAt ?? BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(over.recordAt ?? BigInt(offset + listBytes), 8);
  locator.writeUInt32LE(1, 16);
  const end = Buffer.alloc(22, 0xff);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(0, 4);
  end.writeUInt16LE(0, 20);
  return Buffer.concat([record, locator, end]);
}

/** Three numbers of an entry, as in its extra field. */
function makeLargeNumbers(truth: number[], over: Large): Buffer {
  const numbers = over.numbers ?? truth;
  const extra = Buffer.alloc(4 + 8 * numbers.length);
  extra.writeUInt16LE(over.id ?? 1, 0);
  extra.writeUInt16LE(over.extraBytes ?? 8 * numbers.length, 2);
  for (const [i, number] of numbers.entries()) extra.writeBigUInt64LE(BigInt(number), 4 + 8 * i);
  return extra;
}

function makeZip(
  entries: Packed[],
  over: { count?: number; listBytes?: number; tail?: Buffer; large?: Large } = {},
): Buffer {
  const files: Buffer[] = [];
  const list: Buffer[] = [];
  let offset = 0;
  for (const { name, content = '', mode = 0o100644, flags = 0, method = 8, says = {}, localName } of entries) {
    const bytes = Buffer.from(content);
    const data = method === 8 ? deflateRawSync(bytes) : bytes;
    const [inList, inFile] = [Buffer.from(name), Buffer.from(localName ?? name)];
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(inFile.length, 26);
    const head = Buffer.alloc(46);
    head.writeUInt32LE(0x02014b50, 0);
    head.writeUInt16LE(3 << 8, 4);
    head.writeUInt16LE(flags, 8);
    head.writeUInt16LE(method, 10);
    head.writeUInt32LE(says.crc ?? crc32(bytes), 16);
    head.writeUInt32LE(says.packed ?? data.length, 20);
    head.writeUInt32LE(says.unpacked ?? bytes.length, 24);
    head.writeUInt16LE(inList.length, 28);
    head.writeUInt32LE(mode * 0x10000, 38);
    head.writeUInt32LE(says.offset ?? offset, 42);
    files.push(local, inFile, data);
    if (over.large === undefined) list.push(head, inList);
    else {
      for (const field of [20, 24, 42]) head.writeUInt32LE(0xffffffff, field);
      const extra = makeLargeNumbers([says.unpacked ?? bytes.length, data.length, offset], over.large);
      head.writeUInt16LE(extra.length, 30);
      list.push(head, inList, extra);
    }
    offset += local.length + inFile.length + data.length;
  }
  const listed = Buffer.concat(list);
  if (over.large !== undefined)
    return Buffer.concat([...files, listed, makeLargeEnd(entries.length, listed.length, offset, over.large)]);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(over.count ?? entries.length, 8);
  end.writeUInt16LE(over.count ?? entries.length, 10);
  end.writeUInt32LE(over.listBytes ?? listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, listed, end, over.tail ?? Buffer.alloc(0)]);
}

const verdict = '{"schema":1}';
const good: Packed[] = [
  { name: 'result.json', content: verdict },
  { name: 'junit.xml', content: '<testsuites/>' },
];
const victimContent = 'a file of the runner';

/** Takes what a zip holds into a directory beside a file of the runner, which must stay as it is. */
async function take(zip: Buffer): Promise<{ ok: boolean; reason: string; files: Record<string, string> }> {
  const base = mkdtempSync(path.join(tmpdir(), 'zip-'));
  try {
    const target = path.join(base, 'legs', '1', 'k8s-test-x');
    mkdirSync(target, { recursive: true });
    for (const name of ['victim', 'legs/result.json', 'legs/1/junit.xml'])
      writeFileSync(path.join(base, name), victimContent);
    const file = path.join(base, 'artifact');
    writeFileSync(file, zip);
    const before = listAll(base, target);
    const taken = await takeResultsOfZip(file, target, limits);
    expect(listAll(base, target)).toEqual(before);
    for (const name of ['victim', 'legs/result.json', 'legs/1/junit.xml'])
      expect(readFileSync(path.join(base, name), 'utf8')).toBe(victimContent);
    const files = Object.fromEntries(
      listAll(target, '').flatMap((name) => {
        const at = path.join(target, name);
        const entry = readdirSync(path.dirname(at), { withFileTypes: true }).find(
          (one) => one.name === path.basename(at),
        );
        expect(entry?.isSymbolicLink()).toBe(false);
        return entry?.isFile() === true ? [[name, readFileSync(at, 'utf8')]] : [];
      }),
    );
    return { ok: taken.ok, reason: taken.ok ? '' : taken.failure.reason, files };
  } finally {
    rmSync(base, { recursive: true });
  }
}

function listAll(root: string, without: string): string[] {
  return (readdirSync(root, { recursive: true }) as string[])
    .filter((name) => without === '' || !path.join(root, name).startsWith(`${without}/`))
    .sort();
}

const escapes = [
  '../',
  '../../',
  '../../../',
  '/',
  '//',
  './',
  'a/../',
  'a/../../',
  'a//',
  '..\\',
  'a\\..\\..\\',
  'C:\\',
  '\\\\host\\share\\',
  '~/',
  'a/./',
  'legs/../../',
  '%2e%2e/',
  '..%2f',
  '\u2025/',
  `${'a/'.repeat(4)}b/`,
  `${'a/'.repeat(3000)}`,
  `${'n'.repeat(256)}/`,
  `${'ü'.repeat(200)}/`,
  'nul\0/',
];

testAttack('zip', 'no name of a zip leads out of its directory, and no verdict beside it is lost', async (attempt) => {
  for (const prefix of escapes)
    for (const base of ['result.json', 'junit.xml', 'victim', '.bashrc'])
      for (const kind of [0o100644, 0o120777, 0o104755])
        await attempt(`${JSON.stringify(prefix.slice(0, 40))}${base} ${kind.toString(8)}`, async () => {
          const taken = await take(makeZip([...good, { name: prefix + base, content: 'planted', mode: kind }]));
          expect(taken).toMatchObject({ ok: true, files: { 'result.json': verdict, 'junit.xml': '<testsuites/>' } });
        });
  for (const name of [Buffer.from([0xff, 0xfe, 0x2f]), Buffer.from('caf\xe9/', 'latin1'), Buffer.alloc(0)])
    for (const base of ['result.json', 'junit.xml'])
      await attempt(`a name that is not UTF-8 before ${base}`, async () => {
        const planted = {
          name: Buffer.concat([name, Buffer.from(name.length === 0 ? `x/${base}` : base)]),
          content: 'p',
        };
        expect(await take(makeZip([...good, planted]))).toMatchObject({ ok: true, files: { 'result.json': verdict } });
      });
  await attempt('a name before the file that differs from the list', async () => {
    const taken = await take(makeZip([{ ...good[0]!, localName: '../../../victim' }, good[1]!]));
    expect(taken).toMatchObject({ ok: true, files: { 'result.json': verdict } });
  });
});

testAttack('zip', 'no link, special file or odd packing is accepted as a verdict or a report', async (attempt) => {
  for (const name of ['result.json', 'junit.xml'])
    for (const mode of [0o120777, 0o010644, 0o020644, 0o040755, 0o060644, 0o140755])
      await attempt(`${name} of kind ${mode.toString(8)}`, async () => {
        const entries = good.map((one) => (one.name === name ? { ...one, content: '../../../victim', mode } : one));
        expect(await take(makeZip(entries))).toMatchObject({
          ok: false,
          reason: expect.stringContaining('not a regular'),
        });
      });
  for (const [what, over] of Object.entries({
    encrypted: { flags: 1 },
    bzip2: { method: 12 },
    zstd: { method: 93 },
    'stored as if deflated': { method: 0, says: { packed: 3 } },
    'a wrong sum': { says: { crc: 1 } },
    'another offset': { says: { offset: 5 } },
    'an offset behind the end': { says: { offset: 0x7fffffff } },
    'fewer packed bytes': { says: { packed: 2 } },
    'more packed bytes than there are': { says: { packed: 0x7fffffff } },
  } satisfies Record<string, Partial<Packed>>))
    for (const index of [0, 1])
      await attempt(`${String(good[index]!.name)}, ${what}`, async () => {
        const entries = good.map((one, i) => (i === index ? { ...one, ...over } : one));
        expect((await take(makeZip(entries))).ok).toBe(false);
      });
  for (const twice of good)
    for (const content of ['', verdict, '{"schema":1,"outcome":"passed"}'])
      await attempt(`${String(twice.name)} twice`, async () => {
        const taken = await take(makeZip([...good, { name: twice.name, content }]));
        expect(taken).toMatchObject({ ok: false, files: {}, reason: expect.stringContaining('twice') });
      });
});

testAttack('zip', 'no bomb is unpacked, and no cut or forged archive ends in more than a failure', async (attempt) => {
  const zeros = Buffer.alloc(64 * 1024 * 1024);
  for (const name of ['result.json', 'junit.xml'])
    for (const unpacked of [zeros.length, 10, 1024 * 1024])
      await attempt(`64 MiB of zeros as ${name} that say ${unpacked}`, async () => {
        const entries = good.map((one) => (one.name === name ? { ...one, content: zeros, says: { unpacked } } : one));
        const taken = await take(makeZip(entries));
        expect(taken.ok).toBe(false);
        expect(Object.values(taken.files).join('').length).toBeLessThanOrEqual(2 * limits.fileBytes);
      });
  await attempt('a bomb beside the results is never unpacked', async () => {
    const taken = await take(makeZip([...good, { name: 'results/zeros', content: zeros }]));
    expect(taken).toMatchObject({ ok: true });
    expect(Object.keys(taken.files)).toEqual(['junit.xml', 'result.json']);
  });
  await attempt('results in thousands of directories', async () => {
    const many = Array.from({ length: 2000 }, (_, i) => ({ name: `d${i}/result.json`, content: verdict }));
    expect(await take(makeZip(many))).toMatchObject({ ok: false, files: {}, reason: expect.stringContaining('2000') });
  });
  await attempt('results within results are the tests’ own', async () => {
    const taken = await take(makeZip([...good, { name: 'results/a/result.json', content: '{"outcome":"passed"}' }]));
    expect(Object.keys(taken.files)).toEqual(['junit.xml', 'result.json']);
  });
  for (const [what, over] of Object.entries({
    'a count that is too high': { count: 3 },
    'a count that is too low': { count: 1 },
    'a list that is longer than the file': { listBytes: 1000 },
    'a list of 4 GiB': { listBytes: 0xfffffffe },
    'a list that is cut': { listBytes: 50 },
    'words behind its end': { tail: Buffer.from('more') },
  }))
    await attempt(what, async () => {
      expect(await take(makeZip(good, over))).toMatchObject({ ok: false, files: {} });
    });
  const whole = makeZip(good);
  for (let length = 0; length < whole.length; length++)
    await attempt(`cut after ${length} bytes`, async () => {
      expect((await take(whole.subarray(0, length))).ok).toBe(false);
    });
  // One byte at a time: with any result, nothing is written elsewhere and nothing is thrown.
  for (let at = 0; at < whole.length; at++)
    for (const bits of [0xff, 0x01])
      await attempt(`byte ${at} turned by ${bits}`, async () => {
        const turned = Buffer.from(whole);
        turned[at]! ^= bits;
        const { ok, files } = await take(turned);
        expect(ok ? (files['result.json'] ?? verdict) : verdict).toBe(verdict);
      });
  expect(existsSync(path.join(tmpdir(), 'victim'))).toBe(false);
});

const most = 2n ** 64n - 1n;
const forgedNumbers: Record<string, Large> = {
  'no extra field': { numbers: [] },
  'one number of three': { numbers: [1] },
  'an extra field that says it is empty': { extraBytes: 0 },
  'an extra field longer than its room': { extraBytes: 0xffff },
  'an extra field of another kind': { id: 0x5455 },
  'sizes beyond any file': { numbers: [most, most, most] },
  'an offset beyond any file': { numbers: [12, 14, most] },
  'an offset behind the end': { numbers: [12, 14, 2n ** 40n] },
  'an offset at the last number that is exact': { numbers: [12, 14, 2n ** 53n - 1n] },
  'a packed size of a terabyte': { numbers: [12, 2n ** 40n, 0] },
  'an unpacked size of a terabyte': { numbers: [2n ** 40n, 14, 0] },
  'more files than there are': { count: 3n },
  'fewer files than there are': { count: 1n },
  'files without end': { count: most },
  'a list of a terabyte': { listBytes: 2n ** 40n },
  'a list without end': { listBytes: most },
  'a list of no bytes': { listBytes: 0n },
  'a list behind the end': { listAt: 2n ** 40n },
  'a list beyond any file': { listAt: most },
  'a list at the begin': { listAt: 0n },
  'a record behind the end': { recordAt: 2n ** 40n },
  'a record beyond any file': { recordAt: most },
  'a record at the begin': { recordAt: 0n },
  'a record that is none': { signature: 0x06054b50 },
};

testAttack(
  'zip',
  'numbers of 64 bits are read as they are, and forged ones end in no more than a failure',
  async (attempt) => {
    const files = { 'result.json': verdict, 'junit.xml': '<testsuites/>' };
    await attempt('an archive with true numbers of 64 bits', async () => {
      expect(await take(makeZip(good, { large: {} }))).toMatchObject({ ok: true, files });
    });
    for (const [what, large] of Object.entries(forgedNumbers))
      await attempt(what, async () => {
        expect(await take(makeZip(good, { large }))).toMatchObject({ ok: false, files: {} });
      });
    await attempt('64 MiB of zeros in a file of ten bytes', async () => {
      const bomb = { name: 'result.json', content: Buffer.alloc(64 * 1024 * 1024), says: { unpacked: 10 } };
      expect((await take(makeZip([bomb], { large: {} }))).ok).toBe(false);
    });
    const whole = makeZip(good, { large: {} });
    // The part before the list is that of any zip.
    const listAt = whole.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    for (let length = listAt; length < whole.length; length++)
      await attempt(`cut after ${length} bytes`, async () => {
        expect((await take(whole.subarray(0, length))).ok).toBe(false);
      });
    for (let at = listAt; at < whole.length; at++)
      for (const bits of [0xff, 0x01])
        await attempt(`byte ${at} turned by ${bits}`, async () => {
          const turned = Buffer.from(whole);
          turned.writeUInt8(turned.readUInt8(at) ^ bits, at);
          const taken = await take(turned);
          expect(taken.ok ? (taken.files['result.json'] ?? verdict) : verdict).toBe(verdict);
        });
  },
);

testAttack('zip', 'no result of an archive is passed over for its place', async (attempt) => {
  const at = (depth: number): Packed[] => good.map((one) => ({ ...one, name: `${'d/'.repeat(depth)}${one.name}` }));
  for (let depth = 0; depth <= 4; depth++)
    await attempt(`results ${depth} directories deep are taken`, async () => {
      const taken = await take(makeZip(at(depth)));
      expect(taken).toMatchObject({ ok: true, files: { [`${'d/'.repeat(depth)}result.json`]: verdict } });
    });
  for (let depth = 5; depth <= 60; depth += 5)
    for (const beside of [[], good.map((one) => ({ ...one, name: `beside/${one.name}` }))])
      await attempt(`results ${depth} directories deep beside ${beside.length} files are refused`, async () => {
        const taken = await take(makeZip([...beside, ...at(depth)]));
        expect(taken).toMatchObject({
          ok: false,
          files: {},
          reason: expect.stringContaining('more than 4 directories deep'),
        });
      });
});
