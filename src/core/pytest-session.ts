/** A session of pytest, after all later ones of the same run are known: from the notes of the test helper or a report log. */
export interface PytestSession {
  /** As the beginning of a sentence: `session 2 of pytest`. */
  name: string;
  /** Whether it ended by itself. */
  isFinished: boolean;
  /** pytest's exit status; undefined where it never finished or its status was not noted. */
  exit: number | undefined;
  /** Whether any of its tests failed, or was running when it died. */
  hadFailures: boolean;
  /** Tests that failed in it, or were running when it died, and that passed in no later session of the same kind. */
  unresolved: number;
  /** Names of the first of them. */
  unresolvedNames: string[];
  /** Ids of all of them that are kept. */
  unresolvedIds: readonly string[];
  /** Tests that it collected, and that neither it nor a later session of the same kind ended. */
  notRun: number;
  /** Whether later sessions of the same kind ran everything that it was to run, and all of that passed. */
  isRepeated: boolean;
}
