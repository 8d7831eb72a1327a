import { setTimeout as delay } from 'node:timers/promises';
import { must } from '../core/must.ts';
import { quoteValue } from '../core/quote-value.ts';
import { ApiError, toApiError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';
import { JsonLines } from './json-lines.ts';
import type { ObjectMeta } from './objects.ts';
import { OutageReport } from './outage-report.ts';
import { late, waitBriefly } from './wait-briefly.ts';

export interface WatchedObject {
  metadata: ObjectMeta;
}

export interface Change<T> {
  type: 'added' | 'modified' | 'deleted';
  /** The object as it is now; of a deleted one, the last that was seen. */
  object: T;
}

export interface WatchOptions<T> {
  connection: KubeConnection;
  /** Path of a list, e.g. `/api/v1/namespaces/x/pods`. */
  path: string;
  fieldSelector?: string;
  labelSelector?: string;
  signal: AbortSignal;
  /** Called once for each change, in order, after the store has it. An exception of it ends the watch and rejects `done`. */
  onChange?: (change: Change<T>, store: ReadonlyMap<string, T>) => void | Promise<void>;
  /**
   * Called while the API server does not answer, with since when and why; first after some seconds, then at growing intervals.
   */
  onOutage?: (text: string) => void;
  /** Called once a reported outage is over. */
  onHealed?: (text: string) => void;
  timing?: Partial<WatchTiming>;
}

export interface WatchTiming {
  /**
   * After this time the server ends a stream, and we open it again. Shortly before, it sends a bookmark: so even a quiet watch
   * gets data that often, and never asks for a version that has been compacted away.
   */
  streamSeconds: number;
  /** A stream that is silent for longer is dead. Must exceed `streamSeconds`. */
  silenceMilliseconds: number;
  /** How long the head of a stream may take. */
  headMilliseconds: number;
  firstRetryMilliseconds: number;
  maxRetryMilliseconds: number;
  /** How long an outage must last before it is reported. */
  outageGraceSeconds: number;
}

export interface ResourceWatch<T> {
  /** All objects there are, by uid, as far as we know. */
  readonly store: ReadonlyMap<string, T>;
  /** Resolves once the store is complete for the first time; rejects as `done` does when that never happens. */
  readonly synced: Promise<void>;
  /**
   * Never resolves: rejects with the signal's reason on abort, with what a callback threw, with an ApiError when the
   * server refuses the first list for good (no permission, no such kind).
   */
  readonly done: Promise<never>;
  /** When the server last sent anything: milliseconds of `performance.now()`, which no step of the wall clock changes. */
  readonly lastContactAt: number;
}

const defaultTiming: WatchTiming = {
  streamSeconds: 20,
  silenceMilliseconds: 25_000,
  headMilliseconds: 10_000,
  firstRetryMilliseconds: 100,
  maxRetryMilliseconds: 3000,
  outageGraceSeconds: 3,
};

/** etcd refuses objects beyond 1.5 MiB; JSON and managedFields may double that. */
const maxLineBytes = 16 * 1024 * 1024;

/**
 * Lists the objects under a path and follows their changes until the signal is aborted: after dropped and silent connections it
 * continues from the last resourceVersion, after 410 Gone (as a status or as an event) it lists again and reports objects that
 * vanished meanwhile as deleted, and while the API server is unreachable it retries.
 */
export function watchResources<T extends WatchedObject>(options: WatchOptions<T>): ResourceWatch<T> {
  const watch = new Watch(options);
  const done = Promise.withResolvers<never>();
  watch.run().catch((error: unknown) => {
    // An abort is the ordinary end and need not be awaited; any other unhandled rejection is a crash, as it should be.
    if (options.signal.aborted) done.promise.catch(() => undefined);
    done.reject(error);
  });
  return {
    store: watch.store,
    synced: watch.synced.promise,
    done: done.promise,
    get lastContactAt() {
      return watch.lastContactAt;
    },
  };
}

/** This stream cannot continue from its last version: only a new list helps. */
class VersionLost extends Error {}

function* parseEvents(lines: JsonLines, chunk: Buffer): Generator<unknown> {
  try {
    yield* lines.push(chunk);
  } catch (error) {
    if (error instanceof SyntaxError) throw new VersionLost(`the response is not JSON: ${error.message}`);
    throw error;
  }
}

class Watch<T extends WatchedObject> {
  readonly store = new Map<string, T>();
  readonly synced = Promise.withResolvers<void>();
  lastContactAt = performance.now();
  readonly #options: WatchOptions<T>;
  readonly #timing: WatchTiming;
  readonly #problem: OutageReport;
  #isSynced = false;
  #version: string | undefined;
  #failures = 0;

  constructor(options: WatchOptions<T>) {
    this.#options = options;
    this.#timing = { ...defaultTiming, ...options.timing };
    this.#problem = new OutageReport(options.onOutage, this.#timing.outageGraceSeconds, (seconds, why) =>
      options.onHealed?.(`the API server did not answer for ${Math.round(seconds)} s, and answers again: ${why}`),
    );
    // A caller that does not await the first list still gets its failure through `done`.
    this.synced.promise.catch(() => undefined);
  }

  async run(): Promise<never> {
    try {
      for (;;) {
        this.#options.signal.throwIfAborted();
        try {
          if (this.#version === undefined) await this.#list();
          await this.#follow();
        } catch (error) {
          await this.#recover(error);
        }
      }
    } catch (error) {
      this.synced.reject(error);
      throw error;
    }
  }

  /** Returns when it is time for another attempt; throws errors that no attempt can resolve. */
  async #recover(failure: unknown): Promise<void> {
    const { signal, path } = this.#options;
    signal.throwIfAborted();
    if (failure instanceof VersionLost) this.#version = undefined;
    else if (!(failure instanceof ApiError)) throw failure;
    // Right after a restart the API server may refuse for a moment what it allowed before, until it has read its RBAC rules.
    else if (!failure.retryable && !this.#isSynced) throw failure;
    // If the server rejects our version for any reason: a list has none.
    else if (failure.status !== undefined) this.#version = undefined;
    this.#failures += 1;
    const isAnswer = failure instanceof VersionLost || (failure instanceof ApiError && failure.status !== undefined);
    this.#problem.failed(
      isAnswer ? `the API server refuses the watch of ${path}` : 'the API server is unreachable',
      failure.message,
    );
    const { firstRetryMilliseconds, maxRetryMilliseconds } = this.#timing;
    const wait = Math.min(firstRetryMilliseconds * 2 ** (this.#failures - 1), maxRetryMilliseconds);
    await delay(wait * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => signal.throwIfAborted());
  }

  #heard(): void {
    this.lastContactAt = performance.now();
  }

  #isWell(): void {
    this.#failures = 0;
    this.#problem.healed();
  }

  async #list(): Promise<void> {
    const { connection, path, signal } = this.#options;
    const list = await connection.call<{ metadata: { resourceVersion: string }; items: T[] }>('GET', path, {
      signal,
      query: this.#selectors(),
      // The retries of a single call would hide from us that the server is away.
      attempts: 1,
      deadlineSeconds: this.#timing.headMilliseconds / 1000,
    });
    this.#heard();
    const listed = new Set(list.items.map((object) => object.metadata.uid));
    for (const [uid, object] of this.store) {
      if (listed.has(uid)) continue;
      this.store.delete(uid);
      await this.#tell({ type: 'deleted', object });
    }
    for (const object of list.items) await this.#put(object);
    this.#version = list.metadata.resourceVersion;
    this.#isSynced = true;
    this.synced.resolve();
  }

  async #follow(): Promise<void> {
    const { connection, path, signal } = this.#options;
    const { streamSeconds, silenceMilliseconds, headMilliseconds } = this.#timing;
    const openedAt = performance.now();
    const body = await connection
      .open(path, {
        signal,
        headDeadlineMilliseconds: headMilliseconds,
        query: {
          ...this.#selectors(),
          watch: 'true',
          allowWatchBookmarks: 'true',
          resourceVersion: must(this.#version, 'the version of the list'),
          timeoutSeconds: String(streamSeconds),
        },
      })
      .catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 410) throw new VersionLost(error.message);
        throw error;
      });
    this.#heard();
    const lines = new JsonLines(maxLineBytes);
    const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
    let next: Promise<IteratorResult<Buffer>> | undefined;
    try {
      for (;;) {
        next = chunks.next();
        const chunk = await waitBriefly(next, silenceMilliseconds).catch((error: unknown) => {
          signal.throwIfAborted();
          throw toApiError(error);
        });
        if (chunk === late)
          throw new ApiError(`a watch was silent for ${silenceMilliseconds} ms`, { code: 'SILENCE', retryable: true });
        if (chunk.done === true) break;
        this.#heard();
        for (const event of parseEvents(lines, chunk.value)) await this.#take(event);
        this.#isWell();
      }
    } finally {
      // The rejection of a read that is given up is our own doing.
      next?.catch(() => undefined);
      body.destroy();
    }
    // A server that hangs up at once, again and again, is not well.
    if (performance.now() - openedAt > 1000) this.#isWell();
    else throw new ApiError('the API server ended a watch at once', { code: 'SILENCE', retryable: true });
  }

  /** https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
  async #take(event: unknown): Promise<void> {
    const { type, object } = event as { type?: string; object?: T & { code?: number; message?: string } };
    // Above all 410 Gone; a new list is also right after any other error.
    if (type === 'ERROR')
      throw new VersionLost(object?.message ?? `the API server ended a watch with ${quoteValue(object)}`);
    const { resourceVersion } = object?.metadata ?? {};
    if (object === undefined || resourceVersion === undefined)
      throw new VersionLost(`what came is no event of a watch: ${quoteValue(event)}`);
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        await this.#put(object);
        break;
      case 'DELETED':
        if (this.store.delete(object.metadata.uid)) await this.#tell({ type: 'deleted', object: object });
        break;
      case 'BOOKMARK':
        break;
      default:
        throw new VersionLost(`what came is no event of a watch: ${quoteValue(event)}`);
    }
    this.#version = resourceVersion;
  }

  async #put(object: T): Promise<void> {
    const { uid, resourceVersion } = object.metadata;
    const former = this.store.get(uid);
    if (former !== undefined && former.metadata.resourceVersion === resourceVersion) return;
    this.store.set(uid, object);
    await this.#tell({ type: former === undefined ? 'added' : 'modified', object });
  }

  async #tell(change: Change<T>): Promise<void> {
    await this.#options.onChange?.(change, this.store);
  }

  #selectors(): Record<string, string> {
    const { fieldSelector, labelSelector } = this.#options;
    return {
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    };
  }
}
