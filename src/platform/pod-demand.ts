/** What the pods of rendered manifests ask of a cluster. Pure. */
import { readQuantity } from '../core/quantity.ts';

/** What pods ask for. */
export interface Demand {
  cpuCores: number;
  memoryBytes: number;
}

/** The sum over all pods that run at the same time, and the pod that asks for most of each. */
export interface PodDemand {
  sum: Demand;
  largestCpu: { pod: string; cpuCores: number };
  largestMemory: { pod: string; memoryBytes: number };
}

interface Manifest {
  kind?: string;
  metadata?: { name?: string; annotations?: Record<string, string> };
  items?: unknown[];
  spec?: {
    replicas?: number;
    parallelism?: number;
    template?: { spec?: PodSpec };
  } & PodSpec;
}

interface PodSpec {
  containers?: ContainerSpec[];
  initContainers?: ContainerSpec[];
}

interface ContainerSpec {
  restartPolicy?: string;
  resources?: { requests?: Record<string, unknown>; limits?: Record<string, unknown> };
}

/**
 * Adds up what the pods of manifests ask for: replicas, DaemonSets once on each of `workers` nodes, Jobs with their
 * parallelism. What runs for a moment only, hooks of helm and CronJobs, is not in the sum.
 */
export function sumDemand(manifests: unknown[], workers: number): PodDemand {
  const demand: PodDemand = {
    sum: { cpuCores: 0, memoryBytes: 0 },
    largestCpu: { pod: '', cpuCores: 0 },
    largestMemory: { pod: '', memoryBytes: 0 },
  };
  for (const manifest of manifests.flatMap(listObjects)) {
    const template = manifest.kind === 'Pod' ? manifest.spec : manifest.spec?.template?.spec;
    if (template === undefined) continue;
    const pod = { cpuCores: askOfPod(template, 'cpu'), memoryBytes: askOfPod(template, 'memory') };
    const name = `${manifest.kind ?? ''}/${manifest.metadata?.name ?? ''}`;
    if (pod.cpuCores > demand.largestCpu.cpuCores) demand.largestCpu = { pod: name, cpuCores: pod.cpuCores };
    if (pod.memoryBytes > demand.largestMemory.memoryBytes)
      demand.largestMemory = { pod: name, memoryBytes: pod.memoryBytes };
    const count = countPods(manifest, workers);
    demand.sum.cpuCores += count * pod.cpuCores;
    demand.sum.memoryBytes += count * pod.memoryBytes;
  }
  return demand;
}

function listObjects(document: unknown): Manifest[] {
  if (typeof document !== 'object' || document === null) return [];
  const manifest = document as Manifest;
  return Array.isArray(manifest.items) ? manifest.items.flatMap(listObjects) : [manifest];
}

function countPods(manifest: Manifest, workers: number): number {
  if (manifest.metadata?.annotations?.['helm.sh/hook'] !== undefined) return 0;
  switch (manifest.kind) {
    case 'Pod':
      return 1;
    case 'Deployment':
    case 'StatefulSet':
    case 'ReplicaSet':
    case 'ReplicationController':
      return manifest.spec?.replicas ?? 1;
    case 'DaemonSet':
      return workers;
    case 'Job':
      return manifest.spec?.parallelism ?? 1;
    default:
      return 0;
  }
}

/**
 * As the scheduler counts: its containers and sidecars together, or its largest init container together with the sidecars that
 * started before it, whichever is more. A request that is not set is the limit.
 * https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
 */
function askOfPod(spec: PodSpec, resource: 'cpu' | 'memory'): number {
  const ask = ({ resources }: ContainerSpec) => {
    const quantity = resources?.requests?.[resource] ?? resources?.limits?.[resource];
    return quantity === undefined ? 0 : (readQuantity(String(quantity)) ?? 0);
  };
  let sidecars = 0;
  let peak = 0;
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') sidecars += ask(container);
    peak = Math.max(peak, container.restartPolicy === 'Always' ? sidecars : sidecars + ask(container));
  }
  const running = (spec.containers ?? []).reduce((sum, container) => sum + ask(container), sidecars);
  return Math.max(peak, running);
}
