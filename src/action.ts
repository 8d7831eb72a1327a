/** The door of the action's main step. */
import path from 'node:path';
import * as core from '@actions/core';
import { abortOnSignals, beginRun, bundledChart, keepIfAsked } from './begin-run.ts';
import { ActionDoor } from './github/action-door.ts';
import { describeLeg, readActionInputs } from './github/action-inputs.ts';
import { downloadLegs } from './github/download-legs.ts';
import { publish, publishInputErrors } from './github/publish.ts';
import { readInputs } from './inputs/read-inputs.ts';
import { exitStatusOf, succeed } from './outcome.ts';
import { runTests } from './pipeline.ts';
import { rollUp } from './roll-up.ts';
import { closeDiary } from './run/diary.ts';
import type { RunEnd } from './run/run.ts';

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
  const { inputs } = read;
  const { record, workDir } = beginRun(process.env);
  core.saveState('record', record.file);
  const say = (line: string) => door.say(line);
  let end: RunEnd;
  if (inputs.mode === 'report') {
    const directory = path.join(workDir, 'legs');
    const legsDir =
      inputs.legsDir === undefined
        ? await downloadLegs({ patterns: inputs.legArtifacts, directory, say })
        : succeed(inputs.legsDir);
    end = await rollUp({ inputs, legsDir, say, signal });
  } else {
    end = await runTests({ inputs, door, signal, record, workDir, leg: describeLeg(inputs.leg, process.env) });
    await keepIfAsked(inputs.keep, end, record, say);
  }
  await publish(end, inputs, record.content.runId, door);
  closeDiary(workDir);
  process.exitCode = exitStatusOf(end.verdict);
}
