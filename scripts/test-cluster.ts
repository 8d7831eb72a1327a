/**
 * Makes the shared cluster of the tests and leaves it, for writing tests: prints the file that FLOE_TEST_CLUSTER may name.
 * With that file as its argument it removes the cluster again.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeSharedCluster } from '../__tests__/on-cluster/global-setup.ts';
import { deleteCluster } from '../src/cluster/create-cluster.ts';
import type { ReadyCluster } from '../src/cluster/make-cluster.ts';

const [file] = process.argv.slice(2);
if (file === undefined) {
  const { cluster } = await makeSharedCluster();
  const described = path.join(path.dirname(cluster.kubeconfigPath), 'cluster.json');
  writeFileSync(described, JSON.stringify(cluster));
  process.stdout.write(`export FLOE_TEST_CLUSTER=${described}\n`);
} else {
  const cluster = JSON.parse(readFileSync(file, 'utf8')) as ReadyCluster;
  await deleteCluster(cluster.name, { signal: AbortSignal.timeout(120_000), isWhole: true });
  rmSync(path.dirname(file), { recursive: true });
}
