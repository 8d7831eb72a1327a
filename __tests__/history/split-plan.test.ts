import { describe, expect, test } from 'vitest';
import { planSplit } from '../../src/history/split-plan.ts';
import { emptyHistory, recordRun } from '../../src/history/test-history.ts';
import { SeededRandom } from '../kube/seeded-random.ts';

const ran = (classname: string, name: string, seconds: number) => ({
  classname,
  name,
  seconds,
  status: 'passed' as const,
});
const room = 10_000;

describe('the plan of a suite in shards', () => {
  test('has the shard and the seconds of each group, and the assumed duration of an unknown test', () => {
    const history = recordRun(emptyHistory(), [ran('m.a', 'x', 6), ran('m.b', 'x', 4), ran('m.c', 'x', 2)]);
    const { text, imbalance } = planSplit(history, 2, room);
    expect(JSON.parse(text)).toEqual({ typical: 4, groups: { 'm.a': [0, 6], 'm.b': [1, 4], 'm.c': [1, 2] } });
    expect(imbalance).toBe(1);
  });

  test('of 400 tests with skewed times in 80 modules is at most 5 % uneven', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const random = new SeededRandom(seed);
      // The logarithm of a time is about normal: most tests are quick, and a few take many seconds.
      const times = Array.from(
        { length: 400 },
        () => Math.exp(random.next() + random.next() + random.next() - 1.5) ** 2,
      );
      const sum = times.reduce((total, one) => total + one, 0);
      const cases = times.map((time, i) => ran(`tests.m${i % 80}`, `test_${i}`, (time * 300) / sum));
      const history = recordRun(emptyHistory(), cases);
      for (const shards of [2, 4, 8]) expect(planSplit(history, shards, room).imbalance).toBeLessThanOrEqual(1.05);
    }
  });

  test('is empty without history', () => {
    expect(planSplit(emptyHistory(), 3, room)).toEqual({ text: '{"groups":{}}', imbalance: undefined });
  });

  test('fits the room that it has, and plans the longest groups', () => {
    const cases = Array.from({ length: 5000 }, (_, i) => ran(`module_${i}`, 'x', i));
    const { text } = planSplit(recordRun(emptyHistory(), cases), 4, room);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(room);
    const { groups } = JSON.parse(text) as { groups: Record<string, unknown> };
    expect(Object.keys(groups).length).toBeGreaterThan(300);
    expect(groups).toHaveProperty('module_4999');
    expect(groups).not.toHaveProperty('module_0');
  });
});
