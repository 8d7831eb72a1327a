import { describe, expect, test } from 'vitest';
import { type JobManifest, type ManifestPodSpec, readJobManifest } from '../../src/inputs/job-manifest.ts';
import { adaptJob, giveSecrets } from '../../src/job/adapt-job.ts';
import { collectorName, needsCollector, routeResults } from '../../src/results/route-results.ts';

const collector = { image: 'busybox:1.37.0', imageUser: undefined };
const onKind = { resultsPath: '/results', resultsNodePath: '/k8s-test/results', collector };
const elsewhere = { ...onKind, resultsNodePath: undefined };

function jobOf(spec: object): JobManifest {
  const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'it' }, spec: { template: { spec } } };
  const read = readJobManifest(JSON.stringify(job), { namespace: 'a', resultsPath: '/results', container: 'test' });
  if (read.testJob === undefined) throw new Error(read.problems.map((one) => one.problem).join('; '));
  return read.testJob.job;
}

const sharedMount = { name: 'out', mountPath: '/results' };

describe('on Kind', () => {
  test('an emptyDir gives way to the runner’s disk for everybody who shares it', () => {
    const job = jobOf({
      containers: [
        { name: 'test', volumeMounts: [sharedMount] },
        { name: 'helper', volumeMounts: [{ name: 'out', mountPath: '/shared', readOnly: true }] },
      ],
      volumes: [
        { name: 'out', emptyDir: {} },
        { name: 'tmp', emptyDir: {} },
      ],
    });
    expect(routeResults(job, 'test', onKind).route).toEqual({ kind: 'host' });
    expect(job.spec.template.spec).toMatchObject({
      containers: [
        { volumeMounts: [{ name: 'k8s-test-results', mountPath: '/results' }] },
        { volumeMounts: [{ name: 'k8s-test-results', mountPath: '/shared', readOnly: true }] },
      ],
      volumes: [{ name: 'tmp' }, { name: 'k8s-test-results', hostPath: { path: '/k8s-test/results' } }],
    });
  });

  test('a part of an emptyDir gives way alone', () => {
    const job = jobOf({
      containers: [
        {
          name: 'test',
          volumeMounts: [
            { ...sharedMount, subPath: 'a' },
            { name: 'out', mountPath: '/b', subPath: 'b' },
          ],
        },
      ],
      volumes: [{ name: 'out', emptyDir: {} }],
    });
    routeResults(job, 'test', onKind);
    const { containers, volumes } = job.spec.template.spec;
    expect(containers[0]?.volumeMounts).toEqual([
      { name: 'k8s-test-results', mountPath: '/results' },
      { name: 'out', mountPath: '/b', subPath: 'b' },
    ]);
    expect(volumes?.map((volume) => volume.name)).toEqual(['out', 'k8s-test-results']);
  });

  test('a claim stays, and is read from the node', () => {
    const spec = {
      containers: [{ name: 'test', volumeMounts: [{ ...sharedMount, subPath: 'run' }] }],
      volumes: [{ name: 'out', persistentVolumeClaim: { claimName: 'artifacts' } }],
    };
    const job = jobOf(spec);
    expect(routeResults(job, 'test', onKind)).toEqual({
      route: { kind: 'node', claimName: 'artifacts', subPath: 'run' },
      changes: [],
    });
    expect(job.spec.template.spec).toEqual(spec);
  });
});

test('a volume that is neither on the runner’s disk nor a node’s needs a collector, and the Job stays as it was', () => {
  const needs = (volume: object) => {
    const job = jobOf({ containers: [{ name: 'test', volumeMounts: [sharedMount] }], volumes: [volume] });
    const before = structuredClone(job);
    const isNeeded = needsCollector({ job, supportingResources: [], container: 'test' }, '/results');
    expect(job).toEqual(before);
    return isNeeded;
  };
  expect(needs({ name: 'out', emptyDir: {} })).toBe(false);
  expect(needs({ name: 'out', persistentVolumeClaim: { claimName: 'results' } })).toBe(false);
  expect(needs({ name: 'out', nfs: { server: 'files', path: '/' } })).toBe(true);
});

describe('on any other cluster', () => {
  const securityOf = (spec: Partial<ManifestPodSpec>, imageUser?: number) => {
    const job = jobOf({ ...spec, containers: spec.containers ?? [{ name: 'test' }] });
    routeResults(job, 'test', { ...elsewhere, collector: { ...collector, imageUser } });
    return job.spec.template.spec.containers.find((one) => one.name === collectorName)?.securityContext;
  };

  test('a container of ours reads what the tests write', () => {
    const job = jobOf({ containers: [{ name: 'test' }] });
    expect(routeResults(job, 'test', elsewhere).route).toEqual({ kind: 'collector', claim: undefined });
    expect(job.spec.template.spec).toMatchObject({
      containers: [
        { name: 'test', volumeMounts: [{ name: 'k8s-test-results', mountPath: '/results' }] },
        { name: collectorName, volumeMounts: [{ name: 'k8s-test-results', readOnly: true }, {}] },
      ],
    });
  });

  test.each<[string, Partial<ManifestPodSpec>, number | undefined, number]>([
    ['the user of the container', { containers: [{ name: 'test', securityContext: { runAsUser: 7 } }] }, 9, 7],
    ['the user of the pod', { securityContext: { runAsUser: 8 } }, 9, 8],
    ['the user of the image', {}, 9, 9],
    ['root, who may read everything', {}, undefined, 0],
    ['nobody, where root is forbidden', { securityContext: { runAsNonRoot: true } }, undefined, 65534],
  ])('as %s', (_, spec, imageUser, user) => {
    const security = securityOf(spec, imageUser);
    expect(security).toMatchObject({ runAsUser: user, allowPrivilegeEscalation: false });
    expect(security?.capabilities).toEqual(user === 0 ? { drop: ['ALL'], add: ['DAC_OVERRIDE'] } : { drop: ['ALL'] });
  });
});

describe('a Job of the user’s own', () => {
  const options = { runId: 'abc', namespace: 'floe-test', env: [], loadedImages: new Set<string>(), netSeconds: 1000 };
  const adapt = (job: JobManifest, some: Partial<Parameters<typeof adaptJob>[1]> = {}) =>
    adaptJob({ job, supportingResources: [], container: 'test' }, { ...options, ...some });

  test('with our guarantees is not changed in anything that matters', () => {
    const job = jobOf({ restartPolicy: 'Never', containers: [{ name: 'test', image: 'tests:1' }] });
    job.spec.backoffLimit = 0;
    expect(adapt(job).changes).toEqual([]);
    expect(adapt(job).job).toMatchObject({
      metadata: { namespace: 'floe-test', labels: { 'k8s-test-action/run': 'abc' } },
      spec: { template: { metadata: { labels: { 'k8s-test-action/run': 'abc' } } } },
    });
  });

  test('is reported with everything that is changed', () => {
    const job = jobOf({
      restartPolicy: 'OnFailure',
      containers: [{ name: 'test', image: 'tests:1', imagePullPolicy: 'Always', env: [{ name: 'A', value: '1' }] }],
    });
    Object.assign(job.spec, { backoffLimit: 6, suspend: true, ttlSecondsAfterFinished: 0, activeDeadlineSeconds: 60 });
    const adapted = adapt(job, { loadedImages: new Set(['tests:1']), env: [['A', '2']] });
    expect(adapted.changes.map((change) => change.split(':')[0])).toEqual([
      'backoffLimit',
      'restartPolicy',
      'suspend',
      'ttlSecondsAfterFinished',
      'activeDeadlineSeconds',
      'imagePullPolicy of test',
      'env A',
    ]);
    expect(adapted.job.spec.template.spec.containers[0]).toMatchObject({
      imagePullPolicy: 'IfNotPresent',
      env: [{ name: 'A', value: '2' }],
    });
    expect(job.spec.backoffLimit).toBe(6);
  });

  test('gets secrets by reference, in place of variables of the same names', () => {
    const job = jobOf({ containers: [{ name: 'test', env: [{ name: 'TOKEN', value: 'dummy' }] }] });
    expect(giveSecrets(job, 'test', 'vault', ['TOKEN', 'KEY'])).toEqual([expect.stringMatching(/^env TOKEN/)]);
    expect(job.spec.template.spec.containers[0]?.env).toEqual([
      { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'vault', key: 'TOKEN' } } },
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 'vault', key: 'KEY' } } },
    ]);
  });
});
