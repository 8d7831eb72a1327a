import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeImageFlags, startCommand } from './command-line.ts';
import { testImage } from './global-setup.ts';

/** The local registry of kind's site: a container on kind's network, published on this machine's loopback. */
const name = `k8s-test-local-registry-${process.pid}`;
const large = 'k8s-test-local-registry-large:1';
let directory: string;
let address: string;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'local-registry-'));
  const hasNetwork = spawnSync('docker', ['network', 'inspect', 'kind'], { stdio: 'ignore' }).status === 0;
  if (!hasNetwork) execFileSync('docker', ['network', 'create', 'kind'], { stdio: 'ignore' });
  const program = realpathSync(execFileSync('which', ['registry'], { encoding: 'utf8' }).trim());
  const storage = { filesystem: { rootdirectory: '/var/lib/registry' } };
  writeFileSync(
    path.join(directory, 'config.json'),
    JSON.stringify({ version: '0.1', storage, http: { addr: ':5000' } }),
  );
  const volumes = ['--volume', `${program}:/registry:ro`, '--volume', `${directory}:/config:ro`];
  const flags = ['--detach', '--name', name, '--network', 'kind', '--publish', '127.0.0.1::5000'];
  execFileSync('docker', [
    'run',
    ...flags,
    ...volumes,
    'debian:bookworm-slim',
    '/registry',
    'serve',
    '/config/config.json',
  ]);
  const published = execFileSync('docker', ['port', name, '5000/tcp'], { encoding: 'utf8' });
  address = `localhost:${published.trim().split(':').pop()}`;
  const image = `${address}/shop/tests:1`;
  execFileSync('docker', ['tag', testImage, image]);
  execFileSync('docker', ['push', '--quiet', image], { stdio: 'ignore' });
  // The nodes must pull it.
  execFileSync('docker', ['image', 'rm', '--no-prune', image], { stdio: 'ignore' });
  execFileSync('docker', ['tag', testImage, large]);
});
afterAll(() => {
  execFileSync('docker', ['rm', '--force', '--volumes', name], { stdio: 'ignore' });
  execFileSync('docker', ['image', 'rm', '--no-prune', large], { stdio: 'ignore' });
  rmSync(directory, { recursive: true });
});

test('a kind-config with containerdConfigPatches, for which kind restarts containerd under the images, ends no run; nor does an image of a local registry', async () => {
  const kindConfig = path.join(directory, 'kind.yaml');
  // As https://kind.sigs.k8s.io/docs/user/local-registry/ describes it.
  writeFileSync(
    kindConfig,
    `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
containerdConfigPatches:
- |-
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
`,
  );
  const script = `echo '<testsuite tests="1"><testcase name="one"/></testsuite>' > /results/junit.xml`;
  const given = {
    profile: 'none',
    image: `${address}/shop/tests:1`,
    command: JSON.stringify(['sh', '-c', script]),
    'kind-config': kindConfig,
    'registry-mirrors': `${address}=http://${name}:5000`,
    'load-images': large,
  };
  const flags = Object.entries(given).flatMap(([input, value]) => [`--${input}`, value]);
  const run = startCommand(['run', ...flags, ...nodeImageFlags]);
  const end = await run.ended;
  expect(end.status, end.output).toBe(0);
  expect(end.verdict).toMatchObject({ outcome: 'passed', tests: { passed: 1 }, failure: null });
});
