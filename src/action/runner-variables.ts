/**
 * The variables by which the runner lets this action, and nothing else, act on GitHub. They are removed from our own
 * environment when the step begins, and are back only while GitHub's own packages read them.
 */
import { isOfActionAlone } from '../tools/child-environment.ts';

/** GitHub's packages read these wherever they are called; they name files, and hold no secret. */
const stays: ReadonlySet<string> = new Set(['GITHUB_OUTPUT', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY']);

const withheld: Record<string, string> = {};

/**
 * Removes them from `process.env`. Call it first. Removed variables are still in `/proc/<pid>/environ`, which shows how a
 * process was started, for every process of the same user.
 * @returns the environment as it was, for the one who reads the inputs.
 */
export function withholdRunnerVariables(): NodeJS.ProcessEnv {
  const whole = { ...process.env };
  const inAction = { GITHUB_ACTIONS: 'true' };
  for (const [name, value] of Object.entries(whole)) {
    if (value === undefined || stays.has(name) || !isOfActionAlone(name, inAction)) continue;
    withheld[name] = value;
    delete process.env[name];
  }
  return whole;
}

/** Puts them back into `process.env` for as long as `use` takes. Calls must not overlap. */
export async function lendRunnerVariables<T>(use: () => Promise<T> | T): Promise<T> {
  const lent = Object.entries(withheld);
  for (const [name, value] of lent) process.env[name] = value;
  try {
    return await use();
  } finally {
    for (const [name] of lent) delete process.env[name];
  }
}
