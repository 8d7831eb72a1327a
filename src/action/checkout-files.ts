/** From the paths that tests name, inside their container, to the files of the checkout that annotations can refer to. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from '../tools/run-program.ts';

/** A checkout with more files than this gets annotations without files. */
const maxFiles = 200_000;
const listSeconds = 10;
const maxListBytes = 32 * 1024 * 1024;
/** Directories that the walk skips: large, and never annotated. */
const notWalked: ReadonlySet<string> = new Set(['.git', 'node_modules', '.venv', 'venv', '__pycache__', '.tox']);
/** Directories of installed packages: a file in them is never a file of the checkout, even if its name matches. */
const installed = /(^|\/)(site-packages|dist-packages|node_modules)\//;

/**
 * The files of a checkout, relative to its root, with `/` between names: those that git knows, else those that a walk
 * finds. Empty when there are too many of them, or none.
 */
export async function listCheckoutFiles(root: string, signal: AbortSignal): Promise<string[]> {
  const listed = await runProgram('git', ['-C', root, 'ls-files', '-z'], {
    signal,
    timeoutSeconds: listSeconds,
    maxCapturedBytes: maxListBytes,
  });
  const isWhole = listed.exitCode === 0 && listed.omittedBytes.stdout === 0;
  const files = isWhole ? listed.stdout.split('\0').filter((file) => file !== '') : await walk(root, signal);
  return files.length > maxFiles ? [] : files;
}

async function walk(root: string, signal: AbortSignal): Promise<string[]> {
  const files: string[] = [];
  const pending = [''];
  const until = performance.now() + listSeconds * 1000;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (signal.aborted || files.length > maxFiles || performance.now() > until) return [];
    // A directory that cannot be read holds nothing that could be annotated.
    const entries = await readdir(path.join(root, next), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const file = path.posix.join(next, entry.name);
      if (entry.isDirectory() && !notWalked.has(entry.name)) pending.push(file);
      else if (entry.isFile()) files.push(file);
    }
  }
  return files;
}

/** Finds the file of the checkout that a path in a container means. */
export class CheckoutFiles {
  /** By their last name, which every match shares. */
  readonly #byName = new Map<string, string[][]>();

  constructor(files: readonly string[]) {
    for (const file of files) {
      const names = file.split('/');
      const last = names.at(-1) ?? '';
      const same = this.#byName.get(last);
      if (same === undefined) this.#byName.set(last, [names]);
      else same.push(names);
    }
  }

  /**
   * `tests/test_x.py` for `/app/tests/test_x.py`: the file whose path has the longest end in common with it. Undefined when no
   * file matches, or several do. The result is always a file of the checkout.
   */
  find(containerPath: string): string | undefined {
    const asked = containerPath.split('/').filter((name) => name !== '' && name !== '.');
    if (asked.length === 0 || asked.includes('..') || installed.test(containerPath)) return undefined;
    let best: { names: string[]; shared: number; isWhole: boolean }[] = [];
    for (const names of this.#byName.get(asked.at(-1) ?? '') ?? []) {
      const shared = countSharedEnd(names, asked);
      const isWhole = shared === names.length || shared === asked.length;
      // A base name alone is not specific: there is an __init__.py in every directory.
      if (shared < 2 && !isWhole) continue;
      const former = best[0];
      if (former === undefined || shared > former.shared) best = [{ names, shared, isWhole }];
      else if (shared === former.shared) best.push({ names, shared, isWhole });
    }
    if (best.length > 1) best = best.filter(({ names, shared }) => shared === names.length);
    const [found, ...others] = best;
    return others.length === 0 ? found?.names.join('/') : undefined;
  }
}

function countSharedEnd(a: readonly string[], b: readonly string[]): number {
  let shared = 0;
  while (shared < a.length && shared < b.length && a.at(-1 - shared) === b.at(-1 - shared)) shared++;
  return shared;
}
