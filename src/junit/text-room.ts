/** How much of the messages and details of failed tests is kept, of all reports together. */
import { messageOf, type Problem } from './case-problems.ts';
import type { JUnitLimits, KeptTotals } from './junit-report.ts';
import { cut, detach, trimLines } from './report-values.ts';

/** Room for the note with which the sieve marks what it left out. */
export const cutNoteChars = 100;

export class TextRoom {
  readonly #limits: JUnitLimits;
  readonly #totals: KeptTotals;
  #detailsCut = 0;
  #messagesCut = 0;

  /** @param totals shared with other reports. */
  constructor(limits: JUnitLimits, totals: KeptTotals) {
    this.#limits = limits;
    this.#totals = totals;
  }

  /** What was cut for want of room, a line each. */
  get warnings(): string[] {
    const cutShort = { details: this.#detailsCut, messages: this.#messagesCut };
    return Object.entries(cutShort)
      .filter(([, count]) => count > 0)
      .map(([what, count]) => `held so many failures that the ${what} of ${count} were cut short`);
  }

  keepMessage(problems: readonly Problem[]): string {
    const { messageChars, totalMessageChars } = this.#limits;
    let message = problems.map(messageOf).filter(Boolean).join('\n');
    if (message.length > this.#shortChars && this.#totals.messageChars >= totalMessageChars) {
      message = cut(message, this.#shortChars);
      this.#messagesCut++;
    }
    message = cut(message, messageChars);
    this.#totals.messageChars += message.length;
    return detach(message);
  }

  keepDetails(problems: readonly Problem[]): string {
    const { detailsChars, totalDetailsChars } = this.#limits;
    let details = problems
      .map(({ details: text }) => trimLines(text))
      .filter(Boolean)
      .join('\n\n');
    if (details.length > this.#shortChars && this.#totals.detailsChars >= totalDetailsChars) {
      details = cut(details, this.#shortChars);
      this.#detailsCut++;
    }
    details = cut(details, detailsChars + cutNoteChars);
    this.#totals.detailsChars += details.length;
    return detach(details);
  }

  /** What is kept of a text for which there is no room. */
  get #shortChars(): number {
    return Math.floor(this.#limits.messageChars / 16);
  }
}
