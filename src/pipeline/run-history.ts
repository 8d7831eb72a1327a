/** The file in which a suite keeps how long its tests took: read before the tests, written after them. */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fail, messageOf, type Result, succeed, type TestCase, type Verdict } from '../core/outcome.ts';
import { writeOwnFile } from '../core/write-own-file.ts';
import { emptyHistory, parseHistory, recordRun, renderHistory, type TestHistory } from '../history/test-history.ts';
import type { Run } from './run.ts';

/**
 * What the input `history` names: nothing yet where there is no such file, as in the very first run.
 * @returns a failure of kind `input` for a file that is no history of ours, which would be overwritten.
 */
export async function loadHistory({ inputs }: Run): Promise<Result<TestHistory>> {
  const { historyFile } = inputs;
  if (historyFile === undefined) return succeed(emptyHistory());
  try {
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

/** Adds a run whose tests have all ended to the history, where there is a file for it. An error is only a warning. */
export async function saveHistory(
  run: Run,
  history: TestHistory,
  { verdict, tests }: { verdict: Verdict; tests: readonly TestCase[] },
): Promise<void> {
  const { historyFile } = run.inputs;
  const isWhole = verdict.failure === null || verdict.failure.kind === 'test';
  if (historyFile === undefined || !isWhole) return;
  try {
    await mkdir(path.dirname(historyFile), { recursive: true });
    await writeOwnFile(historyFile, renderHistory(recordRun(history, tests)));
  } catch (error) {
    run.warn(`the times of the tests could not be kept in ${historyFile}: ${messageOf(error)}`);
  }
}
