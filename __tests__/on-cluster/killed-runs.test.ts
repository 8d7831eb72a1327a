import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TestCase } from '../../src/core/outcome.ts';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';

/** 12 tests that pass, one that does `deed`, 27 after it. */
function suiteWith(deed: string): string {
  return [
    'import os, pytest, subprocess, sys, time',
    '@pytest.mark.parametrize("i", range(12))',
    'def test_before(i): pass',
    `def test_deed():\n  ${deed}`,
    '@pytest.mark.parametrize("i", range(27))',
    'def test_after(i): pass',
  ].join('\n');
}

/** A shell that writes the suite and becomes pytest, or runs `run`. */
function script(source: string, run = 'exec pytest -v --junitxml=/results/junit.xml test_it.py'): string {
  return `cat > /tmp/test_it.py <<'PY'\n${source}\nPY\ncd /tmp && ${run}`;
}

const takeMemory = 'x = [bytearray(1 << 20) for _ in range(500)]';
const named = (tests: readonly TestCase[], name: string) => tests.find((one) => one.name === name);
const finishedOf = (tests: readonly TestCase[]) => tests.filter((one) => one.status === 'passed').length;

describe('fault 2: memory', () => {
  test('a main process killed in the middle is oom, with 12 tests finished, one in flight and 27 not run', async () => {
    const run = await runOnSharedCluster({
      script: script(suiteWith(takeMemory)),
      given: { memory: '64Mi', 'test-helper': 'on' },
    });
    const { failure, tests } = run.onDisk;
    expect(failure?.kind).toBe('oom');
    expect(failure?.reason).toMatch(
      /^the test container was killed for memory at its limit of 64Mi \(64Mi in use when pytest was killed, peak of \d+(\.\d)?Mi seen before\); 12 of 40 tests finished, in flight: test_deed, 27 not run$/,
    );
    expect(tests).toMatchObject({ total: 13, passed: 12, errors: 1, rebuilt: 13, notRun: 27 });
    expect(finishedOf(run.report.tests)).toBe(12);
    expect(named(run.report.tests, 'test_deed')).toMatchObject({
      status: 'error',
      reconstructed: true,
      message: expect.stringContaining('killed for memory at its limit of 64Mi'),
    });
    expect(readFileSync(run.dir.junitXml, 'utf8')).toMatch(/^.*\n<testsuites [^>]*tests="13" failures="0" errors="1"/);
    // What is ours is not among the results of the user.
    expect(readdirSync(run.dir.results)).toEqual([]);
  });

  test('without the helper the verbose output shows the same', async () => {
    const run = await runOnSharedCluster({
      script: script(suiteWith(takeMemory)),
      given: { memory: '64Mi', 'test-helper': 'off' },
    });
    expect(run.onDisk.failure).toMatchObject({
      kind: 'oom',
      reason: expect.stringMatching(/64Mi in use .*12 of 40 tests finished, in flight: test_deed, 27 not run$/),
      evidence: expect.arrayContaining([expect.stringContaining('reconstructed from the verbose output of pytest')]),
    });
    expect(run.onDisk.tests).toMatchObject({ total: 13, passed: 12, errors: 1, rebuilt: 13, notRun: 27 });
    expect(existsSync(path.join(run.dir.cluster, 'test-helper'))).toBe(false);
  });

  test('a child killed while the tests continue is oom, probably the reason of the failures, and all tests are reported', async () => {
    const child = `subprocess.run([sys.executable, "-c", "${takeMemory}"], check=True)`;
    const run = await runOnSharedCluster({
      script: script(suiteWith(child)),
      given: { memory: '64Mi', 'test-helper': 'on' },
    });
    const { failure, tests } = run.onDisk;
    expect(failure?.kind).toBe('oom');
    // On cgroup v2 the kernel kills the whole container for its child.
    const isContainerDead = tests.notRun !== undefined;
    expect(failure?.reason).toMatch(
      isContainerDead
        ? /^the test container was killed for memory .* 12 of 40 tests finished, in flight: test_deed, 27 not run$/
        : /^a process of the tests was killed for memory at its limit of 64Mi \(64Mi in use when python3? was killed, .*\), and the test container continued to exit code 1; 1 of 40 tests failed, probably because of it: test_deed$/,
    );
    expect(tests).toMatchObject(
      isContainerDead
        ? { total: 13, passed: 12, errors: 1, notRun: 27 }
        : { total: 40, passed: 39, failed: 1, rebuilt: 0 },
    );
  });

  test('137 alone is not called oom', async () => {
    const run = await runOnSharedCluster({
      script: script(
        suiteWith('os.kill(os.getpid(), 9)'),
        'pytest -v --junitxml=/results/junit.xml test_it.py; exit $?',
      ),
      given: { 'test-helper': 'on' },
    });
    expect(run.onDisk.failure).toMatchObject({
      kind: 'report',
      reason: expect.stringMatching(
        /exit code 137 \(signal 9\); 12 of 40 tests finished, in flight: test_deed, 27 not run$/,
      ),
      hint: expect.stringContaining('nothing says that it was for memory'),
    });
    expect(run.onDisk.tests).toMatchObject({ passed: 12, errors: 1, notRun: 27 });
  });
});

describe('time', () => {
  test('a test that hangs is named, with what had finished, what was not run, and the stacks of Python', async () => {
    const run = await runOnSharedCluster({
      script: script(suiteWith('time.sleep(600)')),
      given: { 'test-helper': 'on', timeout: '20s', grace: '1s' },
    });
    expect(run.onDisk.failure).toMatchObject({
      kind: 'timeout',
      reason: 'the tests did not end within 20 s; 12 of 40 tests finished, in flight: test_deed, 27 not run',
    });
    expect(named(run.report.tests, 'test_deed')?.message).toBe('the tests did not end within 20 s');
    const stacks = readFileSync(path.join(run.dir.cluster, 'test-helper/stacks.txt'), 'utf8');
    expect(stacks).toMatch(/File "\/tmp\/test_it\.py", line 5 in test_deed/);
  });
});

describe('the helper in the test image', () => {
  test('changes nothing of a run that passes, records when each test ended, and leaves nothing among the results', async () => {
    const run = await runOnSharedCluster({
      script: script(
        'import os\ndef test_one(): assert "K8S_TEST_PROGRESS_DIR" not in os.environ\ndef test_two(): pass',
        `export PYTEST_ADDOPTS="-p no:cacheprovider --strict-markers"; pytest -v --junitxml=/results/junit.xml test_it.py; ls -A /results > /results/seen.txt`,
      ),
      given: { 'test-helper': 'on', env: 'PYTHONPATH=/opt/own' },
    });
    expect(run.onDisk).toMatchObject({
      outcome: 'passed',
      tests: { total: 2, passed: 2, rebuilt: 0 },
      warnings: [],
    });
    for (const one of run.report.tests) expect(Date.parse(one.endedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect(readFileSync(path.join(run.dir.results, 'seen.txt'), 'utf8')).toContain('.k8s-test');
    expect(readdirSync(run.dir.results)).toEqual(['seen.txt']);
  });

  test('is harmless where results-path cannot be written, and where there is no pytest', async () => {
    const run = await runOnSharedCluster({
      script: script(
        'def test_one(): pass',
        `touch /results/.k8s-test && python3 -c 'print("no pytest here")' && pytest -v --junitxml=/results/junit.xml test_it.py`,
      ),
      given: { 'test-helper': 'on' },
    });
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 1, passed: 1 }, warnings: [] });
    expect(readdirSync(run.dir.results)).toEqual([]);
  });
});

describe('fault 15: an invalid report is never green, and its readable part is reported', () => {
  test('a report whose writer was killed is red, with the tests in it', async () => {
    const whole = '<testcase classname="c" name="a"/><testcase classname="c" name="b"/>';
    const run = await runOnSharedCluster({
      script: `printf '%s' '<testsuite name="s" tests="3">${whole}<testcase classname="c" na' > /results/junit.xml`,
    });
    expect(run.onDisk.failure).toMatchObject({
      kind: 'report',
      reason: expect.stringMatching(/^junit\.xml cannot be read .* exit code 0; 2 tests finished$/),
    });
    expect(run.report.tests).toMatchObject([
      { name: 'a', reconstructed: true },
      { name: 'b', reconstructed: true },
    ]);
  });

  test('an entity bomb is red, in bounded time', async () => {
    const bomb = `<!DOCTYPE testsuite [<!ENTITY a "aaaaaaaaaa">${Array.from({ length: 9 }, (_, i) => `<!ENTITY ${'bcdefghij'[i]} "${`&${'abcdefghi'[i]};`.repeat(10)}">`).join('')}]>`;
    const run = await runOnSharedCluster({
      script: `printf '%s' '${bomb}<testsuite><testcase name="&j;"/></testsuite>' > /results/junit.xml`,
    });
    expect(run.onDisk.failure).toMatchObject({ kind: 'report', reason: expect.stringContaining('DOCTYPE') });
    expect(run.onDisk.tests.total).toBe(0);
  });
});
