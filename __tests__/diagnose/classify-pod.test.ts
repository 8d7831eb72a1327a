import { describe, expect, test } from 'vitest';
import { classifyPod, describePod } from '../../src/diagnose/classify-pod.ts';
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
    const trouble = classifyPod(waiting(reason, message));
    expect(trouble).toMatchObject({ confidence: 'certain', failure: { kind }, pod: 'web-1', container: 'web' });
    expect(trouble?.failure.reason).toContain('registry/web:1');
  });

  test('a program that is not in the image', () => {
    const message = 'exec: "pytest": executable file not found in $PATH: unknown';
    const trouble = classifyPod(pod({ state: { terminated: { exitCode: 128, reason: 'StartError', message } } }));
    expect(trouble).toMatchObject({
      confidence: 'certain',
      failure: { kind: 'start', hint: expect.stringContaining('command') },
    });
  });

  test('a crash loop after the third restart, and not before', () => {
    const crash = (restartCount: number) =>
      classifyPod(
        waiting('CrashLoopBackOff', '', { restartCount, lastState: { terminated: { exitCode: 1, reason: 'Error' } } }),
      );
    expect(crash(2)?.confidence).toBe('transient');
    expect(crash(3)).toMatchObject({
      confidence: 'certain',
      failure: { reason: expect.stringContaining('3 restarts (exit code 1)') },
    });
  });

  test('an eviction, in its own words', () => {
    const message = 'The node was low on resource: ephemeral-storage.';
    const trouble = classifyPod(pod({}, { phase: 'Failed', reason: 'Evicted', message }));
    expect(trouble).toMatchObject({
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
    const trouble = classifyPod(pod({}, { conditions }));
    expect(trouble).toMatchObject({ confidence: 'likely', failure: { kind: 'schedule' } });
    expect(trouble?.failure.reason).toContain('Insufficient memory. (it asks for memory 900Gi)');
  });
});

test.each([
  ['on its way', waiting('ContainerCreating')],
  ['running', pod({ state: { running: {} }, ready: true }, { phase: 'Running' })],
  [
    'ended with an exit code of its own',
    pod({ state: { terminated: { exitCode: 1, reason: 'Error' } } }, { phase: 'Failed' }),
  ],
])('a pod that is %s has no trouble', (_, healthy) => {
  expect(classifyPod(healthy)).toBeUndefined();
});

test('a pod that is waited for is described in one line', () => {
  expect(describePod(waiting('ContainerCreating'))).toBe('web-1: ContainerCreating');
  expect(describePod(pod({ state: { running: {} }, restartCount: 2 }))).toBe('web-1: running, not ready, 2 restarts');
});
