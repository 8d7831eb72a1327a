import { type Failure, fail, messageOf, type Result, succeed, toOneLine } from '../core/outcome.ts';
import { describeStuckPull } from '../diagnose/classify-image.ts';
import { lastRefusal, wordsOfRefusal } from '../diagnose/classify-owner.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import { explainDiagnosis } from '../diagnose/explain-diagnosis.ts';
import { findDiagnoses, uidsOfJob } from '../diagnose/find-diagnoses.ts';
import type { NamespaceWatch } from '../diagnose/namespace-watch.ts';
import { describeEnd } from '../diagnose/pod-facts.ts';
import { readProof } from '../diagnose/read-proof.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { statusesOf } from '../kube/job-pods.ts';
import type { ContainerStateTerminated, ContainerStatus, Node, Pod } from '../kube/objects.ts';
import { watchResources } from '../kube/watch.ts';
import { explainLoss, failureOf, type Interruption, isNodeLost, judgeNode } from './explain-loss.ts';

/** What is needed to follow a part of an existing Job. */
export interface FollowOptions {
  connection: KubeConnection;
  watch: NamespaceWatch;
  namespace: string;
  jobName: string;
  container: string;
  startupTimeoutSeconds: number;
  timeoutSeconds: number;
  graceSeconds: number;
  signal: AbortSignal;
  say: (line: string) => void;
  waitingFor: (what: string) => void;
  /** Asked again and again while the tests run: why they must end now, if they must. */
  interrupt?: () => Failure | undefined;
  /** Called once, as soon as the test container has started (or has ended, when it was too quick to be seen). */
  onStarted: (pod: Pod) => void;
  /**
   * Signals the test container so that its pod and its log stay; resolves with why it could not be done, if so. Then the pod is
   * deleted. `signal` ends the attempt: after a cancel it is another one than that of the run.
   */
  signalTests: (pod: Pod, containerId: string, name: 'SIGTERM' | 'SIGKILL', signal: AbortSignal) => Promise<string>;
  /**
   * Seconds that a pod which has to be deleted is given beyond the tests' grace, for log and results that can only be read
   * while it is there; 0 where they are elsewhere.
   */
  rescueSeconds: number;
}

/** What it takes to run a Job. */
export interface RunJobOptions extends FollowOptions {
  manifest: object;
}

/** How the test container ended, as far as known. */
export interface JobEnd {
  pod: Pod;
  /** Undefined when the pod vanished before its end was seen. */
  terminated: ContainerStateTerminated | undefined;
  imageId: string;
  /** What ended the run before its tests had ended by themselves; null when nothing did. */
  interruption: Interruption | null;
  /** Set when it was not the tests that ended the run: the time limit, or the loss of the pod. */
  failure: Failure | null;
}

/** What of a Job a pod is waited for: all of it, or one index. */
export interface JobPart {
  jobUid: string;
  /** Undefined for a Job of one pod. */
  completionIndex?: number;
  /** Whether other parts of the suite still run, or have a moment ago: what they hold, this one may be waiting for. */
  othersRun?: () => boolean;
  /** Called once for each reason why it has to wait: for what other parts hold, or for a node that is being added. */
  onHeld?: (reason: string) => void;
}

/**
 * Creates the Job and waits for the end of its test container: of that container, not of the pod or the Job, which a sidecar
 * keeps running forever. Cancelled tests have ended when this throws, or the reason why not was reported.
 * @returns the end, or a failure (`start`, `image`, `schedule`, `evicted`, `api`) when it never began.
 */
export async function runJob(options: RunJobOptions): Promise<Result<JobEnd>> {
  const created = await createJob(options);
  if (!created.ok) return created;
  return followPart(options, { jobUid: created.value });
}

/**
 * Waits for the pod of one part of a Job that is there, and for the end of its test container.
 * @returns as `runJob`.
 */
export async function followPart(options: FollowOptions, part: JobPart): Promise<Result<JobEnd>> {
  const { watch, signal } = options;
  // A Job of the same name may have gone a moment ago: its pods and events are not ours.
  const started = await waitForStart(options, part);
  if (started.kind === 'api-lost') return apiLost(started.seconds);
  if (started.kind === 'deadline') return { ok: false, failure: await explainLate(options, part) };
  if ('diagnosis' in started.value) return { ok: false, failure: await explainStart(started.value.diagnosis, options) };

  let last = started.value.pod;
  options.onStarted(last);
  const node = new NodeHealth(options, last.spec.nodeName ?? '');
  const lookForEnd = (): 'ended' | 'vanished' | undefined => {
    const pod = watch.pods.find((one) => one.metadata.uid === last.metadata.uid);
    if (pod === undefined) return 'vanished';
    last = pod;
    const { terminated } = statusOf(pod, options.container)?.state ?? {};
    return terminated !== undefined || pod.status?.phase === 'Failed' ? 'ended' : undefined;
  };
  try {
    const look = (): 'ended' | 'vanished' | Interruption | Failure | undefined =>
      lookForEnd() ?? node.loss(last) ?? (stop === undefined ? options.interrupt?.() : undefined);
    let stop: Failure | undefined;
    let ended = await watch.until(look, { signal, deadlineSeconds: options.timeoutSeconds });
    const hasTimedOut = ended.kind === 'deadline';
    if (ended.kind === 'decided' && typeof ended.value === 'object' && 'kind' in ended.value) stop = ended.value;
    if (hasTimedOut || stop !== undefined) {
      const why = stop?.reason ?? `the tests did not end after ${options.timeoutSeconds} s`;
      ended = await endTests(options, last, look, why);
    }
    const hasVanished = ended.kind === 'decided' && ended.value === 'vanished';
    // If we ended them, that outweighs the result.
    if (stop !== undefined) return succeed({ ...describeJobEnd(last, hasVanished, undefined, options), failure: stop });
    const interruption = hasTimedOut
      ? { why: 'timeout' as const, words: `the tests did not end within ${options.timeoutSeconds} s` }
      : ended.kind === 'api-lost'
        ? { why: 'api-lost' as const, words: `the API server has not answered for ${ended.seconds} s` }
        : ended.kind === 'decided' && typeof ended.value === 'object' && 'why' in ended.value
          ? ended.value
          : undefined;
    return succeed(describeJobEnd(last, hasVanished, interruption, options));
  } catch (error) {
    if (signal.aborted)
      await endCancelled(options, last, lookForEnd).catch((diagnosis: unknown) =>
        options.say(`the tests may still be running: ${messageOf(diagnosis)}`),
      );
    throw error;
  } finally {
    node.close();
  }
}

/** The known health of the node that the tests run on. */
class NodeHealth {
  readonly #name: string;
  readonly #closing = new AbortController();
  readonly #store: ReadonlyMap<string, Node>;
  #wasSeen = false;
  #lastStatus: { status: string; since: number } | undefined;

  constructor(options: FollowOptions, name: string) {
    this.#name = name;
    const nodes = watchResources<Node>({
      connection: options.connection,
      path: '/api/v1/nodes',
      fieldSelector: `metadata.name=${name}`,
      signal: AbortSignal.any([options.signal, this.#closing.signal]),
    });
    // Without the permission to read nodes their loss is not noticed, and the wait is as long as that of Kubernetes itself.
    nodes.done.catch(() => undefined);
    this.#store = nodes.store;
  }

  /** Set once it is certain that the tests of a pod cannot end on its node. */
  loss(pod: Pod): Interruption | undefined {
    const [node] = this.#store.values();
    this.#wasSeen ||= node !== undefined;
    const diagnosis = judgeNode(node, this.#wasSeen);
    if (diagnosis === undefined) {
      this.#lastStatus = undefined;
      return undefined;
    }
    const { status } = diagnosis;
    const last = this.#lastStatus?.status === status ? this.#lastStatus : { status, since: performance.now() };
    this.#lastStatus = last;
    if (!isNodeLost(diagnosis, (performance.now() - last.since) / 1000)) return undefined;
    const words = `the node ${this.#name} of the test pod ${pod.metadata.name} was lost: ${diagnosis.words}`;
    return { why: 'node-lost', words };
  }

  close(): void {
    this.#closing.abort();
  }
}

/** Whether a pod is that of a part. */
function isOfPart(pod: Pod, { jobUid, completionIndex }: JobPart): boolean {
  if (pod.metadata.labels?.['batch.kubernetes.io/controller-uid'] !== jobUid) return false;
  const index = pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index'];
  return completionIndex === undefined || index === String(completionIndex);
}

/** Waits until the test container runs; where other parts hold what it needs, `startupTimeoutSeconds` begin when they have ended. */
async function waitForStart(options: FollowOptions, part: JobPart) {
  const { watch, signal, startupTimeoutSeconds } = options;
  const told = new Set<string>();
  const tellHeld = () => {
    const held = findHold(options, part);
    if (held === undefined || told.has(held.key)) return;
    told.add(held.key);
    part.onHeld?.(held.reason);
  };
  for (;;) {
    const decide = () => {
      tellHeld();
      return decideStart(options, part);
    };
    const started = await watch.until(decide, { signal, deadlineSeconds: startupTimeoutSeconds });
    if (started.kind !== 'deadline' || part.othersRun?.() !== true) return started;
  }
}

/** Time is over, or something else is: SIGTERM to the tests, their grace, SIGKILL. */
async function endTests<T>(options: FollowOptions, pod: Pod, look: () => T | undefined, why: string) {
  const { watch, signal, graceSeconds, say } = options;
  const containerId = statusOf(pod, options.container)?.containerID ?? '';
  const send = (name: 'SIGTERM' | 'SIGKILL') => options.signalTests(pod, containerId, name, signal);
  say(`${why}: SIGTERM, and ${graceSeconds} s of grace`);
  const diagnosis = await send('SIGTERM');
  if (diagnosis === '') {
    const ended = await watch.until(look, { signal, deadlineSeconds: graceSeconds });
    if (ended.kind !== 'deadline') return ended;
    say(`the tests did not end after ${graceSeconds} s of grace: SIGKILL`);
    if ((await send('SIGKILL')) === '') {
      const killed = await watch.until(look, { signal, deadlineSeconds: killSeconds });
      if (killed.kind !== 'deadline') return killed;
    }
  }
  // The kubelet's way: it signals the container, too, and removes it with its log.
  const lastSeconds = diagnosis === '' ? 0 : graceSeconds;
  const deletion = { graceSeconds: lastSeconds + options.rescueSeconds, signal };
  await options.connection.deletePod(options.namespace, pod.metadata.name, deletion);
  // The kubelet does not report a container that ends sooner than its pod: the remaining time of the pod is for the rescue of
  // results.
  const patience = options.rescueSeconds > 0 ? 1 : killSeconds;
  return watch.until(look, { signal, deadlineSeconds: lastSeconds + patience });
}

/** How long the kubelet may take to report the end of a container that was killed. */
const killSeconds = 15;

/** Part of the ten seconds that GitHub leaves after a cancel; collecting afterwards has four. */
const cancelMilliseconds = 3000;
/** Part of these: for the tests between SIGTERM and SIGKILL. */
const cancelGraceSeconds = 1;

/**
 * After a cancel: SIGTERM, a short wait, SIGKILL. A process that writes while the results are masked and packed could add
 * secrets to them.
 * @throws when that takes too long.
 */
async function endCancelled<T>(options: FollowOptions, pod: Pod, lookForEnd: () => T | undefined): Promise<void> {
  const over = AbortSignal.timeout(cancelMilliseconds);
  const containerId = statusOf(pod, options.container)?.containerID ?? '';
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    const diagnosis = await options.signalTests(pod, containerId, name, over);
    if (diagnosis !== '') throw new Error(`${name} did not reach the tests: ${diagnosis}`);
    const ended = await options.watch.until(lookForEnd, { signal: over, deadlineSeconds: cancelGraceSeconds });
    if (ended.kind === 'decided') return;
  }
}

/** The status of a container of a pod, native sidecars and init containers included. */
function statusOf(pod: Pod, container: string): ContainerStatus | undefined {
  return statusesOf(pod).find((status) => status.name === container);
}

/** @returns the uid of the Job, or a failure of kind `start` or `api`. */
export async function createJob(
  options: Pick<RunJobOptions, 'connection' | 'namespace' | 'manifest' | 'signal'>,
): Promise<Result<string>> {
  const created = await options.connection.createJob(options.namespace, options.manifest, options.signal);
  if (created.ok) return succeed(created.value.metadata.uid);
  if (created.error.retryable)
    return fail('api', `the Job could not be created: ${created.error.message}`, {
      hint: 'The logs of the cluster say why its API server does not answer.',
    });
  return fail('start', `the cluster refuses the Job: ${created.error.message}`, {
    hint: 'The message of the API server names the field.',
  });
}

/** The pod once its test container runs or has run; what keeps it from that once it is certain. */
function decideStart(options: FollowOptions, part: JobPart): { pod: Pod } | { diagnosis: Diagnosis } | undefined {
  const isOurs = (pod: Pod) => isOfPart(pod, part);
  const pod = options.watch.pods.find(isOurs);
  options.waitingFor(pod === undefined ? 'the test pod' : options.watch.describe(isOurs));
  const uids = uidsOfPart(options, part);
  const diagnosis = options.watch.certainDiagnosis((one) => uids.has(one.uid) && !mayPass(one, part));
  const state = pod === undefined ? undefined : statusOf(pod, options.container)?.state;
  // Tests that were over before anyone looked have begun, however they ended.
  if (pod !== undefined && (state?.running !== undefined || hasRun(state?.terminated))) return { pod };
  return diagnosis === undefined ? undefined : { diagnosis };
}

/** Whether other parts may give back what a part lacks when they end: room on a node, or a share of a quota. */
function mayPass({ failure, cause }: Diagnosis, { othersRun }: JobPart): boolean {
  return (failure.kind === 'schedule' || cause?.kind === 'quota') && othersRun?.() === true;
}

/** What a part waits for, which is no failure yet: room or a quota that others use, or a node that an autoscaler adds. */
function findHold(options: FollowOptions, part: JobPart): { key: string; reason: string } | undefined {
  const { facts } = options.watch;
  const uids = uidsOfPart(options, part);
  const isHold = (one: Diagnosis) =>
    uids.has(one.uid) && (mayPass(one, part) || (one.failure.kind === 'schedule' && one.confidence === 'transient'));
  const found = findDiagnoses(facts).find(isHold);
  if (found !== undefined) return { key: found.key, reason: found.failure.reason };
  // A Job that has some of its pods reports the others in events alone.
  const refused = findRefusal(options, part);
  return refused !== undefined && part.othersRun?.() === true ? { key: 'refused', reason: refused } : undefined;
}

/** Why the controller could not create the pod of a part; undefined where it has one, or nothing is known. */
function findRefusal({ watch }: FollowOptions, part: JobPart): string | undefined {
  if (watch.pods.some((pod) => isOfPart(pod, part))) return undefined;
  const job = watch.facts.jobs.find(({ metadata }) => metadata.uid === part.jobUid);
  const message = job === undefined ? undefined : lastRefusal(watch.facts, job)?.message;
  return message === undefined ? undefined : wordsOfRefusal(message);
}

/** The uids of all objects that can prevent a part from running. A Job that has pods is left out itself. */
function uidsOfPart({ watch }: FollowOptions, part: JobPart): Set<string> {
  const { facts } = watch;
  if (part.completionIndex === undefined) return uidsOfJob(facts, part.jobUid);
  const pods = facts.pods.filter((pod) => isOfPart(pod, part));
  const uids = uidsOfJob({ ...facts, pods }, part.jobUid);
  const hasPods = facts.pods.some((pod) => isOfPart(pod, { jobUid: part.jobUid }));
  if (hasPods) uids.delete(part.jobUid);
  return uids;
}

/** Whether a container that ended was ever running: the runtime may have found no program to start. */
function hasRun(terminated: ContainerStateTerminated | undefined): boolean {
  return terminated !== undefined && terminated.reason !== 'StartError' && terminated.reason !== 'ContainerCannotRun';
}

/** The time is over: the cause that blocks the pod, although it might still be resolved, or its last known state. */
async function explainLate(options: FollowOptions, part: JobPart): Promise<Failure> {
  const { watch, startupTimeoutSeconds } = options;
  const late = `the test pod did not start within ${startupTimeoutSeconds} s`;
  const isOurs = (pod: Pod) => isOfPart(pod, part);
  const own = watch.pods.filter(isOurs);
  const stuck = describeStuckPull(own, watch.events, startupTimeoutSeconds);
  if (stuck !== undefined) return stuck;
  const uids = uidsOfPart(options, part);
  const diagnosis = findDiagnoses(watch.facts).find(({ uid }) => uids.has(uid));
  const refused = findRefusal(options, part);
  if (diagnosis === undefined)
    return fail('start', `${late}; last seen: ${refused ?? watch.describe(isOurs)}`, {
      hint: 'If the image is only slow to pull, load it with load-images or raise startup-timeout.',
      evidence: eventsOf(options),
    }).failure;
  const failure = await explainStart(diagnosis, options);
  return { ...failure, reason: toOneLine(`${late}: ${failure.reason}`) };
}

async function explainStart(lastStatus: Diagnosis, options: FollowOptions): Promise<Failure> {
  const { connection, namespace, watch, signal } = options;
  const diagnosis = await explainDiagnosis(connection, lastStatus, watch.facts, signal);
  const lines = await readProof(connection, namespace, diagnosis, signal);
  return { ...diagnosis.failure, evidence: [...diagnosis.failure.evidence, ...lines, ...eventsOf(options)] };
}

function describeJobEnd(
  pod: Pod,
  hasVanished: boolean,
  known: Interruption | undefined,
  options: FollowOptions,
): JobEnd {
  const status = statusOf(pod, options.container);
  const terminated = status?.state?.terminated;
  const interruption =
    known ??
    explainLoss(pod, hasVanished, terminated?.exitCode) ??
    // A pod that failed without a status of its test container.
    (terminated === undefined
      ? {
          why: 'deleted' as const,
          words: `the test pod ${pod.metadata.name} failed while its tests ran: ${pod.status?.message ?? pod.status?.reason ?? 'no reason given'}`,
        }
      : null);
  const seen = `test container: ${terminated === undefined ? 'end not seen' : describeEnd(terminated)}`;
  const failure = interruption === null ? null : failureOf(interruption, [seen, ...eventsOf(options)]);
  return { pod, terminated, imageId: status?.imageID ?? '', interruption, failure };
}

function eventsOf(options: FollowOptions): string[] {
  return options.watch.events
    .filter((event) => event.involvedObject.name?.startsWith(options.jobName))
    .map((event) =>
      toOneLine(
        `${event.type ?? ''} ${event.reason ?? ''} ${event.involvedObject.kind ?? ''}/${event.involvedObject.name ?? ''}: ${event.message ?? ''}`,
      ),
    )
    .slice(-20);
}

function apiLost(seconds: number): Result<never> {
  return fail('api', `the API server has not answered for ${seconds} s`, {
    hint: 'Results collected before that are kept; the logs of the cluster say why the API server stopped.',
  });
}
