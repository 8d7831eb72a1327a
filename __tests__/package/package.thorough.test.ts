import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderHelp } from '../../src/cli/help.ts';
import { installGlobally, packSources } from './pack.ts';

const root = path.resolve(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
let directory: string;
let tarball: string;
let program: string;
let empty: string;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'package-'));
  tarball = packSources(directory);
  program = installGlobally(tarball, path.join(directory, 'prefix'));
  empty = path.join(directory, 'empty');
  mkdirSync(empty);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function k8sTest(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(program, args, { cwd: empty, encoding: 'utf8' });
}

test('the package holds what the command line needs, and no more', () => {
  const files = execFileSync('tar', ['--list', '--file', tarball], { encoding: 'utf8' }).trim().split('\n');
  const top = new Set(files.map((file) => file.split('/').slice(1, 2).join()));
  expect([...top].sort()).toEqual(['LICENSE', 'README.md', 'charts', 'dist', 'image-helper', 'package.json']);
  for (const name of ['dist/cli.js', 'charts/floe-platform/Chart.yaml', 'image-helper/k8s_test_progress.py'])
    expect(files).toContain(`package/${name}`);
  expect(files.filter((file) => /action|cleanup|\.map$/.test(path.basename(file)))).toEqual([]);
});

test('the package depends on no other, so that nothing else is installed with it', () => {
  const installed = execFileSync('find', [path.join(directory, 'prefix/lib/node_modules'), '-name', 'package.json']);
  expect(installed.toString().trim().split('\n')).toHaveLength(1);
});

test('the installed command prints its version and its help', () => {
  expect(k8sTest('--version')).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
  expect(k8sTest('--help')).toMatchObject({ status: 0, stdout: `${renderHelp()}\n`, stderr: '' });
});

test('doctor of the installed command checks the machine', () => {
  const { status, stdout, stderr } = k8sTest('doctor');
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^[✓✗!] free memory/m);
  expect(stdout).toMatch(/tier integration can(not)? run here/);
  expect(status).toBe(stdout.includes('cannot run here') ? 2 : 0);
});

test('npx runs the tarball without installing it', () => {
  const cache = path.join(directory, 'npx-cache');
  const args = ['--yes', '--offline', '--cache', cache, '--package', tarball, 'k8s-test', '--version'];
  const { status, stdout, stderr } = spawnSync('npx', args, { cwd: empty, encoding: 'utf8' });
  expect(stdout, stderr).toBe(`${version}\n`);
  expect(status).toBe(0);
});
