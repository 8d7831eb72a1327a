/** One run of the pipeline in this process, for measurements that want its phases. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import path from 'node:path';
import type { ReadyCluster } from '../src/cluster/make-cluster.ts';
import type { Reporter } from '../src/core/reporter.ts';
import { readInputs } from '../src/inputs/read-inputs.ts';
import { type RawInputs, renderInputErrors } from '../src/inputs/schema.ts';
import { connect } from '../src/kube/connection.ts';
import { addTeardown, runTests } from '../src/pipeline/pipeline.ts';
import type { RunEnd } from '../src/results/run-end.ts';
import { newRunId, RunRecord } from '../src/state/run-record.ts';

const none = () => undefined;
const quiet: Reporter = {
  phaseStarted: none,
  phaseEnded: none,
  say: none,
  warn: (line) => process.stderr.write(`${line}\n`),
  waitingFor: none,
  quote: none,
  mask: none,
};

/**
 * Runs a script in the test image, and removes what the run made; its results stay.
 * @param directory where the run keeps its files; the nodes of `cluster` must see it.
 * @param cluster an existing one that stays; without it the run makes its own.
 * @throws Error when the run does not pass.
 */
export async function runHere(
  { script, given }: { script: string; given: RawInputs },
  { directory, cluster, reporter = {} }: { directory: string; cluster?: ReadyCluster; reporter?: Partial<Reporter> },
): Promise<RunEnd> {
  const runId = newRunId();
  const root = mkdtempSync(path.join(directory, 'run-'));
  const workDir = path.join(root, 'work');
  mkdirSync(workDir);
  const own: RawInputs = {
    ...('chart' in given ? {} : { profile: 'none' }),
    namespace: `bench-${runId}`,
    'results-dir': path.join(root, 'out'),
    command: JSON.stringify(['sh', '-c', script]),
    ...given,
  };
  const read = readInputs({ given: own, directory: root, bundledChart: 'charts/floe-platform' });
  if (read.inputs === undefined) throw new Error(renderInputErrors(read.errors).join('\n'));
  const record = RunRecord.begin(path.join(root, 'records'), runId);
  const { signal } = new AbortController();
  const spoken = { ...quiet, ...reporter };
  const options = { inputs: read.inputs, reporter: spoken, signal, record, workDir };
  const end = await runTests({ ...options, ...(cluster === undefined ? {} : { cluster }) });
  const removed = cluster === undefined ? await addTeardown(end, record, spoken) : end;
  if (cluster !== undefined) {
    const connection = connect({ kubeconfigPath: cluster.kubeconfigPath });
    await connection.call('DELETE', `/api/v1/namespaces/${read.inputs.namespace}`, { signal });
    await connection.close();
  }
  const { outcome, failure } = end.verdict;
  if (outcome !== 'passed') throw new Error(`the run ended as ${outcome}: ${failure?.reason}`);
  return removed;
}
