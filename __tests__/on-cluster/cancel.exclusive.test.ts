import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeImageFlags, startCommand, takeInventory } from './command-line.ts';
import { testImage } from './global-setup.ts';
import { writeHangingChart } from './write-chart.ts';

const hangingChart = writeHangingChart({ image: testImage, imagePullPolicy: 'Never' });
const hangingTests = [
  '--profile',
  'none',
  '--image',
  testImage,
  '--command',
  '["sh","-c","echo the tests have begun; sleep 600"]',
];

/** An image that is made beside the cluster cannot be mounted by its nodes, so it is copied into them. */
const context = mkdtempSync(path.join(tmpdir(), 'cancelled-build-'));
writeFileSync(path.join(context, 'Dockerfile'), `FROM ${testImage}\nENV BUILT=here\n`);
const builtTests = [...hangingTests.filter((word) => word !== '--image' && word !== testImage), '--build', context];

describe('Ctrl-C', () => {
  test.each([
    { phase: 'cluster', flags: hangingTests, seen: 'Preparing nodes' },
    { phase: 'images', flags: builtTests, seen: 'loading 1 image' },
    { phase: 'platform', flags: ['--image', testImage, '--chart', hangingChart], seen: 'helm install' },
    { phase: 'tests', flags: hangingTests, seen: 'the tests have begun' },
  ])('in phase $phase ends with 130, and leaves nothing behind', async ({ phase, flags, seen }) => {
    const before = takeInventory();
    const run = startCommand(['run', ...nodeImageFlags, ...flags]);
    await run.untilPrinted(seen);
    run.process.kill('SIGINT');
    const end = await run.ended;
    expect(end.status, end.output).toBe(130);
    expect(end.verdict).toMatchObject({ outcome: 'cancelled', failure: { kind: 'cancelled' } });
    // Of two phases that overlap, the one that ended last is named.
    const named = phase === 'cluster' || phase === 'images' ? /during (cluster|images)/ : new RegExp(`during ${phase}`);
    expect(end.verdict?.failure?.reason).toMatch(named);
    // Everything seen before is still there after.
    expect(end.output).toContain(seen);
    expect(takeInventory()).toEqual(before);
  });

  test('in phase tools, while a mirror hangs, ends at once', async () => {
    const before = takeInventory();
    const server = createServer(() => {
      // Sends nothing: the download waits.
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const asked = new Promise<void>((resolve) => server.once('request', () => resolve()));
    // Without the lab's programs on the PATH, and with an empty cache, kind has to be downloaded.
    const env = {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      XDG_CACHE_HOME: mkdtempSync(path.join(tmpdir(), 'empty-cache-')),
      RUNNER_TOOL_CACHE: '',
    };
    const run = startCommand(['run', ...hangingTests, '--tools-mirror', mirror], { env });
    await asked;
    run.process.kill('SIGINT');
    const end = await run.ended;
    server.closeAllConnections();
    server.close();
    expect(end.status, end.output).toBe(130);
    expect(end.verdict).toMatchObject({ outcome: 'cancelled' });
    expect(end.verdict?.failure?.reason).toContain('during tools');
    expect(takeInventory()).toEqual(before);
  });
});

test('a run that is killed leaves a red verdict behind, and `down` removes the rest', async () => {
  const before = takeInventory();
  // Its record is in a separate directory, so that `down` only finds this run.
  const env = { RUNNER_ENVIRONMENT: 'github-hosted', RUNNER_TEMP: mkdtempSync(path.join(tmpdir(), 'runner-')) };
  const run = startCommand(['run', ...nodeImageFlags, ...hangingTests], { env });
  await run.untilPrinted('Preparing nodes');
  run.process.kill('SIGKILL');
  const end = await run.ended;
  expect(end.verdict).toMatchObject({
    outcome: 'broken',
    failure: { kind: 'internal', reason: expect.stringContaining('was killed') },
  });
  const down = spawnSync(process.execPath, ['dist/cli.js', 'down'], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  expect(down.status, down.stdout + down.stderr).toBe(0);
  expect(readdirSync(env.RUNNER_TEMP, { recursive: true })).toEqual(['k8s-test-action']);
  expect(takeInventory()).toEqual(before);
});
