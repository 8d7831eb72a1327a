import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeRunner, type Runner, runnerUid, untilEnd } from './as-runner.ts';

let runner: Runner;
beforeAll(() => {
  runner = makeRunner();
});
afterAll(() => rmSync(runner.directory, { recursive: true }));

test('a program of a test that runs as GitHub runs actions has a home of its own and is not root', async () => {
  const script = path.join(runner.directory, 'who.mjs');
  writeFileSync(
    script,
    `import fs from 'node:fs';
    fs.writeFileSync(process.env.HOME + '/mine', '');
    console.log(JSON.stringify({ uid: process.getuid(), temp: process.env.TMPDIR }));`,
  );
  const { status, output } = await untilEnd(runner.start(runner.node, [script]));
  expect({ status, output: JSON.parse(output) as unknown }).toEqual({
    status: 0,
    output: { uid: runnerUid, temp: path.join(runner.directory, 'tmp') },
  });
  expect(runnerUid).not.toBe(0);
});
