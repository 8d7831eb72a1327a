import path from 'node:path';
import { adoptResults } from '../cluster/adopt-results.ts';
import { type KernelKill, readKernelKills } from '../cluster/kernel-kills.ts';
import { collectEvidence, type Evidence } from '../diagnose/collect-evidence.ts';
import { isDiskFull } from '../disk-trouble.ts';
import { testContainerName } from '../job/build-job.ts';
import { type CollectedResults, collectResults } from '../job/collect-results.ts';
import type { ProgressNotes } from '../job/progress-notes.ts';
import { addEndings, readHelperNotes, rebuildRun, takeHelperFiles } from '../job/rebuild-run.ts';
import type { RebuiltRun } from '../job/rebuilt-tests.ts';
import { fail, type Result, succeed } from '../outcome.ts';
import { saveRelease } from '../platform/save-release.ts';
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
  /** Kills for memory in the test container. */
  kernelKills?: KernelKill[];
  /** What is missing from the log of the test container. */
  logGaps?: string[];
}

/** After a cancel so much time is left for what must still come home: GitHub kills after 10 s in all. */
const rescueSeconds = 4;
/** Of these, for the end of the log. */
const logRescueMilliseconds = 1500;
/** For a run that was not cancelled. */
const collectSeconds = 120;

/**
 * The phase `results`: the end of the log, what the tests wrote, and what tells how the cluster was. What has come home is
 * put into `home` as soon as it is there.
 */
export async function bringHome(run: Run, home: BroughtHome, isCancelled: boolean): Promise<Result<undefined>> {
  const seconds = isCancelled ? rescueSeconds : collectSeconds;
  const patience = AbortSignal.timeout(seconds * 1000);
  try {
    home.logGaps = await finishLog(run);
    home.isDiskFull = await isDiskFull(run.dir.root);
    if (home.isDiskFull) run.warn(`the disk of ${run.dir.root} is full: what was written last may be cut`);
    home.results = await sortResults(run, patience);
    await tellWhatFinished(run, home, patience);
    home.evidence = await gatherEvidence(run, patience);
    return succeed(undefined);
  } catch (error) {
    if (!patience.aborted) throw error;
    return fail('results', `not all results could be brought home within ${seconds} s`, {
      hint: 'What came home lies in the results directory.',
    });
  }
}

/** A log that is still followed when its run is over (a cancel, a lost API server) ends with what there is. */
async function finishLog(run: Run): Promise<string[]> {
  const { log } = run;
  if (log === undefined) return [];
  run.log = undefined;
  const timer = setTimeout(() => run.closing.abort(), logRescueMilliseconds);
  try {
    const { gaps } = await log;
    for (const gap of gaps) run.warn(gap);
    return gaps;
  } finally {
    clearTimeout(timer);
  }
}

async function sortResults(run: Run, signal: AbortSignal): Promise<CollectedResults> {
  for (const node of run.cluster?.nodes ?? []) {
    const trouble = await adoptResults(node, run.resultsNodePath, signal);
    if (trouble !== '') run.warn(`the owner of the results could not be changed: ${trouble}`);
  }
  await takeHelperFiles(run.dir.results, helperFilesDir(run));
  const collected = await collectResults({
    writtenDir: run.dir.results,
    junitDir: run.dir.junit,
    junitGlobs: run.inputs.junitGlobs,
    notBefore: notBefore(run),
    signal,
  });
  for (const warning of collected.warnings) run.warn(warning);
  return collected;
}

/** Where the notes of the helper in the test image are kept. */
function helperFilesDir(run: Run): string {
  return path.join(run.dir.cluster, 'test-helper');
}

/** File systems and clocks differ by a second or so; a report of another run is minutes old. */
function notBefore(run: Run): number {
  return (run.testsStartedAt ?? 0) - 2000;
}

/** Tests of a run that left no report, or not all of it, and what the kernel has to do with it. */
async function tellWhatFinished(run: Run, home: BroughtHome, signal: AbortSignal): Promise<void> {
  if (run.testsStartedAt === undefined) return;
  const { reports = [], unreadable = [] } = home.results ?? {};
  home.notes = await readHelperNotes(helperFilesDir(run), run.record.content.runId, signal);
  if (home.notes !== undefined) addEndings(reports, home.notes);
  home.rebuilt = await rebuildRun({
    reports,
    unreadable,
    notes: home.notes,
    resultsDir: run.dir.results,
    notBefore: notBefore(run),
    logFile: run.logFile,
    isInterrupted: run.end === undefined ? run.exit === undefined : run.end.failure !== null,
    signal,
  });
  const { nodeName } = run.end?.pod.spec ?? {};
  const container = run.end?.pod.status?.containerStatuses?.find((one) => one.name === testContainerName);
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
    alreadyLogged: run.end === undefined ? [] : [`${run.end.pod.metadata.name}/${testContainerName}`],
    signal,
  });
  if (run.release !== undefined && run.cluster !== undefined)
    evidence.troubles.push(...(await saveRelease(run.release, run.cluster.kubeconfigPath, run.dir.cluster, signal)));
  for (const trouble of evidence.troubles) run.warn(trouble);
  return evidence;
}
