import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ResultSteps, type StepLimits } from '../../src/pipeline/result-steps.ts';

const limit = { usual: 1, cancelled: 0.3 };
const limits: StepLimits = {
  logs: limit,
  fence: limit,
  collection: limit,
  disk: limit,
  reading: limit,
  evidence: { usual: 1, cancelled: 0.4 },
};
const steps = ['logs', 'fence', 'collection', 'disk', 'reading', 'evidence'] as const;
const never = new AbortController().signal;

const secondsOf = async (work: () => Promise<unknown>): Promise<number> => {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
};
const untilAborted = (signal: AbortSignal) => sleep(60_000, undefined, { signal });
const deaf = () => sleep(5000, undefined, { ref: false });

describe('a step of the results phase', () => {
  test.each(['fence', 'collection', 'evidence'] as const)(
    '%s has its whole time, whatever the steps before it took',
    async (late) => {
      const run = new ResultSteps(never, false, limits);
      for (const step of steps) {
        const seconds = await secondsOf(() => run.run(step, step === late ? untilAborted : () => sleep(300)));
        // Together they take far more than one of them may.
        expect(seconds).toBeGreaterThan(0.29);
        expect(seconds).toBeLessThan(step === late ? 3 : 0.95);
      }
      run.close();
      expect(run.result()).toMatchObject({
        ok: false,
        failure: { kind: 'results', reason: expect.stringMatching(/: [^;]+ within 1 s did not finish$/) },
      });
    },
  );

  test.each(steps)('%s that is deaf to its signal is left behind, and those after it still run', async (step) => {
    const run = new ResultSteps(never, false, limits);
    expect(await secondsOf(() => run.run(step, deaf))).toBeLessThan(4);
    expect(await run.run('disk', async () => 'sorted')).toBe('sorted');
    expect(run.result()).toMatchObject({ ok: false, failure: { kind: 'results' } });
    run.close();
  });

  test.each(steps)('%s that throws stops none after it, and is not forgotten', async (step) => {
    const run = new ResultSteps(never, false, limits);
    const bug = new Error('a bug');
    expect(await run.run(step, () => Promise.reject(bug))).toBeUndefined();
    expect(await run.run('disk', async () => 'sorted')).toBe('sorted');
    expect(() => run.result()).toThrow(bug);
    run.close();
  });

  test('has less time after a cancel, and files on the disk are sorted all the same', async () => {
    const cancel = new AbortController();
    const run = new ResultSteps(cancel.signal, false, limits);
    const evidence = run.run('evidence', untilAborted);
    cancel.abort();
    expect(run.isCancelled).toBe(true);
    expect(await secondsOf(() => evidence)).toBeLessThan(0.9);
    // The time of the cluster is over; that of the disk is not.
    await sleep(500);
    expect(await secondsOf(() => run.run('collection', untilAborted))).toBeLessThan(0.25);
    let hasSorted = false;
    await run.run('disk', async (signal) => {
      await sleep(50, undefined, { signal });
      hasSorted = true;
    });
    expect(hasSorted).toBe(true);
    run.close();
  });
});
