/**
 * The one pipeline behind every door, and the only file that knows the order of the phases and what overlaps with what:
 *
 *     preflight → tools → cluster ∥ images → platform → tests → results → report, and whatever happens: teardown
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { adoptResults } from './cluster/adopt-results.ts';
import { createCluster, deleteCluster, exportClusterLogs, type KindCluster } from './cluster/create-cluster.ts';
import { inspectLocalImage, type LocalImage } from './cluster/docker.ts';
import { nodeResultsPath, renderKindConfig } from './cluster/kind-config.ts';
import { loadArchive, loadImages, waitForContainerd } from './cluster/load-images.ts';
import { judgeMachine, preflightResult, readMachineFacts } from './cluster/preflight.ts';
import { waitForNodes } from './cluster/wait-for-nodes.ts';
import { collectEvidence, type Evidence } from './diagnose/collect-evidence.ts';
import { NamespaceWatch } from './diagnose/namespace-watch.ts';
import type { Door } from './door.ts';
import type { Inputs } from './inputs.ts';
import { buildJob, jobName, runLabel, testContainerName } from './job/build-job.ts';
import { captureLog, type LogCapture } from './job/capture-log.ts';
import { type CollectedResults, collectResults } from './job/collect-results.ts';
import { decideVerdict } from './job/decide-verdict.ts';
import { writeJUnit } from './job/junit-write.ts';
import { type JobEnd, runJob } from './job/run-job.ts';
import { connect, type KubeConnection } from './kube/connection.ts';
import { createNamespace } from './kube/resources.ts';
import {
  type Failure,
  fail,
  messageOf,
  noTests,
  outcomeOf,
  type PhaseName,
  type PhaseRecord,
  type Result,
  succeed,
  toOneLine,
  type Verdict,
} from './outcome.ts';
import { type Chart, listChartImages } from './platform/chart.ts';
import { installChart } from './platform/install-chart.ts';
import { saveRelease } from './platform/save-release.ts';
import type { ReportInput, TimedPhase } from './report/report-input.ts';
import { renderResultJson } from './report/result-json.ts';
import { writeReport } from './report/write-report.ts';
import { layoutResults, type ResultsDir, releaseResultsDir, takeResultsDir } from './results-dir.ts';
import type { RunRecord } from './state.ts';
import { tearDown } from './teardown.ts';
import { provideTool } from './tools/install-tool.ts';
import { nodeImages, pinnedTools } from './tools/versions.ts';

export interface RunOptions {
  inputs: Inputs;
  door: Door;
  /** Cancels the run; its results and report are still written, in bounded time. */
  signal: AbortSignal;
  /** Where everything is noted that teardown must remove. */
  record: RunRecord;
  /** Directory of this run alone, for files that nobody needs after it. */
  workDir: string;
  /** A cluster that is there already and stays; without it the run makes one of its own. */
  cluster?: ReadyCluster;
}

/** A Kind cluster that can take a run. */
export interface ReadyCluster {
  name: string;
  kubeconfigPath: string;
  nodes: string[];
  /** Version of its Kubernetes. */
  kubernetes: string;
  /** Directory of the runner that its nodes mount at `nodeResultsPath`; the results directory lies in it. */
  mountedHostPath: string;
}

export interface RunEnd {
  verdict: Verdict;
  dir: ResultsDir;
  report: ReportInput;
  /** Path of the kubeconfig; empty when there is no cluster. */
  kubeconfig: string;
}

/** After a cancel so much time is left for what must still come home: GitHub kills after 10 s in all. */
const rescueSeconds = 4;
/** Of these, for the end of the log. */
const logRescueMilliseconds = 1500;
/** Collecting results and evidence of a run that was not cancelled. */
const collectSeconds = 120;
const teardownSeconds = 240;

/** A new id for a run: part of every name that it gives. */
export function newRunId(): string {
  return randomBytes(4).toString('hex');
}

/**
 * Runs the tests from preflight to report. Expected failures are in the verdict; it throws nothing but what makes even a
 * report impossible, such as a full disk.
 */
export async function runTests(options: RunOptions): Promise<RunEnd> {
  const run = new Run(options);
  const taken = await takeResultsDir(run.dir, options.inputs.tier);
  if (!taken.ok) return run.refuse(taken.failure);
  try {
    const failure = await run.turnIntoFailure(() => run.untilTestsEnd());
    return await run.conclude(failure);
  } finally {
    await releaseResultsDir(run.dir);
  }
}

/** Ends a run whose cluster is not kept: removes all that its record names, and tells of it in the verdict on disk. */
export async function addTeardown(end: RunEnd, record: RunRecord, door: Door): Promise<void> {
  const start = performance.now();
  door.phaseStarted('teardown');
  const troubles = await tearDown(record, AbortSignal.timeout(teardownSeconds * 1000), (line) => door.say(line));
  for (const trouble of troubles) door.warn(`not removed: ${trouble}; try: node dist/cli.js down`);
  const seconds = Math.round((performance.now() - start) / 10) / 100;
  const phase: PhaseRecord = { name: 'teardown', outcome: troubles.length === 0 ? 'passed' : 'failed', seconds };
  door.phaseEnded(phase);
  end.verdict.phases.push(phase);
  end.verdict.durationSeconds = Math.round((end.verdict.durationSeconds + seconds) * 100) / 100;
  end.verdict.warnings.push(...troubles.map((trouble) => `not removed: ${trouble}`));
  // A run that was refused its results directory has none to write to.
  if (end.verdict.failure?.kind !== 'input') await writeReport(end.report, end.dir);
}

/** What is learned on the way; each field is there once its phase is done. */
class Run {
  readonly dir: ResultsDir;
  readonly #options: RunOptions;
  readonly #startedAt = new Date();
  readonly #start = performance.now();
  readonly #phases: TimedPhase[] = [];
  readonly #warnings: string[] = [];
  readonly #closing = new AbortController();
  #cluster: ReadyCluster | undefined;
  #connection: KubeConnection | undefined;
  /** The chart, once helm was told to install it. */
  #release: Chart | undefined;
  #image: LocalImage | undefined;
  #end: JobEnd | undefined;
  #log: Promise<LogCapture> | undefined;
  #testsStartedAt: number | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.dir = layoutResults(options.inputs.resultsDir);
  }

  // ── the phases, in their order ────────────────────────────────────────────────────────────────────────────────────

  async untilTestsEnd(): Promise<Result<undefined>> {
    const preflight = await this.#phase('preflight', () => this.#checkMachine());
    if (!preflight.ok) return preflight;
    const tools = await this.#phase('tools', () => this.#provideTools());
    if (!tools.ok) return tools;
    const cluster = await this.#bringUpCluster(tools.value);
    if (!cluster.ok) return cluster;
    const platform = await this.#phase('platform', () => this.#installPlatform(cluster.value));
    if (!platform.ok) return platform;
    return this.#phase('tests', () => this.#runJob(platform.value));
  }

  async conclude(failure: Failure | null): Promise<RunEnd> {
    const isCancelled = failure?.kind === 'cancelled';
    const patience = AbortSignal.timeout((isCancelled ? rescueSeconds : collectSeconds) * 1000);
    let collected: CollectedResults | undefined;
    let evidence: Evidence | undefined;
    const results = await this.turnIntoFailure(() =>
      this.#phase('results', async () => {
        try {
          await this.#finishLog();
          collected = await this.#collectResults(patience);
          evidence = await this.#collectEvidence(patience);
          return succeed(undefined);
        } catch (error) {
          if (!patience.aborted) throw error;
          return fail(
            'results',
            `not all results could be brought home within ${isCancelled ? rescueSeconds : collectSeconds} s`,
            {
              hint: 'What came home lies in the results directory.',
            },
          );
        }
      }),
    );
    this.#closing.abort();
    const end = await this.#phaseOf('report', () => this.#writeReport(failure ?? results, collected, evidence));
    // The phase that writes the verdict is the only one that the verdict could not yet know.
    end.verdict.phases = this.#phases.map(toRecord);
    await writeFile(this.dir.resultJson, renderResultJson(end.verdict));
    return end;
  }

  // ── preflight, tools ──────────────────────────────────────────────────────────────────────────────────────────────

  async #checkMachine(): Promise<Result<undefined>> {
    const { inputs, door, signal } = this.#options;
    const facts = await readMachineFacts(inputs.resultsDir, signal);
    const checks = judgeMachine(facts, { nodes: inputs.nodes, memoryBytes: inputs.preset.machineMemoryBytes });
    for (const check of checks) {
      if (check.state === 'warning') this.#warn(`${check.name}: ${check.found}, ${check.needed} wanted. ${check.mend}`);
      else if (check.state === 'ok') door.say(`${check.name}: ${check.found}`);
    }
    const machine = preflightResult(checks);
    if (!machine.ok) return machine;
    for (const name of inputs.loadImages) {
      if ((await inspectLocalImage(name, signal)) === undefined)
        return fail('image', `load-images names ${name}, which the local docker does not have`, {
          hint: `Build it, or: docker pull ${name}`,
        });
    }
    return succeed(undefined);
  }

  async #provideTools(): Promise<Result<{ kind: string; helm: string }>> {
    const { inputs, door, signal } = this.#options;
    const common = {
      mirror: inputs.toolsMirror,
      checksumsPath: inputs.toolsChecksumsPath,
      signal,
      say: (line: string) => door.say(line),
    };
    const kind = await provideTool({
      ...common,
      name: 'kind',
      version: inputs.kindVersion ?? pinnedTools.kind.version,
    });
    if (!kind.ok) return kind;
    if (inputs.chart === undefined) return succeed({ kind: kind.value.path, helm: '' });
    const helm = await provideTool({
      ...common,
      name: 'helm',
      version: inputs.helmVersion ?? pinnedTools.helm.version,
    });
    return helm.ok ? succeed({ kind: kind.value.path, helm: helm.value.path }) : helm;
  }

  // ── cluster ∥ images ──────────────────────────────────────────────────────────────────────────────────────────────

  async #bringUpCluster(tools: { kind: string; helm: string }): Promise<Result<Chart | undefined>> {
    const { inputs, door, record, workDir } = this.#options;
    const chart = inputs.chart === undefined ? undefined : this.#describeChart(tools.helm, inputs.chart);
    const images = await this.#listLocalImages(chart);
    if (!images.ok) return images;
    const name = `k8s-test-${inputs.tier}-${record.content.runId}`;
    const cluster: KindCluster = {
      name,
      kind: tools.kind,
      configYaml: renderKindConfig({
        userConfig: inputs.kindConfig,
        nodes: inputs.nodes,
        resultsHostPath: this.dir.results,
      }),
      nodeImage: inputs.nodeImage ?? (inputs.kindVersion === undefined ? nodeImages['v1.34.8'] : undefined),
      kubeconfigPath: path.join(workDir, 'kubeconfig'),
      workDir,
    };
    if (this.#options.cluster !== undefined) {
      const entered = await this.#enterCluster(this.#options.cluster, images.value);
      return entered.ok ? succeed(chart) : entered;
    }
    record.note({ kind: 'cluster', name, isWhole: false });
    let made = await this.#tryCluster(cluster, inputs.nodes, images.value);
    if (!made.ok && made.failure.kind === 'cluster') {
      // Creating a cluster fails now and then for reasons that are gone a moment later; twice is no accident.
      door.say(`creating the cluster failed, once more with a clean slate: ${made.failure.reason}`);
      const { reason } = made.failure;
      await deleteCluster(name, { signal: this.#options.signal, isWhole: false });
      made = await this.#tryCluster(cluster, inputs.nodes, images.value);
      if (made.ok) this.#warnings.push(`the cluster could only be created at the second attempt: ${reason}`);
    }
    if (made.ok) {
      record.forget({ kind: 'cluster', name, isWhole: false }, [{ kind: 'cluster', name, isWhole: true }]);
      return succeed(chart);
    }
    if (made.failure.kind === 'cluster') await this.#keepClusterLogs(cluster);
    return made;
  }

  async #tryCluster(cluster: KindCluster, nodes: number, images: string[]): Promise<Result<undefined>> {
    const { inputs, door, signal } = this.#options;
    // Either of the two ends the other: a cluster without its images is as useless as images without a cluster.
    const broken = new AbortController();
    const together = AbortSignal.any([signal, broken.signal]);
    const orBreak = <T>(result: Result<T>): Result<T> => {
      if (!result.ok) broken.abort(result.failure);
      return result;
    };
    const [made, loaded] = await Promise.allSettled([
      this.#phase('cluster', async () => {
        const created = orBreak(
          await createCluster(cluster, {
            signal: together,
            waitingFor: (w) => door.waitingFor(w),
            quote: (l) => door.quote(l),
          }),
        );
        if (!created.ok) return created;
        this.#connection = await connect({ kubeconfigPath: cluster.kubeconfigPath });
        const ready = orBreak(
          await waitForNodes(this.#connection, nodes, { signal: together, waitingFor: (w) => door.waitingFor(w) }),
        );
        if (ready.ok) {
          const { name, kubeconfigPath } = cluster;
          const { names, kubernetes } = ready.value;
          this.#cluster = { name, kubeconfigPath, nodes: names, kubernetes, mountedHostPath: this.dir.results };
        }
        return ready;
      }),
      this.#phase('images', async () => {
        const names = await waitForContainerd(cluster.name, nodes, {
          signal: together,
          waitingFor: (w) => door.waitingFor(w),
        });
        const archives = inputs.imageArchives;
        if (images.length > 0)
          door.say(`loading ${images.length} images into ${names.length} nodes: ${images.join(', ')}`);
        let result = await loadImages(images, names, together);
        for (const archive of archives) if (result.ok) result = await loadArchive(archive, names, together);
        return orBreak(result);
      }),
    ]);
    signal.throwIfAborted();
    for (const one of [made, loaded]) if (one.status === 'fulfilled' && !one.value.ok) return one.value;
    for (const one of [made, loaded]) if (one.status === 'rejected') throw one.reason;
    return succeed(undefined);
  }

  async #enterCluster(cluster: ReadyCluster, images: string[]): Promise<Result<undefined>> {
    await this.#phaseOf('cluster', async () => {
      this.#connection = await connect({ kubeconfigPath: cluster.kubeconfigPath });
      this.#cluster = cluster;
    });
    return this.#phase('images', () => loadImages(images, cluster.nodes, this.#options.signal));
  }

  /** Where the nodes see the directory that the tests write to. */
  #resultsNodePath(): string {
    return path.posix.join(nodeResultsPath, path.relative(this.#cluster!.mountedHostPath, this.dir.results));
  }

  /** The test image and those of the chart, as far as the local docker has them, and all that `load-images` names. */
  async #listLocalImages(chart: Chart | undefined): Promise<Result<string[]>> {
    const { inputs, signal } = this.#options;
    this.#image = await inspectLocalImage(inputs.image, signal);
    const wanted = new Set(inputs.loadImages);
    if (this.#image !== undefined) wanted.add(inputs.image);
    if (chart !== undefined) {
      const rendered = await listChartImages(chart, signal);
      if (!rendered.ok) return rendered;
      for (const name of rendered.value) if ((await inspectLocalImage(name, signal)) !== undefined) wanted.add(name);
    }
    return succeed([...wanted]);
  }

  // ── platform, tests ───────────────────────────────────────────────────────────────────────────────────────────────

  async #installPlatform(chart: Chart | undefined): Promise<Result<NamespaceWatch>> {
    const { inputs, door, signal, record } = this.#options;
    const connection = this.#connection!;
    const made = await createNamespace(connection, inputs.namespace, { [runLabel]: record.content.runId }, signal);
    if (!made.ok) return made;
    const watch = new NamespaceWatch(connection, inputs.namespace, this.#closing.signal, (text) => this.#warn(text));
    if (chart === undefined) {
      door.say('no chart: profile none');
      return succeed(watch);
    }
    door.say(`helm install ${chart.release}: ${path.basename(chart.chart)}, profile ${inputs.profile}`);
    this.#release = chart;
    const installed = await installChart(chart, {
      connection,
      kubeconfigPath: this.#cluster!.kubeconfigPath,
      watch,
      timeoutSeconds: inputs.platformTimeoutSeconds,
      signal,
      waitingFor: (what) => door.waitingFor(what),
      quote: (line) => door.quote(line),
    });
    return installed.ok ? succeed(watch) : installed;
  }

  async #runJob(watch: NamespaceWatch): Promise<Result<undefined>> {
    const { inputs, door, signal, record } = this.#options;
    const connection = this.#connection!;
    const manifest = buildJob({
      ...inputs,
      runId: record.content.runId,
      isLoaded: this.#image !== undefined,
      entrypoint: this.#image?.entrypoint,
      resultsNodePath: this.#resultsNodePath(),
    });
    this.#testsStartedAt = Date.now();
    const ended = await runJob({
      connection,
      watch,
      namespace: inputs.namespace,
      jobName,
      container: testContainerName,
      manifest,
      startupTimeoutSeconds: inputs.startupTimeoutSeconds,
      timeoutSeconds: inputs.timeoutSeconds,
      graceSeconds: inputs.graceSeconds,
      signal,
      say: (line) => door.say(line),
      waitingFor: (what) => door.waitingFor(what),
      onStarted: (pod) => {
        door.waitingFor('the tests');
        this.#log = captureLog({
          connection,
          namespace: inputs.namespace,
          pod: pod.metadata.name,
          container: testContainerName,
          file: path.join(this.dir.logs, pod.metadata.name, `${testContainerName}.log`),
          quote: (line) => door.quote(line),
          warn: (text) => this.#warn(text),
          signal: this.#closing.signal,
          hasEnded: () => this.#end !== undefined || signal.aborted,
        });
      },
    });
    if (!ended.ok) return ended;
    this.#end = ended.value;
    await this.#log;
    return ended.value.failure === null ? succeed(undefined) : { ok: false, failure: ended.value.failure };
  }

  // ── results, report ───────────────────────────────────────────────────────────────────────────────────────────────

  /** A log that is still followed when its run is over (a cancel, a lost API server) ends with what there is. */
  async #finishLog(): Promise<void> {
    const log = this.#log;
    if (log === undefined) return;
    this.#log = undefined;
    const timer = setTimeout(() => this.#closing.abort(), logRescueMilliseconds);
    try {
      for (const gap of (await log).gaps) this.#warn(gap);
    } finally {
      clearTimeout(timer);
    }
  }

  async #collectResults(signal: AbortSignal): Promise<CollectedResults> {
    for (const node of this.#cluster?.nodes ?? []) {
      const trouble = await adoptResults(node, this.#resultsNodePath(), signal);
      if (trouble !== '') this.#warn(`the owner of the results could not be changed: ${trouble}`);
    }
    const collected = await collectResults({
      writtenDir: this.dir.results,
      junitDir: this.dir.junit,
      junitGlobs: this.#options.inputs.junitGlobs,
      // File systems and clocks differ by a second or so; a report of another run is minutes old.
      notBefore: (this.#testsStartedAt ?? 0) - 2000,
      signal,
    });
    for (const warning of collected.warnings) this.#warn(warning);
    return collected;
  }

  async #collectEvidence(signal: AbortSignal): Promise<Evidence | undefined> {
    if (this.#connection === undefined) return undefined;
    const { inputs } = this.#options;
    const evidence = await collectEvidence({
      connection: this.#connection,
      namespace: inputs.namespace,
      clusterDir: this.dir.cluster,
      logsDir: this.dir.logs,
      alreadyLogged: this.#end === undefined ? [] : [`${this.#end.pod.metadata.name}/${testContainerName}`],
      signal,
    });
    if (this.#release !== undefined) {
      const { kubeconfigPath } = this.#cluster!;
      evidence.troubles.push(...(await saveRelease(this.#release, kubeconfigPath, this.dir.cluster, signal)));
    }
    for (const trouble of evidence.troubles) this.#warn(trouble);
    return evidence;
  }

  async #keepClusterLogs(cluster: KindCluster): Promise<void> {
    const trouble = await exportClusterLogs(cluster, path.join(this.dir.cluster, 'kind-logs'), this.#options.signal);
    if (trouble !== '') this.#warn(trouble);
  }

  async #writeReport(
    before: Failure | null,
    collected: CollectedResults | undefined,
    evidence: Evidence | undefined,
  ): Promise<RunEnd> {
    const { inputs } = this.#options;
    const reports = collected?.reports ?? [];
    const tests = reports.flatMap((report) => report.cases);
    const decided = decideVerdict({
      end: this.#end?.terminated ?? { exitCode: -1 },
      memoryLimit: inputs.memory,
      reports,
      unreadable: collected?.unreadable ?? [],
      stale: collected?.stale ?? [],
      failedNames: tests.filter((test) => test.status === 'failed' || test.status === 'error').map((test) => test.name),
      junitGlobs: inputs.junitGlobs,
      resultsPath: inputs.resultsPath,
    });
    const failure = before ?? (this.#end === undefined ? unexplained : decided.failure);
    if (before === null) for (const warning of decided.warnings) this.#warn(warning);
    const verdict = this.#verdict(failure, decided.counts);
    const report: ReportInput = {
      verdict,
      tests,
      logs: evidence?.logs ?? [],
      events: evidence?.events ?? [],
      phases: this.#phases,
      startedAt: this.#startedAt.toISOString(),
      resultsDir: this.dir.root,
    };
    await writeJUnit(this.dir.junitXml, { reports, phases: verdict.phases, failure });
    await writeReport(report, this.dir);
    return { verdict, dir: this.dir, report, kubeconfig: this.#cluster?.kubeconfigPath ?? '' };
  }

  /** The end of a run that may not even use its results directory. */
  refuse(failure: Failure): RunEnd {
    const verdict = this.#verdict(failure, { ...noTests });
    const report = { verdict, tests: [], logs: [], resultsDir: this.dir.root };
    return { verdict, dir: this.dir, report, kubeconfig: '' };
  }

  #verdict(failure: Failure | null, tests: Verdict['tests']): Verdict {
    const { inputs } = this.#options;
    const cluster = this.#cluster;
    return {
      schema: 1,
      outcome: outcomeOf(failure),
      failure,
      tier: inputs.tier,
      tests,
      phases: this.#phases.map(toRecord),
      durationSeconds: this.#seconds(),
      cluster:
        cluster === undefined
          ? null
          : {
              kind: 'kind',
              name: cluster.name,
              namespace: inputs.namespace,
              nodes: cluster.nodes.length,
              kubernetes: cluster.kubernetes,
            },
      image: { name: inputs.image, digest: this.#end?.imageId || (this.#image?.id ?? '') },
      warnings: [...this.#warnings],
    };
  }

  // ── the frame of every phase ──────────────────────────────────────────────────────────────────────────────────────

  /** Runs a phase, tells the door of it and keeps its time. */
  async #phase<T>(name: PhaseName, work: () => Promise<Result<T>>): Promise<Result<T>> {
    const { value } = await this.#timed(name, work, (result) => result.ok);
    return value;
  }

  async #phaseOf<T>(name: PhaseName, work: () => Promise<T>): Promise<T> {
    const { value } = await this.#timed(name, work, () => true);
    return value;
  }

  async #timed<T>(name: PhaseName, work: () => Promise<T>, hasPassed: (value: T) => boolean): Promise<{ value: T }> {
    const { door } = this.#options;
    const startSeconds = this.#seconds();
    const end = (outcome: PhaseRecord['outcome']) => {
      const record = { name, outcome, seconds: this.#seconds() - startSeconds };
      const earlier = this.#phases.findIndex((phase) => phase.name === name);
      if (earlier !== -1) this.#phases.splice(earlier, 1);
      this.#phases.push({ ...record, startSeconds });
      door.phaseEnded(record);
    };
    door.phaseStarted(name);
    try {
      const value = await work();
      end(hasPassed(value) ? 'passed' : 'failed');
      return { value };
    } catch (error) {
      end('failed');
      throw error;
    }
  }

  /** The failure that work comes to, be it a value or an exception; null when it succeeds. The only place that catches all. */
  async turnIntoFailure(work: () => Promise<Result<unknown>>): Promise<Failure | null> {
    const { signal } = this.#options;
    const wasAborted = signal.aborted;
    try {
      const result = await work();
      if (result.ok) return null;
      // Whatever was interrupted may well call that a failure of its own.
      return signal.aborted && !wasAborted ? this.#cancelled() : result.failure;
    } catch (error) {
      if (signal.aborted) return this.#cancelled();
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return {
        kind: 'internal',
        reason: toOneLine(`a fault of k8s-test-action itself, during ${this.#lastPhase()}: ${messageOf(error)}`),
        hint: 'Please report it with the lines below.',
        evidence: stack.split('\n').slice(0, 20),
      };
    }
  }

  #cancelled(): Failure {
    const reason = `cancelled (${String(this.#options.signal.reason)}) during ${this.#lastPhase()}`;
    return { kind: 'cancelled', reason, hint: '', evidence: [] };
  }

  #lastPhase(): string {
    return this.#phases.at(-1)?.name ?? 'the start';
  }

  #warn(text: string): void {
    this.#warnings.push(text);
    this.#options.door.warn(text);
  }

  #seconds(): number {
    return Math.round((performance.now() - this.#start) / 10) / 100;
  }

  #describeChart(helm: string, chart: string): Chart {
    const { inputs } = this.#options;
    const { release, namespace, valuesFiles, set } = inputs;
    return { helm, release, namespace, chart, valuesFiles, set };
  }
}

function toRecord({ name, outcome, seconds }: TimedPhase): PhaseRecord {
  return { name, outcome, seconds };
}

const unexplained: Failure = {
  kind: 'internal',
  reason: 'the run ended without a word on its tests',
  hint: 'Please report it with the log.',
  evidence: [],
};
