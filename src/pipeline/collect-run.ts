import path from 'node:path';
import { isDiskFull } from '../core/disk-error.ts';
import type { Coverage, Result } from '../core/outcome.ts';
import { collectEvidence, type Evidence, readLogTails } from '../diagnose/collect-evidence.ts';
import { startTotals } from '../junit/junit-report.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { saveRelease } from '../platform/save-release.ts';
import { fenceResults } from '../results/fence-results.ts';
import { readCoverage } from '../results/read-coverage.ts';
import { shrinkReserve } from '../results/results-dir.ts';
import { listNames } from '../results/results-limits.ts';
import { collectorName } from '../results/route-results.ts';
import { findInterrupted, takeFiles } from '../results/take-files.ts';
import { endOrphans } from '../tools/end-orphans.ts';
import { finishCollection } from './collect-from-job.ts';
import { type Progress, partsOf, releaseOf, testsOf } from './progress.ts';
import { findKernelKills, logOfPart, type PartFindings, readNotes, reconstructPart, sortPart } from './read-part.ts';
import { ResultSteps, type StepLimits } from './result-steps.ts';
import type { Run } from './run.ts';

/** The collected data; the rest did not exist, or time ran out before it. */
export interface CollectedRun {
  /** Of the parts of the suite, in their order. */
  parts: PartFindings[];
  /** From the coverage reports of all parts. */
  coverage?: Coverage | undefined;
  evidence?: Evidence | undefined;
  /** Whether the results directory can take no more. */
  isDiskFull?: boolean;
  /** Whether nothing of what is in the results directory holds a secret: otherwise only reports are uploaded. */
  isMasked: boolean;
}

/** Nothing yet of each part of a run. */
export function startFindings({ inputs }: Run, progress: Progress): CollectedRun {
  return { parts: partsOf(progress, inputs.shards).map(() => ({})), isMasked: false };
}

/** What `progress` is collected for. */
interface CollectOptions {
  progress: Progress;
  /** The object to which results are added as soon as they exist. */
  collected: CollectedRun;
  signal: AbortSignal;
}

/** Of the logs of a run that was cancelled, for lines that have not arrived yet. */
const logRescueMilliseconds = 1500;
/** How long processes of pods that have the results mounted may take to end. */
const fenceSeconds = { usual: 10, cancelled: 1 };
/** For the evidence of a run whose API server was lost. */
const lostApiSeconds = 3;

/**
 * The phase `results`: the end of the log, what the tests wrote, and what shows the state of the cluster. Each collected item
 * is put into `collected` at once. Files on the disk are sorted, masked and read even if the cluster fails.
 */
export async function collectRun(
  run: Run,
  {
    progress,
    collected,
    isRetry = false,
    limits,
  }: Omit<CollectOptions, 'signal'> & { isRetry?: boolean; limits?: StepLimits },
  isCancelled: boolean,
): Promise<Result<undefined>> {
  const { parts = [], logs, job } = testsOf(progress) ?? {};
  const { connection } = progress;
  const steps = new ResultSteps(run.signal, isCancelled, limits);
  try {
    const isLate = () => steps.isCancelled;
    const [isFenced = false] = await Promise.all([
      steps.run('fence', (signal) =>
        fence(run, progress, isLate() ? fenceSeconds.cancelled : fenceSeconds.usual, signal),
      ),
      // Logs that are still followed (after a cancel) end with what exists.
      steps.run('logs', async (signal) => logs?.finish(AbortSignal.timeout(logRescueMilliseconds), signal)),
    ]);
    await lookAtDisk(run, collected);
    await steps.run('collection', async (signal) => {
      await Promise.all(parts.map((part) => finishCollection(run, { connection, job }, part, signal)));
    });
    await steps.run('disk', (signal) => sortResults(run, { progress, collected, signal }, isFenced));
    await steps.run('reading', (signal) => reconstructTests(run, { progress, collected, signal }));
    // An API server that was given up is asked once more, and not for long.
    const isLost = parts.some(({ end }) => end?.interruption?.why === 'api-lost');
    await steps.run('evidence', async (signal) => {
      const patience = isLost ? AbortSignal.any([signal, AbortSignal.timeout(lostApiSeconds * 1000)]) : signal;
      // A retry runs in the same platform.
      if (!isRetry) collected.evidence = await gatherEvidence(run, progress, patience);
    });
    await steps.run('disk', async (signal) => {
      await maskOwnFiles(run, collected, signal);
      // A cluster that does not answer takes nothing of the logs that are here.
      if (!isRetry && connection !== undefined) collected.evidence ??= await readLogsAlone(run);
    });
    // Of a pod that is lost nothing more can come: what it had not finished may run in another.
    const incomplete = parts.find(
      (part) => part.shard === undefined && part.failure === null && part.collected?.failure !== undefined,
    );
    if (incomplete?.collected?.failure !== undefined) return { ok: false, failure: incomplete.collected.failure };
  } finally {
    steps.close();
    await logs?.close();
  }
  return steps.result();
}

/** For a run whose process was killed: what can now only be read from its cluster. */
export async function salvageCluster(run: Run, { progress, collected, signal }: CollectOptions): Promise<void> {
  await fence(run, progress, fenceSeconds.usual, signal);
  collected.evidence = await gatherEvidence(run, progress, signal);
}

/**
 * For a run whose process was killed: what is on the disk. Nothing of the run may write there anymore, so that no secret is
 * written after the masking.
 * @param isFenced whether that is certain; the files are copied otherwise.
 */
export async function salvageDisk(run: Run, options: CollectOptions, isFenced: boolean): Promise<void> {
  const { collected, signal } = options;
  await lookAtDisk(run, collected);
  await sortResults(run, options, isFenced);
  await reconstructTests(run, options);
  await maskOwnFiles(run, collected, signal);
  collected.evidence ??= await readLogsAlone(run);
}

/** What the logs on the disk show, where nothing of the cluster could be had. */
async function readLogsAlone({ mask, dir }: Run): Promise<Evidence> {
  return mask.maskValue({ events: [], pods: [], problems: [], logs: await readLogTails(dir.logs) });
}

async function lookAtDisk(run: Run, collected: CollectedRun): Promise<void> {
  collected.isDiskFull = await isDiskFull(run.dir.root);
  if (!collected.isDiskFull) return;
  run.warn(`the disk of ${run.dir.root} is full: the last writes may be truncated`);
  // Directories have to be made for what is taken.
  await shrinkReserve(run.dir);
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
  collected.isMasked = collected.parts.every(({ results }) => results !== undefined);
}

function sayMasked(run: Run, masked: readonly string[]): void {
  if (masked.length > 0) run.reporter.say(`secrets were masked in ${masked.length} files: ${listNames(masked)}`);
}

/**
 * Stops everything that writes to the results, and makes them ours. Files from a collector are ours already.
 * @returns whether that is so.
 */
async function fence(run: Run, progress: Progress, seconds: number, signal: AbortSignal): Promise<boolean> {
  if (run.inputs.tier === 'unit') {
    const ended = endOrphans(run.record.content.runId);
    if (ended > 0) run.reporter.say(`${ended} programs that the tests left running were stopped`);
    return true;
  }
  const { cluster, resultsNodePath } = progress;
  const { job, parts = [] } = testsOf(progress) ?? {};
  const route = job?.route?.kind ?? 'host';
  if (resultsNodePath === undefined || cluster === undefined || route !== 'host') return true;
  const ofTests = new Set(parts.map(({ end }) => end?.pod.spec.nodeName));
  const nodes = [...cluster.nodes].sort((a, b) => Number(ofTests.has(b)) - Number(ofTests.has(a)));
  const { isFenced, ended, problem } = await fenceResults({
    nodes,
    nodePath: resultsNodePath,
    hostPath: run.dir.results,
    fenceSeconds: seconds,
    signal,
  });
  if (ended > 0)
    run.reporter.say(`${ended} processes beside the tests could still write to the results and were stopped`);
  if (!isFenced) run.warn(`the ownership of the results could not be changed; they are copied instead: ${problem}`);
  return isFenced;
}

async function sortResults(
  run: Run,
  { progress, collected, signal }: CollectOptions,
  isFenced: boolean,
): Promise<void> {
  const { dir, inputs } = run;
  const tests = testsOf(progress) ?? {};
  const parts = partsOf(progress, inputs.shards);
  const taken = await takeFiles({
    directory: dir.results,
    // Reports that had been sorted before the process was killed, and files that were being copied.
    alsoFrom: [dir.junit, ...findInterrupted(dir.root, dir.results)],
    root: dir.root,
    mask: run.mask,
    limits: run.resultsLimits,
    isFenced,
    seenAs: inputs.resultsPath,
    signal,
  });
  sayMasked(run, taken.masked);
  for (const warning of taken.warnings) run.warn(warning);
  const totals = startTotals();
  const missing = parts.flatMap((part) => part.collected?.missing ?? []);
  for (const [i, part] of parts.entries()) {
    const found = await sortPart(run, tests, part, { taken, missing, totals, signal });
    for (const warning of found.results?.warnings ?? []) run.warn(warning);
    collected.parts[i] = found;
  }
  // All parts together: the lines that several of them cover count once.
  const others = collected.parts.flatMap(({ results }) => results?.others ?? []);
  const { coverage, warnings } = await readCoverage(dir.results, others, signal);
  collected.coverage = coverage;
  for (const warning of warnings) run.warn(warning);
}

/** Tests of a run that left no report, or not all of it, and what the kernel has to do with it. */
async function reconstructTests(run: Run, { progress, collected, signal }: CollectOptions): Promise<void> {
  const tests = testsOf(progress);
  const nodes = progress.cluster?.nodes ?? [];
  if (tests === undefined) return;
  for (const [i, part] of tests.parts.entries()) {
    const add = (more: PartFindings): PartFindings => {
      const found = { ...collected.parts[i], ...more };
      collected.parts[i] = found;
      return found;
    };
    const { results = {} } = add({ logGaps: logOfPart(tests, part)?.gaps ?? [] });
    if (tests.startedAt === undefined) continue;
    const found = add({ notes: await readNotes(run, part, results, signal) });
    add(await reconstructPart(run, tests, part, { found, signal }));
  }
  if (tests.startedAt === undefined) return;
  // Last, and all at once: what is on the disk does not wait for a node.
  await Promise.all(
    tests.parts.map(async (part, i) => {
      const kernelKills = await findKernelKills(tests, part, { nodes, signal });
      collected.parts[i] = { ...collected.parts[i], kernelKills };
    }),
  );
}

/** What the chart made in another namespace: `cluster/<namespace>/` and `logs/<namespace>/`. */
function gatherFrom(run: Run, connection: KubeConnection, namespace: string, signal: AbortSignal): Promise<Evidence> {
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

async function gatherEvidence(run: Run, progress: Progress, signal: AbortSignal): Promise<Evidence | undefined> {
  const { connection, cluster, otherNamespaces = [] } = progress;
  const { logs, parts = [] } = testsOf(progress) ?? {};
  if (connection === undefined) return undefined;
  // First, for the last lines of all logs are read together.
  const others: Evidence[] = [];
  for (const namespace of otherNamespaces) others.push(await gatherFrom(run, connection, namespace, signal));
  const evidence = await collectEvidence({
    connection,
    namespace: run.inputs.namespace,
    clusterDir: run.dir.cluster,
    logsDir: run.dir.logs,
    mask: run.mask,
    // The collector has no log of interest.
    alreadyLogged: [
      ...(logs?.kept.map((log) => `${log.pod}/${log.container}`) ?? []),
      ...parts.map(({ end }) => `${end?.pod.metadata.name}/${collectorName}`),
    ],
    signal,
  });
  for (const other of others) {
    evidence.events.push(...other.events);
    evidence.pods.push(...other.pods);
    evidence.problems.push(...other.problems);
  }
  evidence.events.sort((a, b) => a.at.localeCompare(b.at));
  const release = releaseOf(progress);
  if (release !== undefined && cluster !== undefined)
    evidence.problems.push(...(await saveRelease(release, cluster.kubeconfigPath, run.dir.cluster, signal)));
  for (const problem of evidence.problems) run.warn(problem);
  return run.mask.maskValue(evidence);
}
