/** The recorded runs of scripts/pictures/runs/. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ReportInput } from '../../src/core/report-model.ts';

/** A call of the reporter of a run: milliseconds since its beginning, and the one argument. */
export interface StoredCall {
  at: number;
  method: 'phaseStarted' | 'phaseEnded' | 'say' | 'warn' | 'waitingFor' | 'transferring' | 'quote';
  argument: unknown;
}

export const storedRuns = path.join(import.meta.dirname, 'runs');

export function readReport(name: string): ReportInput {
  const stored = JSON.parse(readFileSync(path.join(storedRuns, `${name}.json`), 'utf8'));
  return { ...stored, pictures: new Map(stored.pictures) } as ReportInput;
}

export function readCalls(name: string): StoredCall[] {
  return JSON.parse(readFileSync(path.join(storedRuns, `${name}.json`), 'utf8')) as StoredCall[];
}
