/** What the API server lets us do, asked before it is done. */
import { ApiError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';

/** One permission that is required. */
export interface Permission {
  verb: string;
  /** API group; empty for the core. */
  group: string;
  /** Plural, as in paths of the API, with its subresource if it is about one: `pods`, `pods/log`. */
  resource: string;
  /** Empty: in the whole cluster. */
  namespace: string;
  /** Only one object; without it, all. */
  name?: string;
  /** The purpose, as words that follow "for". */
  purpose: string;
}

const askers = 8;

/**
 * Those of the permissions that we do not have, each once, in their order. Without permission to ask, none are returned.
 * @throws ApiError when the API server does not answer, or the signal's reason.
 */
export async function findForbidden(
  connection: KubeConnection,
  permissions: Permission[],
  signal: AbortSignal,
): Promise<Permission[]> {
  const distinct = [...new Map(permissions.map((one) => [keyOf(one), one])).values()];
  const isForbidden = new Set<Permission>();
  const waiting = [...distinct];
  const askNext = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      if (!(await isAllowed(connection, next, signal))) isForbidden.add(next);
  };
  await Promise.all(Array.from({ length: askers }, askNext));
  return distinct.filter((one) => isForbidden.has(one));
}

async function isAllowed(connection: KubeConnection, permission: Permission, signal: AbortSignal): Promise<boolean> {
  const { verb, group, namespace, name } = permission;
  const [resource, subresource] = permission.resource.split('/');
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb, group, resource, subresource, namespace, name } },
  };
  try {
    const { status } = await connection.call<{ status: { allowed: boolean } }>(
      'POST',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      { body, signal },
    );
    return status.allowed;
  } catch (error) {
    // By default every user may send this request. Where an administrator has removed that right, the calls themselves show
    // what is allowed.
    if (error instanceof ApiError && error.status === 403) return true;
    throw error;
  }
}

function keyOf({ verb, group, resource, namespace, name }: Permission): string {
  return JSON.stringify([verb, group, resource, namespace, name ?? '']);
}

/** `create jobs.batch`, as kubectl auth can-i takes it. */
export function describePermission({ verb, group, resource, name }: Permission): string {
  const [plural, subresource] = resource.split('/');
  const what = `${plural}${group === '' ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
  return `${verb} ${what}${name === undefined ? '' : ` ${name}`}`;
}

/** A rule of a Role. */
export interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** The fewest rules that grant permissions of one namespace, or of the cluster: a rule for each resource. */
export function rulesFor(permissions: Permission[]): Rule[] {
  const rules = new Map<string, Rule>();
  for (const { verb, group, resource, name } of permissions) {
    const key = JSON.stringify([group, resource, name ?? '']);
    const rule = rules.get(key) ?? {
      apiGroups: [group],
      resources: [resource],
      ...(name === undefined ? {} : { resourceNames: [name] }),
      verbs: [],
    };
    rules.set(key, rule);
    if (!rule.verbs.includes(verb)) rule.verbs.push(verb);
  }
  return [...rules.values()];
}
