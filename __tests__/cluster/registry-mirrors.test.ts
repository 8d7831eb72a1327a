import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load } from 'js-yaml';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderKindConfig } from '../../src/cluster/kind-config.ts';
import { mountMirrors, renderHosts } from '../../src/cluster/registry-mirrors.ts';
import { listAskedRegistries } from '../../src/pipeline/copy-credentials.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'mirrors-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const mirror = (registry: string, address: string) => ({ registry, address });

describe('mirrors', () => {
  test('are a hosts.toml for each registry, which every node mounts before its containerd starts', async () => {
    const mounts = await mountMirrors(directory, [
      mirror('docker.io', 'http://10.0.0.5:5000'),
      mirror('r.example:5000', 'https://mirror.example'),
      mirror('*', 'http://10.0.0.6'),
    ]);
    const [hosts, unit] = mounts;
    expect(hosts).toMatchObject({ containerPath: '/etc/containerd/certs.d', readOnly: true });
    for (const registry of ['docker.io', 'r.example:5000', '_default'])
      expect(existsSync(path.join(hosts!.hostPath, registry, 'hosts.toml')), registry).toBe(true);
    expect(readFileSync(unit!.hostPath, 'utf8')).toContain('ExecStartPre=');
    const yaml = renderKindConfig({ userConfig: undefined, nodes: 2, resultsHostPath: '/r', mounts });
    const { nodes } = load(yaml) as { nodes: { extraMounts: unknown[] }[] };
    for (const node of nodes) expect(node.extraMounts).toEqual([expect.anything(), ...mounts]);
  });

  test('that are not configured add nothing to the nodes', async () => {
    expect(await mountMirrors(directory, [])).toEqual([]);
  });

  test('of one registry are asked in their order, and the registry itself is not', () => {
    expect(renderHosts(['http://a:5000', 'https://b/v2/project'])).toBe(
      'server = "https://b/v2/project"\noverride_path = true\n\n[host]\n\n[host."http://a:5000"]\n  capabilities = ["pull", "resolve"]\n',
    );
  });
});

describe('the registry or mirror that is asked, and so the credentials that are needed', () => {
  test('is the registry of each image', () => {
    expect([...listAskedRegistries(['x:1', 'ghcr.io/a:1', 'ghcr.io/b:1'], [])]).toEqual([
      ['docker.io', ['docker.io']],
      ['ghcr.io', ['ghcr.io']],
    ]);
  });

  test('or its mirrors, which never get the credentials of the registry', () => {
    const mirrors = [mirror('ghcr.io', 'http://10.0.0.5:5000'), mirror('*', 'https://all.example/v2/x')];
    expect([...listAskedRegistries(['x:1', 'ghcr.io/a:1'], mirrors)]).toEqual([
      ['docker.io', ['all.example']],
      ['ghcr.io', ['10.0.0.5:5000']],
    ]);
  });
});
