import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import picomatch from 'picomatch';
import { type JUnitReport, type KeptTotals, startTotals } from '../junit/junit-report.ts';
import { readJUnit } from '../junit/read-junit.ts';
import {
  chooseFiles,
  describeLeftOut,
  listNames,
  type ResultsLimits,
  type SizedFile,
  showName,
} from './results-limits.ts';

/** Files of the results, told apart. All paths are relative to the results directory. */
export interface CollectedResults {
  reports: JUnitReport[];
  /** Of one whose writer was killed, `partial` is what stood before its end. */
  unreadable: { file: string; reason: string; partial?: JUnitReport }[];
  /** Reports older than the run. */
  stale: string[];
  /** Everything else that the tests wrote. */
  otherFiles: number;
  warnings: string[];
}

export interface CollectOptions {
  /** What the tests wrote to `results-path`, as it lies on the runner. */
  writtenDir: string;
  /** Where reports go, byte for byte, under the paths they had. */
  junitDir: string;
  junitGlobs: string[];
  /** Reports last written before this time are of another run. Milliseconds of the epoch. */
  notBefore: number;
  /** How the tests ended; undefined where something else ended them. */
  exitCode?: number | undefined;
  /** What is above is removed and named. */
  limits: ResultsLimits;
  signal: AbortSignal;
}

/**
 * Sorts what the tests wrote: JUnit reports move to their own directory and are read, everything else stays. Anything
 * that is neither a file nor a directory is removed first, since a link could point out of the results; so is what is above
 * the limits.
 */
export async function collectResults(options: CollectOptions): Promise<CollectedResults> {
  const isReport = picomatch(options.junitGlobs, { dot: true, basename: false });
  const results: CollectedResults = { reports: [], unreadable: [], stale: [], otherFiles: 0, warnings: [] };
  const { files: found, removed } = await listFiles(options.writtenDir);
  if (removed.length > 0)
    results.warnings.push(
      `${removed.length} links or special files of the results were left out: ${listNames(removed)}`,
    );
  const { kept, left } = chooseFiles(found, options.limits);
  for (const { name } of left) await rm(path.join(options.writtenDir, name), { force: true });
  const leftOut = describeLeftOut(left, options.limits);
  if (leftOut !== undefined) results.warnings.push(leftOut);
  const totals = startTotals();
  const foreign: string[] = [];
  for (const file of kept.map((one) => one.name).sort()) {
    options.signal.throwIfAborted();
    if (!isReport(file)) results.otherFiles++;
    else if (!(await takeReport(file, { ...options, otherFormats: false, totals }, results))) foreign.push(file);
  }
  // A tool that writes JUnit beside a format of its own tells the same tests in both.
  const hasReport = results.reports.length + results.unreadable.length > 0;
  for (const file of foreign)
    if (hasReport || !(await takeReport(file, { ...options, otherFormats: true, totals }, results)))
      results.otherFiles++;
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
  const from = path.join(options.writtenDir, file);
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

/**
 * All regular files below a directory; what is neither file nor directory is removed and named. Names that are not UTF-8
 * get one that is, since neither reports nor artifacts can hold them.
 */
async function listFiles(directory: string): Promise<{ files: SizedFile[]; removed: string[] }> {
  const files: SizedFile[] = [];
  const removed: string[] = [];
  if (!existsSync(directory)) return { files, removed };
  const pending = [''];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of await readdir(path.join(directory, next), { withFileTypes: true, encoding: 'buffer' })) {
      const name = await nameInUtf8(path.join(directory, next), entry.name);
      const relative = path.join(next, name);
      const full = path.join(directory, relative);
      if (entry.isDirectory()) pending.push(relative);
      else if (entry.isFile()) files.push({ name: relative, bytes: (await lstat(full)).size });
      else {
        await rm(full, { force: true });
        removed.push(relative);
      }
    }
  }
  return { files, removed: removed.sort() };
}

async function nameInUtf8(parent: string, bytes: Buffer): Promise<string> {
  const name = bytes.toString('utf8');
  if (Buffer.from(name).equals(bytes)) return name;
  const readable = showName(bytes.toString('latin1')).replace(
    /[\x80-\xff]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16)}`,
  );
  await rename(Buffer.concat([Buffer.from(`${parent}/`), bytes]), path.join(parent, readable));
  return readable;
}
