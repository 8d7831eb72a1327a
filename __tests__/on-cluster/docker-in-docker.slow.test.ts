import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, lstatSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/core/outcome.ts';
import { runnerUid } from '../support/as-runner.ts';
import { nodeImageFlags } from './command-line.ts';
import { dockerInfo, isLab, noteMachine } from './dockers.ts';

/**
 * The two ways in which runners have a docker of their own beside them, a container each, as in docs/recipes.md. Docker is that
 * of lab/docker28, from whose files an image is made.
 */
const image = 'debian:bookworm-slim';
/** The number that the pods of the controller give the group docker. */
const dockerGroup = 123;
const dindImage = `k8s-test-dind:${process.pid}`;
const network = `k8s-test-dind-${process.pid}`;
const docker = (...args: string[]) =>
  execFileSync('docker', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  }).trim();

let root: string;
interface Service {
  name: string;
  stop: () => void;
}

/** Starts docker in a container, with the images of a run. */
function startDocker(name: string, mounts: string[], flags: string[]): Service {
  const compat = runcCompat();
  const runtime = compat === undefined ? [] : ['--add-runtime', 'compat=/runc-compat', '--default-runtime', 'compat'];
  const volumes = [...mounts, '/var/lib/docker', ...(compat === undefined ? [] : [`${compat}:/runc-compat:ro`])];
  const container = ['run', '--detach', '--privileged', '--name', name, ...flags];
  for (const volume of volumes) container.push('--volume', volume);
  // The paths are those of the image's own files.
  container.push('--env', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', dindImage, 'dockerd', ...runtime);
  const hosts = ['--host', 'unix:///var/run/docker.sock', '--host', 'tcp://0.0.0.0:2375', '--tls=false'];
  docker(...container, ...hosts, '--group', String(dockerGroup));
  const stop = () => {
    docker('rm', '--force', '--volumes', name);
  };
  try {
    const wait = 'until docker version >/dev/null 2>&1; do sleep 0.3; done';
    docker('exec', name, 'timeout', '60', 'sh', '-c', wait);
    noteMachine(`in a container: ${docker('exec', name, 'docker', ...dockerInfo)}`);
    const images = [nodeImageFlags[1], image].filter((one) => one !== undefined);
    const load = 'docker save "$@" | docker exec --interactive "$NAME" docker load --quiet';
    execFileSync('sh', ['-c', load, 'load', ...images], { env: { ...process.env, NAME: name }, stdio: 'pipe' });
  } catch (error) {
    process.stdout.write(`${docker('logs', '--tail', '30', name)}\n`);
    stop();
    throw error;
  }
  return { name, stop };
}

/** The program that wraps runc where this machine's capabilities are bounded: the docker of this machine has it too. */
function runcCompat(): string | undefined {
  const runtimes = docker('info', '--format', '{{json .Runtimes}}');
  const { compat } = JSON.parse(runtimes) as { compat?: { path: string } };
  return compat?.path;
}

/** Runs the command line in a container beside that docker. */
function runBeside(flags: string[], volumes: string[], results: string): { status: number | null; output: string } {
  const tools = ['node', 'docker', 'kind', 'helm', 'kubectl'].map((tool) => {
    const found = realpathSync(execFileSync('which', [tool], { encoding: 'utf8' }).trim());
    return `${found}:/usr/local/bin/${tool}:ro`;
  });
  const checkout = ['dist', 'charts', 'image-helper', 'action.yml', 'package.json'].map(
    (name) => `${path.resolve(name)}:/app/${name}:ro`,
  );
  const script = `echo '<testsuite tests="1"><testcase name="one"/></testsuite>' > /results/junit.xml; echo more > /results/more`;
  const run = ['run', '--profile', 'none', '--image', image, '--command', JSON.stringify(['sh', '-c', script])];
  run.push('--collector-image', image, ...nodeImageFlags, '--results-dir', results);
  const mounts = [...tools, ...checkout, ...volumes].flatMap((volume) => ['--volume', volume]);
  const called = spawnSync('docker', ['run', '--rm', ...flags, ...mounts, image, 'node', '/app/dist/cli.js', ...run], {
    encoding: 'utf8',
    timeout: 9 * 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status: called.status, output: called.stdout + called.stderr };
}

function expectResults(directory: string): void {
  const verdict = JSON.parse(readFileSync(path.join(directory, 'result.json'), 'utf8')) as Verdict;
  expect(verdict).toMatchObject({ outcome: 'passed', tests: { passed: 1 } });
  expect(readFileSync(path.join(directory, 'results', 'more'), 'utf8')).toBe('more\n');
}

// The lab's machines have these files.
describe.runIf(isLab)('a docker of its own in another container', () => {
  beforeAll(() => {
    const files = execFileSync(path.resolve('lab/docker28'), ['files', 'classic'], { encoding: 'utf8' }).trim();
    root = mkdtempSync(path.join(tmpdir(), 'dind-'));
    execFileSync('sh', ['-c', `tar -C "$1" -c . | docker import - "$2"`, 'import', files, dindImage], {
      stdio: 'pipe',
    });
    docker('network', 'create', network);
  });
  afterAll(() => {
    docker('network', 'rm', network);
    docker('image', 'rm', dindImage);
    // What containers wrote in it is root's, as these tests are.
    rmSync(root, { recursive: true });
  });

  test('as the service docker:dind of GitLab CI, reached by DOCKER_HOST, is enough for a run', () => {
    const builds = `${root}/builds:/builds`;
    const service = startDocker(`${network}-gitlab`, [builds], ['--network', network, '--network-alias', 'docker']);
    try {
      const flags = ['--network', network, '--env', 'DOCKER_HOST=tcp://docker:2375', '--workdir', '/builds'];
      const { status, output } = runBeside(flags, [builds], '/builds/results');
      expect(status, output).toBe(0);
      expectResults(path.join(root, 'builds', 'results'));
      expect(docker('exec', service.name, 'docker', 'ps', '--all', '--quiet')).toBe('');
    } finally {
      service.stop();
    }
  });

  test('as the sidecar of an Actions Runner Controller, which shares work directory, socket and network, is enough for a run as user runner', () => {
    const shared = [`${root}/work:/home/runner/_work`, `${root}/run:/var/run`];
    const service = startDocker(`${network}-arc`, shared, ['--network', network]);
    try {
      const work = path.join(root, 'work');
      chownSync(work, runnerUid, runnerUid);
      const flags = ['--network', `container:${service.name}`, '--workdir', '/home/runner/_work'];
      flags.push('--user', `${runnerUid}:${runnerUid}`, '--group-add', String(dockerGroup));
      flags.push('--env', 'HOME=/home/runner/_work', '--env', 'TMPDIR=/home/runner/_work');
      const { status, output } = runBeside(flags, shared, '/home/runner/_work/results');
      expect(status, output).toBe(0);
      expect(output).not.toContain('by a collector');
      expectResults(path.join(work, 'results'));
      expect(lstatSync(path.join(work, 'results', 'results', 'more')).uid).toBe(runnerUid);
      expect(docker('exec', service.name, 'docker', 'ps', '--all', '--quiet')).toBe('');
    } finally {
      service.stop();
    }
  });
});
