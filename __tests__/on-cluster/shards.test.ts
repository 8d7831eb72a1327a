import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { readQuantity } from '../../src/core/quantity.ts';
import { connect } from '../../src/kube/connection.ts';
import type { Node } from '../../src/kube/objects.ts';
import { listResources } from '../../src/kube/resources.ts';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';
import { runWithLosses } from './run-with-losses.ts';

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

/** What each test does: it says that it has begun, and one of them goes on only in the second pod of its shard. */
const slowOnce = (name: string, lostTests = 'b') =>
  `print("\\nbegun", __name__, "${name}", os.environ["HOSTNAME"], flush=True); time.sleep(100 if __name__ == "test_m1" and "${name}" == dict(zip(["0", "1"], "${lostTests}")).get((os.environ["HOSTNAME"] + "-rest-0").split("-rest-")[1][0]) else 0)`;
/** @param lostTests the tests of the second module that go on only after their first pod, and after their second. */
const slowSuite = (more = '', lostTests = 'b') =>
  [
    'mkdir -p /tmp/suite && cd /tmp/suite',
    ...[0, 1, 2, 3].map((i) => {
      const tests = ['a', 'b', 'c'].map(
        (name) => `def test_${name}():\n  ${slowOnce(name, lostTests)}\n${i === 1 && name === 'a' ? more : ''}`,
      );
      return `cat > /tmp/suite/test_m${i}.py <<'PY'\nimport os, time\n${tests.join('')}PY`;
    }),
    'exec pytest -v -s --junitxml=/results/junit.xml .',
  ].join('\n');

/** The tests that began more than once, of those that say so. */
function begunTwice(printed: readonly string[]): string[] {
  const begun = printed.flatMap((line) => /^(?:\[shard \d\] )?begun (\S+ \S) /.exec(line)?.[1] ?? []);
  return [...Map.groupBy(begun, (name) => name)].flatMap(([name, runs]) => (runs.length > 1 ? [name] : []));
}

describe('a suite in one piece whose pod is lost', () => {
  const given = { 'test-helper': 'on', retries: '1', timeout: '2m' };
  const first = { pod: 'integration-tests-', at: 'begun test_m1 b' };
  const second = { pod: 'integration-tests-rest-1-', at: 'begun test_m1 c integration-tests-rest-1-' };

  test('has its unfinished tests run in a fresh pod, with retries: each test runs to its end exactly once', async () => {
    const run = await runWithLosses({ script: slowSuite(), given, losses: [first] });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 12, passed: 12, flaky: 0, rebuilt: 0 } });
    expect(run.onDisk.shards).toBeUndefined();
    expect(begunTwice(run.printed)).toEqual(['test_m1 b']);
    expect(new Set(run.report.tests.map(({ classname, name }) => `${classname} ${name}`)).size).toBe(12);
    expect(run.onDisk.warnings).toEqual([
      expect.stringMatching(
        /^the pod of the tests was lost, 4 finished tests count, and the others ran in a fresh pod: the test pod integration-tests-\S+ was deleted/,
      ),
    ]);
    expect(run.onDisk.phases).toContainEqual(expect.objectContaining({ name: 'retries', outcome: 'passed' }));
    expect(existsSync(path.join(run.dir.junit, 'rest-1/junit.xml'))).toBe(true);
  });

  test('goes on once more when the fresh pod is lost too, as often as retries says', async () => {
    const script = slowSuite('', 'bc');
    const run = await runWithLosses({ script, given: { ...given, retries: '2' }, losses: [first, second] });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk.tests).toMatchObject({ total: 12, passed: 12 });
    expect(begunTwice(run.printed)).toEqual(['test_m1 b', 'test_m1 c']);
    const once = await runWithLosses({ script, given, losses: [first, second] });
    expect(once.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'evicted' }, tests: { passed: 5 } });
  });

  test('counts a test that failed before the loss, which fails the run where it fails again', async () => {
    const run = await runWithLosses({ script: slowSuite('  assert False, "broken"\n'), given, losses: [first] });
    expect(run.onDisk).toMatchObject({
      outcome: 'failed',
      failure: { kind: 'test', reason: '1 of 4 tests failed before the pod was lost: test_a' },
      tests: { total: 12, passed: 11, failed: 1 },
      retries: [{ tests: 1, passed: 0 }],
    });
  });

  test('runs again as a whole where its tool does not show what finished', async () => {
    const run = await runWithLosses({
      script: `echo begun once; case $HOSTNAME in *-rest-*) ;; *) sleep 100 ;; esac; ${reportOf('only')}`,
      given: { ...given, 'test-helper': 'off' },
      losses: [{ pod: 'integration-tests-', at: 'begun once' }],
    });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 1, passed: 1 } });
    expect(run.onDisk.warnings.join()).toContain(
      'the pod of the tests was lost, it ran again as a whole in a fresh pod',
    );
  });

  test('fails the run without retries, and names what did not run', async () => {
    const run = await runWithLosses({ script: slowSuite(), given: { ...given, retries: '0' }, losses: [first] });
    expect(run.onDisk).toMatchObject({
      outcome: 'broken',
      failure: { kind: 'evicted', reason: expect.stringContaining('4 of 12 tests finished') },
    });
  });
});

describe('a shard whose pod is lost, with retries', () => {
  const given = { shards: '3', 'test-helper': 'on', retries: '1', timeout: '2m' };

  test('has its unfinished tests run in a fresh pod: each test of the suite runs to its end exactly once', async () => {
    const run = await runWithLosses({
      script: slowSuite(),
      given,
      losses: [{ shard: 1, at: '[shard 1] begun test_m1 b' }],
    });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 12, passed: 12, flaky: 0, rebuilt: 0 } });
    const [, shard] = run.onDisk.shards ?? [];
    expect(shard).toMatchObject({ shard: 1, outcome: 'passed', tests: 3 });
    expect(shard?.pod).toMatch(/^integration-tests-rest-1-1-/);
    expect(shard?.lostPods).toEqual([expect.stringMatching(/^integration-tests-1-/)]);
    const begun = run.printed.flatMap((line) => /^\[shard \d\] begun (\S+ \S) /.exec(line)?.[1] ?? []);
    const counts = Map.groupBy(begun, (name) => name);
    expect(counts.size).toBe(12);
    // The one that was running when the pod was deleted, and no other.
    expect([...counts].filter(([, runs]) => runs.length > 1).map(([name]) => name)).toEqual(['test_m1 b']);
    expect(run.report.tests.map(({ classname, name }) => `${classname} ${name}`).sort()).toHaveLength(12);
    expect(new Set(run.report.tests.map(({ classname, name }) => `${classname} ${name}`)).size).toBe(12);
    expect(run.onDisk.warnings).toEqual([
      expect.stringMatching(
        /^shard 1 was lost, 1 finished test counts, and the others ran in a fresh pod: the test pod integration-tests-1-\S+ was deleted/,
      ),
    ]);
    expect(readFileSync(run.dir.summary, 'utf8')).toMatch(
      /integration-tests-rest-1-1-\S+, after integration-tests-1-\S+ was lost/,
    );
    expect(existsSync(path.join(run.dir.junit, 'rest-1/shard-1/junit.xml'))).toBe(true);
  });

  test('goes on once more when its fresh pod is lost too', async () => {
    const run = await runWithLosses({
      script: slowSuite('', 'bc'),
      given: { ...given, retries: '2' },
      losses: [
        { shard: 1, at: '[shard 1] begun test_m1 b' },
        { pod: 'integration-tests-rest-1-1-', at: '[shard 1] begun test_m1 c integration-tests-rest-1-' },
      ],
    });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk.tests).toMatchObject({ total: 12, passed: 12 });
    expect(begunTwice(run.printed)).toEqual(['test_m1 b', 'test_m1 c']);
    expect(run.onDisk.shards?.[1]?.lostPods).toHaveLength(2);
  });

  test('counts a test that failed before the loss, runs it again alone, and fails the run where it fails again', async () => {
    const run = await runWithLosses({
      script: slowSuite('  assert False, "broken"\n'),
      given,
      losses: [{ shard: 1, at: '[shard 1] begun test_m1 b' }],
    });
    expect(run.onDisk).toMatchObject({
      outcome: 'failed',
      failure: { kind: 'test', reason: 'shard 1: 1 of 1 tests failed before the pod was lost: test_a' },
      tests: { total: 12, passed: 11, failed: 1 },
      retries: [{ tests: 1, passed: 0 }],
    });
  });

  test('runs again as a whole where its tool does not show what finished, with the same share', async () => {
    const report = `echo "<testsuite name='s'><testcase classname='c' name='test_{shard}'/></testsuite>" > /results/junit.xml`;
    const run = await runWithLosses({
      script: `echo begun {shard} of {shards} $TEST_SHARD_INDEX; case $HOSTNAME in *-rest-*) ;; *-1-*) sleep 100 ;; esac; ${report}`,
      given: { ...given, 'test-helper': 'off' },
      losses: [{ shard: 1, at: '[shard 1] begun' }],
    });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 3, passed: 3 } });
    expect(run.report.tests.map(({ name }) => name).sort()).toEqual(['test_1', 'test_2', 'test_3']);
    expect(run.printed.filter((line) => line === '[shard 1] begun 2 of 3 1')).toHaveLength(2);
    expect(run.onDisk.warnings.join()).toContain('shard 1 was lost, it ran again as a whole in a fresh pod');
  });

  test('does not run again where the tests themselves ended it: a time limit is no loss', async () => {
    const run = await runOnSharedCluster({ script: slowSuite(), given: { ...given, timeout: '10s', grace: '1s' } });
    expect(run.onDisk.failure).toMatchObject({ kind: 'timeout' });
    expect(run.onDisk.shards?.[1]).toMatchObject({ outcome: 'lost' });
    expect(run.onDisk.phases.map(({ name }) => name)).not.toContain('retries');
  });
});

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
    const run = await runWithLosses({
      script: suite(
        'print("\\nbegun", __name__, flush=True); time.sleep(100 if __name__ == "test_m1" else 0)',
        'exec pytest -v -s --junitxml=/results/junit.xml .',
      ),
      given: { shards: '3', 'test-helper': 'on', timeout: '2m' },
      losses: [{ shard: 1, at: '[shard 1] begun test_m1' }],
    });
    expect(run.onDisk.failure?.kind).toBe('evicted');
    expect(run.onDisk.failure?.reason).toMatch(
      /^shard 1: the test pod integration-tests-1-\S+ was deleted .*, in flight: test_a, 2 not run; 9 tests finished in the other shards, 0 of them failed; 2 tests of the suite not run$/,
    );
    expect(run.onDisk.tests).toMatchObject({ total: 10, passed: 9, errors: 1, notRun: 2 });
    expect(run.onDisk.shards?.map(({ outcome }) => outcome)).toEqual(['passed', 'lost', 'passed']);
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

describe('shards: auto', () => {
  /** A history in which each of the four modules takes so long. */
  const writeHistory = (seconds: number) => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'history-')), 'history.json');
    const modules = [0, 1, 2, 3].map((i) => [`test_m${i}`, { test_a: [seconds], test_b: [0], test_c: [0] }]);
    writeFileSync(file, JSON.stringify({ schema: 1, tests: Object.fromEntries(modules) }));
    return file;
  };
  const choose = (seconds: number, given: Record<string, string> = {}) =>
    runOnSharedCluster({
      script: suite(),
      given: { shards: 'auto', 'test-helper': 'on', history: writeHistory(seconds), ...given },
    });

  test('is as many as history makes worthwhile, prints why, and writes the history that the next run chooses by', async () => {
    const run = await choose(16);
    expect(run.onDisk.failure).toBeNull();
    expect(run.printed).toContain('shards: auto is 2: the tests take 64 s in all, the longest shard 32 s');
    expect(run.onDisk.shards?.map(({ outcome, tests }) => [outcome, tests])).toEqual([
      ['passed', 6],
      ['passed', 6],
    ]);
  });

  test('is one pod where the cluster has room for one, or the tests take less than a minute', async () => {
    // The requests of two such pods are more than the node has.
    const [bytes] = await readAllocatable();
    const memory = `${Math.floor((bytes ?? 0) * 0.55)}`;
    const large = await choose(16, { memory });
    expect(large.onDisk.failure).toBeNull();
    expect(large.printed).toContain(
      'shards: auto is 1: the tests take 64 s in all; the cluster has room for 1 pod at once',
    );
    expect(large.onDisk.shards).toBeUndefined();
    const short = await choose(14);
    expect(short.printed).toContain(
      'shards: auto is 1: the tests take 56 s in all, and one pod is enough for less than a minute',
    );
    expect(short.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 12 } });
  });
});

/** Bytes of memory that each node has for pods. */
async function readAllocatable(): Promise<number[]> {
  const connection = connect({ kubeconfigPath: inject('cluster').kubeconfigPath });
  try {
    const nodes = await listResources<Node>(connection, '/api/v1/nodes', AbortSignal.timeout(60_000));
    return nodes.map(({ status }) => readQuantity(status?.allocatable?.memory) ?? 0);
  } finally {
    await connection.close();
  }
}
