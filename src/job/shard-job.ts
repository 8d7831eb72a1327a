/**
 * One suite in several pods: an Indexed Job, or where that is not possible one Job for each shard. Decides, and edits
 * manifests; does nothing else. docs/shards.md describes for users what a shard is given.
 */
import { trimEndOf } from '../core/trim-end.ts';
import { findContainer, type JobManifest, type ManifestContainer, type ManifestMount } from '../inputs/job-manifest.ts';
import { cloneJson } from '../inputs/read-yaml.ts';
import type { Pod } from '../kube/objects.ts';

/** Where a shard writes, below the results of the run; counted from 0. */
export function shardDirectory(shard: number): string {
  return `shard-${shard}`;
}

/** The file by which a test runner shows that it supports shards, below `results-path`; as in Bazel's test encyclopedia. */
export const shardStatusFile = '.k8s-test-shard-status';

/** How a suite is divided, as far as its manifest shows. */
export type SplitWay =
  /** `{shard}` in the command or the arguments. */
  | 'placeholders'
  /** Divided by the reader of the variables: the test helper, or the tool itself. */
  | 'variables';

export interface ShardOptions {
  shards: number;
  resultsPath: string;
  /** The server's version, such as `v1.34.4`. */
  kubernetes: string;
  /** The only shards to create, a Job each; undefined for all. */
  only?: readonly number[] | undefined;
}

/** Jobs that run a suite, each of them with the shards that its pods are, in the order of their completion index. */
export interface ShardedJob {
  jobs: { manifest: JobManifest; shards: number[] }[];
  way: SplitWay;
  /** Whether one Job has all of them as its indexes. */
  isIndexed: boolean;
  /** The common prefix of their names: a pod's name is `<name>-<shard>-…`. */
  name: string;
}

/** From this minor version on an index of a Job can fail alone: https://kubernetes.io/docs/concepts/workloads/controllers/job/#backoff-limit-per-index */
const minorWithIndexBackoff = 29;
const indexAnnotation = 'batch.kubernetes.io/job-completion-index';
/** The same for the pod of a Job of one shard. */
const shardAnnotation = 'k8s-test-action/shard';
const placeholder = /\{(shards?)\}/g;

/** Whether an argument of a command contains `{shard}` or `{shards}`. */
export function namesShard(word: string): boolean {
  return word.search(placeholder) !== -1;
}

/**
 * The Jobs of a suite in shards. One Indexed Job, whose pods differ only by their completion index; a Job for each shard where
 * the command names its shard (Kubernetes has no way to count from 1 in it), on servers where the first index that fails ends the
 * others, and for some of the shards. The kubelet expands `$(TEST_SHARD_INDEX)`, which gives each pod its own directory.
 * @param job with its place for results, as `routeResults` leaves it, and `separated` mounts in it.
 * @param container the test container.
 */
export function shardJob(job: JobManifest, container: string, options: ShardOptions): ShardedJob {
  const { shards, kubernetes, only } = options;
  const way = wordsOf(findContainer(job, container)).some(namesShard) ? 'placeholders' : 'variables';
  const all = Array.from({ length: shards }, (_, shard) => shard);
  if (only === undefined && way === 'variables' && minorOf(kubernetes) >= minorWithIndexBackoff) {
    const manifest = cloneJson(job);
    const { spec } = manifest;
    Object.assign(spec, {
      completions: shards,
      parallelism: shards,
      completionMode: 'Indexed',
      backoffLimitPerIndex: 0,
    });
    // A failed shard is one of many: only by its index is it reported whether it runs again.
    delete spec.backoffLimit;
    giveDeadline(manifest, shards);
    giveVariables(manifest, container, options, {
      valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${indexAnnotation}']` } },
    });
    return { jobs: [{ manifest, shards: all }], way, isIndexed: true, name: job.metadata.name };
  }
  const name = cutName(job.metadata.name);
  const jobs = (only ?? all).map((shard) => {
    const manifest = cloneJson(job);
    manifest.metadata.name = `${name}-${shard}`;
    giveDeadline(manifest, shards);
    const index = { value: String(shard) };
    const { template } = manifest.spec;
    template.metadata = {
      ...template.metadata,
      annotations: { ...annotationsOf(template), [shardAnnotation]: index.value },
    };
    giveVariables(manifest, container, options, index);
    const test = findContainer(manifest, container);
    setVariable(test, { name: 'JOB_COMPLETION_INDEX', ...index });
    fillPlaceholders(test, shard, shards);
    return { manifest, shards: [shard] };
  });
  return { jobs, way, isIndexed: false, name };
}

/**
 * Gives each shard a directory of its own in the volume of the results, for all containers that mount it.
 * @param mount the mount of the results, in the test container.
 */
export function separateShards(job: JobManifest, mount: ManifestMount): void {
  const { spec } = job.spec.template;
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])])
    for (const one of container.volumeMounts ?? []) {
      if (one.name !== mount.name || (one.subPath ?? '') !== (mount.subPath ?? '')) continue;
      const before = one.subPath === undefined || one.subPath === '' ? '' : `${one.subPath.replaceAll('$', '$$$$')}/`;
      one.subPathExpr = `${before}shard-$(TEST_SHARD_INDEX)`;
      delete one.subPath;
    }
}

/** The shard of a pod, from its manifest; undefined for the pod of a suite in one piece. */
export function shardOfPod({ metadata }: Pick<Pod, 'metadata'>): number | undefined {
  const index = metadata.annotations?.[indexAnnotation] ?? metadata.annotations?.[shardAnnotation];
  return index === undefined ? undefined : Number(index);
}

/** Shards that wait for others to end must not be ended for it. */
function giveDeadline({ spec }: JobManifest, shards: number): void {
  if (spec.activeDeadlineSeconds !== undefined) spec.activeDeadlineSeconds *= shards;
}

/**
 * What Bazel gives a shard, https://bazel.build/reference/test-encyclopedia#test-sharding, and the same by the names that
 * GoogleTest reads, https://google.github.io/googletest/advanced.html#distributing-test-functions-to-multiple-machines: Bazel's
 * own wrapper translates them. The index goes to all who need it for a mount.
 */
function giveVariables(
  job: JobManifest,
  container: string,
  { shards, resultsPath }: ShardOptions,
  index: { value: string } | { valueFrom: object },
): void {
  const { spec } = job.spec.template;
  for (const one of [...spec.containers, ...(spec.initContainers ?? [])]) {
    const isTest = one.name === container;
    if (!isTest && !one.volumeMounts?.some(({ subPathExpr }) => subPathExpr?.includes('$(TEST_SHARD_INDEX)'))) continue;
    setVariable(one, { name: 'TEST_SHARD_INDEX', ...index });
    if (!isTest) continue;
    setVariable(one, { name: 'GTEST_SHARD_INDEX', ...index });
    for (const prefix of ['', 'G']) {
      setVariable(one, { name: `${prefix}TEST_TOTAL_SHARDS`, value: String(shards) });
      setVariable(one, { name: `${prefix}TEST_SHARD_STATUS_FILE`, value: `${resultsPath}/${shardStatusFile}` });
    }
  }
}

/** First, so that variables of the user's own may refer to it. */
function setVariable(
  container: ManifestContainer,
  variable: { name: string; value?: string; valueFrom?: object },
): void {
  container.env = [variable, ...(container.env ?? []).filter(({ name }) => name !== variable.name)];
}

function annotationsOf({ metadata }: JobManifest['spec']['template']): object {
  return typeof metadata?.annotations === 'object' && metadata.annotations !== null ? metadata.annotations : {};
}

/** Fills `{shard}` and `{shards}` in the command of a container. @param shard counted from 0. */
export function fillPlaceholders(test: ManifestContainer, shard: number, shards: number): void {
  for (const field of ['command', 'args'] as const)
    if (Array.isArray(test[field])) test[field] = test[field].map((word) => fillIn(word, shard, shards));
}

function fillIn(word: unknown, shard: number, shards: number): unknown {
  if (typeof word !== 'string') return word;
  return word.replaceAll(placeholder, (_, name: string) => String(name === 'shard' ? shard + 1 : shards));
}

function wordsOf({ command, args }: ManifestContainer): string[] {
  return [command, args]
    .flatMap((words) => (Array.isArray(words) ? words : []))
    .filter((one) => typeof one === 'string');
}

/** A Job's name may have 63 characters, and its pods' labels hold it. */
function cutName(name: string): string {
  return trimEndOf(name.slice(0, 59), '-.');
}

/** `v1.34.4` is 34; other text counts as an old version. */
function minorOf(version: string): number {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return major === '1' ? Number(minor) : Number(major ?? 0) > 1 ? Number.POSITIVE_INFINITY : 0;
}
