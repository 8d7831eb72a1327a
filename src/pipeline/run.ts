/** The context of a run: its inputs, and the objects with which it reports, records and measures. */
import path from 'node:path';
import { builtImageName } from '../cluster/build-image.ts';
import type { ReadyCluster } from '../cluster/make-cluster.ts';
import { messageOf, type Verdict } from '../core/outcome.ts';
import type { Reporter, Transfer } from '../core/reporter.ts';
import { SecretMask } from '../core/secret-mask.ts';
import { type TraceContext, traceOf } from '../core/trace-context.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import type { TestList } from '../job/test-helper.ts';
import { layoutResults, type ResultsDir } from '../results/results-dir.ts';
import { maxResultFiles, type ResultsLimits } from '../results/results-limits.ts';
import type { ReusableCluster, RunRecord } from '../state/run-record.ts';
import { proveSecrets, writeCheckpoint } from './checkpoint.ts';
import { isTraced, withTraceparent } from './export-trace.ts';
import { maskReporter } from './masked-reporter.ts';
import { PhaseClock, type StoppedClock } from './phase-clock.ts';
import { type OpenCluster, type Progress, testsOf } from './progress.ts';

export interface RunOptions {
  inputs: Inputs;
  reporter: Reporter;
  /** Cancels the run; its results and report are still written, in bounded time. */
  signal: AbortSignal;
  /** Where everything is noted that teardown must remove. */
  record: RunRecord;
  /** Directory that only this run uses, for files that are not needed after it. */
  workDir: string;
  /** The job of a workflow that this run is. */
  leg?: NonNullable<Verdict['leg']>;
  /** A cluster that exists already and is kept; without it the run creates its own. */
  cluster?: ReadyCluster;
  /** What later calls of the command line must know to enter the cluster of this run, should it be kept. */
  request?: RunRequest;
  /** The record of a cluster that an earlier run has kept: this run enters it, loads and deploys what has changed, and leaves it. */
  kept?: RunRecord;
  /** Which tests to run, as pytest takes them; all of the tier when empty. */
  tests?: string[];
  /** Whether the run is over once the platform is ready. */
  isOnlyPlatform?: boolean;
  /** Has a collector fetch the results even where the nodes can mount their directory: how existing clusters do it. */
  forceCollector?: boolean;
}

/** How the command line was called. */
export type RunRequest = Pick<ReusableCluster, 'directory' | 'given' | 'hasSecrets'>;

/** Which tests run once more: by node ids of pytest, by a command that names them, or all of them. */
export type Selection =
  | { kind: 'list'; list: TestList }
  | { kind: 'command'; command: readonly string[]; args: readonly string[] }
  | { kind: 'all' };

/** A run of some tests in fresh pods, within the run that they belong to. */
export interface Retry {
  /** Its directory in those of the results, and what names of its objects end with: `retry-1`. */
  readonly name: string;
  readonly selection: Selection;
  /** The shards that run again, divided as before; undefined for one pod that is no shard. */
  readonly shards: readonly number[] | undefined;
}

interface Voice {
  signal: AbortSignal;
  say: (line: string) => void;
  /** Is in the verdict too. */
  warn: (text: string) => void;
  waitingFor: (what: string) => void;
  transferring: (transfer: Transfer) => void;
  quote: (line: string) => void;
}

/**
 * What every phase of a run is given. Only the clock, the warnings, the progress and the number of shards in it change; only
 * {@link Run.reach} replaces the progress, which is for the end of the run and for its checkpoint, and no phase reads it.
 */
export class Run {
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  readonly record: RunRecord;
  readonly workDir: string;
  readonly dir: ResultsDir;
  readonly leg: Verdict['leg'];
  readonly clock: PhaseClock;
  readonly warnings: string[] = [];
  /** Ends background work: watches and logs. */
  readonly closing = new AbortController();
  readonly request: RunRequest | undefined;
  readonly kept: RunRecord | undefined;
  readonly tests: string[];
  readonly mask: SecretMask;
  /** The trace that this run and its tests belong to. */
  readonly trace: TraceContext;
  /** Undefined for a run of the whole suite. */
  readonly retry: Retry | undefined;
  #inputs: Inputs;
  #progress: Progress = { stage: 'preparing' };
  #savesCheckpoints: boolean;

  /** @param stopped the clock of a run whose process was killed, and whose end this one reports: it has its checkpoint. */
  constructor(options: RunOptions, stopped?: StoppedClock, retry?: Retry) {
    const { inputs, record } = options;
    const { runId } = record.content;
    // A checkpoint has the name that the run gave it.
    const isOwnNamespace = inputs.cluster === 'existing' && !inputs.isNamespaceNamed && stopped === undefined;
    this.trace = traceOf(runId, process.env);
    this.#inputs = {
      ...inputs,
      // In a kept cluster it has the same name each time: the nodes that have it under that name need no other.
      image: inputs.image === '' ? builtImageName(options.kept?.content.runId ?? runId) : inputs.image,
      namespace: isOwnNamespace ? `${inputs.namespace}-${runId}` : inputs.namespace,
      env: withTraceparent(inputs.env, this.trace, isTraced(inputs.otlpEndpoint, process.env)),
    };
    this.mask = new SecretMask(inputs.secrets.map(([, value]) => value));
    this.reporter = maskReporter(options.reporter, this.mask);
    this.request = options.request;
    this.kept = options.kept;
    this.tests = options.tests ?? [];
    this.signal = options.signal;
    this.record = options.record;
    this.workDir = options.workDir;
    this.leg = options.leg;
    this.retry = retry;
    this.dir = layoutOf(options.inputs.resultsDir, retry);
    this.#savesCheckpoints = stopped === undefined;
    this.clock = new PhaseClock(this.reporter, () => this.#saveCheckpoint(), stopped);
  }

  /** A run that begins in this process. Its checkpoint is saved from now on: at each phase, stage and cancellation. */
  static begin(options: RunOptions): Run {
    const run = new Run(options);
    run.#saveCheckpoint();
    run.signal.addEventListener('abort', () => run.#saveCheckpoint(), { once: true });
    return run;
  }

  /**
   * The context for a run of some tests in fresh pods, in the same platform, with directories of its own. It reports no phases
   * and saves no checkpoint: after a killed process its tests count for nothing.
   */
  forRetry(retry: Retry): Run {
    const { inputs, reporter, signal, record, workDir, kept, tests, clock } = this;
    return new Run(
      {
        // Whoever started it applies the quarantine.
        inputs: { ...inputs, shards: retry.shards === undefined ? 1 : inputs.shards, quarantine: undefined },
        reporter,
        signal,
        record,
        workDir,
        tests,
        ...(kept === undefined ? {} : { kept }),
      },
      { startedAt: clock.startedAt, phases: [], seconds: clock.seconds },
      retry,
    );
  }

  get inputs(): Inputs {
    return this.#inputs;
  }

  /** Sets the number of shards of a run that chooses it, before any of its tests runs. */
  chooseShards(shards: number): void {
    this.#inputs = { ...this.#inputs, shards };
    this.#saveCheckpoint();
  }

  /** The progress of the run, also when a phase was interrupted before it could return. */
  get progress(): Progress {
    return this.#progress;
  }

  /** Records the progress of the run. @returns that progress. */
  reach<T extends Progress>(progress: T): T {
    this.#progress = progress;
    this.#saveCheckpoint();
    return progress;
  }

  /** Saves the progress of the run, for the process that must report its end when this one is killed. */
  #saveCheckpoint(): void {
    const { inputs, record, clock } = this;
    if (!this.#savesCheckpoints) return;
    const { cluster } = this.#progress;
    const { job, startedAt } = testsOf(this.#progress) ?? {};
    try {
      writeCheckpoint(this.workDir, {
        inputs: { ...inputs, secrets: [], env: [], ownJob: undefined, kubeconfig: undefined },
        secretsProof: proveSecrets(inputs.secrets, record.content.runId),
        leg: this.leg ?? null,
        startedAt: clock.startedAt.toISOString(),
        phases: clock.phases,
        running: clock.running,
        ...(this.signal.aborted ? { cancelledBy: String(this.signal.reason) } : {}),
        ...(cluster === undefined ? {} : { cluster }),
        ...(job === undefined
          ? {}
          : { job: { name: job.name, container: job.container, image: job.image, memoryLimit: job.memoryLimit } }),
        ...(startedAt === undefined ? {} : { testsStartedAt: startedAt }),
        warnings: this.warnings,
      });
    } catch (error) {
      // For a full disk; the run itself continues, and reports its own end.
      this.#savesCheckpoints = false;
      this.reporter.say(`the checkpoint of this run cannot be saved: ${messageOf(error)}`);
    }
  }

  /**
   * In a namespace that the chart shares with others, what was created before this moment is theirs. A kept cluster is ours
   * alone, and its platform may be older than this run.
   */
  get platformSince(): Date | undefined {
    return this.kept === undefined ? this.clock.startedAt : undefined;
  }

  /** What the modules below are given to report with, and the signal that ends them. */
  get voice(): Voice {
    return {
      signal: this.signal,
      say: (line) => this.reporter.say(line),
      warn: (text) => this.warn(text),
      waitingFor: (what) => this.reporter.waitingFor(what),
      transferring: (transfer) => this.reporter.transferring?.(transfer),
      quote: (line) => this.reporter.quote(line),
    };
  }

  get resultsLimits(): ResultsLimits {
    return { totalBytes: this.inputs.resultsLimitBytes, files: maxResultFiles };
  }

  /** Notes objects that are about to be created, where they are not deleted with a namespace or a cluster of the run. */
  noteObjects(
    { isNamespaceGiven, cluster }: Pick<OpenCluster, 'isNamespaceGiven' | 'cluster'>,
    objects: { apiVersion: string; kind: string; metadata: { name: string } }[],
  ): void {
    if (!isNamespaceGiven) return;
    const { namespace } = this.inputs;
    const { kubeconfigPath } = cluster;
    for (const { apiVersion, kind, metadata } of objects)
      this.record.note({ kind: 'object', apiVersion, object: kind, name: metadata.name, namespace, kubeconfigPath });
  }

  /** Prints a warning now and adds it to the verdict. */
  warn(text: string): void {
    this.warnings.push(this.mask.maskText(text));
    this.reporter.warn(text);
  }
}

function layoutOf(root: string, retry: Retry | undefined): ResultsDir {
  const layout = layoutResults(root);
  if (retry === undefined) return layout;
  const within = (directory: string) => path.join(directory, retry.name);
  return {
    ...layout,
    results: within(layout.results),
    junit: within(layout.junit),
    cluster: within(layout.cluster),
  };
}
