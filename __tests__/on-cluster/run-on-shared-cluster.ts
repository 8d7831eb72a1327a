import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, inject, onTestFinished } from 'vitest';
import type { ReadyCluster } from '../../src/cluster/make-cluster.ts';
import type { Verdict } from '../../src/core/outcome.ts';
import type { Reporter } from '../../src/core/reporter.ts';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { type RawInputs, renderInputErrors } from '../../src/inputs/schema.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { connect } from '../../src/kube/connection.ts';
import { bundledChart } from '../../src/pipeline/begin-run.ts';
import { runTests } from '../../src/pipeline/pipeline.ts';
import type { RunEnd } from '../../src/results/run-end.ts';
import { newRunId, RunRecord } from '../../src/state/run-record.ts';
import { checkResult } from '../repository/schemas/validators.ts';
import { sharedImage } from './global-setup.ts';
import { MachineLag } from './machine-lag.ts';

export interface SharedRun extends RunEnd {
  /** All that was printed, a line each. */
  printed: string[];
  /** Texts that must never be printed, as passed to the reporter. */
  masked: string[];
  /** result.json, on the disk. */
  onDisk: Verdict;
  /** How busy the machine was while it ran. */
  lag: MachineLag;
}

/**
 * Runs the pipeline, chart and all, on the shared cluster in a namespace of its own, which goes when the test is over. Without a chart unless one is given.
 * `script` is run by a shell in the test image.
 */
export async function runOnSharedCluster(options: {
  script?: string;
  given?: RawInputs;
  /** A repository whose project file defines all that is to run; in place of a script. */
  directory?: string;
  signal?: AbortSignal;
  /** Results are fetched by a collector, as from a cluster whose nodes are elsewhere. */
  forceCollector?: boolean;
  /** For a test that looks at the cluster when the run is over: until the test is. */
  keepNamespace?: boolean;
  /** In place of the shared one. */
  cluster?: ReadyCluster;
  /** The record of a run that has kept the cluster, for one that enters it again. */
  kept?: RunRecord;
  /** Called with each printed line. */
  onPrinted?: (line: string) => void;
}): Promise<SharedRun> {
  const cluster = options.cluster ?? inject('cluster');
  const runId = newRunId();
  const root = mkdtempSync(path.join(cluster.mountedHostPath, 'run-'));
  const workDir = path.join(root, 'work');
  mkdirSync(workDir);
  const given: RawInputs = {
    ...(options.directory === undefined ? withoutProjectFile(options) : {}),
    namespace: `test-${runId}`,
    'results-dir': path.join(root, 'out'),
    ...options.given,
  };
  const directory = options.directory ?? root;
  const read = readInputs({ given, directory, bundledChart: bundledChart() });
  if (read.inputs === undefined) throw new Error(renderInputErrors(read.errors).join('\n'));
  const printed: string[] = [];
  const masked: string[] = [];
  const print = (line: string) => {
    printed.push(line);
    options.onPrinted?.(line);
  };
  const reporter: Reporter = {
    phaseStarted: (name) => print(`phase ${name}`),
    phaseEnded: () => {},
    say: (line) => print(line),
    warn: (line) => print(line),
    waitingFor: () => {},
    quote: (line) => print(line),
    mask: (secret) => masked.push(secret),
  };
  const record = RunRecord.begin(path.join(root, 'records'), runId);
  const signal = options.signal ?? new AbortController().signal;
  const lag = new MachineLag(cluster.kubeconfigPath);
  const end = await runTests({
    inputs: read.inputs,
    reporter,
    signal,
    record,
    workDir,
    cluster,
    ...(options.kept === undefined ? {} : { kept: options.kept }),
    forceCollector: options.forceCollector ?? false,
  }).finally(() => lag.stop());
  const remove = () => removeNamespace(cluster, read.inputs.namespace);
  if (options.keepNamespace === true) onTestFinished(remove);
  // A cluster of a test's own goes as a whole, and may be broken by now.
  else if (options.cluster === undefined) await remove();
  const onDisk = JSON.parse(readFileSync(end.dir.resultJson, 'utf8')) as Verdict;
  // However a run ends, programs that read its result.json by the schema find what they expect.
  expect(checkResult(onDisk)).toEqual([]);
  return { ...end, printed, masked, onDisk, lag };
}

/** The inputs that a run without a project file needs: no chart, the image in the nodes, the script. */
function withoutProjectFile({ given = {}, script }: { given?: RawInputs; script?: string }): RawInputs {
  const hasOwnJob = given.job !== undefined || given['job-templates'] !== undefined;
  return {
    ...(given.chart === undefined ? { profile: 'none' } : {}),
    // A Job of the user's own names its image itself.
    ...(hasOwnJob ? {} : { image: sharedImage }),
    ...(script === undefined ? {} : { command: JSON.stringify(['sh', '-c', script]) }),
  };
}

/** Without waiting for it. A pod that waits or crashes forever would use resources that the next test requests. */
async function removeNamespace(cluster: ReadyCluster, namespace: string): Promise<void> {
  const connection = connect({ kubeconfigPath: cluster.kubeconfigPath });
  try {
    await connection.call('DELETE', `/api/v1/namespaces/${namespace}`, { signal: AbortSignal.timeout(60_000) });
  } catch (error) {
    // It is gone already, or was never made.
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  } finally {
    await connection.close();
  }
}

/** What is left of `interruptedScript` when its deed never ends. */
export const interruptedCounts = { total: 4, passed: 3, errors: 1, rebuilt: 4, notRun: 1 };

/** A script whose suite passes three tests, then runs an endless action; a fifth test waits after it. */
export function interruptedScript(deed = 'pass'): string {
  const passing = ['one', 'two', 'three'].map((name) => `def test_${name}(): pass\n`).join('');
  const suite = `import time\n${passing}def test_deed():\n  ${deed}\n  time.sleep(600)\ndef test_five(): pass\n`;
  return pytestScript(suite).replace('&& pytest', '&& exec pytest');
}

/** A script that writes a test file and runs pytest on it. */
export function pytestScript(source: string, flags = '', afterwards = ''): string {
  return `cat > /tmp/test_it.py <<'PY'\n${source}\nPY\ncd /tmp && pytest -v -p no:cacheprovider ${flags} --junitxml=/results/junit.xml test_it.py\n${afterwards}`;
}
