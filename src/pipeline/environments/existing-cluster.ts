/** A run in a namespace of a cluster that exists: whoever runs it decides what it allows, and its nodes pull the images. */

import type { Run } from '../run.ts';
import { enterExisting, reachExisting, warnOfLocalImages } from './enter-existing.ts';
import type { Environment } from './environment.ts';

export function existingCluster(run: Run): Environment {
  return {
    check: () => reachExisting(run),
    kubernetes: () => run.cluster?.kubernetes,
    open: ({ manifests, own }) => {
      warnOfLocalImages(run);
      return run.clock.phase('cluster', () => enterExisting(run, manifests, own));
    },
  };
}
