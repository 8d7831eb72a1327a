import { messageOf } from '../core/outcome.ts';
import { readOnlySecrets } from '../inputs/read-inputs.ts';
import { type RecoverOptions, recoverRun } from '../pipeline/recover-run.ts';
import { readActionInputs } from './action-inputs.ts';
import type { ActionReporter } from './action-reporter.ts';
import { publish } from './publish.ts';
import { planComment } from './pull-request-comment.ts';

type KilledRun = Omit<RecoverOptions, 'secrets' | 'reporter'> & { env: NodeJS.ProcessEnv; reporter: ActionReporter };

/**
 * Reports the end of a run whose main step was killed, with all results that exist, and removes what it made, also where that
 * cannot be reported; the exit status is 1 then.
 */
export async function reportKilledRun({ env, reporter, ...killed }: KilledRun): Promise<void> {
  const { record, checkpoint, tearDown } = killed;
  const { inputs } = checkpoint;
  // The runner gives a post step the inputs of its main step, and the project file is where it was: no secret had to be kept on
  // the disk.
  const given = readActionInputs(env);
  const secrets = readOnlySecrets({ given, directory: process.cwd() });
  try {
    const end = await recoverRun({ ...killed, secrets, reporter });
    const comment = planComment(inputs.comment, given, env);
    await publish(end, inputs, { runId: record.content.runId, comment }, reporter);
    if (end.ownsResultsDir) reporter.say(`the files are in ${end.dir.root}`);
  } catch (error) {
    reporter.error(`the results could not be published: ${messageOf(error)}; the files are in ${inputs.resultsDir}`);
    process.exitCode = 1;
    await tearDown();
  }
}
