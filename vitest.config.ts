import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { defineConfig } from 'vitest/config';
import { useOwnTemporaryDirectory } from './__tests__/support/own-temporary-directory.ts';

useOwnTemporaryDirectory();
// Tests note there what they ran on, for the reporter, which is part of this process; their own inherit it.
process.env.FLOE_TEST_MACHINES = path.join(tmpdir(), 'machines');

/** On the lab's machines, which have the files of its guests. */
const isLab = (process.env.FLOE_LAB_NODE_IMAGE ?? '') !== '';
const minute = 60_000;
/** The folders of the projects that are not quick. */
const folders = ['on-cluster', 'attacks', 'vm', 'runner'].map((folder) => `__tests__/${folder}/**`);
const thorough = '__tests__/**/*.thorough.test.ts';
// vitest leaves one core to itself, which is half of a small machine.
const everyCore = { testTimeout: 2 * minute, maxWorkers: availableParallelism() };
const guests = { include: ['__tests__/vm/**/*.test.ts'], testTimeout: 5 * minute, maxWorkers: 1 };
const slowGuests = '__tests__/vm/**/*.slow.test.ts';
const sharedCluster = { globalSetup: ['__tests__/on-cluster/global-setup.ts'], testTimeout: 10 * minute };

/** These take files from one queue: with one for each, a core would wait three times for the last file of the other. */
const withoutCluster = ['quick', 'thorough', 'attacks'];

/**
 * The projects, in the order in which they run. Those with a cluster run beside no other, since clusters take the whole machine
 * and tests of time limits beside them would only wait.
 */
const projects = [
  // Needs nothing but Node, and finishes within a minute.
  { name: 'quick', include: ['__tests__/**/*.test.ts'], exclude: [...folders, thorough], ...everyCore },
  // Needs no cluster either, and takes seconds for each file: pytest, packages, a browser, charts, 1,000 schedules.
  { name: 'thorough', include: [thorough], ...everyCore },
  // Calls functions of ours with hostile input and counts the attempts: a minute less with both cores of a small machine.
  { name: 'attacks', include: ['__tests__/attacks/**/*.test.ts'], ...everyCore },
  // Boots guests of the lab: for seconds (lab/vm), and with docker and a cluster in one (lab/guest), too slow for `make test`.
  ...(isLab
    ? [
        { ...guests, name: 'vm', exclude: [slowGuests] },
        { ...guests, name: 'vm-slow', include: [slowGuests], testTimeout: 45 * minute, hookTimeout: 20 * minute },
      ]
    : []),
  // On one shared cluster. Its tests mostly wait, so three files run at once.
  {
    name: 'cluster',
    ...sharedCluster,
    include: ['__tests__/on-cluster/**/*.test.ts'],
    exclude: ['__tests__/on-cluster/**/*.{exclusive,slow}.test.ts'],
    maxWorkers: 3,
  },
  // These make clusters of their own, look at everything that the machine has, or load it, so one file runs at a time.
  { name: 'exclusive', ...sharedCluster, include: ['__tests__/on-cluster/**/*.exclusive.test.ts'], maxWorkers: 1 },
  // As exclusive, and too slow for `make test`.
  { name: 'slow', ...sharedCluster, include: ['__tests__/on-cluster/**/*.slow.test.ts'], maxWorkers: 1 },
  // As the user of `lab/docker28 runner`; scripts/run-runner-tests.ts starts it there.
  { name: 'runner', include: ['__tests__/runner/**/*.test.ts'], testTimeout: 3 * minute, maxWorkers: 1 },
];

export default defineConfig({
  test: {
    // Whole values in the messages of failures: the end of a reason is what differs.
    chaiConfig: { truncateThreshold: 0 },
    reporters: ['default', './scripts/count-reporter.ts'],
    projects: projects.map((project, index) => ({
      test: {
        hookTimeout: sharedCluster.testTimeout,
        // vitest's own limit of a second is less than a busy machine may need.
        expect: { poll: { timeout: 30_000 } },
        ...project,
        sequence: { groupOrder: withoutCluster.includes(project.name) ? 0 : index },
      },
    })),
  },
});
