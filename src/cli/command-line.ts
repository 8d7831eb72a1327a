/** The commands of the command line: `init`, `run`, `up`, `rerun`, `report`, `history`, `doctor`, `down` and `completion`. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import leven from 'leven';
import manifest from '../../package.json' with { type: 'json' };
import { nameCommand } from '../core/name-command.ts';
import { type Failure, succeed } from '../core/outcome.ts';
import { quoteValue } from '../core/quote-value.ts';
import { explainPath, explainUnwritable } from '../inputs/inspect-path.ts';
import { type Inputs, readInputs } from '../inputs/read-inputs.ts';
import { inputNames, type RawInputs, renderInputErrors } from '../inputs/schema.ts';
import {
  abortOnSignals,
  type BegunRun,
  beginRun,
  bundledChart,
  findWorkDir,
  keepIfAsked,
  recordDirectory,
  sayKept,
} from '../pipeline/begin-run.ts';
import { clearCheckpoint, readCheckpoint } from '../pipeline/checkpoint.ts';
import { addTeardown, runTests } from '../pipeline/pipeline.ts';
import { removeLeftovers } from '../pipeline/remove-leftovers.ts';
import type { RunOptions, RunRequest } from '../pipeline/run.ts';
import { tearDown } from '../pipeline/teardown.ts';
import { toPlainLine } from '../report/inert-text.ts';
import type { RunEnd } from '../results/run-end.ts';
import { rollUp } from '../roll-up/roll-up.ts';
import { findJobProcess } from '../state/is-alive.ts';
import { compareShape, describeShape, explainNotFound, findKept, type KeptCluster } from '../state/kept-cluster.ts';
import { RunRecord } from '../state/run-record.ts';
import { isShell, renderCompletion } from './completion.ts';
import { examine } from './doctor.ts';
import { columnsOf } from './fold-text.ts';
import { type CommandName, commandDocs, renderCommandHelp, renderHelp, shells, takesJson } from './help.ts';
import { initialize } from './init.ts';
import { type Removal, Screen } from './screen.ts';
import { describeHistory, readRuns } from './show-history.ts';
import { TerminalReporter } from './terminal-reporter.ts';

/** Exit status of a command whose input is wrong. */
const wrongInput = 3;

/** Runs one command and returns its exit status. */
export async function runCommand(args: string[]): Promise<number> {
  const [word, ...rest] = args;
  // The name that `rerun` had first.
  const name = word === 'again' ? 'rerun' : word;
  if (name === '--version' || name === '-v') return show(manifest.version);
  if (name === 'help' && rest.length === 1) return runCommand([...rest, '--help']);
  if (name === '--help' || name === '-h' || name === 'help') return show(renderHelp(columnsOf(process.stdout)));
  if (name === undefined) return complain(renderHelp(columnsOf(process.stderr)));
  if (!isCommand(name)) return complain(describeUnknown(name));
  // The arguments after `--` are those of the test command.
  const end = rest.includes('--') ? rest.indexOf('--') : rest.length;
  const own = rest.slice(0, end);
  if (own.includes('--help') || own.includes('-h')) return show(renderCommandHelp(name, columnsOf(process.stdout)));
  const screen = new Screen(takesJson(name) && own.includes('--json'));
  const given = [...(screen.isJson ? own.filter((one) => one !== '--json') : own), ...rest.slice(end)];
  if ((name === 'down' || name === 'init') && given.length > 0)
    return refuse(screen, `${name} takes no arguments: ${given.join(' ')}`);
  return { init, run, up, rerun, report, history, doctor, down, completion }[name](given, screen);
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(commandDocs, word);
}

function describeUnknown(word: string): string {
  const near = Object.keys(commandDocs).find((name) => leven(word, name) < Math.min(3, word.length));
  const hint = near === undefined ? `: ${Object.keys(commandDocs).join(', ')}` : `; did you mean ${near}?`;
  return `${quoteValue(word)} is not a command${hint}\nAll commands: ${nameCommand('--help')}`;
}

function show(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

async function init(_args: string[], screen: Screen): Promise<number> {
  const problem = explainUnwritable(process.cwd());
  if (problem !== undefined) return refuse(screen, `${process.cwd()} ${problem}`);
  screen.showStart(await initialize(process.cwd(), abortOnSignals()));
  return 0;
}

async function run(args: string[], screen: Screen): Promise<number> {
  const inputs = readArguments(screen, args);
  if (inputs === undefined) return wrongInput;
  if (inputs.mode === 'report') return report(args, screen);
  const begun = beginRun(process.env);
  if (!begun.ok) return screen.refuse(begun.failure, tellFailure(begun.failure));
  const { end, record, reporter } = await runHere(screen, inputs, begun.value, { request: describeRequest(args) });
  // Removing the cluster takes 5 to 30 s, too long for the user to wait.
  screen.showWords(end);
  const isKept = await keepIfAsked(inputs.keep, end, record, (line) => reporter.say(line));
  return screen.finish(isKept ? end : await addTeardown(end, record, reporter));
}

/**
 * Brings up the platform, in the kept cluster if there is one. It stays also after a failure, so that the user can fix it.
 */
async function up(args: string[], screen: Screen): Promise<number> {
  const inputs = readArguments(screen, args);
  if (inputs === undefined) return wrongInput;
  if (inputs.tier === 'unit') return refuse(screen, 'tier unit has neither a cluster nor a platform');
  const kept = findKept(RunRecord.list(recordDirectory(process.env)), whichKept(inputs.tier));
  if (kept !== undefined) return enter(screen, kept, inputs, { request: describeRequest(args), isOnlyPlatform: true });
  const begun = beginRun(process.env);
  if (!begun.ok) return screen.refuse(begun.failure, tellFailure(begun.failure));
  const how = { request: describeRequest(args), isOnlyPlatform: true };
  const { end, record, reporter } = await runHere(screen, inputs, begun.value, how);
  if (end.verdict.outcome === 'cancelled' || end.verdict.cluster === null) {
    screen.showWords(end);
    return screen.finish(await addTeardown(end, record, reporter));
  }
  record.keep('up');
  return reportUp(screen, end, record, reporter);
}

/** Runs the tests in the kept cluster. */
async function rerun(args: string[], screen: Screen): Promise<number> {
  const { tests, flags } = splitTests(args);
  const call = whichKept(readFlags(flags).given.tier ?? 'integration');
  const records = RunRecord.list(recordDirectory(process.env));
  const kept = findKept(records, call);
  if (kept === undefined) return refuse(screen, explainNotFound(records, call));
  const { reusable } = kept;
  const inputs = readArguments(screen, flags, {}, reusable.given);
  if (inputs === undefined) return wrongInput;
  if (tests.length > 0 && inputs.ownJob !== undefined)
    return refuse(screen, `${tests.join(' ')}: your own Job defines what it runs; change its manifest, or use job-set`);
  if (reusable.hasSecrets && inputs.secrets.length === 0)
    return refuse(screen, "secrets are not stored on disk; give them again: --secrets 'NAME=value'");
  return enter(screen, kept, inputs, { tests });
}

/** The arguments before the flags and those after `--` select tests; the flags are between them. */
function splitTests(args: string[]): { tests: string[]; flags: string[] } {
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  const begin = own.findIndex((word) => word.startsWith('-'));
  const flags = begin === -1 ? [] : own.slice(begin);
  return { tests: [...own.slice(0, own.length - flags.length), ...(end === -1 ? [] : args.slice(end + 1))], flags };
}

/** Runs in a kept cluster, which no other process may use meanwhile. */
async function enter(
  screen: Screen,
  { record: kept, reusable }: KeptCluster,
  inputs: Inputs,
  how: Pick<RunOptions, 'request' | 'isOnlyPlatform' | 'tests'>,
): Promise<number> {
  const { runId } = kept.content;
  const changed = compareShape(reusable.shape, describeShape(inputs));
  if (changed.length > 0)
    return refuse(
      screen,
      `the kept cluster ${reusable.cluster.name} was made with another ${changed.join(', ')}; ${nameCommand('down')}, then ${nameCommand('up')}`,
    );
  const owner = kept.occupy();
  if (owner !== undefined)
    return refuse(screen, `the kept cluster ${reusable.cluster.name} is in use by another run (process ${owner.pid})`);
  try {
    const begun = beginRun(process.env);
    if (!begun.ok) return screen.refuse(begun.failure, tellFailure(begun.failure));
    const { end: ended, record, reporter } = await runHere(screen, inputs, begun.value, { ...how, kept });
    if (how.request !== undefined && ended.verdict.cluster !== null)
      kept.setReusable({ ...(kept.content.reusable ?? reusable), ...how.request });
    const end = await addTeardown(ended, record, reporter);
    if (how.isOnlyPlatform === true) return reportUp(screen, end, kept, reporter);
    if (end.verdict.outcome !== 'passed') await sayKept(end, `by run ${runId}`, kept, (line) => reporter.say(line));
    return screen.showEnd(end);
  } finally {
    kept.release();
  }
}

/** The end of `up`: how to get at it, or what is wrong with it. */
async function reportUp(screen: Screen, end: RunEnd, record: RunRecord, reporter: TerminalReporter): Promise<number> {
  await sayKept(end, 'up', record, (line) => reporter.say(line));
  if (end.verdict.failure?.kind !== 'no-tests') return screen.showEnd(end);
  screen.showVerdict(end);
  return 0;
}

/** Runs the pipeline on this terminal, with a record of its own. */
async function runHere(
  screen: Screen,
  inputs: Inputs,
  { record, workDir }: BegunRun,
  how: Pick<RunOptions, 'request' | 'isOnlyPlatform' | 'kept' | 'tests'>,
): Promise<{ end: RunEnd; record: RunRecord; reporter: TerminalReporter }> {
  const reporter = new TerminalReporter(screen.words, process.env);
  const signal = abortOnSignals(() => {
    process.stderr.write(`\nstopped immediately; clean up with: ${nameCommand('down')}\n`);
    process.exit(130);
  });
  const then = how.kept === undefined ? ', then removing the cluster' : '';
  signal.addEventListener('abort', () =>
    reporter.say(`${signal.reason}: collecting results${then}; press Ctrl-C again to exit immediately`),
  );
  await removeLeftovers(path.dirname(record.file), { signal, say: (line) => reporter.say(line) });
  const end = await runTests({ ...how, inputs, reporter, signal, record, workDir }).catch(async (bug: unknown) => {
    await tearDown(record, AbortSignal.timeout(240_000), (line) => reporter.say(line));
    throw bug;
  });
  clearCheckpoint(workDir);
  return { end, record, reporter };
}

function whichKept(tier: string): { tier: string; directory: string } {
  return { tier, directory: process.cwd() };
}

/** The flags of this call, for later ones. */
function describeRequest(args: string[]): RunRequest {
  const { secrets, ...given } = readFlags(args).given;
  return { directory: process.cwd(), given: definedOnly(given), hasSecrets: secrets !== undefined };
}

function definedOnly(given: RawInputs): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])),
  );
}

/** A failure as one line for the terminal. */
function tellFailure({ reason, hint }: Failure): string {
  return `${reason}. Fix: ${hint}`;
}

function refuse(screen: Screen, why: string): number {
  return screen.refuse({ kind: 'input', reason: why, hint: '', evidence: [] });
}

/** Prints on standard error what is wrong with the arguments of a call. */
function complain(why: string): number {
  process.stderr.write(`${why}\n`);
  return wrongInput;
}

async function report(args: string[], screen: Screen): Promise<number> {
  const inputs = readArguments(screen, args, { mode: 'report' });
  if (inputs === undefined) return wrongInput;
  const legs = succeed({ directory: inputs.legsDir ?? path.resolve('k8s-test-results'), artifacts: [] });
  const runAttempt = Number(process.env.GITHUB_RUN_ATTEMPT) || undefined;
  const say = (line: string) => screen.say(line);
  return screen.showEnd(await rollUp({ inputs, legs, runAttempt, say, signal: abortOnSignals() }));
}

async function history(args: string[], screen: Screen): Promise<number> {
  const directories = args.length === 0 ? ['k8s-test-results'] : args;
  const wrong = directories.flatMap((directory) => {
    const problem = explainPath(path.resolve(directory), 'directory');
    return problem === undefined ? [] : [`${quoteValue(directory)} ${problem}`];
  });
  if (wrong.length > 0) return refuse(screen, wrong.join('; '));
  const { runs, problems } = await readRuns(directories);
  for (const problem of problems) process.stderr.write(`${toPlainLine(problem)}\n`);
  if (runs.length === 0) return refuse(screen, `there is no result of a run in ${directories.join(', ')}`);
  screen.showHistory(describeHistory(runs));
  return 0;
}

async function doctor(args: string[], screen: Screen): Promise<number> {
  const inputs = readArguments(screen, args);
  if (inputs === undefined) return wrongInput;
  const checks = await examine(inputs, abortOnSignals());
  screen.showChecks(checks, inputs.tier);
  return checks.some((check) => check.state === 'problem') ? 2 : 0;
}

/** Whether what a record names was kept for a job of a workflow that still runs, other than our own. */
function isOfOtherJob({ livingJob, content: { kept } }: RunRecord, ownJob: number | undefined): boolean {
  return kept !== undefined && livingJob !== undefined && livingJob.pid !== 0 && livingJob.pid !== ownJob;
}

async function down(_args: string[], screen: Screen): Promise<number> {
  const say = (line: string) => screen.say(line);
  const removal: Removal = { removed: [], inUse: [], notRemoved: [] };
  const records = RunRecord.list(recordDirectory(process.env));
  const ownJob = findJobProcess()?.pid;
  const isUsed = (record: RunRecord) => record.isAlive || record.occupant !== undefined || isOfOtherJob(record, ownJob);
  const over = records.filter((record) => !isUsed(record));
  for (const record of records.filter(isUsed)) {
    const why = explainUse(record);
    say(why);
    removal.inUse.push(why);
  }
  const signal = abortOnSignals();
  for (const record of over) {
    const { runId, startedAt, kept } = record.content;
    const workDir = findWorkDir(record);
    const checkpoint = workDir === undefined ? undefined : readCheckpoint(workDir);
    const problems = await tearDown(record, signal, say);
    for (const problem of problems) process.stderr.write(`not removed: ${problem}\n`);
    removal.notRemoved.push(...problems);
    if (problems.length === 0) {
      removal.removed.push({ runId, startedAt });
      say(`run ${runId} of ${startedAt}: removed`);
    }
    if (checkpoint !== undefined && kept === undefined)
      say(`  it was killed before it reported its end; its files are in ${checkpoint.inputs.resultsDir}`);
  }
  if (over.length === 0) say('nothing to remove');
  screen.showRemoval(removal);
  return removal.notRemoved.length > 0 ? 2 : 0;
}

/** Why what a record names is not removed. */
function explainUse(record: RunRecord): string {
  const { runId, pid, reusable } = record.content;
  const user = record.occupant?.pid;
  if (user !== undefined) return `cluster ${reusable?.cluster.name} is in use by another run (process ${user})`;
  if (record.isAlive) return `run ${runId} is still running (process ${pid}); it cleans up after itself`;
  return `run ${runId} has ended, but its workflow still runs and may use what it kept`;
}

async function completion([shell = '', ...more]: string[], screen: Screen): Promise<number> {
  if (!isShell(shell) || more.length > 0)
    return refuse(screen, `completion takes the name of one shell: ${shells.join(', ')}`);
  process.stdout.write(renderCompletion(shell));
  return 0;
}

/**
 * The inputs that the flags amount to, over those of an earlier call and below what the command itself implies; undefined when
 * something is wrong with them, and then all problems have been reported.
 */
function readArguments(
  screen: Screen,
  args: string[],
  implied: RawInputs = {},
  earlier: RawInputs = {},
): Inputs | undefined {
  const { given, problems } = readFlags(args);
  const read = readInputs({
    given: { ...earlier, ...given, ...implied },
    directory: process.cwd(),
    bundledChart: bundledChart(),
  });
  const errors = [...problems, ...renderInputErrors(read.errors ?? [])];
  if (errors.length === 0) return read.inputs;
  const reason = 'invalid input; nothing was created';
  const words = [`${reason}:`, ...errors.map((error) => `  ${error}`)].join('\n');
  screen.refuse({ kind: 'input', reason, hint: '', evidence: errors }, words);
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
      // The value after an unknown flag is assumed to belong to it.
      const value = isInput(token.name) || next?.kind !== 'positional' ? token.value : next.value;
      if (value === undefined && isInput(token.name)) problems.push(`${token.rawName}: needs a value`);
      else given[token.name] = [given[token.name], value ?? ''].filter((line) => line !== undefined).join('\n');
    } else if (token.kind === 'positional') {
      const before = tokens[i - 1];
      if (before?.kind !== 'option' || isInput(before.name) || before.value !== undefined)
        problems.push(`${quoteValue(token.value)} is not a flag; flags begin with --`);
    }
  }
  return { given, problems };
}
