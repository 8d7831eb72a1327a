import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ActionReporter } from '../../src/action/action-reporter.ts';
import { publishInputErrors } from '../../src/action/publish.ts';
import { commentOnPullRequest, planComment } from '../../src/action/pull-request-comment.ts';
import { noTests, succeed } from '../../src/core/outcome.ts';
import type { RawInputs } from '../../src/inputs/schema.ts';
import { renderResultJson } from '../../src/report/result-json.ts';
import { renderSummary } from '../../src/report/summary-markdown.ts';
import { rollUp } from '../../src/roll-up/roll-up.ts';
import { hostileTexts } from '../report/hostile.ts';
import { failedRun, greenRun, makeInput, makeTest, makeVerdict } from '../report/sample-runs.ts';
import { type PullRequestServer, startPullRequestServer } from './pull-request-server.ts';

const token = 'job-token-1234567890';
const sha = '0123456789abcdef0123456789abcdef01234567';
let github: PullRequestServer;
let directory: string;
let printed: string[];

beforeEach(async () => {
  github = await startPullRequestServer();
  directory = mkdtempSync(path.join(tmpdir(), 'comment-'));
  printed = [];
  leaveEvent({ fork: false });
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
  await github.stop();
});

function leaveEvent({ fork }: { fork: boolean }): void {
  const head = { sha, repo: { full_name: fork ? 'stranger/shop' : 'floe/shop' } };
  const base = { repo: { full_name: 'floe/shop' } };
  writeFileSync(path.join(directory, 'event.json'), JSON.stringify({ pull_request: { number: 7, head, base } }));
}

interface Step {
  when?: string;
  given?: RawInputs;
  env?: Record<string, string>;
  runId?: number;
  attempt?: number;
}

function planOf({ when = 'always', given = {}, env = {}, runId = 50, attempt = 1 }: Step) {
  return planComment(
    when,
    { token, ...given },
    {
      GITHUB_API_URL: github.url,
      GITHUB_SERVER_URL: 'https://github.com',
      GITHUB_REPOSITORY: 'floe/shop',
      GITHUB_EVENT_PATH: path.join(directory, 'event.json'),
      GITHUB_WORKFLOW: 'tests',
      GITHUB_JOB: 'e2e',
      GITHUB_RUN_ID: String(runId),
      GITHUB_RUN_ATTEMPT: String(attempt),
      ...env,
    },
  );
}

/** What the step of a job does with a run that has ended. */
async function comment(report = failedRun, step: Step = {}): Promise<string> {
  const lines: string[] = [];
  // The mask goes to the runner by GitHub's own package.
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => printed.push(String(line)) > 0);
  const content = {
    outcome: report.verdict.outcome,
    summarize: (maxBytes: number) => renderSummary(report, maxBytes),
    artifactUrl: 'https://github.com/floe/shop/actions/runs/50/artifacts/9',
  };
  await commentOnPullRequest(planOf(step), content, new ActionReporter((line) => lines.push(line)));
  vi.restoreAllMocks();
  return lines.join('\n');
}

describe('the comment of a pull request', () => {
  test('has the summary, says of which run it is, and is updated by the next run', async () => {
    expect(await comment()).toBe('comment created: https://github.com/floe/shop/pull/7#issuecomment-1000');
    const [first] = github.comments;
    expect(first?.body).toMatch(/^<!-- k8s-test [0-9a-f]{24} 50\.1 -->\n\*\*tests · e2e · integration\*\*\n\n### ❌ /);
    expect(first?.body).toContain('test_schema_of_silver');
    expect(first?.body).toContain('[run 50, attempt 1](https://github.com/floe/shop/actions/runs/50/attempts/1)');
    expect(first?.body).toContain(`[commit 0123456789](https://github.com/floe/shop/commit/${sha})`);
    expect(first?.body).toContain('[all files](https://github.com/floe/shop/actions/runs/50/artifacts/9)');

    expect(await comment(greenRun, { attempt: 2 })).toMatch(/^comment updated: /);
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]?.body).toMatch(/ 50\.2 -->[\s\S]*### ✅ passed/);
    expect(github.comments[0]?.body).not.toContain('test_schema_of_silver');
  });

  test('is one for each job, matrix job, tier and call of a reusable workflow', async () => {
    const jobs: Step[] = [
      {},
      { env: { GITHUB_JOB: 'other' } },
      { env: { GITHUB_WORKFLOW: 'nightly' } },
      { given: { tier: 'e2e' } },
      { given: { 'leg-name': 'shop' } },
      { given: { leg: '{"matrix": {"os": "linux"}, "legs": "2"}' } },
      { given: { leg: '{"matrix": {"os": "arm"}, "legs": "2"}' } },
    ];
    for (const job of jobs) await comment(failedRun, job);
    expect(github.comments).toHaveLength(jobs.length);
    // A matrix that grows is still the same matrix.
    await comment(failedRun, { given: { leg: '{"matrix": {"os": "arm"}, "legs": "3"}' } });
    expect(github.comments).toHaveLength(jobs.length);
    expect(github.comments.at(-1)?.body).toContain('**tests · e2e · integration · os: arm**');
  });

  test('stays as it is when a run ends that began before the one that wrote it', async () => {
    await comment(greenRun, { runId: 60 });
    const { body } = github.comments[0]!;
    for (const step of [{ runId: 50 }, { runId: 59, attempt: 3 }])
      expect(await comment(failedRun, step)).toBe(
        'the comment of the pull request stays: it is of run 60, attempt 1, which began later',
      );
    expect(github.comments[0]?.body).toBe(body);
    await comment(failedRun, { runId: 60, attempt: 2 });
    expect(github.comments[0]?.body).toContain(' 60.2 -->');
    expect(await comment(greenRun, { runId: 60, attempt: 1 })).toContain('which began later');
  });

  test('is not begun by a run that passed, with "failure", but is updated by it', async () => {
    expect(await comment(greenRun, { when: 'failure' })).toContain('no comment: the run passed');
    expect(github.comments).toEqual([]);
    await comment(failedRun, { when: 'failure' });
    await comment(greenRun, { when: 'failure', runId: 51 });
    expect(github.comments.map(({ body }) => body)).toEqual([expect.stringContaining('### ✅ passed')]);
  });

  test('is not written by a cancelled run, without asking for it, or outside of a pull request', async () => {
    const cancelled = makeInput({ outcome: 'cancelled' }, []);
    expect(await comment(cancelled)).toBe('');
    expect(await comment(failedRun, { when: 'never' })).toBe('');
    expect(await comment(failedRun, { when: 'sometimes' })).toBe('');
    writeFileSync(path.join(directory, 'event.json'), JSON.stringify({ ref: 'refs/heads/main', after: sha }));
    expect(await comment()).toBe('no comment: this run was not caused by a pull request');
    expect(github.requests).toEqual([]);
  });

  test('of someone else is neither changed nor believed, although it begins with the same mark', async () => {
    await comment();
    const forged = github.comments[0]!.body.replace(' 50.1 ', ' 999999.1 ');
    github.comments = [{ id: 3, author: 'stranger', body: forged }];
    expect(await comment()).toMatch(/^comment created/);
    expect(github.comments).toHaveLength(2);
    expect(github.comments[0]?.body).toBe(forged);
  });

  test('is found among many, and of two that were begun at once one stays', async () => {
    await comment();
    const { body } = github.comments[0]!;
    const others = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ id: from + i, author: 'github-actions[bot]', body: `comment ${i}` }));
    github.comments = [
      ...others(1, 150),
      { id: 2000, author: 'github-actions[bot]', body },
      ...others(300, 80),
      { id: 2001, author: 'github-actions[bot]', body },
    ];
    expect(await comment(greenRun, { runId: 51 })).toMatch(/^comment updated: .*issuecomment-2000$/);
    const own = github.comments.filter((one) => one.body.startsWith('<!-- k8s-test'));
    expect(own).toEqual([{ id: 2000, author: 'github-actions[bot]', body: expect.stringContaining(' 51.1 -->') }]);
  });

  test('of thousands of hostile failures fits, and everything in it stays text', async () => {
    const tests = Array.from({ length: 5000 }, (_, i) => {
      const text = hostileTexts[i % hostileTexts.length]!;
      return makeTest({ name: `${text} ${i}`, status: 'failed', message: text, details: `${text}\n`.repeat(100) });
    });
    const failure = { kind: 'test' as const, reason: '5000 of 5000 tests failed', hint: '', evidence: [] };
    const job = { env: { GITHUB_JOB: '--> @all', GITHUB_WORKFLOW: '<!-- **x** -->' } };
    expect(await comment(makeInput({ outcome: 'failed', failure }, tests), job)).toMatch(/^comment created/);
    const body = github.comments[0]?.body ?? '';
    expect(body.length).toBeGreaterThan(40_000);
    expect(body.split('\n')[1]).toBe('**\\<!-- \\*\\*x\\*\\* --\\> · \\--\\> @\u2060all · integration**');
  });

  test('does not show the token, even where a test printed it', async () => {
    const said = await comment(makeInput({ outcome: 'failed' }, [makeTest({ status: 'failed', message: token })]));
    expect(github.comments[0]?.body).toContain('***');
    expect(github.comments[0]?.body).not.toContain(token);
    expect(said).not.toContain(token);
    // The runner masks it in its log from then on.
    expect(printed.join('')).toContain(`::add-mask::${token}`);
  });

  test('of wrong inputs replaces the result of an earlier run', async () => {
    await comment(greenRun);
    vi.stubEnv('GITHUB_STEP_SUMMARY', path.join(directory, 'steps.md'));
    vi.stubEnv('GITHUB_OUTPUT', path.join(directory, 'outputs'));
    for (const name of ['steps.md', 'outputs']) writeFileSync(path.join(directory, name), '');
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const error = { input: 'timeout', value: 'soon', problem: 'is not a duration' };
    await publishInputErrors([error], { tier: '', comment: planOf({ runId: 51 }) }, new ActionReporter(() => {}));
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]?.body).toContain('timeout: "soon" is not a duration');
  });

  test('of a roll-up is one for all jobs', async () => {
    for (const tier of ['unit', 'e2e']) {
      mkdirSync(path.join(directory, 'legs', tier), { recursive: true });
      const verdict = makeVerdict({ tier, tests: { ...noTests, total: 1, passed: 1 } });
      writeFileSync(path.join(directory, 'legs', tier, 'result.json'), renderResultJson(verdict));
      writeFileSync(path.join(directory, 'legs', tier, 'junit.xml'), '<testsuite><testcase name="a"/></testsuite>');
    }
    const end = await rollUp({
      inputs: { resultsDir: path.join(directory, 'out'), expected: [], jobResults: {} },
      legs: succeed({ directory: path.join(directory, 'legs'), artifacts: [] }),
      say: () => {},
      signal: new AbortController().signal,
    });
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const content = { outcome: end.verdict.outcome, summarize: end.summarize!, artifactUrl: '' };
    const plan = planOf({ given: { mode: 'report' }, env: { GITHUB_JOB: 'summary' } });
    await commentOnPullRequest(plan, content, new ActionReporter(() => {}));
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]?.body).toContain('**tests · summary**\n\n### ✅ 2 jobs passed: 2 passed');
    expect(github.comments[0]?.body).toContain('| ✅ **unit** |');
  });
});

describe('a pull request that cannot be commented on', () => {
  const refusal = { status: 403, message: 'Resource not accessible by integration' };

  test('of a fork is a warning that says why', async () => {
    leaveEvent({ fork: true });
    github.refusal = refusal;
    expect(await comment()).toMatch(
      /^::warning::the pull request gets no comment: GitHub answers: Resource not accessible by integration.*\. The pull request is of a fork, whose token can only read\. /,
    );
  });

  test('is a warning that names the permission', async () => {
    github.refusal = refusal;
    expect(await comment()).toMatch(/^::warning::.*Fix: give the job permissions: pull-requests: write\.$/);
    expect(await comment(failedRun, { given: { token: '' } })).toBe(
      `::warning::the pull request gets no comment: there is no token. Fix: set token: \${{ github.token }}, and give the job permissions: pull-requests: write.`,
    );
    leaveEvent({ fork: true });
    expect(await comment(failedRun, { given: { token: '' } })).toContain(
      'Secrets are not given to pull requests of forks',
    );
  });

  test('is a warning when the token has ended, and when GitHub is not there', async () => {
    expect(await comment(failedRun, { given: { token: 'ended' } })).toMatch(/^::warning::.*Bad credentials.*ended/);
    github.isDown = true;
    expect(await comment()).toMatch(
      /^::warning::the pull request gets no comment: .*summary of the run has the same text/,
    );
  });
});
