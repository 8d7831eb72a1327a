import { adoptResults } from '../cluster/adopt-results.ts';
import { collectEvidence, type Evidence } from '../diagnose/collect-evidence.ts';
import { isDiskFull } from '../disk-trouble.ts';
import { testContainerName } from '../job/build-job.ts';
import { type CollectedResults, collectResults } from '../job/collect-results.ts';
import { fail, type Result, succeed } from '../outcome.ts';
import { saveRelease } from '../platform/save-release.ts';
import type { Run } from './run.ts';

/** What was brought home; the rest was not there, or time ran out before it. */
export interface BroughtHome {
  results?: CollectedResults;
  evidence?: Evidence | undefined;
  /** Whether the results directory can take no more. */
  isDiskFull?: boolean;
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
  const over = new AbortController();
  const patience = AbortSignal.any([over.signal, AbortSignal.timeout(collectSeconds * 1000)]);
  let timer: NodeJS.Timeout | undefined;
  const hurry = () => {
    timer = setTimeout(() => over.abort(), rescueSeconds * 1000);
  };
  // A cancel may also come while this goes on.
  if (isCancelled) hurry();
  else run.signal.addEventListener('abort', hurry, { once: true });
  try {
    await finishLog(run);
    home.isDiskFull = await isDiskFull(run.dir.root);
    if (home.isDiskFull) run.warn(`the disk of ${run.dir.root} is full: what was written last may be cut`);
    home.results = await sortResults(run, patience);
    home.evidence = await gatherEvidence(run, patience);
    return succeed(undefined);
  } catch (error) {
    if (!patience.aborted) throw error;
    const seconds = over.signal.aborted ? rescueSeconds : collectSeconds;
    return fail('results', `not all results could be brought home within ${seconds} s`, {
      hint: 'What came home lies in the results directory.',
    });
  } finally {
    run.signal.removeEventListener('abort', hurry);
    clearTimeout(timer);
  }
}

/** A log that is still followed when its run is over (a cancel, a lost API server) ends with what there is. */
async function finishLog(run: Run): Promise<void> {
  const { log } = run;
  if (log === undefined) return;
  run.log = undefined;
  const timer = setTimeout(() => run.closing.abort(), logRescueMilliseconds);
  try {
    for (const gap of (await log).gaps) run.warn(gap);
  } finally {
    clearTimeout(timer);
  }
}

async function sortResults(run: Run, signal: AbortSignal): Promise<CollectedResults> {
  for (const node of run.cluster?.nodes ?? []) {
    const trouble = await adoptResults(node, run.resultsNodePath, signal);
    if (trouble !== '') run.warn(`the owner of the results could not be changed: ${trouble}`);
  }
  const collected = await collectResults({
    writtenDir: run.dir.results,
    junitDir: run.dir.junit,
    junitGlobs: run.inputs.junitGlobs,
    // File systems and clocks differ by a second or so; a report of another run is minutes old.
    notBefore: (run.testsStartedAt ?? 0) - 2000,
    signal,
  });
  for (const warning of collected.warnings) run.warn(warning);
  return collected;
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
