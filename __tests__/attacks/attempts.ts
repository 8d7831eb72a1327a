/**
 * Attacks are counted by kind. An attempt is one call of a function of ours with hostile input and an assertion of its
 * outcome; it is held when it neither throws nor ends without an assertion. `scripts/count-reporter.ts` prints the sums.
 */
import { expect, test } from 'vitest';

/** What the sums are made of: travels as `meta` of a test into the JSON that vitest reports. */
export interface AttackTally {
  kind: string;
  attempts: number;
  held: number;
}

declare module 'vitest' {
  interface TaskMeta {
    attacks?: AttackTally;
  }
}

/** Makes one attempt. `check` calls the function and asserts the outcome with `expect`. Await it where `check` is async. */
export type Attempt = (name: string, check: () => void | Promise<void>) => Promise<void>;

const countAssertions = (): number => expect.getState().assertionCalls;

/** Of the attempts that were not held, how many the failed test shows. */
const shownFailures = 40;

/**
 * A test of one kind of attack. A successful attempt does not end the test: all attempts are made, and the test then fails with
 * those that succeeded. `promise` is the guarantee that the attempts try to break. Give `timeoutMs` to a body that takes more
 * than two minutes.
 */
export function testAttack(
  kind: string,
  promise: string,
  body: (attempt: Attempt) => void | Promise<void>,
  timeoutMs?: number,
): void {
  test(
    `${kind}: ${promise}`,
    async ({ task }) => {
      const tally: AttackTally = { kind, attempts: 0, held: 0 };
      task.meta.attacks = tally;
      const open: Promise<void>[] = [];
      const notHeld: string[] = [];
      const attempt = async (name: string, check: () => void | Promise<void>): Promise<void> => {
        tally.attempts++;
        const before = countAssertions();
        try {
          await check();
          if (countAssertions() === before) throw new Error('the attempt asserts nothing');
          tally.held++;
        } catch (error) {
          notHeld.push(`${name}: ${error instanceof Error ? error.message : String(error)}`.slice(0, 1000));
        }
      };
      // Attempts that the body does not wait for count as well.
      await body((name, check) => {
        const made = attempt(name, check);
        open.push(made);
        return made;
      });
      await Promise.all(open);
      const shown = notHeld.slice(0, shownFailures).join('\n');
      if (notHeld.length > 0)
        throw new Error(`${notHeld.length} of ${tally.attempts} attempts are not held:\n${shown}`);
      expect(tally.attempts, 'the test makes no attempt').toBeGreaterThan(0);
    },
    timeoutMs,
  );
}

/** What all kinds together must make; fewer means that attempts were lost. */
export const leastAttempts = 8000;

/**
 * The table of all kinds, and whether the suite is green: every attempt held, and at least `leastAttempts` of them when
 * all kinds ran (`isWhole`).
 */
export function sumAttacks(
  tallies: readonly AttackTally[],
  isWhole: boolean,
): { table: string; total: AttackTally; problem: string | undefined } {
  const kinds = new Map<string, AttackTally>();
  const total: AttackTally = { kind: 'total', attempts: 0, held: 0 };
  for (const { kind, attempts, held } of tallies) {
    const sum = kinds.get(kind) ?? { kind, attempts: 0, held: 0 };
    kinds.set(kind, sum);
    for (const part of [sum, total]) {
      part.attempts += attempts;
      part.held += held;
    }
  }
  const rows = [...kinds.values()].sort((a, b) => a.kind.localeCompare(b.kind));
  const width = Math.max(...[...rows, total].map((row) => row.kind.length), 'kind'.length);
  const line = (kind: string, attempts: string | number, held: string | number): string =>
    `${kind.padEnd(width)} | ${String(attempts).padStart(8)} | ${String(held).padStart(8)}`;
  const table = [
    line('kind', 'attempts', 'held'),
    ...[...rows, total].map((row) => line(row.kind, row.attempts, row.held)),
  ];
  return { table: table.join('\n'), total, problem: findProblem(total, isWhole) };
}

function findProblem({ attempts, held }: AttackTally, isWhole: boolean): string | undefined {
  if (held < attempts) return `${attempts - held} of ${attempts} attempts are not held`;
  if (isWhole && attempts < leastAttempts) return `${attempts} attempts are fewer than ${leastAttempts}`;
  return undefined;
}
