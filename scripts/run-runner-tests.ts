/**
 * Runs tests as GitHub's runner (run-as-runner.ts), with one image store after the other. Arguments, all optional: `classic` or
 * `containerd` for only that store, and names of test files: `classic main-job`. Each store ends with a count of its own.
 */
import { spawnSync } from 'node:child_process';
import { type ImageStore, imageStores } from '../__tests__/on-cluster/dockers.ts';
import { runnerFiles, startRunner } from './run-as-runner.ts';

const isStore = (word: string): word is ImageStore => imageStores.some((store) => store === word);
const words = process.argv.slice(2);
const names = words.filter((word) => !isStore(word));
const stores = words.filter(isStore);
const selected = names.length === 0 ? runnerFiles : names.map((name) => `/${name}.`);
const projects = ['cluster', 'exclusive', 'slow', 'runner'].map((project) => `--project=${project}`);

for (const store of stores.length === 0 ? imageStores : stores) {
  const runner = startRunner(store);
  try {
    const [program = '', ...args] = runner.prefix({ COLUMNS: '160' });
    const vitest = spawnSync(program, [...args, 'node_modules/.bin/vitest', 'run', ...projects, ...selected], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    if (vitest.status !== 0) process.exitCode = 1;
  } finally {
    runner.stop();
  }
}
