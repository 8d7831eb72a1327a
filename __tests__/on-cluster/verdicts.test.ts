import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { pytestScript, runOnSharedCluster } from './run-on-shared-cluster.ts';

const passing = 'def test_one(): pass\ndef test_two(): pass\n';

describe('fault 1: how tests can end', () => {
  test('tests that pass are passed, and everything they wrote is on the disk', async () => {
    const run = await runOnSharedCluster({
      script: pytestScript(`${passing}def test_file():\n  open("/results/numbers.json", "w").write("[1]")\n`),
    });
    expect(run.onDisk).toMatchObject({ schema: 1, outcome: 'passed', failure: null, tests: { total: 3, passed: 3 } });
    expect(readFileSync(path.join(run.dir.results, 'numbers.json'), 'utf8')).toBe('[1]');
    expect(readFileSync(path.join(run.dir.junit, 'junit.xml'), 'utf8')).toContain('<testcase');
    expect(readFileSync(run.dir.junitXml, 'utf8')).toContain('test_two');
    const log = run.printed.filter((line) => line.includes('test_it.py::test_one PASSED'));
    expect(log).toHaveLength(1);
  });

  test('a test that fails is named in the first line', async () => {
    const run = await runOnSharedCluster({ script: pytestScript(`${passing}def test_sum():\n  assert 1 + 1 == 3\n`) });
    expect(run.onDisk).toMatchObject({
      outcome: 'failed',
      failure: { kind: 'test', reason: '1 of 3 tests failed: test_sum' },
      tests: { total: 3, passed: 2, failed: 1 },
    });
    expect(run.report.tests.find((one) => one.name === 'test_sum')?.message).toContain('assert (1 + 1) == 3');
  });

  test('all tests skipped is passed with a warning', async () => {
    const run = await runOnSharedCluster({
      script: pytestScript('import pytest\n@pytest.mark.skip\ndef test_one(): pass\n'),
    });
    expect(run.onDisk).toMatchObject({
      outcome: 'passed',
      tests: { skipped: 1 },
      warnings: ['all 1 tests were skipped'],
    });
  });

  test('no test collected is no-tests', async () => {
    const run = await runOnSharedCluster({ script: pytestScript('x = 1\n') });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'no-tests' }, tests: { total: 0 } });
    expect(run.onDisk.failure?.reason).toMatch(/exit code 5/);
  });

  test('exit 0 without a report is red', async () => {
    const run = await runOnSharedCluster({ script: 'echo all good' });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'report' } });
    expect(run.onDisk.failure?.reason).toMatch(/no JUnit report .* exit code 0/);
  });

  test('a green report with exit 1 is red and names the contradiction', async () => {
    const run = await runOnSharedCluster({ script: pytestScript(passing, '', 'exit 1') });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'test' }, tests: { passed: 2 } });
    expect(run.onDisk.failure?.reason).toMatch(
      /exit code 1 \(pytest: tests failed\), yet its report holds no failure.*contradiction/,
    );
  });

  test('a red report with exit 0 is red and names the contradiction', async () => {
    const run = await runOnSharedCluster({ script: pytestScript('def test_no(): assert False\n', '', 'exit 0') });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'test' }, tests: { failed: 1 } });
    expect(run.onDisk.failure?.reason).toMatch(/contradiction/);
  });

  test('a report of a former run is ignored, also one that the image brings along', async () => {
    const old = '<testsuite><testcase name="old"/></testsuite>';
    const run = await runOnSharedCluster({
      script: `echo '${old}' > /results/junit.xml; touch -d '2 hours ago' /results/junit.xml`,
    });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'report' }, tests: { total: 0 } });
    expect(run.onDisk.failure?.reason).toMatch(/only junit\.xml of an earlier run/);
  });

  test('a former run in the same results directory leaves nothing behind', async () => {
    const cluster = inject('cluster');
    const out = path.join(cluster.mountedHostPath, 'twice');
    mkdirSync(path.join(out, 'results'), { recursive: true });
    writeFileSync(path.join(out, 'result.json'), '{}');
    writeFileSync(path.join(out, 'results/junit.xml'), '<testsuite><testcase name="old"/></testsuite>');
    const run = await runOnSharedCluster({ script: 'true', given: { 'results-dir': out } });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'report' } });
    expect(existsSync(path.join(out, 'junit/junit.xml'))).toBe(false);
  });
});

describe('several pytest sessions in one shell', () => {
  const given = { 'test-helper': 'on' };
  const files = (script: string): string => `set -e
mkdir -p /tmp/sessions/a /tmp/sessions/b; cd /tmp/sessions
printf 'def test_a(): pass\\n' > a/test_a.py
printf 'import os\\ndef test_b():\\n  seen = os.path.exists("/tmp/seen")\\n  open("/tmp/seen", "w").close()\\n  assert seen\\n' > b/test_b.py
set +e
${script}`;

  test('fail the run when a test fails in a session whose exit code the shell swallows', async () => {
    const run = await runOnSharedCluster({
      script: files('pytest a --junitxml=/results/junit.xml; pytest b; echo uploading'),
      given,
    });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'test' }, tests: { total: 2, failed: 1 } });
    expect(run.onDisk.failure?.reason).toContain('1 test failed in session 2 of pytest, which no report shows: test_b');
    expect(readFileSync(run.dir.junitXml, 'utf8')).toContain('test_b');
  });

  test('fail the run when one of them never ends', async () => {
    const run = await runOnSharedCluster({
      script: files(
        'printf "import os\\nos.kill(os.getpid(), 11)\\n" > b/test_b.py; pytest a --junitxml=/results/junit.xml; pytest b; true',
      ),
      given,
    });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'report' } });
    expect(run.onDisk.failure?.reason).toContain('session 2 of pytest never came to its end');
  });

  test('pass when pytest --lf passes what failed, which is a flaky test', async () => {
    const flags = '-o cache_dir=/tmp/cache --junitxml=/results/junit.xml';
    const run = await runOnSharedCluster({ script: files(`pytest ${flags} || pytest --lf ${flags}`), given });
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 2, passed: 2, flaky: 1 } });
  });
});

describe('a test container that is not root', () => {
  test('has its results read, moved and deleted by the runner', async () => {
    const run = await runOnSharedCluster({
      script: `id -u > /results/uid; mkdir -m 700 /results/private; echo 1 > /results/private/file; chmod 600 /results/private/file; ${pytestScript(passing)}`,
    });
    expect(run.onDisk.outcome).toBe('passed');
    expect(readFileSync(path.join(run.dir.results, 'uid'), 'utf8').trim()).not.toBe('0');
    expect(readFileSync(path.join(run.dir.results, 'private/file'), 'utf8')).toBe('1\n');
  });

  test('cannot lead the runner out of the results by a link', async () => {
    const run = await runOnSharedCluster({ script: `ln -s /etc/passwd /results/leak.xml; ${pytestScript(passing)}` });
    // It is at the path of a report, and its content is unknown.
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'report' } });
    expect(run.onDisk.failure?.reason).toContain('leak.xml');
    expect(existsSync(path.join(run.dir.results, 'leak.xml'))).toBe(false);
    expect(run.onDisk.warnings).toContainEqual(expect.stringContaining('leak.xml'));
  });
});

describe('a test pod that cannot start', () => {
  test('for its image is broken with kind image', async () => {
    const run = await runOnSharedCluster({
      script: 'true',
      given: { image: '127.0.0.1:9/no/such:1', 'startup-timeout': '30s' },
    });
    expect(run.onDisk).toMatchObject({ outcome: 'broken' });
    expect(['image', 'start']).toContain(run.onDisk.failure?.kind);
    expect(run.onDisk.failure?.reason).toContain('no/such:1');
  });

  test('for its command is broken with kind start', async () => {
    const run = await runOnSharedCluster({ given: { command: '["/no/such/program"]' } });
    expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'start' } });
    expect(run.onDisk.failure?.reason).toContain('/no/such/program');
  });

  test('for its memory is broken with kind schedule in seconds', async () => {
    const run = await runOnSharedCluster({ script: 'true', given: { memory: '900Gi' } });
    expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'schedule' } });
    expect(run.onDisk.failure?.reason).toMatch(/Insufficient memory.*asks for.*900Gi/);
    expect(run.onDisk.phases.find((phase) => phase.name === 'tests')?.seconds).toBeLessThan(60);
  });
});

describe('time', () => {
  test('a suite that hangs is a timeout, with what was finished', async () => {
    const run = await runOnSharedCluster({
      script: 'trap "echo told to end; exit 3" TERM; echo begun; sleep 600 & wait',
      given: { timeout: '5s', grace: '5s' },
    });
    expect(run.onDisk).toMatchObject({
      outcome: 'failed',
      failure: { kind: 'timeout', reason: 'the tests did not end within 5 s' },
    });
    expect(run.printed).toContain('begun');
    expect(run.printed).toContain('told to end');
  });
});
