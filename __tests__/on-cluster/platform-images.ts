import { execFileSync } from 'node:child_process';
import { loadImages } from '../../src/cluster/load-images.ts';
import type { ReadyCluster } from '../../src/cluster/make-cluster.ts';

/** A registry that does not exist: its names refer to the platform's images only in the nodes of the shared cluster. */
export const sharedRegistry = 'shared.invalid';
/** The local docker's names, and their replacements. No run loads them again, since the local docker has no such names. */
const images = new Map([
  ['floe-example:dev', 'shared-example:dev'],
  ['postgres:15-bookworm', 'library/postgres:15-bookworm'],
  ['dagster/dagster-k8s:1.13.27', 'dagster/dagster-k8s:1.13.27'],
]);

/**
 * What makes the bundled chart with the example on it take these images, and ask for little of a node that it shares with
 * other tests; lines for the input `set`.
 */
export const sharedPlatform = [
  `images.registry=${sharedRegistry}`,
  `codeLocations[0].image.registry=${sharedRegistry}`,
  'codeLocations[0].image.repository=shared-example',
  'dagster.webserver.resources.requests.cpu=10m',
  'dagster.daemon.resources.requests.cpu=10m',
  'codeLocationResources.requests.cpu=10m',
  'postgres.resources.requests.cpu=10m',
].join('\n');

/**
 * Brings images of the platform, those of profile minimal and the example unless some are named, into the nodes of the shared
 * cluster, once.
 */
export async function loadPlatformImages(cluster: ReadyCluster, wanted: string[] = [...images.keys()]): Promise<void> {
  const ctr = (node: string, ...args: string[]) =>
    execFileSync('docker', ['exec', node, 'ctr', '--namespace=k8s.io', 'images', ...args], { encoding: 'utf8' });
  for (const node of cluster.nodes) {
    const there = ctr(node, 'ls', '--quiet').split('\n');
    const missing = wanted.filter((name) => !there.includes(`${sharedRegistry}/${images.get(name)}`));
    if (missing.length === 0) continue;
    const loaded = await loadImages(missing, [node], { signal: AbortSignal.timeout(300_000) });
    if (!loaded.ok) throw new Error(loaded.failure.reason);
    for (const local of missing) {
      const name = local.includes('/') ? `docker.io/${local}` : `docker.io/library/${local}`;
      ctr(node, 'tag', '--force', name, `${sharedRegistry}/${images.get(local)}`);
    }
  }
}
