/** What has to be done so that a deployed platform matches the chart and its images. Decided here, from values. */
import { controllerOf, hasEnded, isBeingDeleted } from '../diagnose/pod-facts.ts';
import type { Job, Pod } from '../kube/objects.ts';
import { releaseOf } from '../kube/release-of.ts';
import type { ReleaseRevision } from './release.ts';

export interface PlatformFacts {
  /** Its last revision. Undefined when there is none. */
  release: ReleaseRevision | undefined;
  /** What was installed when the platform was ready last; undefined when it was not, or broke since. */
  noted: { digest: string; revision: string } | undefined;
  /** Of what the chart is rendered from now. */
  digest: string;
  /** Whether a node was just given another image under the name that a pod asks for. */
  isChanged: (image: string) => boolean;
  pods: readonly Pod[];
  jobs: readonly Job[];
}

export interface PlatformUpdate {
  /** `renew`: everything that exists is removed first. */
  act: 'install' | 'renew' | 'upgrade' | 'none';
  /** For the reader of the console. */
  why: string;
  /** Pods whose program is no longer that of their image. */
  restart: Pod[];
}

export function planUpdate(facts: PlatformFacts): PlatformUpdate {
  const { release, noted, digest, isChanged } = facts;
  if (release === undefined) return { act: 'install', why: 'there is no release', restart: [] };
  if (release.status !== 'deployed')
    return { act: 'renew', why: `its last installation is ${release.status}`, restart: [] };
  if (noted === undefined) return { act: 'renew', why: 'it was not ready when last seen', restart: [] };
  const old = facts.pods.filter((pod) => imagesOf(pod).some(isChanged) && !isBeingDeleted(pod));
  // A Job of the chart that ran with the former image runs again only in a new installation.
  const ofChart = new Set(facts.jobs.filter(isOfChart).map(({ metadata }) => metadata.uid));
  const done = old.find((pod) => ofChart.has(controllerOf(pod)?.uid ?? ''));
  if (done !== undefined)
    return { act: 'renew', why: `${done.metadata.name} has run with an image that has changed`, restart: [] };
  const restart = old.filter((pod) => !hasEnded(pod) && !['Job', undefined].includes(controllerOf(pod)?.kind));
  if (release.revision !== noted.revision)
    return { act: 'upgrade', why: `another client created revision ${release.revision} of it`, restart };
  if (digest !== noted.digest) return { act: 'upgrade', why: 'the chart or its values have changed', restart };
  return { act: 'none', why: 'neither the chart nor its values have changed', restart };
}

/** Whether helm made a Job. Programs of the platform may create others while they run. */
function isOfChart(job: Job): boolean {
  return releaseOf(job) !== undefined || job.metadata.annotations?.['helm.sh/hook'] !== undefined;
}

function imagesOf(pod: Pod): string[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].flatMap(({ image }) => image ?? []);
}
