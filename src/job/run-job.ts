import { describeStuckPull } from '../diagnose/classify-image.ts';
import { describeEnd } from '../diagnose/classify-pod.ts';
import type { NamespaceWatch } from '../diagnose/namespace-watch.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { ContainerStateTerminated, ContainerStatus, Pod } from '../kube/objects.ts';
import { type Failure, fail, type Result, succeed, toOneLine } from '../outcome.ts';

export interface RunJobOptions {
  connection: KubeConnection;
  watch: NamespaceWatch;
  namespace: string;
  jobName: string;
  container: string;
  manifest: object;
  startupTimeoutSeconds: number;
  timeoutSeconds: number;
  graceSeconds: number;
  signal: AbortSignal;
  say: (line: string) => void;
  waitingFor: (what: string) => void;
  /** Called once, as soon as the test container has started (or has ended, when it was too quick to be seen). */
  onStarted: (pod: Pod) => void;
}

/** How the test container came to its end, as far as anyone saw it. */
export interface JobEnd {
  pod: Pod;
  /** Undefined when the pod vanished before its end was seen. */
  terminated: ContainerStateTerminated | undefined;
  imageId: string;
  /** Set when it was not the tests that ended the run: the time limit, or the loss of the pod. */
  failure: Failure | null;
}

/**
 * Creates the Job and waits for the end of its test container: of that container, not of the pod or the Job, which a
 * sidecar keeps running for ever.
 * @returns the end, or a failure (`start`, `image`, `schedule`, `evicted`, `api`) when it never began.
 */
export async function runJob(options: RunJobOptions): Promise<Result<JobEnd>> {
  const { watch, signal } = options;
  const created = await createJob(options);
  if (!created.ok) return created;

  const started = await watch.until(() => decideStart(options), {
    signal,
    deadlineSeconds: options.startupTimeoutSeconds,
  });
  if (started.kind === 'api-lost') return apiLost(started.seconds);
  if (started.kind === 'deadline') {
    const last = watch.describe((pod) => isOfJob(pod, options.jobName));
    const own = watch.pods.filter((pod) => isOfJob(pod, options.jobName));
    const stuck = describeStuckPull(own, watch.events, options.startupTimeoutSeconds);
    if (stuck !== undefined) return { ok: false, failure: stuck };
    return fail('start', `the test pod did not start within ${options.startupTimeoutSeconds} s; last seen: ${last}`, {
      hint: 'If the image is only slow to pull, load it with load-images or raise startup-timeout.',
      evidence: eventsOf(options),
    });
  }
  if (!started.value.ok) return { ok: false, failure: { ...started.value.failure, evidence: eventsOf(options) } };

  let last = started.value.value;
  options.onStarted(last);
  const look = (): Pod | 'vanished' | undefined => {
    const pod = watch.pods.find((one) => one.metadata.uid === last.metadata.uid);
    if (pod === undefined) return 'vanished';
    last = pod;
    return statusOf(pod, options.container)?.state?.terminated === undefined && pod.status?.phase !== 'Failed'
      ? undefined
      : pod;
  };
  const ended = await watch.until(look, { signal, deadlineSeconds: options.timeoutSeconds });
  if (ended.kind === 'api-lost') return apiLost(ended.seconds);
  if (ended.kind === 'decided') return succeed(describeJobEnd(last, ended.value === 'vanished', options));

  options.say(
    `the tests have not ended after ${options.timeoutSeconds} s: SIGTERM, and ${options.graceSeconds} s of grace`,
  );
  await options.connection.deletePod(options.namespace, last.metadata.name, {
    graceSeconds: options.graceSeconds,
    signal,
  });
  await watch.until(look, { signal, deadlineSeconds: options.graceSeconds + 15 });
  const end = describeJobEnd(last, false, options);
  const reason = `the tests did not end within ${options.timeoutSeconds} s`;
  return succeed({
    ...end,
    failure: {
      kind: 'timeout',
      reason,
      hint: 'The log shows the test in flight; raise timeout if the suite is only slow.',
      evidence: [`test container: ${end.terminated === undefined ? 'end not seen' : describeEnd(end.terminated)}`],
    },
  });
}

/** Whether a pod belongs to the Job of this name. */
function isOfJob(pod: Pod, jobName: string): boolean {
  return pod.metadata.labels?.['batch.kubernetes.io/job-name'] === jobName;
}

/** The status of a container of a pod, native sidecars and init containers included. */
function statusOf(pod: Pod, container: string): ContainerStatus | undefined {
  return [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find(
    (status) => status.name === container,
  );
}

async function createJob(options: RunJobOptions): Promise<Result<undefined>> {
  const created = await options.connection.createJob(options.namespace, options.manifest, options.signal);
  if (created.ok) return succeed(undefined);
  if (created.error.retryable)
    return fail('api', `the Job could not be created: ${created.error.message}`, {
      hint: 'The logs of the cluster say why its API server does not answer.',
    });
  return fail('start', `the cluster refuses the Job: ${created.error.message}`, {
    hint: 'The API server named what it does not accept.',
  });
}

/** The pod once its test container runs or has run; a failure once it is certain that it will not. */
function decideStart(options: RunJobOptions): Result<Pod> | undefined {
  const isOurs = (pod: Pod) => isOfJob(pod, options.jobName);
  const pod = options.watch.pods.find(isOurs);
  options.waitingFor(pod === undefined ? 'the test pod' : options.watch.describe(isOurs));
  if (pod === undefined) {
    // The Job controller says in an event of the Job why it cannot make the pod: quota, admission, a ServiceAccount.
    const refusal = options.watch.events.find(
      (event) =>
        event.involvedObject.kind === 'Job' &&
        event.involvedObject.name === options.jobName &&
        event.reason === 'FailedCreate',
    );
    if (refusal === undefined) return undefined;
    return fail('start', `the cluster refuses the test pod: ${refusal.message ?? ''}`, {
      hint: hintForRefusal(refusal.message ?? ''),
    });
  }
  const state = statusOf(pod, options.container)?.state;
  const trouble = options.watch.certainTrouble(isOurs);
  if (trouble !== undefined) return { ok: false, failure: trouble.failure };
  if (state?.running !== undefined || state?.terminated !== undefined) return succeed(pod);
  // An init container or another container that failed ends the pod before the tests begin.
  if (pod.status?.phase === 'Failed')
    return fail(
      'start',
      `pod ${pod.metadata.name} failed before its tests began: ${pod.status.message ?? pod.status.reason ?? 'an init container failed'}`,
    );
  return undefined;
}

function describeJobEnd(pod: Pod, hasVanished: boolean, options: RunJobOptions): JobEnd {
  const status = statusOf(pod, options.container);
  const terminated = status?.state?.terminated;
  const end: JobEnd = { pod, terminated, imageId: status?.imageID ?? '', failure: null };
  const words = toOneLine(pod.status?.message ?? '', 300);
  if (pod.status?.reason === 'Evicted' || pod.status?.reason === 'Preempting')
    end.failure = {
      kind: 'evicted',
      reason: `the test pod was evicted: ${words}`,
      hint: 'The node ran short: lower what the tests write or use, or take a larger machine.',
      evidence: eventsOf(options),
    };
  else if (
    hasVanished ||
    terminated === undefined ||
    (pod.metadata.deletionTimestamp !== undefined && terminated.exitCode !== 0)
  )
    end.failure = {
      kind: 'evicted',
      reason: `the test pod ${pod.metadata.name} was deleted while the tests ran${words === '' ? '' : `: ${words}`}`,
      hint: 'Somebody or something deleted it (a drain, a preemption, a clean-up): the events say who.',
      evidence: eventsOf(options),
    };
  return end;
}

function eventsOf(options: RunJobOptions): string[] {
  return options.watch.events
    .filter((event) => event.involvedObject.name?.startsWith(options.jobName))
    .map((event) =>
      toOneLine(
        `${event.type ?? ''} ${event.reason ?? ''} ${event.involvedObject.kind ?? ''}/${event.involvedObject.name ?? ''}: ${event.message ?? ''}`,
      ),
    )
    .slice(-20);
}

function hintForRefusal(message: string): string {
  if (/exceeded quota/.test(message)) return 'Raise the ResourceQuota of the namespace, or lower memory and cpu.';
  if (/serviceaccount/i.test(message))
    return 'Create the ServiceAccount, for example in the chart, or leave service-account out.';
  return 'Admission named what it does not accept.';
}

function apiLost(seconds: number): Result<never> {
  return fail('api', `the API server has not answered for ${seconds} s`, {
    hint: 'What had come home by then is in the results; the logs of the cluster say why it went away.',
  });
}
