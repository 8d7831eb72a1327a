/**
 * From what a pod and its events say to one named cause. Pure: the caller decides how long to be patient with what is
 * not certain.
 */
import type { ContainerStatus, Pod } from '../kube/objects.ts';
import { type Failure, type FailureKind, toOneLine } from '../outcome.ts';
import { classifyImage } from './classify-image.ts';

/** What keeps a pod from running, and whether it can still heal by itself. */
export interface PodTrouble {
  failure: Failure;
  /**
   * `certain`: nothing can heal it, the wait may end now. `likely`: it heals only if something outside changes, so the
   * wait may end when it has stood for `patienceSeconds`. `transient`: it may well heal.
   */
  confidence: 'certain' | 'likely' | 'transient';
  patienceSeconds: number;
  pod: string;
  container: string;
}

/** Restarts after which a crash loop counts as certain: slow starters fail once or twice before what they need is there. */
const certainRestarts = 3;

/** What only an outside change could heal: a missing Secret that is on its way, a node that is still to come. */
const patienceSeconds = 12;
/** The worst trouble of a pod; undefined when it runs, or is merely on its way. */
export function classifyPod(pod: Pod): PodTrouble | undefined {
  const name = pod.metadata.name;
  if (pod.status?.reason === 'Evicted')
    return trouble(
      pod,
      '',
      'certain',
      'evicted',
      `pod ${name} was evicted: ${pod.status.message ?? 'no reason given'}`,
      {
        hint: 'The node ran short: lower what the tests write or use, or take a larger machine.',
      },
    );
  const troubles = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
    .map((status) => classifyContainer(pod, status))
    .filter((found) => found !== undefined);
  const scheduling = classifyScheduling(pod);
  if (scheduling !== undefined) troubles.push(scheduling);
  const rank = { certain: 0, likely: 1, transient: 2 };
  return troubles.sort((a, b) => rank[a.confidence] - rank[b.confidence])[0];
}

function classifyContainer(pod: Pod, status: ContainerStatus): PodTrouble | undefined {
  const where = `container ${status.name} of pod ${pod.metadata.name}`;
  const { waiting, terminated } = status.state ?? {};
  const last = status.lastState?.terminated;
  switch (waiting?.reason) {
    case 'InvalidImageName':
    case 'ErrImageNeverPull':
    case 'ErrImagePull':
    case 'ImagePullBackOff':
    case 'ImageInspectError':
    case 'RegistryUnavailable':
      return {
        ...classifyImage(pod, status, waiting.reason, waiting.message ?? ''),
        pod: pod.metadata.name,
        container: status.name,
      };
    case 'CreateContainerConfigError':
      return trouble(pod, status.name, 'likely', 'start', `${where} cannot be created: ${waiting.message ?? ''}`, {
        hint: 'A Secret, ConfigMap or key that the pod names is not there, or its security context is refused.',
      });
    case 'CreateContainerError':
    case 'RunContainerError':
      return trouble(pod, status.name, 'likely', 'start', `${where} cannot be started: ${waiting.message ?? ''}`, {
        hint: hintForStart(waiting.message ?? ''),
      });
    case 'CrashLoopBackOff': {
      const confidence = status.restartCount >= certainRestarts ? 'certain' : 'transient';
      const how = last === undefined ? '' : ` (${describeEnd(last)})`;
      const kind = last?.reason === 'OOMKilled' ? 'oom' : 'start';
      const reason = `${where} crashes again and again: ${status.restartCount} restarts${how}`;
      return trouble(pod, status.name, confidence, kind, reason, { hint: 'Its last lines say why.' });
    }
  }
  if (terminated?.reason === 'StartError' || terminated?.reason === 'ContainerCannotRun')
    return trouble(pod, status.name, 'certain', 'start', `${where} cannot be started: ${terminated.message ?? ''}`, {
      hint: hintForStart(terminated.message ?? ''),
    });
  return undefined;
}

function classifyScheduling(pod: Pod): PodTrouble | undefined {
  const condition = pod.status?.conditions?.find((one) => one.type === 'PodScheduled' && one.status === 'False');
  if (condition?.reason !== 'Unschedulable') return undefined;
  const asked = pod.spec.containers
    .map((container) => container.resources?.requests)
    .filter((requests) => requests !== undefined)
    .map((requests) =>
      Object.entries(requests)
        .map(([resource, amount]) => `${resource} ${amount}`)
        .join(', '),
    )
    .join('; ');
  const reason = `pod ${pod.metadata.name} cannot be placed on any node: ${condition.message ?? ''}${asked === '' ? '' : ` (it asks for ${asked})`}`;
  return trouble(pod, '', 'likely', 'schedule', reason, {
    hint: 'Compare what the pod asks for with what the nodes have (cluster/nodes.yaml), and its selectors with their labels.',
  });
}

function trouble(
  pod: Pod,
  container: string,
  confidence: PodTrouble['confidence'],
  kind: FailureKind,
  reason: string,
  details: { hint: string },
): PodTrouble {
  const failure: Failure = { kind, reason: toOneLine(reason), hint: details.hint, evidence: [] };
  return { failure, confidence, patienceSeconds, pod: pod.metadata.name, container };
}

function hintForStart(message: string): string {
  if (/executable file not found|no such file or directory/i.test(message))
    return 'The image has no such program: check command, and whether the image is meant for this platform.';
  if (/exec format error/i.test(message)) return 'The image was built for another architecture.';
  if (/runAsNonRoot|non-root/i.test(message)) return 'The image runs as root where that is forbidden: give it a USER.';
  return '';
}

/** How a container ended, in a few words. */
export function describeEnd(end: { exitCode: number; reason?: string; signal?: number }): string {
  const reason =
    end.reason === undefined || end.reason === 'Error' || end.reason === 'Completed' ? '' : `${end.reason}, `;
  return `${reason}exit code ${end.exitCode}`;
}

/** One line on where a pod stands, for whoever waits for it. */
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
