import { findOthersStand, findTroubles } from './find-troubles.ts';
import type { NamespaceFacts } from './namespace-facts.ts';
import { isReady } from './pod-facts.ts';
import type { Trouble } from './trouble.ts';

/**
 * Decides when a trouble has stood long enough. It is shown the facts at each change and about twice a second, with the
 * time of a clock that only goes forward.
 */
export class Patience {
  /** Since when each trouble stands, by its key. */
  #since = new Map<string, number>();
  #steps = new Set<string>();
  #progressAt = Number.NEGATIVE_INFINITY;
  /** Until when a trouble is not to end a wait, by its key. */
  readonly #deferred = new Map<string, number>();

  /** Gives a trouble more time from now on: it was seen that it is about to heal. */
  defer(trouble: Trouble, untilSeconds: number): void {
    this.#deferred.set(trouble.key, untilSeconds);
  }

  /**
   * The trouble that ends the wait; undefined while there is none, or it may still heal. `isOurs` says which troubles
   * count.
   */
  judge(facts: NamespaceFacts, nowSeconds: number, isOurs: (trouble: Trouble) => boolean): Trouble | undefined {
    this.#noteProgress(facts, nowSeconds);
    const all = findTroubles(facts);
    const since = new Map<string, number>();
    for (const { key } of all) since.set(key, this.#since.get(key) ?? nowSeconds);
    this.#since = since;
    const ours = all.filter(isOurs);
    return (
      ours.find((trouble) => trouble.confidence === 'certain') ??
      ours.find((trouble) => trouble.confidence === 'likely' && this.#isOver(trouble, all, facts, nowSeconds))
    );
  }

  #isOver(trouble: Trouble, all: Trouble[], facts: NamespaceFacts, nowSeconds: number): boolean {
    const { patienceSeconds, patienceWhileOthersStartSeconds } = trouble;
    if (nowSeconds < (this.#deferred.get(trouble.key) ?? 0)) return false;
    const stoodSeconds = nowSeconds - this.#since.get(trouble.key)!;
    if (patienceWhileOthersStartSeconds === undefined) return stoodSeconds >= patienceSeconds;
    switch (findOthersStand(trouble, all, facts)) {
      case 'not-begun':
        return false;
      case 'starting':
        return stoodSeconds >= patienceWhileOthersStartSeconds;
      case 'initializing':
        return stoodSeconds >= patienceWhileOthersStartSeconds / 2;
      case 'settled':
        // What became ready a moment ago may be about to bring what is missing.
        return Math.min(stoodSeconds, nowSeconds - this.#progressAt) >= patienceSeconds;
    }
  }

  #noteProgress(facts: NamespaceFacts, nowSeconds: number): void {
    const well = facts.pods.filter((pod) => isReady(pod) || pod.status?.phase === 'Succeeded');
    // A pod that ends well after it was ready is progress once more: it gives back what it had.
    const steps = new Set(well.map((pod) => `${pod.metadata.uid} ${pod.status?.phase ?? ''}`));
    for (const step of steps) if (!this.#steps.has(step)) this.#progressAt = nowSeconds;
    this.#steps = steps;
  }
}
