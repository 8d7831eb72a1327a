import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/core/outcome.ts';
import { nodeImageFlags } from './command-line.ts';
import { testImage } from './global-setup.ts';

/** The command line in a container that has docker's socket, as in a container job of a workflow: docker sees other paths than it. */
const image = 'debian:bookworm-slim';
const network = `k8s-test-in-container-${process.pid}`;
/** Inside of the container; nothing of that name is on this machine. */
const workspace = `/workspace-${process.pid}`;
let outside: string;

beforeAll(() => {
  outside = mkdtempSync(path.join(tmpdir(), 'in-container-'));
  mkdirSync(path.join(outside, 'tmp'));
  execFileSync('docker', ['network', 'create', network], { stdio: 'ignore' });
});
afterAll(() => {
  execFileSync('docker', ['network', 'rm', network], { stdio: 'ignore' });
  rmSync(outside, { recursive: true });
});

function runInContainer(on: string): { status: number | null; output: string } {
  const tools = ['node', 'docker', 'kind', 'helm', 'kubectl'].map((tool) => {
    const found = realpathSync(execFileSync('which', [tool], { encoding: 'utf8' }).trim());
    return `${found}:/usr/local/bin/${tool}:ro`;
  });
  const checkout = ['dist', 'charts', 'image-helper', 'action.yml', 'package.json'].map(
    (name) => `${path.resolve(name)}:/app/${name}:ro`,
  );
  const volumes = [...tools, ...checkout, `${outside}:${workspace}`, '/var/run/docker.sock:/var/run/docker.sock'];
  const script = `echo '<testsuite tests="1"><testcase name="one"/></testsuite>' > /results/junit.xml`;
  const run = ['run', '--profile', 'none', '--image', testImage, '--command', JSON.stringify(['sh', '-c', script])];
  run.push('--collector-image', image);
  const args = ['--rm', '--network', on, '--workdir', workspace, '--env', `TMPDIR=${workspace}/tmp`];
  const mounts = volumes.flatMap((volume) => ['--volume', volume]);
  const command = ['node', '/app/dist/cli.js', ...run, ...nodeImageFlags, '--results-dir', `${workspace}/out`];
  const called = spawnSync('docker', ['run', ...args, ...mounts, image, ...command], {
    encoding: 'utf8',
    timeout: 9 * 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status: called.status, output: called.stdout + called.stderr };
}

describe('a run in a container with the socket of docker, whose workspace has another path outside', () => {
  test('is green with its results, and leaves no directory of its paths on the machine of docker', () => {
    const { status, output } = runInContainer(network);
    expect(output).toContain('results come out of the test pod by a collector');
    expect(status, output).toBe(0);
    const verdict = JSON.parse(readFileSync(path.join(outside, 'out', 'result.json'), 'utf8')) as Verdict;
    expect(verdict).toMatchObject({ outcome: 'passed', tests: { passed: 1 } });
    expect(readdirSync(path.join(outside, 'out', 'junit'))).toContain('junit.xml');
    expect(existsSync(workspace)).toBe(false);
    const left = execFileSync('docker', ['network', 'inspect', '--format', '{{len .Containers}}', network], {
      encoding: 'utf8',
    });
    expect(left.trim()).toBe('0');
  });

  test('on a network from which no node is reached ends before a cluster is made, and names the commands that help', () => {
    const { status, output } = runInContainer('bridge');
    expect(status).toBe(2);
    expect(output).toContain("the nodes cannot be reached from this container: it is on docker's default network only");
    expect(output).toMatch(/docker network create kind; docker network connect kind [0-9a-f]{12}/);
    expect(existsSync(workspace)).toBe(false);
  });
});
