import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';

const repository = path.resolve(import.meta.dirname, '../..');

/** A package with a dependency that writes a file while it is installed. @returns whether it did, with these settings of npm. */
function installs(settings: string | undefined): boolean {
  const directory = mkdtempSync(path.join(tmpdir(), 'install-scripts-'));
  const dependency = path.join(directory, 'dependency');
  const mark = path.join(directory, 'mark');
  mkdirSync(dependency);
  const script = `node -e "require('node:fs').writeFileSync(process.env.MARK, '')"`;
  writeFileSync(
    path.join(dependency, 'package.json'),
    JSON.stringify({ name: 'dependency', version: '1.0.0', scripts: { install: script } }),
  );
  writeFileSync(
    path.join(directory, 'package.json'),
    JSON.stringify({ name: 'project', version: '1.0.0', dependencies: { dependency: 'file:dependency' } }),
  );
  if (settings !== undefined) copyFileSync(settings, path.join(directory, '.npmrc'));
  // As a package of a registry is: a copy, and not a link to the directory.
  const args = ['install', '--install-links', '--offline', '--no-audit', '--no-fund', '--loglevel=error'];
  // npm hands the settings of this repository to what it runs.
  const own = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  execFileSync('npm', args, { cwd: directory, env: { ...Object.fromEntries(own), MARK: mark }, stdio: 'pipe' });
  return existsSync(mark);
}

test('no dependency runs a program while npm installs the packages of this repository', () => {
  expect(installs(path.join(repository, '.npmrc'))).toBe(false);
  expect(installs(undefined)).toBe(true);
});
