/**
 * Runs the tests (quick, attacks, vm and cluster, or the part that is named: one of these, or runner) and closes with their count:
 * `N passed, N failed`, and `, N skipped` when there are any. No test at all is a failure. The attacks have a table of
 * their own before it. What follows the part selects files of it: `attacks yaml`; of runner, image stores and files:
 * `runner classic main-job`.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type AttackTally, sumAttacks } from '../__tests__/attacks/attempts.ts';
import { describeDocker, type ImageStore, imageStores, isLab } from '../__tests__/cluster/dockers.ts';
import { makeSharedCluster } from '../__tests__/cluster/global-setup.ts';
import { messageOf } from '../src/core/outcome.ts';
import { runnerFiles, startRunner } from './run-as-runner.ts';

interface Counts {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  testResults: {
    name: string;
    startTime: number;
    endTime: number;
    status: string;
    message: string;
    assertionResults: {
      fullName: string;
      status: string;
      failureMessages: string[];
      meta: { attacks?: AttackTally };
    }[];
  }[];
}

// Whatever tests leave among temporary files, those whose programs are killed on purpose above all, goes with it.
const directory = mkdtempSync(path.join(tmpdir(), 'tests-'));
const temporary = mkdtempSync(path.join(directory, 't-'));
// Tests that run as a user who is not root make directories of that user's in it.
for (const made of [directory, temporary]) chmodSync(made, 0o711);
process.env.TMPDIR = temporary;
const machinesFile = path.join(directory, 'machines');
process.env.FLOE_TEST_MACHINES = machinesFile;
const totals = { passed: 0, failed: 0, skipped: 0 };
const files: { name: string; seconds: number }[] = [];
const failures: string[] = [];
let isGreen = true;
// Ctrl-C ends vitest, which has it from the terminal too; what was made here is then removed, and the count told.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});

const [part, ...selected] = process.argv.slice(2);
const tallies: AttackTally[] = [];
const runs = (name: string): boolean => part === undefined || part === name;
// One part after the other: clusters take the whole machine, and tests of time limits beside them would only wait.
if (runs('quick')) await runVitest('quick', selected);
if (runs('attacks')) await runVitest('attacks', selected);
// The lab's machines have the guest's files.
if (part === 'vm' || (runs('vm') && isLab)) await runVitest('vm', selected);
if (runs('cluster'))
  await runClusterTests().catch((error: unknown) => {
    process.stderr.write(`the shared cluster: ${messageOf(error)}\n`);
    totals.failed++;
    isGreen = false;
  });
const runnerDockers: string[] = [];
if (part === 'runner') await runRunnerTests();

const otherMachines = existsSync(machinesFile) ? new Set(readFileSync(machinesFile, 'utf8').trim().split('\n')) : [];
rmSync(directory, { recursive: true });
const slowest = files.sort((a, b) => b.seconds - a.seconds).slice(0, 12);
for (const { name, seconds } of slowest) process.stdout.write(`${seconds.toFixed(0).padStart(6)} s  ${name}\n`);
// Once more at the very end: of a long output often the end alone is kept.
for (const failure of failures) process.stdout.write(`\nFAILED ${failure}\n`);
if (runs('attacks')) {
  const { table, problem } = sumAttacks(tallies, selected.length === 0);
  process.stdout.write(`\n${table}\n${problem === undefined ? '' : `The attacks: ${problem}.\n`}\n`);
  isGreen &&= problem === undefined;
}
for (const line of listMachines()) process.stdout.write(`ran on: ${line}\n`);
const { passed, failed, skipped } = totals;
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = isGreen ? 0 : 1;

/** What tests ran on, a line for each docker, and for the guest. */
function listMachines(): string[] {
  const own = runs('cluster') ? [`clusters: ${describeDocker(process.env)}`] : [];
  return [...own, ...otherMachines, ...runnerDockers];
}

/** As GitHub's runner, with one image store after the other. */
async function runRunnerTests(): Promise<void> {
  const isStore = (word: string): word is ImageStore => imageStores.some((store) => store === word);
  const words = selected.filter((word) => !isStore(word));
  const stores = selected.filter(isStore);
  const isWanted = (file: string) =>
    words.length === 0 || words.some((word) => path.basename(file) === `${word}.test.ts`);
  const wanted = runnerFiles.filter(isWanted);
  for (const store of stores.length === 0 ? imageStores : stores) {
    const runner = startRunner(store);
    try {
      runnerDockers.push(`runner: ${runner.description}`);
      const place = { prefix: runner.prefix({ COLUMNS: '160' }), directory: runner.checkout };
      if (wanted.length > 0) await runVitest('cluster', wanted, {}, place);
      const own = listTests('__tests__/runner').filter(isWanted);
      if (own.length > 0) await runVitest('runner', own, {}, place);
    } finally {
      runner.stop();
    }
  }
}

/**
 * On one shared cluster, whose tests mostly wait and so run two files at once; then, one after another, those that need the
 * machine for themselves, since they make clusters of their own, look at all that the machine has, or say so.
 */
async function runClusterTests(): Promise<void> {
  const { cluster, remove } = await makeSharedCluster();
  try {
    const described = path.join(directory, 'cluster.json');
    writeFileSync(described, JSON.stringify(cluster));
    const all = listTests('__tests__/cluster');
    const needsMachine = (file: string) =>
      /(command-line|action-step)\.ts'|makeSharedCluster|\/\/ Needs the machine for itself/.test(
        readFileSync(file, 'utf8'),
      );
    const env = { FLOE_TEST_CLUSTER: described };
    await runVitest(
      'cluster',
      all.filter((file) => !needsMachine(file)),
      { ...env, FLOE_TEST_WORKERS: '2' },
    );
    await runVitest('cluster', all.filter(needsMachine), env);
  } finally {
    await remove();
  }
}

function listTests(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.test.ts'));
  return names.map((name) => path.join(folder, name));
}

/** @param place where it runs instead of here: what starts it there, and a directory that both sides see. */
async function runVitest(
  project: string,
  filter: string[],
  env: Record<string, string> = {},
  place?: { prefix: string[]; directory: string },
): Promise<void> {
  const outputFile = path.join(place?.directory ?? directory, 'count.json');
  rmSync(outputFile, { force: true });
  const args = ['run', '--project', project, '--reporter=default', '--reporter=json'];
  args.push(`--outputFile.json=${place === undefined ? outputFile : 'count.json'}`, ...filter);
  const [program = '', ...before] = [...(place?.prefix ?? []), path.join('node_modules', '.bin', 'vitest')];
  const vitest = spawn(program, [...before, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  const exitStatus = await new Promise<number | null>((resolve, reject) => {
    vitest.once('error', reject);
    vitest.once('close', resolve);
  });
  const counts = readCounts(outputFile);
  totals.passed += counts.numPassedTests;
  totals.failed += counts.numFailedTests;
  totals.skipped += counts.numPendingTests;
  for (const { name, startTime, endTime, status, message, assertionResults } of counts.testResults) {
    const file = path.relative(place === undefined ? '.' : '/home/runner/work/checkout', name);
    tallies.push(...assertionResults.flatMap(({ meta }) => meta.attacks ?? []));
    files.push({ name: file, seconds: (endTime - startTime) / 1000 });
    const failedTests = assertionResults.filter((test) => test.status === 'failed');
    for (const test of failedTests)
      failures.push(`${file} > ${test.fullName}\n${test.failureMessages.join('\n').slice(0, 2000)}`);
    if (status === 'failed' && failedTests.length === 0) failures.push(`${file}\n${message.slice(0, 2000)}`);
  }
  isGreen &&= exitStatus === 0 && counts.numPassedTests > 0 && counts.numFailedTests === 0;
}

function readCounts(file: string): Counts {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Counts;
  } catch (error) {
    process.stderr.write(`the tests left no count: ${messageOf(error)}\n`);
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, testResults: [] };
  }
}
