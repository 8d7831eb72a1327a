/** What every entry point does around its call of the pipeline. */
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { explainFileError } from '../core/disk-error.ts';
import { fail, type Result, succeed } from '../core/outcome.ts';
import { stateDirectory } from '../core/user-directories.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import type { RunEnd } from '../results/run-end.ts';
import { newRunId, RunRecord } from '../state/run-record.ts';
import { runVariable } from '../tools/end-orphans.ts';
import { describeKept, readServices } from './describe-kept.ts';

/** The chart that is part of this package, in the nearest directory above this code: the depth depends on the bundler. */
export function bundledChart(): string {
  for (let here = import.meta.dirname; here !== path.dirname(here); here = path.dirname(here)) {
    const chart = path.join(here, 'charts', 'floe-platform');
    if (existsSync(path.join(chart, 'Chart.yaml'))) return chart;
  }
  throw new Error(`charts/floe-platform is not with the code in ${import.meta.dirname}`);
}

/**
 * The directory for the records of runs and for all that a kept cluster needs, where the next run of the same user finds them.
 * A machine of GitHub's own is thrown away with its job; any other runner empties RUNNER_TEMP before and after each job.
 */
export function recordDirectory(env: NodeJS.ProcessEnv): string {
  return path.join(findLastingDirectory(env), 'k8s-test-action');
}

function findLastingDirectory(env: NodeJS.ProcessEnv): string {
  const { RUNNER_TEMP, RUNNER_TOOL_CACHE, HOME } = env;
  if (env.RUNNER_ENVIRONMENT === 'github-hosted' && RUNNER_TEMP) return RUNNER_TEMP;
  // The home directory of a job in a container is below RUNNER_TEMP; its tool cache is the machine's.
  if (HOME === '/github/home' && RUNNER_TOOL_CACHE) return RUNNER_TOOL_CACHE;
  return stateDirectory(env) ?? RUNNER_TEMP ?? tmpdir();
}

/** Whether this process is part of a job of a workflow. */
function isInWorkflow(env: NodeJS.ProcessEnv): boolean {
  return env.GITHUB_ACTIONS === 'true';
}

/**
 * Keeps V8's young generation as small as it is when a run begins. Logs and reports stream through it as garbage, for which
 * it would grow to some 100 MB that the process never gives back.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** A run that has begun: its record, and a directory of its own. */
export interface BegunRun {
  record: RunRecord;
  workDir: string;
}

/**
 * Begins a run: its record, and a directory of its own, noted there before it is made.
 * @returns a failure of kind `results` when there is no place for one of them; nothing is left then.
 */
export function beginRun(env: NodeJS.ProcessEnv): Result<BegunRun> {
  keepYoungGenerationSmall();
  const runId = newRunId();
  const records = recordDirectory(env);
  const workDir = path.join(records, `k8s-test-${runId}`);
  let record: RunRecord;
  try {
    record = RunRecord.begin(records, runId, { isInWorkflow: isInWorkflow(env) });
  } catch (error) {
    return fail('results', `the record of the run cannot be saved in ${records}: ${explainFileError(error)}`, {
      hint: 'Name a directory that this user may write to in XDG_STATE_HOME, or set HOME.',
    });
  }
  try {
    record.note({ kind: 'directory', path: workDir });
    mkdirSync(workDir, { mode: 0o700 });
  } catch (error) {
    record.remove();
    return fail('results', `the run's own directory ${workDir} cannot be made: ${explainFileError(error)}`, {
      hint: 'Is there room, and may this user write there?',
    });
  }
  // Everything that the run starts can be distinguished from all else on the machine, also after this process has ended.
  process.env[runVariable] = runId;
  return succeed({ record, workDir });
}

/** The directory of a run's own, as its record names it; undefined once it is removed. */
export function findWorkDir({ content }: RunRecord): string | undefined {
  return content.made.find((made) => made.kind === 'directory')?.path;
}

/**
 * A signal that SIGINT and SIGTERM abort, with their name as the reason. `onSecond` is called at the second signal: GitHub
 * sends SIGTERM 7.5 s after SIGINT, people press Ctrl-C twice.
 */
export function abortOnSignals(onSecond?: () => void): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => {
      if (controller.signal.aborted) onSecond?.();
      else controller.abort(name);
    });
  return controller.signal;
}

/** Marks the cluster as kept where the user asked for it, and prints how to access it. */
export async function keepIfAsked(
  keep: Inputs['keep'],
  end: RunEnd,
  record: RunRecord,
  say: (line: string) => void,
): Promise<boolean> {
  const { cluster, outcome } = end.verdict;
  const isKept = cluster !== null && (keep === 'always' || (keep === 'failure' && outcome !== 'passed'));
  if (!isKept) return false;
  record.keep(`keep: ${keep}`);
  await sayKept(end, `keep: ${keep}`, record, say);
  if (record.content.workflow !== undefined)
    say('On a machine that stays it outlives this job: the next run of this user removes it, and so does down.');
  return true;
}

/** Prints how to access the cluster of a run that is kept. */
export async function sayKept(end: RunEnd, why: string, record: RunRecord, say: (line: string) => void): Promise<void> {
  const { cluster } = end.verdict;
  if (cluster === null) return;
  const { kind, name, namespace } = cluster;
  const what = kind === 'existing' ? `namespace ${namespace} of ${name}` : `cluster ${name}`;
  const services = await readServices(end.kubeconfig, namespace);
  const againTier = record.content.reusable?.tier;
  const view = { what, namespace, kubeconfigPath: end.kubeconfig, why, pod: end.testPod, services, againTier };
  for (const line of describeKept(view)) say(line);
}
