import { describe, expect, test } from 'vitest';
import { classifyPull } from '../../src/diagnose/classify-image.ts';
import { mayChange } from '../../src/pipeline/pull-early.ts';
import { listAwaitedImages } from '../../src/platform/chart.ts';

const pods = (container: object, more: object = {}) => ({
  ...more,
  template: { spec: { containers: [{ name: 'c', ...container }] } },
});
const web = (spec: object, kind = 'Deployment', annotations = {}) => ({
  kind,
  metadata: { name: 'web', annotations },
  spec,
});

describe('the images that a chart must have', () => {
  test('are those of the pods of its Deployments and StatefulSets, init containers too', () => {
    const spec = { template: { spec: { initContainers: [{ image: 'init:1' }], containers: [{ image: 'web:1' }] } } };
    expect(listAwaitedImages([null, web(spec), web(pods({ image: 'db:1' }), 'StatefulSet')])).toEqual([
      { image: 'init:1', owner: 'Deployment/web' },
      { image: 'web:1', owner: 'Deployment/web' },
      { image: 'db:1', owner: 'StatefulSet/web' },
    ]);
  });

  test.each([
    ['of no replicas', web(pods({ image: 'a' }, { replicas: 0 }))],
    ['of a paused Deployment', web(pods({ image: 'a' }, { paused: true }))],
    ['of a hook', web(pods({ image: 'a' }), 'Deployment', { 'helm.sh/hook': 'post-delete' })],
    ['that is never pulled', web(pods({ image: 'a', imagePullPolicy: 'Never' }))],
    ['of a CronJob', web({ jobTemplate: { spec: pods({ image: 'a' }) } }, 'CronJob')],
    ['of a DaemonSet', web(pods({ image: 'a' }), 'DaemonSet')],
  ])('are none %s', (_, manifest) => expect(listAwaitedImages([manifest])).toEqual([]));
});

test.each([
  ['webhooks that change pods', { kind: 'MutatingWebhookConfiguration' }, true],
  ['an operator that may make such', { rules: [{ resources: ['mutatingwebhookconfigurations'] }] }, true],
  ['a policy that changes pods', { kind: 'MutatingAdmissionPolicy' }, true],
  ['credentials of its own', { imagePullSecrets: [{ name: 'own' }] }, true],
  ['files of the node', { volumes: [{ hostPath: { path: '/etc' } }] }, true],
  ['none of these', { kind: 'Deployment', image: 'web:1' }, false],
])('of a chart with %s, what is pulled may change: %o is %s', (_, manifest, may) =>
  expect(mayChange([manifest])).toBe(may),
);

// As `ctr images pull` of containerd 1.6 printed them, behind "ctr: ".
test.each([
  [
    'floe-example:not-there',
    'failed to resolve reference "docker.io/library/floe-example:not-there": failed to do request: Head "https://registry-1.docker.io/v2/library/floe-example/manifests/not-there": dial tcp: lookup registry-1.docker.io on 172.18.0.1:53: no such host',
    'image-registry-unknown',
  ],
  [
    'r:5000/denied/not-there:404',
    'failed to resolve reference "r:5000/denied/not-there:404": r:5000/denied/not-there:404: not found',
    'image-not-found',
  ],
])('of %s a node says %o: %s', (image, message, code) => {
  const { failure } = classifyPull(image, 'Deployment/web', message);
  expect(failure).toMatchObject({ code, image, evidence: [message] });
  expect(failure.reason).toContain('(Deployment/web): ');
});
