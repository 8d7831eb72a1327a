import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { renderCompletion, type Shell } from '../../src/cli/completion.ts';
import { WatchedOutput } from '../on-cluster/watched-output.ts';

/** How a shell starts without files of the user's, and how it reads a script of completions. */
const shells: Record<Shell, { start: string; load: (script: string) => string }> = {
  bash: { start: 'bash --noprofile --norc -i', load: (script) => `source ${script}` },
  zsh: { start: 'zsh -f -i', load: (script) => `autoload -Uz compinit; compinit -u -D; source ${script}` },
  fish: { start: 'fish --no-config -i', load: (script) => `source ${script}` },
};

/** A shell on a terminal, with our completion loaded. */
export interface TypedShell {
  /** Types a line, in which `⇥` is the tab key, and presses enter. Returns the words that the command k8s-test was called with. */
  type: (line: string) => Promise<string[]>;
}

/**
 * Starts a real shell on a terminal of its own, in a directory with these files. There, `k8s-test` is a program that prints the
 * words it is called with. The shell and the directory are gone when the test is over.
 */
export async function startShell(shell: Shell, files: string[]): Promise<TypedShell> {
  const directory = mkdtempSync(path.join(tmpdir(), 'shell-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const [bin, home, work] = ['bin', 'home', 'work'].map((name) => path.join(directory, name)) as [
    string,
    string,
    string,
  ];
  for (const made of [bin, home, work]) mkdirSync(made);
  for (const file of files) {
    mkdirSync(path.dirname(path.join(work, file)), { recursive: true });
    writeFileSync(path.join(work, file), '');
  }
  const script = path.join(directory, 'completion');
  writeFileSync(script, renderCompletion(shell));
  const program = path.join(bin, 'k8s-test');
  writeFileSync(program, '#!/bin/sh\nprintf "CALLED"\nfor word; do printf "\\t%s" "$word"; done\nprintf "\\tEND\\n"\n');
  chmodSync(program, 0o755);
  // script(1) gives it a terminal; without one, no shell completes.
  const child = spawn('script', ['--quiet', '--flush', '--command', shells[shell].start, '/dev/null'], {
    cwd: work,
    env: { HOME: home, PATH: `${bin}:${process.env.PATH}`, TERM: 'dumb', LANG: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  onTestFinished(() => end(child));
  const output = new WatchedOutput(child, 'close');
  // In two parts, so that its echo is not taken for it.
  child.stdin.write(`${shells[shell].load(script)}\necho RE''ADY\n`);
  await output.untilPrinted('READY');
  let calls = 0;
  const type = async (line: string): Promise<string[]> => {
    child.stdin.write(`${line.replaceAll('⇥', '\t')} --call-${++calls}\n`);
    await output.untilPrinted(`\t--call-${calls}\tEND`);
    const call = output.text.split('CALLED\t').find((text) => text.includes(`\t--call-${calls}\tEND`)) ?? '';
    return call.slice(0, call.indexOf(`\t--call-${calls}\tEND`)).split('\t');
  };
  return { type };
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('close', () => resolve());
    child.kill('SIGKILL');
  });
}
