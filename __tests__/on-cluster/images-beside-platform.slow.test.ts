import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeImageFlags, startCommand, takeInventory } from './command-line.ts';
import { testImage } from './global-setup.ts';
import { writeHangingChart } from './write-chart.ts';

/** Leaves requests open until a test calls `answer`, so that a build that fetches a file from here waits for the test. */
let server: Server;
let waiting: ServerResponse[] = [];
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'images-beside-'));
  server = createServer((_, response) => {
    waiting.push(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
  const context = path.join(directory, 'context');
  mkdirSync(context);
  writeFileSync(path.join(context, 'Dockerfile'), `FROM ${testImage}\nADD ${address}?${process.pid} /file\n`);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});

function answer(status: number): void {
  for (const response of waiting) response.writeHead(status).end('text');
  waiting = [];
}

const report = '<testsuite><testcase classname="a" name="b"/></testsuite>';
const passingTests = ['--command', JSON.stringify(['sh', '-c', `echo '${report}' >/results/junit.xml`])];

describe('the test image', () => {
  test('is built and loaded while the platform comes up, and the tests wait for both', async () => {
    const before = takeInventory();
    const flags = ['--profile', 'none', '--build', path.join(directory, 'context'), ...passingTests];
    const run = startCommand(['run', ...nodeImageFlags, ...flags]);
    await run.untilPrinted('✓ platform');
    answer(200);
    const end = await run.ended;
    expect(end.verdict?.failure, end.output).toBeNull();
    expect(end.verdict?.tests).toMatchObject({ passed: 1 });
    const phases = end.verdict?.phases.map(({ name }) => name);
    expect(phases?.slice(2, 6)).toEqual(['cluster', 'platform', 'images', 'tests']);
    expect(takeInventory()).toEqual(before);
  });

  test('that cannot be built ends a run whose platform would still be waited for, and is its cause', async () => {
    const before = takeInventory();
    const flags = [
      '--chart',
      writeHangingChart({ image: testImage, imagePullPolicy: 'Never' }),
      '--build',
      path.join(directory, 'context'),
    ];
    const run = startCommand(['run', ...nodeImageFlags, ...flags]);
    await run.untilPrinted('helm install');
    answer(404);
    const end = await run.ended;
    expect(end.verdict?.failure, end.output).toMatchObject({ kind: 'image' });
    expect(end.verdict?.failure?.reason).toMatch(/docker build/);
    const failed = end.verdict?.phases.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name);
    expect(failed?.sort()).toEqual(['images', 'platform']);
    // The state of the platform at that time is part of the results.
    expect(end.output).toMatch(/(nodes mount|loading) 1 images .*: floe-test-runner:dev/);
    expect(takeInventory()).toEqual(before);
  });
});

test('an image of the chart that no node can pull ends the run before there is a cluster', async () => {
  const before = takeInventory();
  const run = startCommand([
    'run',
    ...nodeImageFlags,
    '--image',
    testImage,
    '--chart',
    writeHangingChart({ image: 'registry.k8s-test.invalid/web:1' }),
  ]);
  const end = await run.ended;
  expect(end.verdict?.failure, end.output).toMatchObject({
    kind: 'chart',
    code: 'image-registry-unknown',
    image: 'registry.k8s-test.invalid/web:1',
  });
  expect(end.verdict?.failure?.reason).toMatch(
    /^image \S+ cannot be pulled: there is no such registry \(Deployment\/web\)/,
  );
  expect(end.verdict?.phases.map(({ name }) => name)).not.toContain('platform');
  expect(takeInventory()).toEqual(before);
});
