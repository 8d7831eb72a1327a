/** The results of the checks: each guarantee once, printed when its result is known and again at the end. */
import { setTimeout as delay } from 'node:timers/promises';

const started = performance.now();
const held: string[] = [];
const broken: string[] = [];

/** Prints a line with the seconds since the start before it. */
export function say(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4);
  process.stdout.write(`${seconds} s  ${line}\n`);
}

/**
 * Records whether a guarantee holds: the check is repeated until it finds no problem, or the time is over.
 * @param seconds how long it may take to hold; 0 for what has to hold at once.
 */
export async function judge(
  promise: string,
  findProblems: () => string[] | Promise<string[]>,
  seconds = 0,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  let problems = await findProblems();
  while (problems.length > 0 && performance.now() < deadline) {
    await delay(1000);
    problems = await findProblems();
  }
  (problems.length === 0 ? held : broken).push(promise);
  say(`${problems.length === 0 ? 'so    ' : 'NOT SO'} ${promise}`);
  for (const problem of problems) say(`           ${problem}`);
}

/** Prints every guarantee and the count. @returns whether there are any and all hold. */
export function tellAll(): boolean {
  for (const promise of held) process.stdout.write(`  so      ${promise}\n`);
  for (const promise of broken) process.stdout.write(`  NOT SO  ${promise}\n`);
  process.stdout.write(`${held.length} passed, ${broken.length} failed\n`);
  return held.length > 0 && broken.length === 0;
}
