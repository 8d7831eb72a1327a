import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type KubeConnection } from '../../src/kube/connection.ts';

const pauseMs = 250;

/**
 * By how much the machine delayed programs. On an idle machine a pause and a small request to the API server take as long as
 * the pause; a run lost the difference, too, and our timeouts are not the cause.
 */
export class MachineLag {
  readonly #connection: KubeConnection;
  readonly #stop = new AbortController();
  readonly #samples: { endedAt: number; lateMs: number }[] = [];
  readonly #ended: Promise<void>;

  constructor(kubeconfigPath: string) {
    this.#connection = connect({ kubeconfigPath });
    this.#ended = this.#measure();
  }

  /** Seconds lost between two moments, in milliseconds of the epoch. */
  secondsBetween(from: number, to: number): number {
    const within = this.#samples.filter(({ endedAt }) => endedAt > from && endedAt <= to);
    return within.reduce((sum, { lateMs }) => sum + lateMs, 0) / 1000;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    await this.#connection.close();
  }

  async #measure(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const startedAt = performance.now();
      await sleep(pauseMs);
      // An API server that is away keeps a run waiting as well.
      await this.#connection.call('GET', '/version', { signal }).catch(() => undefined);
      this.#samples.push({ endedAt: Date.now(), lateMs: performance.now() - startedAt - pauseMs });
    }
  }
}
