import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const workflow = '.github/workflows/k8s-tests.yml';
let directory: string;
let git: (...args: string[]) => string;
let prepare: (...args: string[]) => { status: number | null; told: string };

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'release-'));
  // Neither the user's own identity nor hooks or signing keys.
  const identity = {
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b',
  };
  const env = { ...process.env, ...identity, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
  git = (...args) => execFileSync('git', args, { cwd: directory, env, encoding: 'utf8' }).trim();
  prepare = (...args) => {
    const script = path.join(root, 'scripts/prepare-release.ts');
    const { status, stdout, stderr } = spawnSync('node', [script, ...args], { cwd: directory, env, encoding: 'utf8' });
    return { status, told: stdout + stderr };
  };
  mkdirSync(path.join(directory, path.dirname(workflow)), { recursive: true });
  for (const file of [workflow, 'package.json']) cpSync(path.join(root, file), path.join(directory, file));
  writeFileSync(path.join(directory, 'CHANGELOG.md'), '# Changes\n\n## 1.0.0 (today)\n\n- all\n');
  git('init', '--quiet', '--initial-branch', 'main');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'main');
});
afterEach(() => rmSync(directory, { recursive: true }));

test('a release is the commit of main with the reusable workflow calling that very commit, and nothing else', () => {
  const main = git('rev-parse', 'HEAD');
  const made = prepare('1.0.0');
  expect(made.status, made.told).toBe(0);
  const released = git('rev-parse', 'v1.0.0^{commit}');
  expect(made.told).toContain(`git push --atomic origin v1.0.0 ${released}:refs/heads/releases/v1.0.0`);
  expect(git('diff', '--name-only', main, 'v1.0.0')).toBe(workflow);
  const ours = readFileSync(path.join(directory, workflow), 'utf8');
  const theirs = git('show', `v1.0.0:${workflow}`);
  const calls = ours.match(/uses: floe\/k8s-test-action@v1$/gm)?.length;
  expect(calls).toBe(5);
  expect(theirs.match(new RegExp(`uses: floe/k8s-test-action@${main} # v1\\.0\\.0$`, 'gm'))).toHaveLength(calls!);
  expect(theirs).not.toMatch(/uses: floe\/k8s-test-action@v1/);
  // The checkout is as it was.
  expect(git('rev-parse', 'HEAD')).toBe(main);
  expect(git('status', '--porcelain')).toBe('');
  expect(prepare('--check', 'v1.0.0')).toEqual({ status: 0, told: 'v1.0.0 is what it should be\n' });
});

test('all problems of a release are named at once, and nothing is created', () => {
  writeFileSync(path.join(directory, 'stray.txt'), '');
  const { status, told } = prepare('2.0.0');
  expect(status).toBe(1);
  expect(told).toContain('package.json says 1.0.0, not 2.0.0');
  expect(told).toContain('CHANGELOG.md has no section "## 2.0.0"');
  expect(told).toContain('there are changes that are not committed');
  expect(git('tag')).toBe('');
});

test('a tag that changes anything else is refused', () => {
  expect(prepare('1.0.0').status).toBe(0);
  git('checkout', '--quiet', 'v1.0.0');
  writeFileSync(path.join(directory, 'more.js'), '');
  git('add', '--all');
  git('commit', '--quiet', '--amend', '--no-edit');
  git('tag', '--force', 'v1.0.0');
  const { status, told } = prepare('--check', 'v1.0.0');
  expect(status).toBe(1);
  expect(told).toContain('v1.0.0 is not its parent');
});
