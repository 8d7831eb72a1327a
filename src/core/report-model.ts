/** What every rendering of a run is made from. Nothing here is trusted: each renderer makes text inert for its medium. */
import type { PhaseRecord, TestCase, Verdict } from './outcome.ts';

/** The end of one container's log. */
export interface ReportedLog {
  pod: string;
  container: string;
  /** Of the complete file, relative to the results directory. */
  path: string;
  lastLines: string[];
}

/** An event of the cluster. */
export interface ReportedEvent {
  /** ISO 8601. */
  at: string;
  /** `Normal` or `Warning`. */
  type: string;
  /** Kind and name, as `Pod/floe-test-abc`. */
  object: string;
  reason: string;
  message: string;
  /** How often it happened, `at` the last time; absent for once. */
  count?: number;
}

/** Something that happened to the platform while the tests ran, or that was wrong with it when they began. */
export interface ReportedIncident {
  /** ISO 8601. */
  at: string;
  /** Name of the pod; of what should have made it where there was none. */
  pod: string;
  container: string;
  /** One line, such as `restarted (OOMKilled at its limit of 512Mi)`. */
  what: string;
  /** Whether it was still missing when the tests ended: then it may be the cause of any failure after it. */
  lasts?: true;
  /** Whether it was so before the tests began; `at` is their begin. */
  wasBefore?: true;
}

/** Usage of a container, compared with its requests. Values that were not requested or not measured are absent. */
export interface ReportedUsage {
  pod: string;
  container: string;
  cpuPeakCores: number;
  memoryPeakBytes: number;
  cpuRequestCores?: number;
  cpuLimitCores?: number;
  memoryRequestBytes?: number;
  memoryLimitBytes?: number;
}

/** A part of a pod's life. */
export interface PodStage {
  what: 'unplaced' | 'starting' | 'pulling' | 'init' | 'running' | 'ready';
  /** ISO 8601. */
  from: string;
  /** ISO 8601; without it the stage lasts to the end of what is known. */
  until?: string;
}

/** The life of a pod. */
export interface ReportedPod {
  name: string;
  node?: string;
  /** One after another, without overlap. */
  stages: PodStage[];
  /** How it ended: with success, with an error, or it is gone and its end is unknown. Absent while it exists. */
  end?: 'completed' | 'failed' | 'gone';
  restarts: { at: string; what: string }[];
}

/** A phase with its place in time. */
export interface TimedPhase extends PhaseRecord {
  /** Seconds from the beginning of the run to that of the phase. */
  startSeconds: number;
}

/** A run in the picture of several. */
export interface TrendRun {
  /** ISO 8601. */
  at: string;
  outcome: string;
  seconds: number;
  /** Number of tests. */
  total: number;
  /** Seconds by phase. */
  phases: Readonly<Record<string, number>>;
}

/** A run against the ones before it. */
export interface Trend {
  /** The oldest first, and this one last. */
  runs: readonly TrendRun[];
  /** What this run changed, a line each, the most important first. */
  changes: readonly string[];
}

/** Jobs of a matrix against the suites that they ran. */
export interface JobGrid {
  suites: readonly string[];
  /** A row for each job, and in it a cell for each suite; `–` where the job did not run the suite. */
  jobs: readonly { name: string; hasPassed: boolean; cells: readonly string[] }[];
  /** Jobs that have no row. */
  more: number;
}

export interface ReportInput {
  verdict: Verdict;
  /** All tests whose text is kept, in any order. */
  tests: readonly TestCase[];
  logs: readonly ReportedLog[];
  /** Small pictures among the attachments of failed tests, as `data:` URLs of PNG and JPEG, by path. */
  pictures?: ReadonlyMap<string, string>;
  /** In any order. */
  events?: readonly ReportedEvent[];
  /** In the order of time. */
  incidents?: readonly ReportedIncident[];
  usage?: readonly ReportedUsage[];
  /** In the order in which they began. */
  pods?: readonly ReportedPod[];
  /** With times, phases are drawn at their times; without, one after another. */
  phases?: readonly TimedPhase[];
  /** ISO 8601; places events on the timeline. */
  startedAt?: string;
  /** Absent without enough earlier runs. */
  trend?: Trend;
  /** Of a roll-up. */
  grid?: JobGrid;
  /** Directory on the runner that holds all files of the run. */
  resultsDir: string;
  /** Where the uploaded artifact can be had. */
  artifactUrl?: string;
}
