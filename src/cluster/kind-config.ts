import { dump, load } from 'js-yaml';

/** Where in every node the runner's results directory appears. */
export const nodeResultsPath = '/k8s-test/results';

export interface KindConfigOptions {
  /** Text of the user's own config, if any. */
  userConfig: string | undefined;
  /** Number of nodes when the user's config does not list them. */
  nodes: number;
  /** Directory of the runner that every node mounts at `nodeResultsPath`. */
  resultsHostPath: string;
}

interface KindNode {
  role?: string;
  extraMounts?: unknown[];
  [key: string]: unknown;
}

/**
 * The config that Kind is given: the user's own where there is one, with our mount added to each of its nodes, else one
 * control plane and workers. Its `name` is dropped, since the cluster's name must be unique to the run.
 * @returns YAML, and the number of nodes.
 * @throws Error in plain words when the user's text is not a Kind config.
 */
export function renderKindConfig(options: KindConfigOptions): { yaml: string; nodes: number } {
  const config = readUserConfig(options.userConfig);
  const nodes: KindNode[] =
    config.nodes.length > 0
      ? config.nodes
      : Array.from({ length: options.nodes }, (_, i) => ({ role: i === 0 ? 'control-plane' : 'worker' }));
  const mount = { hostPath: options.resultsHostPath, containerPath: nodeResultsPath };
  const { name: _, ...rest } = config.rest;
  const merged = {
    ...rest,
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    nodes: nodes.map((node) => ({ ...node, extraMounts: [...(node.extraMounts ?? []), mount] })),
  };
  return { yaml: dump(merged), nodes: nodes.length };
}

function readUserConfig(text: string | undefined): { rest: Record<string, unknown>; nodes: KindNode[] } {
  if (text === undefined) return { rest: {}, nodes: [] };
  const content: unknown = load(text);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new Error('it is not a mapping');
  const rest = content as Record<string, unknown>;
  if (rest.kind !== 'Cluster' || rest.apiVersion !== 'kind.x-k8s.io/v1alpha4')
    throw new Error('it does not say "kind: Cluster" and "apiVersion: kind.x-k8s.io/v1alpha4"');
  const nodes = rest.nodes ?? [];
  const isNode = (node: unknown) => typeof node === 'object' && node !== null && !Array.isArray(node);
  if (!Array.isArray(nodes) || !nodes.every(isNode)) throw new Error('its nodes are not a list of mappings');
  for (const node of nodes as KindNode[]) {
    if (node.extraMounts !== undefined && !Array.isArray(node.extraMounts))
      throw new Error('the extraMounts of a node are not a list');
  }
  return { rest, nodes: nodes as KindNode[] };
}
