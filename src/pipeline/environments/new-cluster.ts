/** A run that creates its own Kind cluster, and loads images into the nodes while they start. */
import path from 'node:path';
import type { KindCluster } from '../../cluster/create-cluster.ts';
import { renderKindConfig } from '../../cluster/kind-config.ts';
import { fillNodes } from '../../cluster/load-images.ts';
import type { MachineFacts } from '../../cluster/machine-facts.ts';
import { attemptTwice, makeCluster } from '../../cluster/make-cluster.ts';
import { checkMachine } from '../../cluster/preflight.ts';
import { chooseNetwork, remoteHostOf } from '../../cluster/reach-api.ts';
import { mountMirrors } from '../../cluster/registry-mirrors.ts';
import type { Result } from '../../core/outcome.ts';
import { SystemWatch } from '../../diagnose/system-watch.ts';
import { disablesNetwork } from '../../inputs/user-kind-config.ts';
import { describeShape } from '../../state/kept-cluster.ts';
import { buildTestImage, leaveToNodes } from '../choose-images.ts';
import { nodeImageOf } from '../prepare-chart.ts';
import type { Run } from '../run.ts';
import { runTogether } from '../run-together.ts';
import { checkMounts, seesResults, useCollector } from '../sees-results.ts';
import type { ClusterPlan, Environment } from './environment.ts';

type ClusterImages = Pick<ClusterPlan, 'images' | 'controlPlane'>;

export function newCluster(run: Run): Environment {
  return {
    check: () => checkNewCluster(run),
    kubernetes: () => undefined,
    open: ({ kind, images, controlPlane }) => {
      if (kind === undefined) throw new Error('kind was not provided for a new cluster');
      return bringUpCluster(run, kind, { images, controlPlane });
    },
  };
}

async function checkNewCluster(run: Run): Promise<Result<MachineFacts>> {
  const machine = await checkMachine(run.inputs, run.voice);
  if (!machine.ok) return machine;
  const mounts = await checkMounts(run);
  if (!mounts.ok) return mounts;
  const network = await chooseNetwork(run.signal);
  if (!network.ok) return network;
  run.nodesNetwork = network.value;
  return machine;
}

async function bringUpCluster(run: Run, kind: string, images: ClusterImages): Promise<Result<undefined>> {
  const { inputs, record, workDir, dir } = run;
  const name = `k8s-test-${inputs.tier}-${record.content.runId}`;
  const cluster: KindCluster = {
    name,
    kind,
    configYaml: renderKindConfig({
      userConfig: inputs.kindConfig,
      nodes: inputs.nodes,
      resultsHostPath: run.forceCollector ? undefined : dir.results,
      // On the loopback of another machine nobody of this one would reach it.
      apiServerAddress: remoteHostOf(process.env.DOCKER_HOST) === undefined ? undefined : '0.0.0.0',
      mounts: await mountMirrors(path.join(workDir, 'registries'), inputs.registryMirrors),
    }),
    nodeImage: nodeImageOf(inputs),
    kubeconfigPath: path.join(workDir, 'kubeconfig'),
    workDir,
    network: run.nodesNetwork,
  };
  run.kindCluster = cluster;
  record.note({ kind: 'cluster', name, isWhole: false });
  const made = await attemptTwice(name, () => makeClusterWithImages(run, cluster, images), run.voice);
  if (made.ok) record.forget({ kind: 'cluster', name, isWhole: false }, [{ kind: 'cluster', name, isWhole: true }]);
  return made;
}

function makeClusterWithImages(run: Run, cluster: KindCluster, images: ClusterImages): Promise<Result<undefined>> {
  const { inputs, clock, dir } = run;
  return runTogether(run.signal, [
    (signal) =>
      clock.phase('cluster', async () => {
        const over = new AbortController();
        let system: SystemWatch | undefined;
        const made = await makeCluster(cluster, {
          ...run.voice,
          signal,
          nodes: inputs.nodes,
          awaitsNetwork: disablesNetwork(inputs.kindConfig),
          mountedHostPath: dir.results,
          onAnswering: (connection) => {
            run.connection = connection;
            system = new SystemWatch(connection, AbortSignal.any([signal, over.signal]));
          },
          findFailure: () => system?.findFailure(),
        }).finally(() => over.abort());
        if (made.ok) {
          run.cluster = made.value;
          if (!run.forceCollector && !(await seesResults(run, made.value))) useCollector(run);
          recordReusable(run);
        }
        return made;
      }),
    (signal) =>
      clock.phase('images', async () => {
        const built = await buildTestImage(run, signal);
        if (!built.ok) return built;
        return fillNodes(
          { name: cluster.name, nodes: inputs.nodes },
          { ...images, archives: inputs.imageArchives },
          { ...run.voice, signal, mayBePulled: leaveToNodes(run) },
        );
      }),
  ]);
}

/** Notes what a later run must know to enter the cluster, should it be kept. */
function recordReusable(run: Run): void {
  const { inputs, request, cluster, record } = run;
  if (request === undefined || cluster === undefined) return;
  record.setReusable({ ...request, cluster, tier: inputs.tier, shape: describeShape(inputs) });
}
