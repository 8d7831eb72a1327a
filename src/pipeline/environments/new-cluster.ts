/** A run that creates its own Kind cluster, and loads images into the nodes while they start. */
import path from 'node:path';
import type { KindCluster } from '../../cluster/create-cluster.ts';
import { renderKindConfig } from '../../cluster/kind-config.ts';
import { fillNodes } from '../../cluster/load-images.ts';
import { attemptTwice, makeCluster, type ReadyCluster } from '../../cluster/make-cluster.ts';
import { checkMachine } from '../../cluster/preflight.ts';
import { chooseNetwork, remoteHostOf } from '../../cluster/reach-api.ts';
import { mountMirrors } from '../../cluster/registry-mirrors.ts';
import { type Result, succeed } from '../../core/outcome.ts';
import { SystemWatch } from '../../diagnose/system-watch.ts';
import { disablesNetwork } from '../../inputs/user-kind-config.ts';
import { describeShape } from '../../state/kept-cluster.ts';
import { buildTestImage, leaveToNodes, moveToPulled } from '../choose-images.ts';
import { nodeImageOf } from '../prepare-chart.ts';
import type { NodeImages, OpenCluster, PreparedRun } from '../progress.ts';
import type { Run } from '../run.ts';
import { runTogether } from '../run-together.ts';
import { checkMounts, findResultsInNodes, sayCollector } from '../sees-results.ts';
import type { Environment } from './environment.ts';

/** @param forceCollector whether a collector fetches the results even where the nodes can mount their directory. */
export async function checkNewCluster(run: Run, forceCollector: boolean): Promise<Result<Environment>> {
  const machine = await checkMachine(run.inputs, run.voice);
  if (!machine.ok) return machine;
  const mounts = await checkMounts(run);
  if (!mounts.ok) return mounts;
  const isCollected = forceCollector || !mounts.value.seesResults;
  if (isCollected && !forceCollector) sayCollector(run);
  const network = await chooseNetwork(run.signal);
  if (!network.ok) return network;
  return succeed({
    machine: machine.value,
    isCollected,
    open: async (prepared) => {
      if (prepared.kind === undefined) throw new Error('kind was not provided for a new cluster');
      const plan = await planCluster(run, { kind: prepared.kind, isCollected, network: network.value });
      return bringUpCluster(run, prepared, { plan, isCollected });
    },
  });
}

async function planCluster(
  run: Run,
  { kind, isCollected, network }: { kind: string; isCollected: boolean; network: string | undefined },
): Promise<KindCluster> {
  const { inputs, record, workDir, dir } = run;
  return {
    name: `k8s-test-${inputs.tier}-${record.content.runId}`,
    kind,
    configYaml: renderKindConfig({
      userConfig: inputs.kindConfig,
      nodes: inputs.nodes,
      resultsHostPath: isCollected ? undefined : dir.results,
      // On the loopback of another machine this one would not reach it.
      apiServerAddress: remoteHostOf(process.env.DOCKER_HOST) === undefined ? undefined : '0.0.0.0',
      mounts: await mountMirrors(path.join(workDir, 'registries'), inputs.registryMirrors),
    }),
    nodeImage: nodeImageOf(inputs),
    kubeconfigPath: path.join(workDir, 'kubeconfig'),
    workDir,
    network,
  };
}

async function bringUpCluster(
  run: Run,
  prepared: PreparedRun,
  { plan, isCollected }: { plan: KindCluster; isCollected: boolean },
): Promise<Result<OpenCluster>> {
  const { record } = run;
  const { name } = plan;
  // What the end of the run needs to know, should an attempt fail; the image is built once, however many there are.
  let found: Partial<OpenCluster> & { images: NodeImages } = { kindCluster: plan, images: prepared.images };
  const note = (more: Partial<OpenCluster>) => {
    found = { ...found, ...more };
    run.reach({ ...prepared, ...found, stage: 'preparing' });
  };
  note({});
  record.note({ kind: 'cluster', name, isWhole: false });
  const attempt = () =>
    runTogether(
      run.signal,
      (signal) => run.clock.phase('cluster', () => startNodes(run, plan, { signal, note, isCollected })),
      (signal) =>
        run.clock.phase('images', async () => {
          const built = await buildTestImage(run, found.images, signal);
          if (!built.ok) return built;
          note({ images: built.value });
          return loadImages(run, { ...prepared, images: built.value }, { name, signal });
        }),
    );
  const made = await attemptTwice(name, attempt, run.voice);
  if (!made.ok) return made;
  record.forget({ kind: 'cluster', name, isWhole: false }, [{ kind: 'cluster', name, isWhole: true }]);
  const [nodes, images] = made.value;
  return succeed({ ...nodes, kindCluster: plan, isNamespaceGiven: false, images, changedImages: new Set() });
}

/** The phase `cluster`: nodes that are ready, and how the results get out of them. */
async function startNodes(
  run: Run,
  plan: KindCluster,
  {
    signal,
    note,
    isCollected,
  }: { signal: AbortSignal; note: (found: Partial<OpenCluster>) => void; isCollected: boolean },
): Promise<Result<Pick<OpenCluster, 'cluster' | 'connection' | 'resultsNodePath'>>> {
  const { inputs } = run;
  const over = new AbortController();
  let system: SystemWatch | undefined;
  const made = await makeCluster(plan, {
    ...run.voice,
    signal,
    nodes: inputs.nodes,
    awaitsNetwork: disablesNetwork(inputs.kindConfig),
    mountedHostPath: run.dir.results,
    onAnswering: (connection) => {
      note({ connection });
      system = new SystemWatch(connection, AbortSignal.any([signal, over.signal]));
    },
    findFailure: () => system?.findFailure(),
  }).finally(() => over.abort());
  if (!made.ok) return made;
  note(made.value);
  const { cluster } = made.value;
  const resultsNodePath = isCollected ? undefined : await findResultsInNodes(run, cluster);
  if (!isCollected && resultsNodePath === undefined) sayCollector(run);
  recordReusable(run, cluster);
  return succeed({ ...made.value, resultsNodePath });
}

/** The phase `images`. @returns the images as they turned out. */
async function loadImages(
  run: Run,
  { images, controlPlane }: Pick<PreparedRun, 'images' | 'controlPlane'>,
  { name, signal }: { name: string; signal: AbortSignal },
): Promise<Result<NodeImages>> {
  const { nodes, imageArchives } = run.inputs;
  const left: string[] = [];
  const filled = await fillNodes(
    { name, nodes },
    { images: [...images.loaded], archives: imageArchives, controlPlane },
    { ...run.voice, signal, mayBePulled: leaveToNodes(run, left) },
  );
  return filled.ok ? succeed(moveToPulled(images, left)) : filled;
}

/** Notes what a later run must know to enter the cluster, should it be kept. */
function recordReusable(run: Run, cluster: ReadyCluster): void {
  const { inputs, request, record } = run;
  if (request === undefined) return;
  record.setReusable({ ...request, cluster, tier: inputs.tier, shape: describeShape(inputs) });
}
