/**
 * A Job of the user's own, with what this project guarantees for every Job: run once, never restarted, in the run's namespace,
 * under its label. Decides, and reports what it changed.
 */
import type { JobManifest, Manifest, ManifestContainer, TestJob } from '../inputs/job-manifest.ts';
import { findContainer } from '../inputs/job-manifest.ts';
import { cloneJson } from '../inputs/read-yaml.ts';
import { runLabel } from './build-job.ts';

export interface AdaptOptions {
  runId: string;
  namespace: string;
  /** `NAME=value` of the input `env`, which override the manifest. */
  env: [string, string][];
  /** Images that were put into the nodes, so that no registry has to be asked for them. */
  loadedImages: ReadonlySet<string>;
  /** After this many seconds the API server may end the Job, if it has not been ended before. */
  netSeconds: number;
}

/** The Job and its supporting resources as they are to be created, and what was changed, a line each. */
export interface AdaptedJob extends TestJob {
  changes: string[];
}

/** A finished Job is kept for at least this long: its pod has the log. */
const shortestKeptSeconds = 3600;

export function adaptJob(own: TestJob, options: AdaptOptions): AdaptedJob {
  const changes: string[] = [...(own.changes ?? [])];
  const label = { [runLabel]: options.runId };
  const job = cloneJson(own.job);
  const { spec } = job;
  const set = <T extends object, K extends keyof T & string>(target: T, field: K, value: T[K], why: string) => {
    if (target[field] === value) return;
    const before = target[field] === undefined ? 'not set' : `${target[field]}`;
    changes.push(`${field}: ${value} (was ${before}): ${why}`);
    target[field] = value;
  };
  job.metadata = { ...job.metadata, namespace: options.namespace, labels: { ...job.metadata.labels, ...label } };
  const { template } = spec;
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, ...label } };
  set(spec, 'backoffLimit', 0, 'a failed suite is not rerun silently');
  set(template.spec, 'restartPolicy', 'Never', 'a restarted container hides the log of the previous run');
  if (spec.suspend === true) set(spec, 'suspend', false, 'it is started now');
  if ((spec.ttlSecondsAfterFinished ?? shortestKeptSeconds) < shortestKeptSeconds)
    set(spec, 'ttlSecondsAfterFinished', shortestKeptSeconds, 'its pod holds the log, which must be read first');
  if ((spec.activeDeadlineSeconds ?? options.netSeconds) < options.netSeconds)
    set(
      spec,
      'activeDeadlineSeconds',
      options.netSeconds,
      'the API server would delete the pod with its log; timeout ends it earlier and cleanly',
    );
  if (spec.podFailurePolicy !== undefined) {
    delete spec.podFailurePolicy;
    changes.push('podFailurePolicy: left out: the pod runs once, whatever its result');
  }
  if (spec.managedBy !== undefined && spec.managedBy !== 'kubernetes.io/job-controller') {
    changes.push(`managedBy: left out (was ${String(spec.managedBy)}): no other controller runs it here`);
    delete spec.managedBy;
  }
  // Each lets pods of an index be run again, beside backoffLimit.
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'])
    if (spec[field] !== undefined) {
      delete spec[field];
      changes.push(`${field}: left out: a failed suite is not rerun silently`);
    }
  for (const container of [...(template.spec.initContainers ?? []), ...template.spec.containers])
    preferLoadedImage(container, options.loadedImages, changes);
  const container = findContainer(job, own.container);
  for (const [name, value] of options.env) changes.push(...setVariable(container, { name, value }, 'env'));
  const supportingResources = own.supportingResources.map(
    (one): Manifest => ({
      ...one,
      metadata: { ...one.metadata, namespace: options.namespace, labels: { ...one.metadata.labels, ...label } },
    }),
  );
  return { job, supportingResources, container: own.container, changes };
}

/**
 * Gives the test container one variable for each secret, out of a Secret of the namespace. A Secret's own `envFrom` would
 * lose against variables that the manifest sets by the same names.
 * @returns what was changed.
 */
export function giveSecrets(job: JobManifest, container: string, secretName: string, names: string[]): string[] {
  return names.flatMap((name) =>
    setVariable(
      findContainer(job, container),
      { name, valueFrom: { secretKeyRef: { name: secretName, key: name } } },
      'secrets',
    ),
  );
}

/** The Secret that holds what the input `secrets` gives. */
export function buildSecret(options: {
  name: string;
  namespace: string;
  runId: string;
  secrets: [string, string][];
}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: options.name,
      namespace: options.namespace,
      labels: { 'app.kubernetes.io/managed-by': 'k8s-test-action', [runLabel]: options.runId },
    },
    type: 'Opaque',
    data: Object.fromEntries(options.secrets.map(([name, value]) => [name, Buffer.from(value).toString('base64')])),
  };
}

function setVariable(
  container: ManifestContainer,
  variable: { name: string; value?: string; valueFrom?: object },
  input: string,
): string[] {
  const others = (container.env ?? []).filter((one) => one.name !== variable.name);
  const wasThere = others.length < (container.env ?? []).length;
  container.env = [...others, variable];
  return wasThere ? [`env ${variable.name}: the value of the input ${input} replaces the manifest's`] : [];
}

function preferLoadedImage(
  container: ManifestContainer & { imagePullPolicy?: unknown },
  loaded: ReadonlySet<string>,
  changes: string[],
): void {
  if (container.image === undefined || !loaded.has(container.image)) return;
  if (container.imagePullPolicy === 'Always')
    changes.push(
      `imagePullPolicy of ${container.name}: IfNotPresent (was Always): ${container.image} was loaded from the local docker`,
    );
  // Without a policy the tag decides, and "latest" is always pulled.
  if (container.imagePullPolicy !== 'Never') container.imagePullPolicy = 'IfNotPresent';
}
