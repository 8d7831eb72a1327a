/** The results directory on the runner: what lies where, and who may use it. */
import { chmod, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describeDiskTrouble } from '../core/disk-trouble.ts';
import { fail, noTests, type Result, succeed, type Verdict } from '../core/outcome.ts';
import { resultsMarker } from '../inputs/read-inputs.ts';
import { renderResultJson } from '../report/result-json.ts';
import type { ProcessIdentity } from '../state/is-alive.ts';
import { takeLock, writerOf } from '../state/take-lock.ts';

/** Paths of everything that a run leaves behind; the names are part of the contract. */
export interface ResultsDir {
  root: string;
  resultJson: string;
  summary: string;
  reportHtml: string;
  junitXml: string;
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
    junit: at('junit'),
    results: at('results'),
    logs: at('logs'),
    cluster: at('cluster'),
  };
}

const lockName = '.running';
/** Room that is held for the verdict, so that it can be told when the tests have filled the disk. */
const reserveName = '.reserve';
const reserveBytes = 2 * 1024 * 1024;

/**
 * Takes the directory for this run: a former run's files of ours go, and `result.json` says from now on that the run has
 * not ended, so that a run which is killed leaves a red one behind.
 * @returns a failure of kind `input` when another run uses it, of kind `results` when it cannot be written to.
 */
export async function takeResultsDir(dir: ResultsDir, tier: string): Promise<Result<undefined>> {
  try {
    return await takeOver(dir, tier);
  } catch (error) {
    const failure = describeDiskTrouble(error, `results-dir ${dir.root} cannot be used`);
    if (failure === undefined) throw error;
    await releaseResultsDir(dir).catch(() => undefined);
    return { ok: false, failure };
  }
}

async function takeOver(dir: ResultsDir, tier: string): Promise<Result<undefined>> {
  await mkdir(dir.root, { recursive: true });
  const owner = takeLock(path.join(dir.root, lockName));
  if (owner !== undefined) return inUse(dir.root, owner);
  await writeFile(dir.resultJson, renderResultJson(unfinished(tier)));
  const { root: _, resultJson: __, results, ...rest } = dir;
  await Promise.all(Object.values(rest).map((old) => rm(old, { recursive: true, force: true })));
  await Promise.all([dir.junit, dir.logs, dir.cluster].map((one) => mkdir(one)));
  // Emptied, not made anew: the nodes of a kept cluster mount this very directory.
  if ((await lstat(results).catch(() => undefined))?.isDirectory() !== true) await rm(results, { force: true });
  await mkdir(results, { recursive: true });
  for (const old of await readdir(results)) await rm(path.join(results, old), { recursive: true, force: true });
  // Written out, since a hole in a file holds no room.
  await writeFile(path.join(dir.root, reserveName), Buffer.alloc(reserveBytes, 1));
  // Test containers run as any user. Only the runner's own users can reach the directory, through its parents.
  await chmod(dir.results, 0o777);
  return succeed(undefined);
}

/** Gives up the room that was held for the verdict. Call it before the verdict is written. */
export async function releaseReserve(dir: ResultsDir): Promise<void> {
  await rm(path.join(dir.root, reserveName), { force: true });
}

/** Gives the directory back; its files stay. */
export async function releaseResultsDir(dir: ResultsDir): Promise<void> {
  await releaseReserve(dir);
  await rm(path.join(dir.root, lockName), { force: true });
}

/** Whether the directory is still that of a process which took it and was killed, and nobody else has taken it since. */
export function isHeldBy(dir: ResultsDir, { pid, startTicks }: ProcessIdentity): boolean {
  const owner = writerOf(path.join(dir.root, lockName));
  return owner?.pid === pid && owner.startTicks === startTicks;
}

function inUse(root: string, owner: ProcessIdentity): Result<undefined> {
  return fail('input', `results-dir: ${root} is in use by another run (process ${owner.pid || 'unknown'})`, {
    hint: 'Give each run that may overlap a results-dir of its own.',
  });
}

function unfinished(tier: string): Verdict {
  return {
    schema: 1,
    outcome: 'broken',
    failure: {
      kind: 'internal',
      reason: 'the run has not ended, or was killed before it could say how',
      hint: 'Look at the end of its log.',
      evidence: [],
    },
    tier,
    tests: { ...noTests },
    phases: [],
    durationSeconds: 0,
    cluster: null,
    image: null,
    warnings: [],
  };
}
