import type { Check } from '../cluster/preflight.ts';

/** The table that `doctor` shows: a line for each check, and under it how to mend what is not well. */
export function renderChecks(checks: Check[], tier: string): string[] {
  const sign = { ok: '✓', warning: '!', problem: '✗' };
  const width = Math.max(...checks.map((check) => check.name.length));
  const lines = checks.flatMap((check) => {
    const line = `${sign[check.state]} ${check.name.padEnd(width)}  ${check.found}  (needed: ${check.needed})`;
    return check.mend === '' ? [line] : [line, `  ${' '.repeat(width)}  → ${check.mend}`];
  });
  const problems = checks.filter((check) => check.state === 'problem').length;
  const warnings = checks.filter((check) => check.state === 'warning').length;
  const last =
    problems > 0
      ? `tier ${tier} cannot run here: ${problems} to mend`
      : `tier ${tier} can run here${warnings > 0 ? `, with ${warnings} warnings` : ''}`;
  return [...lines, '', last];
}
