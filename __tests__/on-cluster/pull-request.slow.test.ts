import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type PullRequestServer, startPullRequestServer } from '../action/pull-request-server.ts';
import { sharedImage } from './global-setup.ts';
import { directory, readArtifact, runWorkflow } from './run-workflow.ts';

const token = 'job-token-1234567890';
const sha = '0123456789abcdef0123456789abcdef01234567';
let github: PullRequestServer;
beforeAll(async () => {
  github = await startPullRequestServer();
});
afterAll(() => github.stop());

/** The workflow of a pull request under act, whose GITHUB_API_URL is a server on loopback. */
async function runAttempt(attempt: number) {
  const repo = { full_name: 'floe/shop' };
  const payload = path.join(directory, `event-${attempt}.json`);
  const pull_request = { number: 7, head: { sha, ref: 'tea', repo }, base: { ref: 'main', repo } };
  writeFileSync(payload, JSON.stringify({ pull_request }));
  return runWorkflow('pull-request', {
    as: `attempt-${attempt}`,
    event: { name: 'pull_request', payload },
    flags: ['--secret', `GITHUB_TOKEN=${token}`],
    env: {
      GITHUB_API_URL: github.url,
      GITHUB_REPOSITORY: 'floe/shop',
      GITHUB_RUN_ID: '50',
      GITHUB_RUN_ATTEMPT: String(attempt),
      CLUSTER: inject('cluster').kubeconfigPath,
      IMAGE: sharedImage,
    },
  });
}

test('a run in a pull request writes its summary into a comment, and the next run updates that comment', async () => {
  const first = await runAttempt(1);
  expect(first.status, first.output).toBe(1);
  expect(first.outputs).toMatchObject({ outcome: 'failed', failed: '1' });
  expect(first.output).toContain('comment created: https://github.com/floe/shop/pull/7#issuecomment-1000');
  const red = github.comments[0];
  expect(red?.author).toBe('github-actions[bot]');
  const summaryOf = (end: typeof first) => readFileSync(end.told('results', 'summary.md'), 'utf8').trimEnd();
  // Written later than the summary, the comment knows how long the report took.
  const shownIn = (body = '') => body.replace(/^\| ✓ report \|.*\n/m, '');
  expect(shownIn(red?.body)).toContain(summaryOf(first));
  expect(red?.body).toContain('the tea is too cheap');
  expect(red?.body).toMatch(
    /^<!-- k8s-test [0-9a-f]{24} 50\.1 -->\n\*\*pull-request · integration · integration\*\*\n/,
  );
  expect(red?.body).toContain('[run 50, attempt 1](https://github.com/floe/shop/actions/runs/50/attempts/1)');
  expect(red?.body).toContain(`[commit ${sha.slice(0, 10)}](https://github.com/floe/shop/commit/${sha})`);
  expect(first.output).not.toContain(token);
  for (const [name, text] of (await readArtifact(first)).files) expect(text, name).not.toContain(token);

  const second = await runAttempt(2);
  expect(second.status, second.output).toBe(0);
  expect(second.output).toContain('comment updated: https://github.com/floe/shop/pull/7#issuecomment-1000');
  expect(github.comments).toHaveLength(1);
  expect(shownIn(github.comments[0]?.body)).toContain(summaryOf(second));
  expect(github.comments[0]?.body).not.toContain('the tea is too cheap');
  expect(github.requests).toEqual([
    'POST /graphql',
    'POST /repos/floe/shop/issues/7/comments',
    'POST /graphql',
    'PATCH /repos/floe/shop/issues/comments/1000',
  ]);
});
