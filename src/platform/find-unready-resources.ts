import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { readObject } from '../kube/create-object.ts';
import type { ObjectMeta } from '../kube/objects.ts';
import { isCustom } from './chart.ts';

/** A custom resource, as far as it tells whether it is ready. */
export interface CustomResource {
  kind: string;
  metadata: ObjectMeta;
  status?: { conditions?: { type?: string; status?: string; reason?: string; message?: string }[] } | null;
}

export const remedyForResources =
  'Helm waits until these custom resources are Ready: make what they need, or set helm-wait to false, and only what runs is waited for.';

/** A chart of thousands of custom resources must not be asked for one by one. */
const mostResources = 50;
/** They are asked for when the time is up, and must not take more of it. */
const askSeconds = 10;

/**
 * The custom resources of a chart that do not say that they are ready, a line each with their own words. What cannot be read
 * is left out: it only makes a failure more precise.
 */
export async function findUnreadyResources(
  connection: KubeConnection,
  manifests: unknown[],
  namespace: string,
  signal: AbortSignal,
): Promise<string[]> {
  const hurry = AbortSignal.any([signal, AbortSignal.timeout(askSeconds * 1000)]);
  const custom = (manifests as ({ apiVersion: string; kind: string; metadata: ObjectMeta } | null)[])
    .filter((one) => one !== null && isCustom(one.apiVersion) && typeof one.metadata?.name === 'string')
    .filter((one) => one !== null)
    .slice(0, mostResources);
  const found = await Promise.all(
    custom.map(async (one) => {
      try {
        const where = { namespace: one.metadata.namespace ?? namespace, signal: hurry };
        return describeUnready((await readObject(connection, one, where)) as CustomResource);
      } catch (error) {
        if (error instanceof ApiError || !signal.aborted) return undefined;
        throw error;
      }
    }),
  );
  return found.filter((line) => line !== undefined);
}

/** `ExternalSecret db has Ready=False (SecretSyncedError): could not get secret data`; undefined for one that is ready. Pure. */
export function describeUnready({ kind, metadata, status }: CustomResource): string | undefined {
  const conditions = status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === 'Ready') ?? conditions.find(({ type }) => type === 'Available');
  if (ready === undefined || ready.status === 'True') return undefined;
  const reason = ready.reason === undefined || ready.reason === '' ? '' : ` (${ready.reason})`;
  const message = ready.message === undefined || ready.message === '' ? '' : `: ${ready.message}`;
  return `${kind} ${metadata.name} has ${ready.type}=${ready.status ?? 'Unknown'}${reason}${message}`;
}
