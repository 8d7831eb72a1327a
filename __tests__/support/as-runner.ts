/**
 * A user as GitHub's runners have it: uid 1001, in group docker, with a home and temporary directories of its own, and
 * nothing of root's that it can read. Where the tests do not run as root, the user is the one that they run as.
 */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, cpSync, linkSync, mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { buildSync } from 'esbuild';

/** GitHub's own number for the user `runner`. */
export const runnerUid = process.getuid?.() === 0 ? 1001 : (process.getuid?.() ?? 1001);

export type RunnerChild = ChildProcessByStdio<null, Readable, Readable>;

export interface Runner {
  /** A directory of the user's own, that contains all of the others. Removing it is the caller's. */
  directory: string;
  /** Node, as this user can start it. */
  node: string;
  env: NodeJS.ProcessEnv;
  /** Starts a program in the user's directory; its output is piped. */
  start: (program: string, args: string[], options?: { env?: NodeJS.ProcessEnv; cwd?: string }) => RunnerChild;
  /** Bundles a TypeScript program of the tests, with what it imports of src/, into a file that this user can run. */
  bundle: (entryPoint: string) => string;
  /** Copies `dist/` and what it needs. Returns the path of the command line. */
  copyCheckout: () => string;
}

/** Tools that live in directories of root's. */
const tools = ['kind', 'helm', 'kubectl'];
const checkout = ['dist', 'charts', 'examples', 'image-helper', 'action.yml', 'package.json'];

/** Makes the user's directories, below the temporary directory of the machine. Only root can make those of another user. */
export function makeRunner(uid = runnerUid): Runner {
  const directory = mkdtempSync(path.join(tmpdir(), 'runner-'));
  const at = (name: string) => path.join(directory, name);
  for (const name of ['home', 'tmp', 'runner-temp', 'bin']) mkdirSync(at(name));
  const node = at('bin/node');
  place(process.execPath, node);
  for (const tool of tools) {
    const found = findProgram(tool);
    if (found !== undefined) place(found, at(`bin/${tool}`));
  }
  const isRoot = process.getuid?.() === 0;
  const own = (file: string) => {
    if (isRoot) chownSync(file, uid, uid);
  };
  for (const name of ['', 'home', 'tmp', 'runner-temp']) own(at(name));
  const env: NodeJS.ProcessEnv = {
    PATH: [at('bin'), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    HOME: at('home'),
    TMPDIR: at('tmp'),
    RUNNER_TEMP: at('runner-temp'),
    LANG: 'C.UTF-8',
    ...pick(['DOCKER_HOST', 'DOCKER_BUILDKIT', 'FLOE_LAB_NODE_IMAGE']),
  };
  const start: Runner['start'] = (program, args, options = {}) => {
    const command = isRoot
      ? ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, ...groups(), program, ...args]
      : [program, ...args];
    return spawn(command[0]!, command.slice(1), {
      cwd: options.cwd ?? directory,
      env: { ...env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  };
  return {
    directory,
    node,
    env,
    start,
    bundle: (entryPoint) => {
      const outfile = at(`bin/${path.basename(entryPoint, '.ts')}.mjs`);
      buildSync({
        entryPoints: [entryPoint],
        outfile,
        bundle: true,
        format: 'esm',
        platform: 'node',
        target: 'node24',
        // CommonJS dependencies inside an ES module ask for `require`.
        banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
      });
      chmodSync(outfile, 0o644);
      return outfile;
    },
    copyCheckout: () => {
      for (const name of checkout) cpSync(name, at(`checkout/${name}`), { recursive: true });
      return at('checkout/dist/cli.js');
    },
  };
}

/** Waits for the end of a program, and returns its exit status and all that it printed. */
export async function untilEnd(child: RunnerChild): Promise<{ status: number | null; output: string }> {
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { status, output };
}

/** Puts a program where the user can read it: a link where both are on one disk. */
function place(program: string, target: string): void {
  try {
    linkSync(program, target);
  } catch {
    copyFileSync(program, target);
    chmodSync(target, 0o755);
  }
}

function findProgram(name: string): string | undefined {
  try {
    return realpathSync(execFileSync('which', [name], { encoding: 'utf8' }).trim());
  } catch {
    return undefined;
  }
}

/** The group of the docker socket, where this machine has one. */
function groups(): string[] {
  try {
    const gid = execFileSync('getent', ['group', 'docker'], { encoding: 'utf8' }).split(':')[2];
    return [`--groups=${gid}`];
  } catch {
    return ['--clear-groups'];
  }
}

function pick(names: string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
