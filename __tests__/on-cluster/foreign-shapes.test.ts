import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { sharedImage } from './global-setup.ts';
import { runChart } from './run-chart.ts';
import { runOnExisting } from './run-on-existing.ts';
import { pytestScript, runOnSharedCluster } from './run-on-shared-cluster.ts';
import { deployment, shell, writeChart } from './write-chart.ts';

const passing = pytestScript('def test_ok():\n    assert True\n');
const namespaces: string[] = [];

/** A namespace beside that of the release, which the chart makes and the file removes. */
function otherNamespace(): { name: string; template: string } {
  const name = `beside-${process.pid}-${namespaces.length}`;
  namespaces.push(name);
  return { name, template: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }) };
}

function kubectl(args: string[]): string {
  const env = { ...process.env, KUBECONFIG: inject('cluster').kubeconfigPath };
  return execFileSync('kubectl', args, { env, encoding: 'utf8', stdio: 'pipe' });
}

beforeAll(() => {
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'externalsecrets.shapes.test' },
    spec: {
      group: 'shapes.test',
      names: { kind: 'ExternalSecret', plural: 'externalsecrets', singular: 'externalsecret' },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  };
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'crd-')), 'crd.json');
  writeFileSync(file, JSON.stringify(crd));
  kubectl(['apply', '-f', file]);
});
afterAll(() => {
  if (namespaces.length > 0) kubectl(['delete', '--ignore-not-found', '--wait=false', 'namespace', ...namespaces]);
  kubectl(['delete', '--ignore-not-found', 'customresourcedefinition', 'externalsecrets.shapes.test']);
});

describe('what a chart makes in another namespace than that of its release', () => {
  test.concurrent('ends the run when it crash-loops there, with its last lines and its log, and is no green run', async () => {
    const { name, template } = otherNamespace();
    const run = await runChart({
      script: passing,
      chart: writeChart({
        'namespace.yaml': template,
        'db.yaml': deployment(
          'db',
          { command: shell("sleep 1; echo 'FATAL: no space left for WAL'; exit 3") },
          { metadata: { namespace: name } },
        ),
      }),
    });
    const { failure } = run.verdict;
    expect(run.verdict.outcome).toBe('broken');
    expect(failure).toMatchObject({ kind: 'chart', reason: expect.stringContaining(`in namespace ${name}: `) });
    expect(failure?.reason).toContain('exit code 3');
    expect(failure?.evidence.join('\n')).toContain('FATAL: no space left for WAL');
    const logs = path.join(run.dir.logs, name);
    const [pod = ''] = readdirSync(logs);
    const files = readdirSync(path.join(logs, pod)).map((file) => readFileSync(path.join(logs, pod, file), 'utf8'));
    expect(files.join('\n')).toContain('FATAL: no space left for WAL');
    expect(existsSync(path.join(run.dir.cluster, name, 'pods.yaml'))).toBe(true);
  });

  test.concurrent('is named when its image does not exist, where before there was "no pod yet"', async () => {
    const { name, template } = otherNamespace();
    const run = await runChart({
      script: passing,
      chart: writeChart({
        'namespace.yaml': template,
        'db.yaml': deployment(
          'db',
          { image: 'registry.invalid/no/such:1', imagePullPolicy: 'IfNotPresent' },
          { metadata: { namespace: name } },
        ),
      }),
      given: { 'platform-timeout': '150s' },
    });
    expect(run.verdict.failure?.reason).toContain(`in namespace ${name}: `);
    expect(run.verdict.failure?.reason).toContain('registry.invalid/no/such:1');
  });
});

test.concurrent('a chart that holds the namespace of its own release is installed, as helm install --create-namespace installs it', async () => {
  const run = await runChart({
    script: passing,
    chart: writeChart({
      'namespace.yaml':
        'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {{ .Release.Namespace }}\n  labels: {team: shop}\n',
      'web.yaml': deployment('web', {}),
    }),
  });
  expect(run.verdict.failure).toBeNull();
  expect(run.verdict.outcome).toBe('passed');
});

test.concurrent('a chart that has a label twice, which Helm installs, is installed', async () => {
  const run = await runChart({
    script: passing,
    chart: writeChart({
      'web.yaml': deployment('web', {}),
      'words.yaml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: words\n  labels: &labels\n    app: web\n    app: web\n    !!merge <<: {tier: front}\n  annotations: !!string {}\n',
    }),
  });
  expect(run.verdict.failure).toBeNull();
  expect(run.verdict).toMatchObject({ outcome: 'passed', warnings: [] });
});

test.concurrent('Services that lead out of the cluster, to nowhere, by UDP or to a load balancer that Kind lacks hold up nothing', async () => {
  const spec = (name: string, parts: object) =>
    JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: parts });
  const selector = { app: 'web' };
  const run = await runChart({
    script: passing,
    chart: writeChart({
      'web.yaml': deployment('web', { command: shell('exec python3 -m http.server 8000') }),
      'balanced.yaml': spec('balanced', { type: 'LoadBalancer', selector, ports: [{ port: 80, targetPort: 8000 }] }),
      'outside.yaml': spec('outside', { type: 'ExternalName', externalName: 'example.invalid' }),
      'dead.yaml': spec('dead', { ports: [{ port: 80 }] }),
      'slice.yaml': JSON.stringify({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'dead-1', labels: { 'kubernetes.io/service-name': 'dead' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['203.0.113.9'] }],
        ports: [{ port: 80 }],
      }),
      'statsd.yaml': spec('statsd', { selector, ports: [{ port: 8125, protocol: 'UDP' }] }),
    }),
  });
  expect(run.verdict.failure).toBeNull();
  expect(run.verdict).toMatchObject({ outcome: 'passed', warnings: [] });
});

test.concurrent.each([
  ['after a second', 'sleep 1; '],
  ['at once', ''],
])(
  'a Pod that is a hook, fails %s and is deleted by Helm is named with its exit code and its last lines',
  async (_, before) => {
    const annotations = { 'helm.sh/hook': 'pre-install', 'helm.sh/hook-delete-policy': 'hook-failed' };
    const main = {
      image: sharedImage,
      imagePullPolicy: 'Never',
      command: shell(`${before}echo 'ERROR: no orders'; exit 7`),
    };
    const run = await runChart({
      script: passing,
      chart: writeChart({
        'hook.yaml': JSON.stringify({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'migrate', annotations },
          spec: { restartPolicy: 'Never', containers: [{ name: 'main', ...main }] },
        }),
      }),
    });
    expect(run.verdict).toMatchObject({ outcome: 'broken', failure: { kind: 'chart' } });
    expect(run.verdict.failure?.reason).toMatch(/^pod migrate failed, .*container main ended with exit code 7$/);
    // The node deletes the log with the pod, so that it has to be followed from before the container starts.
    const evidence = run.verdict.failure?.evidence ?? [];
    const title = evidence.indexOf('last lines of container main of pod migrate:');
    expect(evidence.slice(title, title + 2)).toEqual([
      'last lines of container main of pod migrate:',
      'ERROR: no orders',
    ]);
  },
);

test.concurrent('what a chart makes in other namespaces of an existing cluster is removed after the run, and a namespace that was there stays', async () => {
  const made = otherNamespace();
  const standing = `standing-${process.pid}`;
  namespaces.push(standing);
  kubectl(['create', 'namespace', standing]);
  // A failing object of others, which does not concern the run.
  kubectl(['create', 'deployment', 'theirs', '--image=registry.invalid/no/such:1', '--namespace', standing]);
  // Kubernetes dates objects by the second: what is made in the second in which a run starts may be its own.
  const second = () => Math.floor(Date.now() / 1000);
  const createdAt = second();
  await expect.poll(second).toBeGreaterThan(createdAt);
  const sleeping = { readinessProbe: { exec: { command: ['true'] } } };
  const run = await runOnExisting({
    kubeconfig: inject('cluster').kubeconfigPath,
    script: pytestScript('def test_no(): assert 0\n'),
    given: {
      chart: writeChart({
        'namespace.yaml': made.template,
        'db.yaml': deployment('db', sleeping, { metadata: { namespace: made.name } }),
        'worker.yaml': deployment('worker', sleeping, { metadata: { namespace: standing } }),
      }),
    },
  });
  expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'failed', warnings: [] });
  expect(run.onDisk.failure?.reason).toBe('1 of 1 tests failed: test_no');
  expect(run.problems).toEqual([]);
  for (const name of [made.name, standing]) expect(readdirSync(path.join(run.dir.logs, name))).toHaveLength(1);
  const names = kubectl(['get', 'namespaces', '--output=name']);
  expect(names).toContain(standing);
  expect(names).not.toContain(made.name);
  expect(kubectl(['get', 'deployments', '--namespace', standing, '--output=name'])).toBe('deployment.apps/theirs\n');
});

test.concurrent('a custom resource that Helm waits for is named with its condition, and the hint names helm-wait', async () => {
  const run = await runChart({
    script: passing,
    chart: writeChart({
      'secret.yaml': JSON.stringify({
        apiVersion: 'shapes.test/v1',
        kind: 'ExternalSecret',
        metadata: { name: 'db' },
        status: {
          conditions: [
            {
              type: 'Ready',
              status: 'False',
              reason: 'SecretSyncedError',
              message: 'could not get secret data from provider',
            },
          ],
        },
      }),
      'web.yaml': deployment('web', {}),
    }),
    given: { 'platform-timeout': '40s' },
  });
  const { failure } = run.verdict;
  expect(failure?.reason).toContain(
    'ExternalSecret db has Ready=False (SecretSyncedError): could not get secret data from provider',
  );
  expect(failure?.hint).toContain('helm-wait');
});

test.concurrent('a Job with octal modes, a merge key and a boolean of YAML 1.1 runs as kubectl would run it', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'job-'));
  const file = path.join(directory, 'job.yaml');
  writeFileSync(
    file,
    `apiVersion: v1
kind: ConfigMap
metadata: {name: scripts, namespace: default}
data: {id: secret}
---
apiVersion: batch/v1
kind: Job
metadata: {generateName: e2e-, namespace: default}
spec:
  template:
    spec:
      automountServiceAccountToken: no
      restartPolicy: Never
      volumes: [{name: scripts, configMap: {name: scripts, defaultMode: 0400}}]
      initContainers:
      - &base
        name: base
        image: ${sharedImage}
        imagePullPolicy: Never
        command: ['true']
        env: [{name: DB_HOST, value: db}]
        volumeMounts: [{name: scripts, mountPath: /scripts}]
      containers:
      - <<: *base
        name: tests
        command:
        - sh
        - -c
        - |
          test "$DB_HOST" = db && test "$(stat -L -c %a /scripts/id)" = 400 && ! test -e /var/run/secrets/kubernetes.io
          status=$?
          ${passing.replaceAll('\n', '\n          ')}
          exit $status
`,
  );
  const run = await runOnSharedCluster({ given: { job: file } });
  expect(run.verdict.failure).toBeNull();
  expect(run.verdict.outcome).toBe('passed');
});
