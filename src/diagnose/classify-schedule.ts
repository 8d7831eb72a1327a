/** A pod without a place: which resource, asked and there, with the numbers side by side. */

import { readQuantity } from '../core/quantity.ts';
import type { Node, Pod, Taint, Toleration } from '../kube/objects.ts';
import { lacksNetwork } from './classify-node.ts';
import {
  type Cause,
  type Diagnosis,
  machineryPatienceSeconds,
  othersPatienceSeconds,
  podDiagnosis,
  standstillPatienceSeconds,
} from './diagnosis.ts';
import type { NamespaceFacts } from './namespace-facts.ts';
import { claimsOf, conditionOf, eventsOf, hasEnded, isBeingDeleted, isFixedCluster } from './pod-facts.ts';

/** Within this time an autoscaler reports that it adds a node. */
const autoscalerPatienceSeconds = 30;
/** Events of cluster-autoscaler and Karpenter for a pod for which a node is being added. */
const addsNode: ReadonlySet<string> = new Set(['TriggeredScaleUp', 'Nominated']);
/** Event of cluster-autoscaler for a pod for which it adds none. */
const addsNone = 'NotTriggerScaleUp';

/** The last message of an autoscaler about a pod; undefined where there is no autoscaler, or no message yet. */
function askAutoscaler(pod: Pod, facts: NamespaceFacts): { adds: boolean; words: string } | undefined {
  const last = eventsOf(facts.events, pod).findLast(({ reason = '' }) => addsNode.has(reason) || reason === addsNone);
  if (last === undefined) return undefined;
  return { adds: last.reason !== addsNone, words: (last.message ?? '').trim() };
}

/** What the pods on each node ask for together, by the node's name and the resource's. */
export type NodeRequests = ReadonlyMap<string, Readonly<Record<string, number>>>;

/**
 * The diagnosis of a pod that the scheduler could not place, from the scheduler's message and the state of the nodes. With
 * `requests` it also names what is left of them.
 */
export function classifySchedule(pod: Pod, facts: NamespaceFacts, requests?: NodeRequests): Diagnosis | undefined {
  const condition = conditionOf(pod, 'PodScheduled');
  if (condition?.status !== 'False' || condition.reason !== 'Unschedulable') return undefined;
  // A part on preemption follows, which adds nothing.
  const words = (condition.message ?? '').replace(/ (no new claims to deallocate|preemption: ).*$/s, '').trim();
  const missing = claimsOf(pod).filter((name) => !facts.claims.some((claim) => claim.metadata.name === name));
  if (missing.length > 0)
    return podDiagnosis(pod, '', {
      kind: 'schedule',
      reason: `pod ${pod.metadata.name} cannot be placed: the PersistentVolumeClaim ${missing.join(', ')} that it mounts does not exist`,
      hint: 'Create it, for example in the chart, or fix the name.',
      evidence: [words],
      confidence: 'likely',
      patienceWhileOthersStartSeconds: othersPatienceSeconds,
    });
  // The claim itself has the reason why it is not bound (classify-claim.ts); this pod cannot add to it.
  if (/unbound immediate PersistentVolumeClaims|persistentvolumeclaim .{0,300} not found|getting PVC/i.test(words))
    return podDiagnosis(pod, '', {
      kind: 'schedule',
      reason: `pod ${pod.metadata.name} cannot be placed: ${words}`,
      hint: 'The events of the claim say why it is not bound.',
      confidence: 'transient',
    });
  return podDiagnosis(pod, '', {
    kind: 'schedule',
    reason: `pod ${pod.metadata.name} cannot be placed on any node: ${words}${compare(pod, facts, words, requests)}${describeAutoscaler(pod, facts)}`,
    hint: hintFor(words),
    evidence: describeNodes(pod, facts.nodes, requests),
    ...judge(pod, facts, words),
    cause: roomFor(pod, words),
  });
}

function judge(
  pod: Pod,
  facts: NamespaceFacts,
  words: string,
): Pick<Diagnosis, 'confidence' | 'patienceSeconds'> & { patienceWhileOthersStartSeconds?: number } {
  const isFixed = isFixedCluster(facts.nodes);
  const autoscaler = askAutoscaler(pod, facts);
  if (autoscaler?.adds === true) return { confidence: 'transient', patienceSeconds: 0 };
  // Kubernetes itself adds these taints to an unhealthy node, and removes them when it is healthy.
  if (/node\.kubernetes\.io\/|node\(s\) were unschedulable|not.ready/i.test(words))
    return {
      confidence: 'likely',
      patienceSeconds: machineryPatienceSeconds,
      // The network plugin that they wait for may be among what starts.
      ...(facts.nodes.some(lacksNetwork) ? { patienceWhileOthersStartSeconds: othersPatienceSeconds } : {}),
    };
  const resources = lackingResources(words);
  const canNever =
    resources.length > 0 &&
    facts.nodes.length > 0 &&
    facts.nodes.every((node) => resources.some((name) => requestOf(pod, name) > allocatableOf(node, name)));
  if (canNever && isFixed) return { confidence: 'certain', patienceSeconds: 0 };
  // These pods free their place: those of a Job, a pod that is being deleted, the old pods of a rolling update.
  if (!canNever && facts.pods.some((other) => isBeingDeleted(other) || isEnding(other)))
    return { confidence: 'likely', patienceSeconds: othersPatienceSeconds };
  return {
    confidence: 'likely',
    patienceSeconds: isFixed || autoscaler !== undefined ? standstillPatienceSeconds : autoscalerPatienceSeconds,
    ...(canNever ? {} : { patienceWhileOthersStartSeconds: othersPatienceSeconds }),
  };
}

function describeAutoscaler(pod: Pod, facts: NamespaceFacts): string {
  const autoscaler = askAutoscaler(pod, facts);
  if (autoscaler === undefined) return '';
  return `; the autoscaler ${autoscaler.adds ? 'is adding a node' : 'adds no node'}: ${autoscaler.words}`;
}

function isEnding(pod: Pod): boolean {
  return pod.spec.nodeName !== undefined && !hasEnded(pod) && pod.spec.restartPolicy !== 'Always';
}

/** Pods of other namespaces are not watched: whether there is room by now has to be checked. */
function roomFor(pod: Pod, words: string): Cause | undefined {
  const resources = lackingResources(words);
  if (resources.length === 0) return undefined;
  return { kind: 'room', requested: Object.fromEntries(resources.map((name) => [name, requestOf(pod, name)])) };
}

/** Whether there is room for the requests now, or soon, since other pods on the nodes will end. */
export function makesRoom(
  nodes: readonly Node[],
  pods: readonly Pod[],
  requested: Readonly<Record<string, number>>,
): boolean {
  const sums = sumRequests(pods);
  const fits = (node: Node, taken: (resource: string) => number) =>
    Object.entries(requested).every(
      // Sums of thousandths are not exact.
      ([resource, amount]) => amount <= allocatableOf(node, resource) - taken(resource) + 1e-6,
    );
  return nodes.some((node) => {
    if (!fits(node, () => 0)) return false;
    if (fits(node, (resource) => sums.get(node.metadata.name)?.[resource] ?? 0)) return true;
    return pods.some((pod) => pod.spec.nodeName === node.metadata.name && (isBeingDeleted(pod) || isEnding(pod)));
  });
}

/** Resources that do not suffice according to the scheduler: `1 Insufficient memory`. */
function lackingResources(words: string): string[] {
  return [...new Set([...words.matchAll(/Insufficient ([a-z][\w./-]*\w)/g)].map((match) => match[1] ?? ''))];
}

/** What a pod asks for as a whole, or its limit: its containers together, or its greediest init container. */
export function requestOf(pod: Pod, resource: string, kind: 'requests' | 'limits' = 'requests'): number {
  const of = (container: { resources?: { requests?: Record<string, string>; limits?: Record<string, string> } }) =>
    readQuantity(container.resources?.[kind]?.[resource]) ?? 0;
  const sidecars = (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always');
  const together = [...pod.spec.containers, ...sidecars].reduce((sum, container) => sum + of(container), 0);
  const greediest = Math.max(0, ...(pod.spec.initContainers ?? []).map(of));
  return Math.max(together, greediest) + (readQuantity(pod.spec.overhead?.[resource]) ?? 0);
}

/** What pods ask for together on each node that they are on, as the scheduler counts it: those that have ended ask for nothing. */
export function sumRequests(pods: readonly Pod[]): NodeRequests {
  const sums = new Map<string, Record<string, number>>();
  for (const pod of pods) {
    const node = pod.spec.nodeName;
    if (node === undefined || hasEnded(pod)) continue;
    const sum = sums.get(node) ?? { cpu: 0, memory: 0, 'ephemeral-storage': 0 };
    const named = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap((container) =>
      Object.keys(container.resources?.requests ?? {}),
    );
    for (const resource of new Set(named)) sum[resource] = (sum[resource] ?? 0) + requestOf(pod, resource);
    sums.set(node, sum);
  }
  return sums;
}

/** What a node has for pods, of a resource. */
export function allocatableOf(node: Node, resource: string): number {
  return readQuantity(node.status?.allocatable?.[resource]) ?? 0;
}

/** ` (it asks for 1900m of cpu, the node has 1050m left of 2)`. */
function compare(pod: Pod, facts: NamespaceFacts, words: string, requests: NodeRequests | undefined): string {
  const parts: string[] = [];
  for (const resource of lackingResources(words)) {
    const left = (node: Node) => allocatableOf(node, resource) - (requests?.get(node.metadata.name)?.[resource] ?? 0);
    const best = [...facts.nodes].sort((a, b) => left(b) - left(a))[0];
    const asked = `it asks for ${formatAmount(resource, requestOf(pod, resource))} of ${resource}`;
    if (best === undefined) parts.push(asked);
    else {
      const whole = formatAmount(resource, allocatableOf(best, resource));
      const which = facts.nodes.length === 1 ? 'the node' : `the emptiest node ${best.metadata.name}`;
      const there =
        requests === undefined
          ? `${whole} for all pods together`
          : `${formatAmount(resource, Math.max(0, left(best)))} left of ${whole}`;
      parts.push(`${asked}, ${which} has ${there}`);
    }
  }
  if (/affinity\/selector/.test(words) && pod.spec.nodeSelector !== undefined)
    parts.push(`it wants ${describeLabels(pod.spec.nodeSelector)}, which no node has`);
  if (/untolerated taint/.test(words)) {
    const taints = facts.nodes.flatMap((node) =>
      untolerated(pod, node).map((taint) => `${node.metadata.name} has ${describeTaint(taint)}`),
    );
    if (taints.length > 0) parts.push([...new Set(taints)].slice(0, 3).join(', '));
  }
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}

/** Taints of a node that keep a pod off it. */
export function untolerated(pod: Pod, node: Node): Taint[] {
  return (node.spec?.taints ?? []).filter(
    (taint) => taint.effect !== 'PreferNoSchedule' && !(pod.spec.tolerations ?? []).some((one) => covers(one, taint)),
  );
}

/** https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
function covers(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== '' && toleration.effect !== taint.effect) return false;
  if (toleration.operator === 'Exists') return toleration.key === undefined || toleration.key === taint.key;
  return toleration.key === taint.key && (toleration.value ?? '') === (taint.value ?? '');
}

function describeTaint(taint: Taint): string {
  return `${taint.key}${taint.value === undefined ? '' : `=${taint.value}`}:${taint.effect}`;
}

function describeLabels(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

function describeNodes(pod: Pod, nodes: readonly Node[], requests: NodeRequests | undefined): string[] {
  const wanted = Object.keys(pod.spec.nodeSelector ?? {});
  return nodes.slice(0, 10).map((node) => {
    const has = ['cpu', 'memory', 'ephemeral-storage']
      .map((resource) => {
        const asked = requests?.get(node.metadata.name)?.[resource];
        const taken = asked === undefined ? '' : ` (${formatAmount(resource, asked)} asked for)`;
        return `${resource} ${formatAmount(resource, allocatableOf(node, resource))}${taken}`;
      })
      .join(', ');
    const labels = wanted.map((name) => `${name}=${node.metadata.labels?.[name] ?? '(none)'}`).join(', ');
    const taints = (node.spec?.taints ?? []).map(describeTaint).join(', ');
    return `node ${node.metadata.name}: allocatable ${has}${labels === '' ? '' : `; labels ${labels}`}${taints === '' ? '' : `; taints ${taints}`}`;
  });
}

/** `23.4Gi`, `1900m`, `3`. */
function formatAmount(resource: string, amount: number): string {
  if (/memory|storage|hugepages/.test(resource)) {
    for (const [unit, size] of [
      ['Ti', 2 ** 40],
      ['Gi', 2 ** 30],
      ['Mi', 2 ** 20],
      ['Ki', 2 ** 10],
    ] as const)
      if (amount >= size) return `${Math.round((amount / size) * 10) / 10}${unit}`;
    return String(amount);
  }
  return Number.isInteger(amount) ? String(amount) : `${Math.round(amount * 1000)}m`;
}

function hintFor(words: string): string {
  if (/Insufficient/.test(words))
    return 'Ask for less (requests in the values; memory and cpu of the tests), use a larger machine, or more nodes.';
  if (/affinity\/selector/.test(words))
    return 'Fix the node selector or affinity, or give a node the label (kind-config).';
  if (/taint/.test(words)) return 'Give the pod a toleration, or remove the taint from the node.';
  if (/free ports/.test(words)) return 'Another pod has the same hostPort: leave hostPort out.';
  return 'cluster/nodes.yaml has what the nodes offer.';
}
