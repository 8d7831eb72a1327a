/** A node that no longer answers, and the pods on it with it. */
import type { Node, Pod } from '../kube/objects.ts';
import { type Diagnosis, machineryPatienceSeconds, objectDiagnosis, othersPatienceSeconds } from './diagnosis.ts';
import { conditionOf } from './pod-facts.ts';

/**
 * The diagnosis of a node whose kubelet has stopped reporting, or that reports itself as not ready. Kubernetes waits for some
 * 50 s before it calls a node lost, and a kubelet that restarts is back within another minute.
 */
export function classifyNode(node: Node): Diagnosis | undefined {
  const ready = conditionOf(node, 'Ready');
  if (ready === undefined || ready.status === 'True') return undefined;
  const words = ready.message ?? ready.reason ?? '';
  const isSilent = ready.status === 'Unknown';
  const hasNoNetwork = lacksNetwork(node);
  return objectDiagnosis(node, {
    kind: 'cluster',
    reason: isSilent
      ? `node ${node.metadata.name} does not answer since ${ready.lastTransitionTime ?? 'a while'}: ${words}`
      : `node ${node.metadata.name} is not ready: ${words}`,
    hint: hasNoNetwork
      ? 'No network plugin has written its configuration there: with disableDefaultCNI in kind-config the chart has to bring one.'
      : 'Check that its container (docker ps) or machine still runs, and look at its kubelet.',
    evidence: (node.status?.conditions ?? []).map((one) => `${one.type} ${one.status}: ${one.message ?? ''}`),
    confidence: 'likely',
    patienceSeconds: machineryPatienceSeconds,
    // The plugin itself may be among what starts.
    ...(hasNoNetwork ? { patienceWhileOthersStartSeconds: othersPatienceSeconds } : {}),
  });
}

/** Whether a node's kubelet is up and only waits for a network plugin, as on a new node without one. */
export function lacksNetwork(node: Node): boolean {
  const ready = conditionOf(node, 'Ready');
  return ready?.status === 'False' && /NetworkPluginNotReady|cni plugin not initialized/.test(ready.message ?? '');
}

/** The nodes that any of these pods are on. */
export function nodesOf(pods: readonly Pod[], nodes: readonly Node[]): Node[] {
  const names = new Set(pods.map((pod) => pod.spec.nodeName));
  return nodes.filter((node) => names.has(node.metadata.name));
}
