import { expect, test } from 'vitest';
import { killedForMemory } from '../../src/diagnose/pod-facts.ts';
import type { ContainerStatus } from '../../src/kube/objects.ts';
import { judgeStanding, recorded } from './recorded.ts';

/** The container status of the recorded crash loop, as a runtime reports a kill that it did not take for one for memory. */
function reportAsError({ state, lastState }: ContainerStatus): void {
  for (const one of [state, lastState])
    if (one?.terminated !== undefined) Object.assign(one.terminated, { reason: 'Error', exitCode: 137 });
}

test('a container that was killed for memory is named so when the runtime reports its last kill as an error', () => {
  const memoryKills = new Set(recorded('oom-loop').pods.flatMap(killedForMemory));
  expect(memoryKills.size).toBe(1);
  const facts = recorded('oom-loop');
  for (const pod of facts.pods) for (const status of pod.status?.containerStatuses ?? []) reportAsError(status);
  expect(judgeStanding(facts)?.diagnosis.failure.reason).toMatch(/crashes repeatedly: 3 restarts \(exit code 137/);
  expect(judgeStanding({ ...facts, memoryKills })?.diagnosis.failure).toMatchObject({
    kind: 'oom',
    reason: expect.stringMatching(/is killed for memory at its limit of 32Mi repeatedly: 3 restarts$/),
  });
});

test.each([
  ['OnFailure', undefined],
  ['Always', expect.stringMatching(/ends with exit code 0 repeatedly: 3 restarts$/)],
])('a container that ends well after three crashes, in a pod with restartPolicy %s', (restartPolicy, reason) => {
  const facts = recorded('crash-loop');
  for (const pod of facts.pods) {
    pod.spec.restartPolicy = restartPolicy;
    for (const status of pod.status?.containerStatuses ?? [])
      status.state = { terminated: { ...status.lastState?.terminated, exitCode: 0, reason: 'Completed' } };
  }
  expect(judgeStanding(facts)?.diagnosis.failure.reason).toEqual(reason);
});
