import type { ContainerStatus, Pod } from './objects.ts';

/** Whether a pod belongs to the Job of this name. */
export function isOfJob(pod: Pod, jobName: string): boolean {
  return pod.metadata.labels?.['batch.kubernetes.io/job-name'] === jobName;
}

/** The status of all containers of a pod, native sidecars and init containers included. */
export function statusesOf(pod: Pod): ContainerStatus[] {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
}
