import { rm } from 'node:fs/promises';
import { deleteCluster } from '../cluster/create-cluster.ts';
import { removeImage, removeNamedContainer } from '../cluster/docker.ts';
import { nodeResultsPath } from '../cluster/kind-config.ts';
import { listMachines } from '../cluster/load-images.ts';
import { messageOf, type PhaseRecord } from '../core/outcome.ts';
import type { Reporter } from '../core/reporter.ts';
import { runLabel } from '../job/build-job.ts';
import { connect, type KubeConnection } from '../kube/connection.ts';
import { deleteMarkedObject } from '../kube/create-object.ts';
import { deleteOwnNamespace } from '../kube/own-namespace.ts';
import { findRelease, uninstallRelease } from '../platform/release.ts';
import { adoptBeforeRemoval } from '../results/fence-results.ts';
import type { Made, RunRecord } from '../state/run-record.ts';
import { endOrphans } from '../tools/end-orphans.ts';
import { PhaseClock } from './phase-clock.ts';

/**
 * Removes what a record names, and nothing else: the last created first. The record is removed last, so that an interrupted
 * teardown can be repeated.
 * @returns what could not be removed, a line each; the record stays then.
 */
export async function tearDown(record: RunRecord, signal: AbortSignal, say: (line: string) => void): Promise<string[]> {
  const problems: string[] = [];
  const ended = endOrphans(record.content.runId);
  if (ended > 0) say(`${ended} programs of the run were still running and were stopped`);
  for (const made of [...record.content.made].reverse()) {
    try {
      if (made.kind === 'cluster') {
        await adoptFromNodes(made.name, signal, say);
        const removed = await deleteCluster(made.name, { signal, isWhole: made.isWhole });
        if (removed > 0) say(`cluster ${made.name} removed (${removed} nodes)`);
      } else if (made.kind === 'image') await removeImage(made.name, signal);
      else if (made.kind === 'container') await removeNamedContainer(made.name, signal);
      else if (made.kind !== 'directory') await removeFromCluster(made, record.content.runId, signal, say);
      else await rm(made.path, { recursive: true, force: true });
      record.forget(made);
    } catch (error) {
      problems.push(`${made.kind === 'directory' ? made.path : made.name}: ${messageOf(error)}`);
    }
  }
  if (problems.length === 0) record.remove();
  return problems;
}

/** Without the nodes only root of this machine could read or delete what their containers wrote to the results. */
async function adoptFromNodes(cluster: string, signal: AbortSignal, say: (line: string) => void): Promise<void> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(recoverSeconds * 1000)]);
  try {
    const nodes = (await listMachines(cluster, over)).map(({ name }) => name);
    if (nodes.length === 0) return;
    const problem = await adoptBeforeRemoval(nodes, nodeResultsPath, over);
    if (problem !== '') say(`the owner of the results could not be changed: ${problem}`);
  } catch (error) {
    say(`the owner of the results could not be changed: ${messageOf(error)}`);
  }
}

/** A paused node does not respond; the removal does not wait for it. */
const recoverSeconds = 30;

/**
 * Tears down as the phase `teardown` of a run, reported to its reporter.
 * @param options.advice - follows each thing that could not be removed.
 */
export async function runTeardown(
  record: RunRecord,
  reporter: Reporter,
  options: { seconds: number; advice: string },
): Promise<{ problems: string[]; phase: PhaseRecord }> {
  const clock = new PhaseClock(reporter);
  const problems = await clock.phaseOf(
    'teardown',
    async () => {
      const left = await tearDown(record, AbortSignal.timeout(options.seconds * 1000), (line) => reporter.say(line));
      for (const problem of left) reporter.warn(`not removed: ${problem}${options.advice}`);
      return left;
    },
    (left) => left.length === 0,
  );
  const [phase] = clock.records;
  if (phase === undefined) throw new Error('the phase teardown left no record');
  return { problems, phase };
}

/** A slow namespace is being deleted all the same, and `down` checks it again. */
const namespaceSeconds = 150;

/** Removes what a run made in a cluster that stays, if it is marked as that run's. */
async function removeFromCluster(
  made: Extract<Made, { kubeconfigPath: string }>,
  runId: string,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const connection: KubeConnection = connect({ kubeconfigPath: made.kubeconfigPath });
  const mark = { label: runLabel, runId };
  try {
    if (made.kind === 'namespace') {
      if (await deleteOwnNamespace(connection, made.name, { ...mark, signal, waitSeconds: namespaceSeconds }))
        say(`namespace ${made.name} removed`);
    } else if (made.kind === 'release') {
      if ((await findRelease(connection, made, signal, mark)) === undefined) return;
      await uninstallRelease(made, { isOrderly: true, signal });
      say(`release ${made.name} uninstalled`);
    } else {
      const { apiVersion, object: kind, name, namespace } = made;
      const options = { namespace, label: mark.label, value: runId, signal };
      await deleteMarkedObject(connection, { apiVersion, kind, metadata: { name } }, options);
    }
  } finally {
    await connection.close();
  }
}
