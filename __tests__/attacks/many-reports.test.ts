/** Sixty reports in place of one: a runner of foreign pull requests must not run out of memory. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect } from 'vitest';
import { testAttack } from './attempts.ts';

testAttack(
  'memory',
  'sixty reports take at most 1.5 times the memory that one of them takes, whatever is in them',
  async (attempt) => {
    // Each in a process of its own, from the files that tests wrote to the report; bench/README.md has those of 18 MB.
    const bench = path.join(import.meta.dirname, '../../bench/junit.ts');
    const { status, stdout, stderr } = spawnSync(process.execPath, [bench, '1', '60', '1'], { encoding: 'utf8' });
    const rows = stdout.split('\n').filter((line) => /^\| (?!reports of)[a-z]/.test(line));
    const ratios = rows.map((row) => [row, Number(row.split('|').at(-3))] as const);
    await attempt('all of them', () => {
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(rows).toHaveLength(10);
    });
    for (const [row, ratio] of ratios) await attempt(row, () => expect(ratio).toBeLessThanOrEqual(1.5));
  },
  // Twenty seconds of two cores that do nothing else.
  300_000,
);
