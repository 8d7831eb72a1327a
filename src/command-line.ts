/** What the command line can be told: `run`, `report`, `doctor`, `down`. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { abortOnSignals, beginRun, bundledChart, findWorkDir, keepIfAsked, recordDirectory } from './begin-run.ts';
import { examine } from './examine.ts';
import { type Inputs, inputDocs, inputNames, type RawInputs, readInputs, renderInputErrors } from './inputs.ts';
import { exitStatusOf, succeed } from './outcome.ts';
import { addTeardown, runTests } from './pipeline.ts';
import { renderTerminal } from './report/terminal.ts';
import { rollUp } from './roll-up.ts';
import { closeDiary, readDiary } from './run/diary.ts';
import type { RunEnd } from './run/run.ts';
import { RunRecord } from './state.ts';
import { tearDown } from './teardown.ts';
import { renderChecks } from './terminal/render-checks.ts';
import { TerminalDoor, wantsColour } from './terminal/terminal-door.ts';

const usage = `k8s-test: runs tests inside Kubernetes and brings home results nobody has to doubt.

  run      the whole pipeline: cluster, platform, tests, results, teardown
  report   all results below k8s-test-results/ (or --legs) as one summary, junit.xml and report.html
  doctor   what this machine has, and what it lacks
  down     removes what kept or interrupted runs left behind

Every input of the action is a flag, as in: run --tier integration --image floe-test-runner:dev
A flag that takes lines may be given several times.

${inputNames.map((name) => `  --${name.padEnd(18)} ${inputDocs[name].description}`).join('\n')}`;

/** Exit status. */
const wrongInput = 3;

/** Runs one command and returns its exit status. */
export async function runCommand(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  if (command === 'run') return run(rest);
  if (command === 'report') return report(rest);
  if (command === 'doctor') return doctor(rest);
  if (command === 'down' && rest.length === 0) return down();
  const isHelp = command === undefined || ['help', '--help', '-h'].includes(command);
  (isHelp ? process.stdout : process.stderr).write(isHelp ? `${usage}\n` : `unknown: ${args.join(' ')}\n\n${usage}\n`);
  return isHelp && command !== undefined ? 0 : wrongInput;
}

async function run(args: string[]): Promise<number> {
  const inputs = readArguments(args);
  if (inputs === undefined) return wrongInput;
  if (inputs.mode === 'report') return report(args);
  const door = new TerminalDoor(process.stdout, process.env);
  const signal = abortOnSignals(() => {
    process.stderr.write('\nended at once; what is left behind is removed by: node dist/cli.js down\n');
    process.exit(130);
  });
  signal.addEventListener('abort', () =>
    door.say(`${signal.reason}: bringing home what there is, then removing the cluster; once more to leave at once`),
  );
  const { record, workDir } = beginRun(process.env);
  const end = await runTests({ inputs, door, signal, record, workDir }).catch(async (bug: unknown) => {
    await tearDown(record, AbortSignal.timeout(240_000), (line) => door.say(line));
    throw bug;
  });
  closeDiary(workDir);
  if (!keepIfAsked(inputs.keep, end, record, (line) => door.say(line))) await addTeardown(end, record, door);
  return showEnd(end);
}

async function report(args: string[]): Promise<number> {
  const inputs = readArguments(args, { mode: 'report' });
  if (inputs === undefined) return wrongInput;
  const legsDir = succeed(inputs.legsDir ?? path.resolve('k8s-test-results'));
  const say = (line: string) => process.stdout.write(`${line}\n`);
  return showEnd(await rollUp({ inputs, legsDir, say, signal: abortOnSignals() }));
}

function showEnd(end: RunEnd): number {
  const colour = wantsColour(process.stdout, process.env);
  const lines = renderTerminal(end.report, { colour, cwd: process.cwd() });
  process.stdout.write(`\n${lines.join('\n')}\n`);
  return exitStatusOf(end.verdict);
}

async function doctor(args: string[]): Promise<number> {
  const inputs = readArguments(args);
  if (inputs === undefined) return wrongInput;
  const checks = await examine(inputs, abortOnSignals());
  process.stdout.write(`${renderChecks(checks, inputs.tier, process.stdout.columns).join('\n')}\n`);
  return checks.some((check) => check.state === 'problem') ? 2 : 0;
}

async function down(): Promise<number> {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const records = RunRecord.list(recordDirectory(process.env));
  const [alive, over] = [records.filter((record) => record.isAlive), records.filter((record) => !record.isAlive)];
  for (const record of alive)
    say(`run ${record.content.runId} is still going on (process ${record.content.pid}); it removes its own`);
  const signal = abortOnSignals();
  let status = 0;
  for (const record of over) {
    const workDir = findWorkDir(record);
    const diary = workDir === undefined ? undefined : readDiary(workDir);
    const troubles = await tearDown(record, signal, say);
    for (const trouble of troubles) process.stderr.write(`not removed: ${trouble}\n`);
    if (troubles.length > 0) status = 2;
    else say(`run ${record.content.runId} of ${record.content.startedAt}: nothing of it is left`);
    if (diary !== undefined && record.content.kept === undefined)
      say(`  it was killed before it could say how it ended; what there was lies in ${diary.inputs.resultsDir}`);
  }
  if (over.length === 0) say('nothing to remove');
  return status;
}

/** The inputs that the flags amount to; undefined when something is wrong with them, which is then told whole. */
function readArguments(args: string[], implied: RawInputs = {}): Inputs | undefined {
  const { given, problems } = readFlags(args);
  const read = readInputs({ given: { ...given, ...implied }, directory: process.cwd(), bundledChart: bundledChart() });
  const errors = [...problems, ...renderInputErrors(read.errors ?? [])];
  if (errors.length === 0) return read.inputs;
  process.stderr.write(`wrong input, nothing was made:\n${errors.map((error) => `  ${error}`).join('\n')}\n`);
  return undefined;
}

function isInput(name: string): boolean {
  return (inputNames as string[]).includes(name);
}

/** The flags as inputs: repeated ones become lines. Unknown ones are passed on, to be refused by name with the rest. */
function readFlags(args: string[]): { given: RawInputs; problems: string[] } {
  const options = Object.fromEntries(inputNames.map((name) => [name, { type: 'string', multiple: true } as const]));
  const { tokens } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });
  const given: RawInputs = {};
  const problems: string[] = [];
  for (const [i, token] of tokens.entries()) {
    if (token.kind === 'option') {
      const next = tokens[i + 1];
      // What follows an unknown flag is its value, as far as anybody can know.
      const value = isInput(token.name) || next?.kind !== 'positional' ? token.value : next.value;
      if (value === undefined && isInput(token.name)) problems.push(`${token.rawName}: needs a value`);
      else given[token.name] = [given[token.name], value ?? ''].filter((line) => line !== undefined).join('\n');
    } else if (token.kind === 'positional') {
      const before = tokens[i - 1];
      if (before?.kind !== 'option' || isInput(before.name) || before.value !== undefined)
        problems.push(`${JSON.stringify(token.value)} is not a flag; flags begin with --`);
    }
  }
  return { given, problems };
}
