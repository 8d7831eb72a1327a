import { mkdir, readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { type KernelKill, readKernelKills } from '../cluster/kernel-kills.ts';
import { isDiskFull } from '../core/disk-trouble.ts';
import { fail, type Result, succeed } from '../core/outcome.ts';
import { collectEvidence, type Evidence, readLogTails } from '../diagnose/collect-evidence.ts';
import type { KeptLog } from '../logs/job-logs.ts';
import { saveRelease } from '../platform/save-release.ts';
import type { ProgressNotes } from '../reconstruct/progress-notes.ts';
import type { PytestSession } from '../reconstruct/pytest-sessions.ts';
import { addEndings, addFlakyRuns, readHelperNotes, rebuildRun, takeHelperFiles } from '../reconstruct/rebuild-run.ts';
import type { RebuiltRun } from '../reconstruct/rebuilt-tests.ts';
import { adoptResults } from '../results/adopt-results.ts';
import { type CollectedResults, collectResults } from '../results/collect-results.ts';
import { maskFiles } from '../results/mask-files.ts';
import { readStacks } from '../results/read-stacks.ts';
import { dismissCollector } from '../results/results-collection.ts';
import { listNames } from '../results/results-limits.ts';
import { collectorName } from '../results/route-results.ts';
import type { ToolFacts } from '../verdict/explain-exit.ts';
import { earliestWrite } from './earliest-write.ts';
import { gatherToolFacts } from './gather-tool-facts.ts';
import type { Run } from './run.ts';

/** What was brought home; the rest was not there, or time ran out before it. */
export interface BroughtHome {
  results?: CollectedResults;
  evidence?: Evidence | undefined;
  /** Whether the results directory can take no more. */
  isDiskFull?: boolean;
  /** What the helper in the test image noted. */
  notes?: ProgressNotes | undefined;
  /** What is known of the tests beyond their reports. */
  rebuilt?: RebuiltRun | undefined;
  /** Sessions of pytest. */
  sessions?: PytestSession[];
  /** Kills for memory in the test container. */
  kernelKills?: KernelKill[];
  /** What is missing from the log of the test container. */
  logGaps?: string[];
  /** What is known of the tool that ran the tests, where no report explains how it ended. */
  tool?: ToolFacts;
}

/** After a cancel so much time is left for what must still come home: GitHub kills after 10 s in all. */
const rescueSeconds = 4;
/** Of these, for the end of the log. */
const logRescueMilliseconds = 1500;
/** When results that are elsewhere are waited for no longer: what is here by then has to be masked, sorted and read. */
const collectRescueSeconds = 2.5;
/** For the evidence of a run whose API server was lost. */
const lostApiSeconds = 3;
/** For a run that was not cancelled. */
const collectSeconds = 120;

/**
 * The phase `results`: the end of the log, what the tests wrote, and what tells how the cluster was. What has come home is
 * put into `home` as soon as it is there.
 */
export async function bringHome(run: Run, home: BroughtHome, isCancelled: boolean): Promise<Result<undefined>> {
  const over = new AbortController();
  const patience = AbortSignal.any([over.signal, AbortSignal.timeout(collectSeconds * 1000)]);
  const cut = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const hurry = () => {
    timers.push(setTimeout(() => cut.abort(), collectRescueSeconds * 1000));
    timers.push(setTimeout(() => over.abort(), rescueSeconds * 1000));
  };
  // A cancel may also come while this goes on.
  if (isCancelled || run.signal.aborted) hurry();
  else run.signal.addEventListener('abort', hurry, { once: true });
  try {
    // Logs that are still followed (after a cancel) end with what there is.
    await run.logs?.finish(AbortSignal.timeout(logRescueMilliseconds), patience);
    home.logGaps = testLog(run)?.gaps ?? [];
    home.isDiskFull = await isDiskFull(run.dir.root);
    if (home.isDiskFull) run.warn(`the disk of ${run.dir.root} is full: what was written last may be cut`);
    const collected = await finishCollection(run, AbortSignal.any([patience, cut.signal]), patience);
    await takeOwnership(run, patience);
    home.results = await sortResults(run, patience);
    await tellWhatFinished(run, home, patience);
    // An API server that was given up is asked once more, and not for long.
    const isLost = run.end?.interruption?.why === 'api-lost';
    home.evidence = await gatherEvidence(
      run,
      isLost ? AbortSignal.any([patience, AbortSignal.timeout(lostApiSeconds * 1000)]) : patience,
    );
    await run.logs?.close();
    return collected;
  } catch (error) {
    await hideSecrets(run);
    if (!patience.aborted) throw error;
    const seconds = over.signal.aborted ? rescueSeconds : collectSeconds;
    return fail('results', `not all results could be brought home within ${seconds} s`, {
      hint: 'What came home lies in the results directory.',
    });
  } finally {
    run.signal.removeEventListener('abort', hurry);
    for (const timer of timers) clearTimeout(timer);
  }
}

/** For a run whose process was killed: what only its cluster can still tell, and give. */
export async function salvageCluster(run: Run, home: BroughtHome, signal: AbortSignal): Promise<void> {
  await takeOwnership(run, signal);
  home.evidence = await gatherEvidence(run, signal);
}

/**
 * For a run whose process was killed: what lies on the disk. Nothing of the run may write there any more, lest a secret come
 * after the masking.
 */
export async function salvageDisk(run: Run, home: BroughtHome, signal: AbortSignal): Promise<void> {
  await returnReports(run);
  home.isDiskFull = await isDiskFull(run.dir.root);
  home.logGaps = testLog(run)?.gaps ?? [];
  home.results = await sortResults(run, signal);
  await tellWhatFinished(run, home, signal);
  home.evidence ??= { events: [], pods: [], troubles: [], logs: await readLogTails(run.dir.logs) };
}

/** Reports that had been sorted already go back, to be sorted with the rest. */
async function returnReports({ dir }: Run): Promise<void> {
  for (const entry of await readdir(dir.junit, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const from = path.join(entry.parentPath, entry.name);
    const to = path.join(dir.results, path.relative(dir.junit, from));
    await mkdir(path.dirname(to), { recursive: true });
    await rename(from, to);
  }
}

/** The last of the results, as far as they come until `cut`, where they are not on this disk yet; then the pod may end. */
async function finishCollection(run: Run, cut: AbortSignal, signal: AbortSignal): Promise<Result<undefined>> {
  const { collection, connection, end, job } = run;
  if (collection === undefined || connection === undefined) return succeed(undefined);
  run.collection = undefined;
  const { warnings, failure } = await collection.finish(cut);
  for (const warning of warnings) run.warn(warning);
  if (end !== undefined && job?.route?.kind === 'collector')
    await dismissCollector(connection, run.inputs.namespace, end.pod.metadata.name, signal);
  if (failure === undefined) return succeed(undefined);
  // Where something else ended the run, that is its failure, and this only a part of what came of it.
  run.warn(failure.reason);
  return { ok: false, failure };
}

/** Nothing that this run brought home holds a secret, whatever time that takes. */
async function hideSecrets(run: Run): Promise<void> {
  const { results, junit, logs, cluster } = run.dir;
  const masked = await maskFiles(run.mask, [results, junit, logs, cluster], new AbortController().signal);
  if (masked.length > 0) run.door.say(`secrets were masked in ${masked.length} files: ${listNames(masked)}`);
}

/** The log of the test container, as far as it came. */
function testLog(run: Run): KeptLog | undefined {
  const own = run.logs?.kept.filter((log) => log.container === run.job?.container) ?? [];
  return own.find((log) => log.pod === run.end?.pod.metadata.name) ?? own[0];
}

/** What test containers wrote is ours from now on. What a collector hands over is ours already, and the nodes may not see it. */
async function takeOwnership(run: Run, signal: AbortSignal): Promise<void> {
  for (const node of run.forceCollector ? [] : (run.cluster?.nodes ?? [])) {
    const trouble = await adoptResults(node, run.resultsNodePath, signal);
    if (trouble !== '') run.warn(`the owner of the results could not be changed: ${trouble}`);
  }
}

async function sortResults(run: Run, signal: AbortSignal): Promise<CollectedResults> {
  const { interruption, failure } = run.end ?? {};
  if (interruption != null) failure?.evidence.push(...(await readStacks(run.dir.results)));
  await hideSecrets(run);
  await takeHelperFiles(run.dir.results, helperFilesDir(run));
  const collected = await collectResults({
    writtenDir: run.dir.results,
    junitDir: run.dir.junit,
    junitGlobs: run.inputs.junitGlobs,
    notBefore: notBefore(run),
    exitCode: (run.end?.terminated ?? run.exit)?.exitCode,
    limits: run.resultsLimits,
    signal,
  });
  for (const warning of collected.warnings) run.warn(warning);
  return collected;
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
async function tellWhatFinished(run: Run, home: BroughtHome, signal: AbortSignal): Promise<void> {
  if (run.testsStartedAt === undefined) return;
  const { reports = [], unreadable = [] } = home.results ?? {};
  home.notes = await readHelperNotes(helperFilesDir(run), run.record.content.runId, signal);
  if (home.notes !== undefined) {
    addEndings(reports, home.notes);
    addFlakyRuns(reports, home.notes);
  }
  const logFile =
    testLog(run)?.file ?? (run.ownLog === undefined ? undefined : path.join(run.dir.root, run.ownLog.path));
  const { rebuilt, sessions } = await rebuildRun({
    reports,
    unreadable,
    notes: home.notes,
    resultsDir: run.dir.results,
    notBefore: notBefore(run),
    logFile,
    isInterrupted: run.end === undefined ? run.exit === undefined : run.end.failure !== null,
    signal,
  });
  home.rebuilt = rebuilt;
  home.sessions = sessions;
  const exitCode = (run.end?.terminated ?? run.exit)?.exitCode;
  if (exitCode !== 0 || reports.length === 0)
    home.tool = await gatherToolFacts(run, reports.length > 0, logFile, signal);
  const { nodeName } = run.end?.pod.spec ?? {};
  const container = run.end?.pod.status?.containerStatuses?.find((one) => one.name === run.job?.container);
  const containerId = container?.containerID?.replace(/^.*:\/\//, '') ?? '';
  if (nodeName !== undefined && containerId !== '' && run.cluster?.nodes.includes(nodeName) === true)
    home.kernelKills = await readKernelKills(nodeName, containerId, signal);
}

async function gatherEvidence(run: Run, signal: AbortSignal): Promise<Evidence | undefined> {
  if (run.connection === undefined) return undefined;
  const evidence = await collectEvidence({
    connection: run.connection,
    namespace: run.inputs.namespace,
    clusterDir: run.dir.cluster,
    logsDir: run.dir.logs,
    // The collector has nothing to say.
    alreadyLogged: [
      ...(run.logs?.kept.map((log) => `${log.pod}/${log.container}`) ?? []),
      `${run.end?.pod.metadata.name}/${collectorName}`,
    ],
    signal,
  });
  if (run.release !== undefined && run.cluster !== undefined)
    evidence.troubles.push(...(await saveRelease(run.release, run.cluster.kubeconfigPath, run.dir.cluster, signal)));
  for (const trouble of evidence.troubles) run.warn(trouble);
  await hideSecrets(run);
  return run.mask.maskValue(evidence);
}
