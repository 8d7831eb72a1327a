/** A run in a Kind cluster that exists already: one that an earlier run has kept, or one that it is given. */
import { chooseNodes, listMachines, loadImages } from '../../cluster/load-images.ts';
import type { ReadyCluster } from '../../cluster/make-cluster.ts';
import { checkMachine } from '../../cluster/preflight.ts';
import { type Result, succeed } from '../../core/outcome.ts';
import { connect, type KubeConnection } from '../../kube/connection.ts';
import { buildTestImage, leaveToNodes, moveToPulled } from '../choose-images.ts';
import type { OpenCluster, PreparedRun } from '../progress.ts';
import type { Run } from '../run.ts';
import { resultsPathIn } from '../sees-results.ts';
import { checkKept, openKept } from './enter-kept.ts';
import type { Environment } from './environment.ts';

/** A cluster that an earlier run has kept. */
export async function checkKeptCluster(
  run: Run,
  cluster: ReadyCluster,
  forceCollector: boolean,
): Promise<Result<Environment>> {
  const checked = await checkKept(run, cluster);
  if (!checked.ok) return checked;
  const resultsNodePath = forceCollector ? undefined : checked.value.resultsNodePath;
  return succeed({
    kubernetes: cluster.kubernetes,
    isCollected: resultsNodePath === undefined,
    open: async (prepared, bringUp) => {
      const connection = enter(run, cluster, prepared);
      const answers = await run.clock.phase('cluster', () => openKept(run, cluster, connection));
      if (!answers.ok) return answers;
      const loaded = await loadIntoNodes(run, cluster, prepared);
      if (!loaded.ok) return loaded;
      const changed = [...loaded.value.changedImages];
      run.reporter.say(changed.length === 0 ? 'no image has changed' : `loaded: ${changed.join(', ')}`);
      const opened = { cluster, connection, isNamespaceGiven: false, resultsNodePath, ...loaded.value };
      return bringUp({ ...prepared, ...opened }, run.signal);
    },
  });
}

/** A cluster that several runs share, as those of tests do. */
export async function checkGivenCluster(
  run: Run,
  cluster: ReadyCluster,
  forceCollector: boolean,
): Promise<Result<Environment>> {
  const machine = await checkMachine(run.inputs, run.voice);
  if (!machine.ok) return machine;
  const resultsNodePath = forceCollector ? undefined : resultsPathIn(run, cluster);
  return succeed({
    kubernetes: cluster.kubernetes,
    isCollected: forceCollector,
    open: async (prepared, bringUp) => {
      const entered = await run.clock.phase('cluster', async () => succeed(enter(run, cluster, prepared)));
      if (!entered.ok) return entered;
      const loaded = await loadIntoNodes(run, cluster, prepared);
      if (!loaded.ok) return loaded;
      const connection = entered.value;
      const opened = { cluster, connection, isNamespaceGiven: false, resultsNodePath, ...loaded.value };
      return bringUp({ ...prepared, ...opened }, run.signal);
    },
  });
}

function enter(run: Run, cluster: ReadyCluster, prepared: PreparedRun): KubeConnection {
  const connection = connect({ kubeconfigPath: cluster.kubeconfigPath });
  run.reach({ ...prepared, stage: 'preparing', cluster, connection });
  return connection;
}

/** The phase `images`. @returns the images, and those of them that were loaded, since the nodes had other ones or none. */
function loadIntoNodes(
  run: Run,
  cluster: ReadyCluster,
  prepared: PreparedRun,
): Promise<Result<Pick<OpenCluster, 'images' | 'changedImages'>>> {
  return run.clock.phase('images', async () => {
    const built = await buildTestImage(run, prepared.images, run.signal);
    if (!built.ok) return built;
    const nodes = chooseNodes(await listMachines(cluster.name, run.signal), prepared.controlPlane);
    const left: string[] = [];
    const { signal, transferring } = run.voice;
    const options = { signal, transferring, mayBePulled: leaveToNodes(run, left) };
    const loaded = await loadImages([...built.value.loaded], nodes, options);
    if (!loaded.ok) return loaded;
    return succeed({ images: moveToPulled(built.value, left), changedImages: new Set(loaded.value) });
  });
}
