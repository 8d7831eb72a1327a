import type { Claim, ClusterEvent, Job, Node, Pod, Workload } from '../kube/objects.ts';

/** All that is known of a namespace, and of the nodes below it, at one moment. Every decision is made on this. */
export interface NamespaceFacts {
  pods: readonly Pod[];
  events: readonly ClusterEvent[];
  jobs: readonly Job[];
  replicaSets: readonly Workload[];
  statefulSets: readonly Workload[];
  daemonSets: readonly Workload[];
  deployments: readonly Workload[];
  claims: readonly Claim[];
  /** Empty where we may not see them. */
  nodes: readonly Node[];
}

export const emptyFacts: NamespaceFacts = {
  pods: [],
  events: [],
  jobs: [],
  replicaSets: [],
  statefulSets: [],
  daemonSets: [],
  deployments: [],
  claims: [],
  nodes: [],
};

/** The lists of the API that the facts come from. */
export function factPaths(namespace: string): Record<keyof NamespaceFacts, string> {
  const ours = `namespaces/${namespace}`;
  return {
    pods: `/api/v1/${ours}/pods`,
    events: `/api/v1/${ours}/events`,
    jobs: `/apis/batch/v1/${ours}/jobs`,
    replicaSets: `/apis/apps/v1/${ours}/replicasets`,
    statefulSets: `/apis/apps/v1/${ours}/statefulsets`,
    daemonSets: `/apis/apps/v1/${ours}/daemonsets`,
    deployments: `/apis/apps/v1/${ours}/deployments`,
    claims: `/api/v1/${ours}/persistentvolumeclaims`,
    nodes: '/api/v1/nodes',
  };
}
