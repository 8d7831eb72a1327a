import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { adoptBeforeRemoval, fenceResults } from '../../src/results/fence-results.ts';

/** Debian's; https://docs.docker.com/engine/security/rootless/ describes it. */
const program = '/usr/share/docker.io/contrib/dockerd-rootless.sh';
const image = 'debian:bookworm-slim';
const nodePath = '/k8s-test/results';
const signal = AbortSignal.timeout(170_000);

let root: string;
let daemon: ChildProcess;
/** The docker of this machine, which provides the image. */
const given = process.env.DOCKER_HOST;

const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
const answers = () => spawnSync('docker', ['version'], { stdio: 'ignore' }).status === 0;

beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'rootless-'));
  const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  for (const [name, folder] of [
    ['XDG_RUNTIME_DIR', 'run'],
    ['XDG_DATA_HOME', 'data'],
    ['XDG_CONFIG_HOME', 'config'],
  ] as const) {
    env[name] = path.join(root, folder);
    mkdirSync(env[name], { mode: 0o700 });
  }
  delete env.DOCKER_HOST;
  // A group of its own: it starts others, and ends with all of them.
  daemon = spawn('bash', [program], { env, stdio: 'ignore', detached: true });
  process.env.DOCKER_HOST = `unix://${root}/run/docker.sock`;
  await vi.waitUntil(answers, { timeout: 60_000, interval: 300 });
  const archive = path.join(root, 'image.tar');
  execFileSync('docker', ['save', '--output', archive, image], { env: { ...process.env, DOCKER_HOST: given } });
  docker('load', '--quiet', '--input', archive);
}, 120_000);
afterAll(async () => {
  const ended = once(daemon, 'exit');
  process.kill(-daemon.pid!, 'SIGTERM');
  await ended;
  process.env.DOCKER_HOST = given;
  // What its containers wrote belongs to users that are ours only in a user namespace.
  execFileSync('rootlesskit', ['rm', '--recursive', path.join(root, 'data')], { stdio: 'pipe' });
  rmSync(root, { recursive: true });
}, 60_000);

/** A container that mounts a results directory as a node of Kind does, in which a test that is user 1000 has left files. */
function startNode(name: string): string {
  const results = path.join(root, name);
  mkdirSync(results);
  docker('run', '--detach', '--name', name, '--volume', `${results}:${nodePath}`, image, 'sleep', 'infinity');
  const script = `umask 077; mkdir -p ${nodePath}/deep; echo kept >${nodePath}/deep/file; chown -R 1000:1000 ${nodePath}/deep`;
  docker('exec', name, 'sh', '-c', script);
  expect(lstatSync(path.join(results, 'deep')).uid).not.toBe(process.getuid?.());
  return results;
}

describe('on rootless docker', () => {
  test('results of tests with another user are the user’s after the run', async () => {
    const hostPath = startNode('fenced');
    const fenced = await fenceResults({ nodes: ['fenced'], nodePath, hostPath, fenceSeconds: 3, signal });
    expect(fenced).toEqual({ isFenced: true, ended: 0, problem: '' });
    expect(readFileSync(path.join(hostPath, 'deep', 'file'), 'utf8')).toBe('kept\n');
    docker('rm', '--force', 'fenced');
    rmSync(hostPath, { recursive: true });
  });

  test('results of a run that was killed are the user’s before its nodes are removed', async () => {
    const hostPath = startNode('killed');
    expect(await adoptBeforeRemoval(['killed'], nodePath, signal)).toBe('');
    expect(readFileSync(path.join(hostPath, 'deep', 'file'), 'utf8')).toBe('kept\n');
    docker('rm', '--force', 'killed');
    rmSync(hostPath, { recursive: true });
  });

  test('with cgroup v1, on which Kind makes no cluster, a run reports that before anything is created', () => {
    expect(docker('info', '--format', '{{.CgroupVersion}}')).toBe('1');
    const args = ['dist/cli.js', 'run', '--profile', 'none', '--image', image, '--results-dir', path.join(root, 'out')];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(2);
    expect(stdout + stderr).toContain('cgroup: v1 (needed: v2 for rootless docker)');
    expect(docker('ps', '--all', '--quiet')).toBe('');
  });
});
