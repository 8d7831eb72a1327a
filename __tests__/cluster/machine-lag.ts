import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type KubeConnection } from '../../src/kube/connection.ts';

const pauseMs = 250;

/**
 * How long the machine kept whoever runs on it waiting. A pause and a small question to the API server take as long as the
 * pause on a machine that has time; what they take longer, a run lost too, and no patience of ours is the cause.
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
