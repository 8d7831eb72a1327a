import type { Check } from '../cluster/judge-machine.ts';
import { foldText } from './fold-text.ts';

const defaultColumns = 80;

/**
 * The table that `doctor` shows: a line for each passed check; below each failed one its requirement and the fix. No line is
 * longer than `columns`, except for a single longer word.
 */
export function renderChecks(checks: Check[], tier: string, columns = defaultColumns): string[] {
  const sign = { ok: '✓', warning: '!', problem: '✗' };
  const width = Math.max(...checks.map((check) => check.name.length));
  const indent = ' '.repeat(width + 4);
  const lines = checks.flatMap((check) => {
    const cells =
      check.state === 'ok'
        ? [check.found]
        : [check.found, check.needed && `needed: ${check.needed}`, check.fix && `→ ${check.fix}`];
    const wrapped = cells.filter(Boolean).flatMap((cell) => foldText(cell, columns - indent.length, '', '  '));
    return wrapped.map((line, i) =>
      i === 0 ? `${sign[check.state]} ${check.name.padEnd(width)}  ${line}` : `${indent}${line}`,
    );
  });
  const problems = checks.filter((check) => check.state === 'problem').length;
  const warnings = checks.filter((check) => check.state === 'warning').length;
  const suffix = warnings === 0 ? '' : `, with ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`;
  const last =
    problems > 0 ? `tier ${tier} cannot run here: ${problems} to fix${suffix}` : `tier ${tier} can run here${suffix}`;
  return [...lines, '', last];
}
