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
 * Has the controller manager of a new cluster ask as fast as it can. By default it waits between requests (20 in a second, after
 * the first 30), and its some forty controllers each begin with several: the pods of the network, without which no node is ready,
 * are made some five seconds later then. In either version of kubeadm's config; the user's own patches come later and win.
 */
const fastStart = [
  `apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
controllerManager:
  extraArgs:
    kube-api-qps: "200"
    kube-api-burst: "400"
`,
  `apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
controllerManager:
  extraArgs:
    - name: kube-api-qps
      value: "200"
    - name: kube-api-burst
      value: "400"
`,
];

/**
 * The config that Kind is given, as YAML: the user's own if there is one, with our mounts added to each of its nodes, else one
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
  const { name: _, kubeadmConfigPatches: own = [], ...rest } = given;
  return writeYaml({
    ...rest,
    ...(apiServerAddress === undefined ? {} : { networking: { apiServerAddress, ...networking } }),
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    // What is no list is for kind to refuse.
    kubeadmConfigPatches: Array.isArray(own) ? [...fastStart, ...own] : own,
    nodes: nodes.map((node) => ({ ...node, extraMounts: [...(node.extraMounts ?? []), ...mounts] })),
  });
}
