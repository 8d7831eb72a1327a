/** The time that each step of the phase `results` has. */
import { fail, type Result, succeed } from '../core/outcome.ts';

/**
 * What each step may take, in seconds: for a run that ended by itself, and after a cancel, when GitHub kills after 10 s in all.
 * No step can spend the time of another. Steps of the cluster end together, 4 s after a cancel.
 */
const usualLimits = {
  logs: { usual: 60, cancelled: 4 },
  fence: { usual: 60, cancelled: 2 },
  collection: { usual: 90, cancelled: 2.5 },
  disk: { usual: 600, cancelled: 4 },
  reading: { usual: 120, cancelled: 3 },
  evidence: { usual: 120, cancelled: 4 },
};
/** How long work may take to return what it has, once its signal has ended it; in milliseconds. */
const settle = { usual: 1500, cancelled: 300 };
type Step = keyof typeof usualLimits;
export type StepLimits = Record<Step, { usual: number; cancelled: number }>;
/** Runs one step after another, each within its own time, and keeps errors until all have run. */
export class ResultSteps {
  readonly #limits: StepLimits;
  readonly #hurry = new AbortController();
  readonly #cancel: AbortSignal;
  readonly #late: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #bug: { error: unknown } | undefined;
  isCancelled: boolean;

  constructor(cancel: AbortSignal, isCancelled: boolean, limits: StepLimits = usualLimits) {
    this.#limits = limits;
    this.#cancel = cancel;
    this.isCancelled = isCancelled || cancel.aborted;
    // A cancel may also happen during this.
    if (this.isCancelled) this.#startHurry();
    else cancel.addEventListener('abort', this.#startHurry, { once: true });
  }

  /**
   * When the time of a step is over, its signal ends the work; what the work returns then, within a moment, is kept.
   * @returns undefined when the step returned nothing in its time, or failed.
   */
  async run<T>(step: Step, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const limit = this.#limits[step];
    const seconds = this.isCancelled ? limit.cancelled : limit.usual;
    const late = AbortSignal.timeout(seconds * 1000);
    // What is on the disk does not wait for the cluster, so a late cluster takes nothing of its time.
    const isOfDisk = step === 'disk' || step === 'reading';
    const signal = isOfDisk ? late : AbortSignal.any([late, this.#hurry.signal]);
    const over = Promise.withResolvers<never>();
    let settling: NodeJS.Timeout | undefined;
    const giveUp = () => {
      const settleMilliseconds = this.isCancelled ? settle.cancelled : settle.usual;
      settling = setTimeout(() => over.reject(signal.reason), settleMilliseconds);
    };
    if (signal.aborted) over.reject(signal.reason);
    else signal.addEventListener('abort', giveUp, { once: true });
    over.promise.catch(() => undefined);
    try {
      // Work that does not listen to its signal is not waited for.
      const working = work(signal);
      working.catch(() => undefined);
      return await Promise.race([working, over.promise]);
    } catch (error) {
      if (!signal.aborted) this.#bug ??= { error };
      return undefined;
    } finally {
      if (signal.aborted) this.#late.push(`${stepNames[step]} within ${seconds} s`);
      clearTimeout(settling);
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** The results of the steps. @throws the first exception of a step that was not caused by its time limit. */
  result(): Result<undefined> {
    if (this.#bug !== undefined) throw this.#bug.error;
    if (this.#late.length === 0) return succeed(undefined);
    return fail('results', `not all results could be collected: ${this.#late.join('; ')} did not finish`, {
      hint: 'Everything collected before that is in the results directory.',
    });
  }

  close(): void {
    this.#cancel.removeEventListener('abort', this.#startHurry);
    clearTimeout(this.#timer);
  }

  readonly #startHurry = (): void => {
    this.isCancelled = true;
    this.#timer = setTimeout(() => this.#hurry.abort(), this.#limits.evidence.cancelled * 1000);
  };
}

const stepNames: Record<Step, string> = {
  logs: 'the end of the logs',
  fence: 'the change of the owner of the results',
  collection: 'the last of the results',
  disk: 'masking and sorting',
  reading: 'reading notes and logs',
  evidence: 'objects and logs of the cluster',
};
