/** What was looked at, and how it was: each promise once, told when it is known and again in the end. */
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
 * Notes whether a promise is kept: what speaks against it is asked for until nothing does, or the time is over.
 * @param seconds how long it may take to come true; 0 for what has to be so at once.
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

/** Prints every promise and the count. @returns whether there are any and all are kept. */
export function tellAll(): boolean {
  for (const promise of held) process.stdout.write(`  so      ${promise}\n`);
  for (const promise of broken) process.stdout.write(`  NOT SO  ${promise}\n`);
  process.stdout.write(`${held.length} passed, ${broken.length} failed\n`);
  return held.length > 0 && broken.length === 0;
}
