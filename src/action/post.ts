/** The entry point of the action's post step: removes what the main step's record names, however that step ended. */
import { existsSync } from 'node:fs';
import * as core from '@actions/core';
import { ActionReporter } from './action-reporter.ts';
import { lendRunnerVariables, withholdRunnerVariables } from './runner-variables.ts';

const env = withholdRunnerVariables();
const reporter = new ActionReporter();
// Aborting now would leave a cluster behind. Every step here has its own time limit.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => reporter.say(`${name}: cleanup continues`));
const file = await lendRunnerVariables(() => core.getState('record'));
if (file === '' || !existsSync(file)) reporter.say('nothing to remove');
else {
  // Most runs have removed all that they made: they do not wait for what this needs.
  const { cleanUp } = await import('./clean-up.ts');
  await cleanUp(file, env, reporter);
}
