/**
 * Mirrors of registries, as containerd reads them: a `hosts.toml` for each registry, in a directory that every node of
 * a new cluster mounts. It is there before containerd starts, so nothing has to be restarted and nothing is pulled too early.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RegistryMirror } from '../inputs/value-syntax.ts';

/** Where containerd looks for them; its default since 2.0. */
const hostsNodePath = '/etc/containerd/certs.d';
/** The unit of containerd in Kind's nodes gets our lines before its own start. */
const dropInNodePath = '/etc/systemd/system/containerd.service.d/registry-hosts.conf';
const hostsFolder = 'certs.d';
const dropInFile = 'registry-hosts.conf';

/** A mount of Kind's config (`extraMounts`). */
export interface NodeMount {
  hostPath: string;
  containerPath: string;
  readOnly?: boolean;
}

/**
 * containerd before 2.0 reads no such directory unless its config names one. An older node image gets that line before its
 * containerd starts: a patch of Kind's own would restart it while images are being loaded.
 */
const dropIn = String.raw`[Service]
ExecStartPre=/bin/sh -c "grep -q config_path /etc/containerd/config.toml || ! grep -q '^version = 2' /etc/containerd/config.toml || printf '\\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\\n  config_path = \"${hostsNodePath}\"\\n' >>/etc/containerd/config.toml"
`;

/** Writes into `directory` what makes containerd pull from mirrors. Mirrors may be added later: containerd reads them at each pull. */
export async function writeHosts(directory: string, mirrors: RegistryMirror[]): Promise<void> {
  const hosts = path.join(directory, hostsFolder);
  await mkdir(hosts, { recursive: true });
  await writeFile(path.join(directory, dropInFile), dropIn);
  for (const [registry, addresses] of groupByRegistry(mirrors)) {
    const folder = path.join(hosts, registry === '*' ? '_default' : registry);
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'hosts.toml'), renderHosts(addresses));
  }
}

/** Writes the hosts of mirrors, and returns the mounts that every node needs for them; none without mirrors. */
export async function mountMirrors(directory: string, mirrors: RegistryMirror[]): Promise<NodeMount[]> {
  if (mirrors.length === 0) return [];
  await writeHosts(directory, mirrors);
  return hostsMounts(directory);
}

/** The mounts by which every node sees what `writeHosts` wrote. */
export function hostsMounts(directory: string): NodeMount[] {
  return [
    { hostPath: path.join(directory, hostsFolder), containerPath: hostsNodePath, readOnly: true },
    { hostPath: path.join(directory, dropInFile), containerPath: dropInNodePath, readOnly: true },
  ];
}

/**
 * The `hosts.toml` of a registry: its mirrors are asked in their order, and the registry itself is not, since an air-gapped
 * node would wait for it in vain. https://github.com/containerd/containerd/blob/main/docs/hosts.md
 */
export function renderHosts(addresses: string[]): string {
  const [last = '', ...others] = [...addresses].reverse();
  // containerd 1.6 passes over a file without a table of hosts, even an empty one.
  const lines = [`server = "${last}"`, ...wholePath(last, ''), '', '[host]'];
  for (const address of others.reverse())
    lines.push('', `[host."${address}"]`, '  capabilities = ["pull", "resolve"]', ...wholePath(address, '  '));
  return `${lines.join('\n')}\n`;
}

/** containerd adds /v2 to an address; one that holds it already (a project of Harbor: /v2/project) is taken as it is. */
function wholePath(address: string, indent: string): string[] {
  return new URL(address).pathname.split('/').includes('v2') ? [`${indent}override_path = true`] : [];
}

function groupByRegistry(mirrors: RegistryMirror[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { registry, address } of mirrors) groups.set(registry, [...(groups.get(registry) ?? []), address]);
  return groups;
}
