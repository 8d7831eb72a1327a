/** The results directory on the runner: its layout, and which process may use it. */
import { randomBytes } from 'node:crypto';
import { constants, lstatSync, mkdirSync, renameSync } from 'node:fs';
import { chmod, lstat, mkdir, open, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describeDiskError } from '../core/disk-error.ts';
import { fail, type Result, succeed, type Verdict, verdictWithoutTests } from '../core/outcome.ts';
import { resultsMarker } from '../inputs/check-results-dir.ts';
import { writeResultJson } from '../report/write-report.ts';
import type { ProcessIdentity } from '../state/is-alive.ts';
import { takeLock, writerOf } from '../state/take-lock.ts';
import { discard, holderPrefix } from './foreign-directory.ts';
import { clearChildren, removeHolders } from './take-files.ts';

/** Paths of everything that a run leaves behind; the names are part of the contract. */
export interface ResultsDir {
  root: string;
  resultJson: string;
  summary: string;
  reportHtml: string;
  junitXml: string;
  ctrfJson: string;
  junit: string;
  /** What the tests write to `results-path` appears here while they write it. */
  results: string;
  logs: string;
  cluster: string;
}

export function layoutResults(root: string): ResultsDir {
  const at = (name: string) => path.join(root, name);
  return {
    root,
    resultJson: at(resultsMarker),
    summary: at('summary.md'),
    reportHtml: at('report.html'),
    junitXml: at('junit.xml'),
    ctrfJson: at('ctrf.json'),
    junit: at('junit'),
    results: at('results'),
    logs: at('logs'),
    cluster: at('cluster'),
  };
}

const lockName = '.running';
/** Room that is held for the verdict, so that it can be reported when the tests have filled the disk. */
const reserveName = '.reserve';
const reserveBytes = 2 * 1024 * 1024;

/**
 * Takes the directory for this run: our files of a former run are removed, and `result.json` states from now on that the run
 * has not ended, so that a killed run leaves a red one behind.
 * @returns what of a former run could not be removed, a line each; or a failure of kind `input` when another run uses it,
 * of kind `results` when it cannot be written to.
 */
export async function takeResultsDir(dir: ResultsDir, tier: string): Promise<Result<string[]>> {
  try {
    return await takeOver(dir, tier);
  } catch (error) {
    const failure = describeDiskError(error, `results-dir ${dir.root} cannot be used`);
    if (failure === undefined) throw error;
    await releaseResultsDir(dir).catch(() => undefined);
    return { ok: false, failure };
  }
}

async function takeOver(dir: ResultsDir, tier: string): Promise<Result<string[]>> {
  await mkdir(dir.root, { recursive: true });
  // Inputs with a link were refused: this one was created later.
  if (!(await lstat(dir.root)).isDirectory())
    return fail('input', `results-dir: ${dir.root} has become a symbolic link`, {
      hint: 'Choose a directory that no other program writes to.',
    });
  const lock = path.join(dir.root, lockName);
  // A checkout may hold links by these names: their targets are not ours.
  for (const file of [lock, `${lock}.dead`]) await removeUnlessFile(file);
  const owner = takeLock(lock);
  if (owner !== undefined) return inUse(dir.root, owner);
  await removeUnlessFile(dir.resultJson);
  await writeResultJson(dir, unfinished(tier));
  const problems: string[] = [];
  const { root: _, resultJson: __, results, ...rest } = dir;
  for (const old of Object.values(rest)) problems.push(...clear(dir.root, old));
  for (const one of [dir.junit, dir.logs, dir.cluster]) mkdirSync(one);
  problems.push(...emptyResults(dir.root, results));
  removeHolders(dir.root);
  const reserve = path.join(dir.root, reserveName);
  await rm(reserve, { recursive: true, force: true });
  // Written out, since a hole in a file holds no room.
  await writeFile(reserve, Buffer.alloc(reserveBytes, 1), { flag: 'wx' });
  // Test containers run as any user. Only the runner's own users can reach the directory, through its parents.
  await chmod(results, 0o777);
  return succeed(problems);
}

/** Makes the directory of a shard below the results, which its container may write to as any user. It must not exist yet. */
export async function makeShardDirectory({ results }: Pick<ResultsDir, 'results'>, name: string): Promise<void> {
  const directory = path.join(results, name);
  await mkdir(directory);
  await chmod(directory, 0o777);
}

/** Removes a file that was taken with the results: it is no result, only a marker whose existence has been evaluated. */
export async function removeStatusFile(file: string): Promise<void> {
  await rm(file, { force: true });
}

async function removeUnlessFile(file: string): Promise<void> {
  const stat = await lstat(file).catch(() => undefined);
  if (stat !== undefined && !stat.isFile()) await rm(file, { recursive: true, force: true });
}

/**
 * Removes what a former run left by this name. What cannot be removed (containers ran as other users) is renamed to an unused
 * name.
 * @returns why something of it stays, if so.
 */
function clear(root: string, old: string): string[] {
  const why = discard(old);
  if (why === '' || lstatSync(old, { throwIfNoEntry: false }) === undefined) return [];
  const aside = path.join(root, `${holderPrefix}former-${randomBytes(4).toString('hex')}`);
  renameSync(old, aside);
  return [`files of an earlier run cannot be removed and are now in ${aside}: ${why}`];
}

/** Empties the directory of the results. It stays the same where it can: the nodes of a kept cluster mount it. */
function emptyResults(root: string, results: string): string[] {
  const before = lstatSync(results, { throwIfNoEntry: false });
  if (before?.isDirectory() === true && before.uid === (process.getuid?.() ?? before.uid)) {
    const problems = clearChildren(results);
    if (problems === '') return [];
  }
  const problems = before === undefined ? [] : clear(root, results);
  mkdirSync(results, { recursive: true });
  return problems;
}

/** Frees the disk space that was reserved for the verdict. Call it before the verdict is written. */
export async function releaseReserve(dir: ResultsDir): Promise<void> {
  await rm(path.join(dir.root, reserveName), { force: true });
}

/** Frees half of that space, so that the results can be sorted on a full disk. */
export async function shrinkReserve(dir: ResultsDir): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path.join(dir.root, reserveName), flags).catch(() => undefined);
  if (file === undefined) return;
  try {
    if ((await file.stat()).isFile()) await file.truncate(reserveBytes / 2);
  } finally {
    await file.close();
  }
}

/** Gives the directory back; its files stay. */
export async function releaseResultsDir(dir: ResultsDir): Promise<void> {
  await releaseReserve(dir);
  await rm(path.join(dir.root, lockName), { force: true });
}

/** Whether the directory is still that of a process which took it and was killed, and no other has taken it since. */
export function isHeldBy(dir: ResultsDir, { pid, startTicks }: ProcessIdentity): boolean {
  const owner = writerOf(path.join(dir.root, lockName));
  return owner?.pid === pid && owner.startTicks === startTicks;
}

function inUse(root: string, owner: ProcessIdentity): Result<never> {
  return fail('input', `results-dir: ${root} is in use by another run (process ${owner.pid || 'unknown'})`, {
    hint: 'Give each run that may overlap a results-dir of its own.',
  });
}

function unfinished(tier: string): Verdict {
  return verdictWithoutTests(tier, {
    kind: 'internal',
    reason: 'the run has not ended, or was killed before it reported its end',
    hint: 'Look at the end of its log.',
    evidence: [],
  });
}
