import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { ClusterEvent, Job, ObjectMeta, Pod } from '../kube/objects.ts';
import { type Change, type ResourceWatch, type WatchedObject, watchResources } from '../kube/watch.ts';
import { checkCause } from './check-cause.ts';
import { describePods } from './classify-pod.ts';
import type { Cause, Diagnosis } from './diagnosis.ts';
import { emptyFacts, factPaths, type HeldHook, type ListedKind, type NamespaceFacts } from './namespace-facts.ts';
import { Patience } from './patience.ts';
import { conditionOf, killedForMemory } from './pod-facts.ts';

/** How a wait on a namespace ended. */
export type WaitEnd<R> =
  | { kind: 'decided'; value: R }
  | { kind: 'deadline' }
  /** The API server has not answered for `apiLostSeconds`, nor a question of ours after that. */
  | { kind: 'api-lost'; seconds: number };

/** How long the API server may be unreachable before a wait ends. */
export const apiLostSeconds = 60;

const tickMilliseconds = 500;
/** How long the question may take that decides whether the API server is lost. */
const questionSeconds = 5;

/** The kubelet and the controllers that lacked an object retry within this time. */
const laterSeconds = 30;

/** How many of the pods and Jobs that failed and were deleted are kept for the duration of the watch. */
const maxDeleted = 100;

/**
 * Without these nothing can be decided; the others only make the result more precise, and we may lack the permission for them.
 */
const indispensable: ReadonlySet<string> = new Set(['pods', 'events']);

/**
 * One set of resuming watches over a namespace (its pods, what makes them, their claims and events) and the nodes, and the
 * waits that are decided on them. It runs until its signal is aborted; a fault in a watch ends every wait by throwing.
 */
export class NamespaceWatch {
  readonly #pods: ResourceWatch<Pod>;
  /** One for each namespace. */
  readonly #stores = new Map<ListedKind, ReadonlyMap<string, { metadata: ObjectMeta }>[]>();
  readonly #memoryKills = new Set<string>();
  readonly #deleted: { jobs: Job[]; pods: Pod[] } = { jobs: [], pods: [] };
  readonly #onPod = new Set<(change: Change<Pod>) => void>();
  readonly #patience = new Patience();
  readonly #connection: KubeConnection;
  readonly #signal: AbortSignal;
  /** Keys of diagnoses by what is known of their causes: being checked, confirmed, and postponed for lack of an answer. */
  readonly #asked = new Set<string>();
  readonly #persistent = new Set<string>();
  readonly #deferred = new Set<string>();
  /** What broke a watch; every wait ends by throwing it. */
  #broken: { error: unknown } | undefined;
  /** One for each wait that sleeps until the next change. */
  readonly #sleepers = new Set<() => void>();
  readonly #podsPath: string;
  /** When a question of ours was last answered, by `performance.now()`. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  #question: Promise<void> | undefined;
  #isSynced = false;
  #heldHooks: readonly HeldHook[] | undefined;

  /**
   * @param onTrouble called repeatedly while the API server does not answer; `onHealed` once it does again.
   * @param others further namespaces, which need not exist; `onUnseen` is informed of one that we may not see.
   */
  constructor(
    connection: KubeConnection,
    namespace: string,
    signal: AbortSignal,
    onOutage: (text: string) => void,
    onHealed: (text: string) => void = () => undefined,
    others: { namespaces: readonly string[]; onUnseen: (text: string) => void } | undefined = undefined,
  ) {
    this.#connection = connection;
    this.#signal = signal;
    const onChange = () => {
      for (const wake of this.#sleepers) wake();
    };
    const { pods: podsPath, ...paths } = factPaths(namespace);
    this.#podsPath = podsPath;
    const onPodChange = (change: Change<Pod>) => {
      if (change.type === 'deleted' && change.object.status?.phase === 'Failed')
        keep(this.#deleted.pods, change.object);
      for (const container of killedForMemory(change.object)) this.#memoryKills.add(container);
      for (const listener of this.#onPod) listener(change);
      onChange();
    };
    const onJobChange = (change: Change<Job>) => {
      if (change.type === 'deleted' && hasFailed(change.object)) keep(this.#deleted.jobs, change.object);
      onChange();
    };
    /** Of any kind except the pods of our own namespace, which have a special watch. */
    const watchKind = (kind: ListedKind, path: string): ResourceWatch<WatchedObject> => {
      if (kind === 'pods') return watchResources<Pod>({ connection, path, signal, onChange: onPodChange });
      if (kind === 'jobs') return watchResources<Job>({ connection, path, signal, onChange: onJobChange });
      return watchResources({ connection, path, signal, onChange });
    };
    this.#pods = watchResources<Pod>({
      connection,
      path: podsPath,
      signal,
      onChange: onPodChange,
      onOutage,
      onHealed,
    });
    this.#stores.set('pods', [this.#pods.store]);
    const ends: Promise<never>[] = [this.#pods.done];
    const syncs: Promise<void>[] = [this.#pods.synced];
    for (const [kind, path] of Object.entries(paths) as [ListedKind, string][]) {
      const watch = watchKind(kind, path);
      this.#stores.set(kind, [watch.store]);
      const isOptional = !indispensable.has(kind);
      ends.push(watch.done.catch((error: unknown) => (isOptional ? unlessRefused(error) : rethrow(error))));
      syncs.push(watch.synced.catch((error: unknown) => (isOptional ? undefined : rethrow(error))));
    }
    for (const other of others?.namespaces ?? []) {
      const { nodes: _, ...otherPaths } = factPaths(other);
      for (const [kind, path] of Object.entries(otherPaths) as [ListedKind, string][]) {
        const watch = watchKind(kind, path);
        this.#stores.get(kind)?.push(watch.store);
        ends.push(
          watch.done.catch((error: unknown) => {
            const isRefused = error instanceof ApiError && !error.retryable;
            if (isRefused && kind === 'pods')
              others?.onUnseen(`Objects of the chart in namespace ${other} cannot be watched: ${error.message}`);
            return unlessRefused(error);
          }),
        );
        syncs.push(watch.synced.catch(() => undefined));
      }
    }
    // A wait must not attach to a promise that lasts as long as the run: each check would leave its reactions there (a memory
    // leak).
    Promise.race(ends).catch((error: unknown) => {
      this.#broken = { error };
      onChange();
    });
    void this.#noteSync(syncs, onChange);
  }

  /** Whether everything that we may read has been listed at least once. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  get pods(): Pod[] {
    return this.#list('pods') as Pod[];
  }

  get events(): ClusterEvent[] {
    return this.#list('events') as ClusterEvent[];
  }

  /** All facts at this moment. */
  get facts(): NamespaceFacts {
    const facts: Record<string, unknown> = { ...emptyFacts, deleted: this.#deleted, memoryKills: this.#memoryKills };
    for (const kind of this.#stores.keys()) facts[kind] = this.#list(kind);
    if (this.#heldHooks !== undefined) facts.heldHooks = this.#heldHooks;
    return facts as unknown as NamespaceFacts;
  }

  #list(kind: ListedKind): { metadata: ObjectMeta }[] {
    return (this.#stores.get(kind) ?? []).flatMap((store) => [...store.values()]);
  }

  /**
   * From now on helm waits for all its objects, and holds these hooks back; without an argument it does not wait, or no longer.
   */
  holdHooks(hooks?: readonly HeldHook[]): void {
    this.#heldHooks = hooks;
  }

  /** Calls back at every change of a pod from now on, until the returned function is called. */
  onPodChange(listener: (change: Change<Pod>) => void): () => void {
    this.#onPod.add(listener);
    return () => this.#onPod.delete(listener);
  }

  async #noteSync(syncs: Promise<void>[], onChange: () => void): Promise<void> {
    // On an error a wait ends with `#broken`.
    const lists = await Promise.allSettled(syncs);
    this.#isSynced = lists.every((list) => list.status === 'fulfilled');
    onChange();
  }

  /**
   * Waits until `decide` returns a value. It is asked after each change, and twice a second, so that it may also count time.
   * @throws the signal's reason on abort, and the error that broke a watch.
   */
  async until<R>(
    decide: () => R | undefined,
    options: { signal: AbortSignal; deadlineSeconds: number },
  ): Promise<WaitEnd<R>> {
    const deadline = performance.now() + options.deadlineSeconds * 1000;
    for (;;) {
      options.signal.throwIfAborted();
      if (this.#broken !== undefined) throw this.#broken.error;
      const value = decide();
      if (value !== undefined) return { kind: 'decided', value };
      if (this.#silentSeconds() > apiLostSeconds) {
        this.#question ??= this.#ask().finally(() => {
          this.#question = undefined;
        });
        await this.#question;
        options.signal.throwIfAborted();
        const silentSeconds = this.#silentSeconds();
        if (silentSeconds > apiLostSeconds) return { kind: 'api-lost', seconds: Math.round(silentSeconds) };
      }
      if (performance.now() >= deadline) return { kind: 'deadline' };
      await this.#sleep(options.signal);
    }
  }

  #silentSeconds(): number {
    return (performance.now() - Math.max(this.#pods.lastContactAt, this.#answeredAt)) / 1000;
  }

  /**
   * Asks the API server directly. After a suspend of this machine a connection may be dead although the server is well, and
   * some clocks count the time of the suspend.
   */
  async #ask(): Promise<void> {
    try {
      await this.#connection.call('GET', this.#podsPath, {
        signal: this.#signal,
        query: { limit: '1' },
        attempts: 1,
        deadlineSeconds: questionSeconds,
      });
      this.#answeredAt = performance.now();
    } catch (error) {
      if (!(error instanceof ApiError)) this.#signal.throwIfAborted();
    }
  }

  /** Until the next change, for a tick at most, or until the signal is aborted. */
  #sleep(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#sleepers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, tickMilliseconds);
      this.#sleepers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /**
   * The diagnosis that ends a wait, once it is certain: at once where nothing can resolve it, else when it has lasted for its
   * patience. `isOurs` selects which diagnoses count. Call it at each change, since it measures time by its calls.
   */
  certainDiagnosis(isOurs: (diagnosis: Diagnosis) => boolean): Diagnosis | undefined {
    const diagnosis = this.#patience.judge(this.facts, performance.now() / 1000, isOurs);
    if (diagnosis?.cause === undefined || diagnosis.confidence === 'certain' || this.#persistent.has(diagnosis.key))
      return diagnosis;
    // Only an abort makes it fail, which ends every wait anyway.
    this.#look(diagnosis, diagnosis.cause).catch(() => undefined);
    return undefined;
  }

  /** Checks ourselves whether the cause of a diagnosis still exists, and gives it more time if it does not. */
  async #look(diagnosis: Diagnosis, cause: Cause): Promise<void> {
    if (this.#asked.has(diagnosis.key)) return;
    this.#asked.add(diagnosis.key);
    const found = await checkCause(this.#connection, cause, this.#signal);
    this.#asked.delete(diagnosis.key);
    // Those who know nothing more of it after a while have to be believed.
    const isOver = found === 'stands' || (found === 'unknown' && this.#deferred.has(diagnosis.key));
    if (isOver) this.#persistent.add(diagnosis.key);
    else this.#patience.defer(diagnosis, performance.now() / 1000 + laterSeconds);
    if (found === 'unknown') this.#deferred.add(diagnosis.key);
  }

  /** What is being waited for, in a line. */
  describe(isOurs: (pod: Pod) => boolean): string {
    return describePods(this.pods, isOurs);
  }
}

function hasFailed(job: Job): boolean {
  return ['Failed', 'FailureTarget'].some((type) => conditionOf(job, type)?.status === 'True');
}

function keep<T>(list: T[], object: T): void {
  list.push(object);
  if (list.length > maxDeleted) list.shift();
}

function rethrow(error: unknown): never {
  throw error;
}

/**
 * A user of an existing cluster may be allowed to read the pods of a namespace and not its nodes: then the facts have no nodes.
 */
function unlessRefused(error: unknown): Promise<never> {
  if (error instanceof ApiError && !error.retryable) return new Promise(() => undefined);
  throw error;
}
