import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { collectResults } from '../../src/results/collect-results.ts';
import { readPictures } from '../../src/results/read-pictures.ts';
import { takeFiles } from '../../src/results/take-files.ts';

let root: string;
let results: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'attachments-'));
  results = path.join(root, 'results');
  mkdirSync(results);
});
afterEach(() => rmSync(root, { recursive: true }));

const signal = AbortSignal.timeout(30_000);

function write(name: string, content: string | Buffer): void {
  const file = path.join(results, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/** A report of one failed case with this inside it. */
const reportOf = (inside: string) =>
  `<testsuite name="s" tests="1" failures="1"><testcase name="pays" classname="c"><failure message="no">at 3</failure>${inside}</testcase></testsuite>`;

async function collect(below = ''): Promise<{ attachments: readonly string[] | undefined; warnings: string[] }> {
  const limits = { totalBytes: 1e7, files: 100 };
  const mask = new SecretMask([]);
  const taken = await takeFiles({ directory: results, root, mask, limits, isFenced: true, signal });
  const { reports, warnings } = await collectResults({
    taken,
    takenDir: results,
    junitDir: path.join(root, 'junit'),
    junitGlobs: ['**/*.xml'],
    seenAs: '/results',
    below,
    notBefore: 0,
    signal,
  });
  return { attachments: reports[0]?.cases[0]?.attachments, warnings };
}

test.each([
  [
    'Playwright, beside its report',
    'e2e/junit.xml',
    '<system-out>[[ATTACHMENT|shots/a.png]]</system-out>',
    'e2e/shots/a.png',
  ],
  [
    'Playwright, above its report',
    'e2e/junit.xml',
    '<system-out>\n[[ATTACHMENT|../shots/a.png]]\n</system-out>',
    'shots/a.png',
  ],
  [
    'by an absolute path',
    'junit.xml',
    '<system-err>x [[ATTACHMENT|/results/shots/a.png]] y</system-err>',
    'shots/a.png',
  ],
  ['relative to the results', 'e2e/junit.xml', '<system-out>[[ATTACHMENT|shots/a.png]]</system-out>', 'shots/a.png'],
  [
    'by a property',
    'junit.xml',
    '<properties><property name="screenshot" value="shots/a.png"/></properties>',
    'shots/a.png',
  ],
])('the screenshot of a failed test is found: %s', async (_what, report, inside, file) => {
  write(report, reportOf(inside));
  write(file, 'png');
  expect(await collect()).toEqual({ attachments: [`results/${file}`], warnings: [] });
});

test('the screenshot of a test in a shard is found in the results of that shard', async () => {
  write('shard-1/junit.xml', reportOf('<system-out>[[ATTACHMENT|/results/a.png]]</system-out>'));
  write('shard-1/a.png', 'png');
  expect((await collect('shard-1/')).attachments).toEqual(['results/shard-1/a.png']);
});

test('an attachment that the tests wrote elsewhere is a warning with the directory to write it to', async () => {
  write('junit.xml', reportOf('<system-out>[[ATTACHMENT|../app/test-results/a.png]]</system-out>'));
  const { attachments, warnings } = await collect();
  expect(attachments).toBeUndefined();
  expect(warnings).toEqual([
    'tests name an attachment that are not among the results, such as ../app/test-results/a.png: write them below /results',
  ]);
});

test('no name in a report leads to a file outside of the results', async () => {
  writeFileSync(path.join(root, 'secret.png'), 'secret');
  write('a.png', 'png');
  symlinkSync('/etc/hostname', path.join(results, 'link.png'));
  const names = [
    '../secret.png',
    '/etc/passwd',
    '/results/../secret.png',
    'link.png',
    '/resultsx/a.png',
    'shots/../../secret.png',
  ];
  write('junit.xml', reportOf(`<system-out>${names.map((name) => `[[ATTACHMENT|${name}]]`).join('')}</system-out>`));
  const { attachments, warnings } = await collect();
  expect(attachments).toBeUndefined();
  expect(warnings.join()).toContain(`${names.length} attachments`);
});

/** The minimum that contains the size of a picture. */
function pngOf(width: number, height: number, bytes = 64): Buffer {
  const png = Buffer.alloc(bytes);
  Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').copy(png);
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  return png;
}
function jpegOf(width: number, height: number): Buffer {
  const head = Buffer.from('ffd8ffe000104a46494600010100000100010000ffc00011080000000003', 'hex');
  head.writeUInt16BE(height, 25);
  head.writeUInt16BE(width, 27);
  return head;
}

test('small pictures are shown in the report, and none that would fill the memory of a browser', async () => {
  const files: Record<string, Buffer> = {
    'small.png': pngOf(640, 480),
    'photo.jpg': jpegOf(640, 480),
    'large.png': pngOf(640, 480, 201 * 1024),
    'bomb.png': pngOf(50_000, 50_000),
    'bomb.jpg': jpegOf(65_000, 65_000),
    'script.png': Buffer.from('<svg onload="alert(1)">'),
    'cut.jpg': Buffer.from('ffd8ff', 'hex'),
    'empty.png': Buffer.alloc(0),
    'picture.gif': pngOf(1, 1),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(path.join(root, name), bytes);
  symlinkSync('small.png', path.join(root, 'link.png'));
  writeFileSync(path.join(path.dirname(root), 'outside.png'), pngOf(1, 1));
  const named = [...Object.keys(files), 'link.png', '../outside.png', 'missing.png'];
  const pictures = await readPictures(root, named);
  rmSync(path.join(path.dirname(root), 'outside.png'));
  expect([...pictures.keys()]).toEqual(['small.png', 'photo.jpg']);
  expect(pictures.get('small.png')).toBe(
    `data:image/png;base64,${readFileSync(path.join(root, 'small.png')).toString('base64')}`,
  );
});

test('the pictures of a report stay below a few megabytes together', async () => {
  for (let i = 0; i < 40; i++) writeFileSync(path.join(root, `${i}.png`), pngOf(100, 100, 150 * 1024));
  const pictures = await readPictures(
    root,
    Array.from({ length: 40 }, (_, i) => `${i}.png`),
  );
  expect(pictures.size).toBe(27);
});
