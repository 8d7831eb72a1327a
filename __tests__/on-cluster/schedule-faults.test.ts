import { execFileSync } from 'node:child_process';
import { describe, expect, inject, test } from 'vitest';
import { type ChartRun, failedToSchedule, firstSeen, runChart, secondsUntilVerdict } from './run-chart.ts';
import { claim } from './write-chart.ts';

function apply(namespace: string, manifest: string): void {
  const env = { ...process.env, KUBECONFIG: inject('cluster').kubeconfigPath };
  execFileSync('kubectl', ['--namespace', namespace, 'apply', '-f', '-'], { env, input: manifest, stdio: 'pipe' });
}

const noPods = JSON.stringify({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: 'small' },
  spec: { hard: { 'requests.memory': '64Mi' } },
});

/** The pod of the tests, and what keeps it from starting. */
const faults: [
  what: string,
  options: Parameters<typeof runChart>[0],
  expected: { kind: string; reason: RegExp; hint: RegExp; visibleAt: (run: ChartRun) => string | undefined },
][] = [
  [
    'too much memory',
    { given: { memory: '900Gi' } },
    {
      kind: 'schedule',
      // Others of the shared cluster may have taken its cpu meanwhile, which then is reported as well.
      reason:
        /^pod integration-tests-\S+ cannot be placed on any node: .*Insufficient memory.*it asks for 900Gi of memory, the node has [\d.]+Gi left of [\d.]+Gi\)$/,
      hint: /Ask for less/,
      visibleAt: failedToSchedule,
    },
  ],
  [
    'a selector that no node has',
    { given: { 'node-selector': 'disktype=ssd' } },
    {
      kind: 'schedule',
      reason: /node affinity\/selector\. \(it wants disktype=ssd, which no node has\)$/,
      hint: /give a node the label/,
      visibleAt: failedToSchedule,
    },
  ],
  [
    'a claim that is not there',
    { given: { volumes: 'nothing=/data' } },
    {
      kind: 'schedule',
      reason:
        /^pod integration-tests-\S+ cannot be placed: the PersistentVolumeClaim nothing that it mounts does not exist$/,
      hint: /Create it/,
      visibleAt: failedToSchedule,
    },
  ],
  [
    'a claim that is not bound',
    {
      given: { volumes: 'data=/data' },
      before: async (namespace) => apply(namespace, claim('data', { storageClassName: 'fast-ssd' })),
    },
    {
      kind: 'schedule',
      reason: /^PersistentVolumeClaim data is not bound: the cluster has no StorageClass fast-ssd$/,
      hint: /standard/,
      visibleAt: failedToSchedule,
    },
  ],
  [
    'a quota',
    { given: { memory: '128Mi' }, before: async (namespace) => apply(namespace, noPods) },
    {
      kind: 'start',
      reason:
        /^Job integration-tests may not create its pod: exceeded quota: small, requested: requests\.memory=128Mi, used: requests\.memory=0, limited: requests\.memory=64Mi$/,
      hint: /memory and cpu of the tests/,
      visibleAt: (run) => firstSeen(run, 'FailedCreate'),
    },
  ],
  [
    'an admission that refuses',
    { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    {
      kind: 'start',
      reason: /^Job integration-tests may not create its pod: violates PodSecurity "restricted:latest"/,
      hint: /pod-security/,
      visibleAt: (run) => firstSeen(run, 'FailedCreate'),
    },
  ],
  [
    'a missing ServiceAccount',
    { given: { 'service-account': 'tests' } },
    {
      kind: 'start',
      reason: /^Job integration-tests may not create its pod: the ServiceAccount tests does not exist$/,
      hint: /service-account/,
      visibleAt: (run) => firstSeen(run, 'FailedCreate'),
    },
  ],
];

let runs: Map<string, Promise<ChartRun>> | undefined;

/** The first who asks starts them all at once. */
function runOf(what: string): Promise<ChartRun> {
  runs ??= new Map(
    faults.map(([name, options]) => {
      const run = runChart(options);
      // A request for it returns its failure.
      run.catch(() => undefined);
      return [name, run];
    }),
  );
  return runs.get(what)!;
}

describe('fault 5: the pod of the tests cannot be placed, or is not allowed to be created', () => {
  test.each(faults)('for %s: the reason has the numbers, and comes in seconds', async (what, _, expected) => {
    const run = await runOf(what);
    expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: expected.kind } });
    expect(run.onDisk.failure!.reason).toMatch(expected.reason);
    expect(run.onDisk.failure!.hint).toMatch(expected.hint);
    expect(run.onDisk.failure!.evidence.length).toBeGreaterThan(0);
    const seconds = secondsUntilVerdict(run, expected.visibleAt(run), 'tests');
    process.stdout.write(`measured: ${what}: ${seconds.toFixed(1)} s: ${run.onDisk.failure!.reason}\n`);
    // Six of them are patience for objects that may still be created.
    expect(seconds).toBeLessThan(16);
  });
});
