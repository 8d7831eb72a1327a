import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  classifyImage,
  describeHealedPulls,
  describeStuckPull,
  foreignImageFailure,
  isForeignProgram,
} from '../../src/diagnose/classify-image.ts';
import type { ClusterEvent, Pod } from '../../src/kube/objects.ts';

/**
 * Messages of the kubelet of Kubernetes 1.34.4 with containerd 1.6.20, attempt and pause, in front of registries with faults.
 */
const recorded = JSON.parse(readFileSync(new URL('pull-words.json', import.meta.url), 'utf8')) as Record<
  string,
  { image: string; waiting: { reason: string; message: string }[] }
>;

function classify(image: string, reason: string, message: string) {
  const pod: Pod = {
    metadata: { name: 'web-1', uid: 'u' },
    spec: { containers: [{ name: 'web', image }] },
    status: { phase: 'Pending' },
  };
  const status = { name: 'web', ready: false, restartCount: 0, image: '', imageID: '' };
  return classifyImage(pod, status, reason, message);
}

const certain = { confidence: 'certain', patienceSeconds: 0 };
const likely = (patienceSeconds: number) => ({ confidence: 'likely', patienceSeconds });

describe('each message of a real cluster about an image has one cause', () => {
  test.each<[string, object, RegExp, RegExp]>([
    ['bad-tag', certain, /is not there: the registry has no such name or tag/, /Check the name and the tag/],
    ['bad-name', certain, /is not there: the registry has no such name or tag/, /load-images/],
    ['bad-digest', certain, /is not there/, /Check the name/],
    [
      '401-basic',
      certain,
      /refused by the registry: it does not exist, or these credentials may not/,
      /docker login 172/,
    ],
    ['401-no-credentials', certain, /refused by the registry/, /docker login 172\.18\.0\.1:\d+\)/],
    ['denied-with-token', certain, /refused by the registry/, /Check the name; if it is right, log in/],
    ['403', certain, /refused by the registry/, /load-images/],
    ['token-401', certain, /refused by the registry/, /docker login/],
    ['token-403', certain, /refused by the registry/, /docker login/],
    ['unknown-host', certain, /there is no such registry/, /Check the name of the registry, no-such-registry\.invalid/],
    ['plain-http', certain, /serves HTTP/, /registry-mirrors: (172\.18\.0\.1:\d+)=http:\/\/\1$/],
    ['unknown-certificate', certain, /do not trust the certificate/, /registry-mirrors/],
    ['list-without-platform', certain, /is not there for the platform of the nodes/, /Build it for the platform/],
    ['invalid-name', certain, /has an invalid name/, /small letters/],
    ['pull-policy-never', certain, /pull policy is Never/, /load-images/],
    ['connection-refused', likely(60), /cannot reach the registry/, /proxy or firewall/],
    ['connection-reset', likely(60), /cannot reach the registry/, /registry-mirrors/],
    ['truncated-layer', likely(60), /cannot reach the registry/, /registry-mirrors/],
    ['wrong-digest', likely(60), /does not match its digest/, /push the image again/],
    ['429', likely(120), /rate limit of the registry is reached/, /docker login/],
    ['token-429', likely(120), /rate limit of the registry is reached/, /docker login/],
    ['500', likely(120), /the registry returns server errors/, /Check the status of 172/],
    ['503', likely(120), /the registry returns server errors/, /registry-mirrors/],
    ['token-503', likely(120), /the registry returns server errors/, /registry-mirrors/],
    ['pull-qps', { confidence: 'transient' }, /is queued/, /^$/],
  ])('%s', (name, judgement, reason, hint) => {
    const { image, waiting } = recorded[name]!;
    expect(waiting.length).toBeGreaterThan(0);
    for (const { reason: state, message } of waiting) {
      const found = classify(image, state, message);
      expect(found).toMatchObject({ ...judgement, failure: { kind: 'image', evidence: [message] } });
      expect(found.failure.reason).toMatch(reason);
      expect(found.failure.reason).toContain(`image ${image} `);
      expect(found.failure.hint).toMatch(hint);
    }
  });

  test('and none is left out', () => {
    const told = Object.entries(recorded).map(([name, { image, waiting }]) => [
      name,
      classify(image, waiting[0]!.reason, waiting[0]!.message).failure.reason,
    ]);
    for (const [name, reason] of told) expect(reason, name).not.toMatch(/cannot be pulled \(/);
  });
});

describe('words of other versions and registries', () => {
  test.each<[string, string, object]>([
    ['ImagePullBackOff', 'Back-off pulling image "registry/web:1"', likely(120)],
    ['ErrImagePull', 'dial tcp: lookup registry.example on 10.96.0.10:53: server misbehaving', likely(60)],
    ['ErrImagePull', 'net/http: TLS handshake timeout', likely(60)],
    ['ErrImagePull', 'failed to copy: httpReadSeeker: failed open: unexpected EOF', likely(60)],
    ['ErrImagePull', 'toomanyrequests: You have reached your unauthenticated pull rate limit', likely(120)],
    ['ErrImagePull', 'unexpected status from HEAD request to https://r/v2/x/manifests/1: 502 Bad Gateway', likely(120)],
    ['ErrImagePull', 'unexpected status from HEAD request to https://r/v2/x/manifests/1: 401 Unauthorized', certain],
    ['ErrImagePull', 'failed to authorize: failed to fetch oauth token: 403 Forbidden', certain],
    ['ErrImagePull', 'manifest unknown', certain],
    ['ErrImagePull', 'no matching manifest; something new', likely(120)],
  ])('%s: %s', (reason, message, judgement) => {
    expect(classify('registry/web:1', reason, message)).toMatchObject(judgement);
  });

  test.each(['r/denied:1', 'r:404/forbidden:401', 'r/not-found:429', 'r/unauthorized/x:503'])(
    "the name %s is no word of the registry's",
    (image) => {
      const message = `failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: odd`;
      expect(classify(image, 'ErrImagePull', message)).toMatchObject(likely(120));
    },
  );
});

describe('pulls that healed', () => {
  const event = (reason: string, message: string, count = 1, uid = 'u'): ClusterEvent => ({
    metadata: { name: reason, uid: message },
    reason,
    message,
    count,
    lastTimestamp: '2026-11-24T13:00:00Z',
    involvedObject: { kind: 'Pod', name: 'web-1', uid },
  });
  const failed = event('Failed', 'Failed to pull image "r/x:1": failed to resolve reference "r/x:1": 429 Too Many', 2);
  const pulled = event(
    'Pulled',
    'Successfully pulled image "r/x:1" in 1.2s (1.2s including waiting). Image size: 1 bytes.',
  );

  test('are reported once, with the attempt and the errors before', () => {
    expect(describeHealedPulls([failed, event('BackOff', 'Back-off pulling image "r/x:1"', 3), pulled])).toEqual([
      'image r/x:1 was pulled only at attempt 3; the error before: 429 Too Many',
    ]);
  });

  test.each<[string, ClusterEvent[]]>([
    ['an image that came at once', [pulled]],
    ['one that never came', [failed]],
    ['one that another pod could not pull', [failed, { ...pulled, involvedObject: { uid: 'other' } }]],
    [
      "one that waited for the kubelet's own limit",
      [event('Failed', 'Failed to pull image "r/x:1": pull QPS exceeded'), pulled],
    ],
  ])('%s is not told', (_, events) => {
    expect(describeHealedPulls(events)).toEqual([]);
  });

  test('a pull without an answer is reported by its last event', () => {
    const pod: Pod = { metadata: { name: 'web-1', uid: 'u' }, spec: { containers: [] } };
    const pulling = event('Pulling', 'Pulling image "r.example/x:1"');
    expect(describeStuckPull([pod], [pulling], 30)).toMatchObject({
      kind: 'image',
      reason:
        'image r.example/x:1 is still being pulled for pod web-1 after 30 s: r.example has neither sent nor refused it',
    });
    expect(
      describeStuckPull([pod], [pulling, { ...pulled, lastTimestamp: '2026-11-24T13:00:09Z' }], 30),
    ).toBeUndefined();
  });
});

test('a program for another architecture is known by the only line of its log', () => {
  expect(isForeignProgram(['exec /prog: exec format error'])).toBe(true);
  expect(isForeignProgram(['collected 3 items', 'exec /prog: exec format error'])).toBe(false);
  expect(isForeignProgram([])).toBe(false);
  expect(foreignImageFailure('x:1', ['exec /prog: exec format error'])).toMatchObject({
    kind: 'image',
    reason: expect.stringContaining('another architecture'),
  });
});
