/**
 * From the state of a pod and its events to one named cause. Pure: the caller decides how long to wait where the cause is not
 * certain.
 */

import { toOneLine } from '../core/outcome.ts';
import { statusesOf } from '../kube/job-pods.ts';
import type { ContainerStatus, Pod } from '../kube/objects.ts';
import { classifyCrash } from './classify-crash.ts';
import { classifyImage } from './classify-image.ts';
import { classifySchedule } from './classify-schedule.ts';
import {
  type Cause,
  type Diagnosis,
  machineryPatienceSeconds,
  othersPatienceSeconds,
  podDiagnosis,
} from './diagnosis.ts';
import { emptyFacts, type NamespaceFacts } from './namespace-facts.ts';
import {
  controllerOf,
  describeEvent,
  eventsOf,
  hasEnded,
  isBeingDeleted,
  isReady,
  probeAnswerOf,
  tailOfError,
} from './pod-facts.ts';

const ranks = { certain: 0, likely: 1, transient: 2 };

/** The worst diagnosis of a pod; undefined when it runs, or is merely starting. */
export function classifyPod(pod: Pod, facts: NamespaceFacts = emptyFacts): Diagnosis | undefined {
  if (isBeingDeleted(pod)) return undefined;
  if (hasEnded(pod)) return classifyEnd(pod, facts);
  return [
    ...statusesOf(pod).map((status) => classifyContainer(pod, status, facts)),
    classifySchedule(pod, facts),
    classifyMounts(pod, facts),
    classifySandbox(pod, facts),
    classifyProbe(pod, facts),
  ]
    .filter((found) => found !== undefined)
    .sort((a, b) => ranks[a.confidence] - ranks[b.confidence])[0];
}

/** A Pod that Helm ran as a hook, and deleted because it failed; undefined for any other pod. */
export function classifyDeletedHook(pod: Pod, facts: NamespaceFacts): Diagnosis | undefined {
  return pod.metadata.annotations?.['helm.sh/hook'] === undefined ? undefined : classifyEnd(pod, facts);
}

/**
 * A pod that failed. If its controller replaces it that is no problem, unless it is evicted repeatedly; a Job limits its own
 * attempts (classify-owner.ts).
 */
function classifyEnd(pod: Pod, facts: NamespaceFacts): Diagnosis | undefined {
  if (pod.status?.phase !== 'Failed') return undefined;
  const owner = controllerOf(pod);
  const { reason, message = 'no reason given' } = pod.status;
  if (reason === 'Evicted') {
    const evictions = facts.pods.filter(
      (other) => controllerOf(other)?.uid === owner?.uid && other.status?.reason === 'Evicted',
    );
    const isMadeAgain = owner !== undefined && owner.kind !== 'Job';
    return podDiagnosis(pod, '', {
      kind: 'evicted',
      reason: `pod ${pod.metadata.name} was evicted${isMadeAgain && evictions.length > 1 ? `, the last of ${evictions.length}` : ''}: ${message.trim()}`,
      hint: hintForEviction(message),
      evidence: eventsOf(facts.events, pod).slice(-5).map(describeEvent),
      confidence: isMadeAgain && evictions.length < certainEvictions ? 'transient' : 'certain',
    });
  }
  if (owner !== undefined) return undefined;
  const guilty = statusesOf(pod).find((status) => (status.state?.terminated?.exitCode ?? 0) !== 0);
  const exit = guilty?.state?.terminated?.exitCode;
  return podDiagnosis(pod, guilty?.name ?? '', {
    kind: 'start',
    reason: `pod ${pod.metadata.name} failed, and no controller recreates it: ${guilty === undefined ? message : `container ${guilty.name} ended with exit code ${exit}`}`,
    hint: 'Its last lines say why.',
    confidence: 'certain',
  });
}

/** A Deployment makes an evicted pod again, and often the second one fits. */
const certainEvictions = 3;

/** What to do about an eviction, from the kubelet's message. */
function hintForEviction(message: string): string {
  if (/local (ephemeral )?storage|emptyDir|ephemeral-storage/i.test(message))
    return /exceeds the total limit|exceeded its local/i.test(message)
      ? 'It wrote more to its own disk than its limit: raise resources.limits.ephemeral-storage, or write less.'
      : "The node's disk is nearly full: free some, or use a larger machine.";
  if (/memory/i.test(message)) return "The node's memory is nearly used up: ask for less, or use a larger machine.";
  if (/inodes/i.test(message)) return 'The node has no inodes left: too many small files.';
  return 'The node ran short: lower what the tests write or use, or use a larger machine.';
}

function classifyContainer(pod: Pod, status: ContainerStatus, facts: NamespaceFacts): Diagnosis | undefined {
  const where = `container ${status.name} of pod ${pod.metadata.name}`;
  const { waiting, terminated } = status.state ?? {};
  switch (waiting?.reason) {
    case 'InvalidImageName':
    case 'ErrImageNeverPull':
    case 'ErrImagePull':
    case 'ImagePullBackOff':
    case 'ImageInspectError':
    case 'RegistryUnavailable':
      return imageDiagnosis(pod, status, waiting.reason, waiting.message ?? '');
    case 'CreateContainerConfigError':
      return classifyConfig(pod, status.name, waiting.message ?? '');
    case 'CreateContainerError':
      return podDiagnosis(pod, status.name, {
        kind: 'start',
        reason: `${where} cannot be created: ${waiting.message ?? ''}`,
        hint: hintForStart(waiting.message ?? ''),
        ...judgeStart(waiting.message ?? ''),
      });
  }
  const former = status.lastState?.terminated;
  const failed = [terminated, waiting === undefined ? undefined : former].find((end) => isStartError(end?.reason));
  const message = failed?.message ?? (waiting?.reason === 'RunContainerError' ? waiting.message : undefined);
  if (message !== undefined)
    return podDiagnosis(pod, status.name, {
      kind: 'start',
      reason: `${where} cannot be started: ${tailOfError(message)}`,
      hint: hintForStart(message),
      evidence: [message],
      ...judgeStart(message),
    });
  return classifyCrash(pod, status, facts);
}

function isStartError(reason: string | undefined): boolean {
  return reason === 'StartError' || reason === 'ContainerCannotRun';
}

/** The runtime's error for a missing program is the same at every further attempt; other diagnoses of it may be resolved. */
function judgeStart(message: string): Pick<Diagnosis, 'confidence' | 'patienceSeconds'> {
  const isPermanent =
    /executable file not found|no such file or directory|not a directory|permission denied|exec format error|is a directory|invalid|unable to find user|no matching entries/i;
  const isHiccup =
    /deadline exceeded|timeout|timed out|cgroup|resource temporarily unavailable|already exists|reserved/i;
  return isPermanent.test(message) && !isHiccup.test(message)
    ? { confidence: 'certain', patienceSeconds: 0 }
    : { confidence: 'likely', patienceSeconds: machineryPatienceSeconds };
}

/** A Secret, a ConfigMap or a key that does not exist, or a security context that contradicts the image. */
function classifyConfig(pod: Pod, container: string, message: string): Diagnosis {
  const where = `container ${container} of pod ${pod.metadata.name}`;
  if (/non-?root|runAsUser/i.test(message)) {
    const words = message.replace(/ \(pod: .*$/s, '');
    return podDiagnosis(pod, container, {
      kind: 'start',
      reason: `${where} may not start: ${words}`,
      hint: hintForStart(message),
      confidence: 'certain',
    });
  }
  return podDiagnosis(pod, container, {
    kind: 'start',
    reason: `${where} cannot be created: ${message}`,
    cause: missingIn(pod, message),
    hint: hintForMissing(message),
    confidence: 'likely',
    patienceWhileOthersStartSeconds: othersPatienceSeconds,
  });
}

/**
 * Only events report volumes that cannot be mounted: the first container stays in ContainerCreating or PodInitializing. Once any
 * container has started, an init container too, all volumes of the pod are mounted, whatever failed before.
 */
function classifyMounts(pod: Pod, facts: NamespaceFacts): Diagnosis | undefined {
  const statuses = statusesOf(pod);
  const isCreating = statuses.length > 0 && statuses.every(({ state }) => isBeingCreated(state?.waiting?.reason));
  if (!isCreating || pod.spec.nodeName === undefined) return undefined;
  const failures = eventsOf(facts.events, pod).filter(
    (event) => event.reason === 'FailedMount' || event.reason === 'FailedAttachVolume',
  );
  // Some events only summarise the wait; they have less detail than the failures before them.
  const last = failures.findLast((event) => /MountVolume|AttachVolume/.test(event.message ?? '')) ?? failures.at(-1);
  if (last === undefined) return undefined;
  const message = last.message ?? '';
  const words = message.replace(/^(MountVolume\.\w+|AttachVolume\.\w+) failed for volume ("[^"]*") ?: /, 'volume $2: ');
  const isMissing = /(secret|configmap) "[^"]+" not found|references non-existent (secret|config) key/i.test(message);
  return podDiagnosis(pod, '', {
    kind: 'start',
    reason: `pod ${pod.metadata.name} cannot start, because a volume cannot be mounted: ${words}`,
    cause: missingIn(pod, message),
    hint: isMissing ? hintForMissing(message) : hintForMount(message),
    evidence: failures.slice(-5).map(describeEvent),
    confidence: 'likely',
    ...(isMissing || /type check failed/.test(message)
      ? { patienceWhileOthersStartSeconds: othersPatienceSeconds }
      : { patienceSeconds: machineryPatienceSeconds, patienceWhileOthersStartSeconds: othersPatienceSeconds }),
  });
}

function isBeingCreated(reason: string | undefined): boolean {
  return reason === 'ContainerCreating' || reason === 'PodInitializing';
}

/** The network of a pod could not be made: the fault of the node, and often gone at the next attempt. */
function classifySandbox(pod: Pod, facts: NamespaceFacts): Diagnosis | undefined {
  if (pod.status?.phase !== 'Pending' || !statusesOf(pod).every((one) => isBeingCreated(one.state?.waiting?.reason)))
    return undefined;
  const events = eventsOf(facts.events, pod);
  const last = events.findLast((event) => event.reason === 'FailedCreatePodSandBox');
  if (last === undefined) return undefined;
  return podDiagnosis(pod, '', {
    kind: 'cluster',
    reason: `node ${pod.spec.nodeName ?? ''} cannot create the sandbox of pod ${pod.metadata.name}: ${last.message ?? ''}`,
    hint: 'Its container runtime or network plugin has a problem: look at the pods of kube-system.',
    evidence: events.slice(-5).map(describeEvent),
    confidence: 'likely',
    patienceSeconds: machineryPatienceSeconds,
  });
}

/**
 * A probe whose program is not in the image never succeeds. Any other answer of a probe may change, so the wait for a pod that
 * is merely not ready lasts until the timeout.
 */
function classifyProbe(pod: Pod, facts: NamespaceFacts): Diagnosis | undefined {
  for (const status of pod.status?.containerStatuses ?? []) {
    if (status.ready || status.state?.running === undefined) continue;
    const answer = probeAnswerOf(facts.events, pod, status.name);
    if (
      answer === undefined ||
      !/executable file not found|exec: .{0,300}no such file or directory/.test(answer.message)
    )
      continue;
    return podDiagnosis(pod, status.name, {
      kind: 'start',
      reason: `container ${status.name} of pod ${pod.metadata.name} can never be ready: ${answer.text}`,
      hint: 'The program that the probe runs is not in the image.',
      confidence: 'certain',
    });
  }
  return undefined;
}

/**
 * What keeps a pod from being ready although nothing is certain about it: the answer of its probe, or an init container that
 * does not end. Used when a wait has timed out.
 */
export function classifyNotReady(pod: Pod, facts: NamespaceFacts): Diagnosis | undefined {
  if (isReady(pod) || hasEnded(pod) || isBeingDeleted(pod)) return undefined;
  const inits = pod.spec.initContainers ?? [];
  for (const status of pod.status?.initContainerStatuses ?? []) {
    const isSidecar = inits.find((one) => one.name === status.name)?.restartPolicy === 'Always';
    if (status.state?.running === undefined || isSidecar) continue;
    return podDiagnosis(pod, status.name, {
      kind: 'start',
      reason: `init container ${status.name} of pod ${pod.metadata.name} does not end: it has been running since ${status.state.running.startedAt ?? 'long'}`,
      hint: 'It probably waits for something that never happens; its last lines may say what.',
      confidence: 'transient',
    });
  }
  for (const status of pod.status?.containerStatuses ?? []) {
    if (status.ready || status.state?.running === undefined) continue;
    const answer =
      probeAnswerOf(facts.events, pod, status.name, 'readiness') ?? probeAnswerOf(facts.events, pod, status.name);
    const said = answer === undefined ? 'its probe has not answered yet' : answer.text;
    return podDiagnosis(pod, status.name, {
      kind: 'start',
      code: 'container-not-ready',
      reason: `container ${status.name} of pod ${pod.metadata.name} runs but is not ready: ${said}`,
      hint: 'Look at its last lines; if it is only slow, raise platform-timeout.',
      confidence: 'transient',
    });
  }
  return undefined;
}

/** An image that cannot be had, as a diagnosis of its pod. */
function imageDiagnosis(pod: Pod, status: ContainerStatus, reason: string, message: string): Diagnosis {
  const { failure, confidence, patienceSeconds } = classifyImage(pod, status, reason, message);
  return podDiagnosis(pod, status.name, { ...failure, confidence, patienceSeconds });
}

function hintForStart(message: string): string {
  if (/non-numeric user/.test(message))
    return 'The image names its user, which Kubernetes cannot tell from root: give it a numeric USER, or the pod a runAsUser.';
  if (/non-?root|runAsUser/i.test(message))
    return 'It would run as root where runAsNonRoot forbids it: give the image a numeric USER, or set runAsUser to another number than 0.';
  if (/error mounting|not a directory/i.test(message))
    return 'A volumeMount does not fit the image: check its mountPath and subPath.';
  if (/exec format error/i.test(message)) return 'The image was built for another architecture.';
  if (/permission denied|is a directory/i.test(message))
    return 'It cannot be executed by the user that the container runs as. If it was meant as an argument: the image has no entry point, so command must name the program.';
  if (/executable file not found|no such file or directory/i.test(message))
    return 'The image has no such program: check command, and whether the image is meant for this platform.';
  return '';
}

/** The Secret or ConfigMap that the kubelet did not find. */
function missingIn(pod: Pod, message: string): Cause | undefined {
  const [, kind, name] = /(secret|configmap) "([^"]+)" not found/i.exec(message) ?? [];
  if (kind === undefined || name === undefined) return undefined;
  const path = `/api/v1/namespaces/${pod.metadata.namespace ?? ''}/${kind.toLowerCase()}s/${name}`;
  return { kind: 'missing', path };
}

function hintForMissing(message: string): string {
  const name = /(secret|configmap) "([^"]+)" not found/i.exec(message);
  if (name !== null)
    return `Create the ${name[1]?.toLowerCase() === 'secret' ? 'Secret' : 'ConfigMap'} ${name[2]}, for example in the chart, or fix its name.`;
  return 'The Secret, ConfigMap or key that the pod names is not there: create it, or fix the name.';
}

function hintForMount(message: string): string {
  if (/type check failed/.test(message))
    return 'The node has no such path: mount it into the nodes (extraMounts of kind-config), or use type DirectoryOrCreate.';
  if (/Multi-Attach/.test(message))
    return 'The volume is still attached to another node: the pod there must end first.';
  return 'The storage driver says why; its own log says more.';
}

/** The current state of the wait: our pods that are not ready, in one line. */
export function describePods(pods: readonly Pod[], isOurs: (pod: Pod) => boolean): string {
  const ours = pods.filter(isOurs);
  // Readiness of other pods of the namespace does not matter here.
  if (ours.length === 0) return pods.length === 0 ? 'no pod yet' : 'no new pod yet';
  const waiting = ours.filter((pod) => !isReady(pod) && pod.status?.phase !== 'Succeeded').map(describePod);
  return waiting.length === 0 ? 'all pods ready' : waiting.join('; ');
}

/** One line on the state of a pod, for progress output. */
export function describePod(pod: Pod): string {
  const name = pod.metadata.name;
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const waiting = statuses.find((status) => status.state?.waiting !== undefined)?.state?.waiting;
  if (waiting !== undefined)
    return `${name}: ${toOneLine([waiting.reason, waiting.message].filter(Boolean).join(', '), 160)}`;
  const notReady = statuses.filter((status) => !status.ready && status.state?.running !== undefined);
  if (notReady.length > 0) {
    const restarts = notReady.reduce((sum, status) => sum + status.restartCount, 0);
    return `${name}: running, not ready${restarts > 0 ? `, ${restarts} restarts` : ''}`;
  }
  return `${name}: ${pod.status?.phase ?? 'unknown'}`;
}
