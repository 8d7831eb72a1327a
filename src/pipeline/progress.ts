/** What the phases of a run return, as values: each phase takes those of the phases before it, and returns its own. */
import type { KindCluster } from '../cluster/create-cluster.ts';
import type { LocalImage } from '../cluster/docker.ts';
import type { ReadyCluster } from '../cluster/make-cluster.ts';
import type { Failure, Verdict } from '../core/outcome.ts';
import type { ReportedIncident, ReportedLog } from '../core/report-model.ts';
import type { UsageMeter } from '../diagnose/measure-usage.ts';
import type { NamespaceWatch } from '../diagnose/namespace-watch.ts';
import type { JobManifest, TestJob } from '../inputs/job-manifest.ts';
import type { JobEnd } from '../job/run-job.ts';
import { type SplitWay, shardDirectory } from '../job/shard-job.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { KeptLog } from '../logs/job-logs.ts';
import type { Chart } from '../platform/chart.ts';
import type { ResultsCollection } from '../results/results-collection.ts';
import type { CollectorOptions, ResultsRoute } from '../results/route-results.ts';

/** The images of a run, and how its nodes get them. */
export interface NodeImages {
  /** The test image; undefined where the local docker does not have it. */
  readonly test: LocalImage | undefined;
  /** Names of images that are loaded from the local docker into the nodes. */
  readonly loaded: ReadonlySet<string>;
  /** Those of them that no pod of the platform can need: only the tests wait for them. */
  readonly ofTests: ReadonlySet<string>;
  /** IDs of images that the nodes mount, by name: they need the local docker to keep them. */
  readonly mounted?: ReadonlyMap<string, string>;
  /** Names of images that the nodes pull. */
  readonly pulled: readonly string[];
}

/** What a run knows of its platform and its tests before it opens its cluster. */
export interface PreparedRun {
  /** Path of kind; undefined where no cluster is created. */
  readonly kind: string | undefined;
  /** Undefined with profile none. */
  readonly chart: Chart | undefined;
  /** That chart as the verdict names it. */
  readonly chartRecord: Verdict['chart'];
  /** Of what the chart is rendered from; empty without a chart. */
  readonly chartDigest: string;
  /** Of the rendered chart. */
  readonly manifests: unknown[];
  /** Namespaces other than the run's in which the chart creates pods. */
  readonly otherNamespaces: readonly string[];
  /** The user's own Job; undefined for the built-in one. */
  readonly own: TestJob | undefined;
  readonly images: NodeImages;
  /** Whether pods may run on the control plane beside workers, and need the images there. */
  readonly controlPlane: boolean;
}

/** A cluster that a run can work in. */
export interface OpenCluster {
  /** The Kind cluster that this run created. */
  readonly kindCluster?: KindCluster;
  readonly cluster: ReadyCluster;
  readonly connection: KubeConnection;
  /** Whether the namespace existed before the run: it is kept, with everything that this run did not create. */
  readonly isNamespaceGiven: boolean;
  /** Where the nodes see the directory that the tests write to; undefined where a collector fetches the results. */
  readonly resultsNodePath: string | undefined;
  /** In a new cluster those of the platform are loaded, and those of the tests may be on their way. */
  readonly images: NodeImages;
  /** Names of images that a node of a kept cluster was given, because it lacked them or had others of these names. */
  readonly changedImages: ReadonlySet<string>;
}

/** A prepared run with its cluster. */
export type OpenRun = PreparedRun & OpenCluster;

/** A platform that is ready for tests. */
export interface Platform extends OpenRun {
  readonly watch: NamespaceWatch;
  /** What containers use, measured beside the platform and the tests. */
  readonly usage: UsageMeter;
  /** Whether the namespace holds credentials for registries. */
  readonly hasPullSecret: boolean;
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
  /** Whether its shards are the indexes of one Job. */
  isIndexed: boolean;
  route: ResultsRoute;
  collector: CollectorOptions;
  labels: Record<string, string>;
}

/** The part of the Job that describes its end; only the process that created it has the rest. */
type KnownJob = Pick<PreparedJob, 'name' | 'container' | 'image' | 'memoryLimit'> &
  Partial<Pick<PreparedJob, 'route' | 'way' | 'manifest' | 'jobs'>>;

/** Files that the tests had written and that were not collected. */
export type MissingFiles = { name: string; reason: string; isDirectory?: boolean }[];

/** What runs in one pod of the Job: the whole suite, or one shard of it. */
export interface SuitePart {
  /** Counted from 0; undefined where the suite is one piece. */
  readonly shard: number | undefined;
  /** The directory of its output below the results: `shard-0`; empty where the suite is one piece. */
  readonly directory: string;
  /** How its test container ended; undefined as long as that is not known. */
  end: JobEnd | undefined;
  /** What kept it from starting, or ended it before its tests had; null otherwise. */
  failure: Failure | null;
  /** Collects its results where they are not written to the runner's disk. */
  collection: ResultsCollection | undefined;
  /** What `collection` resulted in; undefined until it has ended, or where there is none. */
  collected: { failure: Failure | undefined; missing: MissingFiles } | undefined;
}

/** The parts of a suite before any of them runs. @param only the only shards that are to run; undefined for all. */
export function listParts(shards: number, only?: readonly number[]): SuitePart[] {
  const idle = { end: undefined, failure: null, collection: undefined, collected: undefined };
  if (shards === 1) return [{ shard: undefined, directory: '', ...idle }];
  const numbers = only ?? Array.from({ length: shards }, (_, shard) => shard);
  return numbers.map((shard) => ({ shard, directory: shardDirectory(shard), ...idle }));
}

/** The logs of a run's Job, from before its first container starts until they are complete on the disk. */
export interface RunLogs {
  /** Collects them, and warns of what they lack. Done once; another call, after the first was interrupted, does the rest. */
  finish(stop: AbortSignal, signal: AbortSignal): Promise<void>;
  /** Empty until they are finished. */
  readonly kept: readonly KeptLog[];
  /** Releases what the nodes keep for us. */
  close(): Promise<void>;
}

/** Tests on the machine or in a Job, from the beginning of their phase on. */
export interface StartedTests {
  /** Milliseconds of the epoch; undefined until their Job or program is started. */
  readonly startedAt?: number | undefined;
  /** Undefined where they run on the machine. */
  readonly job?: KnownJob | undefined;
  /** The suite in one piece, or its shards in their order. */
  readonly parts: readonly SuitePart[];
  readonly logs?: RunLogs | undefined;
  /** What happened to the platform while they ran. */
  readonly incidents?: readonly ReportedIncident[];
  /** Their log, where they ran on the machine. */
  readonly ownLog?: ReportedLog | undefined;
  /** How they ended, where they ran on the machine. */
  readonly exit?: { exitCode: number };
}

/** Until the cluster can be used: as much as is known of it and of the platform. */
interface Preparing extends Partial<OpenRun> {
  readonly stage: 'preparing';
}

/** While the platform is created in the cluster. */
interface Installing extends OpenRun {
  readonly stage: 'platform';
  readonly usage: UsageMeter;
}

/** From the beginning of the tests on. A run on the machine has no cluster, and a killed run has fewer facts. */
interface Testing extends Partial<OpenRun> {
  readonly stage: 'tests';
  readonly usage?: UsageMeter;
  /** Undefined where the tests run on the machine, or in a process that was killed. */
  readonly platform?: Platform;
  readonly tests: StartedTests;
}

/** The progress of a run, with what is known so far. Its results, its verdict and its checkpoint are made of it. */
export type Progress = Preparing | Installing | Testing;

/** The tests of a run, once their phase has begun. */
export function testsOf(progress: Progress): StartedTests | undefined {
  return progress.stage === 'tests' ? progress.tests : undefined;
}

/** The parts of a suite, whether they have begun or not. */
export function partsOf(progress: Progress, shards: number): readonly SuitePart[] {
  return testsOf(progress)?.parts ?? listParts(shards);
}

/** What containers used, measured from the platform on. */
export function usageOf(progress: Progress): UsageMeter | undefined {
  return progress.stage === 'preparing' ? undefined : progress.usage;
}

/** The chart, once helm was asked to install it. */
export function releaseOf(progress: Progress): Chart | undefined {
  return progress.stage === 'preparing' ? undefined : progress.chart;
}
