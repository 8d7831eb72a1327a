import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { inject } from 'vitest';
import type { RawInputs } from '../../src/inputs/schema.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { connect, type KubeConnection } from '../../src/kube/connection.ts';
import type { ClusterEvent, Pod } from '../../src/kube/objects.ts';
import { createNamespace } from '../../src/kube/resources.ts';
import { runOnSharedCluster, type SharedRun } from './run-on-shared-cluster.ts';

export interface ChartRun extends SharedRun {
  events: ClusterEvent[];
  pods: Pod[];
  /** Milliseconds of the epoch at which a phase ended. */
  endOf: (phase: string) => number;
}

let count = 0;

/**
 * Runs the pipeline with this chart on the shared cluster, in a namespace of its own that is gone afterwards: a pod that
 * crashes forever must not use the machine's resources. `before` prepares the namespace.
 */
export async function runChart(options: {
  chart?: string;
  script?: string;
  given?: RawInputs;
  before?: (namespace: string) => Promise<void>;
  labels?: Record<string, string>;
  /** Called with each printed line, and with the namespace of the run. */
  onPrinted?: (line: string, namespace: string) => void;
}): Promise<ChartRun> {
  count += 1;
  const namespace = `chart-${process.pid}-${count}-${Date.now() % 1_000_000}`;
  const connection = connect({ kubeconfigPath: inject('cluster').kubeconfigPath });
  const signal = AbortSignal.timeout(8 * 60_000);
  try {
    if (options.before !== undefined || options.labels !== undefined)
      await createNamespace(connection, namespace, options.labels ?? {}, signal);
    await options.before?.(namespace);
    const run = await runOnSharedCluster({
      script: options.script ?? 'true',
      given: { namespace, ...(options.chart === undefined ? {} : { chart: options.chart }), ...options.given },
      onPrinted: (line) => options.onPrinted?.(line, namespace),
    });
    const read = (kind: string) => {
      const file = path.join(run.dir.cluster, `${kind}.yaml`);
      return existsSync(file) ? ((load(readFileSync(file, 'utf8')) ?? []) as object[]) : [];
    };
    return {
      ...run,
      events: read('events') as ClusterEvent[],
      pods: read('pods') as Pod[],
      endOf: (phase) => endOfPhase(run, phase),
    };
  } finally {
    await deleteNamespace(connection, namespace, signal);
    await connection.close();
  }
}

function endOfPhase({ report }: SharedRun, phase: string): number {
  const timed = report.phases!.find((one) => one.name === phase)!;
  return Date.parse(report.startedAt!) + (timed.startSeconds + timed.seconds) * 1000;
}

async function deleteNamespace(connection: KubeConnection, namespace: string, signal: AbortSignal): Promise<void> {
  try {
    await connection.call('DELETE', `/api/v1/namespaces/${namespace}`, { signal });
  } catch (error) {
    // A chart that does not even render has not got that far.
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}

/**
 * Seconds from the moment in which the cluster showed the cause to the end of the phase that it broke, but for those in which
 * the machine was too busy to answer.
 */
export function secondsUntilVerdict(run: SharedRun, visibleAt: string | undefined, phase = 'platform'): number {
  if (visibleAt === undefined) throw new Error('the cluster never showed the cause');
  const [from, to] = [Date.parse(visibleAt), endOfPhase(run, phase)];
  return (to - from) / 1000 - run.lag.secondsBetween(from, to);
}

/** When an event with this reason was first seen. */
export function firstSeen(run: ChartRun, reason: string, words = /./): string | undefined {
  const times = run.events
    .filter((event) => event.reason === reason && words.test(event.message ?? ''))
    .map((event) => event.firstTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? '');
  return times.sort()[0];
}

/**
 * When the kubelet first reported that a container cannot start. Its event is sent separately from the status of the pod, from
 * which the verdict is made, and may arrive after the run: then the earliest that it can have been, when the pod was placed.
 */
export function failedToStart(run: ChartRun): string | undefined {
  return firstSeen(run, 'Failed') ?? firstScheduled(run, 'True');
}

/** When the scheduler first reported that a pod fits no node: its event may arrive after the run too, the condition does not. */
export function failedToSchedule(run: ChartRun): string | undefined {
  return firstSeen(run, 'FailedScheduling') ?? firstScheduled(run, 'False');
}

function firstScheduled(run: ChartRun, status: 'True' | 'False'): string | undefined {
  const times = run.pods
    .flatMap((pod) => pod.status?.conditions ?? [])
    .filter((condition) => condition.type === 'PodScheduled' && condition.status === status)
    .map((condition) => condition.lastTransitionTime ?? '');
  return times.sort()[0];
}

/** When the container that restarts most often ended last. */
export function lastCrash(run: ChartRun): string | undefined {
  const statuses = run.pods.flatMap((pod) => [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ]);
  const worst = statuses.sort((a, b) => b.restartCount - a.restartCount)[0];
  return worst?.state?.terminated?.finishedAt ?? worst?.lastState?.terminated?.finishedAt;
}
