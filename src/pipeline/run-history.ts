/** The file in which a suite keeps how long its tests took: read before the tests, written after them. */
import { readFileSync } from 'node:fs';
import { access, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { fail, messageOf, type Result, succeed } from '../core/outcome.ts';
import type { ReportInput, Trend } from '../core/report-model.ts';
import { writeOwnFile } from '../core/write-own-file.ts';
import { recordReport } from '../history/recorded-run.ts';
import { addRun } from '../history/run-log.ts';
import { emptyHistory, parseHistory, recordRun, renderHistory, type TestHistory } from '../history/test-history.ts';
import { describeTrend } from '../history/trends.ts';
import { resultsMarker } from '../inputs/check-results-dir.ts';
import { readJUnit } from '../junit/read-junit.ts';
import type { Run } from './run.ts';

/** Whether `history` names the verdict of an earlier run: its times count, and nothing is written there. */
function isEarlierResult(file: string): boolean {
  return path.basename(file) === resultsMarker;
}

/**
 * What the input `history` names: nothing yet where there is no such file, as in the very first run.
 * @returns a failure of kind `input` for a file that is no history of ours, which would be overwritten.
 */
export async function loadHistory({ inputs, signal }: Run): Promise<Result<TestHistory>> {
  const { historyFile } = inputs;
  if (historyFile === undefined) return succeed(emptyHistory());
  try {
    if (isEarlierResult(historyFile)) return await readTimes(historyFile, signal);
    const history = parseHistory(await readFile(historyFile, 'utf8'));
    if (history !== undefined) return succeed(history);
    return fail('input', `history: ${historyFile} is no history that a run of ours wrote`, {
      hint: 'Name another file, or remove this one.',
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return succeed(emptyHistory());
    return fail('input', `history: ${historyFile} cannot be read: ${messageOf(error)}`);
  }
}

/** The times of the tests in the junit.xml beside a `result.json`. @throws where one of the files is missing. */
async function readTimes(resultFile: string, signal: AbortSignal): Promise<Result<TestHistory>> {
  await access(resultFile);
  const junit = path.join(path.dirname(resultFile), 'junit.xml');
  await access(junit);
  const read = await readJUnit(junit, { signal });
  if (!read.ok) return fail('input', `history: ${read.failure.reason}`);
  return succeed(recordRun(emptyHistory(), read.value.cases));
}

/** Adds a run whose tests have all ended to the history, where there is a file for it. An error is only a warning. */
export async function saveHistory(run: Run, history: TestHistory, report: ReportInput): Promise<void> {
  const { verdict, tests } = report;
  const { historyFile } = run.inputs;
  const isWhole = verdict.failure === null || verdict.failure.kind === 'test';
  if (historyFile === undefined || isEarlierResult(historyFile) || !isWhole) return;
  // A run of some tests has fewer of them, and one of another branch is what is compared.
  const isKept = run.tests.length === 0 && !isOfOtherBranch(process.env);
  const runs = isKept ? addRun(history.runs, recordReport('', report)) : history.runs;
  try {
    await mkdir(path.dirname(historyFile), { recursive: true });
    await writeOwnFile(historyFile, renderHistory({ ...recordRun(history, tests), runs }));
  } catch (error) {
    run.warn(`the times of the tests could not be kept in ${historyFile}: ${messageOf(error)}`);
  }
}

/** A run against the history; undefined where too little is known, or for a run of some of the tests. @param report masked. */
export function compareWithHistory(run: Run, history: TestHistory, report: ReportInput): Trend | undefined {
  if (run.tests.length > 0) return undefined;
  return run.mask.maskValue(describeTrend(history.runs, recordReport('', report)));
}

/**
 * Whether this run belongs to a branch that is not the default one, or to a pull request: by the payload of GitHub's event, or
 * the variables of GitLab. Elsewhere it is not known, and all runs count.
 */
function isOfOtherBranch(env: NodeJS.ProcessEnv): boolean {
  if (env.GITLAB_CI === 'true') return env.CI_COMMIT_BRANCH !== env.CI_DEFAULT_BRANCH;
  if (env.GITHUB_ACTIONS !== 'true') return false;
  return env.GITHUB_REF !== `refs/heads/${readDefaultBranch(env)}`;
}

function readDefaultBranch(env: NodeJS.ProcessEnv): string | undefined {
  try {
    const payload = JSON.parse(readFileSync(env.GITHUB_EVENT_PATH ?? '', 'utf8'));
    return v.parse(v.object({ repository: v.object({ default_branch: v.string() }) }), payload).repository
      .default_branch;
  } catch {
    // Then no run is taken for one of the default branch.
    return undefined;
  }
}
