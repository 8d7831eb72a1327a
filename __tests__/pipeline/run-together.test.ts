import { expect, test } from 'vitest';
import { fail, type Result, succeed } from '../../src/core/outcome.ts';
import { runTogether, waitFor } from '../../src/pipeline/run-together.ts';

const never = new AbortController().signal;
/** Work that continues until it is aborted, and then fails with its own message. */
const endless = (signal: AbortSignal): Promise<Result<undefined>> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(fail('image', 'was interrupted')));
  });

test('two works that succeed return what both resulted in', async () => {
  expect(
    await runTogether(
      never,
      async () => succeed(1),
      async () => succeed('two'),
    ),
  ).toEqual(succeed([1, 'two']));
});

test('the failure of one aborts the other, and is the one reported', async () => {
  const broken = async () => fail('cluster', 'no node');
  expect(await runTogether(never, endless, broken)).toMatchObject({ ok: false, failure: { reason: 'no node' } });
});

test('what one throws aborts the other, and is thrown', async () => {
  const bug = async (): Promise<Result<undefined>> => {
    throw new Error('a bug');
  };
  await expect(runTogether(never, bug, endless)).rejects.toThrow('a bug');
});

test('an abort from outside reaches all, and is thrown once they have ended', async () => {
  const cancel = new AbortController();
  let ended = 0;
  const counted = async (signal: AbortSignal) => {
    const result = await endless(signal);
    ended++;
    return result;
  };
  const run = runTogether(cancel.signal, counted, counted);
  cancel.abort('SIGINT');
  await expect(run).rejects.toBe('SIGINT');
  expect(ended).toBe(2);
});

test('a wait for what another task does ends with it, or with an abort and its reason', async () => {
  expect(await waitFor(Promise.resolve(1), never)).toBe(1);
  const cancel = new AbortController();
  const wait = waitFor(new Promise(() => {}), cancel.signal);
  cancel.abort('SIGINT');
  await expect(wait).rejects.toBe('SIGINT');
  await expect(waitFor(Promise.resolve(1), cancel.signal)).rejects.toBe('SIGINT');
});
