/** A run in a namespace of a cluster that exists: its owner decides what it allows, and its nodes pull the images. */
import { type Result, succeed } from '../../core/outcome.ts';
import type { Run } from '../run.ts';
import { enterExisting, reachExisting, warnOfLocalImages } from './enter-existing.ts';
import type { Environment } from './environment.ts';

export async function checkExistingCluster(run: Run): Promise<Result<Environment>> {
  const reached = await reachExisting(run);
  if (!reached.ok) return reached;
  const { cluster, connection } = reached.value;
  return succeed({
    kubernetes: cluster.kubernetes,
    existing: { cluster, connection },
    isCollected: true,
    open: async (prepared, bringUp) => {
      warnOfLocalImages(run, prepared.images);
      const entered = await run.clock.phase('cluster', () => enterExisting(run, reached.value, prepared));
      if (!entered.ok) return entered;
      const { images } = prepared;
      const { isNamespaceGiven } = entered.value;
      const opened = { cluster, connection, isNamespaceGiven, resultsNodePath: undefined, images };
      return bringUp({ ...prepared, ...opened, changedImages: new Set() }, run.signal);
    },
  });
}
