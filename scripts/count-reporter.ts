/**
 * Closes a run of the tests: what took longest, every failure again (often only the end of a long output is kept), the table of
 * the attacks, what the tests ran on, whether the machine was out of memory, and as the last line the count,
 * `N passed, N failed`, with `, N skipped` when there are any.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';
import { sumAttacks } from '../__tests__/attacks/attempts.ts';
import { describeDocker } from '../__tests__/on-cluster/dockers.ts';

const slowestShown = 12;
const clusterProjects = ['cluster', 'exclusive', 'slow'];

/** Loaded by vitest.config.ts. Sets the exit status to 1 where the attacks are not held although no test failed. */
export default class CountReporter implements Reporter {
  readonly #startedAt = uptime();

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const lines = [
      ...listTimes(modules),
      ...modules.flatMap(listFailures),
      ...errors.map((error) => `\nFAILED outside of tests\n${error.message}`),
      ...listAttacks(modules),
      ...listMachines(modules),
      ...listMachineKills(this.#startedAt),
      countTests(tests),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}

/** The table of the attacks, and a line with what is wrong with them, which also makes the exit status 1. */
function listAttacks(modules: readonly TestModule[]): string[] {
  const attacks = modules.filter((module) => module.project.name === 'attacks');
  if (attacks.length === 0) return [];
  const tests = attacks.flatMap((module) => [...module.children.allTests()]);
  const tallies = tests.flatMap((test) => test.meta().attacks ?? []);
  const allFiles = readdirSync('__tests__/attacks').filter((file) => file.endsWith('.test.ts'));
  const isWhole = attacks.length === allFiles.length && tests.every((test) => test.result().state !== 'skipped');
  const { table, problem } = sumAttacks(tallies, isWhole);
  if (problem === undefined) return ['', table, ''];
  process.exitCode = 1;
  return ['', table, '', `The attacks: ${problem}.`];
}

function listTimes(modules: readonly TestModule[]): string[] {
  const projects = new Map<string, number>();
  const files = modules.map((module) => {
    const seconds = module.diagnostic().duration / 1000;
    projects.set(module.project.name, (projects.get(module.project.name) ?? 0) + seconds);
    return { name: module.relativeModuleId, seconds };
  });
  const slowest = files.sort((a, b) => b.seconds - a.seconds).slice(0, slowestShown);
  const line = ({ name, seconds }: { name: string; seconds: number }) => `${seconds.toFixed(0).padStart(6)} s  ${name}`;
  const sums = [...projects].map(([name, seconds]) => line({ name: `all files of ${name}`, seconds }));
  return ['', ...sums, ...slowest.map(line)];
}

function listFailures(module: TestModule): string[] {
  const describe = (name: string, messages: readonly { message: string; stack?: string }[]) =>
    `\nFAILED ${name}\n${messages
      .map((error) => error.stack ?? error.message)
      .join('\n')
      .slice(0, 2000)}`;
  const failed = [...module.children.allTests('failed')].map((test) =>
    describe(`${module.relativeModuleId} > ${test.fullName}`, test.result().errors ?? []),
  );
  const errors = module.errors();
  return errors.length === 0 ? failed : [...failed, describe(module.relativeModuleId, errors)];
}

function listMachines(modules: readonly TestModule[]): string[] {
  const hasClusters = modules.some((module) => clusterProjects.includes(module.project.name));
  const own = hasClusters ? [`clusters: ${describeDocker(process.env)}`] : [];
  const file = process.env.FLOE_TEST_MACHINES;
  const others = file !== undefined && existsSync(file) ? new Set(readFileSync(file, 'utf8').trim().split('\n')) : [];
  return [...own, ...others].map((line) => `ran on: ${line}`);
}

/**
 * What the kernel killed because the machine itself was out of memory: containers of the tests, first of all, which then fail
 * for no fault of theirs. Empty where the kernel's log may not be read.
 * @param since in seconds after the machine's start.
 */
function listMachineKills(since: number): string[] {
  const { stdout } = spawnSync('dmesg', { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  // Undefined where there is no such program.
  const kills = (stdout ?? '').matchAll(/^\[ *([\d.]+)\] oom-kill:constraint=(?!CONSTRAINT_MEMCG).*,task=(.*?),pid=/gm);
  const names = [...kills].filter(([, at]) => Number(at) >= since).map(([, , task]) => task);
  return names.length === 0 ? [] : [`the machine was out of memory, and its kernel killed ${names.join(', ')}`];
}

function countTests(tests: readonly TestCase[]): string {
  const count = (state: string) => tests.filter((test) => test.result().state === state).length;
  // A test that a broken run never reached is no pass.
  const failed = count('failed') + count('pending');
  const skipped = count('skipped');
  return `${count('passed')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
