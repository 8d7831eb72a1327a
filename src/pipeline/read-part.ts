/** The output of one part of a suite: its reports, its notes and its log, and what they show of its tests. */
import path from 'node:path';
import { type KernelKill, readKernelKills } from '../cluster/kernel-kills.ts';
import type { PytestSession } from '../core/pytest-session.ts';
import { shardStatusFile } from '../job/shard-job.ts';
import type { KeptTotals } from '../junit/junit-report.ts';
import { podNamePrefix } from '../kube/job-pods.ts';
import type { ContainerStatus } from '../kube/objects.ts';
import type { KeptLog } from '../logs/job-logs.ts';
import type { ProgressNotes } from '../reconstruct/progress-notes.ts';
import {
  addEndings,
  addFlakyRuns,
  helperDirectory,
  readHelperFault,
  readHelperNotes,
  reconstructRun,
  takeHelperFiles,
} from '../reconstruct/reconstruct-run.ts';
import type { ReconstructedRun } from '../reconstruct/reconstructed-tests.ts';
import { type CollectedResults, collectResults } from '../results/collect-results.ts';
import { readStacks } from '../results/read-stacks.ts';
import { removeStatusFile } from '../results/results-dir.ts';
import type { TakenFiles } from '../results/take-files.ts';
import type { ToolFacts } from '../verdict/explain-exit.ts';
import { earliestWrite } from './earliest-write.ts';
import { gatherToolFacts } from './gather-tool-facts.ts';
import type { MissingFiles, StartedTests, SuitePart } from './progress.ts';
import type { Run } from './run.ts';

/** What is known of a part; the rest was not there, or time ran out before it. */
export interface PartFindings {
  /** Whether a test runner showed by TEST_SHARD_STATUS_FILE that it supports shards. */
  hasShardStatus?: boolean;
  results?: CollectedResults;
  /** What the helper in the test image noted. */
  notes?: ProgressNotes | undefined;
  /** What is known of the tests beyond their reports. */
  reconstructed?: ReconstructedRun | undefined;
  /** Sessions of pytest. */
  sessions?: PytestSession[];
  /** Kills for memory in the test container. */
  kernelKills?: KernelKill[] | undefined;
  /** What is missing from the log of the test container. */
  logGaps?: string[];
  /** What is known of the tool that ran the tests, where no report explains how it ended. */
  tool?: ToolFacts;
}

/** The log of the test container of a part, as far as it was received. */
export function logOfPart({ job, logs }: Partial<StartedTests>, part: SuitePart): KeptLog | undefined {
  const own = logs?.kept.filter((log) => log.container === job?.container) ?? [];
  const byPod = own.find((log) => log.pod === part.end?.pod.metadata.name);
  if (byPod !== undefined || part.shard === undefined) return byPod ?? own[0];
  return own.find((log) => job !== undefined && log.pod.startsWith(podNamePrefix(`${job.name}-${part.shard}`)));
}

/** Where a part has written its results, as they are on the runner. */
function resultsOf(run: Run, part: SuitePart): string {
  return path.join(run.dir.results, part.directory);
}

/** Where the notes of the helper in the test image of a part are kept. */
function helperFilesDir(run: Run, part: SuitePart): string {
  return path.join(run.dir.cluster, 'test-helper', part.directory);
}

/**
 * Separates the reports of a part from all else that it wrote, and reads them.
 * @param options.taken all files that were taken from the results, of any part.
 * @param options.totals shared by all parts, so that many shards take no more memory than one suite.
 */
export async function sortPart(
  run: Run,
  tests: Partial<StartedTests>,
  part: SuitePart,
  options: { taken: TakenFiles; missing: MissingFiles; totals: KeptTotals; signal: AbortSignal },
): Promise<PartFindings> {
  const { dir, inputs } = run;
  const { interruption, failure } = part.end ?? {};
  if (interruption != null) failure?.evidence.push(...(await readStacks(resultsOf(run, part))));
  await takeHelperFiles(resultsOf(run, part), helperFilesDir(run, part));
  const place = part.directory === '' ? '' : `${part.directory}/`;
  const isOurs = ({ name }: { name: string }) => name.startsWith(place) || place === '';
  const isHelpers = (file: string) => file.startsWith(`${place}${helperDirectory}/`);
  const { taken, missing, totals, signal } = options;
  const status = `${place}${shardStatusFile}`;
  if (taken.files.includes(status)) await removeStatusFile(path.join(dir.results, status));
  const results = await collectResults({
    taken: {
      ...taken,
      files: taken.files.filter((file) => file.startsWith(place) && !isHelpers(file) && file !== status),
      leftOut: taken.leftOut.filter(isOurs),
      warnings: [],
    },
    takenDir: dir.results,
    missing: missing.filter(isOurs),
    junitDir: dir.junit,
    junitGlobs: inputs.junitGlobs,
    below: place,
    seenAs: inputs.tier === 'unit' ? dir.results : inputs.resultsPath,
    notBefore: notBefore(tests, part),
    exitCode: endOf(tests, part)?.exitCode,
    totals,
    signal,
  });
  return { results, hasShardStatus: taken.files.includes(status) };
}

/** How the tests of a part ended, in a container or on the machine; undefined where that is not known. */
export function endOf({ exit }: Partial<StartedTests>, part: SuitePart): { exitCode: number } | undefined {
  return part.end?.terminated ?? exit;
}

/** When reports of a part were written at the earliest, by the clock that their file times come from. */
function notBefore(tests: Partial<StartedTests>, part: SuitePart): number {
  return earliestWrite(tests.startedAt ?? 0, containerOf(tests, part)?.state?.terminated?.startedAt);
}

function containerOf({ job }: Partial<StartedTests>, part: SuitePart): ContainerStatus | undefined {
  return part.end?.pod.status?.containerStatuses?.find((one) => one.name === job?.container);
}

/** Reads what the test helper of a part has noted, and adds to the reports of the part what only the notes know. */
export async function readNotes(
  run: Run,
  part: SuitePart,
  { reports = [] }: Partial<CollectedResults>,
  signal: AbortSignal,
): Promise<ProgressNotes | undefined> {
  const notes = await readHelperNotes(helperFilesDir(run, part), run.record.content.runId, signal);
  const fault = await readHelperFault(helperFilesDir(run, part), signal);
  if (fault !== '') run.warn(`the test helper could not note everything, so that tests may be missing: ${fault}`);
  if (notes === undefined) return undefined;
  addEndings(reports, notes);
  addFlakyRuns(reports, notes);
  return notes;
}

/** Finds out about tests of a part that left no report, or not all of it. */
export async function reconstructPart(
  run: Run,
  tests: StartedTests,
  part: SuitePart,
  { found, signal }: { found: PartFindings; signal: AbortSignal },
): Promise<Pick<PartFindings, 'reconstructed' | 'sessions' | 'tool'>> {
  const { reports = [], unreadable = [] } = found.results ?? {};
  const ownLog = tests.ownLog === undefined ? undefined : path.join(run.dir.root, tests.ownLog.path);
  const logFile = logOfPart(tests, part)?.file ?? ownLog;
  const resultsDir = resultsOf(run, part);
  const { reconstructed, sessions } = await reconstructRun({
    reports,
    unreadable,
    notes: found.notes,
    resultsDir,
    notBefore: notBefore(tests, part),
    logFile,
    isInterrupted: part.end === undefined ? tests.exit === undefined : part.end.failure !== null,
    signal,
  });
  const hasReport = reports.length > 0;
  if (hasReport && endOf(tests, part)?.exitCode === 0) return { reconstructed, sessions };
  const traces = { container: tests.job?.container, pod: part.end?.pod, resultsDir, hasReport, logFile };
  return { reconstructed, sessions, tool: await gatherToolFacts(run, traces, signal) };
}

/** Kills for memory in the test container of a part; undefined where its node cannot be reached. */
export async function findKernelKills(
  tests: StartedTests,
  part: SuitePart,
  { nodes, signal }: { nodes: readonly string[]; signal: AbortSignal },
): Promise<KernelKill[] | undefined> {
  const { nodeName = '' } = part.end?.pod.spec ?? {};
  const containerId = containerOf(tests, part)?.containerID?.replace(/^.*:\/\//, '') ?? '';
  return containerId !== '' && nodes.includes(nodeName) ? readKernelKills(nodeName, containerId, signal) : undefined;
}
