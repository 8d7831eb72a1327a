import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { createCluster, findRefusedConfig } from '../../src/cluster/create-cluster.ts';
import { emptyFacts, factsNear } from '../../src/diagnose/namespace-facts.ts';
import { disablesNetwork, readUserKindConfig } from '../../src/inputs/user-kind-config.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { holdsNamespace, listOtherNamespaces } from '../../src/platform/chart.ts';
import { describeUnbalanced, describeUnready } from '../../src/platform/find-unready-resources.ts';

describe('the namespaces in which a chart makes pods', () => {
  const object = (apiVersion: string, kind: string, namespace?: string) => ({
    apiVersion,
    kind,
    metadata: { name: 'a', ...(namespace === undefined ? {} : { namespace }) },
  });

  test('are those of its workloads and of its custom resources, which may become pods there', () => {
    const manifests = [
      object('apps/v1', 'Deployment', 'data'),
      object('apps/v1', 'Deployment', 'data'),
      object('monitoring.coreos.com/v1', 'Prometheus', 'monitoring'),
      object('batch/v1', 'CronJob', 'jobs'),
      object('apps/v1', 'Deployment', 'shop'),
      object('apps/v1', 'Deployment'),
    ];
    expect(listOtherNamespaces(manifests, 'shop')).toEqual(['data', 'monitoring', 'jobs']);
  });

  test('are not those in which it only has a Role or a Service, as many charts have in kube-system', () => {
    const manifests = [
      object('rbac.authorization.k8s.io/v1', 'RoleBinding', 'kube-system'),
      object('v1', 'Service', 'kube-system'),
      object('networking.k8s.io/v1', 'NetworkPolicy', 'kube-system'),
      null,
      'text',
    ];
    expect(listOtherNamespaces(manifests, 'shop')).toEqual([]);
  });

  test('may be among what it makes, and its own release namespace too', () => {
    const manifests = [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, null];
    expect(holdsNamespace(manifests, 'shop')).toBe(true);
    expect(holdsNamespace(manifests, 'data')).toBe(false);
  });

  test('are judged one by one, so that a claim of one is not mistaken for a claim of the other', () => {
    const pod = (namespace: string): Pod => ({
      metadata: { name: 'db-0', uid: namespace, namespace },
      spec: { containers: [] },
    });
    const claims = ['shop', 'data'].map((namespace) => ({
      metadata: { name: 'data-db-0', uid: `c-${namespace}`, namespace },
    }));
    const facts = { ...emptyFacts, pods: [pod('shop'), pod('data')], claims };
    expect(factsNear(facts, pod('data')).claims).toEqual([claims[1]]);
    expect(factsNear(facts, pod('data')).pods).toHaveLength(2);
  });
});

describe('a custom resource that is not ready', () => {
  const resource = (status: object | undefined, metadata: object = {}) => ({
    kind: 'ExternalSecret',
    metadata: { name: 'db', uid: 'a', generation: 2, ...metadata },
    ...(status === undefined ? {} : { status }),
  });
  const conditions = (...list: object[]) => resource({ conditions: list });
  test.each([
    [
      'is told with its condition, its reason and its message',
      conditions({ type: 'Ready', status: 'False', reason: 'SecretSyncedError', message: 'no such key' }),
      'ExternalSecret db has Ready=False (SecretSyncedError): no such key',
    ],
    [
      'is told when it is not known',
      conditions({ type: 'Ready', status: 'Unknown' }),
      'ExternalSecret db has Ready=Unknown',
    ],
    [
      'is told when its controller says that it is at work, although it is ready',
      conditions({ type: 'Ready', status: 'True' }, { type: 'Reconciling', status: 'True', reason: 'Progressing' }),
      'ExternalSecret db has Reconciling=True (Progressing)',
    ],
    [
      'is told when its controller has given up',
      conditions({ type: 'Stalled', status: 'True', message: 'no such store' }),
      'ExternalSecret db has Stalled=True: no such store',
    ],
    [
      'is told when its controller has not seen its last change',
      resource({ observedGeneration: 1, conditions: [{ type: 'Ready', status: 'True' }] }),
      'ExternalSecret db is at generation 2, of which its controller has seen 1',
    ],
    [
      'is told when it is being deleted',
      resource({}, { deletionTimestamp: '2026-11-29T08:00:00Z' }),
      'ExternalSecret db is being deleted',
    ],
    ['is not told when it is ready', conditions({ type: 'Ready', status: 'True' }), undefined],
    [
      'is not told for a condition that Helm does not wait for',
      conditions({ type: 'Available', status: 'False' }),
      undefined,
    ],
    ['is not told when it does not say', resource(undefined), undefined],
  ])('%s', (_, object, expected) => {
    expect(describeUnready(object)).toBe(expected);
  });
});

describe('a Service of type LoadBalancer, for which Helm 3 waits', () => {
  const service = (spec: object, status: object = {}) => ({
    kind: 'Service',
    metadata: { name: 'web', uid: 'a' },
    spec,
    status,
  });
  test.each([
    [
      'is told where the cluster gives it no address, as Kind does',
      service({ type: 'LoadBalancer' }, { loadBalancer: {} }),
      'Service web of type LoadBalancer has no address, because the cluster has no load balancer for it',
    ],
    [
      'is not told once it has one',
      service({ type: 'LoadBalancer' }, { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } }),
      undefined,
    ],
    [
      'is not told where its author gave it one',
      service({ type: 'LoadBalancer', externalIPs: ['10.0.0.1'] }, { loadBalancer: {} }),
      undefined,
    ],
    ['is not told where it is of another type', service({ type: 'ClusterIP' }, { loadBalancer: {} }), undefined],
  ])('%s', (_, object, expected) => {
    expect(describeUnbalanced(object)).toBe(expected);
  });
});

describe('an error message of kind 0.32', () => {
  test.each([
    [
      'of fields that it does not know is told field by field',
      'Creating cluster\nERROR: failed to create cluster: unable to decode config: yaml: unmarshal errors:\n  line 4: field rolle not found in type v1alpha4.Node\n  line 6: cannot unmarshal !!seq into string\ncgroup v1 is deprecated in Kubernetes\n',
      'field rolle not found in type v1alpha4.Node; cannot unmarshal !!seq into string',
    ],
    [
      'of values that it does not take is told whole',
      'ERROR: failed to create cluster: [invalid ipFamily: six, invalid configuration for node 0: "x" is not a valid node role]\n',
      '[invalid ipFamily: six, invalid configuration for node 0: "x" is not a valid node role]',
    ],
    ['of anything else is none of the config', 'ERROR: failed to create cluster: failed to pull image\n', undefined],
  ])('%s', (_, output, expected) => {
    expect(findRefusedConfig(output)).toBe(expected);
  });
});

test('a kind-config with a field that kind does not know ends the run at once, as an input, and makes no second attempt', async () => {
  const workDir = mkdtempSync(path.join(tmpdir(), 'refused-config-'));
  const created = await createCluster(
    {
      name: 'k8s-test-refused-config',
      kind: 'kind',
      configYaml: 'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{rolle: worker}]\n',
      nodeImage: undefined,
      kubeconfigPath: path.join(workDir, 'kubeconfig'),
      workDir,
    },
    { signal: AbortSignal.timeout(60_000), waitingFor: () => undefined, quote: () => undefined },
  );
  expect(created).toMatchObject({
    ok: false,
    failure: { kind: 'input', reason: 'kind refuses kind-config: field rolle not found in type v1alpha4.Node' },
  });
});

test.each([
  ['networking: {disableDefaultCNI: true}', true],
  ['networking: {disableDefaultCNI: yes}', true],
  ['networking: {disableDefaultCNI: false}', false],
  ['networking: {}', false],
  ['{}', false],
])('a kind-config with %s leaves the network to the chart: %s', (text, expected) => {
  const body = text === '{}' ? '' : text;
  const config = readUserKindConfig(`kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n${body}\n`);
  expect(disablesNetwork(config)).toBe(expected);
});
