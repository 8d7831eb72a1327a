import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { newRunId } from '../../src/state/run-record.ts';
import { kubectl, runOnExisting } from './run-on-existing.ts';
import { writeUserKubeconfig } from './write-user-kubeconfig.ts';

/** The cluster of other tests, as a user sees it who may do what deploy/given-namespace.yaml grants, in one namespace. */
const admin = inject('cluster').kubeconfigPath;
const namespace = `shards-${newRunId()}`;
const inNamespace = (args: string[], input?: string) => kubectl(admin, [...args, '--namespace', namespace], input);
let kubeconfig = '';
beforeAll(async () => {
  kubectl(admin, ['create', 'namespace', namespace]);
  inNamespace(['create', 'serviceaccount', 'runner']);
  const isThere = () => /serviceaccount\/default/.test(inNamespace(['get', 'serviceaccounts', '--output=name']));
  await vi.waitUntil(isThere, { timeout: 60_000 });
  const grant = path.join(mkdtempSync(path.join(tmpdir(), 'grant-')), 'grant.yaml');
  writeFileSync(grant, readFileSync('deploy/given-namespace.yaml', 'utf8').replaceAll('staging-tests', namespace));
  kubectl(admin, ['auth', 'reconcile', '--filename', grant]);
  kubeconfig = writeUserKubeconfig(admin, {
    token: inNamespace(['create', 'token', 'runner', '--duration=2h']).trim(),
  });
});
afterAll(() => {
  kubectl(admin, ['delete', 'namespace', namespace, '--ignore-not-found', '--wait=false']);
});

/** A script of pytest with four modules of three tests; `body` is what each test does. */
function suite(body: string): string {
  const tests = ['a', 'b', 'c'].map((name) => `def test_${name}():\n  ${body}\n`).join('');
  const modules = [0, 1, 2, 3].map((i) => `cat > /tmp/suite/test_m${i}.py <<'PY'\nimport os, time\n${tests}PY`);
  const run = 'exec pytest -v -s --junitxml=/results/junit.xml .';
  return ['mkdir -p /tmp/suite && cd /tmp/suite', 'date > /results/begun', ...modules, run].join('\n');
}
/** What each test does: one module waits in its first pod. */
const slow =
  'print("\\nbegun", __name__, flush=True); time.sleep(100 if __name__ == "test_m1" and "rest" not in os.environ["HOSTNAME"] else 0)';
/** Deletes a pod whose name begins so, when a line that begins so is printed for the first time. */
function deletePodAt(begin: string, name: string): (line: string) => void {
  let hasDeleted = false;
  return (line) => {
    if (hasDeleted || !line.startsWith(begin)) return;
    hasDeleted = true;
    const pods = inNamespace(['get', 'pods', '--output=name']).split('\n');
    inNamespace(['delete', pods.find((one) => one.startsWith(`pod/${name}`))!, '--grace-period=0', '--force']);
  };
}
const given = { namespace, 'test-helper': 'on', timeout: '3m' };
const list = () => inNamespace(['get', 'jobs,pods,configmaps,secrets', '--output=name']).trim().split('\n').sort();

describe('shards on an existing cluster', () => {
  test('bring their results through the collector of each, and leave nothing', async () => {
    const before = list();
    const run = await runOnExisting({
      kubeconfig,
      script: `head -c 3000000 /dev/urandom > /results/blob-$TEST_SHARD_INDEX; ${suite('pass')}`,
      given: { ...given, shards: '3' },
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({
      outcome: 'passed',
      tests: { total: 12, passed: 12 },
      warnings: [],
    });
    expect(run.onDisk.shards?.map(({ outcome, tests }) => [outcome, tests])).toEqual([
      ['passed', 6],
      ['passed', 3],
      ['passed', 3],
    ]);
    for (const shard of [0, 1, 2]) {
      expect(readFileSync(path.join(run.dir.results, `shard-${shard}/blob-${shard}`)).length).toBe(3_000_000);
      expect(existsSync(path.join(run.dir.junit, `shard-${shard}/junit.xml`))).toBe(true);
    }
    expect(run.problems).toEqual([]);
    await expect.poll(list, { timeout: 60_000 }).toEqual(before);
  });

  test('wait where a quota lets only some of them run at once, and say so', async () => {
    inNamespace(['create', 'quota', 'two-pods', '--hard=pods=2']);
    // The controller counts before it enforces.
    const hasCounted = () => inNamespace(['get', 'quota', 'two-pods', '--output=jsonpath={.status.hard.pods}']) === '2';
    await vi.waitUntil(hasCounted, { timeout: 60_000 });
    const run = await runOnExisting({
      kubeconfig,
      script: suite('time.sleep(2)'),
      given: { ...given, shards: '4' },
    }).finally(() => inNamespace(['delete', 'quota', 'two-pods']));
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 12, passed: 12 } });
    expect(run.printed.filter((line) => /^shard \d waits: exceeded quota: two-pods/.test(line))).toHaveLength(2);
    expect(run.onDisk.warnings).toEqual([
      expect.stringMatching(
        /^2 of 4 shards had to wait before they could start: exceeded quota: two-pods, .*limited: pods=2$/,
      ),
    ]);
  });

  test('wait for a node that an autoscaler adds, and say so', async () => {
    const label = `k8s-test-action/${namespace}`;
    const node = kubectl(admin, ['get', 'nodes', '--output=jsonpath={.items[0].metadata.name}']);
    // In place of an autoscaler, which reports by this event that it adds a node; the label is what that node would have.
    const addNode = (pod: { metadata: { name: string; uid: string } }) => {
      const { name, uid } = pod.metadata;
      const event = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: `${name}.scale-up`, namespace },
        involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid },
        reason: 'TriggeredScaleUp',
        message: 'pod triggered scale-up: [{pool 0->1 (max: 3)}]',
        type: 'Normal',
        firstTimestamp: new Date().toISOString(),
        lastTimestamp: new Date().toISOString(),
        source: { component: 'cluster-autoscaler' },
      };
      inNamespace(['create', '--filename=-'], JSON.stringify(event));
    };
    const pending = () =>
      (
        JSON.parse(inNamespace(['get', 'pods', '--output=json', '--field-selector=status.phase=Pending'])) as {
          items: { metadata: { name: string; uid: string } }[];
        }
      ).items;
    let hasAsked = false;
    const autoscale = async () => {
      await vi.waitUntil(() => pending().length === 2, { timeout: 60_000, interval: 200 });
      for (const pod of pending()) addNode(pod);
      hasAsked = true;
    };
    const scaling = autoscale();
    const run = await runOnExisting({
      kubeconfig,
      script: suite('pass'),
      given: { ...given, shards: '2', 'node-selector': `${label}=new` },
      onPrinted: (line) => {
        if (hasAsked && line.startsWith('shard 1 waits: ')) kubectl(admin, ['label', 'node', node, `${label}=new`]);
      },
    }).finally(() => kubectl(admin, ['label', 'node', node, `${label}-`]));
    await scaling;
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 12, passed: 12 } });
    const waits = run.printed.filter((line) =>
      /^shard \d waits: .*cannot be placed on any node.*is adding a node/.test(line),
    );
    expect(waits).toHaveLength(2);
  });

  test('that lose their pod go on in a fresh one, whose results come through its collector', async () => {
    const run = await runOnExisting({
      kubeconfig,
      script: suite(slow),
      given: { ...given, shards: '3', retries: '1' },
      onPrinted: deletePodAt('[shard 1] begun test_m1', 'integration-tests-1-'),
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 12, passed: 12 } });
    expect(run.onDisk.shards?.[1]?.lostPods).toHaveLength(1);
    expect(existsSync(path.join(run.dir.junit, 'rest-1/shard-1/junit.xml'))).toBe(true);
    expect(run.problems).toEqual([]);
  });

  test('or a suite in one piece that loses its pod goes on in a fresh one as well', async () => {
    const run = await runOnExisting({
      kubeconfig,
      script: suite(slow),
      given: { ...given, retries: '1' },
      onPrinted: deletePodAt('begun test_m1', 'integration-tests-'),
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 12, passed: 12 } });
    expect(run.onDisk.warnings.join()).toContain('the pod of the tests was lost');
    expect(existsSync(path.join(run.dir.junit, 'rest-1/junit.xml'))).toBe(true);
    expect(run.problems).toEqual([]);
  });

  test('that could never start run in a fresh pod, and the Job that still waits for a quota creates none beside it', async () => {
    const setQuota = (pods: number) =>
      inNamespace(['patch', 'quota', 'few-pods', '--type=merge', `--patch={"spec":{"hard":{"pods":"${pods}"}}}`]);
    inNamespace(['create', 'quota', 'few-pods', '--hard=pods=1']);
    const hasCounted = () => inNamespace(['get', 'quota', 'few-pods', '--output=jsonpath={.status.hard.pods}']) === '1';
    await vi.waitUntil(hasCounted, { timeout: 60_000 });
    const run = await runOnExisting({
      kubeconfig,
      script: suite('time.sleep(1)'),
      given: { ...given, shards: '2', retries: '1', 'startup-timeout': '20s' },
      onPrinted: (line) => {
        if (/^shard \d waits: exceeded quota/.test(line)) setQuota(0);
        // Room for both, the first Job's and the second one's.
        if (/^shard \d has ended: the test pod did not start/.test(line)) setQuota(2);
      },
    }).finally(() => inNamespace(['delete', 'quota', 'few-pods']));
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 12, passed: 12 } });
    expect(run.onDisk.warnings.join('\n')).toMatch(
      /shard \d was lost, it ran again as a whole in a fresh pod: the test pod did not start within 20 s; last seen: exceeded quota: few-pods/,
    );
    const begun = run.printed.filter((line) => /collected 12 items/.test(line));
    expect(begun).toHaveLength(2);
  });
});
