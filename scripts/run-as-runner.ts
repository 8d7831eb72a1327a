/**
 * The cluster tests as GitHub's runner runs an action: as its user, on a docker of today, with either image store. On the lab's
 * machines only, which have that docker (`lab/docker28`).
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { ImageStore } from '../__tests__/on-cluster/dockers.ts';

const lab = path.resolve('lab', 'docker28');

/** Test files that touch images, results, teardown or the action itself, as vitest selects them, and those written for this user. */
export const runnerFiles = [
  'action',
  'action-roll-up',
  'cancel',
  'cancelled-step',
  'collector',
  'edit-loop',
  'image-kinds',
  'interrupted',
  'killed-runs',
  'killed-step',
  'late-cancel',
  'local-images',
  'local-registry',
  'main-job',
  'neighbours',
  'private-registry',
  'secrets',
  'sidecars',
  'verdicts',
]
  .map((name) => `cluster/${name}.`)
  .concat('__tests__/runner/');

/** What these tests take from the docker of this machine: nothing is pulled where they run. */
const images = [
  'floe-example:dev',
  'floe-test-runner:dev',
  'postgres:15-bookworm',
  'dagster/dagster-k8s:1.13.27',
  'debian:bookworm-slim',
  'python:3.11-slim',
  'floe-lab/node-userland:bookworm',
];

interface RunnerSpace {
  /** Put before a command that must run as that user, in its copy of this checkout. */
  prefix: (env: Record<string, string>) => string[];
  stop: () => void;
}

/** Starts that docker, gives it the images, and copies this checkout to its user. */
export function startRunner(store: ImageStore): RunnerSpace {
  const call = (...args: string[]) =>
    execFileSync(lab, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  call('start', store);
  call('load', store, ...[process.env.FLOE_LAB_NODE_IMAGE ?? '', ...images].filter((image) => image !== ''));
  call('checkout', store, path.resolve('.'));
  return {
    prefix: (env) => {
      const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      return [lab, 'runner', store, 'env', '--chdir=/home/runner/work/checkout', ...assignments];
    },
    stop: () => {
      call('stop', store);
    },
  };
}
