import { describe, expect, test } from 'vitest';
import { readJobManifest } from '../../src/inputs/job-manifest.ts';
import { adaptJob } from '../../src/job/adapt-job.ts';

const options = { namespace: 'shop', resultsPath: '/results', container: undefined };

function adapt(text: string) {
  const read = readJobManifest(text, options);
  expect(read.problems).toBeUndefined();
  return adaptJob(read.testJob!, { runId: 'r1', namespace: 'shop', env: [], loadedImages: new Set(), netSeconds: 60 });
}

/** As `helm create shop` of Helm 4.1 writes it, and `helm template` renders it. */
const testConnection = `---
# Source: shop/templates/tests/test-connection.yaml
apiVersion: v1
kind: Pod
metadata:
  name: "shop-test-connection"
  labels:
    app.kubernetes.io/name: shop
  annotations:
    "helm.sh/hook": test
spec:
  containers:
    - name: wget
      image: busybox
      command: ['wget']
      args: ['shop:80']
  restartPolicy: Never
`;

/** As `kubectl get job e2e -o yaml` gives it of a finished Job. */
const exported = `apiVersion: batch/v1
kind: Job
metadata:
  annotations:
    batch.kubernetes.io/job-tracking: ""
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"batch/v1"}
    team: shop
  creationTimestamp: "2026-11-20T10:00:00Z"
  generation: 1
  labels:
    app: e2e
    batch.kubernetes.io/controller-uid: 8b1c
    batch.kubernetes.io/job-name: e2e
    controller-uid: 8b1c
    job-name: e2e
  name: e2e
  namespace: default
  resourceVersion: "4711"
  uid: 8b1c
spec:
  backoffLimit: 6
  completionMode: NonIndexed
  completions: 1
  manualSelector: false
  parallelism: 1
  podReplacementPolicy: TerminatingOrFailed
  selector:
    matchLabels:
      batch.kubernetes.io/controller-uid: 8b1c
  suspend: true
  template:
    metadata:
      creationTimestamp: null
      labels:
        app: e2e
        batch.kubernetes.io/controller-uid: 8b1c
        batch.kubernetes.io/job-name: e2e
        controller-uid: 8b1c
        job-name: e2e
    spec:
      containers: [{name: tests, image: "tests:1"}]
      restartPolicy: OnFailure
status:
  succeeded: 1
`;

describe('a Pod', () => {
  test('that helm create wrote as a test runs as a Job, with its command, its labels and without its hook', () => {
    const { job, changes } = adapt(testConnection);
    expect(job).toMatchObject({ kind: 'Job', metadata: { name: 'shop-test-connection', namespace: 'shop' } });
    expect(job.spec).toMatchObject({
      backoffLimit: 0,
      template: {
        metadata: { labels: { 'app.kubernetes.io/name': 'shop' } },
        spec: { restartPolicy: 'Never', containers: [{ name: 'wget', command: ['wget'], args: ['shop:80'] }] },
      },
    });
    expect(JSON.stringify(job)).not.toContain('helm.sh/hook');
    expect(changes[0]).toBe(
      'Pod/shop-test-connection: run as Job/shop-test-connection, so that its end is kept and awaited',
    );
  });

  test('beside a Job is what the Job needs, and no test', () => {
    const { job, supportingResources } = adapt(`${exported}\n${testConnection}`);
    expect(job.metadata.name).toBe('e2e');
    expect(supportingResources.map(({ kind }) => kind)).toEqual(['Pod']);
  });

  test('is refused when there are two of them, since it is not known which is the test', () => {
    const read = readJobManifest(testConnection + testConnection.replaceAll('shop-', 'other-'), options);
    expect(read.problems?.map(({ problem }) => problem)).toEqual([
      'holds 2 Jobs (shop-test-connection, other-test-connection); exactly one is the test',
    ]);
  });

  test('that was exported is not bound to the node that it ran on', () => {
    const text = testConnection.replace('  restartPolicy: Never', '  nodeName: worker-7\n  restartPolicy: Always');
    const { job, changes } = adapt(text);
    expect(job.spec.template.spec).not.toHaveProperty('nodeName');
    expect(job.spec.template.spec.restartPolicy).toBe('Never');
    expect(changes.join('\n')).toContain('left out what the cluster wrote that it was exported from: spec.nodeName');
  });
});

describe('a Job', () => {
  test('as kubectl get -o yaml gives it runs again, without fields that only its cluster can set, and reports what was left out', () => {
    const { job, changes } = adapt(exported);
    const text = JSON.stringify(job);
    for (const word of ['controller-uid', 'job-name', 'resourceVersion', '8b1c', 'status', 'last-applied', 'selector'])
      expect(text).not.toContain(word);
    expect(job.metadata).toMatchObject({ labels: { app: 'e2e' }, annotations: { team: 'shop' }, namespace: 'shop' });
    expect(job.spec).toMatchObject({ suspend: false, backoffLimit: 0, completionMode: 'NonIndexed' });
    expect(changes.join('\n')).toMatch(/left out .*: status, metadata\.uid, .*spec\.selector/);
    expect(changes).toContain('suspend: false (was true): it is started now');
  });

  test('keeps a selector that its author chose', () => {
    const { job } = adapt(exported.replace('manualSelector: false', 'manualSelector: true'));
    expect(job.spec.selector).toEqual({ matchLabels: { 'batch.kubernetes.io/controller-uid': '8b1c' } });
  });

  test('that only has generateName gets a name from it, which is reported', () => {
    const { job, changes } = adapt(
      'apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: e2e-}\nspec: {template: {spec: {containers: [{name: t}]}}}',
    );
    expect(job.metadata.name).toBe('e2e');
    expect(job.metadata).not.toHaveProperty('generateName');
    expect(changes).toContain('metadata.name: e2e (was generateName e2e-)');
  });

  test('in namespace default, which helm template writes, runs in the namespace of the run, with its supporting resources', () => {
    const binding = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: default}
subjects: [{kind: ServiceAccount, name: e2e, namespace: default}, {kind: ServiceAccount, name: other, namespace: ops}]
`;
    const { job, supportingResources, changes } = adapt(exported + binding);
    expect(job.metadata.namespace).toBe('shop');
    expect(supportingResources[0]).toMatchObject({
      metadata: { namespace: 'shop' },
      subjects: [{ namespace: 'shop' }, { namespace: 'ops' }],
    });
    expect(changes).toContain('Job/e2e: namespace shop (was default): the run has a namespace of its own');
  });

  test('in any other namespace is refused, since it would not be where the run looks', () => {
    const read = readJobManifest(exported.replace('namespace: default', 'namespace: prod'), options);
    expect(read.problems?.[0]?.problem).toContain('puts Job/e2e into namespace "prod"');
  });

  test('of a List with its supporting resources is read item by item', () => {
    const items = [exported, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: words}\n'].map((one) =>
      one.trim().replaceAll('\n', '\n  ').replace(/^/, '- '),
    );
    const { job, supportingResources } = adapt(`apiVersion: v1\nkind: List\nitems:\n${items.join('\n')}\n`);
    expect([job.metadata.name, ...supportingResources.map(({ metadata }) => metadata.name)]).toEqual(['e2e', 'words']);
  });

  test('that another controller manages is started all the same, and a retry of one index is none', () => {
    const { job, changes } = adapt(
      exported.replace(
        '  completions: 1',
        '  managedBy: kueue.x-k8s.io/multikueue\n  backoffLimitPerIndex: 3\n  completions: 1',
      ),
    );
    expect(job.spec).not.toHaveProperty('managedBy');
    expect(job.spec).not.toHaveProperty('backoffLimitPerIndex');
    expect(changes.join('\n')).toContain('managedBy: left out (was kueue.x-k8s.io/multikueue)');
  });

  test('keeps its sidecars, which are init containers that restart', () => {
    const sidecar = 'initContainers: [{name: db, image: "db:1", restartPolicy: Always}]\n      containers: [{name';
    const { job } = adapt(exported.replace('containers: [{name', sidecar));
    expect(job.spec.template.spec.initContainers).toEqual([{ name: 'db', image: 'db:1', restartPolicy: 'Always' }]);
  });

  test('of several indexes is refused with the count, since a suite is one pod', () => {
    const indexed = exported.replace('NonIndexed', 'Indexed').replace('completions: 1', 'completions: 3');
    expect(readJobManifest(indexed, options).problems?.map(({ problem }) => problem)).toEqual([
      'has completions 3 in Job/e2e; a suite is one pod, so it must be 1 or left out; the input shards divides a suite among pods',
    ]);
  });
});

test('an exported Service and claim are created again, without the address and the volume of their cluster', () => {
  const { supportingResources } = adapt(`${exported}---
apiVersion: v1
kind: Service
metadata: {name: db, uid: a1}
spec: {clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7], ports: [{port: 5432}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, uid: a2, annotations: {pv.kubernetes.io/bind-completed: "yes"}}
spec: {volumeName: pvc-a2, accessModes: [ReadWriteOnce]}
status: {phase: Bound}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None}
`);
  expect(supportingResources.map(({ spec }) => spec)).toEqual([
    { accessModes: ['ReadWriteOnce'] },
    { ports: [{ port: 5432 }] },
    { clusterIP: 'None' },
  ]);
});
