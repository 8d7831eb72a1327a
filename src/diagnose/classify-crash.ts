/** A container that ends again and again. */
import type { ContainerStateTerminated, ContainerStatus, Pod } from '../kube/objects.ts';
import { type Diagnosis, othersPatienceSeconds, podDiagnosis } from './diagnosis.ts';
import type { NamespaceFacts } from './namespace-facts.ts';
import {
  conditionOf,
  containerKey,
  containerOf,
  controllerOf,
  describeEnd,
  isInitContainer,
  probeAnswerOf,
} from './pod-facts.ts';

/**
 * Restarts after which a crash loop counts as certain, if nothing else is starting. Slow starters fail once or twice before
 * their dependencies are ready; the kubelet restarts after 0, 10 and 20 s, so that the fourth crash is some 35 s after the
 * first.
 */
export const certainRestarts = 3;

/**
 * The diagnosis of a container in a crash loop. It stays the same diagnosis while the container runs for a moment between two
 * crashes. A crash proves nothing if something else of the namespace became ready after that run had begun: it may be
 * what the container waits for, and it gets another try.
 */
export function classifyCrash(pod: Pod, status: ContainerStatus, facts: NamespaceFacts): Diagnosis | undefined {
  const { waiting, terminated } = status.state ?? {};
  const last = terminated ?? status.lastState?.terminated;
  if (last === undefined || status.ready || hasDoneItsWork(pod, status)) return undefined;
  const isEnough = status.restartCount >= certainRestarts;
  // The kubelet first reports only the crash, and some seconds later the back-off.
  const hasCrashed = waiting?.reason === 'CrashLoopBackOff' || (isEnough && terminated !== undefined);
  if (!hasCrashed && !isEnough) return undefined;
  const readyAt = lastReadyAt(pod, facts);
  const mayHaveWaited = readyAt !== '' && (last.startedAt ?? '') <= readyAt;
  return podDiagnosis(pod, status.name, {
    ...describeCrash(pod, status, last, facts),
    confidence: hasCrashed && isEnough && !mayHaveWaited ? 'likely' : 'transient',
    patienceSeconds: 0,
    patienceWhileOthersStartSeconds: othersPatienceSeconds,
  });
}

/** A container that is meant to end, and ended well at last. Its pod is reported as succeeded some moments later. */
function hasDoneItsWork(pod: Pod, status: ContainerStatus): boolean {
  const isMeantToEnd = isInitContainer(pod, status.name) || pod.spec.restartPolicy !== 'Always';
  return isMeantToEnd && status.state?.terminated?.exitCode === 0;
}

function describeCrash(pod: Pod, status: ContainerStatus, last: ContainerStateTerminated, facts: NamespaceFacts) {
  const what = isInitContainer(pod, status.name) ? 'init container' : 'container';
  const where = `${what} ${status.name} of pod ${pod.metadata.name}`;
  const restarts = `${status.restartCount} restart${status.restartCount === 1 ? '' : 's'}`;
  const memoryKill = {
    kind: 'oom' as const,
    reason: `${where} is killed for memory at its limit of ${memoryLimitOf(pod, status.name)} repeatedly: ${restarts}`,
    hint: 'Raise its resources.limits.memory in the values, or let it use less.',
  };
  if (last.reason === 'OOMKilled') return memoryKill;
  // A probe that kills leaves the exit codes of SIGKILL or SIGTERM behind.
  const isKilled = last.exitCode === 137 || last.exitCode === 143;
  const probe = isKilled
    ? (probeAnswerOf(facts.events, pod, status.name, 'liveness') ??
      probeAnswerOf(facts.events, pod, status.name, 'startup'))
    : undefined;
  if (probe !== undefined)
    return {
      kind: 'start' as const,
      reason: `${where} is restarted repeatedly by its ${probe.text} (${restarts})`,
      hint: 'Give the probe more time (initialDelaySeconds, failureThreshold, a startupProbe), or fix what it finds.',
    };
  // A runtime can miss that a SIGKILL was for memory, and report one of several kills as an error.
  if (last.exitCode === 137 && facts.memoryKills?.has(containerKey(pod, status.name)) === true) return memoryKill;
  if (last.exitCode === 0)
    return {
      kind: 'start' as const,
      reason: `${where} ends with exit code 0 repeatedly: ${restarts}`,
      hint: 'Its command must keep running. Use a Job for a command that ends.',
    };
  return {
    kind: 'start' as const,
    reason: `${where} crashes repeatedly: ${restarts} (${describeEnd(last)})`,
    hint: 'Its last lines say why.',
  };
}

/** When something else of the namespace than this pod last became ready, by the cluster's clock; empty when nothing did. */
export function lastReadyAt(pod: Pod, facts: NamespaceFacts): string {
  let latest = '';
  for (const other of facts.pods) {
    if (other.metadata.uid === pod.metadata.uid) continue;
    const ready = conditionOf(other, 'Ready');
    // A pod that is over keeps the time at which it ceased to be ready: a Job that has done its work is progress too.
    const isProgress = ready?.status === 'True' || other.status?.phase === 'Succeeded';
    if (isProgress && (ready?.lastTransitionTime ?? '') > latest) latest = ready?.lastTransitionTime ?? '';
  }
  return latest;
}

/** Memory limit of a container as in its manifest. */
export function memoryLimitOf(pod: Pod, container: string): string {
  return containerOf(pod, container)?.resources?.limits?.memory ?? 'the node';
}

/**
 * Most programs that cannot work print the reason within this time of their start, and the kubelet has reported by then too.
 */
const provenSeconds = 5;
/** One that has crashed before is believed later. */
const provenAgainSeconds = 12;
/** A container that crashed after a longer run is not waited for as long again. */
const maxProvenSeconds = 60;

/**
 * Whether the containers of a pod that have no readiness probe have run long enough to count as working: some seconds, and
 * those that have crashed before longer than then. Pods with probes on all containers, and those that end, are not checked.
 * @param nowMilliseconds of our clock, which may differ from the cluster's.
 * @param watchedSeconds for how long we have seen a container in its present run; enough, independent of the clocks.
 */
export function hasStayedUp(pod: Pod, nowMilliseconds: number, watchedSeconds: (container: string) => number): boolean {
  if (pod.spec.restartPolicy !== 'Always' || controllerOf(pod)?.kind === 'Job') return true;
  return (pod.status?.containerStatuses ?? []).every((status) => {
    const last = status.lastState?.terminated;
    if (containerOf(pod, status.name)?.readinessProbe !== undefined && last === undefined) return true;
    // helm did not wait for it: a rolling update may leave pods that are not ready.
    if (status.state?.running === undefined) return status.restartCount === 0 && status.state?.terminated === undefined;
    const former = last === undefined ? 0 : secondsBetween(last.startedAt, last.finishedAt);
    const neededSeconds =
      (last === undefined ? provenSeconds : provenAgainSeconds) + Math.min(former, maxProvenSeconds);
    const ranSeconds = (nowMilliseconds - Date.parse(status.state.running.startedAt ?? '')) / 1000;
    return ranSeconds >= neededSeconds || (status.ready && watchedSeconds(status.name) >= neededSeconds + 10);
  });
}

function secondsBetween(from: string | undefined, until: string | undefined): number {
  const seconds = (Date.parse(until ?? '') - Date.parse(from ?? '')) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
}
