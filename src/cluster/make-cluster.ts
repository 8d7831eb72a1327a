import { type Failure, type Result, succeed } from '../core/outcome.ts';
import { connect, type KubeConnection } from '../kube/connection.ts';
import { createCluster, deleteCluster, type KindCluster } from './create-cluster.ts';
import { reachApi } from './reach-api.ts';
import { waitForNodes } from './wait-for-nodes.ts';

/** A Kind cluster that can take a run. */
export interface ReadyCluster {
  name: string;
  kubeconfigPath: string;
  nodes: string[];
  /** Version of its Kubernetes. */
  kubernetes: string;
  /** Directory of the runner that its nodes mount at `nodeResultsPath`; the results directory is in it. */
  mountedHostPath: string;
  /** How many nodes an existing cluster has, none of which is in `nodes`; absent where `nodes` is all of them. */
  nodeCount?: number;
}

export interface MakeOptions {
  /** How many nodes its config has. */
  nodes: number;
  /** Directory of the runner that its config mounts. */
  mountedHostPath: string;
  signal: AbortSignal;
  say: (line: string) => void;
  waitingFor: (what: string) => void;
  quote: (line: string) => void;
  /** Called once its API server answers, before its nodes are ready. */
  onAnswering: (connection: KubeConnection) => void;
  /** Whether the chart installs the pod network: its nodes cannot be ready before that, and only have to exist. */
  awaitsNetwork?: boolean;
  /** Asked while nodes are waited for: what makes it certain that they never will be ready. */
  findFailure?: () => Failure | undefined;
}

/**
 * Creates a cluster and waits until all its nodes are ready.
 * @returns a failure of kind `cluster` when they are not.
 */
export async function makeCluster(
  cluster: KindCluster,
  options: MakeOptions,
): Promise<Result<{ cluster: ReadyCluster; connection: KubeConnection }>> {
  const created = await createCluster(cluster, options);
  if (!created.ok) return created;
  const { name, kubeconfigPath } = cluster;
  const reached = await reachApi(cluster, options.signal);
  if (!reached.ok) return reached;
  if (reached.value !== undefined) options.say(`the API server is reached at ${reached.value}`);
  const connection = connect({ kubeconfigPath });
  options.onAnswering(connection);
  const ready = await waitForNodes(connection, options.nodes, options);
  if (!ready.ok) return ready;
  const { names, kubernetes } = ready.value;
  const { mountedHostPath } = options;
  return succeed({ cluster: { name, kubeconfigPath, nodes: names, kubernetes, mountedHostPath }, connection });
}

/**
 * Makes one attempt at a cluster, and after a failure of kind `cluster` a second one with a clean slate: creating one fails
 * now and then for reasons that are gone a moment later; twice is no accident. Once the cluster is used, its failures are
 * those of what was done in it.
 */
export async function attemptTwice<T>(
  name: string,
  attempt: () => Promise<Result<T>>,
  options: {
    signal: AbortSignal;
    say: (line: string) => void;
    warn: (text: string) => void;
    isUsed: () => boolean;
  },
): Promise<Result<T>> {
  const first = await attempt();
  if (first.ok || first.failure.kind !== 'cluster' || options.isUsed()) return first;
  const { reason } = first.failure;
  options.say(`creating the cluster failed; trying again from scratch: ${reason}`);
  await deleteCluster(name, { signal: options.signal, isWhole: false });
  const second = await attempt();
  if (second.ok) options.warn(`creating the cluster needed a second attempt: ${reason}`);
  return second;
}
