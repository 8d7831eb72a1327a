/** What helm must be allowed to do to install manifests, and to take them away. Pure. */
import type { Permission } from '../kube/access-review.ts';
import type { ApiKind } from '../kube/api-kinds.ts';

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata?: { name?: string; namespace?: string };
  items?: unknown[];
  rules?: PolicyRule[];
}

/** https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/role-v1/ */
interface PolicyRule {
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** helm reads existing objects, creates them (by an apply, which is a patch), waits for it, and deletes it. */
const helmVerbs = ['get', 'list', 'watch', 'create', 'patch', 'delete'];
/** helm keeps its releases as Secrets. */
const storageVerbs = ['get', 'list', 'create', 'update', 'delete'];
/** What it reads to know whether a Deployment is ready. */
const readByWait = [
  { group: 'apps', resource: 'replicasets' },
  { group: '', resource: 'pods' },
];

/** The objects in documents, those of lists by themselves. */
export function listManifests(documents: unknown[]): Manifest[] {
  return documents.flatMap((document) => {
    const manifest = document as Manifest | null;
    if (typeof manifest?.kind !== 'string' || typeof manifest.apiVersion !== 'string') return [];
    return Array.isArray(manifest.items) ? listManifests(manifest.items) : [manifest];
  });
}

/**
 * What is needed to install a chart's manifests into a namespace. Kinds that the cluster does not know (their CRDs may be part
 * of the chart) are skipped.
 */
export function permissionsOfChart(documents: unknown[], kinds: ApiKind[], namespace: string): Permission[] {
  const storage = storageVerbs.map((verb) => ({
    verb,
    group: '',
    resource: 'secrets',
    namespace,
    purpose: "helm's record of the release",
  }));
  const reads = readByWait.flatMap(({ group, resource }) =>
    ['get', 'list', 'watch'].map((verb) => ({ verb, group, resource, namespace, purpose: 'waiting for the chart' })),
  );
  return [
    ...storage,
    ...reads,
    ...permissionsOfObjects(documents, kinds, { namespace, verbs: helmVerbs, of: 'the chart' }),
  ];
}

/** What is needed to do `verbs` to manifests; of Roles also what they grant, since a user may only grant rights that he has. */
export function permissionsOfObjects(
  documents: unknown[],
  kinds: ApiKind[],
  options: { namespace: string; verbs: string[]; of: string },
): Permission[] {
  return listManifests(documents).flatMap((manifest) => {
    const known = kinds.find((one) => one.apiVersion === manifest.apiVersion && one.kind === manifest.kind);
    if (known === undefined) return [];
    const group = groupOf(manifest.apiVersion);
    const namespace = known.isNamespaced ? (manifest.metadata?.namespace ?? options.namespace) : '';
    const what = `${manifest.kind}/${manifest.metadata?.name ?? ''} of ${options.of}`;
    const own = options.verbs.map((verb) => ({ verb, group, resource: known.resource, namespace, purpose: what }));
    const isRole = group === 'rbac.authorization.k8s.io' && /^(Cluster)?Role$/.test(manifest.kind);
    return isRole ? [...own, ...grantedBy(manifest.rules ?? [], namespace, what)] : own;
  });
}

function grantedBy(rules: PolicyRule[], namespace: string, what: string): Permission[] {
  return rules.flatMap(({ apiGroups = [], resources = [], resourceNames = [''], verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        resourceNames.flatMap((name) =>
          verbs.map((verb) => ({
            verb,
            group,
            resource,
            namespace,
            purpose: `${what}, which grants it`,
            ...(name === '' ? {} : { name }),
          })),
        ),
      ),
    ),
  );
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}
