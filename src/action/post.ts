/**
 * The entry point of the action's post step: removes what the main step's record names, however that step ended. If it was
 * killed before it could report its end, this reports it instead, with all results that exist.
 */
import { existsSync } from 'node:fs';
import * as core from '@actions/core';
import { findWorkDir } from '../pipeline/begin-run.ts';
import { readCheckpoint } from '../pipeline/checkpoint.ts';
import { runTeardown } from '../pipeline/teardown.ts';
import { RunRecord } from '../state/run-record.ts';
import { ActionReporter } from './action-reporter.ts';
import { lendRunnerVariables, withholdRunnerVariables } from './runner-variables.ts';

/** GitHub gives a post step after a cancel five minutes. */
const teardownSeconds = 150;

const env = withholdRunnerVariables();
const reporter = new ActionReporter();
// Aborting now would leave a cluster behind. Every step here has its own time limit.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => reporter.say(`${name}: cleanup continues`));
const file = await lendRunnerVariables(() => core.getState('record'));
if (file === '' || !existsSync(file)) reporter.say('nothing to remove');
else {
  const record = RunRecord.open(file);
  const workDir = findWorkDir(record);
  const checkpoint = workDir === undefined ? undefined : readCheckpoint(workDir);
  if (workDir === undefined || checkpoint === undefined) await removeAll(record);
  else {
    // Most runs have reported their end: they do not wait for what this needs.
    const { reportKilledRun } = await import('./report-killed-run.ts');
    let removal: Promise<boolean> | undefined;
    const tearDown = () => {
      removal ??= removeAll(record);
      return removal;
    };
    await reportKilledRun({ record, workDir, checkpoint, env, reporter, tearDown });
  }
}

/** @returns whether nothing is left. */
async function removeAll(record: RunRecord): Promise<boolean> {
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
