/** A step of the action as GitHub's runner runs it: the main program, how a cancel ends it, and the post program. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Verdict } from '../../src/core/outcome.ts';
import { WatchedOutput } from './watched-output.ts';

export interface ProgramEnd {
  status: number | null;
  signal: NodeJS.Signals | null;
  output: string;
  summary: string;
}

interface StartedProgram {
  process: ChildProcess;
  /** Resolves when the output so far matches; rejects when the program ends without it. */
  untilPrinted: (pattern: RegExp) => Promise<void>;
  ended: Promise<ProgramEnd>;
}

export interface ActionStep extends StartedProgram {
  /** Directory that holds all that belongs to the step. */
  directory: string;
  /** Of the runner, for temporary files. */
  temporary: string;
  resultsDir: string;
  /**
   * SIGINT, 7.5 s, SIGTERM, 2.5 s, SIGKILL, as the runner sends them: only to the program, and no further once it has ended.
   */
  cancel: () => Promise<ProgramEnd>;
  /** The post program, once the main one has ended. */
  startPost: (env?: Record<string, string>) => StartedProgram;
  runPost: (env?: Record<string, string>) => Promise<ProgramEnd>;
  /** result.json; undefined when there is none. */
  readVerdict: () => Verdict | undefined;
}

/** Starts the main program, from the sources, in a workspace of its own that holds these files. */
export function startStep(
  inputs: Record<string, string>,
  env: Record<string, string> = {},
  files: Record<string, string> = {},
): ActionStep {
  const directory = mkdtempSync(path.join(tmpdir(), 'action-step-'));
  const at = (name: string) => path.join(directory, name);
  for (const name of ['temporary', 'workspace']) mkdirSync(at(name));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(at('workspace'), name), text);
  const resultsDir = inputs['results-dir'] ?? at('workspace/k8s-test-results');
  const given = Object.entries({ ...inputs, 'results-dir': resultsDir });
  const run = (entry: string, program: string, more: Record<string, string>) => {
    const commandFiles = Object.fromEntries(
      ['output', 'state', 'step_summary'].map((name) => [`GITHUB_${name.toUpperCase()}`, at(`${program}-${name}`)]),
    );
    for (const file of Object.values(commandFiles)) writeFileSync(file, '');
    return start(path.resolve(entry), at('workspace'), at(`${program}-step_summary`), {
      ...process.env,
      ...Object.fromEntries(given.map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
      ...commandFiles,
      // Its records are in RUNNER_TEMP, and are removed with the machine.
      RUNNER_ENVIRONMENT: 'github-hosted',
      RUNNER_TEMP: at('temporary'),
      GITHUB_WORKSPACE: at('workspace'),
      GITHUB_JOB: 'job',
      ...env,
      ...more,
    });
  };
  const main = run('src/action/main.ts', 'main', {});
  const startPost = (more: Record<string, string> = {}) => {
    const state = Object.entries(readState(at('main-state')));
    const told = Object.fromEntries(state.map(([name, value]) => [`STATE_${name}`, value]));
    return run('src/action/post.ts', 'post', { ...told, ...more });
  };
  return {
    ...main,
    directory,
    temporary: at('temporary'),
    resultsDir,
    cancel: async () => {
      main.process.kill('SIGINT');
      if (await isOverWithin(main.ended, 7500)) return main.ended;
      main.process.kill('SIGTERM');
      if (await isOverWithin(main.ended, 2500)) return main.ended;
      main.process.kill('SIGKILL');
      return main.ended;
    },
    startPost,
    runPost: (more) => startPost(more).ended,
    readVerdict: () => {
      const file = path.join(resultsDir, 'result.json');
      return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Verdict) : undefined;
    },
  };
}

function start(entry: string, cwd: string, summary: string, env: NodeJS.ProcessEnv): StartedProgram {
  const child = spawn(process.execPath, [entry], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = new WatchedOutput(child, 'exit');
  const ended = new Promise<ProgramEnd>((resolve) => {
    // Not "close": what the program started may hold its output open.
    child.on('exit', (status, signal) => {
      resolve({ status, signal, output: output.text, summary: readFileSync(summary, 'utf8') });
    });
  });
  return { process: child, untilPrinted: (pattern: RegExp) => output.untilPrinted(pattern), ended };
}

async function isOverWithin(ended: Promise<unknown>, milliseconds: number): Promise<boolean> {
  return Promise.race([ended.then(() => true), wait(milliseconds, false, { ref: false })]);
}

/** A file of the runner in its form `name<<end`, value, `end`. */
function readState(file: string): Record<string, string> {
  const text = readFileSync(file, 'utf8');
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)<<(\S+)\r?\n([\s\S]*?)\r?\n\2\r?$/gm)].map(([, name, , value]) => [name!, value!]),
  );
}
