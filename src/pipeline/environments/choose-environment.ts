import type { ReadyCluster } from '../../cluster/make-cluster.ts';
import type { Run } from '../run.ts';
import type { Environment } from './environment.ts';
import { existingCluster } from './existing-cluster.ts';
import { givenCluster, keptCluster } from './kept-cluster.ts';
import { newCluster } from './new-cluster.ts';

/** @param given a cluster to run in that is nobody's record: one that several tests share. */
export function chooseEnvironment(run: Run, given: ReadyCluster | undefined): Environment {
  if (run.inputs.cluster === 'existing') return existingCluster(run);
  const kept = run.kept?.content.reusable?.cluster;
  if (kept !== undefined) return keptCluster(run, kept);
  return given === undefined ? newCluster(run) : givenCluster(run, given);
}
