import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConnection } from '../kube/connection.ts';
import type { ClusterEvent, Pod } from '../kube/objects.ts';
import { type ResourceWatch, watchResources } from '../kube/watch.ts';
import { classifyPod, describePod, type PodTrouble } from './classify-pod.ts';

/** How a wait on a namespace ended. */
export type WaitEnd<R> =
  | { kind: 'decided'; value: R }
  | { kind: 'deadline' }
  /** The API server has not answered for `apiLostSeconds`. */
  | { kind: 'api-lost'; seconds: number };

/** So long the API server may be away before a wait is given up. */
export const apiLostSeconds = 60;

const tickMilliseconds = 500;

/**
 * One set of resuming watches over the pods and events of a namespace, and the waits that are decided on them. It runs
 * until its signal is aborted; a fault in a watch ends every wait by throwing.
 */
export class NamespaceWatch {
  readonly #pods: ResourceWatch<Pod>;
  readonly #events: ResourceWatch<ClusterEvent>;
  readonly #standing = new Map<string, { what: string; since: number }>();
  readonly #broken: Promise<never>;
  #changed = Promise.withResolvers<void>();

  /** @param onTrouble told, again and again, that the API server does not answer; `onHealed` once it does again. */
  constructor(
    connection: KubeConnection,
    namespace: string,
    signal: AbortSignal,
    onTrouble: (text: string) => void,
    onHealed: (text: string) => void = () => undefined,
  ) {
    const base = `/api/v1/namespaces/${namespace}`;
    const onChange = () => {
      this.#changed.resolve();
      this.#changed = Promise.withResolvers<void>();
    };
    this.#pods = watchResources<Pod>({ connection, path: `${base}/pods`, signal, onChange, onTrouble, onHealed });
    this.#events = watchResources<ClusterEvent>({ connection, path: `${base}/events`, signal, onChange });
    this.#broken = Promise.race([this.#pods.done, this.#events.done]);
    // It breaks at the latest when the signal ends the watches, and then nobody may be waiting any more.
    this.#broken.catch(() => undefined);
  }

  get pods(): Pod[] {
    return [...this.#pods.store.values()];
  }

  get events(): ClusterEvent[] {
    return [...this.#events.store.values()];
  }

  /**
   * Waits until `decide` returns a value. It is asked after each change, and twice a second, so that it may also count time.
   * @throws the signal's reason on abort, and whatever broke a watch.
   */
  async until<R>(
    decide: () => R | undefined,
    options: { signal: AbortSignal; deadlineSeconds: number },
  ): Promise<WaitEnd<R>> {
    const deadline = performance.now() + options.deadlineSeconds * 1000;
    for (;;) {
      options.signal.throwIfAborted();
      const value = decide();
      if (value !== undefined) return { kind: 'decided', value };
      const silentSeconds = (Date.now() - this.#pods.lastContactAt.getTime()) / 1000;
      if (silentSeconds > apiLostSeconds) return { kind: 'api-lost', seconds: Math.round(silentSeconds) };
      if (performance.now() >= deadline) return { kind: 'deadline' };
      const wake = new AbortController();
      const tick = delay(tickMilliseconds, undefined, { signal: AbortSignal.any([options.signal, wake.signal]) });
      try {
        await Promise.race([this.#changed.promise, tick, this.#broken]);
      } finally {
        wake.abort();
        // The tick that lost the race is aborted, which is no news.
        tick.catch(() => undefined);
      }
    }
  }

  /**
   * The trouble of a pod that is chosen by `isOurs`, once it is certain: at once where nothing can heal it, else when the
   * same kind of trouble has stood for as long as it deserves patience. Ask at each change, since this is its clock.
   */
  certainTrouble(isOurs: (pod: Pod) => boolean): PodTrouble | undefined {
    for (const pod of this.pods.filter(isOurs)) {
      const trouble = classifyPod(pod);
      if (trouble === undefined || trouble.confidence === 'transient') {
        this.#standing.delete(pod.metadata.uid);
        continue;
      }
      if (trouble.confidence === 'certain') return trouble;
      // Its words may change from one attempt to the next: ErrImagePull and ImagePullBackOff alternate.
      const what = `${trouble.failure.kind} ${trouble.container}`;
      const before = this.#standing.get(pod.metadata.uid);
      if (before?.what !== what) this.#standing.set(pod.metadata.uid, { what, since: performance.now() });
      else if (performance.now() - before.since > trouble.patienceSeconds * 1000) return trouble;
    }
    return undefined;
  }

  /** What is being waited for: the pods that are not ready, in a line. */
  describe(isOurs: (pod: Pod) => boolean): string {
    const waiting = this.pods.filter((pod) => isOurs(pod) && !isReady(pod)).map(describePod);
    return waiting.length === 0 ? 'all pods ready' : waiting.join('; ');
  }
}

/** Whether a pod serves, or has done its work. */
function isReady(pod: Pod): boolean {
  if (pod.status?.phase === 'Succeeded') return true;
  return (
    pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false
  );
}
