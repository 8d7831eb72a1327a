import type { Door } from '../core/door.ts';
import type { PhaseName, PhaseRecord } from '../core/outcome.ts';
import type { SecretMask } from '../core/secret-mask.ts';

/** A door through which no secret passes, in none of its forms. */
export class MaskedDoor implements Door {
  readonly #door: Door;
  readonly #mask: SecretMask;

  constructor(door: Door, mask: SecretMask) {
    this.#door = door;
    this.#mask = mask;
    // What others print beside us (the runner of GitHub, a step that quotes our outputs) is masked there.
    for (const form of mask.forms) if (!form.includes('\n')) door.mask(form);
  }

  phaseStarted(name: PhaseName): void {
    this.#door.phaseStarted(name);
  }

  phaseEnded(record: PhaseRecord): void {
    this.#door.phaseEnded(record);
  }

  say(line: string): void {
    this.#door.say(this.#mask.maskText(line));
  }

  warn(line: string): void {
    this.#door.warn(this.#mask.maskText(line));
  }

  waitingFor(what: string): void {
    this.#door.waitingFor(this.#mask.maskText(what));
  }

  quote(line: string): void {
    this.#door.quote(this.#mask.maskText(line));
  }

  mask(secret: string): void {
    this.#door.mask(secret);
  }
}
