/** Clusters that earlier runs have kept: which of them a call of the command line means, and what it may ask of it. Pure. */
import { createHash } from 'node:crypto';
import { nameCommand } from '../core/name-command.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import type { ReusableCluster, RunRecord } from './run-record.ts';

/** What a cluster is made from, or has been given a name by: another value of these needs another cluster. */
const shaping = {
  'kind-config': 'kindConfig',
  'kind-version': 'kindVersion',
  namespace: 'namespace',
  'node-image': 'nodeImage',
  nodes: 'nodes',
  'registry-mirrors': 'registryMirrors',
  release: 'release',
} as const satisfies Record<string, keyof Inputs>;

/** By input, a digest of what the cluster of a run cannot be given again. */
export function describeShape(inputs: Pick<Inputs, (typeof shaping)[keyof typeof shaping]>): Record<string, string> {
  const digest = (value: unknown) =>
    createHash('sha256')
      .update(JSON.stringify(value) ?? '')
      .digest('hex');
  return Object.fromEntries(Object.entries(shaping).map(([input, key]) => [input, digest(inputs[key])]));
}

/** Names of the inputs that require another cluster than the existing one. */
export function compareShape(made: Record<string, string>, wanted: Record<string, string>): string[] {
  return Object.keys(wanted).filter((input) => made[input] !== wanted[input]);
}

/** A cluster that is kept, with the record of the run that created it. */
export interface KeptCluster {
  record: RunRecord;
  reusable: ReusableCluster;
}

/** The cluster that was kept last for a tier, by a call in the same directory; undefined when there is none. */
export function findKept(
  records: readonly RunRecord[],
  call: { tier: string; directory: string },
): KeptCluster | undefined {
  const found = records.flatMap((record): KeptCluster[] => {
    const { kept, reusable } = record.content;
    const isMeant = kept !== undefined && reusable?.tier === call.tier && reusable.directory === call.directory;
    return isMeant ? [{ record, reusable }] : [];
  });
  return found.at(-1);
}

/** The message where no kept cluster was found: how to make one, and which others there are. */
export function explainNotFound(records: readonly RunRecord[], call: { tier: string; directory: string }): string {
  const others = records.flatMap(({ content: { kept, reusable } }) =>
    kept === undefined || reusable === undefined ? [] : [`${reusable.tier} of ${reusable.directory}`],
  );
  const there = others.length === 0 ? '' : `; kept are: ${others.join(', ')}`;
  return `no cluster of tier ${call.tier} is kept for ${call.directory}; make one: ${nameCommand(`up --tier ${call.tier}`)}${there}`;
}
