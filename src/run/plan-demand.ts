import type { Inputs } from '../inputs.ts';
import { buildJob } from '../job/build-job.ts';
import { type PodDemand, sumDemand } from '../platform/pod-demand.ts';

/** What the pods of a run will ask for: those of the chart's manifests, and of the tests. */
export function planDemand(inputs: Inputs, chartManifests: unknown[]): PodDemand {
  const job = buildJob({ ...inputs, runId: '', isLoaded: true, entrypoint: undefined, resultsNodePath: '' });
  return sumDemand([...chartManifests, job], Math.max(inputs.nodes - 1, 1));
}
