import type { ContainerStatus, Pod } from './objects.ts';

/** Whether a pod belongs to the Job of this name. */
export function isOfJob(pod: Pod, jobName: string): boolean {
  return pod.metadata.labels?.['batch.kubernetes.io/job-name'] === jobName;
}

/** The API server cuts a generateName at 58 characters, and the Job controller puts an index of up to 7 into that. */
const certainNameChars = 50;

/**
 * What the names of all pods of a Job begin with: `<job>-`, or of a long name only the part that is never cut. Names of other
 * pods may begin with it too; with the pod itself, `isOfJob` is certain.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apiserver/pkg/storage/names/generate.go
 */
export function podNamePrefix(jobName: string): string {
  return `${jobName}-`.slice(0, certainNameChars);
}

/** The status of all containers of a pod, native sidecars and init containers included. */
export function statusesOf(pod: Pod): ContainerStatus[] {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
}
