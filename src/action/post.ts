/**
 * The entry point of the action's post step: removes what the main step's record names, however that step ended. If it was
 * killed before it could report its end, this reports it instead, with all results that exist.
 */
import { existsSync } from 'node:fs';
import * as core from '@actions/core';
import { messageOf } from '../core/outcome.ts';
import { readOnlySecrets } from '../inputs/read-inputs.ts';
import { findWorkDir } from '../pipeline/begin-run.ts';
import { readCheckpoint } from '../pipeline/checkpoint.ts';
import { recoverRun } from '../pipeline/recover-run.ts';
import { runTeardown } from '../pipeline/teardown.ts';
import { RunRecord } from '../state/run-record.ts';
import { readActionInputs } from './action-inputs.ts';
import { ActionReporter } from './action-reporter.ts';
import { publish } from './publish.ts';
import { planComment } from './pull-request-comment.ts';
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
    // The runner gives a post step the inputs of its main step, and the project file is where it was: no secret had to be
    // kept on the disk.
    const given = readActionInputs(env);
    const secrets = readOnlySecrets({ given, directory: process.cwd() });
    const { inputs } = checkpoint;
    let removal: Promise<boolean> | undefined;
    const removeOnce = () => {
      removal ??= removeAll(record);
      return removal;
    };
    try {
      const end = await recoverRun({ record, workDir, checkpoint, secrets, reporter, tearDown: removeOnce });
      const comment = planComment(inputs.comment, given, env);
      await publish(end, inputs, { runId: record.content.runId, comment }, reporter);
      if (end.ownsResultsDir) reporter.say(`the files are in ${end.dir.root}`);
    } catch (error) {
      reporter.error(`the results could not be published: ${messageOf(error)}; the files are in ${inputs.resultsDir}`);
      process.exitCode = 1;
      await removeOnce();
    }
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
