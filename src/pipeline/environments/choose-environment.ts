import type { ReadyCluster } from '../../cluster/make-cluster.ts';
import type { Run } from '../run.ts';
import type { Environment } from './environment.ts';
import { existingCluster } from './existing-cluster.ts';
import { givenCluster, keptCluster } from './kept-cluster.ts';
import { newCluster } from './new-cluster.ts';

/** @param given a cluster to run in that is nobody's record: one that several tests share. */
export function chooseEnvironment(run: Run, given: ReadyCluster | undefined): Environment {
  if (run.inputs.cluster === 'existing') return existingCluster(run);
  const there = run.kept?.content.reusable?.cluster ?? given;
  if (there === undefined) return newCluster(run);
  return run.kept === undefined ? givenCluster(run, there) : keptCluster(run, there);
}
