import { lstat, mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import picomatch from 'picomatch';
import { type JUnitReport, type KeptTotals, startTotals } from '../junit/junit-report.ts';
import { readJUnit } from '../junit/read-junit.ts';
import { findAttachments } from './find-attachments.ts';
import type { TakenFiles } from './take-files.ts';

/** Files of the results, by kind. All paths are relative to the results directory. */
export interface CollectedResults {
  reports: JUnitReport[];
  /** For one whose writer was killed, `partial` is the content before its end. */
  unreadable: { file: string; reason: string; partial?: JUnitReport }[];
  /** Reports older than the run. */
  stale: string[];
  /** Everything else that the tests wrote, relative to the directory of results. */
  others: string[];
  warnings: string[];
}

export interface CollectOptions {
  /** What was taken of what the tests wrote. */
  taken: TakenFiles;
  /** Its path. */
  takenDir: string;
  /** Paths of what never arrived: a report among them was not read. */
  missing?: { name: string; reason: string; isDirectory?: boolean }[];
  /** The directory for reports, byte for byte, under the paths they had. */
  junitDir: string;
  junitGlobs: string[];
  /** What is before the paths of files as the tests saw them, such as `shard-0/`; empty for nothing. */
  below?: string;
  /** Where the tests saw their results: their attachments may be named so. */
  seenAs: string;
  /** Limits shared with reports that are read together with these; by default only for these. */
  totals?: KeptTotals;
  /** Reports last written before this time are of another run. Milliseconds of the epoch. */
  notBefore: number;
  /** How the tests ended; undefined where something else ended them. */
  exitCode?: number | undefined;
  signal: AbortSignal;
}

/**
 * Sorts the files that were taken from the tests' output: JUnit reports move to their own directory and are read, everything
 * else stays. A report that was left out, for any reason, counts as one that could not be read: it may hold failures.
 */
export async function collectResults(options: CollectOptions): Promise<CollectedResults> {
  const { taken } = options;
  const { below = '' } = options;
  const isReport = picomatch(options.junitGlobs, { dot: true, basename: false });
  const matches = (file: string) => isReport(file.slice(below.length));
  const results: CollectedResults = { reports: [], unreadable: [], stale: [], others: [], warnings: [] };
  results.warnings.push(...taken.warnings);
  // A link to a file that was taken has no reason against it.
  const leftOut = [...taken.leftOut, ...(options.missing ?? [])].filter(({ reason }) => reason !== '');
  // What could not be looked into may hold reports by any name.
  for (const { name, reason, isDirectory } of leftOut)
    if (isDirectory === true || matches(name))
      results.unreadable.push({ file: name, reason: `it was left out: ${reason}` });
  const { totals = startTotals() } = options;
  const foreign: string[] = [];
  const others: string[] = [];
  for (const file of taken.files) {
    options.signal.throwIfAborted();
    if (!matches(file)) others.push(file);
    else if (!(await takeReport(file, { ...options, otherFormats: false, totals }, results))) foreign.push(file);
  }
  // A tool that writes JUnit beside a format of its own lists the same tests in both.
  const hasReport = results.reports.length + results.unreadable.length > 0;
  for (const file of foreign)
    if (hasReport || !(await takeReport(file, { ...options, otherFormats: true, totals }, results))) others.push(file);
  results.others = others;
  const { files } = taken;
  const directory = path.basename(options.takenDir);
  const partial = results.unreadable.flatMap((one) => one.partial ?? []);
  const missing = findAttachments([...results.reports, ...partial], {
    files,
    seenAs: options.seenAs,
    below,
    directory,
  });
  if (missing !== undefined) results.warnings.push(missing);
  if (totals.warningsLeftOut > 0)
    results.warnings.push(`the reports gave cause for ${totals.warningsLeftOut} more warnings`);
  return results;
}

/** Reads a file, and where it is a report moves it to the others; whether it was one. */
async function takeReport(
  file: string,
  options: CollectOptions & { otherFormats: boolean; totals: KeptTotals },
  results: CollectedResults,
): Promise<boolean> {
  const { exitCode, otherFormats, totals, signal } = options;
  const from = path.join(options.takenDir, file);
  const before = { ...totals };
  const reading = await readJUnit(from, { file, exitCode, otherFormats, totals, signal });
  if (!reading.ok && reading.foreignRoot !== undefined) return false;
  const { mtimeMs } = await lstat(from);
  const to = path.join(options.junitDir, file);
  await mkdir(path.dirname(to), { recursive: true });
  await rename(from, to);
  if (mtimeMs < options.notBefore) {
    results.stale.push(file);
    Object.assign(totals, before);
  } else if (reading.ok) {
    results.reports.push(reading.value);
    results.warnings.push(...reading.value.warnings.map((warning) => `${file}: ${warning}`));
  } else results.unreadable.push({ file, reason: reading.failure.reason, ...withPartial(reading.partial) });
  return true;
}

function withPartial(partial: JUnitReport | undefined): { partial?: JUnitReport } {
  return partial === undefined ? {} : { partial };
}
