import type { Verdict } from '../core/outcome.ts';
import { inputNames, type RawInputs } from '../inputs/schema.ts';
import type { LegOfMatrix } from '../inputs/value-syntax.ts';

/**
 * The inputs of `with:`, as the runner puts them into the environment: `INPUT_` and the name in capitals, with every
 * space as `_`. Empty ones count as not given. A name that is no input of ours is passed on, to be refused by name: the
 * runner itself only warns of it.
 */
export function readActionInputs(env: NodeJS.ProcessEnv): RawInputs {
  const known = new Map<string, string>(inputNames.map((name) => [name.toUpperCase(), name]));
  const given: RawInputs = {};
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('INPUT_') || value === undefined || value.trim() === '') continue;
    const name = variable.slice('INPUT_'.length);
    given[known.get(name) ?? name.toLowerCase()] = value;
  }
  return given;
}

/** The job that this step is part of, by which the roll-up distinguishes matrix jobs and attempts. */
export function describeLeg(
  leg: LegOfMatrix | undefined,
  name: string,
  env: NodeJS.ProcessEnv,
): NonNullable<Verdict['leg']> {
  return {
    job: env.GITHUB_JOB ?? '',
    attempt: readRunAttempt(env) ?? 1,
    matrix: leg?.matrix ?? '',
    legs: leg?.legs ?? 1,
    ...(name === '' ? {} : { name }),
    // The only thing that distinguishes several steps of one kind in a job.
    ...(env.GITHUB_ACTION === undefined ? {} : { step: env.GITHUB_ACTION }),
  };
}

/** The attempt of the workflow run, from 1; undefined outside of one. */
export function readRunAttempt(env: NodeJS.ProcessEnv): number | undefined {
  const attempt = Number(env.GITHUB_RUN_ATTEMPT);
  return Number.isSafeInteger(attempt) && attempt >= 1 ? attempt : undefined;
}
