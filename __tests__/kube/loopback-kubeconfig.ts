import { mkdtemp, writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Starts a server on a free port of loopback. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

/** Writes a kubeconfig for one server. @returns its path. */
export async function writeKubeconfig(server: string, cluster: object = {}, user: object = {}): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'kubeconfig-'));
  const file = path.join(directory, 'config');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'me' } }],
    clusters: [{ name: 'here', cluster: { server, ...cluster } }],
    users: [{ name: 'me', user }],
  };
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config));
  return file;
}

/** A kubeconfig for a plain HTTP server on loopback. */
export async function writePlainKubeconfig(port: number): Promise<string> {
  return writeKubeconfig(`http://127.0.0.1:${port}`, { 'insecure-skip-tls-verify': true });
}
