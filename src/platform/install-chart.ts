import { type Failure, fail, type Result, subjectOf, succeed } from '../core/outcome.ts';
import { hasStayedUp } from '../diagnose/classify-crash.ts';
import { remedyForHook } from '../diagnose/classify-held-hook.ts';
import { classifyNotReady } from '../diagnose/classify-pod.ts';
import { findUnfinishedRollouts } from '../diagnose/classify-rollout.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import { explainDiagnosis } from '../diagnose/explain-diagnosis.ts';
import { findDiagnoses } from '../diagnose/find-diagnoses.ts';
import { factPaths, type NamespaceFacts } from '../diagnose/namespace-facts.ts';
import { apiLostSeconds, type NamespaceWatch, type WaitEnd } from '../diagnose/namespace-watch.ts';
import { claimsOf, controllerOf, describeEvent, hasEnded, isBeingDeleted, isReady } from '../diagnose/pod-facts.ts';
import { readProof, titleProof } from '../diagnose/read-proof.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { statusesOf } from '../kube/job-pods.ts';
import type { Claim, ObjectMeta, Pod, Workload } from '../kube/objects.ts';
import { releaseOf } from '../kube/release-of.ts';
import { listResources } from '../kube/resources.ts';
import { describeProgramEnd, type ProgramRun, runProgram } from '../tools/run-program.ts';
import { type Chart, helmEnvironmentFor, withChartArguments } from './chart.ts';
import { explainHelm } from './explain-helm.ts';
import { findHeldHooks } from './find-held-hooks.ts';
import { findUnreadyResources, remedyForResources } from './find-unready-resources.ts';
import { HookLogs } from './hook-logs.ts';

/** helm's own deadline is only a fallback for ours. */
const helmSlackSeconds = 30;
/** What helm read a moment ago, our watches have read by then, even where one of them was cut off and starts again. */
const catchUpSeconds = 6;
/** Events that are shown beside a diagnosis. */
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
  /** Whether helm waits for its objects before it runs the hooks after them; else only we wait. */
  helmWaits: boolean;
  /** Whether it is a Helm 3, which waits for other things than Helm 4. */
  isHelm3: boolean;
  /** What the chart renders to, hooks included. */
  manifests: unknown[];
  signal: AbortSignal;
  waitingFor: (what: string) => void;
  quote: (line: string) => void;
  warn: (text: string) => void;
}

/**
 * Installs or upgrades the chart and returns when all its objects are ready, or as soon as it is certain that they never will
 * be. helm waits; at the same time our own watch reads what helm does not report.
 * @returns a failure of kind `chart` with the last lines of the container that failed, `cluster` when a node is the cause, or
 * `api`.
 */
export async function installChart(chart: Chart, options: InstallOptions): Promise<Result<undefined>> {
  const deadline = performance.now() + options.timeoutSeconds * 1000;
  const { watch, signal, timeoutSeconds } = options;
  const seen = await watch.until(() => watch.isSynced || undefined, { signal, deadlineSeconds: timeoutSeconds });
  const install = new Installation(chart, options);
  try {
    if (seen.kind !== 'decided') return await install.explainEnd(seen);
    const first = await install.race(deadline);
    signal.throwIfAborted();

    if ('error' in first) throw first.error;
    if ('run' in first) {
      if (first.run.exitCode === 0) return await install.awaitRelease(deadline);
      return { ok: false, failure: await install.explainRun(first.run) };
    }
    return await install.explainEnd(first.end);
  } finally {
    install.close();
  }
}

/**
 * Waits until all objects of a deployed chart are ready, and `isBack` is true, or until it is certain that they never will be.
 * Pods without a controller are skipped: the user may have created them for debugging.
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
  const isUp = (pod: Pod) => isReady(pod) || hasEnded(pod) || isBeingDeleted(pod) || strays.includes(pod);
  try {
    if (seen.kind !== 'decided') return await installation.explainEnd(seen);
    return await installation.settle(deadline, () => isBack() && watch.pods.every(isUp));
  } finally {
    installation.close();
  }
}

class Installation {
  readonly #chart: Chart;
  readonly #options: InstallOptions;
  /** Objects that existed in the namespace before are not the chart's fault. */
  readonly #before: ReadonlySet<string>;
  readonly #hookLogs: HookLogs;

  constructor(chart: Chart, options: InstallOptions, before?: readonly { metadata: ObjectMeta }[]) {
    this.#chart = chart;
    this.#options = options;
    const { facts } = options.watch;
    const { connection, watch, signal } = options;
    this.#hookLogs = new HookLogs({ connection, watch, namespace: chart.namespace, signal });
    const there = before ?? listObjects(facts);
    this.#before = new Set(there.map((object) => object.metadata.uid));
  }

  close(): void {
    this.#hookLogs.close();
  }

  /**
   * Runs helm and watches at the same time. Whichever ends first ends the other; both are awaited, so that nothing outlives
   * this.
   */
  async race(deadline: number): Promise<{ run: ProgramRun } | { end: WaitEnd<Diagnosis> } | { error: unknown }> {
    const { kubeconfigPath, labels, timeoutSeconds, quote, verb = 'install', helmWaits, manifests } = this.#options;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, over.signal]);
    const timeout = [...(helmWaits ? ['--wait'] : []), '--timeout', `${timeoutSeconds + helmSlackSeconds}s`];
    const marks = Object.entries(labels).flatMap(([label, value]) => ['--labels', `${label}=${value}`]);
    const asked = ['--kubeconfig', kubeconfigPath, ...marks, ...timeout];
    if (helmWaits) this.#options.watch.holdHooks(findHeldHooks(manifests, this.#chart.release, verb));
    const env = helmEnvironmentFor(kubeconfigPath);
    const helm = withChartArguments(this.#chart, [], (args) =>
      runProgram(this.#chart.helm, [verb, ...args, ...asked], { signal, env, onLine: quote }),
    );
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

  /** Whether an object counts: made by this release, as far as can be reported. */
  #isOurs(uid: string): boolean {
    return !this.#before.has(uid) && !this.#isOfOlderMaker(uid);
  }

  /** A pod in another namespace than the release's, of an object that existed before: it is not part of this release. */
  #isOfOlderMaker(uid: string): boolean {
    const { watch, verb } = this.#options;
    const pod = watch.pods.find((one) => one.metadata.uid === uid);
    if (pod === undefined || verb === 'upgrade' || this.#isInRelease(pod)) return false;
    const maker = controllerOf(pod)?.uid ?? '';
    const set = watch.facts.replicaSets.find((one) => one.metadata.uid === maker);
    return this.#before.has(maker) || this.#before.has((set && controllerOf(set)?.uid) ?? '');
  }

  #isInRelease({ metadata }: { metadata: ObjectMeta }): boolean {
    return (metadata.namespace ?? this.#chart.namespace) === this.#chart.namespace;
  }

  /** The namespace of an object that is watched. */
  #namespaceOf(uid: string): string {
    const found = listObjects(this.#options.watch.facts).find((one) => one.metadata.uid === uid);
    return found?.metadata.namespace ?? this.#chart.namespace;
  }

  /** After helm: all its objects are rolled out, where it did not wait for that itself, and stays up. */
  async awaitRelease(deadline: number): Promise<Result<undefined>> {
    const { helmWaits, watch, warn } = this.#options;
    watch.holdHooks();
    let isRolledOut = () => true;
    if (!helmWaits) {
      const made = await this.#listWorkloads();
      if (!made.ok) return made;
      const isSeen = (facts: NamespaceFacts) => {
        const seen = new Set(workloadsOf(facts).map((one) => one.metadata.uid));
        return made.value.every((uid) => seen.has(uid));
      };
      isRolledOut = () => isSeen(watch.facts) && findUnfinishedRollouts(watch.facts, this.#chart.release).length === 0;
    }
    const settled = await this.settle(deadline, isRolledOut);
    if (settled.ok) for (const claim of this.#olderClaims()) warn(this.#describeOlder(claim));
    return settled;
  }

  /** The uids of the release's objects, read once: our watches may be slightly behind helm. */
  async #listWorkloads(): Promise<Result<string[]>> {
    const { connection, signal } = this.#options;
    const { deployments, statefulSets, daemonSets } = factPaths(this.#chart.namespace);
    try {
      const lists = [deployments, statefulSets, daemonSets].map((path) =>
        listResources<Workload>(connection, path, signal),
      );
      const all = (await Promise.all(lists)).flat();
      return succeed(all.filter((one) => releaseOf(one) === this.#chart.release).map((one) => one.metadata.uid));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return fail('api', `the objects of the release could not be listed: ${error.message}`);
    }
  }

  /**
   * helm takes a container without a readiness probe for ready in the moment in which it runs. It is waited for until it
   * has run for some seconds, and longer than its former run if it has crashed before.
   */
  async settle(deadline: number, isReadyToo: () => boolean = () => true): Promise<Result<undefined>> {
    const { watch, signal } = this.#options;
    const settledAt = performance.now();
    // The cluster reports starts by its wall clock. A change of our clock while we wait must not make a container seem older.
    const settledWallAt = Date.now();
    // By container and restart: what was seen of the run before proves nothing of this one.
    const seenAt = new Map<string, number>();
    const secondsInRun = (pod: Pod, container: string) => {
      const status = statusesOf(pod).find((one) => one.name === container);
      const run = `${pod.metadata.uid} ${container} ${status?.restartCount ?? 0}`;
      if (!seenAt.has(run)) seenAt.set(run, performance.now());
      return (performance.now() - (seenAt.get(run) ?? 0)) / 1000;
    };
    const isUp = () =>
      isReadyToo() &&
      watch.pods.every(
        (pod) =>
          !this.#isOurs(pod.metadata.uid) ||
          isBeingDeleted(pod) ||
          hasStayedUp(pod, settledWallAt + performance.now() - settledAt, (name) => secondsInRun(pod, name)),
      );
    const end = await this.#until(() => (isUp() ? 'up' : this.#look()), deadline, signal);
    if (end.kind === 'decided' && end.value === 'up') return succeed(undefined);
    return this.explainEnd(end as WaitEnd<Diagnosis>);
  }

  /** helm stopped waiting: its message, or better that of the object that caused it. */
  async explainRun(run: ProgramRun): Promise<Failure> {
    const helm = explainHelm(`helm ${this.#options.verb ?? 'install'} failed`, run.stderr, describeProgramEnd(run));
    const isAboutObjects = /not ready|BackoffLimitExceeded|failed (pre|post)-|timed out|deadline exceeded|hook/i.test(
      run.stderr,
    );
    if (!isAboutObjects) return helm;
    const end = await this.#until(() => this.#look(), performance.now() + catchUpSeconds * 1000, this.#options.signal);
    const diagnosis = end.kind === 'decided' ? end.value : this.#worst();
    if (diagnosis === undefined) return helm;
    const failure = await this.#explain(diagnosis);
    return { ...failure, evidence: [...failure.evidence, ...helm.evidence] };
  }

  async explainEnd(end: WaitEnd<Diagnosis>): Promise<Result<undefined>> {
    const { timeoutSeconds, watch, helmWaits } = this.#options;
    switch (end.kind) {
      case 'decided':
        return { ok: false, failure: await this.#explain(end.value) };
      case 'api-lost':
        return fail('api', `the API server has not answered for ${end.seconds} s while the chart was being installed`, {
          hint: `It may be unreachable for ${apiLostSeconds} s; look at the logs of the cluster.`,
        });
      case 'deadline': {
        const worst = this.#worst();
        const late = `the chart is not ready after ${timeoutSeconds} s`;
        const patience = 'If it is only slow, raise platform-timeout.';
        if (worst === undefined) {
          const pods = watch.describe((pod) => this.#isOurs(pod.metadata.uid));
          const rollouts = helmWaits ? [] : findUnfinishedRollouts(watch.facts, this.#chart.release);
          const { connection, manifests, isHelm3, signal } = this.#options;
          const { namespace } = this.#chart;
          // Helm also waits for objects without pods; we only wait for pods.
          const waited = helmWaits
            ? await findUnreadyResources(connection, manifests, { namespace, isHelm3, signal })
            : [];
          return fail('chart', `${late}: ${[...waited, pods, ...rollouts].join('; ')}`, {
            hint: waited.length === 0 ? patience : `${remedyForResources} ${patience}`,
            evidence: this.#events(),
          });
        }
        const failure = await this.#explain(worst);
        // Its own hint covers this.
        const isSaid = failure.code === 'container-not-ready';
        const hint = isSaid ? failure.hint : `${failure.hint} ${patience}`.trim();
        return fail(failure.kind, `${late}: ${failure.reason}`, { ...failure, hint });
      }
    }
  }

  /** Asked at each change: what is certain by now. */
  #look(): Diagnosis | undefined {
    const { watch, waitingFor } = this.#options;
    this.#hookLogs.look((pod) => this.#isOurs(pod.metadata.uid));
    if (this.#haveHooksBegun()) watch.holdHooks();
    waitingFor(watch.describe((pod) => this.#isOurs(pod.metadata.uid)));
    return watch.certainDiagnosis(({ uid }) => this.#isOurs(uid));
  }

  /** Whether helm has made one of the hooks that it held back: then it waits no longer for what it made before. */
  #haveHooksBegun(): boolean {
    const { heldHooks = [], jobs, pods } = this.#options.watch.facts;
    const names = new Set(heldHooks.map(({ name }) => name));
    return [...jobs, ...pods].some(({ metadata }) => names.has(metadata.name) && !this.#before.has(metadata.uid));
  }

  #until<R>(decide: () => R | undefined, deadline: number, signal: AbortSignal): Promise<WaitEnd<R>> {
    const deadlineSeconds = Math.max(0, deadline - performance.now()) / 1000;
    return this.#options.watch.until(decide, { signal, deadlineSeconds });
  }

  /** The most likely cause although nothing is certain. */
  #worst(): Diagnosis | undefined {
    const { facts } = this.#options.watch;
    const notReady = facts.pods.map((pod) => classifyNotReady(pod, facts)).filter((found) => found !== undefined);
    const all = [...findDiagnoses(facts), ...notReady].filter((diagnosis) => this.#isOurs(diagnosis.uid));
    return (
      all.find((diagnosis) => diagnosis.confidence === 'certain') ??
      all.find((diagnosis) => diagnosis.confidence === 'likely') ??
      all[0]
    );
  }

  async #explain(found: Diagnosis): Promise<Failure> {
    const { connection, signal, watch } = this.#options;
    const diagnosis = await explainDiagnosis(connection, found, watch.facts, signal);
    const namespace = this.#namespaceOf(diagnosis.uid);
    const followed = await this.#hookLogs.read(diagnosis.pod, diagnosis.container);
    const lines =
      followed === undefined
        ? await readProof(connection, namespace, diagnosis, signal)
        : titleProof(diagnosis, followed);
    const { kind, reason, hint, evidence } = diagnosis.failure;
    const isElsewhere = namespace !== this.#chart.namespace;
    return {
      kind: kind === 'cluster' || kind === 'api' ? kind : 'chart',
      ...subjectOf(diagnosis.failure),
      reason: isElsewhere ? `in namespace ${namespace}: ${reason}` : reason,
      hint: [hint, ...this.#remarks(diagnosis)].join(' ').trim(),
      evidence: [...evidence, ...lines, ...this.#others(diagnosis.pod), ...this.#events(diagnosis.pod)],
    };
  }

  /** Possible causes behind the diagnosis of a pod, beside its own message. */
  #remarks(diagnosis: Diagnosis): string[] {
    const { facts } = this.#options.watch;
    const pod = facts.pods.find((one) => one.metadata.uid === diagnosis.uid);
    if (pod === undefined) return [];
    const remarks = this.#olderClaims([pod]).map((claim) => this.#describeOlder(claim));
    const [hook] = facts.heldHooks ?? [];
    if (hook !== undefined && diagnosis.failure.code !== 'hook-held-back')
      remarks.push(
        `helm creates the ${hook.title} only when all pods are ready; if this container waits for it: ${remedyForHook}`,
      );
    return remarks;
  }

  /** Claims of an earlier release, by the names that this one gives its own, and so mounts. */
  #olderClaims(pods: readonly Pod[] = this.#options.watch.pods): Claim[] {
    if (this.#options.verb === 'upgrade') return [];
    const mounting = pods.filter((pod) => !this.#before.has(pod.metadata.uid));
    return this.#options.watch.facts.claims.filter(
      (claim) =>
        this.#before.has(claim.metadata.uid) &&
        mounting.some(
          (pod) =>
            claimsOf(pod).includes(claim.metadata.name) &&
            // Of a StatefulSet's template, or left by a release of this name; others were set on purpose.
            (claim.metadata.name.endsWith(`-${pod.metadata.name}`) || releaseOf(claim) === this.#chart.release),
        ),
    );
  }

  #describeOlder({ metadata }: Claim): string {
    return `PersistentVolumeClaim ${metadata.name} was there before release ${this.#chart.release} (since ${metadata.creationTimestamp ?? 'long'}): it still holds data and passwords of an earlier release. Delete the claim to start fresh.`;
  }

  /** Which other pods are not ready either, since the failed one may wait for one of them. */
  #others(pod: string): string[] {
    const { facts } = this.#options.watch;
    return facts.pods
      .filter((other) => other.metadata.name !== pod && this.#isOurs(other.metadata.uid))
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
}

/** All present and former objects of a namespace. */
function listObjects(facts: NamespaceFacts): { metadata: ObjectMeta }[] {
  const { pods, jobs, replicaSets, statefulSets, daemonSets, deployments, claims, deleted } = facts;
  const gone = [...(deleted?.pods ?? []), ...(deleted?.jobs ?? [])];
  return [pods, jobs, replicaSets, statefulSets, daemonSets, deployments, claims, gone].flat();
}

function workloadsOf({ deployments, statefulSets, daemonSets }: NamespaceFacts): Workload[] {
  return [...deployments, ...statefulSets, ...daemonSets];
}
