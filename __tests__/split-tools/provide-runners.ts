/** Test tools that this project does not use itself, each made once per machine. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

export const repository = path.resolve(import.meta.dirname, '../..');
const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'k8s-test-action-tests');

/** Makes a directory of the user's cache once per machine. */
function provide(name: string, key: string, make: (directory: string) => void): string {
  const directory = path.join(cache, `${name}-${createHash('sha256').update(key).digest('hex').slice(0, 16)}`);
  if (existsSync(directory)) return directory;
  mkdirSync(cache, { recursive: true });
  const partial = mkdtempSync(path.join(cache, 'partial-'));
  try {
    make(partial);
    renameSync(partial, directory);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(directory)) throw error;
  }
  return directory;
}

/** node_modules with test runners that this project does not use itself. */
export function provideRunners(): string {
  const files = ['package.json', 'package-lock.json'];
  const read = (name: string) => readFileSync(path.join(import.meta.dirname, 'runners', name), 'utf8');
  const directory = provide('runners', files.map(read).join('\n'), (cwd) => {
    for (const name of files) writeFileSync(path.join(cwd, name), read(name));
    const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', '--prefer-offline'];
    execFileSync('npm', ['ci', ...flags], { cwd, stdio: ['ignore', 'ignore', 'pipe'], timeout: 300_000 });
  });
  return path.join(directory, 'node_modules');
}

/** The program, as the example of Go pins it. */
export function provideGotestsum(): string {
  const directory = provide('gotestsum', 'gotestsum 1.13.0', (place) => {
    const at = path.join(repository, 'examples/go');
    execFileSync('go', ['build', '-o', path.join(place, 'gotestsum'), 'gotest.tools/gotestsum'], {
      cwd: at,
      stdio: 'pipe',
      timeout: 300_000,
    });
  });
  return path.join(directory, 'gotestsum');
}
