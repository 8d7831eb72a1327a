/** How many pods a cluster can run beside what it runs already: allocatable minus requests, and quotas. Pure. */
import { readQuantity } from '../core/quantity.ts';
import type { Node, Pod } from '../kube/objects.ts';
import { allocatableOf, requestOf, sumRequests, untolerated } from './classify-schedule.ts';
import { conditionOf, hasEnded } from './pod-facts.ts';

/** `core/v1` ResourceQuota, as far as it matters here. */
export interface ResourceQuota {
  spec?: { scopes?: string[]; scopeSelector?: object };
  status?: { hard?: Record<string, string>; used?: Record<string, string> };
}

const resourcesOfNode = ['cpu', 'memory', 'ephemeral-storage'];
/** Sums of thousandths are not exact. */
const slack = 1e-6;

/**
 * How many more pods like this one the scheduler could place now. Counted are requests, node selector, taints and the number of
 * pods that a node takes; affinity, volumes and ports are not.
 * @param pod with the spec that its pods would have.
 * @param pods all of the cluster.
 */
export function countRoom(pod: Pod, nodes: readonly Node[], pods: readonly Pod[]): number {
  const sums = sumRequests(pods);
  const asked = new Map(resourcesOfNode.map((name) => [name, requestOf(pod, name)]));
  return nodes.reduce((room, node) => {
    const isReady = conditionOf(node, 'Ready')?.status === 'True';
    if (!isReady || node.spec?.unschedulable === true || untolerated(pod, node).length > 0) return room;
    if (!Object.entries(pod.spec.nodeSelector ?? {}).every(([name, value]) => node.metadata.labels?.[name] === value))
      return room;
    const onNode = pods.filter((one) => one.spec.nodeName === node.metadata.name && !hasEnded(one)).length;
    const taken = sums.get(node.metadata.name) ?? {};
    const fits = [...asked].map(([name, amount]) =>
      amount === 0 ? Infinity : Math.floor((allocatableOf(node, name) - (taken[name] ?? 0)) / amount + slack),
    );
    return room + Math.max(0, Math.min(allocatableOf(node, 'pods') - onNode, ...fits));
  }, 0);
}

/** How many more pods like this one the quotas of its namespace admit; infinite without a quota that counts them. */
export function countQuota(pod: Pod, quotas: readonly ResourceQuota[]): number {
  let room = Infinity;
  for (const { spec, status } of quotas) {
    // Whether a quota with a scope counts these pods depends on more than their requests.
    if ((spec?.scopes ?? []).length > 0 || spec?.scopeSelector !== undefined) continue;
    for (const [name, hard] of Object.entries(status?.hard ?? {})) {
      const amount = amountOf(pod, name);
      const left = (readQuantity(hard) ?? 0) - (readQuantity(status?.used?.[name]) ?? 0);
      if (amount > 0) room = Math.min(room, Math.max(0, Math.floor(left / amount + slack)));
    }
  }
  return room;
}

/** What a pod counts for in a quota: https://kubernetes.io/docs/concepts/policy/resource-quotas/ */
function amountOf(pod: Pod, name: string): number {
  if (name === 'pods' || name === 'count/pods') return 1;
  const [, kind, resource = ''] = /^(?:(requests|limits)\.)?(cpu|memory|ephemeral-storage)$/.exec(name) ?? [];
  if (resource === '') return 0;
  return requestOf(pod, resource, kind === 'limits' ? 'limits' : 'requests');
}
