/**
 * Reports an outage at growing intervals: the first time after `graceSeconds`, since a connection that drops and recovers at
 * once is not worth a message, then each time its age has doubled.
 */
export class OutageReport {
  readonly #onOutage: (text: string) => void;
  readonly #onHealed: (seconds: number, why: string) => void;
  readonly #graceSeconds: number;
  #since: number | undefined;
  #nextSeconds: number;
  #reportedWhy: string | undefined;

  /** @param onHealed called once a reported outage is over, with its duration and its last error. */
  constructor(
    onOutage: ((text: string) => void) | undefined,
    graceSeconds: number,
    onHealed?: (seconds: number, why: string) => void,
  ) {
    this.#onOutage = onOutage ?? (() => undefined);
    this.#onHealed = onHealed ?? (() => undefined);
    this.#graceSeconds = graceSeconds;
    this.#nextSeconds = graceSeconds;
  }

  /** Another attempt failed. `what` names what does not work, `why` is the last error. */
  failed(what: string, why: string): void {
    const now = performance.now();
    this.#since ??= now;
    const seconds = (now - this.#since) / 1000;
    if (seconds < this.#nextSeconds) return;
    this.#nextSeconds = Math.max(seconds * 2, 1);
    this.#reportedWhy = why;
    this.#onOutage(`${what} since ${Math.round(seconds)} s: ${why}`);
  }

  healed(): void {
    const [since, why] = [this.#since, this.#reportedWhy];
    this.#reportedWhy = undefined;
    if (since !== undefined && why !== undefined) this.#onHealed((performance.now() - since) / 1000, why);
    this.#since = undefined;
    this.#nextSeconds = this.#graceSeconds;
  }
}
