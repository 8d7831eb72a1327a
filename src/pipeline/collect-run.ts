import path from 'node:path';
import { type KernelKill, readKernelKills } from '../cluster/kernel-kills.ts';
import { isDiskFull } from '../core/disk-error.ts';
import { type Result, succeed } from '../core/outcome.ts';
import { collectEvidence, type Evidence, readLogTails } from '../diagnose/collect-evidence.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { KeptLog } from '../logs/job-logs.ts';
import { saveRelease } from '../platform/save-release.ts';
import type { ProgressNotes } from '../reconstruct/progress-notes.ts';
import type { PytestSession } from '../reconstruct/pytest-sessions.ts';
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
import { fenceResults } from '../results/fence-results.ts';
import { readStacks } from '../results/read-stacks.ts';
import { dismissCollector } from '../results/results-collection.ts';
import { shrinkReserve } from '../results/results-dir.ts';
import { listNames } from '../results/results-limits.ts';
import { collectorName } from '../results/route-results.ts';
import { findInterrupted, takeFiles } from '../results/take-files.ts';
import { endOrphans } from '../tools/end-orphans.ts';
import type { ToolFacts } from '../verdict/explain-exit.ts';
import { earliestWrite } from './earliest-write.ts';
import { gatherToolFacts } from './gather-tool-facts.ts';
import { ResultSteps } from './result-steps.ts';
import type { Run } from './run.ts';

/** What was brought home; the rest was not there, or time ran out before it. */
export interface CollectedRun {
  results?: CollectedResults;
  evidence?: Evidence | undefined;
  /** Whether the results directory can take no more. */
  isDiskFull?: boolean;
  /** What the helper in the test image noted. */
  notes?: ProgressNotes | undefined;
  /** What is known of the tests beyond their reports. */
  reconstructed?: ReconstructedRun | undefined;
  /** Sessions of pytest. */
  sessions?: PytestSession[];
  /** Kills for memory in the test container. */
  kernelKills?: KernelKill[];
  /** What is missing from the log of the test container. */
  logGaps?: string[];
  /** What is known of the tool that ran the tests, where no report explains how it ended. */
  tool?: ToolFacts;
}

/** Of the logs of a run that was cancelled, for what is still on its way. */
const logRescueMilliseconds = 1500;
/** So long processes of pods that have the results mounted may take to end. */
const fenceSeconds = { usual: 10, cancelled: 1 };
/** For the evidence of a run whose API server was lost. */
const lostApiSeconds = 3;
/** A pod that is told to go needs no more. */
const dismissSeconds = 5;

/** Files that the tests had written and that never came here. */
type Missing = { name: string; reason: string; isDirectory?: boolean }[];

/**
 * The phase `results`: the end of the log, what the tests wrote, and what tells how the cluster was. What has come home is
 * put into `home` as soon as it is there. Whatever the cluster does, what lies on the disk is sorted, masked and read.
 */
export async function collectRun(run: Run, collected: CollectedRun, isCancelled: boolean): Promise<Result<undefined>> {
  const steps = new ResultSteps(run.signal, isCancelled);
  try {
    const isLate = () => steps.isCancelled;
    const [isFenced = false] = await Promise.all([
      steps.run('fence', (signal) => fence(run, isLate() ? fenceSeconds.cancelled : fenceSeconds.usual, signal)),
      // Logs that are still followed (after a cancel) end with what there is.
      steps.run('logs', async (signal) => run.logs?.finish(AbortSignal.timeout(logRescueMilliseconds), signal)),
    ]);
    collected.logGaps = testLog(run)?.gaps ?? [];
    await lookAtDisk(run, collected);
    const fromJob = await steps.run('collection', (signal) => finishCollection(run, signal));
    await steps.run('disk', async (signal) => {
      collected.results = await sortResults(run, { isFenced, missing: fromJob?.missing ?? [], signal });
    });
    await steps.run('reading', (signal) => reconstructTests(run, collected, signal));
    // An API server that was given up is asked once more, and not for long.
    const isLost = run.end?.interruption?.why === 'api-lost';
    await steps.run('evidence', async (signal) => {
      const patience = isLost ? AbortSignal.any([signal, AbortSignal.timeout(lostApiSeconds * 1000)]) : signal;
      collected.evidence = await gatherEvidence(run, patience);
    });
    await steps.run('disk', (signal) => maskOwnFiles(run, collected, signal));
    if (fromJob?.result.ok === false) return fromJob.result;
  } finally {
    steps.close();
    await run.logs?.close();
  }
  return steps.result();
}

/** For a run whose process was killed: what only its cluster can still tell, and give. */
export async function salvageCluster(run: Run, collected: CollectedRun, signal: AbortSignal): Promise<void> {
  await fence(run, fenceSeconds.usual, signal);
  collected.evidence = await gatherEvidence(run, signal);
}

/**
 * For a run whose process was killed: what lies on the disk. Nothing of the run may write there any more, lest a secret come
 * after the masking.
 */
export async function salvageDisk(run: Run, collected: CollectedRun, signal: AbortSignal): Promise<void> {
  await lookAtDisk(run, collected);
  collected.logGaps = testLog(run)?.gaps ?? [];
  collected.results = await sortResults(run, { isFenced: isOwned(run), missing: [], signal });
  await reconstructTests(run, collected, signal);
  await maskOwnFiles(run, collected, signal);
  collected.evidence ??= { events: [], pods: [], problems: [], logs: await readLogTails(run.dir.logs) };
}

async function lookAtDisk(run: Run, collected: CollectedRun): Promise<void> {
  collected.isDiskFull = await isDiskFull(run.dir.root);
  if (!collected.isDiskFull) return;
  run.warn(`the disk of ${run.dir.root} is full: the last writes may be truncated`);
  // Directories have to be made for what is taken.
  await shrinkReserve(run.dir);
}

/** The last of the results, as far as they come until the signal, where they are not on this disk yet; then the pod may end. */
async function finishCollection(
  run: Run,
  signal: AbortSignal,
): Promise<{ result: Result<undefined>; missing: Missing }> {
  const { collection, connection, end, job } = run;
  if (collection === undefined || connection === undefined) return { result: succeed(undefined), missing: [] };
  run.collection = undefined;
  const { warnings, failure, missing } = await collection.finish(signal);
  for (const warning of warnings) run.warn(warning);
  if (end !== undefined && job?.route?.kind === 'collector') {
    const over = AbortSignal.timeout(dismissSeconds * 1000);
    await dismissCollector(connection, run.inputs.namespace, end.pod.metadata.name, over).catch((error: unknown) => {
      if (!over.aborted) throw error;
    });
  }
  if (failure === undefined) return { result: succeed(undefined), missing };
  // Where something else ended the run, that is its failure, and this only a part of what came of it.
  run.warn(failure.reason);
  return { result: { ok: false, failure }, missing };
}

/** Logs and objects of the cluster are ours; those that another program wrote may still hold a secret. */
async function maskOwnFiles(run: Run, collected: CollectedRun, signal: AbortSignal): Promise<void> {
  const { mask, dir } = run;
  if (!mask.isEmpty) {
    const limits = { totalBytes: Number.POSITIVE_INFINITY, files: Number.POSITIVE_INFINITY };
    const masked: string[] = [];
    for (const directory of [dir.logs, dir.cluster]) {
      const taken = await takeFiles({ directory, root: dir.root, mask, limits, isFenced: true, signal });
      masked.push(...taken.masked);
      for (const warning of taken.warnings) run.warn(warning);
    }
    sayMasked(run, masked);
    collected.evidence = mask.maskValue(collected.evidence);
  }
  // What could not be taken is not among them: only a directory that could not be gone through as a whole is open.
  run.isMasked = collected.results !== undefined;
}

function sayMasked(run: Run, masked: readonly string[]): void {
  if (masked.length > 0) run.reporter.say(`secrets were masked in ${masked.length} files: ${listNames(masked)}`);
}

/** The log of the test container, as far as it came. */
function testLog(run: Run): KeptLog | undefined {
  const own = run.logs?.kept.filter((log) => log.container === run.job?.container) ?? [];
  return own.find((log) => log.pod === run.end?.pod.metadata.name) ?? own[0];
}

/**
 * Has nobody write to the results any more, and makes them ours. What a collector hands over is ours already.
 * @returns whether that is so.
 */
async function fence(run: Run, seconds: number, signal: AbortSignal): Promise<boolean> {
  if (run.inputs.tier === 'unit') {
    const ended = endOrphans(run.record.content.runId);
    if (ended > 0) run.reporter.say(`${ended} programs that the tests left running were stopped`);
    return true;
  }
  const route = run.job?.route?.kind ?? 'host';
  if (run.forceCollector || run.cluster === undefined || route !== 'host') return true;
  const ofTests = run.end?.pod.spec.nodeName;
  const nodes = [...run.cluster.nodes].sort((a, b) => Number(b === ofTests) - Number(a === ofTests));
  const { isFenced, ended, problem } = await fenceResults({
    nodes,
    nodePath: run.resultsNodePath,
    hostPath: run.dir.results,
    fenceSeconds: seconds,
    signal,
  });
  if (ended > 0)
    run.reporter.say(`${ended} processes beside the tests could still write to the results and were stopped`);
  if (!isFenced) run.warn(`the ownership of the results could not be changed; they are copied instead: ${problem}`);
  return isFenced;
}

/** Once the nodes of a run are gone nobody writes; whether the files are ours shows at each of them. */
function isOwned(run: Run): boolean {
  return run.inputs.tier === 'unit' || run.forceCollector || run.isTornDown;
}

async function sortResults(
  run: Run,
  options: { isFenced: boolean; missing: Missing; signal: AbortSignal },
): Promise<CollectedResults> {
  const { dir, inputs } = run;
  const { signal } = options;
  const taken = await takeFiles({
    directory: dir.results,
    // Reports that had been sorted before the process was killed, and what was on its way.
    alsoFrom: [dir.junit, ...findInterrupted(dir.root, dir.results)],
    root: dir.root,
    mask: run.mask,
    limits: run.resultsLimits,
    isFenced: options.isFenced,
    seenAs: inputs.resultsPath,
    signal,
  });
  sayMasked(run, taken.masked);
  const { interruption, failure } = run.end ?? {};
  if (interruption != null) failure?.evidence.push(...(await readStacks(dir.results)));
  await takeHelperFiles(dir.results, helperFilesDir(run));
  const fromJob = await collectResults({
    taken: { ...taken, files: taken.files.filter((file) => !file.startsWith(`${helperDirectory}/`)) },
    takenDir: dir.results,
    missing: options.missing,
    junitDir: dir.junit,
    junitGlobs: inputs.junitGlobs,
    notBefore: notBefore(run),
    exitCode: (run.end?.terminated ?? run.exit)?.exitCode,
    signal,
  });
  for (const warning of fromJob.warnings) run.warn(warning);
  return fromJob;
}

/** Where the notes of the helper in the test image are kept. */
function helperFilesDir(run: Run): string {
  return path.join(run.dir.cluster, 'test-helper');
}

/** When reports of this run were written at the earliest, by whatever clock their files have. */
function notBefore(run: Run): number {
  const container = run.end?.pod.status?.containerStatuses?.find((one) => one.name === run.job?.container);
  return earliestWrite(run.testsStartedAt ?? 0, container?.state?.terminated?.startedAt);
}

/** Tests of a run that left no report, or not all of it, and what the kernel has to do with it. */
async function reconstructTests(run: Run, collected: CollectedRun, signal: AbortSignal): Promise<void> {
  if (run.testsStartedAt === undefined) return;
  const { reports = [], unreadable = [] } = collected.results ?? {};
  collected.notes = await readHelperNotes(helperFilesDir(run), run.record.content.runId, signal);
  const fault = await readHelperFault(helperFilesDir(run), signal);
  if (fault !== '') run.warn(`the test helper could not note everything, so that tests may be missing: ${fault}`);
  if (collected.notes !== undefined) {
    addEndings(reports, collected.notes);
    addFlakyRuns(reports, collected.notes);
  }
  const logFile =
    testLog(run)?.file ?? (run.ownLog === undefined ? undefined : path.join(run.dir.root, run.ownLog.path));
  const { reconstructed, sessions } = await reconstructRun({
    reports,
    unreadable,
    notes: collected.notes,
    resultsDir: run.dir.results,
    notBefore: notBefore(run),
    logFile,
    isInterrupted: run.end === undefined ? run.exit === undefined : run.end.failure !== null,
    signal,
  });
  collected.reconstructed = reconstructed;
  collected.sessions = sessions;
  const exitCode = (run.end?.terminated ?? run.exit)?.exitCode;
  if (exitCode !== 0 || reports.length === 0)
    collected.tool = await gatherToolFacts(run, reports.length > 0, logFile, signal);
  const { nodeName } = run.end?.pod.spec ?? {};
  const container = run.end?.pod.status?.containerStatuses?.find((one) => one.name === run.job?.container);
  const containerId = container?.containerID?.replace(/^.*:\/\//, '') ?? '';
  if (nodeName !== undefined && containerId !== '' && run.cluster?.nodes.includes(nodeName) === true)
    collected.kernelKills = await readKernelKills(nodeName, containerId, signal);
}

/** What the chart made in another namespace: `cluster/<namespace>/` and `logs/<namespace>/`. */
async function gatherFrom(
  run: Run,
  connection: KubeConnection,
  namespace: string,
  signal: AbortSignal,
): Promise<Evidence> {
  const clusterDir = path.join(run.dir.cluster, namespace);
  const logsDir = path.join(run.dir.logs, namespace);
  return collectEvidence({
    connection,
    namespace,
    clusterDir,
    logsDir,
    alreadyLogged: [],
    since: run.platformSince,
    mask: run.mask,
    signal,
  });
}

async function gatherEvidence(run: Run, signal: AbortSignal): Promise<Evidence | undefined> {
  if (run.connection === undefined) return undefined;
  // First, for the last lines of all logs are read together.
  const others: Evidence[] = [];
  for (const namespace of run.otherNamespaces) others.push(await gatherFrom(run, run.connection, namespace, signal));
  const evidence = await collectEvidence({
    connection: run.connection,
    namespace: run.inputs.namespace,
    clusterDir: run.dir.cluster,
    logsDir: run.dir.logs,
    mask: run.mask,
    // The collector has nothing to say.
    alreadyLogged: [
      ...(run.logs?.kept.map((log) => `${log.pod}/${log.container}`) ?? []),
      `${run.end?.pod.metadata.name}/${collectorName}`,
    ],
    signal,
  });
  for (const other of others) {
    evidence.events.push(...other.events);
    evidence.pods.push(...other.pods);
    evidence.problems.push(...other.problems);
  }
  evidence.events.sort((a, b) => a.at.localeCompare(b.at));
  if (run.release !== undefined && run.cluster !== undefined)
    evidence.problems.push(...(await saveRelease(run.release, run.cluster.kubeconfigPath, run.dir.cluster, signal)));
  for (const problem of evidence.problems) run.warn(problem);
  return run.mask.maskValue(evidence);
}
