import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { connect } from '../../src/kube/connection.ts';
import { createNamespace } from '../../src/kube/resources.ts';
import { interruptedCounts, interruptedScript, runOnSharedCluster, type SharedRun } from './run-on-shared-cluster.ts';

/** Lines of the test container's log, on the runner. */
function readTestLog(run: SharedRun): string[] {
  const [log] = run.report.logs.filter((one) => one.container === 'test-runner');
  return readFileSync(path.join(run.dir.root, log!.path), 'utf8').replace(/\n$/, '').split('\n');
}

describe('fault 9: a suite that hangs', () => {
  test('signals its tests to end although they run below a shell, and keeps log, results and stacks', async () => {
    // The shell is the first process, and waits: it would not pass a SIGTERM on.
    const run = await runOnSharedCluster({
      script: `cat > /tmp/suite.py <<'PY'
import faulthandler, os, signal, sys, time
os.makedirs("/results/.k8s-test")
def told(*_):
    print("told to end", flush=True)
    open("/results/partial.json", "w").write("[3]")
    sys.exit(5)
signal.signal(signal.SIGTERM, told)
faulthandler.register(signal.SIGTERM, file=open("/results/.k8s-test/stacks.txt", "w"), chain=True)
def test_in_flight(): time.sleep(600)
print("begun", flush=True)
test_in_flight()
PY
python3 /tmp/suite.py
echo "the shell goes on after $?"`,
      given: { timeout: '5s', grace: '60s' },
    });
    expect(run.onDisk).toMatchObject({
      outcome: 'failed',
      failure: { kind: 'timeout', reason: expect.stringMatching(/^the tests did not end within 5 s/) },
    });
    expect(readTestLog(run)).toEqual(['begun', 'told to end', 'the shell goes on after 5']);
    expect(readFileSync(path.join(run.dir.results, 'partial.json'), 'utf8')).toBe('[3]');
    const evidence = run.onDisk.failure?.evidence.join('\n') ?? '';
    expect(evidence).toContain('test container: exit code 0');
    expect(evidence).toMatch(/stacks when the tests were asked to stop:[\s\S]*suite\.py", line \d+ in test_in_flight/);
    // The end of the tests is what is waited for, not the end of their grace.
    expect(run.onDisk.phases.find((phase) => phase.name === 'tests')?.seconds).toBeLessThan(60);
    expect(run.onDisk.warnings).toEqual([]);
  });

  test('and ignores SIGTERM is killed after the grace, with its log', async () => {
    const run = await runOnSharedCluster({
      script: `trap 'echo no' TERM; echo begun; while true; do sleep 1; done`,
      given: { timeout: '3s', grace: '4s' },
    });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'timeout' } });
    expect(readTestLog(run)).toEqual(['begun', 'no']);
    expect(run.printed).toContain('the tests did not end after 4 s of grace: SIGKILL');
    expect(run.onDisk.failure?.evidence[0]).toBe('test container: exit code 137');
    expect(run.onDisk.warnings).toEqual([]);
  });
});

/** Deletes all pods of a namespace, as `kubectl delete pods --all` does. */
async function deletePods(namespace: string): Promise<void> {
  const connection = connect({ kubeconfigPath: inject('cluster').kubeconfigPath });
  await connection.call('DELETE', `/api/v1/namespaces/${namespace}/pods`, { signal: AbortSignal.timeout(30_000) });
  await connection.close();
}

describe('fault 3: a test pod that is lost', () => {
  test('because it was deleted is reported as such, with its log and its results to the last byte', async () => {
    const namespace = `deleted-${Date.now()}`;
    let deleted: Promise<void> | undefined;
    const run = await runOnSharedCluster({
      given: { namespace, grace: '3s', 'test-helper': 'on' },
      script: interruptedScript(`open("/results/numbers.json", "w").write("[2]\\n")`),
      onPrinted: (line) => {
        if (line.includes('test_three PASSED')) deleted = deletePods(namespace);
      },
    });
    await deleted;
    expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'evicted' }, tests: interruptedCounts });
    expect(run.onDisk.failure?.reason).toMatch(
      /^the test pod integration-tests-\w+ was deleted from node \S+ while its tests ran, by a user or a program; its container ended with exit code 1(37|43) \(SIG(KILL|TERM)\); 3 of 5 tests finished, in flight: test_deed, 1 not run$/,
    );
    expect(readTestLog(run).filter((line) => line.includes(' PASSED '))).toHaveLength(3);
    expect(readFileSync(path.join(run.dir.results, 'numbers.json'), 'utf8')).toBe('[2]\n');
    expect(run.onDisk.warnings).toEqual([]);
  });

  test('because it filled the disk is evicted in the words of the kubelet, with its log and its results', async () => {
    const namespace = `evicted-${Date.now()}`;
    const connection = connect({ kubeconfigPath: inject('cluster').kubeconfigPath });
    const signal = AbortSignal.timeout(60_000);
    await createNamespace(connection, namespace, {}, signal);
    const limits = [{ type: 'Container', default: { 'ephemeral-storage': '20Mi' } }];
    const body = { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'small-disk' }, spec: { limits } };
    await connection.call('POST', `/api/v1/namespaces/${namespace}/limitranges`, { body, signal });
    await connection.close();
    const run = await runOnSharedCluster({
      script: interruptedScript(
        `open("/results/numbers.json", "w").write("[1]\\n"); open("/tmp/core", "wb").write(bytes(60_000_000))`,
      ),
      given: { namespace, grace: '3s', 'test-helper': 'on' },
    });
    expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'evicted' }, tests: interruptedCounts });
    expect(run.onDisk.failure?.reason).toMatch(/was evicted from node \S+: .*exceeds.*20Mi/);
    expect(readTestLog(run).filter((line) => line.includes(' PASSED '))).toHaveLength(3);
    expect(readFileSync(path.join(run.dir.results, 'numbers.json'), 'utf8')).toBe('[1]\n');
    expect(run.onDisk.warnings).toEqual([]);
  });
});
