/**
 * A Job of the user's own: what its manifests contain, all errors in them at once, and where its results will be. Pure: a file
 * and the output of `helm template` are read in the same way.
 */

import { must } from '../core/must.ts';
import { trimEndOf } from '../core/trim-end.ts';
import { normalizeDocument } from './normalize-manifests.ts';
import { readYamlDocuments } from './read-yaml.ts';

/** A Kubernetes object as its author wrote it; unknown fields stay as they are. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

export interface ManifestMount {
  name: string;
  mountPath: string;
  readOnly?: boolean;
  subPath?: string;
  subPathExpr?: string;
}

export interface ManifestSecurity {
  runAsUser?: number;
  runAsGroup?: number;
  runAsNonRoot?: boolean;
  [field: string]: unknown;
}

export interface ManifestEnv {
  name: string;
  value?: string;
  valueFrom?: object;
}

export interface ManifestContainer {
  name: string;
  image?: string;
  env?: ManifestEnv[];
  volumeMounts?: ManifestMount[];
  securityContext?: ManifestSecurity;
  resources?: { limits?: Record<string, unknown>; requests?: Record<string, unknown> };
  [field: string]: unknown;
}

/** A volume: its name, and one more field that defines its type. */
export interface ManifestVolume {
  name: string;
  emptyDir?: object | null;
  persistentVolumeClaim?: { claimName: string; readOnly?: boolean };
  [type: string]: unknown;
}

export interface ManifestPodSpec {
  containers: ManifestContainer[];
  initContainers?: ManifestContainer[];
  volumes?: ManifestVolume[];
  securityContext?: ManifestSecurity;
  restartPolicy?: string;
  [field: string]: unknown;
}

export interface JobManifest extends Manifest {
  spec: {
    parallelism?: number;
    completions?: number;
    backoffLimit?: number;
    activeDeadlineSeconds?: number;
    ttlSecondsAfterFinished?: number;
    suspend?: boolean;
    template: { metadata?: { labels?: Record<string, string>; [field: string]: unknown }; spec: ManifestPodSpec };
    [field: string]: unknown;
  };
}

/** A Job with what has to be there before it. */
export interface TestJob {
  job: JobManifest;
  /** In the order in which they are to be made. */
  supportingResources: Manifest[];
  /** Name of the container whose end is the end of the tests. */
  container: string;
  /** What was changed of the manifests while they were read, a line each. */
  changes?: string[];
}

export interface ReadJobOptions {
  namespace: string;
  resultsPath: string;
  /** As the user named it; by default the only one, or the one whose name begins with `test`. */
  container: string | undefined;
}

/** Something that is wrong with a manifest: of the file itself, or of an input that does not fit it. */
export interface ManifestProblem {
  about: 'manifest' | 'container' | 'results-path';
  problem: string;
}

/**
 * Kinds that outlive or surround a namespace. They belong to the chart, which removes them: we delete a run's namespace,
 * and nothing else.
 */
const clusterWide: ReadonlySet<string> = new Set([
  'Namespace',
  'Node',
  'PersistentVolume',
  'StorageClass',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'PriorityClass',
  'IngressClass',
  'RuntimeClass',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
]);

/** Objects that others refer to are first; kinds that are not listed are last, in the order of the file. */
const creationOrder = [
  'NetworkPolicy',
  'ResourceQuota',
  'LimitRange',
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'PersistentVolumeClaim',
  'Role',
  'RoleBinding',
  'Service',
];

/**
 * Reads the documents of a Job and its supporting resources.
 * @returns the Job, or all errors.
 */
export function readJobManifest(
  text: string,
  options: ReadJobOptions,
): { testJob: TestJob; problems?: undefined } | { testJob?: undefined; problems: ManifestProblem[] } {
  const problems: ManifestProblem[] = [];
  const wrong = (problem: string) => problems.push({ about: 'manifest', problem });
  const documents: unknown[] = [];
  for (const read of readYamlDocuments(text)) {
    if (read.problem !== undefined) wrong(`is not YAML: ${read.problem}`);
    else documents.push(read.value);
  }
  if (problems.length > 0) return { problems };
  const changes: string[] = [];
  const all: Manifest[] = [];
  for (const [i, document] of documents.flatMap(itemsOf).entries()) {
    const adopted = normalizeDocument(document, options.namespace);
    changes.push(...adopted.changes);
    if (isManifest(adopted.document)) all.push(adopted.document);
    else wrong(`holds a document (the ${ordinal(i + 1)}) without apiVersion, kind and metadata.name`);
  }
  const manifests = takePodsForJobs(all, changes);
  for (const { kind, metadata } of manifests) {
    if (clusterWide.has(kind))
      wrong(`holds ${kind}/${metadata.name}, which does not belong to a namespace: put it into the chart`);
    if (metadata.namespace !== undefined && metadata.namespace !== options.namespace)
      wrong(
        `puts ${kind}/${metadata.name} into namespace "${metadata.namespace}", but the run's is "${options.namespace}": leave it out, or set namespace`,
      );
  }
  const jobs = manifests.filter((one) => one.kind === 'Job');
  if (jobs.length === 0) {
    const kinds = [...new Set(manifests.map((one) => one.kind))].join(', ');
    wrong(`holds no Job and no Pod${kinds === '' ? '' : `, only ${kinds}`}`);
  } else if (jobs.length > 1)
    wrong(`holds ${jobs.length} Jobs (${jobs.map((job) => job.metadata.name).join(', ')}); exactly one is the test`);
  const job = jobs[0];
  const container = job === undefined || jobs.length > 1 ? undefined : checkJob(job, options, problems);
  if (problems.length > 0 || container === undefined) return { problems };
  const supportingResources = manifests.filter((one) => one.kind !== 'Job').sort((a, b) => orderOf(a) - orderOf(b));
  return {
    testJob: { job: job as JobManifest, supportingResources, container, ...(changes.length === 0 ? {} : { changes }) },
  };
}

/** Without a Job, Pods are the tests; with one, they are its dependencies. */
function takePodsForJobs(manifests: Manifest[], changes: string[]): Manifest[] {
  if (manifests.some((one) => one.kind === 'Job')) return manifests;
  return manifests.map((one) => {
    if (one.kind !== 'Pod' || one.apiVersion !== 'v1') return one;
    changes.push(`Pod/${one.metadata.name}: run as Job/${one.metadata.name}, so that its end is kept and awaited`);
    return jobOfPod(one);
  });
}

/** A Job that runs what a Pod runs: Pods as tests are what `helm create` writes, and `helm test` runs. */
function jobOfPod(pod: Manifest): Manifest {
  const { name, namespace, labels, annotations } = pod.metadata;
  const ofPod = Object.entries(annotations ?? {}).filter(([key]) => !key.startsWith('helm.sh/'));
  const template = {
    metadata: { ...(labels === undefined ? {} : { labels }), annotations: Object.fromEntries(ofPod) },
    spec: pod.spec,
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...(labels === undefined ? {} : { labels }) },
    spec: { backoffLimit: 0, template },
  };
}

/** Images that the pods of a Job need. */
export function listJobImages({ job }: Pick<TestJob, 'job'>): string[] {
  const { containers, initContainers } = job.spec.template.spec;
  const images = [...(initContainers ?? []), ...containers].map((container) => container.image);
  return [...new Set(images.filter((image) => image !== undefined))];
}

/** The image of the test container; empty when it names none. */
export function testImageOf({ job, container }: TestJob): string {
  return findContainer(job, container).image ?? '';
}

/** The container of this name, which a Job that has been read has. */
export function findContainer(job: JobManifest, name: string): ManifestContainer {
  return must(
    job.spec.template.spec.containers.find((container) => container.name === name),
    `container ${name} of the Job`,
  );
}

/** Where a Job's results go, according to its own mounts. */
export type ResultsMount =
  /** The Job itself has nothing there, or an emptyDir, which ours can replace. */
  | { kind: 'ours'; replaced: ManifestMount | undefined; parent: ManifestMount | undefined }
  /** A volume that the user chose: it stays. */
  | { kind: 'kept'; mount: ManifestMount; volume: ManifestVolume };

const unwritable = ['configMap', 'secret', 'projected', 'downwardAPI', 'image'];

/** What the test container mounts at `resultsPath`, or why results could never be read from there. */
export function findResultsMount(
  spec: ManifestPodSpec,
  container: ManifestContainer,
  resultsPath: string,
): { mount: ResultsMount; problem?: undefined } | { mount?: undefined; problem: string } {
  const mounts = container.volumeMounts ?? [];
  const trimmed = (mount: ManifestMount) => trimEndOf(mount.mountPath, '/') || mount.mountPath.slice(0, 1);
  const at = mounts.find((mount) => trimmed(mount) === resultsPath);
  const where = `container ${container.name}`;
  if (at === undefined) {
    const parent = mounts
      .filter((mount) => resultsPath.startsWith(`${trimmed(mount)}/`))
      .sort((a, b) => b.mountPath.length - a.mountPath.length)[0];
    if (parent?.readOnly === true)
      return { problem: `lies in ${parent.mountPath}, which ${where} mounts read-only: nothing can be mounted in it` };
    return { mount: { kind: 'ours', replaced: undefined, parent } };
  }
  if (at.readOnly === true)
    return { problem: `is mounted read-only by ${where} (volume ${at.name}): the tests could not write results` };
  if (at.subPathExpr !== undefined)
    return { problem: `is mounted by ${where} with subPathExpr, which only the kubelet can resolve: use subPath` };
  const volume = spec.volumes?.find((one) => one.name === at.name);
  if (volume === undefined) return { problem: `is mounted by ${where} from volume "${at.name}", which the pod lacks` };
  const type = Object.keys(volume).find((field) => field !== 'name') ?? 'emptyDir';
  if (unwritable.includes(type)) return { problem: `is mounted by ${where} from a ${type}, which is read-only` };
  if (volume.persistentVolumeClaim?.readOnly === true)
    return {
      problem: `is mounted by ${where} from claim ${volume.persistentVolumeClaim.claimName} read-only: the tests could not write results`,
    };
  if (type !== 'emptyDir') return { mount: { kind: 'kept', mount: at, volume } };
  const others = [...spec.containers, ...(spec.initContainers ?? [])].flatMap((one) => one.volumeMounts ?? []);
  const stranger = others.find((one) => one.name === at.name && (one.subPath ?? '') !== (at.subPath ?? ''));
  // A mount of the whole volume elsewhere would no longer see what the tests write below their subPath, or the reverse.
  if (stranger !== undefined && (isWithin(stranger.subPath, at.subPath) || isWithin(at.subPath, stranger.subPath)))
    return {
      problem: `is mounted by ${where} with ${describeSubPath(at)} of emptyDir ${at.name}, which is also mounted with ${describeSubPath(stranger)}: give the results a volume of their own`,
    };
  return { mount: { kind: 'ours', replaced: at, parent: undefined } };
}

function describeSubPath(mount: ManifestMount): string {
  return mount.subPath === undefined ? 'the whole' : `subPath "${mount.subPath}"`;
}

function isWithin(parent: string | undefined, child: string | undefined): boolean {
  return (parent ?? '') === '' || `${child ?? ''}/`.startsWith(`${parent}/`);
}

/** Adds what is wrong with a Job to `problems`. @returns the name of its test container, when it is certain. */
function checkJob(job: Manifest, options: ReadJobOptions, problems: ManifestProblem[]): string | undefined {
  const name = job.metadata.name;
  const wrong = (problem: string) => problems.push({ about: 'manifest', problem });
  if (job.apiVersion !== 'batch/v1') wrong(`has Job/${name} of apiVersion ${job.apiVersion}; it must be batch/v1`);
  const { spec } = job as { spec?: Partial<JobManifest['spec']> };
  for (const field of ['parallelism', 'completions'] as const) {
    const count = spec?.[field];
    if (count !== undefined && count !== 1)
      wrong(
        `has ${field} ${count} in Job/${name}; a suite is one pod, so it must be 1 or left out; the input shards divides a suite among pods`,
      );
  }
  const podSpec: Partial<ManifestPodSpec> | undefined = spec?.template?.spec;
  const containers = podSpec?.containers;
  if (!Array.isArray(containers) || containers.length === 0 || !containers.every((one) => isNamed(one))) {
    wrong(`has no containers with names in spec.template.spec of Job/${name}`);
    return undefined;
  }
  const names = containers.map((one) => one.name);
  const chosen = chooseContainer(names, options.container);
  if (chosen.problem !== undefined) {
    problems.push({ about: options.container === undefined ? 'manifest' : 'container', problem: chosen.problem });
    return undefined;
  }
  const container = must(
    containers.find((one) => one.name === chosen.name),
    'the chosen container',
  );
  const found = findResultsMount({ ...podSpec, containers }, container, options.resultsPath);
  if (found.problem !== undefined) problems.push({ about: 'results-path', problem: found.problem });
  return chosen.name;
}

function chooseContainer(
  names: string[],
  wanted: string | undefined,
): { name: string; problem?: undefined } | { name?: undefined; problem: string } {
  const all = names.join(', ');
  if (wanted !== undefined)
    return names.includes(wanted) ? { name: wanted } : { problem: `is not a container of the Job; it has ${all}` };
  const tests = names.length === 1 ? names : names.filter((name) => name.startsWith('test'));
  const [name] = tests;
  if (tests.length === 1 && name !== undefined) return { name };
  return { problem: `does not say which container is the test: it has ${all}; name it with container` };
}

/** `kind: List` is replaced by its items. */
function itemsOf(document: unknown): unknown[] {
  const { kind, items } = document as { kind?: unknown; items?: unknown };
  return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items) ? items : [document];
}

function isManifest(document: unknown): document is Manifest {
  if (typeof document !== 'object' || document === null) return false;
  const { apiVersion, kind, metadata } = document as Partial<Manifest>;
  return typeof apiVersion === 'string' && typeof kind === 'string' && isNamed(metadata);
}

function isNamed(value: unknown): value is { name: string } {
  const name = (value as { name?: unknown } | null | undefined)?.name;
  return typeof name === 'string' && name !== '';
}

function orderOf(manifest: Manifest): number {
  const known = creationOrder.indexOf(manifest.kind);
  const rank = known === -1 ? creationOrder.length : known;
  // Hooks of a chart carry an order of their own, which its author meant: https://helm.sh/docs/topics/charts_hooks/#hook-weights
  const weight = Number(manifest.metadata.annotations?.['helm.sh/hook-weight'] ?? 0);
  return (Number.isFinite(weight) ? weight : 0) * 100 + rank;
}

function ordinal(n: number): string {
  const suffix = { 1: 'st', 2: 'nd', 3: 'rd' }[n % 10] ?? 'th';
  return `${n}${n % 100 > 10 && n % 100 < 14 ? 'th' : suffix}`;
}
