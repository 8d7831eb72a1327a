import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import type { Verdict } from '../../src/core/outcome.ts';
import { WatchedOutput } from './watched-output.ts';

const cli = path.resolve('dist/cli.js');

export interface CommandEnd {
  status: number | null;
  output: string;
  /** result.json, if there is one. */
  verdict: Verdict | undefined;
  resultsDir: string;
  seconds: number;
}

export interface CommandRun {
  process: ChildProcess;
  resultsDir: string;
  /** Resolves when the output so far holds the text; rejects when the command ends without it. */
  untilPrinted: (text: string) => Promise<void>;
  ended: Promise<CommandEnd>;
}

/** On the lab's machines the lab's node image; elsewhere the default. */
export const nodeImageFlags = process.env.FLOE_LAB_NODE_IMAGE ? ['--node-image', process.env.FLOE_LAB_NODE_IMAGE] : [];

/** Starts the command line as a user would, in a directory of its own, with a results directory of its own. */
export function startCommand(
  args: string[],
  options: { env?: Record<string, string>; cwd?: string; resultsDir?: string } = {},
): CommandRun {
  const directory = mkdtempSync(path.join(tmpdir(), 'command-line-'));
  const resultsDir = options.resultsDir ?? path.join(directory, 'out');
  const start = performance.now();
  const child = spawn(process.execPath, [cli, ...args, '--results-dir', resultsDir], {
    cwd: options.cwd ?? directory,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = new WatchedOutput(child, 'close');
  const ended = new Promise<CommandEnd>((resolve) => {
    child.on('close', (status) => {
      const file = path.join(resultsDir, 'result.json');
      const verdict = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Verdict) : undefined;
      resolve({ status, output: output.text, verdict, resultsDir, seconds: (performance.now() - start) / 1000 });
    });
  });
  const untilPrinted = (text: string) => output.untilPrinted(text);
  return { process: child, resultsDir, untilPrinted, ended };
}

/** What a run must leave as it was: containers, volumes, networks, clusters, temporary files, and the user's kubeconfig. */
export function takeInventory(): Record<string, string> {
  const list = (args: string[]) =>
    execFileSync('docker', args, { encoding: 'utf8' }).split('\n').sort().join('\n').trim();
  const kubeconfig = path.join(homedir(), '.kube', 'config');
  const discovery = path.join(homedir(), '.kube', 'cache', 'discovery');
  return {
    containers: list(['ps', '--all', '--quiet', '--no-trunc']),
    volumes: list(['volume', 'ls', '--quiet']),
    // kind's shared docker network may stay.
    networks: list(['network', 'ls', '--format', '{{.Name}}'])
      .replace(/^kind$/m, '')
      .trim(),
    kubeconfig: existsSync(kubeconfig) ? readFileSync(kubeconfig, 'utf8') : '(none)',
    // Where kubectl and helm remember the APIs of clusters, a directory for each.
    knownApis: existsSync(discovery) ? readdirSync(discovery).join('\n') : '(none)',
    temporary: execFileSync('find', [tmpdir(), '-maxdepth', '1', '-name', 'k8s-test-[0-9a-f]*'], {
      encoding: 'utf8',
    }).trim(),
  };
}
