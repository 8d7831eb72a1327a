import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** Pure Python all of them, so that a directory serves any Python that runs them. */
const packages = [
  'execnet==2.1.2',
  'iniconfig==2.3.1',
  'junitparser==5.0.3',
  'packaging==26.3',
  'pluggy==1.7.0',
  'pygments==2.21.0',
  'pytest==9.2.0',
  'pytest-reportlog==1.0.0',
  'pytest-rerunfailures==16.7',
  'pytest-split==0.11.0',
  'pytest-xdist==3.8.0',
];

export interface Python {
  program: string;
  /** For PYTHONPATH: holds the packages above. */
  packagesDir: string;
}

/**
 * A Python with the packages that tests need, installed once per machine in a directory of the user's cache. Debian's Python
 * has no ensurepip, so this makes no venv: `pip install --target` only needs pip.
 */
export function providePython(): Python {
  return provide(['--no-deps', ...packages], packages.join('\n'));
}

/** The same with the packages of a file of requirements, and what those need. */
export function providePythonWith(requirements: string): Python {
  return provide(['--requirement', requirements], readFileSync(requirements, 'utf8'));
}

function provide(wanted: string[], what: string): Python {
  const program = findPythonWithPip();
  const key = createHash('sha256').update(what).digest('hex').slice(0, 16);
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'k8s-test-action-tests');
  const packagesDir = path.join(cache, `python-${key}`);
  if (existsSync(packagesDir)) return { program, packagesDir };
  mkdirSync(cache, { recursive: true });
  const partial = mkdtempSync(path.join(cache, 'partial-'));
  try {
    const quiet = ['--quiet', '--disable-pip-version-check', '--root-user-action=ignore'];
    const args = ['-m', 'pip', 'install', ...quiet, '--target', partial, ...wanted];
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 300_000 });
    renameSync(partial, packagesDir);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    // Another test file may have been faster.
    if (!existsSync(packagesDir)) throw error;
  }
  return { program, packagesDir };
}

function findPythonWithPip(): string {
  for (const directory of [...(process.env.PATH ?? '').split(path.delimiter), '/usr/bin']) {
    const program = path.join(directory, 'python3');
    if (existsSync(program) && spawnSync(program, ['-m', 'pip', '--version']).status === 0) return program;
  }
  throw new Error('these tests need a python3 with pip: apt-get install python3-pip');
}
