import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { findInterrupted, removeHolders, type TakeOptions, takeFiles } from '../../src/results/take-files.ts';

const secret = 'hunter2-secret';
const mask = new SecretMask([secret]);
const noMask = new SecretMask([]);
const limits = { totalBytes: 1e9, files: 1000 };
let root: string;
let results: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'take-files-'));
  results = path.join(root, 'results');
  mkdirSync(results);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const take = (options: Partial<TakeOptions> = {}) =>
  takeFiles({
    directory: results,
    root,
    mask,
    limits,
    isFenced: true,
    signal: AbortSignal.timeout(60_000),
    ...options,
  });
const write = (name: string | Buffer, content: string | Buffer = '') => {
  const file = Buffer.concat([Buffer.from(`${results}/`), Buffer.from(name)]);
  const slash = file.lastIndexOf('/');
  mkdirSync(file.subarray(0, slash), { recursive: true });
  writeFileSync(file, content);
  utimesSync(file, 1e9, 1e9);
};
const read = (name: string) => readFileSync(path.join(results, name), 'utf8');
/** All files, by their paths. */
const listAll = (directory = results) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .sort();
const leftovers = () => readdirSync(root).filter((name) => name.startsWith('.k8s-test-'));

describe.each([
  ['where nobody writes any more', true],
  ['where somebody may still write', false],
])('files of the tests, %s,', (_, isFenced) => {
  test('arrive byte for byte with their times and without their secrets', async () => {
    const binary = Buffer.from([0, 255, 1, 254, 10]);
    write('deep/untouched', binary);
    // Longer than what is read at once, so that the secret crosses a chunk boundary.
    const filler = 'x'.repeat(64 * 1024 - 5);
    write('report.xml', `${filler}${secret}${filler}${secret}`);
    write('empty', '');
    const taken = await take({ isFenced });
    expect(taken).toMatchObject({
      files: ['deep/untouched', 'empty', 'report.xml'],
      masked: ['report.xml'],
      leftOut: [],
      warnings: [],
    });
    expect(read('report.xml')).toBe(`${filler}***${filler}***`);
    expect(readFileSync(path.join(results, 'deep/untouched'))).toEqual(binary);
    for (const name of taken.files) expect(statSync(path.join(results, name)).mtimeMs).toBe(1e12);
    expect(leftovers()).toEqual([]);
  });

  test('keep no secret in their names, and none is lost to another of the same name', async () => {
    write(`r-${secret}.xml`, 'one');
    write('r-***.xml', 'two');
    write(`of ${secret}/${secret}.txt`, 'three');
    write('***', 'four');
    write(secret, 'five');
    const taken = await take({ isFenced });
    expect(Object.fromEntries(taken.files.map((name) => [name, read(name)]))).toEqual({
      'r-***.xml': 'two',
      'r-***~2.xml': 'one',
      'of ***/***.txt': 'three',
      '***': 'four',
      '***~2': 'five',
    });
    expect(listAll()).toEqual(taken.files);
  });

  test('may have names that are not UTF-8, of 255 bytes, with line breaks, or deeper than a path can be', async () => {
    write(Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x2e, 0x78, 0x6d, 0x6c]), secret);
    write(Buffer.concat([Buffer.from([0xff]), Buffer.from('/in a bad directory.txt')]), secret);
    write(`${'n'.repeat(251)}.xml`, secret);
    write(Buffer.concat([Buffer.alloc(251, 0xfe), Buffer.from('.xml')]), 'long and bad');
    write('line\nbreak', secret);
    const taken = await take({ isFenced });
    expect(taken.files).toHaveLength(5);
    expect(taken.leftOut).toEqual([]);
    expect(taken.files).toContain('caf\\xe9.xml');
    expect(taken.files).toContain('\\xff/in a bad directory.txt');
    expect(taken.files.filter((name) => name.endsWith('.xml'))).toHaveLength(3);
    for (const name of listAll()) expect(read(name)).not.toContain(secret);
  });

  test('lose their links and special files before anything is read', async () => {
    const precious = path.join(root, 'precious');
    writeFileSync(precious, 'of the runner');
    write('a.txt', secret);
    symlinkSync(precious, path.join(results, 'a.txt.k8s-test-masked'));
    symlinkSync(root, path.join(results, 'up'));
    symlinkSync('a.txt', path.join(results, 'latest.txt'));
    symlinkSync('up', path.join(results, 'loop'));
    execFileSync('mkfifo', [path.join(results, 'fifo')]);
    mkdirSync(path.join(results, secret));
    linkSync(path.join(results, 'a.txt'), path.join(results, secret, 'hard'));
    symlinkSync(root, path.join(results, '***'));
    const taken = await take({ isFenced });
    expect(taken.files).toEqual(['***/hard', 'a.txt']);
    expect(taken.warnings).toEqual([
      '6 links or special files of the results were left out: ***, a.txt.k8s-test-masked, fifo, latest.txt, loop and 1 more',
    ]);
    expect(listAll()).toEqual(taken.files);
    expect(readFileSync(precious, 'utf8')).toBe('of the runner');
    // A link to a file that is there hides nothing.
    expect(taken.leftOut.find(({ name }) => name === 'latest.txt')).toMatchObject({ why: 'link', reason: '' });
    expect(leftovers()).toEqual([]);
  });

  test('are left out above the limit, and a sparse terabyte is never read', async () => {
    write('core', secret);
    truncateSync(path.join(results, 'core'), 2 ** 40);
    write('junit.xml', '<testsuite/>');
    const taken = await take({ isFenced });
    expect(taken.files).toEqual(['junit.xml']);
    expect(taken.leftOut).toEqual([{ name: 'core', why: 'limit', reason: 'it is above results-limit' }]);
    expect(taken.warnings).toEqual([expect.stringMatching(/^1 files of the results \(1 TiB\) are above the limit/)]);
    expect(leftovers()).toEqual([]);
  });

  test('in directories that are ours and closed to us are taken all the same', async () => {
    write('mod/cache/file.xml', 'read-only, as a module cache of Go');
    write('closed/file.xml', secret);
    chmodSync(path.join(results, 'mod/cache'), 0o555);
    chmodSync(path.join(results, 'mod'), 0o555);
    chmodSync(path.join(results, 'closed'), 0);
    const taken = await take({ isFenced });
    expect(taken).toMatchObject({ files: ['closed/file.xml', 'mod/cache/file.xml'], leftOut: [], warnings: [] });
    expect(leftovers()).toEqual([]);
  });

  test('stay beside the results, named, when time is up before they are masked', async () => {
    write('a.txt', secret);
    write('junit.xml', 'b');
    const taken = await take({ isFenced, signal: AbortSignal.abort(new Error('over')) });
    expect(taken.files).toEqual([]);
    expect(listAll()).toEqual([]);
    expect(taken.leftOut.map(({ name, why, reason }) => [name, why, reason])).toEqual([
      ['junit.xml', 'unreadable', 'time was up'],
      ['a.txt', 'unreadable', 'time was up'],
    ]);
    const [holder] = leftovers();
    expect(taken.warnings.join('\n')).toContain(path.join(root, holder ?? 'none'));
    expect(listAll(root).filter((name) => name.endsWith('a.txt'))).toHaveLength(1);
    removeHolders(root);
    expect(leftovers()).toEqual([]);
  });

  test('of directories deeper than any path are removed, and named', async () => {
    let at = results;
    for (let i = 0; i < 12; i++) {
      at = path.join(at, 'd'.repeat(200));
      mkdirSync(at);
    }
    execFileSync('sh', ['-c', 'i=0; while [ $i -lt 200 ]; do mkdir d; cd -P d; i=$((i + 1)); done; echo x > x'], {
      cwd: at,
    });
    write('junit.xml');
    const taken = await take({ isFenced });
    expect(taken.files).toEqual(['junit.xml']);
    expect(taken.warnings).toEqual([
      expect.stringMatching(/was left out of the results: it is more than 100 directories deep/),
    ]);
    expect(leftovers()).toEqual([]);
  });
});

test('a file without a secret stays the same file, and so does the directory that a kept cluster mounts', async () => {
  write('plain.txt', 'nothing');
  const file = statSync(path.join(results, 'plain.txt')).ino;
  const directory = statSync(results).ino;
  await take();
  expect(statSync(path.join(results, 'plain.txt')).ino).toBe(file);
  expect(statSync(results).ino).toBe(directory);
});

test('a process with an open file of an unfenced directory writes to another file than we read', async () => {
  write('open.txt', 'clean');
  const before = statSync(path.join(results, 'open.txt')).ino;
  await take({ isFenced: false });
  expect(statSync(path.join(results, 'open.txt')).ino).not.toBe(before);
});

test('a results directory that the tests replaced by a link is not entered', async () => {
  rmSync(results, { recursive: true });
  const elsewhere = path.join(root, 'elsewhere');
  mkdirSync(elsewhere);
  writeFileSync(path.join(elsewhere, 'precious'), secret);
  symlinkSync(elsewhere, results);
  expect(await take()).toMatchObject({ files: [] });
  expect(readFileSync(path.join(elsewhere, 'precious'), 'utf8')).toBe(secret);
  expect(statSync(results).isDirectory()).toBe(true);
  expect(listAll()).toEqual([]);
});

test('a taking that was killed is finished by the next one', async () => {
  write('rest.xml', 'rest');
  const holder = path.join(root, '.k8s-test-killed');
  mkdirSync(path.join(holder, 'moved/sub'), { recursive: true });
  mkdirSync(path.join(holder, 'left-out/rest'), { recursive: true });
  writeFileSync(path.join(holder, 'moved/sub/first.xml'), 'first');
  writeFileSync(path.join(holder, 'left-out/rest/second.xml'), secret);
  const taken = await take({ alsoFrom: findInterrupted(root, results) });
  expect(taken.files).toEqual(['rest.xml', 'second.xml', 'sub/first.xml']);
  expect(read('second.xml')).toBe('***');
  expect(leftovers()).toEqual([]);
});

test('where a run has no secrets, nothing is read', async () => {
  write('a', secret);
  expect(await take({ mask: noMask })).toMatchObject({ files: ['a'], masked: [] });
});
