/** The environment of the programs that we start: what they need, and nothing by which they could act in our name. */

/**
 * Variables that the runner gives to an action and not to a `run:` step: the token of the job's artifacts and caches, and where
 * they are. A program with these could upload an artifact as this job, or write the caches of the repository.
 */
const servicesOfRunner = /^ACTIONS_(RUNTIME_|CACHE_|RESULTS_URL$)/;

/**
 * Files by which this step, and nothing that it starts, gives the runner its outputs, its state, and what later steps get. A
 * test that writes them would forge the output `outcome`, or change the environment of the later steps.
 */
const filesOfStep: ReadonlySet<string> = new Set([
  'GITHUB_ENV',
  'GITHUB_OUTPUT',
  'GITHUB_PATH',
  'GITHUB_STATE',
  'GITHUB_STEP_SUMMARY',
]);

/** What the runner makes of `with:` (secrets included) and of the state of a step. */
const inputsOfAction = /^(INPUT|STATE)_/;

/** By these a job proves to a cloud who it is: https://docs.github.com/en/actions/concepts/security/openid-connect */
const identityOfJob = /^ACTIONS_ID_TOKEN_/;

/**
 * Whether only this action itself needs a variable, and no program that it starts.
 * @param env the environment that holds it: outside of GitHub Actions, `INPUT_` and `STATE_` are the user's own names.
 */
export function isOfActionAlone(name: string, env: NodeJS.ProcessEnv): boolean {
  if (servicesOfRunner.test(name) || filesOfStep.has(name)) return true;
  return env.GITHUB_ACTIONS === 'true' && inputsOfAction.test(name);
}

/** Who a program works for: `tool` for us (docker, helm, a credential plugin), `tests` for the user's tests. */
export type Purpose = 'tool' | 'tests';

/**
 * The whole environment of a program that we start. Every `spawn` in src/ takes it from here.
 *
 * A tool keeps the identity of the job, as in a `run:` step: a credential plugin uses it with a cloud. Tests do not get it.
 * @param added variables of the call, which win over all of ours; undefined removes one.
 */
export function makeChildEnvironment(
  added: Record<string, string | undefined> = {},
  purpose: Purpose = 'tool',
  own: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const isWithheld = (name: string) => isOfActionAlone(name, own) || (purpose === 'tests' && identityOfJob.test(name));
  const kept = Object.entries(own).filter(([name]) => !isWithheld(name));
  return { ...Object.fromEntries(kept), ...added };
}
