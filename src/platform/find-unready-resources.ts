import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { readObject } from '../kube/create-object.ts';
import type { ObjectMeta } from '../kube/objects.ts';
import { isCustom } from './chart.ts';

/** The part of a resource that shows whether it is ready. */
export interface AwaitedResource {
  kind: string;
  metadata: ObjectMeta;
  spec?: { type?: string; externalIPs?: string[] };
  status?: {
    observedGeneration?: number;
    conditions?: { type?: string; status?: string; reason?: string; message?: string }[];
    loadBalancer?: { ingress?: unknown[] };
  } | null;
}

export const remedyForResources =
  'Helm waits until these resources are ready: create what they need, or set helm-wait to false to wait only for pods.';

/** A chart of thousands of custom resources must not be asked for one by one. */
const mostResources = 50;
/** They are asked for when the time is up, and must not take more of it. */
const askSeconds = 10;

/**
 * Resources other than pods that helm still waits for, a line each with their own message: custom resources, and for Helm 3
 * Services without a load balancer. What cannot be read is left out: it only makes a failure more precise.
 */
export async function findUnreadyResources(
  connection: KubeConnection,
  manifests: unknown[],
  options: { namespace: string; isHelm3: boolean; signal: AbortSignal },
): Promise<string[]> {
  const { namespace, isHelm3, signal } = options;
  const hurry = AbortSignal.any([signal, AbortSignal.timeout(askSeconds * 1000)]);
  // Helm 3 waits for no custom resource, and Helm 4 for no load balancer.
  const isAwaited = (one: Manifest) =>
    isHelm3 ? one.apiVersion === 'v1' && one.kind === 'Service' : isCustom(one.apiVersion);
  const awaited = (manifests as (Manifest | null)[])
    .filter((one) => one !== null)
    .filter((one) => isAwaited(one) && typeof one.metadata?.name === 'string')
    .slice(0, mostResources);
  const found = await Promise.all(
    awaited.map(async (one) => {
      try {
        const where = { namespace: one.metadata.namespace ?? namespace, signal: hurry };
        const resource = (await readObject(connection, one, where)) as AwaitedResource;
        return isHelm3 ? describeUnbalanced(resource) : describeUnready(resource);
      } catch (error) {
        if (error instanceof ApiError || !signal.aborted) return undefined;
        throw error;
      }
    }),
  );
  return found.filter((line) => line !== undefined);
}

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/**
 * `ExternalSecret db has Ready=False (SecretSyncedError): could not get secret data`; undefined for one that is ready. As
 * Helm 4 judges it, by kstatus: https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus. Pure.
 */
export function describeUnready({ kind, metadata, status }: AwaitedResource): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return `${kind} ${metadata.name} is being deleted`;
  const { conditions = [], observedGeneration } = status ?? {};
  if (observedGeneration !== undefined && observedGeneration !== metadata.generation)
    return `${kind} ${metadata.name} is at generation ${metadata.generation ?? 0}, of which its controller has seen ${observedGeneration}`;
  const guilty =
    conditions.find(({ type, status: is }) => (type === 'Reconciling' || type === 'Stalled') && is === 'True') ??
    conditions.find(({ type, status: is }) => type === 'Ready' && is !== 'True');
  if (guilty === undefined) return undefined;
  const reason = guilty.reason === undefined || guilty.reason === '' ? '' : ` (${guilty.reason})`;
  const message = guilty.message === undefined || guilty.message === '' ? '' : `: ${guilty.message}`;
  return `${kind} ${metadata.name} has ${guilty.type}=${guilty.status ?? 'Unknown'}${reason}${message}`;
}

/** A Service for which Helm 3 waits without end where there is no load balancer, as on Kind; undefined for any other. Pure. */
export function describeUnbalanced({ metadata, spec, status }: AwaitedResource): string | undefined {
  if (spec?.type !== 'LoadBalancer' || (spec.externalIPs ?? []).length > 0) return undefined;
  if ((status?.loadBalancer?.ingress ?? []).length > 0) return undefined;
  return `Service ${metadata.name} of type LoadBalancer has no address, because the cluster has no load balancer for it`;
}
