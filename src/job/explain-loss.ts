/** From the state of a pod and its node to what happened to the pod. Pure. */

import { type Failure, toOneLine } from '../core/outcome.ts';
import type { Node, Pod } from '../kube/objects.ts';

/** What ended a run before its tests had ended by themselves. */
export interface Interruption {
  /** `evicted`: by the node, the scheduler or a drain; `deleted`: through the API, without a recorded reason. */
  why: 'timeout' | 'evicted' | 'deleted' | 'node-lost' | 'api-lost';
  /** One line: what happened, as far as the cluster shows. */
  words: string;
}

/** Signals that end containers on request (SIGTERM) or by force. */
const signalNames: Record<number, string> = { 9: 'SIGKILL', 15: 'SIGTERM' };

/** How the container ended, as words that follow a sentence; empty when that is not known. */
function describeLast(exitCode: number | undefined): string {
  if (exitCode === undefined) return '';
  const signal = signalNames[exitCode - 128];
  return `; its container ended with exit code ${exitCode}${signal === undefined ? '' : ` (${signal})`}`;
}

/**
 * Who or what removed a pod, https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions;
 * undefined when it was not removed.
 * @param pod as it was last seen.
 * @param hasVanished whether it no longer exists.
 * @param exitCode of the test container, when its end was seen.
 */
export function explainLoss(pod: Pod, hasVanished: boolean, exitCode: number | undefined): Interruption | undefined {
  const { name, deletionTimestamp } = pod.metadata;
  const on = pod.spec.nodeName === undefined ? '' : ` from node ${pod.spec.nodeName}`;
  const ended = describeLast(exitCode);
  const said = toOneLine(pod.status?.message ?? '', 300);
  const reason = pod.status?.reason;
  if (reason === 'Evicted')
    return { why: 'evicted', words: `the test pod ${name} was evicted${on}: ${said || 'no reason given'}${ended}` };
  const disruption = pod.status?.conditions?.find((one) => one.type === 'DisruptionTarget' && one.status === 'True');
  // A container that ended in time and with success was not disturbed.
  const isDisturbed = exitCode === undefined || exitCode !== 0;
  if (disruption !== undefined && isDisturbed) {
    const message = toOneLine(disruption.message ?? '', 300);
    const because = message === '' ? '' : `: ${message}`;
    switch (disruption.reason) {
      case 'EvictionByEvictionAPI':
        return {
          why: 'evicted',
          words: `the test pod ${name} was evicted${on} through the API, as a drain does${because}${ended}`,
        };
      case 'PreemptionByScheduler':
        return {
          why: 'evicted',
          words: `the test pod ${name} was preempted${on} by a pod of higher priority${because}${ended}`,
        };
      case 'DeletionByTaintManager':
        return { why: 'evicted', words: `the test pod ${name} was evicted${on}, which was tainted${because}${ended}` };
      case 'DeletionByPodGC':
        return { why: 'node-lost', words: `the node of the test pod ${name} is gone${because}${ended}` };
      default:
        return {
          why: 'evicted',
          words: `the test pod ${name} was evicted${on} (${disruption.reason ?? 'no reason given'})${because}${ended}`,
        };
    }
  }
  if (reason === 'Preempting' || reason === 'Terminated' || reason === 'NodeShutdown' || reason === 'NodeLost')
    return {
      why: reason === 'NodeLost' ? 'node-lost' : 'evicted',
      words: `the test pod ${name} was ended${on} (${reason}): ${said || 'no reason given'}${ended}`,
    };
  if (hasVanished || (deletionTimestamp !== undefined && isDisturbed))
    return {
      why: 'deleted',
      words: `the test pod ${name} was deleted${on} while its tests ran, by a user or a program${said === '' ? '' : `: ${said}`}${ended}`,
    };
  return undefined;
}

const hints: Record<Interruption['why'], string> = {
  timeout: 'The log shows the test in flight; raise timeout if the suite is only slow.',
  evicted:
    'The events say who asked for it: lower what the tests write or use, use a larger machine, or keep the node.',
  deleted:
    'No drain, preemption or shortage is on record: look for a cleanup job, or for someone who deletes pods by hand.',
  'node-lost': 'Look at the node itself: its kubelet, its memory and its disk.',
  'api-lost': 'Results collected before that are kept; the logs of the cluster say why the API server stopped.',
};

const kinds: Record<Interruption['why'], Failure['kind']> = {
  timeout: 'timeout',
  evicted: 'evicted',
  deleted: 'evicted',
  'node-lost': 'evicted',
  'api-lost': 'api',
};

/** In these ways a pod is lost through no fault of its tests, so that a fresh one may end well. */
const passingLosses: ReadonlySet<Interruption['why']> = new Set(['evicted', 'deleted', 'node-lost']);

/** Whether the tests may go to a fresh pod. */
export function isPassingLoss(interruption: Interruption | null): boolean {
  return interruption !== null && passingLosses.has(interruption.why);
}

/** The failure that an interruption is. */
export function failureOf({ why, words }: Interruption, evidence: string[]): Failure {
  return { kind: kinds[why], reason: toOneLine(words), hint: hints[why], evidence };
}

/**
 * How long a node that does not answer (its Ready is Unknown after 40 to 50 s already), or reports that it is not ready, may
 * still come back.
 */
const patienceSeconds = { Unknown: 10, False: 60 };

/** A node that is not ready, since when it was seen so. */
export interface NodeProblem {
  status: 'Unknown' | 'False' | 'gone';
  words: string;
}

/** What is wrong with a node; undefined when it is healthy, or unknown. */
export function judgeNode(node: Node | undefined, wasSeen: boolean): NodeProblem | undefined {
  if (node === undefined) return wasSeen ? { status: 'gone', words: 'it was deleted from the cluster' } : undefined;
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  if (ready === undefined || (ready.status !== 'Unknown' && ready.status !== 'False')) return undefined;
  return { status: ready.status, words: toOneLine(`${ready.reason ?? ''}: ${ready.message ?? ''}`, 300) };
}

/** Whether a node's problem has lasted so long that the node counts as lost. */
export function isNodeLost(problem: NodeProblem, stoodSeconds: number): boolean {
  return stoodSeconds >= (problem.status === 'gone' ? 0 : patienceSeconds[problem.status]);
}
