/** One run on its way: what it was asked for, and what it has learned so far. */
import path from 'node:path';
import { builtImageName } from '../cluster/build-image.ts';
import type { KindCluster } from '../cluster/create-cluster.ts';
import type { LocalImage } from '../cluster/docker.ts';
import { nodeResultsPath } from '../cluster/kind-config.ts';
import type { ReadyCluster } from '../cluster/make-cluster.ts';
import { type Failure, messageOf, type Verdict } from '../core/outcome.ts';
import type { ReportedIncident, ReportedLog } from '../core/report-model.ts';
import type { Reporter } from '../core/reporter.ts';
import { SecretMask } from '../core/secret-mask.ts';
import { type TraceContext, traceOf } from '../core/trace-context.ts';
import type { UsageMeter } from '../diagnose/measure-usage.ts';
import type { NamespaceWatch } from '../diagnose/namespace-watch.ts';
import type { TestHistory } from '../history/test-history.ts';
import type { JobManifest } from '../inputs/job-manifest.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import type { JobEnd } from '../job/run-job.ts';
import { type SplitWay, shardDirectory } from '../job/shard-job.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { KeptLog } from '../logs/job-logs.ts';
import type { Chart } from '../platform/chart.ts';
import type { ResultsCollection } from '../results/results-collection.ts';
import { layoutResults, type ResultsDir } from '../results/results-dir.ts';
import { maxResultFiles, type ResultsLimits } from '../results/results-limits.ts';
import type { CollectorOptions, ResultsRoute } from '../results/route-results.ts';
import type { ReusableCluster, RunRecord } from '../state/run-record.ts';
import { proveSecrets, writeCheckpoint } from './checkpoint.ts';
import { isTraced, withTraceparent } from './export-trace.ts';
import { MaskedReporter } from './masked-reporter.ts';
import { PhaseClock, type StoppedClock } from './phase-clock.ts';

export interface RunOptions {
  inputs: Inputs;
  reporter: Reporter;
  /** Cancels the run; its results and report are still written, in bounded time. */
  signal: AbortSignal;
  /** Where everything is noted that teardown must remove. */
  record: RunRecord;
  /** Directory of this run alone, for files that nobody needs after it. */
  workDir: string;
  /** The job of a workflow that this run is. */
  leg?: NonNullable<Verdict['leg']>;
  /** A cluster that is there already and stays; without it the run makes one of its own. */
  cluster?: ReadyCluster;
  /** What calls of the command line later on must know to enter the cluster of this run, should it be kept. */
  request?: RunRequest;
  /** The record of a cluster that an earlier run has kept: this run enters it, loads and deploys what has changed, and leaves it. */
  kept?: RunRecord;
  /** What to run of the tests, as pytest takes it; all of the tier when empty. */
  tests?: string[];
  /** Whether the run is over once the platform is ready. */
  isOnlyPlatform?: boolean;
  /** Has a collector fetch the results even where the runner's disk is in reach: how other clusters do it. */
  forceCollector?: boolean;
  /** Of a run whose process was killed, and whose end this one tells. */
  stopped?: StoppedClock;
}

/** How the command line was called. */
export type RunRequest = Pick<ReusableCluster, 'directory' | 'given' | 'hasSecrets'>;

interface Voice {
  signal: AbortSignal;
  say: (line: string) => void;
  /** Is in the verdict too. */
  warn: (text: string) => void;
  waitingFor: (what: string) => void;
  quote: (line: string) => void;
}

/** A platform that is ready for tests. */
export interface Platform {
  connection: KubeConnection;
  watch: NamespaceWatch;
}

/** A Job that only has to be created. */
export interface PreparedJob {
  name: string;
  /** The test container. */
  container: string;
  image: string;
  /** As Kubernetes writes it; empty without a limit. */
  memoryLimit: string;
  /** The Job as it is for one pod. */
  manifest: JobManifest;
  /** What is to be created: that Job, or those that its shards run in, each with its shards by completion index. */
  jobs: readonly { manifest: JobManifest; shards: readonly number[] }[];
  /** How the suite is divided; undefined where it is one piece. */
  way: SplitWay | undefined;
  route: ResultsRoute;
  collector: CollectorOptions;
  labels: Record<string, string>;
}

/** As much of the Job as its end is told by; the route is only known to whoever created it. */
type KnownJob = Pick<PreparedJob, 'name' | 'container' | 'image' | 'memoryLimit'> &
  Partial<Pick<PreparedJob, 'route' | 'way'>>;

/** Files that the tests had written and that never came here. */
export type MissingFiles = { name: string; reason: string; isDirectory?: boolean }[];

/** What runs in one pod of the Job: the whole suite, or one shard of it. */
export interface SuitePart {
  /** Counted from 0; undefined where the suite is one piece. */
  readonly shard: number | undefined;
  /** Where what it writes is below the results: `shard-0`; empty where the suite is one piece. */
  readonly directory: string;
  /** How its test container ended; undefined as long as nobody knows. */
  end: JobEnd | undefined;
  /** What kept it from beginning, or ended it before its tests had; null where nothing did. */
  failure: Failure | null;
  /** Brings its results where they are not written to the runner's disk. */
  collection: ResultsCollection | undefined;
  /** What `collection` came to; undefined until it has ended, or where there is none. */
  collected: { failure: Failure | undefined; missing: MissingFiles } | undefined;
}

/** The parts of a suite before any of them runs. */
function listParts(shards: number): SuitePart[] {
  const idle = { end: undefined, failure: null, collection: undefined, collected: undefined };
  if (shards === 1) return [{ shard: undefined, directory: '', ...idle }];
  return Array.from({ length: shards }, (_, shard) => ({ shard, directory: shardDirectory(shard), ...idle }));
}

/** The logs of a run's Job, from before its first container starts until they are whole on the disk. */
export interface RunLogs {
  /** Collects them, and warns of what they lack. Done once; another call, after the first was interrupted, does the rest. */
  finish(stop: AbortSignal, signal: AbortSignal): Promise<void>;
  /** Empty until they are finished. */
  readonly kept: readonly KeptLog[];
  /** Gives up what the nodes keep for us. */
  close(): Promise<void>;
}

/** What phases hand on to later ones; each field is there once its phase is done. Only phases of this run write here. */
export class Run {
  readonly inputs: Inputs;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  readonly record: RunRecord;
  readonly workDir: string;
  readonly dir: ResultsDir;
  readonly leg: Verdict['leg'];
  readonly clock: PhaseClock;
  readonly warnings: string[] = [];
  /** Ends what goes on beside the phases: watches and logs. */
  readonly closing = new AbortController();
  /** The cluster that this run makes, from before its making on. */
  kindCluster: KindCluster | undefined;
  cluster: ReadyCluster | undefined;
  /** What an existing cluster says of us, and how many nodes we see of it: none of them can be entered. */
  existing: { user: string; nodeCount: number } | undefined;
  /** Whether the namespace was there before us: it stays, with all that this run did not make. */
  isNamespaceGiven = false;
  connection: KubeConnection | undefined;
  /** What the chart is, once it is on this machine. */
  chart: Verdict['chart'];
  /** The chart, once helm was told to install it. */
  release: Chart | undefined;
  /** Namespaces beside the run's in which the chart makes pods, or what makes pods. */
  otherNamespaces: string[] = [];
  /** The test image, as far as the local docker has it. */
  image: LocalImage | undefined;
  /** Images that went from the local docker into the nodes. */
  loadedImages: ReadonlySet<string> = new Set();
  /** Images that the nodes must pull: those of the tests and the chart that nobody loads. */
  pulledImages: string[] = [];
  /** Whether the namespace holds credentials for registries. */
  hasPullSecret = false;
  /** How long tests took in earlier runs; undefined until it was read. */
  history: TestHistory | undefined;
  /** The Job, once it is decided. */
  job: KnownJob | undefined;
  #isCheckpointLost = false;
  /** Whether results come by a collector in the test pod, since the nodes do not see the results directory. */
  forceCollector: boolean;
  /** Docker network of the nodes, in place of kind's own. */
  nodesNetwork: string | undefined;
  readonly request: RunRequest | undefined;
  readonly kept: RunRecord | undefined;
  readonly tests: string[];
  /** Of what the chart is rendered from; empty when there is none. */
  chartDigest = '';
  /** Names of images that a node was given, since it lacked them or had others of these names. */
  changedImages: ReadonlySet<string> = new Set();
  readonly mask: SecretMask;
  /** The trace that this run and its tests belong to. */
  readonly trace: TraceContext;
  /** Milliseconds of the epoch. */
  testsStartedAt: number | undefined;
  logs: RunLogs | undefined;
  /** The suite in one piece, or its shards in their order. */
  readonly parts: readonly SuitePart[];
  /** What containers use, measured beside the platform and the tests. */
  usage: UsageMeter | undefined;
  /** In place of `end` where the tests ran on the machine itself. */
  exit: { exitCode: number } | undefined;
  /** The log of tests that ran on the machine itself. */
  ownLog: ReportedLog | undefined;
  /** Whether nothing of what is in the results directory holds a secret: without that only reports are uploaded. */
  isMasked = false;
  /** Whether all that the run had made is gone, and nobody is left who could write. */
  isTornDown = false;
  /** What happened to the platform while the tests ran. */
  incidents: readonly ReportedIncident[] = [];

  constructor(options: RunOptions) {
    const { inputs, record } = options;
    const { runId } = record.content;
    // A checkpoint has the name that the run gave it.
    const isOwnNamespace = inputs.cluster === 'existing' && !inputs.isNamespaceNamed && options.stopped === undefined;
    this.trace = traceOf(runId, process.env);
    this.inputs = {
      ...inputs,
      // In a kept cluster it has the same name each time: the nodes that have it under that name need no other.
      image: inputs.image === '' ? builtImageName(options.kept?.content.runId ?? runId) : inputs.image,
      namespace: isOwnNamespace ? `${inputs.namespace}-${runId}` : inputs.namespace,
      env: withTraceparent(inputs.env, this.trace, isTraced(inputs.otlpEndpoint, process.env)),
    };
    this.mask = new SecretMask(inputs.secrets.map(([, value]) => value));
    this.reporter = this.mask.isEmpty ? options.reporter : new MaskedReporter(options.reporter, this.mask);
    this.forceCollector = options.forceCollector ?? inputs.cluster === 'existing';
    this.request = options.request;
    this.kept = options.kept;
    this.tests = options.tests ?? [];
    this.signal = options.signal;
    this.record = options.record;
    this.workDir = options.workDir;
    this.leg = options.leg;
    this.parts = listParts(inputs.shards);
    this.dir = layoutResults(options.inputs.resultsDir);
    this.clock = new PhaseClock(this.reporter, () => this.saveCheckpoint(), options.stopped);
    if (options.stopped !== undefined) return;
    this.saveCheckpoint();
    this.signal.addEventListener('abort', () => this.saveCheckpoint(), { once: true });
  }

  /** Writes down how far the run has come, for whoever must tell its end when this process is killed. */
  saveCheckpoint(): void {
    const { inputs, record, clock, job, cluster, testsStartedAt } = this;
    if (this.#isCheckpointLost) return;
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
        ...(testsStartedAt === undefined ? {} : { testsStartedAt }),
        warnings: this.warnings,
      });
    } catch (error) {
      // A full disk; the run itself goes on, and tells its own end.
      this.#isCheckpointLost = true;
      this.reporter.say(`the checkpoint of this run cannot be saved: ${messageOf(error)}`);
    }
  }

  /**
   * In a namespace that the chart shares with others, what was made before this moment is theirs. A kept cluster is ours
   * alone, and its platform may be older than this run.
   */
  get platformSince(): Date | undefined {
    return this.kept === undefined ? this.clock.startedAt : undefined;
  }

  /** What the rooms below are given to speak with, and the signal that ends them. */
  get voice(): Voice {
    return {
      signal: this.signal,
      say: (line) => this.reporter.say(line),
      warn: (text) => this.warn(text),
      waitingFor: (what) => this.reporter.waitingFor(what),
      quote: (line) => this.reporter.quote(line),
    };
  }

  /** Where the nodes of the cluster see the directory that the tests write to. */
  get resultsNodePath(): string {
    return this.resultsPathIn(this.cluster!);
  }

  /** Where the nodes of a cluster see that directory, if it is in what they mount. */
  resultsPathIn(cluster: ReadyCluster): string {
    return path.posix.join(nodeResultsPath, path.relative(cluster.mountedHostPath, this.dir.results));
  }

  get resultsLimits(): ResultsLimits {
    return { totalBytes: this.inputs.resultsLimitBytes, files: maxResultFiles };
  }

  /** Notes objects that are about to be made, where they do not go with a namespace or a cluster of the run's own. */
  noteObjects(objects: { apiVersion: string; kind: string; metadata: { name: string } }[]): void {
    if (!this.isNamespaceGiven) return;
    const { namespace } = this.inputs;
    const { kubeconfigPath } = this.cluster!;
    for (const { apiVersion, kind, metadata } of objects)
      this.record.note({ kind: 'object', apiVersion, object: kind, name: metadata.name, namespace, kubeconfigPath });
  }

  /** Says it now and in the verdict. */
  warn(text: string): void {
    this.warnings.push(this.mask.maskText(text));
    this.reporter.warn(text);
  }
}
