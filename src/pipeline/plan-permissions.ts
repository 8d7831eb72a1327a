import type { Permission } from '../kube/access-review.ts';
import type { ApiKind } from '../kube/api-kinds.ts';
import { listManifests, permissionsOfChart, permissionsOfObjects } from '../platform/chart-permissions.ts';

export interface PermissionPlan {
  namespace: string;
  /** Whether the namespace is there already, and not ours to make and to delete. */
  isGiven: boolean;
  /** The chart's manifests; undefined without a chart. */
  chart: unknown[] | undefined;
  /** A Job of the user's own with its supporting resources. */
  ownJob: unknown[];
  /** Whether the run gives secrets, or the credentials of registries. */
  secrets: { tests: boolean; registries: boolean };
  /** Whether the Jobs of lost shards may have to be suspended. */
  mayResume: boolean;
  /** Kinds that the cluster knows, of all API versions that the manifests name. */
  kinds: ApiKind[];
}

/** API versions whose kinds must be known to plan permissions. */
export function apiVersionsOf(documents: unknown[]): string[] {
  return [...new Set(listManifests(documents).map(({ apiVersion }) => apiVersion))];
}

/**
 * All permissions that a run on an existing cluster requires. Those that only improve a diagnosis and cannot be granted in a
 * namespace (the nodes, and the metrics of their kubelets) are not included: a run works without them. Pure.
 */
export function planPermissions(plan: PermissionPlan): Permission[] {
  const { namespace, isGiven, chart, ownJob, kinds, secrets } = plan;
  const of = (purpose: string, group: string, resource: string, verbs: string[]): Permission[] =>
    verbs.map((verb) => ({ verb, group, resource, namespace, purpose }));
  const inCluster = (verbs: string[]): Permission[] =>
    verbs.map((verb) => ({
      verb,
      group: '',
      resource: 'namespaces',
      namespace: '',
      purpose: 'the namespace of the run',
    }));
  const supportingResources = ownJob.length === 0 ? [] : ['get', 'create', 'delete'];
  // Objects in a namespace of ours are deleted with it.
  const clearing = isGiven ? ['get', 'delete'] : [];
  return [
    ...(isGiven ? [] : inCluster(['create', 'get', 'delete'])),
    ...of('the Job of the tests', 'batch', 'jobs', ['create', 'get', 'list', 'watch', 'delete']),
    ...(plan.mayResume ? of('lost shards that run again', 'batch', 'jobs', ['patch']) : []),
    ...of('the pod of the tests', '', 'pods', ['get', 'list', 'watch', 'delete']),
    // Another pod reads results from a claim when the tests' own is gone.
    ...(ownJob.length === 0 ? [] : of('results on a claim', '', 'pods', ['create', ...clearing])),
    ...of('the log of the tests', '', 'pods/log', ['get']),
    // Which of the two is asked for a WebSocket depends on the version of Kubernetes.
    ...of('collecting results', '', 'pods/exec', ['get', 'create']),
    ...of('diagnosing failures', '', 'events', ['list', 'watch']),
    ...of('diagnosing failures', '', 'persistentvolumeclaims', ['list', 'watch']),
    ...['deployments', 'replicasets', 'statefulsets', 'daemonsets'].flatMap((resource) =>
      of('diagnosing failures', 'apps', resource, ['list', 'watch']),
    ),
    ...of('diagnosing failures', '', 'services', ['list']),
    ...of('diagnosing failures', 'discovery.k8s.io', 'endpointslices', ['list']),
    ...of('the test helper', '', 'configmaps', ['create', ...clearing]),
    ...(secrets.tests ? of('the input secrets', '', 'secrets', ['create', ...clearing]) : []),
    ...(secrets.registries
      ? [
          ...of('credentials for registries', '', 'secrets', ['create', 'update']),
          ...of('credentials for registries', '', 'serviceaccounts', ['get', 'create', 'update']),
        ]
      : []),
    ...permissionsOfObjects(ownJob, kinds, { namespace, verbs: supportingResources, of: 'your Job' }),
    ...(chart === undefined ? [] : permissionsOfChart(chart, kinds, namespace)),
  ];
}
