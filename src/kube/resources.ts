import { fail, type Result, succeed } from '../core/outcome.ts';
import { ApiError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';

const pageSize = 500;

/**
 * All objects under the path of a list, e.g. `/api/v1/nodes`, fetched in pages; with `maxItems`, at most that many.
 * @throws ApiError, or the signal's reason when it is aborted.
 */
export async function listResources<T>(
  connection: KubeConnection,
  path: string,
  signal: AbortSignal,
  maxItems = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  const items: T[] = [];
  let next = '';
  do {
    const page = await connection.call<{ metadata: { continue?: string }; items: T[] }>('GET', path, {
      signal,
      query: { limit: String(Math.min(pageSize, maxItems)), ...(next === '' ? {} : { continue: next }) },
    });
    items.push(...page.items);
    next = page.metadata.continue ?? '';
  } while (next !== '' && items.length < maxItems);
  return items.slice(0, maxItems);
}

/** Creates a ConfigMap from its manifest. */
export async function createConfigMap(
  connection: KubeConnection,
  namespace: string,
  manifest: { metadata: { name: string } },
  signal: AbortSignal,
): Promise<Result<undefined>> {
  try {
    await connection.call('POST', `/api/v1/namespaces/${namespace}/configmaps`, { body: manifest, signal });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return fail('api', `the ConfigMap ${manifest.metadata.name} could not be created: ${error.message}`);
  }
  return succeed(undefined);
}

/** Creates a namespace, or takes the one that is there as it is. */
export async function createNamespace(
  connection: KubeConnection,
  name: string,
  labels: Record<string, string>,
  signal: AbortSignal,
  annotations: Record<string, string> = {},
): Promise<Result<undefined>> {
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels, annotations } };
  try {
    await connection.call('POST', '/api/v1/namespaces', { body, signal });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.reason !== 'AlreadyExists')
      return fail('api', `the namespace ${name} could not be created: ${error.message}`);
  }
  return succeed(undefined);
}
