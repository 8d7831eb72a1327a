/** A run that creates its own Kind cluster, and loads images into the nodes while they start. */
import path from 'node:path';
import type { KindCluster } from '../../cluster/create-cluster.ts';
import type { NodeContainer } from '../../cluster/docker.ts';
import { renderKindConfig } from '../../cluster/kind-config.ts';
import { chooseNodes, fillNodes, loadImages, waitForContainerd } from '../../cluster/load-images.ts';
import { attemptTwice, makeCluster, type ReadyCluster } from '../../cluster/make-cluster.ts';
import { type MountedImages, nothingMounted } from '../../cluster/mounted-images.ts';
import { checkMachine } from '../../cluster/preflight.ts';
import { chooseNetwork, remoteHostOf } from '../../cluster/reach-api.ts';
import { mountMirrors, type NodeMount } from '../../cluster/registry-mirrors.ts';
import { unpackSystemImages } from '../../cluster/unpack-system-images.ts';
import { type Result, succeed } from '../../core/outcome.ts';
import { SystemWatch } from '../../diagnose/system-watch.ts';
import { disablesNetwork } from '../../inputs/user-kind-config.ts';
import { describeShape } from '../../state/kept-cluster.ts';
import { buildTestImage, leaveToNodes, moveToPulled } from '../choose-images.ts';
import { copyCredentials } from '../copy-credentials.ts';
import { nodeImageOf } from '../prepare-chart.ts';
import type { NodeImages, OpenCluster, Platform, PreparedRun } from '../progress.ts';
import { pullEarly } from '../pull-early.ts';
import type { Run } from '../run.ts';
import { runTogether, waitFor } from '../run-together.ts';
import { checkMounts, findResultsInNodes, sayCollector } from '../sees-results.ts';
import type { BringUp, Environment } from './environment.ts';
import { chooseMounted, giveMounted } from './mount-images.ts';

/**
 * @param options.forceCollector whether a collector fetches the results even where the nodes can mount their directory.
 * @param options.isForLater whether the cluster is to outlive the run: it must not depend then on images of the local docker.
 */
export async function checkNewCluster(
  run: Run,
  { forceCollector, isForLater }: { forceCollector: boolean; isForLater: boolean },
): Promise<Result<Environment>> {
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
    open: async (prepared, bringUp) => {
      if (prepared.kind === undefined) throw new Error('kind was not provided for a new cluster');
      const { kind, images } = prepared;
      const { docker } = machine.value;
      const mounted = isForLater || !docker.answers ? nothingMounted : await chooseMounted(run, images, docker);
      const plan = await planCluster(run, { kind, isCollected, network: network.value, mounts: mounted.mounts });
      return bringUpCluster(run, prepared, { plan, isCollected, mounted, bringUp });
    },
  });
}

async function planCluster(
  run: Run,
  {
    kind,
    isCollected,
    network,
    mounts,
  }: { kind: string; isCollected: boolean; network: string | undefined; mounts: readonly NodeMount[] },
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
      mounts: [...(await mountMirrors(path.join(workDir, 'registries'), inputs.registryMirrors)), ...mounts],
    }),
    nodeImage: nodeImageOf(inputs),
    kubeconfigPath: path.join(workDir, 'kubeconfig'),
    workDir,
    network,
  };
}

/** The cluster and the platform in it, which waits for its images; beside both the images, those of the platform first. */
async function bringUpCluster(
  run: Run,
  prepared: PreparedRun,
  {
    plan,
    isCollected,
    mounted,
    bringUp,
  }: { plan: KindCluster; isCollected: boolean; mounted: MountedImages; bringUp: BringUp },
): Promise<Result<Platform>> {
  const { record } = run;
  const { name } = plan;
  // What the end of the run needs to know, should an attempt fail.
  let found: Partial<OpenCluster> = { kindCluster: plan };
  const note = (more: Partial<OpenCluster>) => {
    found = { ...found, ...more };
    run.reach({ ...prepared, ...found, stage: 'preparing' });
  };
  note({});
  record.note({ kind: 'cluster', name, isWhole: false });
  // The image is built once, however many attempts there are.
  let images = prepared.images;
  const used = new AbortController();
  const attempt = () => {
    const ofPlatform = Promise.withResolvers<NodeImages>();
    const containers = Promise.withResolvers<NodeContainer[]>();
    return runTogether(
      run.signal,
      async (signal) => {
        const options = { signal, note, isCollected, containers: containers.promise };
        const nodes = await run.clock.phase('cluster', () => startNodes(run, plan, options));
        if (!nodes.ok) return nodes;
        const loaded = await waitFor(ofPlatform.promise, signal);
        used.abort('the cluster is used');
        record.forget({ kind: 'cluster', name, isWhole: false }, [{ kind: 'cluster', name, isWhole: true }]);
        const open = { ...nodes.value, kindCluster: plan, isNamespaceGiven: false, changedImages: new Set<string>() };
        return bringUp({ ...prepared, ...open, images: loaded }, signal);
      },
      (signal) =>
        run.clock.phase('images', () =>
          bringImages(run, { ...prepared, images }, name, {
            signal,
            mounted,
            used: used.signal,
            onContainers: containers.resolve,
            onBuilt: (built) => {
              images = built;
            },
            onPlatformLoaded: ofPlatform.resolve,
          }),
        ),
    );
  };
  const made = await attemptTwice(name, attempt, { ...run.voice, isUsed: () => used.signal.aborted });
  if (!made.ok) return made;
  const [platform, loaded] = made.value;
  return withImages(run, platform, loaded);
}

/** The platform with the images as they turned out: the nodes may have to pull one of the tests after all. */
async function withImages(run: Run, platform: Platform, images: NodeImages): Promise<Result<Platform>> {
  const whole = { ...platform, images };
  if (images.pulled.length === platform.images.pulled.length) return succeed(whole);
  const copied = await copyCredentials(run, whole);
  return copied.ok ? succeed({ ...whole, ...copied.value }) : copied;
}

/** The phase `cluster`: nodes that are ready, and how the results get out of them. */
async function startNodes(
  run: Run,
  plan: KindCluster,
  {
    signal,
    note,
    isCollected,
    containers,
  }: {
    signal: AbortSignal;
    note: (found: Partial<OpenCluster>) => void;
    isCollected: boolean;
    /** The nodes, once their containerd answers. */
    containers: Promise<NodeContainer[]>;
  },
): Promise<Result<Pick<OpenCluster, 'cluster' | 'connection' | 'resultsNodePath'>>> {
  const { inputs } = run;
  const over = new AbortController();
  let system: SystemWatch | undefined;
  const making = makeCluster(plan, {
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
  const [made] = await Promise.all([making, unpackMeanwhile(run, containers, AbortSignal.any([signal, over.signal]))]);
  if (!made.ok) return made;
  note(made.value);
  const { cluster } = made.value;
  const resultsNodePath = isCollected ? undefined : await findResultsInNodes(run, cluster);
  if (!isCollected && resultsNodePath === undefined) sayCollector(run);
  recordReusable(run, cluster);
  return succeed({ ...made.value, resultsNodePath });
}

/** Unpacks the images of Kubernetes while the nodes start, which only makes them start sooner. */
async function unpackMeanwhile(run: Run, containers: Promise<NodeContainer[]>, until: AbortSignal): Promise<void> {
  try {
    const problem = await unpackSystemImages(await waitFor(containers, until), until);
    if (problem !== undefined) run.reporter.say(`images of Kubernetes are unpacked when a pod needs them: ${problem}`);
  } catch (error) {
    if (!until.aborted) throw error;
  }
}

interface LoadSteps {
  signal: AbortSignal;
  mounted: MountedImages;
  onBuilt: (images: NodeImages) => void;
  onPlatformLoaded: (images: NodeImages) => void;
}

/** The phase `images`: those that we load, and those that the platform has to pull. @returns them as they turned out. */
async function bringImages(
  run: Run,
  prepared: PreparedRun,
  name: string,
  {
    signal,
    used,
    onContainers,
    ...steps
  }: LoadSteps & { used: AbortSignal; onContainers: (containers: NodeContainer[]) => void },
): Promise<Result<NodeImages>> {
  const nodes = waitForContainerd(name, run.inputs.nodes, { ...run.voice, signal }).then((found) => {
    if (!found.ok) return found;
    onContainers(found.value);
    return succeed(chooseNodes(found.value, prepared.controlPlane));
  });
  const brought = await runTogether(
    signal,
    (within) => loadInOrder(run, prepared.images, nodes, { signal: within, ...steps }),
    (within) => pullEarly(run, prepared, nodes, { signal: within, until: used }),
  );
  return brought.ok ? succeed(brought.value[0]) : brought;
}

/** Builds the test image, and loads first what the platform may need, then what only the tests do. */
async function loadInOrder(
  run: Run,
  images: NodeImages,
  nodes: Promise<Result<string[]>>,
  { signal, mounted: chosen, onBuilt, onPlatformLoaded }: LoadSteps,
): Promise<Result<NodeImages>> {
  const { imageArchives, image } = run.inputs;
  const { loaded, ofTests } = images;
  const left: string[] = [];
  let mounted: ReadonlyMap<string, string> = new Map();
  const options = { ...run.voice, mayBePulled: leaveToNodes(run, left) };
  const build = async (within: AbortSignal) => {
    const built = await buildTestImage(run, images, within);
    if (built.ok) onBuilt(built.value);
    return built;
  };
  const fill = async (within: AbortSignal) => {
    const names = await nodes;
    if (!names.ok) return names;
    const given = await giveMounted(run, chosen, { nodes: names.value, signal: within });
    mounted = new Map(given.map(({ name, id }) => [name, id]));
    const first = [...loaded].filter((one) => !ofTests.has(one) && !mounted.has(one));
    const filled = await fillNodes(
      names.value,
      { images: first, archives: imageArchives },
      { ...options, signal: within },
    );
    if (!filled.ok) return filled;
    onPlatformLoaded({ ...moveToPulled(images, left), mounted });
    return names;
  };
  // An image that the platform may need is built before anything is loaded.
  const early = ofTests.has(image) ? succeed(images) : await build(signal);
  if (!early.ok) return early;
  const both = await runTogether(signal, ofTests.has(image) ? build : async () => early, fill);
  if (!both.ok) return both;
  const [built, names] = both.value;
  const rest = await loadImages(
    [...ofTests].filter((one) => !mounted.has(one)),
    names,
    { ...options, signal },
  );
  return rest.ok ? succeed({ ...moveToPulled(built, left), mounted }) : rest;
}

/** Notes what a later run must know to enter the cluster, should it be kept. */
function recordReusable(run: Run, cluster: ReadyCluster): void {
  const { inputs, request, record } = run;
  if (request === undefined) return;
  record.setReusable({ ...request, cluster, tier: inputs.tier, shape: describeShape(inputs) });
}
