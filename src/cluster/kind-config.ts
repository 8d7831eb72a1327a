import type { KindNode, UserKindConfig } from '../inputs/user-kind-config.ts';
import { writeYaml } from '../inputs/write-yaml.ts';
import type { NodeMount } from './registry-mirrors.ts';

/** Where in every node the runner's results directory appears. */
export const nodeResultsPath = '/k8s-test/results';

export interface KindConfigOptions {
  /** The user's own config, if any. */
  userConfig: UserKindConfig | undefined;
  /** Number of nodes when the user's config does not list them. */
  nodes: number;
  /** Directory of the runner that every node mounts at `nodeResultsPath`; undefined where docker does not see it. */
  resultsHostPath: string | undefined;
  /**
   * Address on which the nodes' machine publishes the API server, where the config names none; kind's default is its loopback.
   */
  apiServerAddress?: string | undefined;
  /** What else every node mounts: the mirrors of registries. */
  mounts?: NodeMount[];
}

/**
 * The config that Kind is given, as YAML: the user's own if there is one, with our mount added to each of its nodes, else one
 * control plane and workers. Its `name` is dropped, since the cluster's name must be unique to the run.
 */
export function renderKindConfig(options: KindConfigOptions): string {
  const { rest: given, nodes: listed } = options.userConfig ?? { rest: {}, nodes: [] };
  const nodes: KindNode[] =
    listed.length > 0
      ? listed
      : Array.from({ length: options.nodes }, (_, i) => ({ role: i === 0 ? 'control-plane' : 'worker' }));
  const results = options.resultsHostPath;
  const mounts: NodeMount[] = [
    ...(results === undefined ? [] : [{ hostPath: results, containerPath: nodeResultsPath }]),
    ...(options.mounts ?? []),
  ];
  const { apiServerAddress } = options;
  const networking = given.networking as object | undefined;
  const { name: _, ...rest } = given;
  return writeYaml({
    ...rest,
    ...(apiServerAddress === undefined ? {} : { networking: { apiServerAddress, ...networking } }),
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    nodes: nodes.map((node) => ({ ...node, extraMounts: [...(node.extraMounts ?? []), ...mounts] })),
  });
}
