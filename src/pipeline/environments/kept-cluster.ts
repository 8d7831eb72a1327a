/** A run in a Kind cluster that is there already: one that an earlier run has kept, or one that it is given. */
import { chooseNodes, listMachines, loadImages } from '../../cluster/load-images.ts';
import type { ReadyCluster } from '../../cluster/make-cluster.ts';
import { checkMachine } from '../../cluster/preflight.ts';
import { type Result, succeed } from '../../core/outcome.ts';
import { connect, type KubeConnection } from '../../kube/connection.ts';
import { buildTestImage, leaveToNodes } from '../choose-images.ts';
import type { Run } from '../run.ts';
import { checkKept, openKept } from './enter-kept.ts';
import type { ClusterPlan, Environment } from './environment.ts';

/** A cluster that an earlier run has kept. */
export function keptCluster(run: Run, cluster: ReadyCluster): Environment {
  return {
    check: () => checkKept(run, cluster),
    kubernetes: () => cluster.kubernetes,
    open: async (plan) => {
      const opened = await run.clock.phase('cluster', () => openKept(run, cluster, enter(run, cluster)));
      if (!opened.ok) return opened;
      const loaded = await loadIntoNodes(run, cluster, plan);
      if (!loaded.ok) return loaded;
      run.reporter.say(loaded.value.length === 0 ? 'no image has changed' : `loaded: ${loaded.value.join(', ')}`);
      return succeed(undefined);
    },
  };
}

/** A cluster that several runs share, as those of tests do. */
export function givenCluster(run: Run, cluster: ReadyCluster): Environment {
  return {
    check: async () => {
      const machine = await checkMachine(run.inputs, run.voice);
      return machine.ok ? succeed(undefined) : machine;
    },
    kubernetes: () => cluster.kubernetes,
    open: async (plan) => {
      await run.clock.phase('cluster', async () => succeed(enter(run, cluster)));
      const loaded = await loadIntoNodes(run, cluster, plan);
      return loaded.ok ? succeed(undefined) : loaded;
    },
  };
}

function enter(run: Run, cluster: ReadyCluster): KubeConnection {
  run.connection = connect({ kubeconfigPath: cluster.kubeconfigPath });
  run.cluster = cluster;
  return run.connection;
}

/** The phase `images`. @returns the names of those that were loaded, since the nodes had other ones or none. */
function loadIntoNodes(run: Run, cluster: ReadyCluster, plan: ClusterPlan): Promise<Result<string[]>> {
  return run.clock.phase('images', async () => {
    const built = await buildTestImage(run, run.signal);
    if (!built.ok) return built;
    const nodes = chooseNodes(await listMachines(cluster.name, run.signal), plan.controlPlane);
    const loaded = await loadImages(plan.images, nodes, { signal: run.signal, mayBePulled: leaveToNodes(run) });
    if (loaded.ok) run.changedImages = new Set(loaded.value);
    return loaded;
  });
}
