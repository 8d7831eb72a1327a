import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Verdict } from '../../src/core/outcome.ts';
import { checkResult } from '../repository/schemas/validators.ts';

const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts');

/** Runs the command line in a directory of its own, with records of its own. */
function k8sTest(...args: string[]): { status: number | null; stdout: string; stderr: string; directory: string } {
  const directory = mkdtempSync(path.join(tmpdir(), 'json-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const env = { ...process.env, XDG_STATE_HOME: path.join(directory, 'state') };
  return { ...spawnSync(process.execPath, [main, ...args], { cwd: directory, env, encoding: 'utf8' }), directory };
}

const onePassed = `echo '<testsuite name="shop" tests="1" failures="0"><testcase name="pays"/></testsuite>' > /results/junit.xml`;

test('run --json prints result.json and nothing else on standard output, for programs that read it', () => {
  const command = JSON.stringify(['sh', '-c', `echo hello from the tests; ${onePassed}`]);
  const { status, stdout, stderr, directory } = k8sTest('run', '--tier', 'unit', '--json', '--command', command);
  const file = path.join(directory, 'k8s-test-results/unit/result.json');
  expect(stdout, stderr).toBe(readFileSync(file, 'utf8'));
  expect(checkResult(JSON.parse(stdout))).toEqual([]);
  expect(JSON.parse(stdout)).toMatchObject({ schema: 1, outcome: 'passed', tests: { total: 1, passed: 1 } });
  expect(stderr).toContain('hello from the tests');
  expect(stderr).toContain('1 test passed');
  expect(status).toBe(0);
});

test('report --json prints the verdict of the roll-up', () => {
  const { status, stdout } = k8sTest('report', '--json', '--expect', 'integration');
  const { outcome, failure } = JSON.parse(stdout) as Verdict;
  expect(checkResult(JSON.parse(stdout))).toEqual([]);
  expect(outcome).not.toBe('passed');
  expect(failure?.reason).toContain('integration');
  expect(status).not.toBe(0);
});

test('with --json a wrong input is a verdict that names every error', () => {
  const { status, stdout, stderr } = k8sTest('run', '--json', '--tier', 'nightly', '--imgae', 'x');
  const { outcome, failure } = JSON.parse(stdout) as Verdict;
  expect(checkResult(JSON.parse(stdout))).toEqual([]);
  expect(outcome).toBe('broken');
  expect(failure).toMatchObject({ kind: 'input', reason: 'invalid input; nothing was created' });
  expect(failure?.evidence).toEqual([
    'imgae: "x" is not an input; did you mean image?',
    'tier: "nightly" is not known; choose one of unit, integration, e2e, staging',
  ]);
  expect(stderr).toContain('did you mean image?');
  expect(status).toBe(3);
});

test('doctor --json prints every check with its state and its fix', () => {
  const { status, stdout } = k8sTest('doctor', '--json');
  const { canRun, checks } = JSON.parse(stdout) as { canRun: boolean; checks: { name: string; state: string }[] };
  expect(checks.map(({ name }) => name)).toContain('free memory');
  for (const check of checks) expect(Object.keys(check)).toEqual(['name', 'state', 'found', 'needed', 'fix']);
  expect(status).toBe(canRun ? 0 : 2);
});

test('down --json lists what was removed', () => {
  const { status, stdout, stderr } = k8sTest('down', '--json');
  expect(JSON.parse(stdout)).toEqual({ schema: 1, removed: [], inUse: [], notRemoved: [] });
  expect(stderr).toBe('nothing to remove\n');
  expect(status).toBe(0);
});

test('--json after -- is an argument of the test command', () => {
  const { stdout, stderr, status } = k8sTest('rerun', '--', '--json');
  expect(stdout).toBe('');
  expect(stderr).toContain('no cluster of tier integration is kept');
  expect(status).toBe(3);
});

test('a coverage report among the results is shown in result.json and on the terminal', () => {
  const report = 'TN:\\nSF:shop.js\\nDA:1,1\\nDA:2,0\\nDA:3,1\\nend_of_record\\n';
  const command = JSON.stringify(['sh', '-c', `printf '${report}' > /results/lcov.info; ${onePassed}`]);
  const { stdout, stderr } = k8sTest('run', '--tier', 'unit', '--json', '--command', command);
  expect(JSON.parse(stdout)).toMatchObject({ coverage: { format: 'lcov', covered: 2, total: 3 } });
  expect(stderr).toContain('coverage: 66.6 % of 3 lines');
});
