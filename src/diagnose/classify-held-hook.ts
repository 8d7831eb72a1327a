/** Pods that wait for what a hook does, while helm waits for those pods before it makes the hook. */
import type { Container, Pod } from '../kube/objects.ts';
import { type Diagnosis, othersPatienceSeconds, podDiagnosis } from './diagnosis.ts';
import type { HeldHook, NamespaceFacts } from './namespace-facts.ts';
import { controllerOf, hasEnded, isBeingDeleted, isReady } from './pod-facts.ts';

/** What to do about a hook that never runs. */
export const remedyForHook =
  'Set helm-wait: false: helm then runs its hooks at once, and k8s-test-action waits until everything is ready. Or make it something else than a post-install hook, often by a value of the chart (Airflow: migrateDatabaseJob.useHelmHooks=false).';

/**
 * A pod whose init container waits, according to its log, for what a hook does that helm holds back until this pod is ready.
 * The hook is recognised by words that its name and the log have in common, since no status shows what a program waits for: an
 * init container that merely works, or waits for something else, is none of these.
 */
export function classifyHeldHook(pod: Pod, facts: NamespaceFacts): Diagnosis | undefined {
  const { heldHooks = [] } = facts;
  if (heldHooks.length === 0 || isReady(pod) || hasEnded(pod) || isBeingDeleted(pod)) return undefined;
  // helm waits for no pod of a Job.
  if (controllerOf(pod)?.kind === 'Job') return undefined;
  const init = waitingInitOf(pod);
  const hook = init === undefined ? undefined : heldHooks.find((one) => isWaitFor(init, one));
  if (init === undefined || hook === undefined) return undefined;
  return podDiagnosis(pod, init.name, {
    kind: 'start',
    code: 'hook-held-back',
    reason: `init container ${init.name} of pod ${pod.metadata.name} waits for the ${hook.title}, which helm creates only when all pods are ready: they wait for each other`,
    hint: remedyForHook,
    confidence: 'likely',
    patienceWhileOthersStartSeconds: othersPatienceSeconds,
  });
}

/** The current init container of a pod: it runs, or its attempts have failed. */
function waitingInitOf(pod: Pod): Container | undefined {
  const inits = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy !== 'Always');
  for (const init of inits) {
    const status = pod.status?.initContainerStatuses?.find(({ name }) => name === init.name);
    if (status?.state?.terminated?.exitCode === 0) continue;
    const hasBegun =
      status?.state?.running !== undefined ||
      status?.state?.terminated !== undefined ||
      (status?.restartCount ?? 0) > 0;
    return hasBegun ? init : undefined;
  }
  return undefined;
}

function isWaitFor(init: Container, hook: HeldHook): boolean {
  const text = [init.name, ...(init.command ?? []), ...(init.args ?? [])].join(' ');
  if (!/wait|until|check|sleep/i.test(text)) return false;
  const words = splitWords(text);
  return hook.words.some((word) => words.some((other) => word.slice(0, stemLength) === other.slice(0, stemLength)));
}

/** `migrate`, `migrations`. */
const stemLength = 5;

/** The words of a name or a script, in lower case, that are long enough to mean something. */
export function splitWords(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word.length >= stemLength);
}
