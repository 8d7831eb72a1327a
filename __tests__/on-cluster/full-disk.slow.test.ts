import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeImageFlags, startCommand, takeInventory } from './command-line.ts';
import { testImage } from './global-setup.ts';
import { pytestScript } from './run-on-shared-cluster.ts';

/** A small file system of its own: so large that preflight lets it pass, so small that tests fill it in a moment. */
const diskMebibytes = 128;
let disk: string;

beforeEach(() => {
  disk = mkdtempSync(path.join(tmpdir(), 'full-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMebibytes}m`, 'full-disk', disk]);
});
afterEach(() => {
  execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

const withoutChart = [...nodeImageFlags, '--profile', 'none', '--image', testImage];
const testsOf = (script: string) => [...withoutChart, '--command', JSON.stringify(['sh', '-c', script])];

test('fault 13: a results directory on a full disk is reported at once, before anything is created', async () => {
  const before = takeInventory();
  writeFileSync(path.join(disk, 'fill'), Buffer.alloc(diskMebibytes * 1024 ** 2 - 8192));
  const end = await startCommand(['run', ...testsOf('true')], { resultsDir: path.join(disk, 'out') }).ended;
  expect(end.status, end.output).toBe(2);
  expect(end.output).toMatch(/broken: results — results-dir .* cannot be used: the disk is full/);
  expect(end.seconds).toBeLessThan(10);
  expect(takeInventory()).toEqual(before);
});

test('fault 13: tests that fill the disk end with a verdict that names the cause, and with a teardown', async () => {
  const before = takeInventory();
  const fill = 'cat /dev/zero > /results/fill; echo the disk is full now;';
  const args = ['run', ...testsOf(`${fill} ${pytestScript('def test_one(): pass\n')}`)];
  const end = await startCommand(args, { resultsDir: path.join(disk, 'out') }).ended;
  expect(end.status, end.output).toBe(2);
  expect(end.verdict).toMatchObject({
    outcome: 'broken',
    failure: { kind: 'results', reason: expect.stringContaining('is full, and ') },
    warnings: expect.arrayContaining([expect.stringMatching(/the disk of .* is full/)]),
  });
  expect(end.verdict?.phases.map((phase) => phase.name)).toContain('teardown');
  expect(statSync(path.join(end.resultsDir, 'results', 'fill')).size).toBeGreaterThan(90 * 1024 ** 2);
  // Of what cannot be written whole there is nothing, and all of the rest.
  expect(readFileSync(path.join(end.resultsDir, 'summary.md'), 'utf8')).toContain('is full');
  expect(takeInventory()).toEqual(before);
});
