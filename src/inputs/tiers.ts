/**
 * What the tiers of ADR-0017 (docs/adr/0003) mean. Only presets: every value can be set by an input of its own.
 * Memory is what the test container may use; times are those of REQ-646 unless a tier needs less.
 */
export const tierNames = ['unit', 'integration', 'e2e', 'staging'] as const;
export type TierName = (typeof tierNames)[number];

export interface TierPreset {
  cluster: 'kind' | 'existing';
  nodes: number;
  /** Profile of the bundled chart. */
  profile: string;
  memory: string;
  cpu: string;
  timeoutSeconds: number;
  /** What the machine must have free for the whole tier; below it preflight warns. */
  machineMemoryBytes: number;
}

const gibibyte = 1024 ** 3;
const minute = 60;

export const tiers: Record<TierName, TierPreset> = {
  unit: {
    cluster: 'kind',
    nodes: 0,
    profile: 'none',
    memory: '2Gi',
    cpu: '1',
    timeoutSeconds: 10 * minute,
    machineMemoryBytes: 1 * gibibyte,
  },
  integration: {
    cluster: 'kind',
    nodes: 1,
    profile: 'minimal',
    memory: '1Gi',
    cpu: '1',
    timeoutSeconds: 20 * minute,
    machineMemoryBytes: 4 * gibibyte,
  },
  e2e: {
    cluster: 'kind',
    nodes: 3,
    profile: 'full',
    memory: '2Gi',
    cpu: '1',
    timeoutSeconds: 60 * minute,
    machineMemoryBytes: 10 * gibibyte,
  },
  staging: {
    cluster: 'existing',
    // For who tries it on Kind: replicas keep apart.
    nodes: 3,
    profile: 'production',
    memory: '2Gi',
    cpu: '1',
    timeoutSeconds: 120 * minute,
    machineMemoryBytes: 1 * gibibyte,
  },
};
