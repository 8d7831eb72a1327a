import type { Result } from '../../core/outcome.ts';
import type { Run, RunOptions } from '../run.ts';
import type { Environment } from './environment.ts';
import { checkExistingCluster } from './existing-cluster.ts';
import { checkGivenCluster, checkKeptCluster } from './kept-cluster.ts';
import { checkNewCluster } from './new-cluster.ts';

type Options = Pick<RunOptions, 'cluster' | 'forceCollector' | 'isOnlyPlatform'>;

/**
 * The phase `preflight`: where the run is to take place, and whether it can. Nothing is created.
 * @param options.cluster - a cluster to run in that no record names: one that several tests share.
 */
export function checkEnvironment(
  run: Run,
  { cluster: given, forceCollector = false, isOnlyPlatform = false }: Options,
): Promise<Result<Environment>> {
  if (run.inputs.cluster === 'existing') return checkExistingCluster(run);
  const cluster = run.kept?.content.reusable?.cluster ?? given;
  const isForLater = isOnlyPlatform || run.inputs.keep === 'always';
  if (cluster === undefined) return checkNewCluster(run, { forceCollector, isForLater });
  const check = run.kept === undefined ? checkGivenCluster : checkKeptCluster;
  return check(run, cluster, forceCollector);
}
