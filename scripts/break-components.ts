/**
 * Breaks each program of the full platform in turn, in the cluster of tier e2e that is kept for the example (make kind-up
 * TIER=e2e): removes it, then gives it a wrong configuration with which it is ready. Each time it runs all end-to-end tests
 * through `again` and brings the program back. Without it exactly the tests must be red that declare that they need it, and the
 * console and every report must name it; misconfigured, some of them and no others. Names of programs may be given. The results
 * of each run are in k8s-test-results/broken/<program>-<how>; exit status 1 when any result is not as expected.
 */
import { faults, mistakes } from './breaking/faults.ts';
import { bringBack, listWorkloads, waitForAnswer } from './breaking/kept-platform.ts';
import { runTests, type TestRun } from './breaking/test-run.ts';

const wanted = process.argv.slice(2);
const workloads = listWorkloads();
const names = workloads.map(({ metadata }) => metadata.name);
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) throw new Error(`no program ${unknown.join(', ')}; there are ${names.join(', ')}`);
const unbreakable = names.filter((name) => mistakes[name] === undefined);
if (unbreakable.length > 0) throw new Error(`nothing says what may be wrong of ${unbreakable.join(', ')}`);

const well = await runTests('none');
if (well.verdict.outcome !== 'passed')
  throw new Error(`with nothing broken: ${well.verdict.outcome}: ${well.verdict.failure?.reason}`);
process.stdout.write(`nothing broken: ${well.cases.size} tests in ${well.seconds.toFixed(0)} s\n`);

const table: string[] = [];
let asPromised = 0;
const trials = workloads
  .filter(({ metadata }) => wanted.length === 0 || wanted.includes(metadata.name))
  .flatMap((workload) => faults.map((fault) => ({ workload, fault })));
for (const { workload, fault } of trials) {
  const trial = `${workload.metadata.name}-${fault.how}`;
  let broken: TestRun;
  try {
    fault.apply(workload);
    broken = await runTests(trial);
  } finally {
    bringBack(workload, workloads);
    await waitForAnswer();
  }
  const problems = fault.judge(workload, well, broken);
  if (problems.length === 0) asPromised++;
  const red = [...broken.cases.values()].filter(({ status }) => status === 'red').length;
  const state = problems.length === 0 ? 'as promised' : 'NOT AS PROMISED';
  const row = `${trial.padEnd(32)} ${String(red).padStart(2)} of ${broken.cases.size} red  ${broken.seconds.toFixed(0).padStart(4)} s  ${state}`;
  const lines = [row, ...problems.map((line) => `    ${line}`)];
  table.push(...lines);
  process.stdout.write(`${lines.join('\n')}\n    ${broken.verdict.failure?.reason}\n`);
}

const after = await runTests('none-after');
const isHealed = after.verdict.outcome === 'passed';
table.push(`all brought back: ${after.verdict.failure?.reason ?? 'passed'}`);
process.stdout.write(`\n${table.join('\n')}\n${asPromised} of ${trials.length} faults as promised\n`);
process.exitCode = isHealed && asPromised === trials.length ? 0 : 1;
