/** The guarantees of profile production, each as a function that returns the problems: none, when it holds. */
import { isDeepStrictEqual } from 'node:util';
import { componentOf, type Item, isTrue, type LabCluster, namespaces, zoneLabel } from './lab-cluster.ts';

/** The programs of which there are several. */
export const scaled = ['cube', 'dagster-webserver', 'otel-collector'];

const nameOf = ({ metadata }: Item): string => metadata.name;

/** Workloads without all the pods that they should have, of this version and ready. */
export function findUnready(cluster: LabCluster, namespace = namespaces.platform): string[] {
  const workloads = cluster.list('deployments,statefulsets', namespace);
  if (workloads.length === 0) return [`nothing runs in ${namespace}`];
  return workloads
    .filter(({ spec, status }) => status.readyReplicas !== spec.replicas || status.updatedReplicas !== spec.replicas)
    .map((one) => `${nameOf(one)}: ${one.status.readyReplicas ?? 0} of ${one.spec.replicas} ready`);
}

/** Programs that have not two pods on different nodes and in different zones. */
export function findTogether(cluster: LabCluster): string[] {
  const zones = new Map(cluster.list('nodes').map((node) => [nameOf(node), node.metadata.labels?.[zoneLabel]]));
  const pods = cluster.listServing();
  return scaled.flatMap((component) => {
    const nodes = pods.filter((pod) => componentOf(pod) === component).map((pod) => pod.spec.nodeName!);
    const isApart = new Set(nodes).size >= 2 && new Set(nodes.map((node) => zones.get(node))).size >= 2;
    return isApart ? [] : [`${component} is on ${nodes.join(', ')}`];
  });
}

/** Claims without a volume of the lab's class, and volumes elsewhere than on the node with the disk. */
export function findUnbound(cluster: LabCluster): string[] {
  const disk = cluster.findDisk();
  const volumes = new Map(cluster.list('persistentvolumes').map((volume) => [nameOf(volume), volume]));
  const claims = cluster.list('persistentvolumeclaims');
  return [
    ...compare('claims', claims.map(nameOf), ['data-prometheus-0', 'floe-duckdb']),
    ...claims
      .filter(({ spec, status }) => status.phase !== 'Bound' || spec.storageClassName !== 'lab-disk')
      .map((claim) => `${nameOf(claim)} is ${claim.status.phase}, of class ${claim.spec.storageClassName}`),
    ...claims
      .map(({ spec }) => JSON.stringify(volumes.get(spec.volumeName ?? '')?.spec.nodeAffinity ?? {}))
      .filter((affinity) => !affinity.includes(`"${disk}"`)),
  ];
}

/** Programs with several pods whose budget lets none of them go. */
export function findTightBudgets(cluster: LabCluster): string[] {
  const budgets = cluster.list('poddisruptionbudgets');
  return [
    ...compare('budgets', budgets.map(nameOf), scaled),
    ...budgets
      .filter(({ status }) => (status.expectedPods ?? 0) < 2 || (status.disruptionsAllowed ?? 0) < 1)
      .map((one) => `${nameOf(one)}: ${one.status.disruptionsAllowed} of ${one.status.expectedPods} may go`),
  ];
}

/** Autoscalers that do not know how busy their pods are. */
export function findBlindAutoscalers(cluster: LabCluster): string[] {
  const autoscalers = cluster.list('horizontalpodautoscalers');
  const knows = (one: Item) =>
    isTrue(one, 'AbleToScale') &&
    isTrue(one, 'ScalingActive') &&
    one.status.currentMetrics?.[0]?.resource?.current.averageUtilization !== undefined;
  return [
    ...compare('autoscalers', autoscalers.map(nameOf), scaled),
    ...autoscalers
      .filter((one) => !knows(one))
      .map((one) => `${nameOf(one)}: ${one.status.conditions?.map(({ message }) => message).join('; ')}`),
  ];
}

/** Secrets that are not those of the store, brought by the operator; and others beside them. */
export function findForeignSecrets(cluster: LabCluster): string[] {
  const names = ['cube-credentials', 'object-storage-credentials', 'postgres-credentials'];
  const external = cluster.list('externalsecrets.external-secrets.io');
  const secrets = cluster.list('secrets').filter(({ type }) => type !== 'helm.sh/release.v1');
  const stored = new Map(cluster.list('secrets', namespaces.services).map((secret) => [nameOf(secret), secret.data]));
  return [
    ...compare('ExternalSecrets', external.map(nameOf), names),
    ...compare('Secrets', secrets.map(nameOf), names),
    ...external.filter((one) => !isTrue(one, 'Ready')).map((one) => `ExternalSecret ${nameOf(one)} is not Ready`),
    ...secrets
      .filter(({ metadata }) => metadata.ownerReferences?.[0]?.kind !== 'ExternalSecret')
      .map((secret) => `Secret ${nameOf(secret)} is not of an ExternalSecret`),
    ...secrets
      .filter((secret) => !isDeepStrictEqual(secret.data, stored.get(nameOf(secret))))
      .map((secret) => `Secret ${nameOf(secret)} is not what the store has`),
  ];
}

/** Ingresses that are not as they should be, or lead to nothing. */
export function findLostRoutes(cluster: LabCluster): string[] {
  const routes = cluster
    .list('ingresses')
    .flatMap(({ spec: { rules, ingressClassName } }) =>
      rules!.map(({ host, http }) => `${host} to ${http.paths[0]!.backend.service.name} by ${ingressClassName}`),
    );
  const serving = new Set(cluster.listServing().map(componentOf));
  const expected = ['cube.lab.internal to cube by lab', 'dagster.lab.internal to dagster-webserver by lab'];
  const services = ['cube', 'dagster-webserver'];
  return [
    ...compare('routes', routes, expected),
    ...services.filter((name) => !serving.has(name)).map((name) => `${name} has no ready pod`),
  ];
}

/** Collectors that Prometheus does not scrape: it has to know as many as there are ready, all of them up. */
export function findUnscraped(cluster: LabCluster): string[] {
  const collectors = cluster.listServing().filter((pod) => componentOf(pod) === 'otel-collector').length;
  return ['otel-collector', 'platform'].flatMap((job) => {
    const up = queryPrometheus(cluster, `up{job="${job}"}`).map(({ value }) => value[1]);
    if (up.length === collectors && up.every((value) => value === '1')) return [];
    return [`of ${collectors} collectors, job ${job} has ${up.length}: ${up.join(', ')}`];
  });
}

/** Asked by a pod of the platform, whom the network policies let in. */
function queryPrometheus(cluster: LabCluster, query: string): { value: [number, string] }[] {
  const url = JSON.stringify(`http://prometheus:9090/api/v1/query?query=${encodeURIComponent(query)}`);
  const script = `import urllib.request; print(urllib.request.urlopen(${url}, timeout=10).read().decode())`;
  const pod = ['--namespace', namespaces.platform, 'deployment/floe-example'];
  const said = cluster.kubectl(['exec', ...pod, '--', 'python', '-c', script]);
  return (JSON.parse(said) as { data: { result: { value: [number, string] }[] } }).data.result;
}

/** Whether the quota counts every pod. */
export function findUncounted(cluster: LabCluster): string[] {
  const [quota] = cluster.list('resourcequotas');
  const pods = cluster.list('pods').filter(({ status }) => !['Succeeded', 'Failed'].includes(status.phase ?? ''));
  const counted = quota?.status.used?.pods;
  return counted === String(pods.length) ? [] : [`${counted} of ${pods.length} pods are counted`];
}

/**
 * Pods of the platform that the namespace would refuse if it enforced the restricted Pod Security Standard. The pod of the tests may
 * run as root, if its image does. The API server names pods that have the same problem together, "x (and 2 other pods)".
 */
export async function findUnrestricted(cluster: LabCluster): Promise<string[]> {
  const label = 'pod-security.kubernetes.io/enforce=restricted';
  const asked = ['label', 'namespace', namespaces.platform, label, '--dry-run=server'];
  const { stderr } = await cluster.kubectlBeside(asked);
  const ofTests = cluster.list('pods').filter((pod) => componentOf(pod) === '');
  const isOfTests = (line: string) => ofTests.some((pod) => line.startsWith(`Warning: ${nameOf(pod)}: `));
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('Warning: ') && !line.includes('existing pods in namespace') && !isOfTests(line));
}

/** Containers that were started more than once. */
export function findRestarts(cluster: LabCluster): string[] {
  return cluster
    .list('pods')
    .flatMap((pod) =>
      (pod.status.containerStatuses ?? [])
        .filter(({ restartCount }) => restartCount > 0)
        .map(({ name, restartCount }) => `${nameOf(pod)}/${name}: ${restartCount}`),
    );
}

/** Nothing when both lists have the same names, in any order. */
function compare(what: string, found: string[], expected: string[]): string[] {
  const sorted = found.toSorted();
  return isDeepStrictEqual(sorted, expected.toSorted()) ? [] : [`${what}: ${sorted.join(', ')}`];
}
