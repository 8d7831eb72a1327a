import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderKindConfig } from '../../src/cluster/kind-config.ts';
import { listOtherAddresses, networkFor, reachApi, remoteHostOf } from '../../src/cluster/reach-api.ts';

test.each([
  [undefined, undefined],
  ['', undefined],
  ['unix:///var/run/docker.sock', undefined],
  ['tcp://localhost:2375', undefined],
  ['tcp://127.0.0.1:2375', undefined],
  ['tcp://[::1]:2375', undefined],
  ['tcp://docker:2376', 'docker'],
  ['tcp://10.0.0.7:2375', '10.0.0.7'],
  ['tcp://[fd00::7]:2375', '[fd00::7]'],
  ['ssh://builder@machine.example', 'machine.example'],
])('DOCKER_HOST %j is the machine %j', (dockerHost, machine) => {
  expect(remoteHostOf(dockerHost)).toBe(machine);
});

describe('addresses at which the API server of a new cluster is tried beside the one that kind wrote', () => {
  test('in a container on the network of the nodes: at the node itself', () => {
    expect(listOtherAddresses('https://127.0.0.1:40123', ['172.18.0.2', 'fc00::2'], undefined)).toEqual([
      { server: 'https://172.18.0.2:6443' },
      { server: 'https://[fc00::2]:6443' },
    ]);
  });
  test('with a docker service, as in GitLab CI: at its port on that machine, whose name the certificate lacks', () => {
    expect(listOtherAddresses('https://0.0.0.0:40123', [], 'tcp://docker:2376')).toEqual([
      { server: 'https://docker:40123', tlsServerName: 'localhost' },
    ]);
  });
});

test('a docker service publishes the API server beyond its own loopback, unless kind-config sets an address', () => {
  const options = { nodes: 1, resultsHostPath: undefined, apiServerAddress: '0.0.0.0' };
  const rendered = (networking?: object) =>
    load(
      renderKindConfig({
        ...options,
        userConfig: networking === undefined ? undefined : { rest: { networking }, nodes: [] },
      }),
    );
  expect(rendered()).toMatchObject({ networking: { apiServerAddress: '0.0.0.0' }, nodes: [{ extraMounts: [] }] });
  expect(rendered({ apiServerAddress: '10.0.0.7', podSubnet: '10.9.0.0/16' })).toMatchObject({
    networking: { apiServerAddress: '10.0.0.7', podSubnet: '10.9.0.0/16' },
  });
});

describe('the network of the nodes, for a run inside a container', () => {
  test.each([
    ["GitHub's container job: its own network", 'github_network_1', ['github_network_1'], 'github_network_1'],
    ["the host's", 'host', ['host'], undefined],
    ["kind's is joined already", 'bridge', ['bridge', 'kind'], undefined],
    ["another container's", 'container:0f3a', [], undefined],
  ])('%s', (_, mode, networks, network) => {
    expect(networkFor(mode, networks, 'me')).toEqual({ ok: true, value: network });
  });

  test('on the default network alone the run ends before a cluster is created, and names the commands that help', () => {
    expect(networkFor('default', ['bridge'], 'f00')).toMatchObject({
      ok: false,
      failure: { kind: 'cluster', hint: expect.stringContaining('docker network connect kind f00') },
    });
  });
});

describe('a kubeconfig whose address answers', () => {
  let directory: string;
  const server = createServer((socket) => socket.destroy());
  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'reach-api-'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  test('stays as kind wrote it', async () => {
    const kubeconfigPath = path.join(directory, 'kubeconfig');
    const { port } = server.address() as AddressInfo;
    const text = `clusters:\n- cluster:\n    server: https://127.0.0.1:${port}\n  name: kind-x\n`;
    writeFileSync(kubeconfigPath, text);
    const reached = await reachApi({ name: 'x', kubeconfigPath }, AbortSignal.timeout(20_000));
    expect(reached).toEqual({ ok: true, value: undefined });
    expect(readFileSync(kubeconfigPath, 'utf8')).toBe(text);
  });
});
