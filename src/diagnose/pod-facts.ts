/** Facts about pods, events and nodes. All functions are pure. */
import { statusesOf } from '../kube/job-pods.ts';
import type { ClusterEvent, Container, ContainerStatus, Node, ObjectMeta, Pod, PodCondition } from '../kube/objects.ts';

export function containerOf(pod: Pod, name: string): Container | undefined {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find((one) => one.name === name);
}

export function isInitContainer(pod: Pod, name: string): boolean {
  return pod.spec.initContainers?.some((one) => one.name === name) ?? false;
}

export function conditionOf(
  object: { status?: { conditions?: PodCondition[] } },
  type: string,
): PodCondition | undefined {
  return object.status?.conditions?.find((one) => one.type === type);
}

export function isReady(pod: Pod): boolean {
  return conditionOf(pod, 'Ready')?.status === 'True';
}

/** Whether a pod has ended, with success or not. */
export function hasEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export function isBeingDeleted(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** Names of the PersistentVolumeClaims that a pod mounts. */
export function claimsOf(pod: Pod): string[] {
  return pod.spec.volumes?.flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? []) ?? [];
}

/** The object that makes a pod, and makes another one when this is gone. */
export function controllerOf(object: {
  metadata: ObjectMeta;
}): { kind: string; name: string; uid: string } | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** Events of one object, oldest first. */
export function eventsOf(events: readonly ClusterEvent[], object: { metadata: ObjectMeta }): ClusterEvent[] {
  return events
    .filter((event) => event.involvedObject.uid === object.metadata.uid)
    .sort((a, b) => timeOf(a).localeCompare(timeOf(b)));
}

/** When an event was last seen, ISO 8601. */
function timeOf(event: ClusterEvent): string {
  return event.lastTimestamp ?? event.eventTime ?? event.firstTimestamp ?? event.metadata.creationTimestamp ?? '';
}

export function describeEvent(event: ClusterEvent): string {
  const { kind, name } = event.involvedObject;
  const times = (event.count ?? 1) > 1 ? ` (${event.count} times)` : '';
  return `${timeOf(event)} ${event.reason ?? ''} ${kind ?? ''}/${name ?? ''}: ${(event.message ?? '').trim()}${times}`;
}

/** The last message of a probe of a container: `readiness probe: HTTP probe failed with statuscode: 503`. */
export function probeAnswerOf(
  events: readonly ClusterEvent[],
  pod: Pod,
  container: string,
  probe: 'readiness' | 'liveness' | 'startup' | undefined = undefined,
): { text: string; message: string } | undefined {
  const last = eventsOf(events, pod).findLast(
    (event) =>
      event.reason === 'Unhealthy' &&
      (event.involvedObject.fieldPath?.includes(`{${container}}`) ?? true) &&
      (probe === undefined || (event.message ?? '').toLowerCase().includes(`${probe} probe`)),
  );
  if (last === undefined) return undefined;
  const message = (last.message ?? '').replace('(combined from similar events): ', '').trim();
  const match = /^(\w+) probe (?:failed|errored[^:]*): (.*)$/is.exec(message);
  const which = match?.[1]?.toLowerCase() ?? 'its';
  const answer = tailOfError(match?.[2] ?? message) || 'no word';
  return { text: `${which} probe: ${answer}`, message };
}

/**
 * The runtime wraps the cause in the steps around it: of `OCI runtime exec failed: … : exec: "x": not found: unknown` this
 * keeps the end.
 */
export function tailOfError(message: string): string {
  return message
    .replace(/^.*unable to start container process: /s, '')
    .replace(/: unknown$/, '')
    .trim();
}

/** Whether no node can be added: of a Kind cluster all nodes are there from the beginning. */
export function isFixedCluster(nodes: readonly Node[]): boolean {
  return nodes.length > 0 && nodes.every((node) => node.spec?.providerID?.startsWith('kind://') ?? false);
}

/** How a container ended, in a few words. */
export function describeEnd(end: { exitCode: number; reason?: string; signal?: number }): string {
  const reason =
    end.reason === undefined || end.reason === 'Error' || end.reason === 'Completed' ? '' : `${end.reason}, `;
  return `${reason}exit code ${end.exitCode}`;
}

/** Identifies a container across its restarts. */
export function containerKey(pod: Pod, container: string): string {
  return `${pod.metadata.uid}/${container}`;
}

/** Whether a container was killed for memory at its present end, or at the one before. */
export function wasKilledForMemory({ state, lastState }: ContainerStatus): boolean {
  return [state, lastState].some((one) => one?.terminated?.reason === 'OOMKilled');
}

/** The containers of a pod that were killed for memory, init containers included. */
export function killedForMemory(pod: Pod): string[] {
  return statusesOf(pod)
    .filter(wasKilledForMemory)
    .map(({ name }) => containerKey(pod, name));
}
