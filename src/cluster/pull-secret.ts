import { fail, type Result, succeed } from '../core/outcome.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { ObjectMeta } from '../kube/objects.ts';
import type { RegistryCredentials } from './registry-credentials.ts';

/** Name of the Secret with the credentials of registries; charts may name it in pods with a ServiceAccount of their own. */
export const pullSecretName = 'k8s-test-pull';

interface ServiceAccount {
  metadata: ObjectMeta;
  imagePullSecrets?: { name: string }[];
}

/** The Secret, as the kubelet reads it. Pure. */
export function renderPullSecret(
  credentials: RegistryCredentials[],
  metadata: { namespace: string; labels: Record<string, string> },
): object {
  const auths = Object.fromEntries(
    credentials.map(({ registry, path, username, password }) => [
      registry === 'docker.io' && path === '' ? 'https://index.docker.io/v1/' : `${registry}${path}`,
      { auth: Buffer.from(`${username}:${password}`).toString('base64') },
    ]),
  );
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: pullSecretName, ...metadata },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
  };
}

/** All spellings in which a program might print a password: itself, and as it is in Secrets and headers. */
export function spellingsOf(credentials: RegistryCredentials): string[] {
  const { username, password } = credentials;
  return [password, Buffer.from(`${username}:${password}`).toString('base64')].filter((text) => text !== '');
}

/**
 * Puts the Secret into a namespace and has all pods of its default ServiceAccount pull with it.
 * @returns a failure of kind `api` when the API server refuses.
 */
export async function placePullSecret(
  connection: KubeConnection,
  credentials: RegistryCredentials[],
  options: { namespace: string; labels: Record<string, string>; signal: AbortSignal },
): Promise<Result<undefined>> {
  const { namespace, signal } = options;
  const base = `/api/v1/namespaces/${namespace}`;
  const secret = renderPullSecret(credentials, { namespace, labels: options.labels });
  try {
    await createOrReplace(connection, `${base}/secrets`, secret, signal);
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } };
    // Kubernetes makes this account a moment after its namespace, and takes the one that is there.
    const made = await isNew(() =>
      connection.call('POST', `${base}/serviceaccounts`, {
        body: { ...account, imagePullSecrets: [{ name: pullSecretName }] },
        signal,
      }),
    );
    if (!made) await addToAccount(connection, `${base}/serviceaccounts/default`, signal);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return fail('api', `the pull Secret could not be created in namespace ${namespace}: ${error.message}`);
  }
  return succeed(undefined);
}

async function addToAccount(connection: KubeConnection, path: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const account = await connection.call<ServiceAccount>('GET', path, { signal });
    const others = (account.imagePullSecrets ?? []).filter((one) => one.name !== pullSecretName);
    const body = { ...account, imagePullSecrets: [...others, { name: pullSecretName }] };
    try {
      await connection.call('PUT', path, { body, signal });
      return;
    } catch (error) {
      // Another client changed it in between: try again, from its current state.
      if (!(error instanceof ApiError && error.reason === 'Conflict')) throw error;
    }
  }
}

async function createOrReplace(
  connection: KubeConnection,
  path: string,
  body: object,
  signal: AbortSignal,
): Promise<void> {
  const created = await isNew(() => connection.call('POST', path, { body, signal }));
  if (!created) await connection.call('PUT', `${path}/${pullSecretName}`, { body, signal });
}

/** Whether a creation made something; false when that was there already. */
async function isNew(create: () => Promise<unknown>): Promise<boolean> {
  try {
    await create();
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'AlreadyExists') return false;
    throw error;
  }
}
