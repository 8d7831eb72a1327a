import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fail, type Result, succeed } from '../core/outcome.ts';
import { readYaml } from '../inputs/read-yaml.ts';
import type { UserKubeconfig } from '../inputs/user-kubeconfig.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { credentialPluginCode } from '../kube/credentials.ts';
import type { ObjectMeta } from '../kube/objects.ts';
import { listResources } from '../kube/resources.ts';

/** What an existing cluster reports about itself, and about our user. */
export interface Reached {
  /** Version of its Kubernetes. */
  kubernetes: string;
  /** Our user name in the cluster. */
  user: string;
  /** 0 where we may not see them. */
  nodeCount: number;
}

/** A server that never answered is waited for less long than one that did. */
const reachSeconds = 20;

/**
 * Asks a cluster who we are.
 * @returns a failure of kind `api`, with the API server's message, when it cannot be reached or does not accept our
 * credentials.
 */
export async function reachCluster(
  connection: KubeConnection,
  kubeconfig: UserKubeconfig,
  signal: AbortSignal,
): Promise<Result<Reached>> {
  const { context, server } = kubeconfig;
  const options = { signal, deadlineSeconds: reachSeconds };
  try {
    const user = await askWhoWeAre(connection, options);
    const { gitVersion } = await connection.call<{ gitVersion: string }>('GET', '/version', options);
    const nodes = await listResources<{ metadata: ObjectMeta }>(connection, '/api/v1/nodes', signal).catch(
      unlessRefused,
    );
    return succeed({ kubernetes: gitVersion, user: user ?? kubeconfig.user, nodeCount: nodes.length });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return refusal(kubeconfig, error);
    if (error.code === credentialPluginCode)
      return fail('api', `no credentials for context ${context} (${server}): ${error.message}`, {
        hint: 'Run the plugin by hand, with the same variables; in a workflow, log in to the cloud in a step before.',
      });
    const evidence = error.cause instanceof Error && error.cause !== error ? [error.cause.message] : [];
    return fail('api', `the cluster of context ${context} (${server}) cannot be reached: ${error.message}`, {
      hint: 'Check the address in the kubeconfig, and whether this machine may reach it: a private endpoint needs a runner, VPN or proxy inside its network.',
      evidence,
    });
  }
}

/**
 * Undefined where an older API server, or one that is strict, does not answer this question; it accepted our credentials all
 * the same.
 */
async function askWhoWeAre(
  connection: KubeConnection,
  options: { signal: AbortSignal; deadlineSeconds: number },
): Promise<string | undefined> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  try {
    type Review = { status?: { userInfo?: { username?: string } } };
    const { status } = await connection.call<Review>('POST', path, { ...options, body });
    return status?.userInfo?.username;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 403)) return undefined;
    throw error;
  }
}

/** The API server only answers `Unauthorized`; the credentials that we sent explain the rest. */
function refusal(kubeconfig: UserKubeconfig, error: ApiError): Result<never> {
  const { context, server, user, expiresAt } = kubeconfig;
  const expired = expiresAt === undefined ? certificateEnd(kubeconfig) : { what: 'token', at: expiresAt };
  const isExpired = expired !== undefined && Date.parse(expired.at) < Date.now();
  const why = isExpired
    ? `the ${expired.what} of user ${user} has expired, at ${expired.at}`
    : `the credentials of user ${user} were rejected; they may have expired or been revoked`;
  return fail(
    'api',
    `the cluster of context ${context} (${server}) denies access: ${why} (its message: ${error.message})`,
    {
      hint: 'Log in again and write the kubeconfig in the step before this one, or use a credential plugin, which renews its token.',
    },
  );
}

/** When the client certificate of a kubeconfig expires; undefined when there is none, or it cannot be read. */
function certificateEnd({ yaml }: UserKubeconfig): { what: string; at: string } | undefined {
  const { users } = readYaml(yaml).value as { users: { user: Record<string, unknown> }[] };
  const { 'client-certificate-data': data, 'client-certificate': file } = users[0]?.user ?? {};
  try {
    if (typeof data !== 'string' && typeof file !== 'string') return undefined;
    const pem = typeof data === 'string' ? Buffer.from(data, 'base64') : readFileSync(String(file));
    return { what: 'client certificate', at: new X509Certificate(pem).validToDate.toISOString() };
  } catch {
    return undefined;
  }
}

function unlessRefused(error: unknown): { metadata: ObjectMeta }[] {
  if (error instanceof ApiError && error.status === 403) return [];
  throw error;
}
