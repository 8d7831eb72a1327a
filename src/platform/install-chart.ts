import { hasStayedUp } from '../diagnose/classify-crash.ts';
import { classifyNotReady } from '../diagnose/classify-pod.ts';
import { explainTrouble } from '../diagnose/explain-trouble.ts';
import { findTroubles } from '../diagnose/find-troubles.ts';
import { apiLostSeconds, type NamespaceWatch, type WaitEnd } from '../diagnose/namespace-watch.ts';
import { controllerOf, describeEvent, hasEnded, isBeingDeleted, isReady, statusesOf } from '../diagnose/pod-facts.ts';
import { readProof } from '../diagnose/read-proof.ts';
import type { Trouble } from '../diagnose/trouble.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { ObjectMeta, Pod } from '../kube/objects.ts';
import { type Failure, fail, type Result, succeed } from '../outcome.ts';
import { describeEnd, type ProgramRun, runProgram } from '../tools/run-program.ts';
import { type Chart, chartArguments, helmEnvironmentFor } from './chart.ts';
import { explainHelm } from './explain-helm.ts';

/** helm's own deadline is a net behind ours. */
const helmSlackSeconds = 30;
/** What helm read a moment ago, our watches have read by then. */
const catchUpSeconds = 2;
/** Of the events that stand beside a trouble. */
const shownEvents = 12;

export interface InstallOptions {
  connection: KubeConnection;
  kubeconfigPath: string;
  /** Labels of the release, by which it is known again. */
  labels: Record<string, string>;
  watch: NamespaceWatch;
  timeoutSeconds: number;
  /** Without it the chart is installed. */
  verb?: 'install' | 'upgrade';
  signal: AbortSignal;
  waitingFor: (what: string) => void;
  quote: (line: string) => void;
}

/**
 * Installs or upgrades the chart and returns when all it made is ready, or as soon as it is certain that it never will be. helm
 * waits; beside it our own watcher reads what helm does not say.
 * @returns a failure of kind `chart` with the guilty container's last lines, `cluster` when a node is to blame, or `api`.
 */
export async function installChart(chart: Chart, options: InstallOptions): Promise<Result<undefined>> {
  const deadline = performance.now() + options.timeoutSeconds * 1000;
  const { watch, signal, timeoutSeconds } = options;
  const seen = await watch.until(() => watch.isSynced || undefined, { signal, deadlineSeconds: timeoutSeconds });
  const install = new Installation(chart, options);
  if (seen.kind !== 'decided') return install.explainEnd(seen);
  const first = await install.race(deadline);
  signal.throwIfAborted();

  if ('error' in first) throw first.error;
  if ('run' in first) {
    if (first.run.exitCode === 0) return install.settle(deadline);
    return { ok: false, failure: await install.explainRun(first.run) };
  }
  return install.explainEnd(first.end);
}

/**
 * Waits until all that a chart made before is ready, and `isBack` agrees, or as soon as it is certain that it never will be.
 * Pods that nothing makes anew when they are gone are passed over: somebody may have made them to look at something.
 * @returns the failures of `installChart`.
 */
export async function awaitChart(
  chart: Chart,
  isBack: () => boolean,
  options: InstallOptions,
): Promise<Result<undefined>> {
  const deadline = performance.now() + options.timeoutSeconds * 1000;
  const { watch, signal, timeoutSeconds } = options;
  const seen = await watch.until(() => watch.isSynced || undefined, { signal, deadlineSeconds: timeoutSeconds });
  const strays = watch.pods.filter((pod) => controllerOf(pod) === undefined);
  const installation = new Installation(chart, options, strays);
  if (seen.kind !== 'decided') return installation.explainEnd(seen);
  const isUp = (pod: Pod) => isReady(pod) || hasEnded(pod) || isBeingDeleted(pod) || strays.includes(pod);
  return installation.settle(deadline, () => isBack() && watch.pods.every(isUp));
}

class Installation {
  readonly #chart: Chart;
  readonly #options: InstallOptions;
  /** What was in the namespace before us is not the chart's fault. */
  readonly #before: ReadonlySet<string>;
  /** Logs of pods that failed, read at once: helm deletes the pods of its hooks. */
  readonly #saved = new Map<string, Promise<string[]>>();

  constructor(chart: Chart, options: InstallOptions, before?: readonly { metadata: ObjectMeta }[]) {
    this.#chart = chart;
    this.#options = options;
    const { pods, jobs, replicaSets, statefulSets, daemonSets, deployments, claims } = options.watch.facts;
    const there = before ?? [pods, jobs, replicaSets, statefulSets, daemonSets, deployments, claims].flat();
    this.#before = new Set(there.map((object) => object.metadata.uid));
  }

  /** Runs helm and watches beside it. Whichever ends first ends the other; both are awaited, so that nothing outlives this. */
  async race(deadline: number): Promise<{ run: ProgramRun } | { end: WaitEnd<Trouble> } | { error: unknown }> {
    const { kubeconfigPath, labels, timeoutSeconds, quote, verb = 'install' } = this.#options;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, over.signal]);
    const timeout = ['--wait', '--timeout', `${timeoutSeconds + helmSlackSeconds}s`];
    const marks = Object.entries(labels).flatMap(([label, value]) => ['--labels', `${label}=${value}`]);
    const args = [verb, ...chartArguments(this.#chart), '--kubeconfig', kubeconfigPath, ...marks, ...timeout];
    const env = helmEnvironmentFor(kubeconfigPath);
    const helm = runProgram(this.#chart.helm, args, { signal, env, onLine: quote });
    const verdict = this.#until(() => this.#look(), deadline, signal);
    const first = await Promise.race([
      helm.then((run) => ({ run })),
      verdict.then(
        (end) => ({ end }),
        (error: unknown) => ({ error }),
      ),
    ]);
    over.abort();
    await helm;
    await verdict.catch(() => undefined);
    return first;
  }

  /**
   * helm takes a container without a readiness probe for ready in the moment in which it runs. It is waited for until it
   * has run for some seconds, and longer than its former run if it has crashed before.
   */
  async settle(deadline: number, isReadyToo: () => boolean = () => true): Promise<Result<undefined>> {
    const { watch, signal } = this.#options;
    const settledAt = performance.now();
    const isUp = () =>
      isReadyToo() &&
      watch.pods.every(
        (pod) =>
          this.#before.has(pod.metadata.uid) ||
          isBeingDeleted(pod) ||
          hasStayedUp(pod, Date.now(), (performance.now() - settledAt) / 1000),
      );
    const end = await this.#until(() => (isUp() ? 'up' : this.#look()), deadline, signal);
    if (end.kind === 'decided' && end.value === 'up') return succeed(undefined);
    return this.explainEnd(end as WaitEnd<Trouble>);
  }

  /** helm gave up: its words, or better those of the object that made it. */
  async explainRun(run: ProgramRun): Promise<Failure> {
    const helm = explainHelm(`helm ${this.#options.verb ?? 'install'} failed`, run.stderr, describeEnd(run));
    const isAboutObjects = /not ready|BackoffLimitExceeded|failed (pre|post)-|timed out|deadline exceeded|hook/i.test(
      run.stderr,
    );
    if (!isAboutObjects) return helm;
    const end = await this.#until(() => this.#look(), performance.now() + catchUpSeconds * 1000, this.#options.signal);
    const trouble = end.kind === 'decided' ? end.value : this.#worst();
    if (trouble === undefined) return helm;
    const failure = await this.#explain(trouble);
    return { ...failure, evidence: [...failure.evidence, ...helm.evidence] };
  }

  async explainEnd(end: WaitEnd<Trouble>): Promise<Result<undefined>> {
    const { timeoutSeconds, watch } = this.#options;
    switch (end.kind) {
      case 'decided':
        return { ok: false, failure: await this.#explain(end.value) };
      case 'api-lost':
        return fail('api', `the API server has not answered for ${end.seconds} s while the chart was being installed`, {
          hint: `It may be away for ${apiLostSeconds} s; look at the logs of the cluster.`,
        });
      case 'deadline': {
        const worst = this.#worst();
        const late = `the chart is not ready after ${timeoutSeconds} s`;
        const patience = 'If it is only slow, raise platform-timeout.';
        if (worst === undefined)
          return fail('chart', `${late}: ${watch.describe((pod) => !this.#before.has(pod.metadata.uid))}`, {
            hint: patience,
            evidence: this.#events(),
          });
        const failure = await this.#explain(worst);
        const hint = failure.hint.includes('platform-timeout') ? failure.hint : `${failure.hint} ${patience}`.trim();
        return fail(failure.kind, `${late}: ${failure.reason}`, { hint, evidence: failure.evidence });
      }
    }
  }

  /** Asked at each change: what is certain by now. */
  #look(): Trouble | undefined {
    const { watch, waitingFor } = this.#options;
    this.#saveLogs();
    waitingFor(watch.describe((pod) => !this.#before.has(pod.metadata.uid)));
    return watch.certainTrouble(({ uid }) => !this.#before.has(uid));
  }

  #until<R>(decide: () => R | undefined, deadline: number, signal: AbortSignal): Promise<WaitEnd<R>> {
    const deadlineSeconds = Math.max(0, deadline - performance.now()) / 1000;
    return this.#options.watch.until(decide, { signal, deadlineSeconds });
  }

  /** What is most likely to blame although nothing is certain. */
  #worst(): Trouble | undefined {
    const { facts } = this.#options.watch;
    const notReady = facts.pods.map((pod) => classifyNotReady(pod, facts)).filter((found) => found !== undefined);
    const all = [...findTroubles(facts), ...notReady].filter((trouble) => !this.#before.has(trouble.uid));
    return (
      all.find((trouble) => trouble.confidence === 'certain') ??
      all.find((trouble) => trouble.confidence === 'likely') ??
      all[0]
    );
  }

  async #explain(standing: Trouble): Promise<Failure> {
    const { connection, signal, watch } = this.#options;
    const trouble = await explainTrouble(connection, standing, watch.facts, signal);
    const saved = this.#saved.get(`${trouble.pod} ${trouble.container}`);
    const lines = await (saved ?? readProof(connection, this.#chart.namespace, trouble, signal));
    const { kind, reason, hint, evidence } = trouble.failure;
    return {
      kind: kind === 'cluster' || kind === 'api' ? kind : 'chart',
      reason,
      hint,
      evidence: [...evidence, ...lines, ...this.#others(trouble.pod), ...this.#events(trouble.pod)],
    };
  }

  /** What other pods are not ready either, for one of them may be what the guilty one waits for. */
  #others(pod: string): string[] {
    const { facts } = this.#options.watch;
    return facts.pods
      .filter((other) => other.metadata.name !== pod && !this.#before.has(other.metadata.uid))
      .map((other) => classifyNotReady(other, facts))
      .filter((found) => found !== undefined)
      .map(({ failure }) => `beside it: ${failure.reason}`)
      .slice(0, shownEvents);
  }

  /** The last warnings of the namespace, or of one pod. */
  #events(pod = ''): string[] {
    return this.#options.watch.events
      .filter((event) => event.type === 'Warning' && (pod === '' || event.involvedObject.name === pod))
      .map(describeEvent)
      .sort()
      .slice(-shownEvents);
  }

  #saveLogs(): void {
    const { watch, connection, signal } = this.#options;
    for (const pod of watch.pods) {
      if (pod.status?.phase !== 'Failed' || this.#before.has(pod.metadata.uid)) continue;
      for (const status of statusesOf(pod)) {
        const key = `${pod.metadata.name} ${status.name}`;
        if ((status.state?.terminated?.exitCode ?? 0) === 0 || this.#saved.has(key) || this.#saved.size >= maxSavedLogs)
          continue;
        const guilty = { pod: pod.metadata.name, container: status.name };
        const lines = readProof(connection, this.#chart.namespace, guilty, signal);
        // Only an abort makes it fail, and then nobody will ask.
        lines.catch(() => undefined);
        this.#saved.set(key, lines);
      }
    }
  }
}

const maxSavedLogs = 50;
