import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeImageFlags, startCommand, takeInventory } from './command-line.ts';
import { testImage } from './global-setup.ts';
import { pytestScript } from './run-on-shared-cluster.ts';

const quickTests = [
  '--profile',
  'none',
  '--image',
  testImage,
  '--command',
  JSON.stringify(['sh', '-c', pytestScript('def test_one(): pass\n')]),
];

/** The real kind, behind a gate that breaks `kind create` for its first `failures` calls, half-made node included. */
function placeBreakingKind(failures: number): { directory: string; calls: () => number } {
  const directory = mkdtempSync(path.join(tmpdir(), 'breaking-kind-'));
  const real = execFileSync('which', ['kind'], { encoding: 'utf8' }).trim();
  const counter = path.join(directory, 'calls');
  writeFileSync(counter, '');
  const file = path.join(directory, 'kind');
  // The node loses its kubeadm as soon as it has a container, which is long before kind calls it.
  writeFileSync(
    file,
    `#!/bin/bash
if [ "$1" != create ]; then exec ${real} "$@"; fi
echo call >> ${counter}
if [ "$(wc -l < ${counter})" -gt ${failures} ]; then exec ${real} "$@"; fi
name=$(sed -n 's/.*--name \\([^ ]*\\).*/\\1/p' <<< "$*")
( until docker exec "$name-control-plane" rm /usr/bin/kubeadm; do read -rt 0.2 <> <(:); done ) >/dev/null 2>&1 &
exec ${real} "$@"
`,
  );
  chmodSync(file, 0o755);
  return { directory, calls: () => readFileSync(counter, 'utf8').split('\n').length - 1 };
}

describe('fault 13: creating the cluster', () => {
  test('that fails once is created again from nothing, with a warning', async () => {
    const before = takeInventory();
    const kind = placeBreakingKind(1);
    const env = { PATH: `${kind.directory}:${process.env.PATH}` };
    const end = await startCommand(['run', ...nodeImageFlags, ...quickTests], { env }).ended;
    expect(end.status, end.output).toBe(0);
    expect(kind.calls()).toBe(2);
    expect(end.verdict?.warnings).toContainEqual(expect.stringContaining('needed a second attempt'));
    expect(takeInventory()).toEqual(before);
  });

  test('that always fails is broken with kind cluster, after two attempts, with the logs of the nodes', async () => {
    const before = takeInventory();
    const kind = placeBreakingKind(99);
    const env = { PATH: `${kind.directory}:${process.env.PATH}` };
    const end = await startCommand(['run', ...nodeImageFlags, ...quickTests], { env }).ended;
    expect(end.status, end.output).toBe(2);
    expect(end.verdict).toMatchObject({ outcome: 'broken', failure: { kind: 'cluster' } });
    expect(kind.calls()).toBe(2);
    expect(takeInventory()).toEqual(before);
  });

  test('with a node image that does not exist reports that', async () => {
    const before = takeInventory();
    const end = await startCommand(['run', '--node-image', '127.0.0.1:9/no/node:1', ...quickTests]).ended;
    expect(end.status, end.output).toBe(2);
    expect(end.verdict).toMatchObject({ failure: { kind: 'cluster', hint: expect.stringContaining('node image') } });
    expect(takeInventory()).toEqual(before);
  });
});

describe('fault 13: the machine', () => {
  const told = async (flags: string[]) => {
    const end = await startCommand(['run', ...quickTests, ...flags]).ended;
    expect(end.status, end.output).toBe(2);
    expect(end.verdict?.phases.map((phase) => phase.name)).not.toContain('cluster');
    expect(end.seconds).toBeLessThan(30);
    return end.verdict?.failure;
  };

  test('that is smaller than what the tests request is reported before a cluster is created, with the numbers', async () => {
    const failure = await told(['--memory', '900Gi']);
    expect(failure?.kind).toBe('schedule');
    expect(failure?.reason).toMatch(
      /memory requests: 900\.3 GiB asked for .*integration-tests.*needed: at most [\d.]+ GiB/,
    );
  });

  test('whose port is taken is reported with the process that has it, before a cluster is created', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const config = path.join(mkdtempSync(path.join(tmpdir(), 'taken-port-')), 'kind.yaml');
    writeFileSync(
      config,
      `kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- extraPortMappings: [{containerPort: 80, hostPort: ${port}}]\n`,
    );
    const failure = await told(['--kind-config', config]);
    server.close();
    expect(failure?.kind).toBe('cluster');
    expect(failure?.reason).toContain(`ports: ${port}/tcp is taken by`);
    expect(failure?.reason).toContain(`(process ${process.pid})`);
  });

  test('without docker is reported in preflight, before anything is created', async () => {
    const end = await startCommand(['run', ...quickTests], { env: { DOCKER_HOST: 'unix:///no/such/docker.sock' } })
      .ended;
    expect(end.status).toBe(2);
    expect(end.verdict).toMatchObject({
      outcome: 'broken',
      failure: { kind: 'cluster', hint: expect.stringContaining('Start docker') },
    });
    expect(end.verdict?.phases.map((phase) => phase.name)).not.toContain('cluster');
    expect(end.seconds).toBeLessThan(20);
  });
});
