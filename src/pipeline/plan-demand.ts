import type { JobManifest } from '../inputs/job-manifest.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import { buildJob } from '../job/build-job.ts';
import { type PodDemand, sumDemand } from '../platform/pod-demand.ts';

/** What the pods of a run will ask for: those of the chart's manifests, and of the tests, in a Job of the user's own if there is one. */
export function planDemand(inputs: Inputs, chartManifests: unknown[], rendered?: JobManifest): PodDemand {
  const own = rendered ?? (inputs.ownJob?.kind === 'file' ? inputs.ownJob.testJob.job : undefined);
  const job = own ?? buildJob({ ...inputs, runId: '', isLoaded: true, entrypoint: undefined });
  return sumDemand([...chartManifests, job], Math.max(inputs.nodes - 1, 1));
}
