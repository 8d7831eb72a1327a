/** The door of the action's main step. */
import * as core from '@actions/core';
import { abortOnSignals, beginRun, bundledChart, keepIfAsked } from './begin-run.ts';
import { ActionDoor } from './github/action-door.ts';
import { readActionInputs } from './github/action-inputs.ts';
import { publish, publishInputErrors } from './github/publish.ts';
import { readInputs } from './inputs.ts';
import { exitStatusOf } from './outcome.ts';
import { runTests } from './pipeline.ts';

const door = new ActionDoor();
const signal = abortOnSignals();
const read = readInputs({
  given: readActionInputs(process.env),
  directory: process.cwd(),
  bundledChart: bundledChart(),
});
if (read.inputs === undefined) {
  await publishInputErrors(read.errors, process.env.INPUT_TIER ?? '', door);
  process.exitCode = 3;
} else {
  const { record, workDir } = beginRun(process.env);
  core.saveState('record', record.file);
  const end = await runTests({ inputs: read.inputs, door, signal, record, workDir });
  keepIfAsked(read.inputs.keep, end, record, (line) => door.say(line));
  await publish(end, read.inputs, record.content.runId, door);
  process.exitCode = exitStatusOf(end.verdict);
}
