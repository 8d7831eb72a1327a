import type { ReadyCluster } from '../../cluster/make-cluster.ts';
import type { Result } from '../../core/outcome.ts';
import type { Run } from '../run.ts';
import type { Environment } from './environment.ts';
import { checkExistingCluster } from './existing-cluster.ts';
import { checkGivenCluster, checkKeptCluster } from './kept-cluster.ts';
import { checkNewCluster } from './new-cluster.ts';

/**
 * The phase `preflight`: where the run is to take place, and whether it can. Nothing is created.
 * @param options.cluster a cluster to run in that no record names: one that several tests share.
 */
export function checkEnvironment(
  run: Run,
  { cluster: given, forceCollector = false }: { cluster?: ReadyCluster; forceCollector?: boolean },
): Promise<Result<Environment>> {
  if (run.inputs.cluster === 'existing') return checkExistingCluster(run);
  const cluster = run.kept?.content.reusable?.cluster ?? given;
  if (cluster === undefined) return checkNewCluster(run, forceCollector);
  const check = run.kept === undefined ? checkGivenCluster : checkKeptCluster;
  return check(run, cluster, forceCollector);
}
