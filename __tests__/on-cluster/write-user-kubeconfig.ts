import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dump, load } from 'js-yaml';

/** A kubeconfig for a user of an administrator's cluster, with two contexts; in a directory of its own unless one is given. */
export function writeUserKubeconfig(
  adminKubeconfig: string,
  user: object,
  cluster: object = {},
  directory = mkdtempSync(path.join(tmpdir(), 'user-')),
): string {
  const admin = load(readFileSync(adminKubeconfig, 'utf8')) as { clusters: { cluster: object }[] };
  const file = path.join(directory, 'config');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'staging',
    contexts: [
      { name: 'staging', context: { cluster: 'shared', user: 'runner' } },
      { name: 'production', context: { cluster: 'other', user: 'runner' } },
    ],
    clusters: [
      { name: 'shared', cluster: { ...admin.clusters[0]!.cluster, ...cluster } },
      { name: 'other', cluster: { server: 'https://127.0.0.1:1' } },
    ],
    users: [{ name: 'runner', user }],
  };
  writeFileSync(file, dump(config), { mode: 0o600 });
  return file;
}
