import { describe, expect, test } from 'vitest';
import { findIncidents, orderIncidents } from '../../src/diagnose/classify-incident.ts';
import type { ContainerStatus, Pod } from '../../src/kube/objects.ts';
import { recorded } from './recorded.ts';

const now = '2026-11-24T12:00:00.000Z';

/** A pod as it was recorded when it was well. */
const well = recorded('rolling-update').pods[0]!;
const { name } = well.metadata;
const containers = (change: (status: ContainerStatus) => Partial<ContainerStatus>): Pod => ({
  ...well,
  status: {
    ...well.status,
    containerStatuses: well.status!.containerStatuses!.map((status) => ({ ...status, ...change(status) })),
  },
});
const withReady = (pod: Pod, status: string): Pod => ({
  ...pod,
  status: {
    ...pod.status,
    conditions: [{ type: 'Ready', status, lastTransitionTime: '2026-11-24T11:59:58Z' }],
  },
});
const oom = {
  exitCode: 137,
  reason: 'OOMKilled',
  startedAt: '2026-11-24T11:00:00Z',
  finishedAt: '2026-11-24T11:59:57Z',
};

describe('what happens to a pod of the platform', () => {
  test('a container killed for memory is reported once, whether it is seen dead or restarted', () => {
    const dead = withReady(
      containers(() => ({ ready: false, state: { terminated: oom } })),
      'False',
    );
    const restarted = containers(() => ({ restartCount: 1, lastState: { terminated: oom } }));
    const expected = [
      { at: oom.finishedAt, pod: name, container: 'main', what: 'restarted (OOMKilled at its limit of the node)' },
    ];
    expect(findIncidents(well, dead, [], now)).toEqual(expected);
    expect(findIncidents(well, restarted, [], now)).toEqual(expected);
    expect(findIncidents(dead, restarted, [], now)).toEqual([]);
  });

  test("readiness that is lost is reported with the probe's answer", () => {
    const facts = recorded('never-ready-http');
    const events = facts.events.map((event) => ({
      ...event,
      involvedObject: { ...event.involvedObject, uid: well.metadata.uid },
    }));
    const sick = withReady(
      containers(() => ({ ready: false })),
      'False',
    );
    expect(findIncidents(well, sick, events, now)).toEqual([
      {
        at: '2026-11-24T11:59:58Z',
        pod: name,
        container: 'main',
        what: 'lost its readiness (readiness probe: HTTP probe failed with statuscode: 404)',
      },
    ]);
    expect(findIncidents(sick, sick, events, now)).toEqual([]);
  });

  test('a restart by a liveness probe names the probe', () => {
    const killed = containers(() => ({ restartCount: 1, lastState: { terminated: { ...oom, reason: 'Error' } } }));
    const events = recorded('liveness-loop').events.map((event) => ({
      ...event,
      involvedObject: { ...event.involvedObject, uid: well.metadata.uid },
    }));
    expect(findIncidents(well, killed, events, now)[0]?.what).toBe(
      'restarted by its liveness probe: event loop is stuck',
    );
  });

  test('an eviction is reported with its own message, a deletion as such, and once', () => {
    const evicted = recorded('evicted').pods.find((pod) => pod.status?.reason === 'Evicted')!;
    expect(findIncidents(well, { ...evicted, metadata: well.metadata }, [], now)).toEqual([
      {
        at: now,
        pod: name,
        container: '',
        what: 'was evicted: Pod ephemeral local storage usage exceeds the total limit of containers 4Mi.',
      },
    ]);
    const going = { ...well, metadata: { ...well.metadata, deletionTimestamp: now } };
    expect(findIncidents(well, going, [], now)).toEqual([
      { at: now, pod: name, container: '', what: 'is being deleted' },
    ]);
    expect(findIncidents(going, undefined, [], now)).toEqual([]);
    expect(findIncidents(well, undefined, [], now)).toEqual([
      { at: now, pod: name, container: '', what: 'was deleted' },
    ]);
  });

  test('a pod that stays well is no incident', () => {
    expect(findIncidents(well, well, [], now)).toEqual([]);
  });
});

test('a loss of readiness that began an end is not reported beside it', () => {
  const incident = (seconds: number, what: string, pod = name) => ({
    at: new Date(Date.parse(now) + seconds * 1000).toISOString(),
    pod,
    container: 'main',
    what,
  });
  const told = orderIncidents([
    incident(3, 'restarted (exit code 1)'),
    incident(1, 'lost its readiness (x)'),
    incident(40, 'lost its readiness (y)'),
    incident(2, 'lost its readiness (z)', 'other'),
  ]);
  expect(told.map(({ what }) => what)).toEqual([
    'lost its readiness (z)',
    'restarted (exit code 1)',
    'lost its readiness (y)',
  ]);
});
