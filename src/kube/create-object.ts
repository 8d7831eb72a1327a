import { setTimeout as delay } from 'node:timers/promises';
import { toOneLine } from '../core/outcome.ts';
import { ApiError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';
import type { ObjectMeta } from './objects.ts';

/** What is needed of an object to create it. */
export interface NewObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
}

export interface CreateOptions {
  namespace: string;
  signal: AbortSignal;
}

/** The result of creating an object: `there` holds the existing object. */
export type Creation = { kind: 'created' } | { kind: 'there'; object: { metadata: ObjectMeta } };

interface ApiResource {
  name: string;
  kind: string;
  namespaced: boolean;
}

/**
 * Creates an object of any kind that the cluster knows in a namespace; discovery gives its path.
 * @throws ApiError when the cluster does not know the kind, when the kind has no namespace, or when it refuses the object.
 */
export async function createObject(
  connection: KubeConnection,
  object: NewObject,
  options: CreateOptions,
): Promise<Creation> {
  const path = await pathOf(connection, object, options);
  try {
    await connection.call('POST', path, { signal: options.signal, body: object });
    return { kind: 'created' };
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
    const there = `${path}/${object.metadata.name}`;
    return { kind: 'there', object: await connection.call('GET', there, { signal: options.signal }) };
  }
}

/**
 * An object of any kind that the cluster knows in a namespace, as it is now.
 * @throws ApiError when there is none, or the cluster does not know the kind.
 */
export async function readObject(
  connection: KubeConnection,
  object: NewObject,
  options: CreateOptions,
): Promise<{ metadata: ObjectMeta }> {
  const path = `${await pathOf(connection, object, options)}/${object.metadata.name}`;
  return connection.call('GET', path, { signal: options.signal });
}

/**
 * How long the deletion of an object may take, with all that it owns: a pod of a Job has its grace, and a finalizer may delay
 * any.
 */
const goneSeconds = 120;

/**
 * Deletes an object with all that it owns, and returns when it is gone.
 * @throws ApiError, also when it is not gone in time, or the signal's reason.
 */
export async function deleteObject(
  connection: KubeConnection,
  object: NewObject,
  options: CreateOptions & { deadlineSeconds?: number },
): Promise<void> {
  const deadlineSeconds = options.deadlineSeconds ?? goneSeconds;
  const deadline = performance.now() + deadlineSeconds * 1000;
  const path = `${await pathOf(connection, object, options)}/${object.metadata.name}`;
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Foreground' };
  try {
    await connection.call('DELETE', path, { signal: options.signal, body });
    for (;;) {
      const { metadata } = await connection.call<{ metadata: ObjectMeta }>('GET', path, { signal: options.signal });
      if (performance.now() > deadline) throw stillThere(object, metadata, deadlineSeconds);
      await delay(pollMilliseconds, undefined, { signal: options.signal });
    }
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}

function stillThere({ kind }: NewObject, { name, finalizers = [] }: ObjectMeta, seconds: number): ApiError {
  const held = finalizers.length === 0 ? '' : `, held by its finalizers ${finalizers.join(', ')}`;
  const message = `${kind}/${name} is being deleted, and still there after ${seconds} s${held}`;
  return new ApiError(toOneLine(message), { code: 'DEADLINE', retryable: false });
}

/**
 * Deletes an object, with all that it owns, if it carries a label with this value; does not wait for it.
 * @returns whether it was there and did.
 * @throws ApiError, or the signal's reason.
 */
export async function deleteMarkedObject(
  connection: KubeConnection,
  object: NewObject,
  options: CreateOptions & { label: string; value: string },
): Promise<boolean> {
  const { signal, label, value } = options;
  try {
    const path = `${await pathOf(connection, object, options)}/${object.metadata.name}`;
    const { metadata } = await connection.call<{ metadata: ObjectMeta }>('GET', path, { signal });
    if (metadata.labels?.[label] !== value) return false;
    const preconditions = { uid: metadata.uid };
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions };
    await connection.call('DELETE', path, { signal, body });
    return true;
  } catch (error) {
    // Gone, or another one has its name by now.
    if (error instanceof ApiError && (error.status === 404 || error.status === 409)) return false;
    throw error;
  }
}

async function pathOf(connection: KubeConnection, object: NewObject, options: CreateOptions): Promise<string> {
  const base = object.apiVersion.includes('/') ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
  const known = await connection
    .call<{ resources: ApiResource[] }>('GET', base, { signal: options.signal })
    .catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return { resources: [] };
      throw error;
    });
  // Subresources, such as `pods/log`, have kinds too.
  const resource = known.resources.find((one) => one.kind === object.kind && !one.name.includes('/'));
  const what = `${object.kind}/${object.metadata.name}`;
  if (resource === undefined)
    throw new ApiError(`the cluster has no kind ${object.kind} of ${object.apiVersion} (${what})`, {
      retryable: false,
    });
  if (!resource.namespaced)
    throw new ApiError(`${what} does not belong to a namespace`, { reason: 'NotNamespaced', retryable: false });
  return `${base}/namespaces/${options.namespace}/${resource.name}`;
}

const pollMilliseconds = 100;
