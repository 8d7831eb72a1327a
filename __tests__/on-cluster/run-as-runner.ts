/**
 * What a test starts as a user who is not root: a run on an existing cluster, or what the post step does for a run that was
 * killed.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { ReadyCluster } from '../../src/cluster/make-cluster.ts';
import { exitStatusOf } from '../../src/core/outcome.ts';
import type { Reporter } from '../../src/core/reporter.ts';
import { type Inputs, readInputs } from '../../src/inputs/read-inputs.ts';
import { type RawInputs, renderInputErrors } from '../../src/inputs/schema.ts';
import { connect } from '../../src/kube/connection.ts';
import { abortOnSignals } from '../../src/pipeline/begin-run.ts';
import { readCheckpoint } from '../../src/pipeline/checkpoint.ts';
import { runTests } from '../../src/pipeline/pipeline.ts';
import { recoverRun } from '../../src/pipeline/recover-run.ts';
import { newRunId, RunRecord } from '../../src/state/run-record.ts';

/** The only argument, as JSON. */
export interface RunnerCall {
  what: 'run' | 'recover';
  cluster: ReadyCluster;
  given: RawInputs;
  /** A directory that only the run uses. */
  workDir: string;
}

const [, , argument = ''] = process.argv;
const { what, cluster, given, workDir } = JSON.parse(argument) as RunnerCall;
const records = path.join(workDir, 'records');
const print = (line: string) => process.stdout.write(`${line}\n`);
const reporter: Reporter = {
  phaseStarted: (name) => print(`phase ${name}`),
  phaseEnded: () => {},
  say: print,
  warn: print,
  waitingFor: () => {},
  quote: print,
  mask: () => {},
};

async function run(inputs: Inputs): Promise<number> {
  mkdirSync(workDir);
  const record = RunRecord.begin(records, newRunId());
  const signal = abortOnSignals();
  const end = await runTests({ inputs, reporter, signal, record, workDir, cluster });
  return exitStatusOf(end.verdict);
}

/** The cluster stays: a teardown removes only the namespace. */
async function recover({ secrets, namespace }: Inputs): Promise<number> {
  const [record] = RunRecord.list(records);
  const checkpoint = readCheckpoint(workDir);
  if (record === undefined || checkpoint === undefined) throw new Error('no run was killed here');
  const tearDown = async () => {
    const connection = connect({ kubeconfigPath: cluster.kubeconfigPath });
    const signal = AbortSignal.timeout(60_000);
    await connection.call('DELETE', `/api/v1/namespaces/${namespace}`, { signal });
    await connection.close();
    return true;
  };
  const end = await recoverRun({ record, workDir, checkpoint, secrets, reporter, tearDown });
  return exitStatusOf(end.verdict);
}

const read = readInputs({ given, directory: path.dirname(workDir), bundledChart: workDir });
if (read.inputs === undefined) throw new Error(renderInputErrors(read.errors).join('\n'));
process.exitCode = await (what === 'run' ? run(read.inputs) : recover(read.inputs));
