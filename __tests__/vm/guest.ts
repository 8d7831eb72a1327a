/** A guest of the lab with cgroup v2, nftables and docker 28 (`lab/guest`), in which tests run programs as GitHub's runner does. */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** In the guest's docker: what a run of the example needs, which pulls nothing. */
const images = [
  process.env.FLOE_LAB_NODE_IMAGE ?? '',
  'floe-example:dev',
  'floe-test-runner:dev',
  'postgres:15-bookworm',
  'dagster/dagster-k8s:1.13.27',
];

/** Of this checkout: the command line with all that it reads, and the example. */
const parts = [
  'dist',
  'charts',
  'examples/floe/deploy',
  'examples/floe/.k8s-test.yaml',
  'image-helper',
  'package.json',
  'action.yml',
];

export interface GuestEnd {
  status: number;
  output: string;
}

export interface Guest {
  /** Seconds from its start until docker answered. */
  bootSeconds: number;
  /** Runs a script of bash as user runner, in `~/work`; the checkout is in /share/checkout. */
  run: (name: string, script: string) => Promise<GuestEnd>;
  /** What the runner copied into /share by `sudo cp`. */
  read: (name: string) => string;
  /** Puts a program of this machine's PATH into /share. */
  lend: (program: string) => void;
  /** Ends it, with all that it was. */
  end: () => Promise<void>;
}

/** Boots it and waits until docker answers. It ends with this process at the latest. */
export async function bootGuest(): Promise<Guest> {
  const folder = mkdtempSync(path.join(tmpdir(), 'guest-'));
  // The runner reads its jobs and the checkout in it.
  chmodSync(folder, 0o755);
  const at = (...names: string[]) => path.join(folder, ...names);
  for (const part of parts) cpSync(path.resolve(part), at('checkout', part), { recursive: true });
  mkdirSync(at('jobs'));
  const start = performance.now();
  // Its standard input is closed when this process is gone, and the guest with it.
  const boot = spawn(path.resolve('lab', 'guest'), ['boot', folder, ...images], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => boot.once('close', () => resolve()));
  const consoleEnd = () => (existsSync(at('console')) ? readFileSync(at('console'), 'utf8').slice(-4000) : '');
  const until = async (file: string) => {
    while (!existsSync(file)) {
      if (boot.exitCode !== null) throw new Error(`the guest ended:\n${consoleEnd()}`);
      await Promise.race([ended, delay(500)]);
    }
  };
  const end = async () => {
    boot.stdin.end();
    await ended;
    rmSync(folder, { recursive: true });
  };
  try {
    await until(at('ready'));
  } catch (error) {
    await end();
    throw error;
  }
  return {
    bootSeconds: (performance.now() - start) / 1000,
    run: async (name, script) => {
      writeFileSync(at('jobs', `${name}.new`), script);
      renameSync(at('jobs', `${name}.new`), at('jobs', `${name}.sh`));
      await until(at('jobs', `${name}.rc`));
      const read = (kind: string) => readFileSync(at('jobs', `${name}.${kind}`), 'utf8');
      return { status: Number(read('rc')), output: read('log') };
    },
    read: (name) => readFileSync(at(name), 'utf8'),
    lend: (program) => {
      const files = (process.env.PATH ?? '').split(path.delimiter).map((each) => path.join(each, program));
      const file = files.find((each) => existsSync(each));
      if (file === undefined) throw new Error(`${program} is not on the PATH`);
      cpSync(realpathSync(file), at(program));
    },
    end,
  };
}
