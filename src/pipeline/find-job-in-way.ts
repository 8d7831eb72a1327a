/** Jobs that prevent a run in a namespace that it does not have to itself. Pure. */

import { nameCommand } from '../core/name-command.ts';
import { type Failure, fail } from '../core/outcome.ts';
import { runLabel } from '../job/build-job.ts';
import type { Job } from '../kube/objects.ts';

export interface WantedJob {
  namespace: string;
  name: string;
  /** Whether its name is the user's to change. */
  isOwn: boolean;
  /** Ids of runs that `down` on this machine removes. */
  removable: ReadonlySet<string>;
}

/**
 * Another run's Job that has not ended, or a Job of the name that ours will have. A kept one is there to be inspected: only the
 * user who kept it may remove it.
 */
export function findJobInWay(jobs: readonly Job[], wanted: WantedJob): Failure | undefined {
  const { namespace, name } = wanted;
  const running = jobs.find((job) => runOf(job) !== undefined && !hasEnded(job));
  if (running !== undefined)
    return fail(
      'input',
      `another run (${runOf(running)}) uses namespace ${namespace}: its Job ${running.metadata.name} has not ended`,
      {
        hint: 'Wait for it, delete that Job if its run has crashed, or leave namespace out: each run then creates its own.',
      },
    ).failure;
  const namesake = jobs.find(({ metadata }) => metadata.name === name);
  if (namesake === undefined) return undefined;
  const since = namesake.metadata.creationTimestamp ?? 'long';
  const runId = runOf(namesake);
  const whose = runId === undefined ? 'not created by a run of this action' : `run ${runId} made it`;
  return fail('input', `Job ${name} already exists in namespace ${namespace} (created ${since}): ${whose}`, {
    hint: hintFor(wanted, runId),
  }).failure;
}

function hintFor({ namespace, name, isOwn, removable }: WantedJob, runId: string | undefined): string {
  const remove =
    runId !== undefined && removable.has(runId)
      ? `Remove it and all other leftovers: ${nameCommand('down')};`
      : `Delete it: kubectl --namespace ${namespace} delete job ${name};`;
  return `${remove} or ${isOwn ? 'give your Job another name' : 'leave namespace out: each run then creates its own'}.`;
}

function runOf({ metadata }: Job): string | undefined {
  return metadata.labels?.[runLabel];
}

function hasEnded({ status }: Job): boolean {
  return (status?.conditions ?? []).some(({ type, status: is }) => is === 'True' && /^(Complete|Failed)$/.test(type));
}
