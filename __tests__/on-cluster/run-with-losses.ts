import { inject } from 'vitest';
import { connect } from '../../src/kube/connection.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { newRunId } from '../../src/state/run-record.ts';
import { runOnSharedCluster, type SharedRun } from './run-on-shared-cluster.ts';

/** A pod that is deleted as soon as the run prints a line that begins so: the first of a shard. */
export interface Loss {
  shard: number;
  at: string;
}

/** The same of a pod whose name begins so. */
export interface PodLoss {
  pod: string;
  at: string;
}

/** Runs a suite on the shared cluster, and deletes some of its pods while they run. */
export async function runWithLosses(options: {
  script: string;
  given: Record<string, string>;
  losses: readonly (Loss | PodLoss)[];
}): Promise<SharedRun> {
  const connection = connect({ kubeconfigPath: inject('cluster').kubeconfigPath });
  const signal = AbortSignal.timeout(300_000);
  const namespace = `shards-${newRunId()}`;
  const deleted = new Map<Loss | PodLoss, Promise<void>>();
  const deletePod = async (loss: Loss | PodLoss) => {
    const prefix = 'pod' in loss ? loss.pod : `integration-tests-${loss.shard}-`;
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const { items } = await connection.call<{ items: Pod[] }>('GET', pods, { signal });
    const victim = items.find(({ metadata }) => metadata.name.startsWith(prefix));
    if (victim === undefined) throw new Error(`there is no pod ${prefix}…`);
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
