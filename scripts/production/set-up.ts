/** What has to be in a cluster before profile production can be installed: images, operators, services, a user. */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { dump, load, loadAll } from 'js-yaml';
import { writeUserKubeconfig } from '../../__tests__/on-cluster/write-user-kubeconfig.ts';
import { inspectLocalImage } from '../../src/cluster/docker.ts';
import { loadImages } from '../../src/cluster/load-images.ts';
import { say } from './judge.ts';
import { type LabCluster, namespaces } from './lab-cluster.ts';

const chart = path.resolve('charts/floe-platform');
const lab = path.resolve('lab/production');
const deploy = path.resolve('examples/floe/deploy');
/** Over the profile. */
export const valuesFiles = {
  services: [path.join(lab, 'services.yaml')],
  platform: [path.join(deploy, 'values.yaml'), path.join(deploy, 'e2e.yaml'), path.join(lab, 'values.yaml')],
};
const pins = new Map(
  [...readFileSync('lab/versions.sh', 'utf8').matchAll(/^(\w+)=(\S+)$/gm)].map(([, name, value]) => [name!, value!]),
);
const versions = {
  externalSecrets: `v${pins.get('EXTERNAL_SECRETS_VERSION')}`,
  metricsServer: `v${pins.get('METRICS_SERVER_VERSION')}`,
};
const images = {
  externalSecrets: `ghcr.io/external-secrets/external-secrets:${versions.externalSecrets}`,
  metricsServer: `registry.k8s.io/metrics-server/metrics-server:${versions.metricsServer}`,
};
/** Where operators run, so that no drain of a worker concerns them. */
const onControlPlane = {
  nodeSelector: { 'node-role.kubernetes.io/control-plane': '' },
  tolerations: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' }],
};

/** Brings the images of all this into the nodes that need them, those that the local docker has; others the nodes pull. */
export async function fillNodes(workers: string[], controlPlane: string, testsImage: string): Promise<void> {
  const wanted = new Set([
    ...listImages('full', valuesFiles.services),
    ...listImages('production', valuesFiles.platform),
    testsImage,
  ]);
  const signal = AbortSignal.timeout(20 * 60_000);
  for (const [names, nodes] of [
    [[...wanted], workers],
    [Object.values(images), [controlPlane]],
  ] as const) {
    const found = await Promise.all(names.map((name) => inspectLocalImage(name, signal)));
    const local = names.filter((_, i) => found[i] !== undefined);
    const loaded = await loadImages(local, [...nodes], { signal });
    if (!loaded.ok) throw new Error([loaded.failure.reason, ...loaded.failure.evidence].join('\n'));
    say(`${local.length} of ${names.length} images are in ${nodes.join(', ')}, the others are theirs to pull`);
  }
}

function listImages(profile: string, files: string[]): string[] {
  const rendered = execFileSync('helm', ['template', 'any', chart, ...valuesArguments(profile, files)], {
    encoding: 'utf8',
  });
  return [...rendered.matchAll(/^ *image: (?:&\S+ )?([^\s*]+)$/gm)].map(([, image]) => image!);
}

function valuesArguments(profile: string, files: string[]): string[] {
  return [path.join(chart, 'profiles', `${profile}.yaml`), ...files].flatMap((file) => ['--values', file]);
}

/** Makes what administrators make: namespaces, operators, the objects of `lab/production/cluster.yaml`, and the services. */
export function setUp(cluster: LabCluster, workDir: string): void {
  for (const namespace of [namespaces.services, namespaces.users, namespaces.ingress])
    cluster.kubectl(['create', 'namespace', namespace]);
  installExternalSecrets(cluster, workDir);
  installMetricsServer(cluster);
  cluster.kubectl(['apply', '--filename', path.join(lab, 'cluster.yaml')]);
  cluster.kubectl(['auth', 'reconcile', '--filename', 'deploy/own-namespace.yaml']);
  const key = `--from-literal=api-secret=${crypto.randomUUID()}`;
  cluster.kubectl(['create', 'secret', 'generic', 'cube-credentials', '--namespace', namespaces.services, key]);
  const values = valuesArguments('full', valuesFiles.services);
  installChart(cluster, chart, namespaces.services, [...values, '--wait', '--timeout', '10m']);
  const operator = ['deployment/external-secrets', '--namespace', 'external-secrets'];
  cluster.kubectl(['rollout', 'status', ...operator, '--timeout=180s']);
}

/** A release of the namespace's own name. */
function installChart(cluster: LabCluster, from: string, namespace: string, more: string[]): void {
  const where = ['--namespace', namespace, '--create-namespace', '--kubeconfig', cluster.kubeconfigPath];
  execFileSync('helm', ['install', namespace, from, ...where, ...more], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** The operator by its own chart, with its own CRDs. */
function installExternalSecrets(cluster: LabCluster, workDir: string): void {
  const module = findModule('github.com/external-secrets/external-secrets', versions.externalSecrets);
  cluster.kubectl(['apply', '--server-side', '--filename', path.join(module, 'deploy/crds/bundle.yaml')]);
  const crds = ['crd/externalsecrets.external-secrets.io', 'crd/clustersecretstores.external-secrets.io'];
  cluster.kubectl(['wait', ...crds, '--for=condition=Established', '--timeout=60s']);
  // The chart depends on another one, for a provider that is not used here, and which would have to be pulled.
  const copy = path.join(workDir, 'external-secrets');
  cpSync(path.join(module, 'deploy/charts/external-secrets'), copy, { recursive: true });
  execFileSync('chmod', ['--recursive', 'u+w', copy]);
  rmSync(path.join(copy, 'Chart.lock'));
  const described = path.join(copy, 'Chart.yaml');
  const { dependencies: _, ...rest } = load(readFileSync(described, 'utf8')) as Record<string, unknown>;
  writeFileSync(described, dump(rest));
  const [repository, tag] = images.externalSecrets.split(':');
  const values = path.join(workDir, 'external-secrets.yaml');
  const unused = { installCRDs: false, webhook: { create: false }, certController: { create: false } };
  writeFileSync(values, dump({ image: { repository, tag }, ...unused, ...onControlPlane }));
  installChart(cluster, copy, 'external-secrets', ['--values', values]);
}

/** As its own manifests have it, for kubelets that sign their own certificates, as Kind's do. */
function installMetricsServer(cluster: LabCluster): void {
  const module = findModule('sigs.k8s.io/metrics-server', versions.metricsServer);
  const objects = loadAll(cluster.kubectl(['kustomize', path.join(module, 'manifests/base')])) as {
    kind: string;
    spec: { template: { spec: { containers: { image: string; args: string[] }[] } } };
  }[];
  const pod = objects.find(({ kind }) => kind === 'Deployment')!.spec.template.spec;
  Object.assign(pod, onControlPlane);
  const [container] = pod.containers;
  container!.image = images.metricsServer;
  container!.args.push('--kubelet-insecure-tls');
  const isApi = ({ kind }: { kind: string }) => kind === 'APIService';
  const apply = (some: object[]) =>
    cluster.kubectl(['apply', '--filename=-'], some.map((object) => dump(object)).join('---\n'));
  apply(objects.filter((object) => !isApi(object)));
  cluster.kubectl(['rollout', 'status', 'deployment/metrics-server', '--namespace', 'kube-system', '--timeout=180s']);
  // Last: the API server keeps its connection to whomever it first finds under the address of a Service that the node does not
  // know yet, and with an API that does not answer no namespace can be deleted.
  apply(objects.filter(isApi));
  const api = 'apiservice/v1beta1.metrics.k8s.io';
  cluster.kubectl(['wait', api, '--for=condition=Available', '--timeout=120s']);
}

/** The files of a Go module of the version that the lab builds, verified as Go verifies them. */
function findModule(name: string, version: string): string {
  const said = execFileSync('go', ['mod', 'download', '-json', `${name}@${version}`], { encoding: 'utf8' });
  return (JSON.parse(said) as { Dir: string }).Dir;
}

/** Writes a kubeconfig for the user of the runs. @returns its path. */
export function writeRunnerKubeconfig(cluster: LabCluster, workDir: string): string {
  const token = cluster.kubectl(['create', 'token', 'runner', '--namespace', namespaces.users, '--duration=3h']).trim();
  return writeUserKubeconfig(cluster.kubeconfigPath, { token }, {}, workDir);
}
