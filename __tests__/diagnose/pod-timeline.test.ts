import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { derivePodTimeline } from '../../src/diagnose/pod-timeline.ts';
import type { ClusterEvent, Pod } from '../../src/kube/objects.ts';

/** Data of a real cluster on six pods: one restarted, one ended well, one not, one deleted, two that never started. */
const facts = JSON.parse(readFileSync(new URL('recorded-lives.json', import.meta.url), 'utf8')) as {
  pods: Pod[];
  events: ClusterEvent[];
};
const pods = derivePodTimeline(facts.pods, facts.events);
/** `starting 1, running 3`: the stages of a pod with their seconds; `…` for one that lasts. */
const lifeOf = (name: string): string =>
  pods
    .find((pod) => pod.name === name)!
    .stages.map(({ what, from, until }) =>
      [what, until === undefined ? '…' : (Date.parse(until) - Date.parse(from)) / 1000].join(' '),
    )
    .join(', ');

test.each([
  ['restarted', 'starting 1, init 2, starting 1, running 5, ready …'],
  ['done', 'starting 1, running 1'],
  ['broken', 'starting 1, running 1'],
  ['deleted', 'starting 1, running 7'],
  ['unplaceable', 'unplaced …'],
  ['unpullable', 'starting 1, pulling …'],
])('the life of the pod that was %s: %s', (name, life) => expect(lifeOf(name)).toBe(life));

test('a pod has its end, as far as known', () => {
  const ends = Object.fromEntries(pods.map(({ name, end }) => [name, end]));
  expect(ends).toEqual({
    broken: 'failed',
    deleted: 'gone',
    done: 'completed',
    restarted: undefined,
    unplaceable: undefined,
    unpullable: undefined,
  });
});

test('a restart is shown with its time and its reason', () => {
  expect(pods.find(({ name }) => name === 'restarted')!.restarts).toEqual([
    { at: '2026-11-24T13:49:04Z', what: 'restarted/server was restarted once after Error with exit code 3' },
  ]);
});

test('of too many pods those that ended well are left out first', () => {
  const done = facts.pods.find(({ metadata }) => metadata.name === 'done')!;
  const many = Array.from({ length: 100 }, (_, i) => ({ ...done, metadata: { ...done.metadata, name: `done-${i}` } }));
  const shown = derivePodTimeline([...many, ...facts.pods], facts.events).map(({ name }) => name);
  expect(shown).toHaveLength(60);
  expect(shown).toEqual(expect.arrayContaining(['broken', 'restarted', 'unplaceable', 'unpullable', 'deleted']));
});
