import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adoptBeforeRemoval, fenceResults } from '../../src/results/fence-results.ts';
import { testImage } from './global-setup.ts';

const nodePath = '/k8s-test/results';
const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' }).trim();
const signal = AbortSignal.timeout(120_000);

let hostPath: string;
let nodes: string[];
/** Three containers that see one directory, as the nodes of a cluster do, and what tests of another user left there. */
beforeEach(() => {
  hostPath = mkdtempSync(path.join(tmpdir(), 'adopting-'));
  const mount = `type=bind,source=${hostPath},target=${nodePath}`;
  nodes = [1, 2, 3].map(() =>
    docker('run', '--detach', '--mount', mount, '--entrypoint', 'sleep', '--user', '0', testImage, '600'),
  );
  mkdirSync(path.join(hostPath, 'closed'));
  writeFileSync(path.join(hostPath, 'closed', 'report.xml'), '<testsuite/>', { mode: 0o600 });
  chownSync(path.join(hostPath, 'closed', 'report.xml'), 1000, 1000);
  chownSync(path.join(hostPath, 'closed'), 1000, 1000);
  chmodSync(path.join(hostPath, 'closed'), 0o555);
  mkdirSync(path.join(hostPath, 'open'));
  writeFileSync(path.join(hostPath, 'open', 'log.txt'), 'x');
  for (const name of ['open', 'open/log.txt']) chmodSync(path.join(hostPath, name), 0o777);
});
afterEach(() => {
  docker('rm', '--force', '--volumes', ...nodes);
  rmSync(hostPath, { recursive: true });
});

const fence = () => fenceResults({ nodes, nodePath, hostPath, fenceSeconds: 3, signal });
const ownerOf = (...names: string[]) => lstatSync(path.join(hostPath, ...names)).uid;

function expectOurs(): void {
  expect([ownerOf('closed'), ownerOf('closed', 'report.xml')]).toEqual([process.getuid?.(), process.getuid?.()]);
  expect(lstatSync(path.join(hostPath, 'closed')).mode & 0o700).toBe(0o700);
  // Nobody else may write there any more, as long as the run reads it.
  for (const name of ['open', 'open/log.txt']) expect(lstatSync(path.join(hostPath, name)).mode & 0o022).toBe(0);
}

test('results of three nodes are the runner’s after one of them adopted them', async () => {
  expect(await fence()).toMatchObject({ isFenced: true, problem: '' });
  expectOurs();
});

test('results of three nodes are not lost with the node of the tests: another one adopts them', async () => {
  docker('kill', nodes[0]!);
  // The writers on that node have ended with it, but the node cannot confirm that.
  expect(await fence()).toMatchObject({ isFenced: false, problem: expect.stringContaining(nodes[0]!.slice(0, 12)) });
  expectOurs();
});

test('results of a run that was killed are the user’s before its last node goes, though the first ones are dead', async () => {
  docker('kill', nodes[0]!, nodes[1]!);
  expect(await adoptBeforeRemoval(nodes, nodePath, signal)).toBe('');
  expectOurs();
});
