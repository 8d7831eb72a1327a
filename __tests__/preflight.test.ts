import { describe, expect, test } from 'vitest';
import { judgeMachine, type MachineFacts, preflightResult } from '../src/cluster/preflight.ts';

const gibibyte = 1024 ** 3;
const well: MachineFacts = {
  docker: { answers: true, serverVersion: '28.0', cgroupVersion: '2', cpus: 4 },
  dockerDiskFreeBytes: 50 * gibibyte,
  resultsDiskFreeBytes: 50 * gibibyte,
  memoryFreeBytes: 14 * gibibyte,
  inotifyInstances: 8192,
};
const needs = { nodes: 3, memoryBytes: 10 * gibibyte };
const states = (facts: Partial<MachineFacts>) =>
  Object.fromEntries(judgeMachine({ ...well, ...facts }, needs).map((check) => [check.name, check.state]));

test('a machine that has all is well, and nothing is to be mended', () => {
  const checks = judgeMachine(well, needs);
  expect(checks.map((check) => check.state)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
  expect(checks.every((check) => check.mend === '')).toBe(true);
  expect(preflightResult(checks).ok).toBe(true);
});

describe('what cannot work is a problem, what may not is a warning', () => {
  test.each<[string, Partial<MachineFacts>, string, string]>([
    ['docker is down', { docker: { answers: false, problem: 'connection refused' } }, 'docker', 'problem'],
    ['the disk is full', { dockerDiskFreeBytes: 1 * gibibyte }, "disk for docker's images", 'problem'],
    ['the disk is short', { dockerDiskFreeBytes: 6 * gibibyte }, "disk for docker's images", 'warning'],
    ['there is no room for results', { resultsDiskFreeBytes: 1 }, 'disk for results', 'problem'],
    ['memory is short', { memoryFreeBytes: 6 * gibibyte }, 'free memory', 'warning'],
    ['there is no memory', { memoryFreeBytes: gibibyte / 2 }, 'free memory', 'problem'],
    ['inotify instances are too few for three nodes', { inotifyInstances: 128 }, 'inotify instances', 'warning'],
  ])('%s', (_, facts, check, state) => {
    expect(states(facts)[check]).toBe(state);
  });
});

test('the failure names every problem with its numbers, and how to mend the first', () => {
  const facts: MachineFacts = {
    ...well,
    docker: { answers: false, problem: 'connection refused' },
    resultsDiskFreeBytes: 1,
  };
  const result = preflightResult(judgeMachine(facts, needs));
  expect(result).toMatchObject({
    ok: false,
    failure: {
      kind: 'cluster',
      reason: expect.stringMatching(/docker: connection refused.*disk for results: 0\.0 GiB/),
      hint: expect.stringContaining('Start docker'),
    },
  });
});
