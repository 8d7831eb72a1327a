import { execFile, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReadyCluster } from '../../src/cluster/make-cluster.ts';
import type { Verdict } from '../../src/core/outcome.ts';
import { makeSharedCluster } from './global-setup.ts';
import { kubectl, runOnExisting } from './run-on-existing.ts';
import {
  interruptedCounts,
  interruptedScript,
  pytestScript,
  runOnSharedCluster,
  type SharedRun,
} from './run-on-shared-cluster.ts';
import { writeUserKubeconfig } from './write-user-kubeconfig.ts';

/**
 * Faults that must not affect other tests: they have their own cluster. Logs are rotated after 1 MiB, two files of each are
 * kept, and nodes count as lost sooner than the 50 s of a default.
 */
const kindConfig = {
  rest: {
    kubeadmConfigPatches: [
      `kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
containerLogMaxSize: 1Mi
containerLogMaxFiles: 2
containerLogMonitorInterval: 3s
`,
      `kind: ClusterConfiguration
apiVersion: kubeadm.k8s.io/v1beta3
controllerManager:
  extraArgs:
    node-monitor-grace-period: 20s
`,
    ],
  },
  nodes: [{ role: 'control-plane' }, { role: 'worker' }, { role: 'worker' }],
};

const execFileAsync = promisify(execFile);

let cluster: ReadyCluster;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ cluster, remove } = await makeSharedCluster(kindConfig));
});
afterAll(() => remove?.());

const node = (name: 'control-plane' | 'worker' | 'worker2') => `${cluster.name}-${name}`;
const inNode = (name: Parameters<typeof node>[0], script: string) =>
  execFileSync('docker', ['exec', node(name), 'bash', '-c', script]);

/** Runs a script in the test image on a worker, and calls `do` once it has printed a line that begins with `seen`. */
function runUntil(options: {
  script: string;
  seen: string;
  do: () => void;
  worker?: 'worker' | 'worker2';
  timeout?: string;
}): Promise<SharedRun> {
  let isSeen = false;
  return runOnSharedCluster({
    cluster,
    script: options.script,
    given: {
      grace: '5s',
      'test-helper': 'on',
      timeout: options.timeout ?? '3m',
      'node-selector': `kubernetes.io/hostname=${node(options.worker ?? 'worker')}`,
    },
    onPrinted: (line) => {
      if (isSeen || !line.startsWith(options.seen)) return;
      isSeen = true;
      options.do();
    },
  });
}

function readTestLog(run: SharedRun): string {
  const [log] = run.report.logs.filter((one) => one.container === 'test-runner');
  return readFileSync(path.join(run.dir.root, log!.path), 'utf8');
}

/** A script that writes this many numbered lines of 16 kB, ten in a second, and each of them into /results/truth as well. */
const counting = (lines: number) => `python3 -u -c '
import time
truth = open("/results/truth", "w")
for i in range(${lines}):
    line = f"line {i} " + "x" * 16000
    print(line); truth.write(line + "\\n"); truth.flush()
    time.sleep(0.1)
'`;

const reasonOf = (verdict: Verdict) => verdict.failure?.reason ?? '';

/** Lines whose text is all there is, a line each; the other lines of the log are pytest's. */
const linesOf = (run: SharedRun) => readTestLog(run).replace(/\n$/, '').split('\n');

describe('fault 3: the node of the tests', () => {
  const suite = interruptedScript('open("/results/numbers.json", "w").write("[2]\\n")');
  const seen = 'test_it.py::test_three PASSED';
  const finishedOf = (run: SharedRun) => linesOf(run).filter((line) => line.includes(' PASSED '));
  const partial = (run: SharedRun) => readFileSync(path.join(run.dir.results, 'numbers.json'), 'utf8');

  test('is drained: evicted, as the drain is on record, with log and results', async () => {
    let drained: Promise<unknown> | undefined;
    const run = await runUntil({
      script: suite,
      seen,
      do: () => {
        const { kubeconfigPath } = cluster;
        const args = ['--kubeconfig', kubeconfigPath, 'drain', node('worker'), '--ignore-daemonsets', '--force'];
        drained = execFileAsync('kubectl', [...args, '--delete-emptydir-data', '--grace-period=5']);
      },
    });
    await drained;
    execFileSync('kubectl', ['--kubeconfig', cluster.kubeconfigPath, 'uncordon', node('worker')]);
    expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'evicted' }, tests: interruptedCounts });
    expect(reasonOf(run.onDisk)).toMatch(
      /was evicted from node \S+-worker through the API, as a drain does.*; 3 of 5 tests finished, in flight: test_deed, 1 not run$/,
    );
    expect(finishedOf(run)).toHaveLength(3);
    expect(partial(run)).toBe('[2]\n');
    expect(run.onDisk.warnings).toEqual([]);
  });

  test('is stopped, its kubelet alone or all of it: lost, long before Kubernetes gives the pod up', async () => {
    const lose = (worker: 'worker' | 'worker2', how: () => void) => runUntil({ script: suite, seen, do: how, worker });
    const [kubelet, machine] = await Promise.all([
      lose('worker', () => inNode('worker', 'systemctl stop kubelet')),
      lose('worker2', () => execFileSync('docker', ['pause', node('worker2')])),
    ]);
    inNode('worker', 'systemctl start kubelet');
    execFileSync('docker', ['unpause', node('worker2')]);
    for (const [run, worker] of [
      [kubelet, 'worker'],
      [machine, 'worker2'],
    ] as const) {
      expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'evicted' }, tests: interruptedCounts });
      expect(reasonOf(run.onDisk)).toMatch(
        new RegExp(
          `^the node ${node(worker)} of the test pod \\S+ was lost: NodeStatusUnknown: Kubelet stopped posting`,
        ),
      );
      expect(finishedOf(run)).toHaveLength(3);
      expect(partial(run)).toBe('[2]\n');
      // 300 s is how long Kubernetes waits by itself.
      expect(run.onDisk.phases.find((phase) => phase.name === 'tests')?.seconds).toBeLessThan(120);
    }
    // The log of a node that still answers docker is whole; that of one that does not notes that its end is not certain.
    expect(linesOf(kubelet).join('\n')).not.toContain('the log is not complete');
    expect(linesOf(machine).at(-1)).toMatch(/^\[k8s-test-action: the log is not complete here: /);
  });
});

/** Kills the API server, and lets it come back after 20 s. */
const restartApiServer = () => {
  const manifest = '/etc/kubernetes/manifests/kube-apiserver.yaml';
  const script = `mv ${manifest} /root/; pkill -KILL kube-apiserver; sleep 20; mv /root/kube-apiserver.yaml ${manifest}`;
  spawn('docker', ['exec', node('control-plane'), 'bash', '-c', script], { stdio: 'ignore' });
};

describe('fault 7: the API server', () => {
  test('restarts under a user of an existing cluster, whose permissions it has to read again: nothing is lost', async () => {
    const admin = cluster.kubeconfigPath;
    kubectl(admin, ['create', 'namespace', 'k8s-test-action']);
    kubectl(admin, ['create', 'serviceaccount', 'runner', '--namespace', 'k8s-test-action']);
    kubectl(admin, ['auth', 'reconcile', '--filename=deploy/own-namespace.yaml']);
    const token = kubectl(admin, ['create', 'token', 'runner', '--namespace', 'k8s-test-action']).trim();
    let isSeen = false;
    const run = await runOnExisting({
      kubeconfig: writeUserKubeconfig(admin, { token }),
      script: `for i in $(seq 1 30); do echo line $i; echo $i >> /results/lines; sleep 1; done; ${pytestScript('def test_one(): pass')}`,
      onPrinted: (line) => {
        if (isSeen || line !== 'line 3') return;
        isSeen = true;
        restartApiServer();
      },
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 1, passed: 1 } });
    const lines = run.printed.filter((line) => line.startsWith('line '));
    expect(lines).toEqual(Array.from({ length: 30 }, (_, i) => `line ${i + 1}`));
    expect(readFileSync(path.join(run.dir.results, 'lines'), 'utf8').trim().split('\n')).toHaveLength(30);
    expect(run.onDisk.warnings).toEqual([
      expect.stringMatching(/^the API server did not answer for \d\d s, and answers again: /),
    ]);
    expect(run.problems).toEqual([]);
  });

  test('is killed and away for 20 s: nothing is lost, and there is one warning', async () => {
    const suite = `import time
def test_one(): pass
def test_long():
  for i in range(450):
    print(f"line {i} " + "x" * 16000, flush=True)
    time.sleep(0.1)
def test_three(): pass
`;
    const run = await runUntil({
      script: pytestScript(suite, '-s'),
      seen: 'line 30 ',
      do: restartApiServer,
    });
    expect(run.onDisk).toMatchObject({ outcome: 'passed', failure: null, tests: { total: 3, passed: 3 } });
    const lines = readTestLog(run).split('\n');
    // pytest's own words are around and between the lines of the test.
    const numbered = lines
      .map((line) => /line (\d+) x{16000}/.exec(line)?.[1])
      .filter((number) => number !== undefined);
    expect(numbered).toEqual(Array.from({ length: 450 }, (_, i) => String(i)));
    expect(run.onDisk.warnings).toEqual([
      expect.stringMatching(/^the API server did not answer for \d\d s, and answers again: /),
    ]);
  });

  test('is gone for good: api, with the results and the log that the node has', async () => {
    const run = await runUntil({
      script: counting(1200),
      seen: 'line 30 ',
      do: () =>
        inNode('control-plane', 'mv /etc/kubernetes/manifests/kube-apiserver.yaml /root/; pkill -KILL kube-apiserver'),
    });
    try {
      expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'api' } });
      expect(reasonOf(run.onDisk)).toMatch(/^the API server has not answered for 6\d s$/);
      // The tests went on without it: ten lines a second, which its log endpoint never returned.
      const log = readTestLog(run);
      expect(log.split('\n').length).toBeGreaterThan(300);
      expect(
        readFileSync(path.join(run.dir.results, 'truth'), 'utf8').startsWith(log.slice(0, log.lastIndexOf('\n') + 1)),
      ).toBe(true);
      expect(run.onDisk.warnings.filter((warning) => warning.includes('log'))).toEqual([]);
    } finally {
      inNode('control-plane', 'mv /root/kube-apiserver.yaml /etc/kubernetes/manifests/');
    }
  });
});
