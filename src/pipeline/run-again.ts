/** Some tests of a run once more, in fresh pods of the same platform. */
import { lstatSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fail, type Result, succeed } from '../core/outcome.ts';
import type { TestHistory } from '../history/test-history.ts';
import { makeShardDirectory } from '../results/results-dir.ts';
import { type CollectedRun, collectRun, startFindings } from './collect-run.ts';
import type { Platform, Progress } from './progress.ts';
import type { Run } from './run.ts';
import { runSuite } from './run-suite.ts';

/** A suite that has ended, or a part of one, with what is known of it. */
export interface EndedRun {
  progress: Progress;
  collected: CollectedRun;
}

/**
 * Runs the tests that the context selects, to their end, and collects what they left.
 * @param again the context, from {@link Run.forRetry}.
 * @returns the run, also where its tests failed or its pods were lost; a failure where it came to nothing.
 */
export async function runAgain(again: Run, platform: Platform, history: TestHistory): Promise<Result<EndedRun>> {
  const { dir } = again;
  const name = path.basename(dir.results);
  const results = path.dirname(dir.results);
  if (lstatSync(path.join(results, name), { throwIfNoEntry: false }) !== undefined)
    return fail('results', `the tests left results/${name}, where it would write`);
  await makeShardDirectory({ results }, name);
  for (const directory of [dir.junit, dir.cluster]) await mkdir(directory, { recursive: true });
  const { resultsNodePath } = platform;
  const place = resultsNodePath === undefined ? undefined : path.posix.join(resultsNodePath, name);
  try {
    const ended = await runSuite(again, { ...platform, resultsNodePath: place }, history);
    const { progress } = again;
    const collected = startFindings(again, progress);
    const taken = await collectRun(again, { progress, collected, isRetry: true }, false);
    again.signal.throwIfAborted();
    if (!ended.ok) return ended;
    return taken.ok ? succeed({ progress, collected }) : taken;
  } finally {
    again.closing.abort();
  }
}
