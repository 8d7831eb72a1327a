import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { collectResults } from '../../src/results/collect-results.ts';
import { takeFiles } from '../../src/results/take-files.ts';

let root: string;
let results: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'collect-'));
  results = path.join(root, 'results');
  mkdirSync(results);
});
afterEach(() => rmSync(root, { recursive: true }));

const green = '<testsuite name="s" tests="1"><testcase name="a" classname="c"/></testsuite>';
const signal = AbortSignal.timeout(30_000);
const write = (name: string, content: string) => writeFileSync(path.join(results, name), content);

async function collect(options: { totalBytes?: number; missing?: { name: string; reason: string }[] } = {}) {
  const limits = { totalBytes: options.totalBytes ?? 1e6, files: 100 };
  const mask = new SecretMask([]);
  const taken = await takeFiles({
    directory: results,
    root,
    mask,
    limits,
    isFenced: true,
    seenAs: '/results',
    signal,
  });
  const { missing = [] } = options;
  const junitDir = path.join(root, 'junit');
  return collectResults({
    taken,
    takenDir: results,
    missing,
    junitDir,
    junitGlobs: ['**/*.xml'],
    seenAs: '/results',
    notBefore: 0,
    signal,
  });
}

test('a red report above the limit is one that could not be read, although another is green', async () => {
  write('a.xml', green);
  write('b.xml', `${green}${' '.repeat(2000)}`);
  write('core', 'x'.repeat(5000));
  const { reports, unreadable } = await collect({ totalBytes: 1000 });
  expect(reports.map(({ file }) => file)).toEqual(['a.xml']);
  expect(unreadable).toEqual([{ file: 'b.xml', reason: 'it was left out: it is above results-limit' }]);
});

test('a report that is a link to anything but a report that is there could not be read', async () => {
  write('a.xml', green);
  symlinkSync('a.xml', path.join(results, 'latest.xml'));
  symlinkSync('/results/a.xml', path.join(results, 'absolute.xml'));
  symlinkSync('/data/other.xml', path.join(results, 'elsewhere.xml'));
  const { reports, unreadable } = await collect();
  expect(reports).toHaveLength(1);
  expect(unreadable).toEqual([{ file: 'elsewhere.xml', reason: 'it was left out: it is a link' }]);
});

test('a report that did not arrive whole could not be read, and another file that did not is no report', async () => {
  write('a.xml', green);
  const missing = [
    { name: 'b.xml', reason: 'it did not arrive completely' },
    { name: 'b.log', reason: 'it did not arrive completely' },
  ];
  const { unreadable } = await collect({ missing });
  expect(unreadable).toEqual([{ file: 'b.xml', reason: 'it was left out: it did not arrive completely' }]);
});
