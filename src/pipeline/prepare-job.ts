import { pullSecretName } from '../cluster/pull-secret.ts';
import { fail, type Result, succeed } from '../core/outcome.ts';
import type { TestHistory } from '../history/test-history.ts';
import {
  findContainer,
  type JobManifest,
  type Manifest,
  readJobManifest,
  type TestJob,
} from '../inputs/job-manifest.ts';
import { adaptJob, buildSecret, giveSecrets } from '../job/adapt-job.ts';
import { buildJob, netSecondsOf, runLabel, testContainerName } from '../job/build-job.ts';
import {
  clearFormerJob,
  createSupportingResources,
  type SupportingResourceOptions,
} from '../job/create-supporting-resources.ts';
import { fillPlaceholders, separateShards, shardJob } from '../job/shard-job.ts';
import type { Chart } from '../platform/chart.ts';
import { type ClusterVersions, readClusterVersions, renderJobTemplates } from '../platform/render-job.ts';
import { makeShardDirectory } from '../results/results-dir.ts';
import { type CollectorOptions, resultsMountOf, routeResults } from '../results/route-results.ts';
import type { Platform, PreparedJob, SuitePart } from './progress.ts';
import { provideHelper } from './provide-helper.ts';
import type { Retry, Run } from './run.ts';

/** The user's own Job from its file or the chart; undefined when the built-in one is used. */
export async function prepareOwnJob(
  run: Run,
  chart: Chart | undefined,
  versions?: ClusterVersions,
): Promise<Result<TestJob | undefined>> {
  const { ownJob, namespace, resultsPath } = run.inputs;
  if (ownJob === undefined) return succeed(undefined);
  if (ownJob.kind === 'file') return succeed(ownJob.testJob);
  if (chart === undefined) throw new Error('job-templates without a chart were not refused');
  const { templates, set, container } = ownJob;
  const rendered = await renderJobTemplates(chart, {
    templates,
    set,
    signal: run.signal,
    ...(versions === undefined ? {} : { versions }),
  });
  if (!rendered.ok) return rendered;
  const read = readJobManifest(rendered.value, { namespace, resultsPath, container });
  if (read.testJob !== undefined) return succeed(read.testJob);
  const isChart = read.problems.every((one) => one.about === 'manifest');
  const words = read.problems.map((one) => `${one.about === 'manifest' ? 'job-templates' : one.about}: ${one.problem}`);
  return fail(isChart ? 'chart' : 'input', words.join('; '), {
    hint: `Look at what "helm template ${templates.map((name) => `--show-only ${name}`).join(' ')}" gives.`,
  });
}

/**
 * Decides the Job of this run and creates all that it needs before it: its supporting resources and the Secret.
 * @returns a failure of kind `chart`, `input`, `start` or `api`.
 */
export async function prepareJob(
  run: Run,
  platform: Platform,
  { parts, history }: { parts: readonly SuitePart[]; history: TestHistory },
): Promise<Result<PreparedJob>> {
  const { inputs, record, signal } = run;
  const { connection, images, cluster } = platform;
  const { runId } = record.content;
  const needsVersions = inputs.ownJob?.kind === 'templates';
  const versions = needsVersions ? await readClusterVersions(connection, signal) : undefined;
  const own = await prepareOwnJob(run, platform.chart, versions);
  if (!own.ok) return own;
  const { job, supportingResources, container, changes } =
    own.value === undefined
      ? {
          job: await buildBuiltIn(run, platform, history),
          supportingResources: [],
          container: testContainerName,
          changes: [],
        }
      : adaptJob(own.value, { ...inputs, runId, loadedImages: images.loaded, netSeconds: netSecondsOf(inputs) });
  if (run.retry !== undefined) adaptToRetry(job, container, run.retry, inputs.shards);
  const collector: CollectorOptions = { image: inputs.collectorImage, imageUser: numericUser(images.test?.user) };
  const { route, changes: routing } = routeResults(job, container, {
    resultsPath: inputs.resultsPath,
    resultsNodePath: platform.resultsNodePath,
    collector,
  });
  const isSharded = inputs.shards > 1;
  // A volume that each pod has for itself, read by a sidecar of the tests, needs no directory for each part.
  if (isSharded && !(route.kind === 'collector' && route.claim === undefined))
    separateShards(job, resultsMountOf(job, container, inputs.resultsPath));
  for (const { directory } of parts) if (directory !== '') await makeShardDirectory(run.dir, directory);
  const secretName = `k8s-test-secrets-${runId}`;
  const names = inputs.secrets.map(([name]) => name);
  changes.push(...routing, ...giveSecrets(job, container, secretName, names));
  if (own.value !== undefined && platform.hasPullSecret) addPullSecret(job);
  // The built-in Job has no lines of the user that could have been changed.
  if (own.value !== undefined) for (const change of changes) run.reporter.say(`Job/${job.metadata.name}: ${change}`);
  const needed: Manifest[] = [...supportingResources];
  if (names.length > 0)
    needed.unshift(buildSecret({ name: secretName, namespace: inputs.namespace, runId, secrets: inputs.secrets }));
  const { shards, resultsPath } = inputs;
  const sharded = isSharded
    ? shardJob(job, container, { shards, resultsPath, kubernetes: cluster.kubernetes, only: run.retry?.shards })
    : undefined;
  const jobs = sharded?.jobs ?? [{ manifest: job, shards: [] }];
  const manifests = jobs.map(({ manifest }) => manifest);
  const how: SupportingResourceOptions = { ...run.voice, connection, namespace: inputs.namespace, runId };
  run.noteObjects(platform, [...needed, ...manifests]);
  for (const manifest of own.value === undefined ? [] : manifests) {
    const cleared = await clearFormerJob(manifest, how);
    if (!cleared.ok) return cleared;
  }
  const created = await createSupportingResources(needed, how);
  if (!created.ok) return created;
  const test = findContainer(job, container);
  return succeed({
    name: sharded?.name ?? job.metadata.name,
    container,
    image: test.image ?? '',
    memoryLimit: String(test.resources?.limits?.memory ?? ''),
    manifest: job,
    jobs,
    way: sharded?.way,
    isIndexed: sharded?.isIndexed === true,
    route,
    collector,
    labels: { [runLabel]: runId },
  });
}

async function buildBuiltIn(run: Run, platform: Platform, history: TestHistory): Promise<JobManifest> {
  const { images, hasPullSecret } = platform;
  return buildJob({
    ...run.inputs,
    runId: run.record.content.runId,
    isLoaded: images.loaded.has(run.inputs.image),
    tests: run.tests,
    isKept: run.kept !== undefined || run.inputs.keep !== 'never',
    entrypoint: images.test?.entrypoint,
    imagePullSecrets: hasPullSecret ? [pullSecretName] : [],
    helper: await provideHelper(run, platform, history),
  });
}

/** A Job beside the one before it, with the tests that are to run again. */
function adaptToRetry(job: JobManifest, container: string, { name, selection }: Retry, shards: number): void {
  job.metadata.name = `${job.metadata.name.slice(0, maxJobNameChars - name.length - 1)}-${name}`;
  const test = findContainer(job, container);
  if (selection.kind === 'command') {
    test.command = [...selection.command];
    if (selection.args.length > 0) test.args = [...selection.args];
    else delete test.args;
  }
  if (shards === 1) fillPlaceholders(test, 0, 1);
}

/** Labels of its pods hold it. */
const maxJobNameChars = 63;

/** An image's user, where it is a number: names are only known inside the image. */
function numericUser(user: string | undefined): number | undefined {
  const [, id] = /^(\d+)(:|$)/.exec(user ?? '') ?? [];
  return id === undefined ? undefined : Number(id);
}

/** A Job with a ServiceAccount of its own does not get the credentials of the default one. */
function addPullSecret(job: JobManifest): void {
  const { spec } = job.spec.template;
  const named = Array.isArray(spec.imagePullSecrets) ? (spec.imagePullSecrets as { name: string }[]) : [];
  spec.imagePullSecrets = [...named.filter((one) => one.name !== pullSecretName), { name: pullSecretName }];
}
