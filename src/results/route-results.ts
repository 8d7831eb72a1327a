/**
 * By which way results leave a Job: the nodes' mount of the runner's own disk, a directory of the node, or a collector in
 * the pod. Decides, and edits the manifest accordingly.
 */
import path from 'node:path';
import {
  findContainer,
  findResultsMount,
  type JobManifest,
  type ManifestContainer,
  type ManifestMount,
  type ManifestVolume,
  type TestJob,
} from '../inputs/job-manifest.ts';
import { cloneJson } from '../inputs/read-yaml.ts';

/** How results leave the pod. */
export type ResultsRoute =
  /** They are written to the runner's disk. */
  | { kind: 'host' }
  /** They are on the node's disk, in a claim's volume or in a directory; deleting the pod leaves them there. */
  | { kind: 'node'; claimName: string; subPath: string }
  /** They are read by a container of ours in the same pod; a claim outlives the pod. */
  | { kind: 'collector'; claim: { claimName: string; subPath: string } | undefined };

export interface RouteOptions {
  resultsPath: string;
  /** Directory of the node that is the runner's own disk; undefined where the nodes are elsewhere. */
  resultsNodePath: string | undefined;
  collector: CollectorOptions;
}

export interface CollectorOptions {
  image: string;
  /** User that the test image runs as, where it is known and the manifest sets none. */
  imageUser: number | undefined;
}

export const collectorName = 'k8s-test-collector';
const resultsVolume = 'k8s-test-results';
/** Where the collector sees the results, independent of their path in the test container. */
export const collectedPath = '/results';
/** Directory of the collector's own two files. */
export const collectorDirectory = '/run/k8s-test';

/**
 * The collector only stays running: it outlives the test container, so that the results can be read however that ended, and
 * ends on request, or when nothing has been read from it for a quarter of an hour. It is an ordinary container and not a native
 * sidecar: the kubelet ends a sidecar with the tests, within a grace period that results of any size do not fit in, and
 * Kubernetes before 1.29 has none.
 */
const collectorScript = `trap : TERM
cd ${collectorDirectory} && touch alive || exit 1
until [ -e done ]; do
  sleep 1 & wait $!
  [ -n "$(find alive -mmin -15)" ] || exit 0
done`;

/**
 * Makes a Job's results available outside of its pod, by editing its manifest.
 * @returns the way, and what was changed. The Job has been read with this `resultsPath`, so that there is a way.
 */
export function routeResults(
  job: JobManifest,
  containerName: string,
  options: RouteOptions,
): { route: ResultsRoute; changes: string[] } {
  const { spec } = job.spec.template;
  const container = findContainer(job, containerName);
  const { mount } = findResultsMount(spec, container, options.resultsPath);
  if (mount === undefined) throw new Error('a Job whose results have no way out was not refused');
  const changes: string[] = [];
  spec.volumes ??= [];
  if (mount.kind === 'kept') {
    const claimName = mount.volume.persistentVolumeClaim?.claimName;
    const subPath = mount.mount.subPath ?? '';
    if (options.resultsNodePath !== undefined && claimName !== undefined)
      return { route: { kind: 'node', claimName, subPath }, changes };
    addCollector(job, container, mount.mount, options.collector);
    changes.push(`a container ${collectorName} reads the results out of volume ${mount.volume.name}`);
    const claim = claimName === undefined ? undefined : { claimName, subPath };
    return { route: { kind: 'collector', claim }, changes };
  }
  if (mount.parent !== undefined)
    changes.push(
      `a volume of ours is mounted at ${options.resultsPath}, inside volume ${mount.parent.name} at ${mount.parent.mountPath}`,
    );
  if (options.resultsNodePath !== undefined) {
    const volume = { name: resultsVolume, hostPath: { path: options.resultsNodePath, type: 'Directory' } };
    spec.volumes.push(volume);
    if (mount.replaced === undefined) addMount(container, { name: resultsVolume, mountPath: options.resultsPath });
    else {
      const replaced = { ...mount.replaced };
      replaceMounts([...spec.containers, ...(spec.initContainers ?? [])], replaced);
      changes.push(`${options.resultsPath} is on the runner's disk, in place of emptyDir ${replaced.name}`);
      dropUnusedVolume(job, replaced.name);
    }
    return { route: { kind: 'host' }, changes };
  }
  let read = mount.replaced;
  if (read === undefined) {
    read = { name: resultsVolume, mountPath: options.resultsPath };
    spec.volumes.push({ name: resultsVolume, emptyDir: {} });
    addMount(container, read);
  }
  addCollector(job, container, read, options.collector);
  changes.push(`a container ${collectorName} reads the results out of volume ${read.name}`);
  return { route: { kind: 'collector', claim: undefined }, changes };
}

/** The mount of the results in the test container of a Job that was routed. */
export function resultsMountOf(job: JobManifest, containerName: string, resultsPath: string): ManifestMount {
  const mounts = findContainer(job, containerName).volumeMounts ?? [];
  const mount = mounts.find((one) => path.posix.relative(one.mountPath, resultsPath) === '');
  if (mount === undefined) throw new Error('a Job that was routed has no mount for its results');
  return mount;
}

/** Whether results are fetched only through a collector, even where the runner's own disk could be mounted. */
export function needsCollector({ job, container }: TestJob, resultsPath: string): boolean {
  const { route } = routeResults(cloneJson(job), container, {
    resultsPath,
    resultsNodePath: '/anywhere',
    collector: { image: 'any', imageUser: undefined },
  });
  return route.kind === 'collector';
}

/** A pod that reads the results out of a claim whose pod is gone. */
export function buildRescuePod(options: {
  name: string;
  namespace: string;
  labels: Record<string, string>;
  claim: { claimName: string; subPath: string };
  /** The Job whose results they are. */
  job: JobManifest;
  container: string;
  collector: CollectorOptions;
}): object {
  const { job, claim } = options;
  const mount = { name: resultsVolume, mountPath: collectedPath, subPath: claim.subPath };
  const { securityContext } = job.spec.template.spec;
  const container = buildCollector(job, findContainer(job, options.container), mount, options.collector);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: options.name, namespace: options.namespace, labels: options.labels },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      ...(securityContext === undefined ? {} : { securityContext }),
      containers: [container],
      volumes: [
        { name: resultsVolume, persistentVolumeClaim: { claimName: claim.claimName } },
        { name: collectorName, emptyDir: { sizeLimit: '1Mi' } },
      ],
    },
  };
}

function addMount(container: ManifestContainer, mount: ManifestMount): void {
  container.volumeMounts = [...(container.volumeMounts ?? []), mount];
}

/** All containers that shared the emptyDir (or the same part of it) share its replacement. */
function replaceMounts(containers: ManifestContainer[], replaced: ManifestMount): void {
  for (const container of containers)
    for (const mount of container.volumeMounts ?? []) {
      if (mount.name !== replaced.name || (mount.subPath ?? '') !== (replaced.subPath ?? '')) continue;
      mount.name = resultsVolume;
      delete mount.subPath;
    }
}

function dropUnusedVolume(job: JobManifest, name: string): void {
  const { spec } = job.spec.template;
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  const isUsed = all.some((one) => one.volumeMounts?.some((mount) => mount.name === name));
  if (!isUsed) spec.volumes = spec.volumes?.filter((volume: ManifestVolume) => volume.name !== name) ?? [];
}

function addCollector(
  job: JobManifest,
  test: ManifestContainer,
  mount: ManifestMount,
  options: CollectorOptions,
): void {
  const { spec } = job.spec.template;
  spec.containers.push(buildCollector(job, test, mount, options));
  spec.volumes = [...(spec.volumes ?? []), { name: collectorName, emptyDir: { sizeLimit: '1Mi' } }];
}

function buildCollector(
  job: JobManifest,
  test: ManifestContainer,
  mount: ManifestMount,
  options: CollectorOptions,
): ManifestContainer {
  return {
    name: collectorName,
    image: options.image,
    imagePullPolicy: 'IfNotPresent',
    command: ['sh', '-c', collectorScript],
    resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { cpu: '1', memory: '256Mi' } },
    securityContext: collectorSecurity(job, test, options.imageUser),
    volumeMounts: [
      {
        name: mount.name,
        mountPath: collectedPath,
        ...(mount.subPath === undefined || mount.subPath === '' ? {} : { subPath: mount.subPath }),
        readOnly: true,
      },
      { name: collectorName, mountPath: collectorDirectory },
    ],
  };
}

/** It reads what the tests wrote: as the same user where that is known, else as root, who may read everything. */
function collectorSecurity(
  job: JobManifest,
  test: ManifestContainer,
  imageUser: number | undefined,
): NonNullable<ManifestContainer['securityContext']> {
  const pod = job.spec.template.spec.securityContext;
  const own = test.securityContext;
  const group = own?.runAsGroup ?? pod?.runAsGroup;
  const isRootForbidden = (own?.runAsNonRoot ?? pod?.runAsNonRoot) === true || pod?.runAsNonRoot === true;
  const user = own?.runAsUser ?? pod?.runAsUser ?? imageUser ?? (isRootForbidden ? nobody : 0);
  return {
    runAsUser: user,
    ...(group === undefined ? {} : { runAsGroup: group }),
    ...(user === 0 ? {} : { runAsNonRoot: true }),
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    // Root without this capability is a user like any other.
    capabilities: { drop: ['ALL'], ...(user === 0 ? { add: ['DAC_OVERRIDE'] } : {}) },
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

const nobody = 65534;
