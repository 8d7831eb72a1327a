import type { MachineFacts } from '../../cluster/machine-facts.ts';
import type { Result } from '../../core/outcome.ts';
import type { TestJob } from '../../inputs/job-manifest.ts';

/** What a run knows of its platform and tests before it opens its cluster. */
export interface ClusterPlan {
  /** The path of kind. */
  kind: string | undefined;
  /** Of the rendered chart; undefined without a chart. */
  manifests: unknown[] | undefined;
  own: TestJob | undefined;
  /** The images of the local docker that the nodes need. */
  images: string[];
  /** Whether pods may run on the control plane beside workers, and need the images there. */
  controlPlane: boolean;
}

/**
 * Where a run executes its tests. The pipeline asks it the same questions in the same order, whatever it is: a new Kind
 * cluster, one that an earlier run has kept, or an existing cluster.
 */
export interface Environment {
  /**
   * The phase `preflight`: whether a run can work here. Nothing is created.
   * @returns facts of this machine where the platform has to fit on it, and undefined where the cluster exists already.
   */
  check(): Promise<Result<MachineFacts | undefined>>;
  /** The Kubernetes version of the cluster, once `check` has passed; undefined of one that is still to be created. */
  kubernetes(): string | undefined;
  /** The phases `cluster` and `images`: afterwards the run has a connection, and the nodes have the images. */
  open(plan: ClusterPlan): Promise<Result<undefined>>;
}
