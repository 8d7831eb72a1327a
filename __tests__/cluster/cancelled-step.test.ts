import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { startStep } from './action-step.ts';
import { takeInventory } from './command-line.ts';
import { testImage } from './global-setup.ts';

const canary = 'canary-51b7d09e';
const suite = [
  'echo "def test_one(): pass" > /tmp/test_it.py; echo "def test_two(): import time; time.sleep(600)" >> /tmp/test_it.py',
  'echo "token $TOKEN" > /results/leak.txt; echo "the tests have begun"',
  'cd /tmp && exec pytest -v -p no:cacheprovider --junitxml=/results/junit.xml test_it.py',
].join('; ');

function startCluster() {
  const nodeImage = process.env.FLOE_LAB_NODE_IMAGE;
  return startStep({
    profile: 'none',
    image: testImage,
    command: JSON.stringify(['sh', '-c', suite]),
    secrets: `TOKEN=${canary}`,
    ...(nodeImage ? { 'node-image': nodeImage } : {}),
  });
}

describe('fault 11: a cancel as GitHub sends it', () => {
  // The other phases: cancel.test.ts and late-cancel.test.ts, and without a cluster killed-step.test.ts.
  test.each([
    { phase: 'preflight', seen: /::group::preflight/ },
    { phase: 'cluster', seen: /Preparing nodes/ },
  ])('in phase $phase is cancelled, and post leaves nothing behind', async ({ phase, seen }) => {
    const before = takeInventory();
    const step = startCluster();
    await step.untilPrinted(seen);
    const end = await step.cancel();
    const post = await step.runPost();
    expect(post.status, post.output).toBe(0);
    expect(step.readVerdict(), end.output).toMatchObject({ outcome: 'cancelled', failure: { kind: 'cancelled' } });
    expect(step.readVerdict()?.failure?.reason).toMatch(phase === 'cluster' ? /during (cluster|images)/ : /during/);
    expect(readdirSync(step.temporary, { recursive: true })).toEqual(['k8s-test-action']);
    expect(takeInventory()).toEqual(before);
  });
});

test('a step that is killed while its tests run has what the cluster still tells brought home by post, masked', async () => {
  const before = takeInventory();
  const step = startCluster();
  await step.untilPrinted(/test_one PASSED/);
  step.process.kill('SIGKILL');
  await step.ended;
  const post = await step.runPost();
  expect(post.status, post.output).toBe(0);
  const verdict = step.readVerdict();
  expect(verdict).toMatchObject({
    outcome: 'broken',
    failure: {
      kind: 'internal',
      reason: expect.stringMatching(/^the step was killed during tests; 1 of 2 tests finished, in flight: test_two/),
    },
    cluster: { kind: 'kind' },
  });
  const names = readdirSync(step.resultsDir, { recursive: true }).map(String);
  expect(names).toEqual(
    expect.arrayContaining(['report.html', 'junit.xml', 'cluster/events.yaml', 'cluster/pods.yaml']),
  );
  expect(readFileSync(path.join(step.resultsDir, 'results/leak.txt'), 'utf8')).toBe('token ***\n');
  const log = names.find((name) => /^logs\/.*test-runner\.log$/.test(name));
  expect(readFileSync(path.join(step.resultsDir, log!), 'utf8')).toContain('test_one PASSED');
  expect(post.output).toContain('removed (1 nodes)');
  expect(readdirSync(step.temporary, { recursive: true })).toEqual(['k8s-test-action']);
  expect(takeInventory()).toEqual(before);
});
