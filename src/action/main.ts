/** the entry point of the main step. */
import path from 'node:path';
import * as core from '@actions/core';
import { exitStatusOf, succeed } from '../core/outcome.ts';
import { type Inputs, readInputs } from '../inputs/read-inputs.ts';
import { abortOnSignals, type BegunRun, beginRun, bundledChart, keepIfAsked } from '../pipeline/begin-run.ts';
import { clearCheckpoint } from '../pipeline/checkpoint.ts';
import { runTests } from '../pipeline/pipeline.ts';
import { removeLeftovers } from '../pipeline/remove-leftovers.ts';
import type { RunEnd } from '../results/run-end.ts';
import { rollUp } from '../roll-up/roll-up.ts';
import { describeLeg, readActionInputs, readRunAttempt } from './action-inputs.ts';
import { ActionReporter } from './action-reporter.ts';
import { downloadLegs } from './download-legs.ts';
import { publish, publishInputErrors, publishNoRun } from './publish.ts';
import { planComment } from './pull-request-comment.ts';
import { withholdRunnerVariables } from './runner-variables.ts';

const env = withholdRunnerVariables();
const given = readActionInputs(env);
const reporter = new ActionReporter();
const signal = abortOnSignals();
const read = readInputs({
  given,
  directory: process.cwd(),
  bundledChart: bundledChart(),
});
const comment = planComment(read.inputs?.comment ?? given.comment, given, env);
if (read.inputs === undefined) {
  await publishInputErrors(read.errors, { tier: given.tier ?? '', comment }, reporter);
  process.exitCode = 3;
} else {
  const begun = beginRun(process.env);
  if (begun.ok) await run(read.inputs, begun.value);
  else {
    await publishNoRun(begun.failure, { tier: read.inputs.tier, comment }, reporter);
    process.exitCode = 2;
  }
}

async function run(inputs: Inputs, { record, workDir }: BegunRun): Promise<void> {
  core.saveState('record', record.file);
  const say = (line: string) => reporter.say(line);
  await removeLeftovers(path.dirname(record.file), { signal, say });
  let end: RunEnd;
  if (inputs.mode === 'report') {
    const directory = path.join(workDir, 'legs');
    const legs =
      inputs.legsDir === undefined
        ? await downloadLegs({ patterns: inputs.legArtifacts, directory, say })
        : succeed({ directory: inputs.legsDir, artifacts: [] });
    end = await rollUp({ inputs, legs, runAttempt: readRunAttempt(process.env), say, signal });
  } else {
    end = await runTests({
      inputs,
      reporter,
      signal,
      record,
      workDir,
      leg: describeLeg(inputs.leg, inputs.legName, process.env),
    });
    await keepIfAsked(inputs.keep, end, record, say);
  }
  await publish(end, inputs, { runId: record.content.runId, comment }, reporter);
  clearCheckpoint(workDir);
  process.exitCode = exitStatusOf(end.verdict);
}
