/** Requirements on the machine, checked before minutes are spent. */

import { fail, type Result, succeed } from '../core/outcome.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import { listLocalImages } from './docker.ts';
import { type Check, judgeDemand, judgeMachine, preflightResult, type RunDemand } from './judge-machine.ts';
import { type MachineFacts, readMachineFacts } from './machine-facts.ts';

type RelevantInputs = Pick<
  Inputs,
  'resultsDir' | 'kindConfig' | 'image' | 'nodes' | 'preset' | 'nodeImage' | 'loadImages'
>;

/** Checks the machine for what a run with these inputs needs. */
export async function examineMachine(
  inputs: RelevantInputs,
  signal: AbortSignal,
): Promise<{ facts: MachineFacts; checks: Check[] }> {
  const facts = await readMachineFacts(inputs, signal);
  const { nodes, nodeImage } = inputs;
  return { facts, checks: judgeMachine(facts, { nodes, nodeImage, memoryBytes: inputs.preset.machineMemoryBytes }) };
}

/**
 * The phase `preflight`: checks the machine and reports each check.
 * @returns a failure of kind `cluster` that names every problem, or of kind `image` for one in `load-images` that does not
 * exist.
 */
export async function checkMachine(
  inputs: RelevantInputs,
  options: { signal: AbortSignal; say: (line: string) => void; warn: (text: string) => void },
): Promise<Result<MachineFacts>> {
  const { facts, checks } = await examineMachine(inputs, options.signal);
  describeChecks(checks, options);
  const machine = preflightResult(checks);
  if (!machine.ok) return machine;
  const local = new Set(await listLocalImages(inputs.loadImages, options.signal));
  const missing = inputs.loadImages.find((name) => !local.has(name));
  if (missing === undefined) return succeed(facts);
  return fail('image', `load-images names ${missing}, which the local docker does not have`, {
    hint: `Build it, or: docker pull ${missing}`,
  });
}

/**
 * Checks that what the pods ask for can be placed on this machine, before minutes are spent on a cluster for it.
 * @returns a failure of kind `schedule` with the numbers side by side.
 */
export function checkDemand(
  machine: MachineFacts,
  demand: RunDemand,
  options: { nodes: number; say: (line: string) => void; warn: (text: string) => void },
): Result<undefined> {
  const checks = judgeDemand(machine, demand, options.nodes);
  describeChecks(checks, options);
  return preflightResult(checks, 'schedule', 'the pods ask for more than this machine has');
}

/** A line for each check that passed, a warning for each possible problem; certain problems are reported by the failure. */
function describeChecks(checks: Check[], options: { say: (line: string) => void; warn: (text: string) => void }): void {
  for (const check of checks) {
    if (check.state === 'warning') options.warn(`${check.name}: ${check.found}, ${check.needed} wanted. ${check.fix}`);
    else if (check.state === 'ok') options.say(`${check.name}: ${check.found}`);
  }
}
