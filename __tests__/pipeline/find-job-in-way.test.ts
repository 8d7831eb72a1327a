import { expect, test } from 'vitest';
import type { Job } from '../../src/kube/objects.ts';
import { findJobInWay } from '../../src/pipeline/find-job-in-way.ts';

const wanted = { namespace: 'staging', name: 'integration-tests', isOwn: false, removable: new Set<string>() };

function job(name: string, how: { run?: string; end?: 'Complete' | 'Failed' } = {}): Job {
  return {
    metadata: {
      name,
      uid: name,
      creationTimestamp: '2026-08-01T09:00:00Z',
      labels: how.run === undefined ? {} : { 'k8s-test-action/run': how.run },
    },
    status: { conditions: how.end === undefined ? [] : [{ type: how.end, status: 'True' }] },
  };
}

test('Jobs of others, and of runs that are over, block no run', () => {
  const others = [job('backup'), job('smoke', { run: '0a1b2c3d', end: 'Failed' })];
  expect(findJobInWay(others, wanted)).toBeUndefined();
});

test('a run that still continues has the namespace to itself', () => {
  expect(findJobInWay([job('smoke', { run: '0a1b2c3d' })], wanted)).toMatchObject({
    kind: 'input',
    reason: 'another run (0a1b2c3d) uses namespace staging: its Job smoke has not ended',
  });
});

test('a Job that a run has kept is reported with its time, and how it is removed', () => {
  const kept = [job('integration-tests', { run: '0a1b2c3d', end: 'Failed' })];
  expect(findJobInWay(kept, wanted)).toMatchObject({
    kind: 'input',
    reason:
      'Job integration-tests already exists in namespace staging (created 2026-08-01T09:00:00Z): run 0a1b2c3d made it',
    hint: 'Delete it: kubectl --namespace staging delete job integration-tests; or leave namespace out: each run then creates its own.',
  });
  const here = findJobInWay(kept, { ...wanted, removable: new Set(['0a1b2c3d']) });
  expect(here?.hint).toMatch(/^Remove it and all other leftovers: k8s-test down; or leave namespace out/);
});

test('so is one that none of our runs created, and a Job of the user’s own may have another name', () => {
  expect(findJobInWay([job('smoke')], { ...wanted, name: 'smoke', isOwn: true })).toMatchObject({
    reason:
      'Job smoke already exists in namespace staging (created 2026-08-01T09:00:00Z): not created by a run of this action',
    hint: 'Delete it: kubectl --namespace staging delete job smoke; or give your Job another name.',
  });
});
