import type { MachineFacts } from '../../cluster/machine-facts.ts';
import type { ReadyCluster } from '../../cluster/make-cluster.ts';
import type { Result } from '../../core/outcome.ts';
import type { KubeConnection } from '../../kube/connection.ts';
import type { OpenRun, Platform, PreparedRun } from '../progress.ts';

/**
 * Where a run executes its tests, once the phase `preflight` has found that it can: a new Kind cluster, one that an earlier run
 * has kept, or an existing cluster. The pipeline calls the same methods in the same order for all of them.
 */
export interface Environment {
  /** Of this machine, where the platform has to fit on it; undefined where the cluster exists already. */
  readonly machine?: MachineFacts;
  /** The Kubernetes version of the cluster; undefined of one that is still to be created. */
  readonly kubernetes?: string;
  /** An existing cluster, which answers already. */
  readonly existing?: { cluster: ReadyCluster; connection: KubeConnection };
  /** Whether it is known by now that a collector fetches the results. */
  readonly isCollected: boolean;
  /**
   * The phases `cluster` and `images`. Nothing was created before.
   * @param bringUp the phase `platform`, for which the cluster is open. The images of the tests may still be loaded beside it.
   * @returns the platform, with all images loaded.
   */
  open(prepared: PreparedRun, bringUp: BringUp): Promise<Result<Platform>>;
}

/** @param signal aborts when something that is done beside it has failed. */
export type BringUp = (open: OpenRun, signal: AbortSignal) => Promise<Result<Platform>>;
