/**
 * The checkpoint of a run: what another process needs to report how the run ended, if its own process is killed before it can
 * (the action's post step, after a cancel that took too long or a machine out of memory). It is in the run's own directory,
 * which teardown removes, and holds no secret, only a proof of each, by which values that are given again can be checked to be
 * the same.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ReadyCluster } from '../cluster/make-cluster.ts';
import type { PhaseName, Verdict } from '../core/outcome.ts';
import type { TimedPhase } from '../core/report-model.ts';
import type { Inputs } from '../inputs/read-inputs.ts';

export interface Checkpoint {
  /**
   * Without data that must stay private: no secret, no credentials of a cluster, no variable of the tests, no manifest of a
   * Job.
   */
  inputs: Inputs;
  /** See {@link proveSecrets}. */
  secretsProof: string;
  leg: NonNullable<Verdict['leg']> | null;
  /** ISO 8601. */
  startedAt: string;
  /** Phases that have ended. */
  phases: readonly TimedPhase[];
  running: readonly { name: PhaseName; startSeconds: number }[];
  /** The signal that cancelled the run; absent while none did. */
  cancelledBy?: string;
  cluster?: ReadyCluster;
  /** The Job, once its tests begin. */
  job?: { name: string; container: string; image: string; memoryLimit: string };
  /** Milliseconds of the epoch. */
  testsStartedAt?: number;
  warnings: readonly string[];
}

const fileName = 'checkpoint.json';

/** Replaces the last checkpoint atomically: a reader finds one of them complete. @throws on I/O errors. */
export function writeCheckpoint(workDir: string, checkpoint: Checkpoint): void {
  const file = path.join(workDir, fileName);
  const draft = `${file}.draft`;
  // Not synced: it survives a killed process, and after a crash of the machine its reader is gone too.
  writeFileSync(draft, JSON.stringify(checkpoint), { mode: 0o600 });
  renameSync(draft, file);
}

/** The checkpoint of a run whose end was not reported; undefined when it was, or the run never began. */
export function readCheckpoint(workDir: string): Checkpoint | undefined {
  try {
    return JSON.parse(readFileSync(path.join(workDir, fileName), 'utf8')) as Checkpoint;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The end of the run has been reported: no other process needs to do it. */
export function clearCheckpoint(workDir: string): void {
  rmSync(path.join(workDir, fileName), { force: true });
}

/**
 * By which secrets can be recognised but not guessed: 16 bits, which one in 65,536 wrong guesses has as well.
 */
export function proveSecrets(secrets: Inputs['secrets'], runId: string): string {
  return createHash('sha256')
    .update(JSON.stringify([runId, secrets]))
    .digest('hex')
    .slice(0, 4);
}
