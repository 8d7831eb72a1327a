/** What the post step does after a main step that has left something. */
import { findWorkDir } from '../pipeline/begin-run.ts';
import { readCheckpoint } from '../pipeline/checkpoint.ts';
import { runTeardown } from '../pipeline/teardown.ts';
import { RunRecord } from '../state/run-record.ts';
import type { ActionReporter } from './action-reporter.ts';

/** GitHub gives a post step after a cancel five minutes. */
const teardownSeconds = 150;

/**
 * Removes what a record names, unless it is to be kept. If the main step was killed before it could report its end, this reports
 * it, with all results that exist.
 * @param env the environment of the step, with what the runner has put there.
 */
export async function cleanUp(file: string, env: NodeJS.ProcessEnv, reporter: ActionReporter): Promise<void> {
  const record = RunRecord.open(file);
  let removal: Promise<boolean> | undefined;
  const tearDown = () => {
    removal ??= removeAll(record, reporter);
    return removal;
  };
  const workDir = findWorkDir(record);
  const checkpoint = workDir === undefined ? undefined : readCheckpoint(workDir);
  if (workDir === undefined || checkpoint === undefined) {
    await tearDown();
    return;
  }
  // Most runs have reported their end: they do not wait for what this needs.
  const { reportKilledRun } = await import('./report-killed-run.ts');
  await reportKilledRun({ record, workDir, checkpoint, env, reporter, tearDown });
}

/** @returns whether nothing is left. */
async function removeAll(record: RunRecord, reporter: ActionReporter): Promise<boolean> {
  if (record.content.kept !== undefined) {
    record.endJob();
    reporter.say(`kept (${record.content.kept}): ${record.content.made.map(describeMade).join(', ')}`);
    return false;
  }
  const { problems } = await runTeardown(record, reporter, { seconds: teardownSeconds, advice: '' });
  if (problems.length > 0) process.exitCode = 1;
  return problems.length === 0;
}

function describeMade(made: RunRecord['content']['made'][number]): string {
  return made.kind === 'directory' ? made.path : `${made.kind} ${made.name}`;
}
