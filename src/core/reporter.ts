/**
 * Where the pipeline sends its messages. The action and the command line each provide their own; the code below them does not
 * depend on which one.
 */
import type { PhaseName, PhaseRecord } from './outcome.ts';

export interface Reporter {
  /** A phase begins. Phases may overlap. */
  phaseStarted(name: PhaseName): void;
  phaseEnded(record: PhaseRecord): void;
  /** One line of our own text, for the reader of the log. */
  say(line: string): void;
  /** Something the user should fix although the run continues. */
  warn(line: string): void;
  /** The latest state of what is waited for; replaces the previous line on a live terminal. */
  waitingFor(what: string): void;
  /** A line that we did not write (a pod's log, a tool's output): printed so that it can command nothing. */
  quote(line: string): void;
  /** Masks a secret in everything that is printed from now on. */
  mask(secret: string): void;
}
