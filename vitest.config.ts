import { defineConfig } from 'vitest/config';

/**
 * Five projects: `quick` needs nothing but Node and finishes within a minute; `attacks` calls functions of ours with
 * hostile input and counts the attempts; `vm` boots guests of the lab (lab/vm); `runner` is run by the user of
 * `lab/docker28 runner`; `cluster` needs the lab and runs its files one after another, since some of them
 * load the whole machine. scripts/run-tests.ts says which may run beside others.
 */
const workers = Number(process.env.FLOE_TEST_WORKERS ?? '1');

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'quick',
          include: ['__tests__/**/*.test.ts'],
          exclude: ['__tests__/cluster/**', '__tests__/attacks/**', '__tests__/vm/**', '__tests__/runner/**'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'attacks',
          include: ['__tests__/attacks/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'vm',
          include: ['__tests__/vm/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'runner',
          include: ['__tests__/runner/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['__tests__/cluster/**/*.test.ts'],
          globalSetup: ['__tests__/cluster/global-setup.ts'],
          fileParallelism: workers > 1,
          maxWorkers: workers,
          testTimeout: 10 * 60_000,
          hookTimeout: 10 * 60_000,
        },
      },
    ],
  },
});
