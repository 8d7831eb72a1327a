/** One run on its way: what it was asked for, and what it has learned so far. */
import path from 'node:path';
import type { LocalImage } from '../cluster/docker.ts';
import { nodeResultsPath } from '../cluster/kind-config.ts';
import type { ReadyCluster } from '../cluster/make-cluster.ts';
import type { UsageMeter } from '../diagnose/measure-usage.ts';
import type { NamespaceWatch } from '../diagnose/namespace-watch.ts';
import type { Door } from '../door.ts';
import type { Inputs } from '../inputs.ts';
import type { LogCapture } from '../job/capture-log.ts';
import type { JobEnd } from '../job/run-job.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { Verdict } from '../outcome.ts';
import type { Chart } from '../platform/chart.ts';
import type { ReportedLog, ReportInput } from '../report/report-input.ts';
import { layoutResults, type ResultsDir } from '../results-dir.ts';
import type { RunRecord } from '../state.ts';
import { PhaseClock } from './phase-clock.ts';

export interface RunOptions {
  inputs: Inputs;
  door: Door;
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
}

export interface RunEnd {
  verdict: Verdict;
  dir: ResultsDir;
  report: ReportInput;
  /** Path of the kubeconfig; empty when there is no cluster. */
  kubeconfig: string;
  /** False when another run uses the results directory: then nothing of this one may be written there. */
  ownsResultsDir: boolean;
}

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

/** What phases hand on to later ones; each field is there once its phase is done. Only phases of this run write here. */
export class Run {
  readonly inputs: Inputs;
  readonly door: Door;
  readonly signal: AbortSignal;
  readonly record: RunRecord;
  readonly workDir: string;
  readonly dir: ResultsDir;
  readonly leg: Verdict['leg'];
  readonly clock: PhaseClock;
  readonly warnings: string[] = [];
  /** Ends what goes on beside the phases: watches and logs. */
  readonly closing = new AbortController();
  cluster: ReadyCluster | undefined;
  connection: KubeConnection | undefined;
  /** The chart, once helm was told to install it. */
  release: Chart | undefined;
  /** The test image, as far as the local docker has it. */
  image: LocalImage | undefined;
  /** Milliseconds of the epoch. */
  testsStartedAt: number | undefined;
  log: Promise<LogCapture> | undefined;
  /** Where the log of the test container is written. */
  logFile: string | undefined;
  end: JobEnd | undefined;
  /** What containers use, measured beside the platform and the tests. */
  usage: UsageMeter | undefined;
  /** In place of `end` where the tests ran on the machine itself. */
  exit: { exitCode: number } | undefined;
  /** The log of tests that ran on the machine itself. */
  ownLog: ReportedLog | undefined;

  constructor(options: RunOptions) {
    this.inputs = options.inputs;
    this.door = options.door;
    this.signal = options.signal;
    this.record = options.record;
    this.workDir = options.workDir;
    this.leg = options.leg;
    this.dir = layoutResults(options.inputs.resultsDir);
    this.clock = new PhaseClock(options.door);
  }

  /** What the rooms below are given to speak with, and the signal that ends them. */
  get voice(): Voice {
    return {
      signal: this.signal,
      say: (line) => this.door.say(line),
      warn: (text) => this.warn(text),
      waitingFor: (what) => this.door.waitingFor(what),
      quote: (line) => this.door.quote(line),
    };
  }

  /** Where the nodes of the cluster see the directory that the tests write to. */
  get resultsNodePath(): string {
    return path.posix.join(nodeResultsPath, path.relative(this.cluster!.mountedHostPath, this.dir.results));
  }

  /** Says it now and in the verdict. */
  warn(text: string): void {
    this.warnings.push(text);
    this.door.warn(text);
  }
}
