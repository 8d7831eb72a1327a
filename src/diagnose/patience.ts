import type { Diagnosis } from './diagnosis.ts';
import { findDiagnoses, findOthersStand } from './find-diagnoses.ts';
import type { NamespaceFacts } from './namespace-facts.ts';
import { isReady } from './pod-facts.ts';

/**
 * Decides when a diagnosis has lasted long enough. It gets the facts at each change and about twice a second, with the time of
 * a clock that only goes forward.
 */
export class Patience {
  /** Since when each diagnosis has existed, by its key. */
  #since = new Map<string, number>();
  #steps = new Set<string>();
  #progressAt = Number.NEGATIVE_INFINITY;
  /** Until when a diagnosis is not to end a wait, by its key. */
  readonly #deferred = new Map<string, number>();

  /** Gives a diagnosis more time from now on: it was found to be about to be resolved. */
  defer(diagnosis: Diagnosis, untilSeconds: number): void {
    this.#deferred.set(diagnosis.key, untilSeconds);
  }

  /**
   * The diagnosis that ends the wait; undefined while there is none, or it may still be resolved. `isOurs` selects which
   * diagnoses count.
   */
  judge(facts: NamespaceFacts, nowSeconds: number, isOurs: (diagnosis: Diagnosis) => boolean): Diagnosis | undefined {
    this.#noteProgress(facts, nowSeconds);
    const all = findDiagnoses(facts);
    const since = new Map<string, number>();
    for (const { key } of all) since.set(key, this.#since.get(key) ?? nowSeconds);
    this.#since = since;
    const ours = all.filter(isOurs);
    return (
      ours.find((diagnosis) => diagnosis.confidence === 'certain') ??
      ours.find((diagnosis) => diagnosis.confidence === 'likely' && this.#isOver(diagnosis, all, facts, nowSeconds))
    );
  }

  #isOver(diagnosis: Diagnosis, all: Diagnosis[], facts: NamespaceFacts, nowSeconds: number): boolean {
    const { patienceSeconds, patienceWhileOthersStartSeconds } = diagnosis;
    if (nowSeconds < (this.#deferred.get(diagnosis.key) ?? 0)) return false;
    const stoodSeconds = nowSeconds - (this.#since.get(diagnosis.key) ?? nowSeconds);
    if (patienceWhileOthersStartSeconds === undefined) return stoodSeconds >= patienceSeconds;
    switch (findOthersStand(diagnosis, all, facts)) {
      case 'not-begun':
        return false;
      case 'starting':
        return stoodSeconds >= patienceWhileOthersStartSeconds;
      case 'initializing':
        return stoodSeconds >= patienceWhileOthersStartSeconds / 2;
      case 'settled':
        // An object that has just become ready may be about to provide what is missing.
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
