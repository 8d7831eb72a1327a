/** Runs of tier unit, which need neither docker nor a cluster. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Reporter } from '../../src/core/reporter.ts';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { type RawInputs, renderInputErrors } from '../../src/inputs/schema.ts';
import { bundledChart } from '../../src/pipeline/begin-run.ts';
import { runTests } from '../../src/pipeline/pipeline.ts';
import type { RunEnd } from '../../src/results/run-end.ts';
import { RunRecord } from '../../src/state/run-record.ts';

/** A finished run, with what it printed. */
export interface UnitRun extends RunEnd {
  /** Lines of the tests' own output. */
  quoted: string[];
  warnings: string[];
}

/**
 * Runs a script of Node in the place of a test tool; its `process.argv[1]` is where it may write a report.
 * @param given inputs in the place of these, or beside them.
 * @throws with all errors of the inputs where one is wrong.
 */
export async function runUnitTier(
  script: string,
  given: RawInputs = {},
  { root = mkdtempSync(path.join(tmpdir(), 'unit-tier-')), signal = new AbortController().signal } = {},
): Promise<UnitRun> {
  const raw = {
    tier: 'unit',
    command: JSON.stringify([process.execPath, '-e', script]),
    args: '["/results/junit.xml"]',
    'results-dir': path.join(root, 'out'),
    ...given,
  };
  const read = readInputs({ given: raw, directory: root, bundledChart: bundledChart() });
  if (read.inputs === undefined) throw new Error(renderInputErrors(read.errors).join('\n'));
  const quoted: string[] = [];
  const warnings: string[] = [];
  const nothing = () => {};
  const reporter: Reporter = {
    phaseStarted: nothing,
    phaseEnded: nothing,
    say: nothing,
    warn: (line) => warnings.push(line),
    waitingFor: nothing,
    quote: (line) => quoted.push(line),
    mask: nothing,
  };
  const record = RunRecord.begin(path.join(root, 'records'), 'unit');
  const end = await runTests({ inputs: read.inputs, reporter, signal, record, workDir: root });
  return { ...end, quoted, warnings };
}
