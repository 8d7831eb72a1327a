import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startStep } from '../on-cluster/action-step.ts';
import { type PullRequestServer, startPullRequestServer } from './pull-request-server.ts';

const token = 'job-token-1234567890';
const payload = path.join(tmpdir(), `pull-request-${process.pid}.json`);
let github: PullRequestServer;

beforeEach(async () => {
  github = await startPullRequestServer();
  const repo = { full_name: 'floe/shop' };
  const pull_request = { number: 7, head: { sha: 'a'.repeat(40), repo }, base: { repo } };
  writeFileSync(payload, JSON.stringify({ pull_request }));
});
afterEach(async () => {
  rmSync(payload);
  await github.stop();
});

const inPullRequest = () => ({
  GITHUB_ACTIONS: 'true',
  GITHUB_API_URL: github.url,
  GITHUB_REPOSITORY: 'floe/shop',
  GITHUB_EVENT_PATH: payload,
  GITHUB_RUN_ID: '50',
});

/** A step of tier unit in a pull request. Its suite prints its environment. */
async function runStep(given: Record<string, string>, failing = false) {
  const failure = failing ? '<failure message="4 is not 5"/>' : '';
  const suite = `
    require('fs').writeFileSync(process.argv[1], '<testsuite name="s"><testcase name="adds">${failure}</testcase></testsuite>');
    console.log(JSON.stringify(process.env));
    process.exit(${failing ? 1 : 0});`;
  const inputs = {
    tier: 'unit',
    command: JSON.stringify([process.execPath, '-e', suite]),
    args: '["/results/junit.xml"]',
    upload: 'never',
    ...given,
  };
  const step = startStep(inputs, inPullRequest());
  const ended = await step.ended;
  const log = readFileSync(path.join(step.resultsDir, 'logs/machine/tests.log'), 'utf8');
  rmSync(step.directory, { recursive: true });
  return { ...ended, log };
}

describe('a step with comment', () => {
  test('writes the comment, and gives its tests no token', async () => {
    const step = await runStep({ comment: 'failure', token }, true);
    expect(step).toMatchObject({ status: 1 });
    expect(step.output).toContain('comment created: https://github.com/floe/shop/pull/7#issuecomment-1000');
    expect(github.comments[0]?.body).toContain('4 is not 5');
    expect(step.log).not.toContain(token);
    expect(await runStep({ comment: 'failure', token })).toMatchObject({ status: 0 });
    expect(github.comments.map(({ body }) => body)).toEqual([expect.stringContaining('### ✅ passed')]);
  });

  test('is as green as without, where the token may only read', async () => {
    github.refusal = { status: 403, message: 'Resource not accessible by integration' };
    const step = await runStep({ comment: 'always', token });
    expect(step).toMatchObject({ status: 0 });
    expect(step.output).toMatch(/::warning::the pull request gets no comment: .*pull-requests: write\./);
  });

  test('and mode report writes one for all jobs, also when its inputs are wrong', async () => {
    const legs = path.resolve('scripts/pictures/runs/legs');
    const given = { mode: 'report', legs, comment: 'always', token, upload: 'never', needs: '{}' };
    const step = startStep(given, inPullRequest());
    expect(await step.ended).toMatchObject({ status: 1 });
    rmSync(step.directory, { recursive: true });
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]?.body).toContain('2 of 3 jobs did not pass');
    const wrong = startStep({ ...given, needs: 'all' }, inPullRequest());
    expect(await wrong.ended).toMatchObject({ status: 3 });
    rmSync(wrong.directory, { recursive: true });
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]?.body).toContain('needs: "all" is not what toJSON(needs) gives');
  });

  test('that is not asked for asks GitHub for nothing', async () => {
    expect(await runStep({ token })).toMatchObject({ status: 0 });
    expect(github.requests).toEqual([]);
  });
});
