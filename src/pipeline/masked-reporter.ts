import type { PhaseName, PhaseRecord } from '../core/outcome.ts';
import type { Reporter, Transfer } from '../core/reporter.ts';
import type { SecretMask } from '../core/secret-mask.ts';

/**
 * A reporter that shows no secret in any of its forms. Output of other programs is masked too, where the reporter supports
 * that.
 */
export function maskReporter(reporter: Reporter, mask: SecretMask): Reporter {
  // Output of other programs (the runner of GitHub, a step that quotes our outputs) is masked there.
  for (const form of mask.forms) if (!form.includes('\n')) reporter.mask(form);
  return mask.isEmpty ? reporter : new MaskedReporter(reporter, mask);
}

class MaskedReporter implements Reporter {
  readonly #reporter: Reporter;
  readonly #mask: SecretMask;

  constructor(reporter: Reporter, mask: SecretMask) {
    this.#reporter = reporter;
    this.#mask = mask;
  }

  phaseStarted(name: PhaseName): void {
    this.#reporter.phaseStarted(name);
  }

  phaseEnded(record: PhaseRecord): void {
    this.#reporter.phaseEnded(record);
  }

  say(line: string): void {
    this.#reporter.say(this.#mask.maskText(line));
  }

  warn(line: string): void {
    this.#reporter.warn(this.#mask.maskText(line));
  }

  waitingFor(what: string): void {
    this.#reporter.waitingFor(this.#mask.maskText(what));
  }

  transferring(transfer: Transfer): void {
    this.#reporter.transferring?.({ ...transfer, what: this.#mask.maskText(transfer.what) });
  }

  quote(line: string): void {
    this.#reporter.quote(this.#mask.maskText(line));
  }

  mask(secret: string): void {
    this.#reporter.mask(secret);
  }
}
