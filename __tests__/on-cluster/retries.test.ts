import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';

/** A script that writes one module and becomes pytest. */
function suite(...lines: string[]): string {
  const run = 'exec pytest -v --junitxml=/results/junit.xml .';
  return ["mkdir -p /tmp/suite && cd /tmp/suite && cat > test_shop.py <<'PY'", ...lines, 'PY', run].join('\n');
}

/** Each pod has its own disk: in a fresh one nothing is left of an earlier test. */
const polluted = [
  'import os',
  'def test_pay():\n  open("/tmp/dirt", "w").close()',
  'def test_ship():\n  assert not os.path.exists("/tmp/dirt"), "dirty"',
];
const given = { retries: '1', 'test-helper': 'on' };

describe('a failed test with retries', () => {
  test('that passes alone in a fresh pod is flaky, and the run passes and reports both', async () => {
    const run = await runOnSharedCluster({ script: suite(...polluted), given });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({
      outcome: 'passed',
      tests: { total: 2, passed: 2, failed: 0, flaky: 1 },
      retries: [{ retry: 1, tests: 1, passed: 1, pod: expect.stringMatching(/^integration-tests-retry-1-/) }],
    });
    expect(run.onDisk.phases.map(({ name }) => name)).toContain('retries');
    expect(run.report.tests.find(({ name }) => name === 'test_ship')).toMatchObject({ retries: ['passed'] });
    const [retry] = run.onDisk.retries ?? [];
    expect(readFileSync(path.join(run.dir.logs, retry?.pod ?? '', 'test-runner.log'), 'utf8')).toMatch(
      /collected 2 items \/ 1 deselected \/ 1 selected/,
    );
    expect(existsSync(path.join(run.dir.junit, 'retry-1/junit.xml'))).toBe(true);
    expect(readFileSync(run.dir.summary, 'utf8')).toContain('1 of 1 failed test passed alone');
  });

  test('that fails in every attempt fails the run, beside one that passes', async () => {
    const run = await runOnSharedCluster({
      script: suite(...polluted, 'def test_broken():\n  assert False, "always"'),
      given: { ...given, retries: '2' },
    });
    expect(run.onDisk).toMatchObject({
      outcome: 'failed',
      failure: { kind: 'test', reason: '1 of 3 tests failed: test_broken' },
      tests: { total: 3, passed: 2, failed: 1, flaky: 1 },
      retries: [
        { retry: 1, tests: 2, passed: 1 },
        { retry: 2, tests: 1, passed: 0 },
      ],
    });
  });

  test('does not run again where more went wrong than failed tests', async () => {
    const run = await runOnSharedCluster({ script: suite(...polluted, 'def test_crash():\n  os._exit(3)'), given });
    expect(run.onDisk.outcome).toBe('failed');
    expect(run.onDisk.retries).toBeUndefined();
  });

  test('is not believed when its retry is killed', async () => {
    const body = 'os._exit(0) if os.environ["HOSTNAME"].startswith("integration-tests-retry") else None';
    const run = await runOnSharedCluster({
      script: suite('import os', `def test_ship():\n  ${body}\n  assert False`),
      given,
    });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'test' }, retries: [{ passed: 0 }] });
    expect(run.onDisk.retries?.[0]?.problem).toBeDefined();
  });

  test('is not run again where the tests left a file in the place of its results', async () => {
    // An empty directory would not be in the way: it is removed with what is no result.
    const left = 'mkdir /results/retry-1; echo mine >/results/retry-1/notes.txt';
    const run = await runOnSharedCluster({ script: `${left}\n${suite(...polluted)}`, given });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'test' }, retries: [{ passed: 0 }] });
    expect(run.onDisk.warnings.join()).toContain('the tests left results/retry-1, where it would write');
  });

  test('of a suite in shards runs again in one pod', async () => {
    const run = await runOnSharedCluster({
      script: suite(...polluted, 'class TestOther:\n  def test_a(self): pass\n  def test_b(self): pass'),
      given: { ...given, shards: '2' },
    });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({ tests: { total: 4, passed: 4, flaky: 1 }, retries: [{ tests: 1, passed: 1 }] });
  });

  test('of any tool runs again by the command that names it', async () => {
    const report = (name: string, failure: string) =>
      `echo '<testsuite name="s"><testcase classname="c" name="${name}">${failure}</testcase></testsuite>' > /results/junit.xml`;
    const run = await runOnSharedCluster({
      script: `${report('one', '<failure message="late"/>')}; exit 1`,
      given: {
        retries: '1',
        'test-helper': 'off',
        'retry-command': JSON.stringify(['sh', '-c', `echo 'again: {tests}'; ${report('one', '')}`]),
      },
    });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 1, passed: 1, flaky: 1 } });
    expect(run.printed).toContain('again: (one)');
  });

  test('of any tool is flaky or polluted, as the suite shows that runs again as a whole', async () => {
    const report = (ship: string, late: string) =>
      `echo '<testsuite name="s"><testcase classname="c" name="ship">${ship}</testcase><testcase classname="c" name="late">${late}</testcase></testsuite>' > /results/junit.xml`;
    const [dirty, late] = ['<failure message="dirty"/>', '<failure message="late"/>'];
    const run = await runOnSharedCluster({
      // Where all tests run, one always fails; the other fails in the first pod only, as chance would have it.
      script: `case $HOSTNAME in *-order-*) ${report(dirty, '')} ;; *) ${report(dirty, late)} ;; esac; exit 1`,
      given: {
        retries: '2',
        'test-helper': 'off',
        'retry-command': JSON.stringify(['sh', '-c', `: '{tests}'; ${report('', '')}`]),
      },
    });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 2, passed: 2, flaky: 2 } });
    const told = Object.fromEntries(run.report.tests.map(({ name, inOrder }) => [name, inOrder]));
    expect(told).toEqual({ ship: 'failed', late: 'passed' });
    expect(run.printed).toContain(
      'the suite ran again as a whole: 1 that had passed alone failed again after the others, 1 passed',
    );
    expect(readFileSync(run.dir.summary, 'utf8')).toMatch(/ship.*polluted by one of them/);
  });

  test('tells a flaky test from one that a test before it pollutes, where a retry is to spare', async () => {
    const lines = [
      'import os',
      // Fails in the first pod and passes in every other one: as chance would have it.
      'def test_flaky():\n  assert os.environ["HOSTNAME"].count("-") > 2, "late"',
      'def test_pay():\n  open("/tmp/dirt", "w").close()',
      'def test_ship():\n  assert not os.path.exists("/tmp/dirt"), "dirty"',
      'def test_late_flaky():\n  assert os.environ["HOSTNAME"].count("-") > 2, "late"',
      'def test_after(): pass',
    ];
    const run = await runOnSharedCluster({ script: suite(...lines), given: { ...given, retries: '2' } });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({
      tests: { total: 5, passed: 5, flaky: 3 },
      retries: [{ retry: 1, tests: 3, passed: 3 }],
    });
    const told = Object.fromEntries(run.report.tests.map(({ name, inOrder }) => [name, inOrder]));
    expect(told).toEqual({
      test_flaky: 'first',
      test_pay: undefined,
      test_ship: 'failed',
      test_late_flaky: 'passed',
      test_after: undefined,
    });
    expect(run.printed).toContain(
      '4 tests ran again in their order: 1 that had passed alone failed again after the others, 1 passed',
    );
    const summary = readFileSync(run.dir.summary, 'utf8');
    expect(summary).toMatch(/test_ship.*polluted by one of them/);
    expect(summary).toMatch(/test_late_flaky.*after the tests that ran before it: flaky/);
  });

  test('claims nothing where the order is not known: in several processes, or without a retry to spare', async () => {
    const once = await runOnSharedCluster({ script: suite(...polluted), given });
    expect(readFileSync(once.dir.summary, 'utf8')).toContain('flaky, or polluted by a test that ran before it');
    const again = `pytest -v --junitxml=/results/junit.xml . -k none; ${suite(...polluted)}`;
    const twice = await runOnSharedCluster({ script: again, given: { ...given, retries: '2' } });
    expect(twice.onDisk.failure).toBeNull();
    expect(twice.report.tests.find(({ name }) => name === 'test_ship')).toMatchObject({ retries: ['passed'] });
    expect(twice.report.tests.find(({ name }) => name === 'test_ship')?.inOrder).toBeUndefined();
  });

  test('of a shard is repeated in the order of its shard', async () => {
    const run = await runOnSharedCluster({
      script: suite(...polluted, 'class TestOther:\n  def test_a(self): pass\n  def test_b(self): pass'),
      given: { ...given, retries: '2', shards: '2' },
    });
    expect(run.onDisk.failure).toBeNull();
    expect(run.report.tests.find(({ name }) => name === 'test_ship')).toMatchObject({ inOrder: 'failed' });
    expect(run.report.tests).toHaveLength(4);
  });
});
