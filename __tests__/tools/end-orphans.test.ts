import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { endOrphans, runVariable } from '../../src/tools/end-orphans.ts';

const start = (runId: string) =>
  spawn('sleep', ['60'], { env: { ...process.env, [runVariable]: runId }, stdio: 'ignore', detached: true });

test('programs of the run are ended, those of another run are not', async () => {
  const [ours, theirs] = [start('run-a'), start('run-b')];
  await Promise.all([once(ours, 'spawn'), once(theirs, 'spawn')]);
  expect(endOrphans('run-a')).toBe(1);
  expect((await once(ours, 'exit'))[1]).toBe('SIGKILL');
  expect(theirs.exitCode).toBeNull();
  expect(endOrphans('run-b')).toBe(1);
  expect((await once(theirs, 'exit'))[1]).toBe('SIGKILL');
});
