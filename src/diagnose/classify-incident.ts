/** What happens to pods of the platform while tests run; pure functions over two states of a pod. */

import type { ReportedIncident } from '../core/report-model.ts';
import { statusesOf } from '../kube/job-pods.ts';
import type { ClusterEvent, ContainerStateTerminated, ContainerStatus, Pod } from '../kube/objects.ts';
import { memoryLimitOf } from './classify-crash.ts';
import { conditionOf, describeEnd, isBeingDeleted, isInitContainer, isReady, probeAnswerOf } from './pod-facts.ts';

/**
 * What happened between two states of a pod: containers that ended, readiness that was lost, an eviction, a deletion. A
 * container that ends takes its pod's readiness with it, which is reported once.
 * @param now the pod as it is; undefined when it is gone.
 * @param at when we learned of it, ISO 8601; taken where the cluster itself names no time.
 */
export function findIncidents(
  former: Pod,
  now: Pod | undefined,
  events: readonly ClusterEvent[],
  at: string,
): ReportedIncident[] {
  const pod = former.metadata.name;
  if (now === undefined)
    return isBeingDeleted(former) || former.status?.phase === 'Succeeded' || former.status?.phase === 'Failed'
      ? []
      : [{ at, pod, container: '', what: 'was deleted' }];
  if (isBeingDeleted(now))
    return isBeingDeleted(former) ? [] : [{ at, pod, container: '', what: describeDeletion(now) }];
  if (now.status?.phase === 'Failed' && former.status?.phase !== 'Failed' && now.status.reason !== undefined) {
    const words = now.status.message === undefined ? '' : `: ${now.status.message.trim()}`;
    return [{ at, pod, container: '', what: `${nameOfEnd(now.status.reason)}${words}` }];
  }
  const ends = statusesOf(now).flatMap((status) => {
    const before = statusesOf(former).find((one) => one.name === status.name);
    return newEnds(before, status).map((end) => ({
      at: end.finishedAt ?? at,
      pod,
      container: status.name,
      what: describeEndOf(now, status, end, events),
    }));
  });
  if (ends.length > 0) return ends;
  const ready = conditionOf(now, 'Ready');
  if (!isReady(former) || ready?.status !== 'False' || now.status?.phase !== 'Running') return [];
  const lost = (now.status.containerStatuses ?? []).find((status) => !status.ready);
  const answer = lost === undefined ? undefined : probeAnswerOf(events, now, lost.name, 'readiness');
  const why = answer?.text ?? ready.message ?? ready.reason ?? '';
  const what = `${lostReadiness}${why === '' ? '' : ` (${why})`}`;
  return [{ at: ready.lastTransitionTime ?? at, pod, container: lost?.name ?? '', what }];
}

/** New ends of a container's runs: of the one that is now over, and of the one before the present. */
function newEnds(before: ContainerStatus | undefined, now: ContainerStatus): ContainerStateTerminated[] {
  const known = new Set([before?.state?.terminated, before?.lastState?.terminated].map((end) => end?.finishedAt));
  return [now.lastState?.terminated, now.state?.terminated]
    .filter((end) => end !== undefined)
    .filter((end) => !known.has(end.finishedAt));
}

function describeEndOf(
  pod: Pod,
  status: ContainerStatus,
  end: ContainerStateTerminated,
  events: readonly ClusterEvent[],
): string {
  const isRestarted = pod.spec.restartPolicy !== 'Never' && !(end.exitCode === 0 && isInitContainer(pod, status.name));
  const verb = isRestarted ? 'restarted' : 'ended';
  if (end.reason === 'OOMKilled') return `${verb} (OOMKilled at its limit of ${memoryLimitOf(pod, status.name)})`;
  const probe =
    end.exitCode === 137 || end.exitCode === 143 ? probeAnswerOf(events, pod, status.name, 'liveness') : undefined;
  return probe === undefined ? `${verb} (${describeEnd(end)})` : `${verb} by its ${probe.text}`;
}

function nameOfEnd(reason: string): string {
  return reason === 'Evicted' ? 'was evicted' : `failed (${reason})`;
}

/** A deleted pod has the reason in a condition, if the node or the scheduler deleted it. */
function describeDeletion(pod: Pod): string {
  const disruption = conditionOf(pod, 'DisruptionTarget');
  return disruption?.status === 'True'
    ? `is being deleted (${disruption.message ?? disruption.reason ?? ''})`
    : 'is being deleted';
}

/** If a container ends within this time after it lost its readiness, that is the same incident. */
const sameIncidentSeconds = 10;

/** Incidents in the order of time; a loss of readiness that was the beginning of an end is reported as that end. */
export function orderIncidents(incidents: readonly ReportedIncident[]): ReportedIncident[] {
  const inOrder = [...incidents].sort((a, b) => a.at.localeCompare(b.at));
  return inOrder.filter(
    (one) =>
      !one.what.startsWith(lostReadiness) ||
      !inOrder.some((other) => {
        const seconds = (Date.parse(other.at) - Date.parse(one.at)) / 1000;
        const isSamePod = other.pod === one.pod && !other.what.startsWith(lostReadiness);
        // The end may have an earlier time than the loss: both are whole seconds, recorded by different components.
        return isSamePod && Math.abs(seconds) <= sameIncidentSeconds;
      }),
  );
}

const lostReadiness = 'lost its readiness';
