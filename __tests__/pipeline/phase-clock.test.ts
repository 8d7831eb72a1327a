import { expect, test } from 'vitest';
import { earliestWrite } from '../../src/pipeline/earliest-write.ts';
import { PhaseClock } from '../../src/pipeline/phase-clock.ts';

const silent = { phaseStarted: () => {}, phaseEnded: () => {} };
function makeClock(): PhaseClock {
  return new PhaseClock(silent as unknown as ConstructorParameters<typeof PhaseClock>[0]);
}

test('an exception is of the phase that threw it, though another one that overlaps it ends later', async () => {
  const clock = makeClock();
  const fault = new Error('the cluster');
  let end = () => {};
  const images = clock.phaseOf(
    'images',
    () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  );
  const cluster = clock.phaseOf('cluster', () => Promise.reject(fault));
  await expect(cluster).rejects.toBe(fault);
  end();
  await images;
  expect(clock.lastPhase).toBe('images');
  expect(clock.phaseOfError(fault)).toBe('cluster');
});

test('a cancel is reported with all phases that were running', async () => {
  const clock = makeClock();
  const ends: (() => void)[] = [];
  const open = () =>
    new Promise<void>((resolve) => {
      ends.push(resolve);
    });
  const both = [clock.phaseOf('cluster', open), clock.phaseOf('images', open)];
  expect(clock.currentPhases).toBe('cluster and images');
  for (const end of ends) end();
  await Promise.all(both);
  expect(clock.currentPhases).toBe('images');
});

test('a report from a node whose clock is behind the runner is not one of an earlier run', () => {
  const runner = Date.parse('2026-01-01T12:00:00Z');
  const behind = earliestWrite(runner, '2026-01-01T11:59:00Z');
  expect(Date.parse('2026-01-01T11:59:30Z')).toBeGreaterThan(behind);
  expect(Date.parse('2026-01-01T11:50:00Z')).toBeLessThan(behind);
  // A clock that is ahead, and none that anybody saw.
  for (const node of ['2026-01-01T12:05:00Z', undefined, 'x']) expect(earliestWrite(runner, node)).toBe(runner - 2000);
});
