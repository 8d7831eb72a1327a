import { setTimeout as delay } from 'node:timers/promises';
import { type Failure, fail, type Result, succeed } from '../core/outcome.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { Node } from '../kube/objects.ts';
import { listResources } from '../kube/resources.ts';

const patienceSeconds = 180;
const pollMilliseconds = 500;

/**
 * Waits until all nodes of a new cluster are Ready; with `awaitsNetwork`, until only the network plugin is missing.
 * @returns their names and the version of their Kubernetes, or a failure of kind `cluster` with the message of the last node.
 */
export async function waitForNodes(
  connection: KubeConnection,
  count: number,
  options: {
    signal: AbortSignal;
    waitingFor: (what: string) => void;
    /** Whether nodes without a pod network, but otherwise ready, are enough. */
    awaitsNetwork?: boolean;
    /** Asked at each look: what makes it certain that they never will be. */
    findFailure?: () => Failure | undefined;
    /** How long the nodes are waited for. */
    deadlineSeconds?: number;
  },
): Promise<Result<{ names: string[]; kubernetes: string }>> {
  const deadlineSeconds = options.deadlineSeconds ?? patienceSeconds;
  const deadline = performance.now() + deadlineSeconds * 1000;
  for (;;) {
    const { nodes, problem } = await listNodes(connection, options.signal);
    const notReady = nodes.filter((node) => !isReady(node));
    const isEnough = (node: Node) => options.awaitsNetwork === true && lacksOnlyNetwork(node);
    if (nodes.length >= count && notReady.every(isEnough))
      return succeed({
        names: nodes.map((node) => node.metadata.name),
        kubernetes: nodes[0]?.status?.nodeInfo?.kubeletVersion ?? '',
      });
    const last = notReady.map((node) => `${node.metadata.name}: ${describeNotReady(node)}`).join('; ');
    const seen =
      problem !== ''
        ? `the API server does not list them: ${problem}`
        : `${nodes.length - notReady.length} of ${count} nodes ready${last === '' ? '' : `; ${last}`}`;
    options.waitingFor(seen);
    const failure = options.findFailure?.();
    if (failure !== undefined) return { ok: false, failure };
    if (performance.now() > deadline)
      return fail('cluster', `the nodes are not ready after ${deadlineSeconds} s: ${seen}`, {
        hint: "The nodes' own logs are in cluster/kind-logs of the results.",
      });
    await delay(pollMilliseconds, undefined, { signal: options.signal });
  }
}

/** The nodes, or why the API server does not list them: while it starts it may be away, or not know yet who may do what. */
async function listNodes(connection: KubeConnection, signal: AbortSignal): Promise<{ nodes: Node[]; problem: string }> {
  try {
    return { nodes: await listResources<Node>(connection, '/api/v1/nodes', signal), problem: '' };
  } catch (error) {
    if (!(error instanceof ApiError) || signal.aborted) throw error;
    return { nodes: [], problem: error.message };
  }
}

/**
 * The nodes of a cluster that are not Ready now, each with the message of its kubelet.
 * @throws ApiError when the API server does not answer within the deadline.
 */
export async function listNotReady(
  connection: KubeConnection,
  options: { signal: AbortSignal; deadlineSeconds: number },
): Promise<string[]> {
  const { items } = await connection.call<{ items: Node[] }>('GET', '/api/v1/nodes', options);
  return items.filter((node) => !isReady(node)).map((node) => `${node.metadata.name}: ${describeNotReady(node)}`);
}

function isReady(node: Node): boolean {
  return readyCondition(node)?.status === 'True';
}

/** The kubelet runs, and reports that no network plugin has written its config yet. */
function lacksOnlyNetwork(node: Node): boolean {
  return /NetworkPluginNotReady|cni plugin not initialized/.test(readyCondition(node)?.message ?? '');
}

function describeNotReady(node: Node): string {
  return readyCondition(node)?.message ?? 'its kubelet has not reported yet';
}

function readyCondition(node: Node) {
  return node.status?.conditions?.find((condition) => condition.type === 'Ready');
}
