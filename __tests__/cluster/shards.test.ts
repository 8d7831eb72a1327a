import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { connect } from '../../src/kube/connection.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';

/** A script that writes four modules of three tests each, and becomes pytest; `body` is what each test does. */
function suite(body = 'pass', run = 'exec pytest -v --junitxml=/results/junit.xml .'): string {
  const tests = ['a', 'b', 'c'].map((name) => `def test_${name}():\n  ${body}\n`).join('');
  const modules = [0, 1, 2, 3].map((i) => `cat > /tmp/suite/test_m${i}.py <<'PY'\nimport os, time\n${tests}PY`);
  return ['mkdir -p /tmp/suite && cd /tmp/suite', ...modules, run].join('\n');
}

/** A shell that writes a report with one passed test of this name. */
const reportOf = (name: string) =>
  `echo '<testsuite name="s" tests="1"><testcase classname="c" name="${name}"/></testsuite>' > /results/junit.xml`;

/** A shell that writes a coverage report in which this shard covers one of four lines, another one than its siblings. */
const oneLineCovered = [
  'echo SF:a.py > /results/lcov.info',
  'for i in 0 1 2 3; do test $i = $TEST_SHARD_INDEX && hits=1 || hits=0; echo "DA:$i,$hits" >> /results/lcov.info; done',
  'echo end_of_record >> /results/lcov.info',
].join('; ');

describe('a suite in three shards', () => {
  test('is divided by the helper, and reported as one: results, coverage, logs and live lines of each, one verdict', async () => {
    const run = await runOnSharedCluster({
      script: `echo "index $JOB_COMPLETION_INDEX of $TEST_TOTAL_SHARDS"; touch /results/own-$TEST_SHARD_INDEX; ${oneLineCovered}; ${suite()}`,
      given: { shards: '3', 'test-helper': 'on' },
    });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 12, passed: 12 }, warnings: [] });
    expect(run.onDisk.coverage).toEqual({ format: 'lcov', covered: 3, total: 4 });
    const { shards = [] } = run.onDisk;
    expect(shards.map(({ shard, outcome, tests }) => [shard, outcome, tests])).toEqual([
      [0, 'passed', 6],
      [1, 'passed', 3],
      [2, 'passed', 3],
    ]);
    for (const { shard, pod } of shards) {
      expect(pod).toMatch(new RegExp(`^integration-tests-${shard}-`));
      expect(run.printed).toContain(`[shard ${shard}] index ${shard} of 3`);
      expect(readFileSync(path.join(run.dir.logs, pod, 'test-runner.log'), 'utf8')).toMatch(/passed/);
      // What is ours is not among the results of the user.
      expect(readdirSync(path.join(run.dir.results, `shard-${shard}`))).toEqual(['lcov.info', `own-${shard}`]);
      expect(existsSync(path.join(run.dir.junit, `shard-${shard}/junit.xml`))).toBe(true);
    }
    expect(readFileSync(run.dir.junitXml, 'utf8')).toMatch(/^.*\n<testsuites [^>]*tests="12" failures="0" errors="0"/);
    expect(readFileSync(run.dir.summary, 'utf8')).toContain('Shards: 3');
  });

  test('fails when its test tool does not divide it, and reports that', async () => {
    const run = await runOnSharedCluster({ script: suite(), given: { shards: '3', 'test-helper': 'off' } });
    expect(run.onDisk.failure).toMatchObject({
      kind: 'report',
      reason: 'each of the 3 shards ran the same 12 tests: the runner does not divide them',
    });
    expect(run.onDisk.outcome).toBe('failed');
  });

  test('names the shard whose pod is deleted, counts finished tests, and lists those that did not run', async () => {
    const cluster = inject('cluster');
    const connection = connect({ kubeconfigPath: cluster.kubeconfigPath });
    const signal = AbortSignal.timeout(120_000);
    let deleted: Promise<unknown> | undefined;
    try {
      const namespace = `shards-${Date.now()}`;
      const pods = `/api/v1/namespaces/${namespace}/pods`;
      const deletePod = async () => {
        const { items } = await connection.call<{ items: Pod[] }>('GET', pods, { signal });
        const victim = items.find(({ metadata }) => metadata.name.startsWith('integration-tests-1-'));
        if (victim === undefined) throw new Error('there is no pod of shard 1');
        await connection.deletePod(namespace, victim.metadata.name, { graceSeconds: 0, signal });
      };
      const run = await runOnSharedCluster({
        script: suite(
          'print("\\nbegun", __name__, flush=True); time.sleep(100 if __name__ == "test_m1" else 0)',
          'exec pytest -v -s --junitxml=/results/junit.xml .',
        ),
        given: { shards: '3', 'test-helper': 'on', namespace, timeout: '2m' },
        onPrinted: (line) => {
          if (line.startsWith('[shard 1] begun test_m1')) deleted ??= deletePod();
        },
      });
      await deleted;
      expect(run.onDisk.failure?.kind).toBe('evicted');
      expect(run.onDisk.failure?.reason).toMatch(
        /^shard 1: the test pod integration-tests-1-\S+ was deleted .*, in flight: test_a, 2 not run; 9 tests finished in the other shards, 0 of them failed; 2 tests of the suite not run$/,
      );
      expect(run.onDisk.tests).toMatchObject({ total: 10, passed: 9, errors: 1, notRun: 2 });
      expect(run.onDisk.shards?.map(({ outcome }) => outcome)).toEqual(['passed', 'lost', 'passed']);
    } finally {
      await connection.close();
    }
  });

  test('fails with the failed tests of all shards in one line', async () => {
    const run = await runOnSharedCluster({
      script: suite('assert __name__ not in ("test_m0", "test_m1")'),
      given: { shards: '3', 'test-helper': 'on' },
    });
    expect(run.onDisk.failure).toMatchObject({
      kind: 'test',
      reason: expect.stringMatching(/^6 of 12 tests failed in shards 0 and 1: /),
    });
  });
});

describe('shards of a command that names them', () => {
  test('are a Job each, whose placeholders count from 1, and pass when every test ran once', async () => {
    const run = await runOnSharedCluster({
      script: `echo this is {shard} of {shards}; ${reportOf('test_{shard}')}`,
      given: { shards: '2' },
    });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 2, passed: 2 } });
    expect(run.printed).toEqual(expect.arrayContaining(['[shard 0] this is 1 of 2', '[shard 1] this is 2 of 2']));
    expect(run.report.tests.map(({ name }) => name).sort()).toEqual(['test_1', 'test_2']);
  });
});
