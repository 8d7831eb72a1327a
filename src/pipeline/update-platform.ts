/** The phase `platform` in a kept cluster: what has changed since it was ready last is deployed, and nothing else. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { nameInNode } from '../cluster/images-of-nodes.ts';
import { nameCommand } from '../core/name-command.ts';
import { fail, messageOf, type Result, succeed } from '../core/outcome.ts';
import { factPaths } from '../diagnose/namespace-facts.ts';
import { controllerOf, hasEnded, isBeingDeleted, isReady } from '../diagnose/pod-facts.ts';
import { ApiError } from '../kube/api-error.ts';
import type { Job, Pod } from '../kube/objects.ts';
import { awaitDeletion, deleteNamespace, findNamespace } from '../kube/own-namespace.ts';
import { listResources } from '../kube/resources.ts';
import type { Chart } from '../platform/chart.ts';
import { awaitChart, type InstallOptions, installChart } from '../platform/install-chart.ts';
import { type PlatformUpdate, planUpdate } from '../platform/plan-update.ts';
import { findRelease, uninstallRelease } from '../platform/release.ts';
import type { OpenRun } from './progress.ts';
import type { Run } from './run.ts';

const removalSeconds = 120;

/**
 * Digest of all inputs that a chart is rendered from: its files, those of the values, and set values. Not of the rendered
 * output, which differs each time where a chart generates passwords.
 */
export async function digestChart(chart: Chart): Promise<string> {
  const { release, namespace, set } = chart;
  const hash = createHash('sha256').update(JSON.stringify({ release, namespace, set }));
  for (const root of [chart.chart, ...chart.valuesFiles])
    for (const file of await listFiles(root))
      hash.update(`\0${path.relative(root, file)}\0`).update(await readFile(file));
  return hash.digest('hex');
}

/** A file, or all files below a directory, links followed as helm does; none for a chart from elsewhere. */
async function listFiles(root: string): Promise<string[]> {
  const seen = await stat(root).catch(() => undefined);
  if (seen?.isFile() === true) return [root];
  if (seen?.isDirectory() !== true) return [];
  const names = (await readdir(root)).sort();
  return (await Promise.all(names.map((name) => listFiles(path.join(root, name))))).flat();
}

/**
 * Decides what the platform in a kept cluster needs, and takes it away, with its namespace and all data, where it has to be
 * installed again.
 * @returns a failure of kind `cluster` when that does not succeed.
 * @throws ApiError
 */
export async function beginUpdate(run: Run, open: OpenRun, chart: Chart): Promise<Result<PlatformUpdate>> {
  const { inputs, signal, kept } = run;
  const { connection, changedImages, otherNamespaces, chartDigest } = open;
  const changed = new Set([...changedImages].map(nameInNode));
  const lists = [inputs.namespace, ...otherNamespaces].map(factPaths);
  const [pods, jobs] = await Promise.all([
    Promise.all(lists.map((one) => listResources<Pod>(connection, one.pods, signal))),
    Promise.all(lists.map((one) => listResources<Job>(connection, one.jobs, signal))),
  ]);
  const update = planUpdate({
    release: await findRelease(connection, { name: chart.release, namespace: chart.namespace }, signal),
    noted: kept?.content.reusable?.platform,
    digest: chartDigest,
    isChanged: (image) => changed.has(nameInNode(image)),
    pods: pods.flat(),
    jobs: jobs.flat(),
  });
  if (update.act !== 'none') kept?.notePlatform(undefined);
  if (update.act !== 'renew') return succeed(update);
  run.reporter.say(`release ${chart.release} is removed with all its data and installed again: ${update.why}`);
  const removed = await removePlatform(run, open, chart);
  return removed.ok ? succeed(update) : removed;
}

/** Carries out the plan for a platform that is deployed already, and waits until it is ready. */
export async function finishUpdate(
  run: Run,
  chart: Chart,
  update: PlatformUpdate,
  options: InstallOptions,
): Promise<Result<undefined>> {
  const { act, why, restart } = update;
  const { connection, watch } = options;
  run.reporter.say(
    act === 'none' ? `no helm upgrade of ${chart.release}: ${why}` : `helm upgrade ${chart.release}: ${why}`,
  );
  const upgraded = act === 'none' ? succeed(undefined) : await installChart(chart, { ...options, verb: 'upgrade' });
  if (!upgraded.ok) return upgraded;
  if (restart.length > 0)
    run.reporter.say(`restarted because their images changed: ${restart.map((pod) => pod.metadata.name).join(', ')}`);
  for (const pod of restart)
    await connection.deletePod(pod.metadata.namespace ?? chart.namespace, pod.metadata.name, {
      graceSeconds: restartGraceSeconds,
      signal: run.signal,
    });
  const back = await awaitChart(chart, () => areBack(restart, watch.pods), options);
  // What broke since it was ready is not fixed by waiting for it once more.
  if (!back.ok) run.kept?.notePlatform(undefined);
  return back;
}

const restartGraceSeconds = 10;

/** Whether the pods are gone and as many ready ones of the same controllers have replaced them. Pure. */
export function areBack(former: readonly Pod[], pods: readonly Pod[]): boolean {
  const uids = new Set(former.map((pod) => pod.metadata.uid));
  if (pods.some((pod) => uids.has(pod.metadata.uid))) return false;
  const makers = Map.groupBy(former, (pod) => controllerOf(pod)?.uid);
  return [...makers].every(([maker, gone]) => {
    const ready = pods.filter((pod) => controllerOf(pod)?.uid === maker && isReady(pod) && !isBeingDeleted(pod));
    return ready.length >= gone.filter((pod) => !hasEnded(pod)).length;
  });
}

/** Records in the record of the cluster that the platform is ready in the state that the chart defines now. */
export async function notePlatform(run: Run, { connection, chartDigest }: OpenRun, chart: Chart): Promise<void> {
  const record = run.kept ?? run.record;
  if (record.content.reusable === undefined) return;
  const release = await findRelease(connection, { name: chart.release, namespace: chart.namespace }, run.signal);
  if (release !== undefined) record.notePlatform({ digest: chartDigest, revision: release.revision });
}

/** Takes the release away, and its namespace with what helm leaves: claims, and what tests have made. */
async function removePlatform(run: Run, open: OpenRun, chart: Chart): Promise<Result<undefined>> {
  const { connection, cluster, otherNamespaces } = open;
  const { signal } = run;
  const { release: name, namespace, helm } = chart;
  try {
    const release = { name, namespace, helm, kubeconfigPath: cluster.kubeconfigPath };
    await uninstallRelease(release, { isOrderly: false, signal });
    const found = await findNamespace(connection, namespace, signal);
    run.reporter.waitingFor(`namespace ${namespace} to go`);
    if (found !== undefined) await deleteNamespace(connection, found, { signal, waitSeconds: removalSeconds });
    // Those that the chart holds are on their way out, and take nothing new until they are gone.
    for (const beside of otherNamespaces) {
      const other = await findNamespace(connection, beside, signal);
      if (other?.metadata.deletionTimestamp === undefined) continue;
      run.reporter.waitingFor(`namespace ${beside} to go`);
      await awaitDeletion(connection, other, { signal, waitSeconds: removalSeconds });
    }
    return succeed(undefined);
  } catch (error) {
    if (signal.aborted || error instanceof ApiError) throw error;
    return fail('cluster', `release ${name} and namespace ${namespace} could not be removed: ${messageOf(error)}`, {
      hint: `Make another cluster: ${nameCommand('down')}, then up.`,
    });
  }
}
