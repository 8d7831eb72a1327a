import { inject } from 'vitest';
import { connect } from '../../src/kube/connection.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { newRunId } from '../../src/state/run-record.ts';
import { runOnSharedCluster, type SharedRun } from './run-on-shared-cluster.ts';

/** A pod that is deleted: that of a shard, as soon as the run prints a line that begins so. */
export interface Loss {
  shard: number;
  at: string;
}

/** Runs a suite in shards on the shared cluster, and deletes the first pods of some of them while they run. */
export async function runWithLosses(options: {
  script: string;
  given: Record<string, string>;
  losses: readonly Loss[];
}): Promise<SharedRun> {
  const connection = connect({ kubeconfigPath: inject('cluster').kubeconfigPath });
  const signal = AbortSignal.timeout(300_000);
  const namespace = `shards-${newRunId()}`;
  const deleted = new Map<Loss, Promise<void>>();
  const deletePod = async ({ shard }: Loss) => {
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const { items } = await connection.call<{ items: Pod[] }>('GET', pods, { signal });
    const victim = items.find(({ metadata }) => metadata.name.startsWith(`integration-tests-${shard}-`));
    if (victim === undefined) throw new Error(`there is no pod of shard ${shard}`);
    await connection.deletePod(namespace, victim.metadata.name, { graceSeconds: 0, signal });
  };
  try {
    const run = await runOnSharedCluster({
      script: options.script,
      given: { ...options.given, namespace },
      onPrinted: (line) => {
        for (const loss of options.losses)
          if (line.startsWith(loss.at) && !deleted.has(loss)) deleted.set(loss, deletePod(loss));
      },
    });
    await Promise.all(deleted.values());
    return run;
  } finally {
    await connection.close();
  }
}
