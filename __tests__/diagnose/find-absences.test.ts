import { describe, expect, test } from 'vitest';
import { findAbsences, isStandingIn, makerOf } from '../../src/diagnose/find-absences.ts';
import { recorded } from './recorded.ts';

const at = '2026-11-24T12:00:00.000Z';
/** A Deployment of two pods, both of them ready. */
const well = recorded('rolling-update');
const web = { namespace: well.pods[0]?.metadata.namespace, kind: 'Deployment', name: 'web' };
const scaledTo = (replicas: number) =>
  well.deployments.map((deployment) => ({ ...deployment, spec: { ...deployment.spec, replicas } }));

describe('a part of the platform', () => {
  test('that has a ready pod is there, whichever ReplicaSet the pod is of', () => {
    expect(makerOf(well.pods[0]!, well)).toMatchObject(web);
    expect(findAbsences(well, at)).toEqual([]);
    expect(findAbsences({ ...well, pods: well.pods.slice(0, 1) }, at)).toEqual([]);
  });

  test('that is scaled to nothing is named, and what did it', () => {
    expect(findAbsences({ ...well, pods: [], deployments: scaledTo(0) }, at)).toEqual([
      {
        at,
        pod: 'web',
        container: '',
        what: 'had no pod: its Deployment is scaled to 0',
        lasts: true,
        wasBefore: true,
      },
    ]);
  });

  test('that has the name of a part in another namespace is not replaced by that', () => {
    const elsewhere = well.deployments.map((one) => ({
      ...one,
      metadata: { ...one.metadata, uid: 'other', namespace: 'other' },
    }));
    expect(isStandingIn({ ...web, namespace: 'other' }, well)).toBe(false);
    const absences = findAbsences({ ...well, deployments: [...well.deployments, ...elsewhere] }, at);
    expect(absences).toMatchObject([{ pod: 'web', what: 'had no ready pod: its Deployment wants 2' }]);
  });

  test.each([
    [
      'never-ready-http',
      /^web had no ready pod: container main of pod web-\S+ runs but is not ready: readiness probe: /,
    ],
    ['crash-loop', /^web had no ready pod: container main of pod web-\S+ crashes repeatedly: /],
    ['start-config-key-missing', /^web had no ready pod: container main of pod web-\S+ cannot be created: /],
    ['quota-deployment', /^web had no ready pod: Deployment web may not create its pod: exceeded quota: small/],
  ])('whose pods are not ready is named with what is wrong with them: %s', (fault, words) => {
    const [absence, ...others] = findAbsences(recorded(fault), at).map(({ pod, what }) => `${pod} ${what}`);
    expect(absence).toMatch(words);
    expect(others).toEqual([]);
  });

  test('of which nothing is known but that it has no pod is named with what it wants', () => {
    expect(findAbsences({ ...well, pods: [], events: [] }, at)).toMatchObject([
      { pod: 'web', what: 'had no ready pod: its Deployment wants 2' },
    ]);
  });

  test('has no ready pod when its only pod is being deleted', () => {
    const going = well.pods.map((pod) => ({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: at } }));
    expect(isStandingIn(web, well)).toBe(true);
    expect(isStandingIn(web, { ...well, pods: going })).toBe(false);
  });
});
