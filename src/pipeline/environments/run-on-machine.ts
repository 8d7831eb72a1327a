import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fail, messageOf, type Result, succeed, toOneLine } from '../../core/outcome.ts';
import type { ReportedLog } from '../../core/report-model.ts';
import type { MaskedStream, SecretMask } from '../../core/secret-mask.ts';
import { chooseCommand } from '../../job/build-job.ts';
import type { ResultsDir } from '../../results/results-dir.ts';
import { LineReader } from '../../tools/program-output.ts';
import { describeProgramEnd, runProgram } from '../../tools/run-program.ts';
import { listParts, type StartedTests } from '../progress.ts';
import { placeHelper } from '../provide-helper.ts';
import type { Run } from '../run.ts';

/** The name of the log of a command without a pod, in lists of pods and containers. */
const logName = { pod: 'machine', container: 'tests' };
const tailLines = 50;
/** After a cancel, since GitHub leaves a step 10 s in all, and the results still have to be read. */
const cancelGraceSeconds = 3;
/** As the kernel numbers them, for exit codes as a shell would give them. */
const signalNumbers: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

/**
 * The arguments of a command for the machine itself: the results directory of this run replaces `resultsPath`, which is a
 * directory of containers, in each argument that is this path, is below it, or ends with such a path after `=`. An argument
 * with blanks is a shell command line, in which each word is treated like this.
 */
export function placeResults(words: string[], resultsPath: string, directory: string): string[] {
  const isPlain = /^[\w./@+-]+$/.test(directory);
  return words.map((word) => {
    // A directory that a shell would take apart stays out of its lines: RESULTS_PATH names it there.
    if (isPlain && /\s/.test(word)) return placeInShell(word, resultsPath, directory);
    const from = word.lastIndexOf('=') + 1;
    const value = word.slice(from);
    return isInside(value, resultsPath) ? word.slice(0, from) + directory + value.slice(resultsPath.length) : word;
  });
}

/**
 * Variables for the machine itself: of those that a run gives, and of those that it inherits, the values that are
 * `resultsPath`, or are in it, are the results directory of this run. Reporters that take a path only from a variable
 * (jest-junit, Playwright) would write to a directory of containers otherwise.
 */
export function placeVariables(
  given: readonly (readonly [string, string])[],
  inherited: Readonly<Record<string, string | undefined>>,
  resultsPath: string,
  directory: string,
): Record<string, string> {
  const place = (value: string) => placeResults([value], resultsPath, directory)[0] ?? value;
  const moved = Object.entries(inherited).flatMap(([name, value]) =>
    value !== undefined && isInside(value, resultsPath) ? [[name, place(value)] as const] : [],
  );
  return Object.fromEntries([...moved, ...given.map(([name, value]) => [name, place(value)] as const)]);
}

/**
 * A shell command line in which `directory` replaces `resultsPath` in each word that is this path or begins with it as a
 * directory.
 */
function placeInShell(line: string, resultsPath: string, directory: string): string {
  return line.replaceAll(resultsPath, (found, at: number) => {
    const before = line[at - 1] ?? ' ';
    const after = line[at + found.length] ?? ' ';
    return /[\s"'=(>]/.test(before) && /[/\s"';)&|<>]/.test(after) ? directory : found;
  });
}

function isInside(value: string, directory: string): boolean {
  return value === directory || value.startsWith(`${directory}/`);
}

function machineLog(dir: ResultsDir): string {
  return path.join(dir.logs, logName.pod, `${logName.container}.log`);
}

/** The log of a command that ran on this machine, as reports name it. */
export function describeMachineLog(dir: ResultsDir, lastLines: string[]): ReportedLog {
  return { ...logName, lastLines, path: path.relative(dir.root, machineLog(dir)) };
}

/**
 * The phase `tests` of tier unit: the command on this machine, in the directory in which the run was started, with its
 * output on the console and on disk. How it ended is in the progress of the run.
 * @returns a failure of kind `start` when the command cannot be run, or of kind `timeout`.
 */
export async function runOnMachine(run: Run): Promise<Result<undefined>> {
  const { inputs, reporter, dir, signal } = run;
  const chosen = chooseCommand({ ...inputs, entrypoint: undefined });
  const words = placeResults([...(chosen.command ?? []), ...(chosen.args ?? [])], inputs.resultsPath, dir.results);
  const [command, ...args] = words;
  if (command === undefined)
    return fail('input', 'tier unit runs a command on this machine, and both command and args are empty');
  reporter.say(`on this machine: ${toOneLine(run.mask.maskText(words.join(' ')), 300)}`);
  const variables = placeVariables(inputs.env, process.env, inputs.resultsPath, dir.results);
  const begun: StartedTests = { parts: listParts(1), startedAt: Date.now() };
  run.reach({ stage: 'tests', tests: begun });
  const file = machineLog(dir);
  await mkdir(path.dirname(file), { recursive: true });
  const log = openSync(file, 'w');
  let logProblem = '';
  // Written at once: a program that prints faster than the disk takes it waits, and nothing piles up in memory.
  const write = (bytes: Buffer) => {
    if (logProblem !== '') return;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(log, bytes, at);
    } catch (error) {
      // A full disk must not end the tests.
      logProblem = messageOf(error);
    }
  };
  const tail: string[] = [];
  const show = (line: string) => {
    tail.push(line);
    if (tail.length > tailLines) tail.shift();
    reporter.quote(line);
  };
  // Masked before anything is cut into lines: a secret may lie across any cut.
  const streams = { stdout: new MaskedOutput(run.mask, write, show), stderr: new MaskedOutput(run.mask, write, show) };
  const ended = await runProgram(command, args, {
    signal,
    timeoutSeconds: inputs.timeoutSeconds,
    graceSeconds: inputs.graceSeconds,
    abortGraceSeconds: Math.min(cancelGraceSeconds, inputs.graceSeconds),
    // The output is in the file; nothing needs it in memory.
    maxCapturedBytes: 4096,
    env: {
      ...variables,
      ...Object.fromEntries(inputs.secrets),
      RESULTS_PATH: dir.results,
      ...(await placeHelper(run, variables)),
    },
    purpose: 'tests',
    onChunk: (chunk, name) => streams[name].push(chunk),
  });
  for (const stream of Object.values(streams)) stream.end();
  closeSync(log);
  if (logProblem !== '') run.warn(`the log of the tests is not complete: ${logProblem}`);
  const logged = { ...begun, ownLog: describeMachineLog(dir, tail) };
  run.reach({ stage: 'tests', tests: logged });
  signal.throwIfAborted();
  if (ended.error !== null)
    return fail('start', `the tests could not be started: ${toOneLine(ended.error)}`, {
      hint: 'Tier unit runs the command on the runner itself: install what it needs in a step before, or set command.',
    });
  const exitCode = ended.exitCode ?? 128 + (ended.signal === null ? 0 : (signalNumbers[ended.signal] ?? 0));
  run.reach({ stage: 'tests', tests: { ...logged, exit: { exitCode } } });
  if (ended.timedOut)
    return fail('timeout', `the tests did not end after ${inputs.timeoutSeconds} s (${describeProgramEnd(ended)})`, {
      hint: 'Raise timeout, or look at the end of the log for what hangs.',
      evidence: tail.slice(-20),
    });
  return succeed(undefined);
}

/** One stream of a program: its masked output is written to the file byte for byte, and shown in lines. */
class MaskedOutput {
  readonly #stream: MaskedStream;
  readonly #write: (bytes: Buffer) => void;
  readonly #lines: LineReader;

  constructor(mask: SecretMask, write: (bytes: Buffer) => void, show: (line: string) => void) {
    this.#stream = mask.openStream();
    this.#write = write;
    this.#lines = new LineReader(show);
  }

  push(chunk: Buffer): void {
    this.#take(this.#stream.push(chunk));
  }

  end(): void {
    this.#take(this.#stream.end());
    this.#lines.end();
  }

  #take(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#write(bytes);
    this.#lines.push(bytes);
  }
}
