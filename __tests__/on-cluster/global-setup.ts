import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { createCluster, deleteCluster } from '../../src/cluster/create-cluster.ts';
import { renderKindConfig } from '../../src/cluster/kind-config.ts';
import { loadImages, waitForContainerd } from '../../src/cluster/load-images.ts';
import type { ReadyCluster } from '../../src/cluster/make-cluster.ts';
import { hostsMounts, writeHosts } from '../../src/cluster/registry-mirrors.ts';
import { waitForNodes } from '../../src/cluster/wait-for-nodes.ts';
import type { Result } from '../../src/core/outcome.ts';
import type { UserKindConfig } from '../../src/inputs/user-kind-config.ts';
import { connect } from '../../src/kube/connection.ts';
import { newRunId } from '../../src/state/run-record.ts';

declare module 'vitest' {
  interface ProvidedContext {
    cluster: ReadyCluster;
  }
}

/** The image of the example's tests, which `make images` builds: Python, pytest, a shell. */
export const testImage = 'floe-test-runner:dev';
/** The same in the nodes of the shared cluster, under a name that the local docker does not have: no run loads it again. */
export const sharedImage = 'shared-test-runner:dev';

interface SharedCluster {
  cluster: ReadyCluster;
  remove: () => Promise<void>;
}

/** Held by the process, since every project loads this file for itself. */
const held = globalThis as { sharedCluster?: Promise<SharedCluster>; removal?: Promise<void> };

/**
 * One real cluster for all tests of any project that need no special one; each of them uses a namespace of its own in it. While
 * a test is being written, `FLOE_TEST_CLUSTER` may name a file that describes one which stays (scripts/test-cluster.ts makes
 * it).
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const reusable = process.env.FLOE_TEST_CLUSTER || undefined;
  if (reusable !== undefined) {
    project.provide('cluster', JSON.parse(readFileSync(reusable, 'utf8')) as ReadyCluster);
    return async () => {};
  }
  held.sharedCluster ??= makeSharedCluster();
  const { cluster, remove } = await held.sharedCluster;
  project.provide('cluster', cluster);
  return async () => {
    held.removal ??= remove();
    await held.removal;
  };
}

/** Where a test may name the mirrors of a registry to the shared cluster (`writeHosts`). */
export function hostsDirectory(cluster: Pick<ReadyCluster, 'kubeconfigPath'>): string {
  return path.join(path.dirname(cluster.kubeconfigPath), 'registries');
}

/**
 * Makes the cluster, with the test image in its nodes. What `remove` removes is all of it.
 * @param kindConfig for tests that need more than a node, or nodes of their own kind; they then have it for themselves.
 */
export async function makeSharedCluster(kindConfig?: UserKindConfig): Promise<SharedCluster> {
  const name = `k8s-test-shared-${newRunId()}`;
  const workDir = mkdtempSync(path.join(tmpdir(), `${name}-`));
  const mountedHostPath = path.join(workDir, 'results');
  mkdirSync(mountedHostPath);
  const kubeconfigPath = path.join(workDir, 'kubeconfig');
  const hosts = hostsDirectory({ kubeconfigPath });
  await writeHosts(hosts, []);
  const mounts = hostsMounts(hosts);
  const configYaml = renderKindConfig({ userConfig: kindConfig, nodes: 1, resultsHostPath: mountedHostPath, mounts });
  const nodeCount = kindConfig?.nodes.length ?? 1;
  const nodeImage = process.env.FLOE_LAB_NODE_IMAGE || undefined;
  const options = { signal: AbortSignal.timeout(8 * 60_000), waitingFor: () => {}, quote: () => {} };
  const remove = async () => {
    await deleteCluster(name, { signal: AbortSignal.timeout(120_000), isWhole: false });
    rmSync(workDir, { recursive: true, force: true });
  };
  try {
    const cluster = { name, kind: 'kind', configYaml, nodeImage, kubeconfigPath, workDir };
    const [, nodes] = await Promise.all([
      createCluster(cluster, options).then(orThrow),
      waitForContainerd(name, nodeCount, options).then(async (found) => {
        const names = orThrow(found).map((node) => node.name);
        orThrow(await loadImages([testImage], names, options));
        const tag = ['images', 'tag', `docker.io/library/${testImage}`, `docker.io/library/${sharedImage}`];
        for (const node of names) execFileSync('docker', ['exec', node, 'ctr', '--namespace=k8s.io', ...tag]);
        return names;
      }),
    ]);
    const { kubernetes } = orThrow(await waitForNodes(await connect({ kubeconfigPath }), nodeCount, options));
    return { cluster: { name, kubeconfigPath, nodes, kubernetes, mountedHostPath }, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function orThrow<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Error([result.failure.reason, ...result.failure.evidence].join('\n'));
}
