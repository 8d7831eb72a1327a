import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Verdict } from '../../src/core/outcome.ts';
import type { Reporter } from '../../src/core/reporter.ts';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { type RawInputs, renderInputErrors } from '../../src/inputs/schema.ts';
import { bundledChart } from '../../src/pipeline/begin-run.ts';
import { runTests } from '../../src/pipeline/pipeline.ts';
import { tearDown } from '../../src/pipeline/teardown.ts';
import type { RunEnd } from '../../src/results/run-end.ts';
import { newRunId, RunRecord } from '../../src/state/run-record.ts';
import { sharedImage } from './global-setup.ts';

/** Asks a cluster as its administrator. */
export function kubectl(adminKubeconfig: string, args: string[], input?: string): string {
  return execFileSync('kubectl', ['--kubeconfig', adminKubeconfig, ...args], {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    // What it remembers of the cluster's API is not for the home directory, which tests look at.
    env: { ...process.env, KUBECACHEDIR: path.join(tmpdir(), 'kube-cache') },
    ...(input === undefined ? {} : { input }),
  });
}

export interface ExistingRun extends RunEnd {
  printed: string[];
  onDisk: Verdict;
  record: RunRecord;
  namespace: string;
  /** What could not be removed. */
  problems: string[];
}

/** Runs the pipeline on a cluster that is there, as the user of a kubeconfig, and tears down what it made. */
export async function runOnExisting(options: {
  kubeconfig: string;
  script?: string;
  given?: RawInputs;
  signal?: AbortSignal;
  onPrinted?: (line: string, record: RunRecord) => void;
  /** Leaves it all there, for another process to remove. */
  keepAll?: boolean;
}): Promise<ExistingRun> {
  const runId = newRunId();
  const root = mkdtempSync(path.join(tmpdir(), 'existing-'));
  const workDir = path.join(root, 'work');
  const given: RawInputs = {
    ...(options.given?.chart === undefined ? { profile: 'none' } : {}),
    cluster: 'existing',
    kubeconfig: options.kubeconfig,
    // A Job of the user's own names its image itself.
    ...(options.given?.job === undefined ? { image: sharedImage } : {}),
    'collector-image': sharedImage,
    'results-dir': path.join(root, 'out'),
    ...(options.script === undefined ? {} : { command: JSON.stringify(['sh', '-c', options.script]) }),
    ...options.given,
  };
  const read = readInputs({ given, directory: root, bundledChart: bundledChart(), env: {} });
  if (read.inputs === undefined) throw new Error(renderInputErrors(read.errors).join('\n'));
  const record = RunRecord.begin(path.join(root, 'records'), runId);
  record.note({ kind: 'directory', path: workDir });
  mkdirSync(workDir);
  const printed: string[] = [];
  const print = (line: string) => {
    printed.push(line);
    options.onPrinted?.(line, record);
  };
  const reporter: Reporter = {
    phaseStarted: (name) => print(`phase ${name}`),
    phaseEnded: () => {},
    say: print,
    warn: print,
    waitingFor: () => {},
    quote: print,
    mask: () => {},
  };
  const signal = options.signal ?? new AbortController().signal;
  const end = await runTests({ inputs: read.inputs, reporter, signal, record, workDir });
  const problems = options.keepAll === true ? [] : await tearDown(record, AbortSignal.timeout(300_000), print);
  const onDisk = JSON.parse(readFileSync(end.dir.resultJson, 'utf8')) as Verdict;
  return { ...end, printed, onDisk, record, problems, namespace: onDisk.cluster?.namespace ?? '' };
}
