/** Tests that run, and whose failure does not fail the run. */

/** One entry of a quarantine file. */
export interface QuarantineEntry {
  /** Node id of pytest, or `class::name` as reports have them; the name alone where a report has no class. */
  id: string;
  /** Why the test is in quarantine. */
  reason: string;
  /** Who takes it out again. */
  owner: string;
  /** The last day on which the entry counts, in UTC: `2026-12-31`. */
  expires: string;
}

/** The quarantine of a suite. */
export interface Quarantine {
  /** The file, as the input names it. */
  file: string;
  entries: readonly QuarantineEntry[];
}
