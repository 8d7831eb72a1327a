/**
 * Measures how long the action takes from the start of Node to its first line, in milliseconds, alternating with a Node that
 * runs nothing, and the size of dist/:
 *
 *     node bench/start.ts [rounds]     20, unless it is given
 *
 * The main step has valid inputs and a docker that is not there, so it ends by itself after its first lines; the post step has
 * nothing to remove. The programs of the cluster are not measured: both lines come before any of them starts.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { must } from '../src/core/must.ts';
import { medianOf } from '../src/history/median.ts';

const root = path.resolve(import.meta.dirname, '..');
const rounds = Number(process.argv[2] ?? 20);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`rounds: "${process.argv[2]}" is no whole number above 0`);
const directory = mkdtempSync(path.join(tmpdir(), 'bench-start-'));
const empty = path.join(directory, 'empty.mjs');
writeFileSync(empty, 'console.log("started")\n');
const inputs = { INPUT_IMAGE: 'none:dev', 'INPUT_RESULTS-DIR': 'results', DOCKER_HOST: `unix://${directory}/no.sock` };
const programs = {
  'node alone': empty,
  'main step': path.join(root, 'dist/action.js'),
  'post step': path.join(root, 'dist/cleanup.js'),
};
const names = Object.keys(programs) as (keyof typeof programs)[];
const measured = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
  (typeof names)[number],
  number[]
>;
try {
  for (let round = 0; round < rounds; round++)
    for (const name of names) measured[name].push(await firstLine(programs[name]));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
const base = must(medianOf(measured['node alone']), 'a round');
console.log('| to the first line | median | fastest | slowest | without Node itself |\n|---|--:|--:|--:|--:|');
for (const name of names) {
  const all = measured[name];
  const middle = must(medianOf(all), 'a round');
  const cells = [middle, Math.min(...all), Math.max(...all), middle - base].map((value) => `${Math.round(value)} ms`);
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}
const bytes = readdirSync(path.join(root, 'dist'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
console.log(`\n${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}; dist/ has ${(bytes / 1024 / 1024).toFixed(2)} MiB`);

/** Milliseconds from the start of a program to the first that it prints. */
async function firstLine(program: string): Promise<number> {
  const env = {
    PATH: process.env.PATH,
    HOME: directory,
    RUNNER_TEMP: directory,
    GITHUB_WORKSPACE: directory,
    ...inputs,
  };
  const start = performance.now();
  const child = spawn(process.execPath, [program], { cwd: directory, env, stdio: ['ignore', 'pipe', 'ignore'] });
  let first: number | undefined;
  child.stdout.on('data', () => {
    first ??= performance.now() - start;
  });
  await new Promise((resolve) => child.once('close', resolve));
  if (first === undefined) throw new Error(`${program} printed nothing`);
  return first;
}
