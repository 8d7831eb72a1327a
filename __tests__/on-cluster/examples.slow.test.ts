import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Runs what the workflow of an example runs before it calls the action. */
function prepare(directory: string): void {
  const workflow = load(readFileSync(path.join(directory, '.github/workflows/integration.yml'), 'utf8')) as {
    jobs: { integration: { steps: { run?: string }[] } };
  };
  for (const { run } of workflow.jobs.integration.steps)
    if (run !== undefined) execFileSync('bash', ['-ec', run], { cwd: directory, stdio: 'pipe' });
}

test.each([
  ['shop', 5],
  ['node', 3],
  ['go', 2],
  ['own-job', 2],
])('examples/%s runs as its workflow and its project file say, and all its tests pass', async (name, count) => {
  const directory = path.join(root, 'examples', name);
  prepare(directory);
  const { verdict, printed } = await runOnSharedCluster({ directory });
  expect(verdict.failure, printed.join('\n')).toBeNull();
  expect(verdict.tests).toMatchObject({ total: count, passed: count });
});
