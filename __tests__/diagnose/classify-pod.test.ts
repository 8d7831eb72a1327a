import { describe, expect, test } from 'vitest';
import { hasStayedUp } from '../../src/diagnose/classify-crash.ts';
import { classifyPod, describePod, describePods } from '../../src/diagnose/classify-pod.ts';
import type { ContainerStatus, Pod } from '../../src/kube/objects.ts';

const status = (some: Partial<ContainerStatus>): ContainerStatus => ({
  name: 'web',
  ready: false,
  restartCount: 0,
  image: 'web:1',
  imageID: '',
  ...some,
});
const pod = (container: Partial<ContainerStatus>, some: Partial<NonNullable<Pod['status']>> = {}): Pod => ({
  metadata: { name: 'web-1', uid: 'u' },
  spec: { containers: [{ name: 'web', image: 'registry/web:1', resources: { requests: { memory: '900Gi' } } }] },
  status: { phase: 'Pending', containerStatuses: [status(container)], ...some },
});
const ofJob = (one: Pod): Pod => ({
  ...one,
  metadata: { ...one.metadata, ownerReferences: [{ kind: 'Job', name: 'j', uid: 'j', controller: true }] },
});
const waiting = (reason: string, message = '', more: Partial<ContainerStatus> = {}) =>
  pod({ state: { waiting: { reason, message } }, ...more });

describe('what can never heal is certain', () => {
  test.each([
    [
      'ErrImagePull',
      'rpc error: code = NotFound desc = failed to resolve reference "docker.io/library/x:no": not found',
      'image',
    ],
    ['ErrImagePull', 'pull access denied, repository does not exist or may require authorization', 'image'],
    ['ErrImagePull', 'unexpected status from HEAD request: 401 Unauthorized', 'image'],
    ['InvalidImageName', 'Failed to apply default image tag "A B": invalid reference format', 'image'],
    ['ErrImageNeverPull', 'Container image "x" is not present with pull policy of Never', 'image'],
  ])('%s: %s', (reason, message, kind) => {
    const diagnosis = classifyPod(waiting(reason, message));
    expect(diagnosis).toMatchObject({ confidence: 'certain', failure: { kind }, pod: 'web-1', container: 'web' });
    expect(diagnosis?.failure.reason).toContain('registry/web:1');
  });

  test('a program that is not in the image', () => {
    const message = 'exec: "pytest": executable file not found in $PATH: unknown';
    const diagnosis = classifyPod(pod({ state: { terminated: { exitCode: 128, reason: 'StartError', message } } }));
    expect(diagnosis).toMatchObject({
      confidence: 'certain',
      failure: { kind: 'start', hint: expect.stringContaining('command') },
    });
  });

  test('a crash loop after the third restart, if nothing else is on its way, and not before', () => {
    const crash = (restartCount: number) =>
      classifyPod(
        waiting('CrashLoopBackOff', '', { restartCount, lastState: { terminated: { exitCode: 1, reason: 'Error' } } }),
      );
    expect(crash(2)?.confidence).toBe('transient');
    expect(crash(3)).toMatchObject({
      confidence: 'likely',
      patienceSeconds: 0,
      failure: { reason: expect.stringContaining('3 restarts (exit code 1)') },
    });
  });

  test('an eviction, in its own words', () => {
    const message = 'The node was low on resource: ephemeral-storage.';
    const diagnosis = classifyPod(pod({}, { phase: 'Failed', reason: 'Evicted', message }));
    expect(diagnosis).toMatchObject({
      confidence: 'certain',
      failure: { kind: 'evicted', reason: expect.stringContaining(message) },
    });
  });
});

describe('what may heal is waited for', () => {
  test.each([
    ['ErrImagePull', 'unexpected status code 429 Too Many Requests', 120],
    ['ErrImagePull', 'unexpected status code 503 Service Unavailable', 120],
    ['ErrImagePull', 'dial tcp 10.0.0.1:443: i/o timeout', 60],
    ['ImagePullBackOff', 'Back-off pulling image "registry/web:1"', 120],
  ])('%s: %s, for %d s', (reason, message, patienceSeconds) => {
    expect(classifyPod(waiting(reason, message))).toMatchObject({ confidence: 'likely', patienceSeconds });
  });

  test("a pod without a place is likely, with the scheduler's words and what it asks for", () => {
    const message = '0/1 nodes are available: 1 Insufficient memory.';
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
    const diagnosis = classifyPod(pod({}, { conditions }));
    expect(diagnosis).toMatchObject({ confidence: 'likely', failure: { kind: 'schedule' } });
    expect(diagnosis?.failure.reason).toContain('Insufficient memory. (it asks for 900Gi of memory)');
  });
});

test.each([
  ['on its way', waiting('ContainerCreating')],
  ['running', pod({ state: { running: {} }, ready: true }, { phase: 'Running' })],
  [
    'ended with an exit code of its own, which is the business of its Job',
    ofJob(pod({ state: { terminated: { exitCode: 1, reason: 'Error' } } }, { phase: 'Failed' })),
  ],
])('a pod that is %s has no trouble', (_, healthy) => {
  expect(classifyPod(healthy)).toBeUndefined();
});

test('a pod that is waited for is described in one line', () => {
  expect(describePod(waiting('ContainerCreating'))).toBe('web-1: ContainerCreating');
  expect(describePod(pod({ state: { running: {} }, restartCount: 2 }))).toBe('web-1: running, not ready, 2 restarts');
});

test('nothing is called ready before there is a pod of ours', () => {
  const named = (name: string, one: Pod): Pod => ({ ...one, metadata: { name, uid: name } });
  const older = named('older', pod({ state: { running: {} } }));
  const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
  const up = named('up', pod({ ready: true, state: { running: {} } }, ready));
  const late = named('late', waiting('ContainerCreating'));
  const isOurs = (one: Pod) => one !== older;
  expect(describePods([], isOurs)).toBe('no pod yet');
  expect(describePods([older], isOurs)).toBe('no new pod yet');
  expect(describePods([older, up], isOurs)).toBe('all pods ready');
  expect(describePods([older, up, late], isOurs)).toBe('late: ContainerCreating');
});

describe('a container without a readiness probe is believed', () => {
  const at = (seconds: number) => new Date(seconds * 1000).toISOString();
  const running = (startedAt: number, more: Partial<ContainerStatus> = {}): Pod => {
    const one = pod({ ready: true, state: { running: { startedAt: at(startedAt) } }, ...more });
    return { ...one, spec: { ...one.spec, restartPolicy: 'Always' } };
  };
  const crashed = { restartCount: 1, lastState: { terminated: { exitCode: 1, startedAt: at(0), finishedAt: at(20) } } };

  test.each([
    ['once it has run for some seconds', running(100), 104, false],
    ['once it has run for some seconds', running(100), 105, true],
    ['after a crash, once it has outlived its former run', running(100, crashed), 131, false],
    ['after a crash, once it has outlived its former run', running(100, crashed), 132, true],
    ['never while it is down', pod({ ...crashed, state: { waiting: { reason: 'CrashLoopBackOff' } } }), 999, false],
  ])('%s', (_, one, now, isBelieved) => {
    const always = { ...one, spec: { ...one.spec, restartPolicy: 'Always' } };
    expect(hasStayedUp(always, now * 1000, () => 0)).toBe(isBelieved);
  });

  test('independent of the clocks of cluster and runner, once it was watched for long enough', () => {
    expect(hasStayedUp(running(5000), 100_000, () => 3)).toBe(false);
    expect(hasStayedUp(running(5000), 100_000, () => 20)).toBe(true);
  });
});
