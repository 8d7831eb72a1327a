import { readYaml } from './read-yaml.ts';
import { resolvePlain } from './yaml-scalars.ts';

/** A node as Kind's config describes it; other fields are passed on unchanged. */
export interface KindNode {
  role?: string;
  extraMounts?: unknown[];
  [key: string]: unknown;
}

/** A Kind config of the user's own: all of it, and its nodes, of which there may be none. */
export interface UserKindConfig {
  rest: Record<string, unknown>;
  nodes: KindNode[];
}

/**
 * Reads a user's Kind config, as far as we have to understand it; the rest is for kind to judge.
 * @throws Error in plain words when the text is not a Kind config.
 */
export function readUserKindConfig(text: string): UserKindConfig {
  const { value: content, problem } = readYaml(text, 'as-written');
  if (problem !== undefined) throw new Error(problem);
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

/** Whether a Kind config disables Kind's own pod network. */
export function disablesNetwork(config: UserKindConfig | undefined): boolean {
  const networking = config?.rest.networking as { disableDefaultCNI?: unknown } | null | undefined;
  return resolvePlain(String(networking?.disableDefaultCNI)).value === true;
}

/**
 * The part of a Kind config that conflicts with mirrors that we write; undefined when there is none. Two lists of mirrors
 * cannot be merged: containerd refuses the one beside the other.
 */
export function findOwnMirrors({ rest, nodes }: UserKindConfig): string | undefined {
  if (/registry\S*\.(mirrors|configs)\b/.test(JSON.stringify(rest.containerdConfigPatches ?? '')))
    return 'whose containerdConfigPatches name mirrors of registries; write all of them in one place';
  const isOnHosts = (mount: unknown) =>
    (mount as { containerPath?: unknown } | null)?.containerPath === '/etc/containerd/certs.d';
  if (nodes.some((node) => node.extraMounts?.some(isOnHosts)))
    return 'whose extraMounts name /etc/containerd/certs.d; write all mirrors in one place';
  return undefined;
}
