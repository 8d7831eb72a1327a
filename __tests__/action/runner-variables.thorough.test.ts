import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { startStep } from '../on-cluster/action-step.ts';

const runner = {
  GITHUB_ACTIONS: 'true',
  ACTIONS_RUNTIME_TOKEN: 'canary-runtime',
  ACTIONS_RUNTIME_URL: 'http://127.0.0.1:9/canary-runtime-url/',
  ACTIONS_RESULTS_URL: 'http://127.0.0.1:9/canary-results/',
  ACTIONS_CACHE_URL: 'http://127.0.0.1:9/canary-cache/',
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'canary-oidc',
  ACTIONS_ID_TOKEN_REQUEST_URL: 'http://127.0.0.1:9/canary-oidc-url/',
  GITHUB_ENV: '/tmp/canary-env',
};
/** A suite of one test that leaves its own environment, and what the system shows of its parent's, in its results. */
const suite = `
const fs = require('fs');
fs.writeFileSync(process.argv[1], '<testsuite name="s"><testcase name="adds"/></testsuite>');
const at = (name) => require('path').join(process.env.RESULTS_PATH, name);
fs.writeFileSync(at('own.json'), JSON.stringify(process.env));
fs.writeFileSync(at('parent.txt'), fs.readFileSync('/proc/' + process.ppid + '/environ'));
`;
const inputs = {
  tier: 'unit',
  command: JSON.stringify([process.execPath, '-e', suite]),
  args: '["/results/junit.xml"]',
  secrets: 'GIVEN=canary-secret-value',
  env: 'SHOP=open',
  upload: 'never',
};

describe('a step of tier unit', () => {
  test('gives its tests none of the tokens, inputs and files by which the step acts on GitHub, and passes', async () => {
    const step = startStep(inputs, runner);
    const main = await step.ended;
    expect(main).toMatchObject({ status: 0 });
    const own = JSON.parse(readFileSync(path.join(step.resultsDir, 'results/own.json'), 'utf8'));
    // What the user gives to the tests is there.
    expect(own).toMatchObject({ SHOP: 'open', GITHUB_JOB: 'job' });
    expect(own.GIVEN).toBe('***');
    const names = Object.keys(own).filter((name) =>
      /^(ACTIONS_|INPUT_|STATE_)|^GITHUB_(ENV|OUTPUT|PATH|STATE|STEP_SUMMARY)$/.test(name),
    );
    expect(names).toEqual([]);
    expect(JSON.stringify(own)).not.toContain('canary');
    // The step itself has written its outputs and its state, which need these files.
    expect(readFileSync(path.join(step.directory, 'main-output'), 'utf8')).toContain('outcome');
    const post = await step.runPost(runner);
    expect(post).toMatchObject({ status: 0 });
    expect(post.output).not.toContain('nothing to remove');
    rmSync(step.directory, { recursive: true });
  });

  test.runIf(process.platform === 'linux')(
    'cannot hide from its tests how it was started itself, as the security notes say',
    async () => {
      const step = startStep(inputs, runner);
      await step.ended;
      const parent = readFileSync(path.join(step.resultsDir, 'results/parent.txt'), 'utf8');
      expect(parent).toContain('ACTIONS_RUNTIME_TOKEN=canary-runtime');
      rmSync(step.directory, { recursive: true });
    },
  );
});
