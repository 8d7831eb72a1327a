/**
 * The one pipeline behind every entry point, and the only file that knows the order of the phases and what overlaps with what:
 *
 *     preflight → tools → cluster ∥ images → platform → tests → results → report, and whatever happens: teardown
 */
import path from 'node:path';
import { exportClusterLogs } from '../cluster/create-cluster.ts';
import { checkDemand } from '../cluster/preflight.ts';
import { describeDiskError } from '../core/disk-error.ts';
import { nameCommand } from '../core/name-command.ts';
import { type Failure, messageOf, type Result, succeed, toOneLine } from '../core/outcome.ts';
import type { Reporter } from '../core/reporter.ts';
import { writeOwnFile } from '../core/write-own-file.ts';
import { UsageMeter } from '../diagnose/measure-usage.ts';
import { NamespaceWatch } from '../diagnose/namespace-watch.ts';
import { runLabel } from '../job/build-job.ts';
import { ApiError } from '../kube/api-error.ts';
import { ownershipOf } from '../kube/release-of.ts';
import { createNamespace } from '../kube/resources.ts';
import {
  type Chart,
  holdsNamespace,
  listImages,
  listOtherNamespaces,
  renderChart,
  tolerateTaints,
} from '../platform/chart.ts';
import { checkNetwork } from '../platform/check-network.ts';
import { installChart } from '../platform/install-chart.ts';
import type { PlatformUpdate } from '../platform/plan-update.ts';
import { renderResultJson } from '../report/result-json.ts';
import { releaseResultsDir, takeResultsDir } from '../results/results-dir.ts';
import type { RunEnd } from '../results/run-end.ts';
import type { RunRecord } from '../state/run-record.ts';
import { provideTools, type Tools } from '../tools/provide-tools.ts';
import { saysNoTests } from '../verdict/explain-exit.ts';
import { carryCredentials } from './carry-credentials.ts';
import { chooseImages } from './choose-images.ts';
import { collectRun, startFindings } from './collect-run.ts';
import { chooseEnvironment } from './environments/choose-environment.ts';
import { enterNamespace } from './environments/enter-existing.ts';
import type { Environment } from './environments/environment.ts';
import { runOnMachine } from './environments/run-on-machine.ts';
import { explainEnd, nameSimilarImages } from './explain-images.ts';
import { exportTrace, traceEndpoint } from './export-trace.ts';
import { planDemand } from './plan-demand.ts';
import { prepareChart } from './prepare-chart.ts';
import { prepareOwnJob } from './prepare-job.ts';
import { type Platform, Run, type RunOptions, type SuitePart } from './run.ts';
import { loadHistory, saveHistory } from './run-history.ts';
import { runSuite } from './run-suite.ts';
import { runTeardown } from './teardown.ts';
import { beginUpdate, digestChart, finishUpdate, notePlatform } from './update-platform.ts';
import { describeUntested, refuseRun, saveReport, writeVerdict } from './write-verdict.ts';

const teardownSeconds = 240;

/**
 * Runs the tests from preflight to report. Expected failures are in the verdict, also when the disk is full and no report can
 * be written; what it throws is a bug.
 */
export async function runTests(options: RunOptions): Promise<RunEnd> {
  const run = new Run(options);
  const taken = await takeResultsDir(run.dir, options.inputs.tier);
  if (!taken.ok) return refuseRun(run, taken.failure);
  for (const problem of taken.value) run.warn(problem);
  try {
    const environment = chooseEnvironment(run, options.cluster);
    const isOnlyPlatform = options.isOnlyPlatform ?? false;
    const failure = await turnIntoFailure(run, () => untilTestsEnd(run, environment, isOnlyPlatform));
    return isOnlyPlatform && failure === null ? await leavePlatform(run) : await conclude(run, failure);
  } finally {
    await releaseResultsDir(run.dir);
  }
}

async function untilTestsEnd(run: Run, environment: Environment, isOnlyPlatform: boolean): Promise<Result<undefined>> {
  const { inputs, clock } = run;
  const history = await loadHistory(run);
  if (!history.ok) return history;
  run.history = history.value;
  if (inputs.tier === 'unit') return clock.phase('tests', () => runOnMachine(run));
  const machine = await clock.phase('preflight', () => environment.check());
  if (!machine.ok) return machine;
  const tools = await clock.phase('tools', () => provideToolsAndChart(run, environment));
  if (!tools.ok) return tools;
  const { chart } = tools.value;
  const rendered = chart === undefined ? succeed({ manifests: [], unread: [] }) : await renderChart(chart, run.signal);
  if (!rendered.ok) return rendered;
  const { manifests, unread } = rendered.value;
  run.otherNamespaces = listOtherNamespaces(manifests, inputs.namespace);
  for (const line of unread)
    run.warn(`A document of the chart cannot be read (${line}): its images are not loaded, and its needs not counted.`);
  const own = await prepareOwnJob(run, chart);
  if (!own.ok) return own;
  if (chart !== undefined) run.chartDigest = await digestChart(chart);
  if (machine.value !== undefined) {
    const demand = planDemand(inputs, manifests, own.value?.job);
    const room = checkDemand(machine.value, demand, { ...run.voice, nodes: inputs.nodes });
    if (!room.ok) return room;
  }
  const images = await chooseImages(run, listImages(manifests), own.value);
  // Of a config of the user's own nobody knows which nodes take pods.
  const controlPlane = inputs.kindConfig !== undefined || tolerateTaints(manifests);
  const cluster = await environment.open({
    kind: tools.value.kind,
    manifests: chart && manifests,
    own: own.value,
    images,
    controlPlane,
  });
  if (!cluster.ok) return cluster;
  const platform = await clock.phase('platform', () => bringUpPlatform(run, chart, manifests));
  if (!platform.ok) return nameSimilarImages(run, platform);
  if (isOnlyPlatform) return succeed(undefined);
  // That tests failed is no failure of the Job, but nobody wants to see a tick behind them.
  const haveTestsPassed = () => run.parts.every(hasPassed);
  const tests = await clock.phase('tests', () => runSuite(run, platform.value), haveTestsPassed);
  return explainEnd(run, tests, platform.value.watch.events);
}

/** Whether the tests of a part ended well, or a shard of them had none. */
function hasPassed({ shard, end }: SuitePart): boolean {
  const exitCode = end?.terminated?.exitCode;
  return exitCode === 0 || (shard !== undefined && saysNoTests(exitCode ?? 0, { tool: 'pytest', said: [] }));
}

/** The end of a run that was to bring up the platform alone: there is nothing to judge. */
async function leavePlatform(run: Run): Promise<RunEnd> {
  run.closing.abort();
  const end = describeUntested(run);
  await writeOwnFile(run.dir.resultJson, renderResultJson(end.verdict));
  return end;
}

async function provideToolsAndChart(
  run: Run,
  environment: Environment,
): Promise<Result<Tools & { chart: Chart | undefined }>> {
  const tools = await provideTools(run.inputs, { ...run.voice, directory: run.workDir });
  if (!tools.ok) return tools;
  const chart = await prepareChart(run, tools.value.helm, environment.kubernetes());
  return chart.ok ? succeed({ ...tools.value, chart: chart.value }) : chart;
}

async function conclude(run: Run, failure: Failure | null): Promise<RunEnd> {
  const { clock } = run;
  const collected = startFindings(run);
  const results = await turnIntoFailure(run, () =>
    clock.phase('results', async () => {
      if (failure?.kind === 'cluster' || failure?.kind === 'api') await keepNodeLogs(run);
      return collectRun(run, collected, failure?.kind === 'cancelled');
    }),
  );
  run.closing.abort();
  const end = await clock.phaseOf('report', () => writeVerdict(run, failure ?? results, collected));
  await saveHistory(run, end.verdict, end.report.tests);
  await sendTrace(run, end, failure?.kind === 'cancelled');
  // The phase that writes the verdict is the only one that the verdict could not yet know.
  end.verdict.phases = clock.records;
  await writeOwnFile(run.dir.resultJson, renderResultJson(end.verdict, end.report)).catch((error) =>
    run.warn(messageOf(error)),
  );
  return end;
}

/** Tells the collector of the run, where there is one: whether it hears of it changes no verdict. */
async function sendTrace(run: Run, { report, verdict }: RunEnd, isCancelled: boolean): Promise<void> {
  const endpoint = traceEndpoint(run.inputs.otlpEndpoint, process.env);
  if (endpoint === undefined) return;
  const problem = await exportTrace(report, { endpoint, trace: run.trace, env: process.env, isCancelled });
  if (problem === undefined) run.reporter.say(`trace ${run.trace.traceId} was exported`);
  else {
    verdict.warnings.push(problem);
    run.warn(problem);
  }
}

/** kind's own logs of the nodes, for a cluster that this run made and that failed. */
async function keepNodeLogs(run: Run): Promise<void> {
  if (run.kindCluster === undefined) return;
  const directory = path.join(run.dir.cluster, 'kind-logs');
  const problem = await exportClusterLogs(run.kindCluster, directory, run.signal);
  if (problem !== '') run.warn(problem);
}

/** Ends a run whose cluster is not kept: removes all that its record names, and tells of it in the verdict on disk. */
export async function addTeardown(end: RunEnd, record: RunRecord, reporter: Reporter): Promise<void> {
  const advice = `; try: ${nameCommand('down')}`;
  const { problems, phase } = await runTeardown(record, reporter, { seconds: teardownSeconds, advice });
  end.verdict.phases.push(phase);
  end.verdict.durationSeconds = Math.round((end.verdict.durationSeconds + phase.seconds) * 100) / 100;
  end.verdict.warnings.push(...problems.map((problem) => `not removed: ${problem}`));
  if (!end.ownsResultsDir) return;
  const problem = await saveReport(end.report, end.dir);
  if (problem !== undefined) reporter.warn(problem.reason);
}

// ── platform ────────────────────────────────────────────────────────────────────────────────────────────────────────

async function bringUpPlatform(run: Run, chart: Chart | undefined, manifests: unknown[]): Promise<Result<Platform>> {
  const { inputs, signal } = run;
  const connection = run.connection!;
  const begun =
    run.kept === undefined || chart === undefined ? succeed(undefined) : await beginUpdate(run, chart, connection);
  if (!begun.ok) return begun;
  const ownership =
    chart !== undefined && holdsNamespace(manifests, inputs.namespace)
      ? ownershipOf(chart.release, inputs.namespace)
      : undefined;
  const labels = { ...ownership?.labels, [runLabel]: run.record.content.runId };
  const made =
    inputs.cluster === 'existing'
      ? await enterNamespace(run, connection, ownership)
      : await createNamespace(connection, inputs.namespace, labels, signal, ownership?.annotations);
  if (!made.ok) return made;
  const carried = await carryCredentials(run, connection);
  if (!carried.ok) return carried;
  // An outage is reported while it lasts, and is one warning once it is over; one that does not end is the run's failure.
  const watch = new NamespaceWatch(
    connection,
    inputs.namespace,
    run.closing.signal,
    (text) => run.reporter.say(text),
    (text) => run.warn(text),
    { namespaces: run.otherNamespaces, onUnseen: (text) => run.warn(text) },
  );
  run.usage = new UsageMeter({
    connection,
    namespace: inputs.namespace,
    pods: () => watch.pods.filter(({ metadata }) => metadata.namespace === inputs.namespace),
    signal: run.closing.signal,
  });
  void run.usage.run();
  if (chart === undefined) run.reporter.say('no chart: profile none');
  const installed =
    chart === undefined
      ? succeed(undefined)
      : await installPlatform(run, chart, { connection, watch, manifests }, begun.value);
  if (!installed.ok) return installed;
  const network = await checkNetwork({
    ...run.voice,
    connection,
    watch,
    namespace: inputs.namespace,
    release: chart?.release,
    node: run.cluster?.nodes[0],
  });
  if (!network.ok) run.kept?.notePlatform(undefined);
  if (!network.ok) return network;
  if (chart !== undefined) await notePlatform(run, chart, connection);
  return succeed({ connection, watch });
}

function installPlatform(
  run: Run,
  chart: Chart,
  platform: Platform & { manifests: unknown[] },
  update: PlatformUpdate | undefined,
): Promise<Result<undefined>> {
  const { inputs } = run;
  const { kubeconfigPath } = run.cluster!;
  const { release: name, namespace, helm } = chart;
  const isExisting = inputs.cluster === 'existing';
  if (isExisting) run.record.note({ kind: 'release', name, namespace, helm, kubeconfigPath });
  const options = {
    ...run.voice,
    ...platform,
    kubeconfigPath,
    labels: isExisting ? { [runLabel]: run.record.content.runId } : {},
    timeoutSeconds: inputs.platformTimeoutSeconds,
    helmWaits: inputs.helmWaits,
    isHelm3: /^v?3\./.test(inputs.helmVersion ?? ''),
  };
  run.release = chart;
  if (update !== undefined && update.act !== 'install' && update.act !== 'renew')
    return finishUpdate(run, chart, update, options);
  run.reporter.say(`helm install ${chart.release}: ${chart.title}, profile ${inputs.profile}`);
  return installChart(chart, options);
}

// ── whatever happens ────────────────────────────────────────────────────────────────────────────────────────────────

/** The failure that work comes to, a value or an exception; null when it succeeds. The only place that catches all. */
async function turnIntoFailure(run: Run, work: () => Promise<Result<unknown>>): Promise<Failure | null> {
  const { signal, clock } = run;
  const wasAborted = signal.aborted;
  let cancelledIn: string | undefined;
  const noteCancel = () => {
    cancelledIn = clock.currentPhases;
  };
  signal.addEventListener('abort', noteCancel, { once: true });
  const cancelled = (): Failure => {
    const reason = `cancelled (${String(signal.reason)}) during ${cancelledIn ?? clock.lastPhase}`;
    return { kind: 'cancelled', reason, hint: '', evidence: [] };
  };
  try {
    const result = await work();
    if (result.ok) return null;
    // Whatever was interrupted may well call that a failure of its own.
    return signal.aborted && !wasAborted ? cancelled() : result.failure;
  } catch (error) {
    if (signal.aborted) return cancelled();
    const phase = clock.phaseOfError(error);
    const ofDisk = describeDiskError(error, `${phase} could not continue`);
    if (ofDisk !== undefined) return ofDisk;
    if (error instanceof ApiError) {
      const reason = toOneLine(`the Kubernetes API failed during ${phase}: ${error.message}`);
      return { kind: 'api', reason, hint: '', evidence: [] };
    }
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return {
      kind: 'internal',
      reason: toOneLine(`internal error in k8s-test-action during ${phase}: ${messageOf(error)}`),
      hint: 'Please report it with the lines below.',
      evidence: stack.split('\n').slice(0, 20),
    };
  } finally {
    signal.removeEventListener('abort', noteCancel);
  }
}
