import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/**
 * Builds and packs the sources of this checkout in `directory`, in any state of dist/.
 * @returns the tarball, as `npm pack` names it.
 */
export function packSources(directory: string): string {
  const copy = path.join(directory, 'sources');
  mkdirSync(copy);
  const { files } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { files: string[] };
  const packed = files.filter((name) => !name.startsWith('!') && !name.startsWith('dist/'));
  for (const name of ['package.json', 'README.md', 'LICENSE', 'tsconfig.json', 'src', 'scripts', ...packed])
    cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: copy });
  execFileSync('npm', ['pack', '--pack-destination', directory], { cwd: copy, stdio: 'ignore' });
  const tarball = readdirSync(directory).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack wrote no tarball');
  return path.join(directory, tarball);
}

/** Installs the tarball for all users below `prefix`, from no registry. */
export function installGlobally(tarball: string, prefix: string): string {
  const flags = ['--global', '--offline', '--no-audit', '--no-fund', '--prefix', prefix];
  execFileSync('npm', ['install', ...flags, '--cache', path.join(prefix, 'cache'), tarball], { stdio: 'pipe' });
  return path.join(prefix, 'bin/k8s-test');
}
