import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { renderChecks } from '../../src/cli/render-checks.ts';
import { findListener, findPortHolders, listWantedPorts } from '../../src/cluster/host-ports.ts';
import { judgeDemand, judgeMachine, preflightResult } from '../../src/cluster/judge-machine.ts';
import {
  type DockerFacts,
  type MachineFacts,
  readDockerInfo,
  readMachineFacts,
} from '../../src/cluster/machine-facts.ts';
import { readUserKindConfig } from '../../src/inputs/user-kind-config.ts';
import { runProgram } from '../../src/tools/run-program.ts';

const gibibyte = 1024 ** 3;
const docker: DockerFacts = {
  answers: true,
  serverVersion: '28.0.1',
  cgroupVersion: '2',
  cpus: 4,
  memoryBytes: 16 * gibibyte,
  architecture: 'amd64',
  isRootless: false,
  forwardsIPv4: true,
  hasMountableLayers: true,
};
const disk = { directory: '/var/lib/docker', freeBytes: 50 * gibibyte, isOverlay: false };
const well: MachineFacts = {
  docker,
  dockerDisk: disk,
  resultsDisk: { ...disk, directory: '/home/me/results' },
  memoryFreeBytes: 14 * gibibyte,
  inotifyInstances: 8192,
  inotifyWatches: 524_288,
  takenPorts: [],
  wantedPorts: 1,
  imageArchitecture: 'amd64',
};
const needs = { nodes: 3, memoryBytes: 10 * gibibyte, nodeImage: undefined };
const judge = (facts: Partial<MachineFacts>) => judgeMachine({ ...well, ...facts }, needs);
const never = new AbortController().signal;

test('a machine that has all is well, and nothing is to be fixed', () => {
  const checks = judge({});
  expect(checks.map(({ name, state }) => [name, state])).toEqual(
    [
      'docker',
      'cgroup',
      'CPUs',
      'free memory',
      'disk for docker',
      'disk for results',
      'inotify instances',
      'inotify watches',
      'ports',
      'architecture',
    ].map((name) => [name, 'ok']),
  );
  expect(checks.every((check) => check.fix === '')).toBe(true);
  expect(preflightResult(checks).ok).toBe(true);
});

describe('a certain failure is a problem, a possible one is a warning, and each has a fix', () => {
  const silent = (problem: string, why?: 'missing' | 'late') => ({
    docker: { answers: false as const, problem, ...(why && { why }) },
  });
  test.each<[string, Partial<MachineFacts>, string, string, RegExp]>([
    ['docker is down', silent('Cannot connect to the Docker daemon'), 'docker', 'problem', /systemctl start docker/],
    ['docker is not installed', silent('docker is not on the PATH', 'missing'), 'docker', 'problem', /Install docker/],
    ['docker is not for us', silent('permission denied while trying'), 'docker', 'problem', /usermod -aG docker/],
    ['docker hangs', silent('docker info did not answer within 30 s', 'late'), 'docker', 'problem', /restart it/],
    ['docker is too old', { docker: { ...docker, serverVersion: '19.03.15' } }, 'docker', 'problem', /Update docker/],
    [
      'docker is rootless on cgroup v1',
      { docker: { ...docker, isRootless: true, cgroupVersion: '1' } },
      'cgroup',
      'problem',
      /unified/,
    ],
    ['there is one CPU', { docker: { ...docker, cpus: 1 } }, 'CPUs', 'warning', /more CPUs/],
    [
      'IPv4 is not forwarded',
      { docker: { ...docker, forwardsIPv4: false } },
      'IPv4 forwarding',
      'problem',
      /ip_forward=1/,
    ],
    [
      "docker's disk is full",
      { dockerDisk: { ...disk, freeBytes: gibibyte } },
      'disk for docker',
      'problem',
      /docker system df/,
    ],
    [
      "docker's disk is short",
      { dockerDisk: { ...disk, freeBytes: 6 * gibibyte } },
      'disk for docker',
      'warning',
      /docker system df/,
    ],
    [
      'docker runs in docker without a volume',
      { dockerDisk: { ...disk, isOverlay: true } },
      'disk for docker',
      'problem',
      /Mount a volume/,
    ],
    [
      'there is no room for results',
      { resultsDisk: { ...disk, freeBytes: 1 } },
      'disk for results',
      'problem',
      /results-dir/,
    ],
    ['memory is short', { memoryFreeBytes: 6 * gibibyte }, 'free memory', 'warning', /larger machine/],
    ['there is no memory', { memoryFreeBytes: gibibyte / 2 }, 'free memory', 'problem', /larger machine/],
    [
      "docker's own machine has less",
      { docker: { ...docker, memoryBytes: 2 * gibibyte } },
      'free memory',
      'warning',
      /docker's machine/,
    ],
    [
      'inotify instances are too few for three nodes',
      { inotifyInstances: 128 },
      'inotify instances',
      'warning',
      /max_user_instances=512/,
    ],
    ['inotify watches are too few', { inotifyWatches: 8192 }, 'inotify watches', 'warning', /max_user_watches=524288/],
    [
      'a port is taken',
      { takenPorts: [{ port: 80, protocol: 'tcp', holder: 'nginx (process 7)' }] },
      'ports',
      'problem',
      /hostPorts/,
    ],
    [
      'the image is for another machine',
      { imageArchitecture: 'arm64' },
      'architecture',
      'warning',
      /--platform linux\/amd64/,
    ],
  ])('%s', (_, facts, name, state, fix) => {
    const check = judge(facts).find((one) => one.name === name);
    expect(check).toMatchObject({ state, fix: expect.stringMatching(fix) });
  });

  test('cgroup v1 is well up to Kubernetes 1.34, and refused from 1.35 on', () => {
    const v1 = { ...well, docker: { ...docker, cgroupVersion: '1' } };
    const state = (nodeImage: string) =>
      judgeMachine(v1, { ...needs, nodeImage }).find((check) => check.name === 'cgroup')?.state;
    expect(state('kindest/node:v1.34.4')).toBe('ok');
    expect(state('kindest/node:v1.35.0@sha256:00')).toBe('problem');
  });
});

test('the failure names every problem with its numbers, and how to fix each', () => {
  const result = preflightResult(
    judge({ docker: { answers: false, problem: 'connection refused' }, resultsDisk: { ...disk, freeBytes: 1 } }),
  );
  expect(result).toMatchObject({
    ok: false,
    failure: {
      kind: 'cluster',
      reason: expect.stringMatching(/docker: connection refused.*disk for results: 0 MiB/),
      hint: expect.stringContaining('Start docker'),
      evidence: expect.arrayContaining([expect.stringContaining('→ Free some')]),
    },
  });
});

describe('what the pods ask for', () => {
  const demand = (cpuCores: number, memoryBytes: number) => ({
    sum: { cpuCores, memoryBytes },
    largestCpu: { pod: 'Deployment/big', cpuCores },
    largestMemory: { pod: 'Job/tests', memoryBytes },
  });
  const states = (cpuCores: number, memory: number, nodes = 1) =>
    judgeDemand(well, demand(cpuCores, memory * gibibyte), nodes).map((check) => check.state);

  test('fits', () => expect(states(2, 4)).toEqual(['ok', 'ok']));
  test('and what Kubernetes itself takes does not', () => expect(states(3.5, 4)).toEqual(['problem', 'ok']));
  test('is more than is free, which may still work', () => expect(states(2, 14)).toEqual(['ok', 'warning']));
  test('is more than there is', () => expect(states(2, 20)).toEqual(['ok', 'problem']));
  test('fits no worker, however many there are', () => expect(states(5, 4, 3)).toEqual(['problem', 'ok']));

  test('is reported with the pod that requests most', () => {
    const [, memory] = judgeDemand(well, demand(1, 20 * gibibyte), 1);
    expect(memory?.found).toBe('20.3 GiB asked for (most by Job/tests: 20.0 GiB)');
    expect(memory?.needed).toBe('at most 16.0 GiB');
  });
});

describe('host ports', () => {
  const config = (text: string) => readUserKindConfig(`kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n${text}`);

  test('are those that kind-config names, but for the ones that kind chooses', () => {
    const text =
      'networking: {apiServerPort: 6443}\nnodes:\n- extraPortMappings: [{hostPort: 80}, {hostPort: 53, protocol: UDP}, {hostPort: 0}]\n- {}\n';
    expect(listWantedPorts(config(text))).toEqual([
      { port: 80, protocol: 'tcp' },
      { port: 53, protocol: 'udp' },
      { port: 6443, protocol: 'tcp' },
    ]);
    expect(listWantedPorts(undefined)).toEqual([]);
  });

  test('that a program of ours holds are found, with its name', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const taken = await findPortHolders([{ port, protocol: 'tcp' }], never);
    await new Promise((resolve) => server.close(resolve));
    expect(taken).toEqual([{ port, protocol: 'tcp', holder: expect.stringContaining(`(process ${process.pid})`) }]);
    expect(await findPortHolders([{ port, protocol: 'tcp' }], never)).toEqual([]);
  });

  test('named twice are taken by the config itself', async () => {
    const port = { port: 1, protocol: 'tcp' as const };
    expect(await findPortHolders([port, port], never)).toEqual([{ ...port, holder: 'another node of kind-config' }]);
  });

  test('with only a client connection are free', () => {
    const line = '  0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  0  0 4711 1';
    expect(findListener(line, { port: 8080, protocol: 'tcp' })).toBeUndefined();
    expect(findListener(line.replace(' 01 ', ' 0A '), { port: 8080, protocol: 'tcp' })).toBe('4711');
  });
});

describe('docker info', () => {
  test('of a missing program reports that it is missing', async () => {
    const run = await runProgram('no-such-docker', [], { signal: never });
    expect(readDockerInfo(run).docker).toEqual({
      answers: false,
      problem: 'no-such-docker is not on the PATH',
      why: 'missing',
    });
  });

  test('of an old client whose daemon is down exits 0, and is not believed', async () => {
    const info = JSON.stringify({ ServerErrors: ['Cannot connect to the Docker daemon'] });
    const run = await runProgram('echo', [info], { signal: never });
    expect(readDockerInfo(run).docker).toEqual({ answers: false, problem: 'Cannot connect to the Docker daemon' });
  });
});

test('this very machine has facts that make sense', async () => {
  const facts = await readMachineFacts({ resultsDir: tmpdir(), kindConfig: undefined, image: 'none' }, never);
  expect(facts.memoryFreeBytes).toBeGreaterThan(0);
  expect(facts.resultsDisk.freeBytes).toBeGreaterThan(0);
  expect(facts.inotifyInstances).toBeGreaterThan(0);
  expect(facts.inotifyWatches).toBeGreaterThan(0);
});

test('the table stays within 80 columns, and each thing that is not well has its cure below it', () => {
  const lines = renderChecks(
    judge({
      docker: {
        answers: false,
        problem: 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?',
      },
      inotifyInstances: 128,
    }),
    'e2e',
  );
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
  const at = (text: string) => lines.findIndex((line) => line.includes(text));
  expect(lines[0]).toMatch(/^✗ docker /);
  expect(at('→ Start docker')).toBeGreaterThan(0);
  expect(at('→ sudo sysctl')).toBeGreaterThan(at('inotify instances'));
  expect(lines.at(-1)).toBe('tier e2e cannot run here: 1 to fix, with 1 warning');
});
