/** Namespaces that runs make for themselves in clusters that stay: known by their labels, and by nothing else. */
import { setTimeout as delay } from 'node:timers/promises';
import { fail, type Result, succeed } from '../core/outcome.ts';
import { ApiError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';
import type { ObjectMeta } from './objects.ts';
import type { Ownership } from './release-of.ts';
import { listResources } from './resources.ts';

export interface Namespace {
  metadata: ObjectMeta;
  status?: { phase?: string; conditions?: { type: string; status: string; message?: string }[] };
}

/** Labels and annotations of a namespace of ours. */
export interface Mark {
  label: string;
  runId: string;
}

const managedBy = { 'app.kubernetes.io/managed-by': 'k8s-test-action' };
/** When its run is over for certain, even if it died: ISO 8601. */
const reapAfterAnnotation = 'k8s-test-action/reap-after';
/** The run that made it; the label `managed-by` may have to name Helm. */
const createdByAnnotation = 'k8s-test-action/created-by';
const pollMilliseconds = 250;

/** The existing namespace. Undefined when there is none. @throws ApiError, also when we may not see it. */
export async function findNamespace(
  connection: KubeConnection,
  name: string,
  signal: AbortSignal,
): Promise<Namespace | undefined> {
  try {
    return await connection.call<Namespace>('GET', `/api/v1/namespaces/${name}`, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/**
 * Creates a namespace with our label, and where a chart contains it, with the labels that make it part of that release. An
 * existing one belongs to others, and is a failure of kind `api`.
 */
export async function createOwnNamespace(
  connection: KubeConnection,
  name: string,
  options: Mark & { reapAfter: Date; signal: AbortSignal; ownership?: Ownership | undefined },
): Promise<Result<undefined>> {
  const { label, runId, reapAfter, signal, ownership } = options;
  const body = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: { ...managedBy, ...ownership?.labels, [label]: runId },
      annotations: {
        ...ownership?.annotations,
        [createdByAnnotation]: runId,
        [reapAfterAnnotation]: reapAfter.toISOString(),
      },
    },
  };
  try {
    await connection.call('POST', '/api/v1/namespaces', { body, signal });
    return succeed(undefined);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return fail('api', `the namespace ${name} could not be created: ${error.message}`);
  }
}

/**
 * Deletes a namespace if it carries our mark, and returns when it is gone, with all that was in it. A missing one, or one that
 * is not ours, is not touched.
 * @returns whether it was there and ours.
 * @throws Error that names what blocks it when it is not gone in time, ApiError, or the signal's reason.
 */
export async function deleteOwnNamespace(
  connection: KubeConnection,
  name: string,
  options: Mark & { signal: AbortSignal; waitSeconds: number },
): Promise<boolean> {
  const found = await findNamespace(connection, name, options.signal);
  if (found === undefined || found.metadata.labels?.[options.label] !== options.runId) return false;
  await deleteNamespace(connection, found, options);
  return true;
}

/**
 * Deletes this namespace, and returns when it is gone, with all that was in it.
 * @throws Error that names what blocks it when it is not gone in time, ApiError, or the signal's reason.
 */
export async function deleteNamespace(
  connection: KubeConnection,
  namespace: Namespace,
  { signal, waitSeconds }: { signal: AbortSignal; waitSeconds: number },
): Promise<void> {
  await requestDeletion(connection, namespace, signal);
  await awaitDeletion(connection, namespace, { signal, waitSeconds });
}

/**
 * Waits until a namespace that is being deleted is gone, with all that was in it.
 * @throws Error that names what blocks it when it is not gone in time, ApiError, or the signal's reason.
 */
export async function awaitDeletion(
  connection: KubeConnection,
  { metadata: { name, uid } }: Namespace,
  { signal, waitSeconds }: { signal: AbortSignal; waitSeconds: number },
): Promise<void> {
  const deadline = performance.now() + waitSeconds * 1000;
  for (;;) {
    const left = await findNamespace(connection, name, signal);
    if (left === undefined || left.metadata.uid !== uid) return;
    if (performance.now() > deadline) throw new Error(describeRest(left, waitSeconds));
    await delay(pollMilliseconds, undefined, { signal });
  }
}

/**
 * Namespaces of runs that died: they carry our marks, and the time that their run had is over.
 * @throws ApiError when they may not be listed.
 */
export async function listLeftovers(
  connection: KubeConnection,
  label: string,
  signal: AbortSignal,
): Promise<{ name: string; runId: string; since: string }[]> {
  const all = await listResources<Namespace>(connection, '/api/v1/namespaces', signal);
  return pickLeftovers(all, label, new Date());
}

/** Those of the namespaces that are leftovers. Pure. */
export function pickLeftovers(
  namespaces: Namespace[],
  label: string,
  now: Date,
): { name: string; runId: string; since: string }[] {
  return namespaces.flatMap(({ metadata, status }) => {
    const { labels = {}, annotations = {} } = metadata;
    const runId = labels[label];
    const reapAfter = Date.parse(annotations[reapAfterAnnotation] ?? '');
    // A namespace that is part of the chart has the label that Helm manages it, independent of its creator.
    const isMarked = Object.entries(managedBy).every(([name, value]) => labels[name] === value);
    const isOurs = runId !== undefined && (isMarked || annotations[createdByAnnotation] === runId);
    // A run whose record has no time never counts as over.
    if (!isOurs || !(reapAfter < now.getTime()) || status?.phase === 'Terminating') return [];
    return [{ name: metadata.name, runId, since: metadata.creationTimestamp ?? '' }];
  });
}

/** Has a leftover deleted, without waiting for it. */
export async function reapNamespace(
  connection: KubeConnection,
  leftover: { name: string; runId: string },
  label: string,
  signal: AbortSignal,
): Promise<void> {
  const found = await findNamespace(connection, leftover.name, signal);
  if (found?.metadata.labels?.[label] === leftover.runId) await requestDeletion(connection, found, signal);
}

/** Only of this namespace: not of another that has its name by now. */
async function requestDeletion(
  connection: KubeConnection,
  { metadata }: Namespace,
  signal: AbortSignal,
): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: metadata.uid } };
  try {
    await connection.call('DELETE', `/api/v1/namespaces/${metadata.name}`, { body, signal });
  } catch (error) {
    // It is gone, or being deleted.
    if (!(error instanceof ApiError && (error.status === 404 || error.status === 409))) throw error;
  }
}

function describeRest({ status }: Namespace, seconds: number): string {
  const words = (status?.conditions ?? [])
    .filter((one) => one.status === 'True' && one.message !== undefined)
    .map((one) => one.message);
  return `it is being deleted, and still there after ${seconds} s${words.length === 0 ? '' : `: ${words.join(' ')}`}`;
}
