import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeImageFlags, startCommand } from './command-line.ts';
import { testImage } from './global-setup.ts';
import { pytestScript } from './run-on-shared-cluster.ts';

/** A user's own things: a cluster with the default name, a registry with the usual one, and a kubeconfig with other contexts. */
const home = mkdtempSync(path.join(tmpdir(), 'neighbours-'));
const kubeconfig = path.join(home, '.kube', 'config');
const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' }).trim();
let registry = '';
let before = '';

const describeNeighbours = () =>
  [
    docker(
      'inspect',
      '--format',
      '{{.Id}} {{.State.StartedAt}} {{.RestartCount}}',
      'kind-control-plane',
      'kind-registry',
    ),
    readFileSync(kubeconfig, 'utf8'),
    execFileSync('kind', ['get', 'clusters'], { encoding: 'utf8' }).split('\n').includes('kind'),
  ].join('\n');

beforeAll(() => {
  mkdirSync(path.dirname(kubeconfig), { recursive: true });
  writeFileSync(
    kubeconfig,
    'apiVersion: v1\nkind: Config\ncurrent-context: work\ncontexts:\n- name: work\n  context: {cluster: a, user: b}\n',
  );
  const image = nodeImageFlags.length === 0 ? [] : ['--image', nodeImageFlags[1]!];
  execFileSync('kind', ['create', 'cluster', '--name', 'kind', '--kubeconfig', kubeconfig, ...image], {
    stdio: 'pipe',
  });
  registry = docker('run', '--detach', '--name', 'kind-registry', '--entrypoint', 'sleep', testImage, 'infinity');
  before = describeNeighbours();
});
afterAll(() => {
  execFileSync('kind', ['delete', 'cluster', '--name', 'kind', '--kubeconfig', kubeconfig], { stdio: 'pipe' });
  if (registry !== '') docker('rm', '--force', '--volumes', registry);
  rmSync(home, { recursive: true });
});

test("two runs at once end as their tests do, and the user's cluster, registry and kubeconfig are as before, byte for byte", async () => {
  const start = (source: string) => {
    const command = JSON.stringify(['sh', '-c', pytestScript(source)]);
    const args = ['run', ...nodeImageFlags, '--profile', 'none', '--image', testImage, '--command', command];
    return startCommand(args, { env: { HOME: home, KUBECONFIG: kubeconfig } });
  };
  const passing = start('def test_one(): pass\n');
  const failing = start('def test_one(): assert False\n');
  // Once the verdict is known, Ctrl-C changes nothing of it, nor of the teardown.
  await passing.untilPrinted('▶ teardown');
  passing.process.kill('SIGINT');
  const ends = await Promise.all([passing.ended, failing.ended]);
  expect(ends[0].status, ends[0].output).toBe(0);
  expect(ends[0].verdict).toMatchObject({ outcome: 'passed', tests: { passed: 1 } });
  expect(ends[0].verdict?.phases.map((phase) => phase.name)).toContain('teardown');
  expect(ends[1].status, ends[1].output).toBe(1);
  expect(ends[1].verdict).toMatchObject({ outcome: 'failed', tests: { failed: 1 } });
  expect(ends[0].verdict?.cluster?.name).not.toBe(ends[1].verdict?.cluster?.name);
  expect(describeNeighbours()).toBe(before);
});
