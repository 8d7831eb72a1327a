import { ApiError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';

/** A kind that the cluster knows. */
export interface ApiKind {
  apiVersion: string;
  kind: string;
  /** Its plural, as in paths. */
  resource: string;
  isNamespaced: boolean;
}

/**
 * The kinds of some API versions (`v1`, `apps/v1`); of one that the cluster does not serve there are none.
 * @throws ApiError, or the signal's reason.
 */
export async function listApiKinds(
  connection: KubeConnection,
  apiVersions: string[],
  signal: AbortSignal,
): Promise<ApiKind[]> {
  const lists = await Promise.all(
    [...new Set(apiVersions)].map(async (apiVersion) => {
      const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
      try {
        const { resources } = await connection.call<{
          resources: { name: string; kind: string; namespaced: boolean }[];
        }>('GET', path, { signal });
        // Subresources, such as `pods/log`, have kinds too.
        return resources
          .filter(({ name }) => !name.includes('/'))
          .map(({ name, kind, namespaced }) => ({ apiVersion, kind, resource: name, isNamespaced: namespaced }));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return [];
        throw error;
      }
    }),
  );
  return lists.flat();
}
