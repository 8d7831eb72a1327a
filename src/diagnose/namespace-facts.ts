import type { Claim, ClusterEvent, Job, Node, ObjectMeta, Pod, Workload } from '../kube/objects.ts';

/** All known facts of a namespace, and of its nodes, at one moment. Every decision is based on these. */
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
  /**
   * Objects that failed and have been deleted, in their last state: Helm deletes a failed hook at once if the chart asks for
   * that.
   */
  deleted?: { jobs: readonly Job[]; pods: readonly Pod[] };
  /** Containers (`containerKey`) of which one end was reported as a kill for memory while the watch ran. */
  memoryKills?: ReadonlySet<string>;
  /** Only while helm waits for all its objects (`--wait`): the hooks that it creates afterwards. */
  heldHooks?: readonly HeldHook[];
}

/** A post-install or post-upgrade hook that helm makes only when all else is ready. */
export interface HeldHook {
  /** `post-install hook Job migrate`. */
  title: string;
  name: string;
  /** Words that identify only it, in lower case: those of its name and its containers that describe its task. */
  words: readonly string[];
  /** Names of the claims that its pod mounts. */
  claims: readonly string[];
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

/** What the API lists. */
export type ListedKind = Exclude<keyof NamespaceFacts, 'heldHooks' | 'deleted' | 'memoryKills'>;

/**
 * The facts for an object of a namespace: claims are identified by their names, which may also exist in other namespaces. All
 * other facts are of every namespace, since a pod anywhere may provide what this one lacks.
 */
export function factsNear(facts: NamespaceFacts, { metadata }: { metadata: ObjectMeta }): NamespaceFacts {
  const isElsewhere = (claim: Claim) => claim.metadata.namespace !== metadata.namespace;
  const isMixed = facts.claims.some((claim) => claim.metadata.namespace !== facts.claims[0]?.metadata.namespace);
  const isForeign = isMixed || (facts.claims.some(isElsewhere) && isOfMany(facts));
  return isForeign ? { ...facts, claims: facts.claims.filter((claim) => !isElsewhere(claim)) } : facts;
}

/** Whether an object was made since a moment; of any age without one. */
export function isMadeSince({ metadata }: { metadata: ObjectMeta }, since: Date | undefined): boolean {
  if (since === undefined) return true;
  // The API server reports whole seconds.
  return Date.parse(metadata.creationTimestamp ?? '') >= Math.floor(since.getTime() / 1000) * 1000;
}

/** Whether pods of more than one namespace are watched. */
function isOfMany({ pods }: NamespaceFacts): boolean {
  return pods.some((pod) => pod.metadata.namespace !== pods[0]?.metadata.namespace);
}

/** The lists of the API from which the facts are made. */
export function factPaths(namespace: string): Record<ListedKind, string> {
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
