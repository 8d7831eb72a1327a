/**
 * Where the pipeline sends its messages. The action and the command line each provide their own; the code below them does not
 * depend on which one.
 */
import type { PhaseName, PhaseRecord } from './outcome.ts';

/** Bytes that are on their way: a download, or images on their way into a node. */
export interface Transfer {
  /** Distinguishes it from others at the same time: `helm 4.1.4`. */
  what: string;
  bytes: number;
  /** Of the whole; absent where it is not known. */
  totalBytes?: number;
  /** Whether that is an estimate. */
  isAbout?: boolean;
  /** Nothing more comes, whether all of it came or not. */
  hasEnded?: boolean;
}

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
  /**
   * The latest state of a transfer, several times a second; a live terminal shows all transfers that have not ended. Absent
   * where nothing shows them.
   */
  transferring?(transfer: Transfer): void;
  /** A line that we did not write (a pod's log, a tool's output): printed so that it can command nothing. */
  quote(line: string): void;
  /** Masks a secret in everything that is printed from now on. */
  mask(secret: string): void;
}
