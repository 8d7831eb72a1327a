import type { PhaseName, PhaseRecord, Result } from '../core/outcome.ts';
import type { TimedPhase } from '../core/report-model.ts';
import type { Reporter } from '../core/reporter.ts';

/** The time of a run that is over: what its clock showed when it stopped. */
export interface StoppedClock {
  startedAt: Date;
  phases: readonly TimedPhase[];
  seconds: number;
}

/** The clock of a run: keeps the time of its phases, which may overlap, and passes them to the reporter. */
export class PhaseClock {
  readonly startedAt: Date;
  readonly #start = performance.now();
  readonly #reporter: Reporter;
  readonly #onChange: () => void;
  readonly #phases: TimedPhase[];
  readonly #running: { name: PhaseName; startSeconds: number }[] = [];
  readonly #stoppedAt: number | undefined;
  /** The phase that threw each exception. */
  readonly #thrownBy = new WeakMap<object, PhaseName>();

  /**
   * @param onChange called whenever a phase has begun or ended.
   * @param stopped of a run that another process began; this clock is then stopped.
   */
  constructor(reporter: Reporter, onChange: () => void = () => {}, stopped?: StoppedClock) {
    this.#reporter = reporter;
    this.#onChange = onChange;
    this.startedAt = stopped?.startedAt ?? new Date();
    this.#phases = [...(stopped?.phases ?? [])];
    this.#stoppedAt = stopped?.seconds;
  }

  /** Since the run began, to the hundredth. */
  get seconds(): number {
    return this.#stoppedAt ?? Math.round((performance.now() - this.#start) / 10) / 100;
  }

  /** The phases that have begun and not ended, in that order. */
  get running(): readonly { name: PhaseName; startSeconds: number }[] {
    return this.#running;
  }

  /** The phases that have ended, in that order. A phase that was done again is reported once, as it ended last. */
  get phases(): readonly TimedPhase[] {
    return this.#phases;
  }

  /** The phases as the verdict holds them. */
  get records(): PhaseRecord[] {
    return this.#phases.map(({ name, outcome, seconds }) => ({ name, outcome, seconds }));
  }

  /** The phase that ended last, for words such as "during tests". */
  get lastPhase(): string {
    return this.#phases.at(-1)?.name ?? 'the start';
  }

  /** The running phases, or else the one that ended last, for words such as "during cluster and images". */
  get currentPhases(): string {
    return this.#running.length === 0 ? this.lastPhase : this.#running.map(({ name }) => name).join(' and ');
  }

  /** The phase that threw an exception: where phases overlap, another one may have ended last. */
  phaseOfError(error: unknown): string {
    return (isObject(error) ? this.#thrownBy.get(error) : undefined) ?? this.lastPhase;
  }

  /** Runs a phase. It has failed when it returns a failure, or when `hasGoneWell` denies what it returns. */
  phase<T>(
    name: PhaseName,
    work: () => Promise<Result<T>>,
    hasGoneWell: (value: T) => boolean = () => true,
  ): Promise<Result<T>> {
    return this.#time(name, work, (result) => result.ok && hasGoneWell(result.value));
  }

  /** Runs a phase that fails by an exception, or when `hasPassed` is false for its result. */
  phaseOf<T>(name: PhaseName, work: () => Promise<T>, hasPassed: (value: T) => boolean = () => true): Promise<T> {
    return this.#time(name, work, hasPassed);
  }

  async #time<T>(name: PhaseName, work: () => Promise<T>, hasPassed: (value: T) => boolean): Promise<T> {
    const startSeconds = this.seconds;
    const begun = { name, startSeconds };
    const end = (outcome: PhaseRecord['outcome']) => {
      this.#running.splice(this.#running.indexOf(begun), 1);
      const record = { name, outcome, seconds: this.seconds - startSeconds };
      const earlier = this.#phases.findIndex((phase) => phase.name === name);
      if (earlier !== -1) this.#phases.splice(earlier, 1);
      this.#phases.push({ ...record, startSeconds });
      this.#onChange();
      this.#reporter.phaseEnded(record);
    };
    this.#running.push(begun);
    this.#onChange();
    this.#reporter.phaseStarted(name);
    try {
      const value = await work();
      end(hasPassed(value) ? 'passed' : 'failed');
      return value;
    } catch (error) {
      if (isObject(error) && !this.#thrownBy.has(error)) this.#thrownBy.set(error, name);
      end('failed');
      throw error;
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
