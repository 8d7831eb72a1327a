/** The lifetimes of pods, from the cluster's data: a pure function over recorded facts. */

import type { PodStage, ReportedPod } from '../core/report-model.ts';
import type { ClusterEvent, ContainerStatus, Pod } from '../kube/objects.ts';

/** Pods beyond this number are left out of the chart, those that ended with success first. */
const maxPods = 60;

/** A change in the life of a pod: from `at` on it was in `what`. */
interface Turn {
  at: number;
  what: PodStage['what'];
}

/**
 * Where each pod was when: waiting for a node, pulling images, in its init containers, running, ready, ended. Pods of which
 * only events are left are reported from these. Times are those of Kubernetes, which counts whole seconds.
 */
export function derivePodTimeline(pods: readonly Pod[], events: readonly ClusterEvent[]): ReportedPod[] {
  const byPod = new Map<string, ClusterEvent[]>();
  for (const event of events) {
    const { kind, name } = event.involvedObject;
    if (kind !== 'Pod' || name === undefined) continue;
    const own = byPod.get(name);
    if (own === undefined) byPod.set(name, [event]);
    else own.push(event);
  }
  const known = pods.map((pod) => liveOf(pod, byPod.get(pod.metadata.name) ?? []));
  const names = new Set(pods.map((pod) => pod.metadata.name));
  const gone = [...byPod].filter(([name]) => !names.has(name)).map(([name, own]) => traceOf(name, own));
  const all = [...known, ...gone].filter((pod) => pod.stages.length > 0);
  return all
    .sort((a, b) => beginOf(a).localeCompare(beginOf(b)) || a.name.localeCompare(b.name))
    .map((pod, index) => ({ pod, index }))
    .sort((a, b) => Number(a.pod.end === 'completed') - Number(b.pod.end === 'completed'))
    .slice(0, maxPods)
    .sort((a, b) => a.index - b.index)
    .map(({ pod }) => pod);
}

function liveOf(pod: Pod, events: ClusterEvent[]): ReportedPod {
  const status = pod.status ?? {};
  const containers = status.containerStatuses ?? [];
  const conditionAt = (type: string) =>
    time(status.conditions?.find((one) => one.type === type && one.status === 'True')?.lastTransitionTime);
  const created = time(pod.metadata.creationTimestamp);
  const turns: Turn[] = [];
  const turn = (at: number | undefined, what: Turn['what']) => {
    if (at !== undefined) turns.push({ at, what });
  };
  turn(created, 'unplaced');
  turn(conditionAt('PodScheduled'), 'starting');
  turnsOfPulls(events, turn);
  const inits = (status.initContainerStatuses ?? []).map(spanOf);
  turn(least(inits.map(({ from }) => from)), 'init');
  if (inits.every(({ until }) => until !== undefined)) turn(most(inits.map(({ until }) => until)), 'starting');
  const spans = containers.map(spanOf);
  turn(least(spans.map(({ from }) => from)), 'running');
  turn(conditionAt('Ready'), 'ready');
  const hasEnded = containers.length > 0 && containers.every(({ state }) => state?.terminated !== undefined);
  const end = hasEnded ? most(spans.map(({ until }) => until)) : undefined;
  const hasFailed =
    containers.some(({ state }) => (state?.terminated?.exitCode ?? 0) !== 0) || status.phase === 'Failed';
  return {
    name: pod.metadata.name,
    ...(pod.spec.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
    stages: stagesOf(turns, end),
    ...(hasEnded || status.phase === 'Failed' ? { end: hasFailed ? ('failed' as const) : ('completed' as const) } : {}),
    restarts: restartsOf(pod.metadata.name, containers),
  };
}

/** A deleted pod, only from its events. */
function traceOf(name: string, events: ClusterEvent[]): ReportedPod {
  const turns: Turn[] = [];
  const turn = (at: number | undefined, what: Turn['what']) => {
    if (at !== undefined) turns.push({ at, what });
  };
  const first = (reason: string) => least(events.filter((event) => event.reason === reason).map(startOf));
  turn(first('FailedScheduling'), 'unplaced');
  turn(first('Scheduled'), 'starting');
  turnsOfPulls(events, turn);
  turn(first('Started'), 'running');
  const end = most(events.filter((event) => event.reason === 'Killing').map(endOf)) ?? most(events.map(endOf));
  return { name, stages: stagesOf(turns, end), end: 'gone', restarts: [] };
}

/** Only events show that an image is being pulled; a pull that never ends lasts until something else is known. */
function turnsOfPulls(events: ClusterEvent[], turn: (at: number | undefined, what: Turn['what']) => void): void {
  turn(least(events.filter(({ reason }) => reason === 'Pulling').map(startOf)), 'pulling');
  const hasPulled = events.filter(
    ({ reason, message }) => reason === 'Pulled' && !/already present/.test(message ?? ''),
  );
  turn(most(hasPulled.map(endOf)), 'starting');
}

function beginOf({ stages }: Pick<ReportedPod, 'stages'>): string {
  return stages[0]?.from ?? '';
}

/** From the first known start of a container to its end, if it has ended for good. */
function spanOf({ state, lastState }: ContainerStatus): { from: number | undefined; until: number | undefined } {
  const starts = [lastState?.terminated?.startedAt, state?.running?.startedAt, state?.terminated?.startedAt];
  return { from: least(starts.map(time)), until: time(state?.terminated?.finishedAt) };
}

function restartsOf(pod: string, containers: readonly ContainerStatus[]): ReportedPod['restarts'] {
  return containers.flatMap(({ name, restartCount, lastState }) => {
    const { finishedAt: at, reason, exitCode } = lastState?.terminated ?? {};
    if (restartCount === 0 || at === undefined) return [];
    const times = restartCount === 1 ? 'once' : `${restartCount} times, last`;
    return [
      { at, what: `${pod}/${name} was restarted ${times} after ${reason ?? 'an end'} with exit code ${exitCode}` },
    ];
  });
}

function stagesOf(turns: Turn[], end: number | undefined): PodStage[] {
  // Of several changes in the same second the later state counts: the sort keeps their order.
  const sorted = turns.sort((a, b) => a.at - b.at).filter(({ at }) => end === undefined || at <= end);
  return sorted.flatMap(({ at, what }, index) => {
    const next = sorted[index + 1]?.at ?? end;
    if (next === at && index < sorted.length - 1) return [];
    return [{ what, from: iso(at), ...(next === undefined ? {} : { until: iso(next) }) }];
  });
}

function time(text: string | undefined | null): number | undefined {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? undefined : at;
}

function startOf(event: ClusterEvent): number | undefined {
  return time(event.firstTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp);
}

function endOf(event: ClusterEvent): number | undefined {
  return time(event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp);
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function least(times: (number | undefined)[]): number | undefined {
  const known = times.filter((one) => one !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function most(times: (number | undefined)[]): number | undefined {
  const known = times.filter((one) => one !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
