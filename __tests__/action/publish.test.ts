import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ActionReporter } from '../../src/action/action-reporter.ts';
import { publish, publishInputErrors } from '../../src/action/publish.ts';
import { planComment } from '../../src/action/pull-request-comment.ts';
import type { ReportInput } from '../../src/core/report-model.ts';
import { renderSummary } from '../../src/report/summary-markdown.ts';
import { hostileTexts } from '../report/hostile.ts';
import { failedRun, makeInput, makeTest } from '../report/sample-runs.ts';

let directory: string;
let lines: string[];

/** A checkout in which the tests are deeper than in the container, and the files of the runner. */
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'publish-'));
  const tests = path.join(directory, 'checkout/services/api/tests/integration');
  mkdirSync(tests, { recursive: true });
  for (const name of ['test_orders.py', 'test_assets.py']) writeFileSync(path.join(tests, name), '');
  const git = (...args: string[]) => execFileSync('git', ['-C', path.join(directory, 'checkout'), ...args]);
  git('init', '--quiet');
  git('add', '.');
  for (const name of ['summary.md', 'steps.md', 'outputs']) writeFileSync(path.join(directory, name), '');
  vi.stubEnv('GITHUB_WORKSPACE', path.join(directory, 'checkout'));
  vi.stubEnv('GITHUB_STEP_SUMMARY', path.join(directory, 'steps.md'));
  vi.stubEnv('GITHUB_OUTPUT', path.join(directory, 'outputs'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

/** Publishes a run, and returns the workflow commands that make annotations. */
async function annotationsAfter(report: ReportInput): Promise<string[]> {
  lines = [];
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  const dir = { root: directory, summary: path.join(directory, 'summary.md'), reportHtml: '' };
  const inputs = {
    tier: 'integration',
    mode: 'test',
    upload: 'never',
    artifactName: undefined,
    retentionDays: 90,
  } as const;
  try {
    await publish(
      { verdict: report.verdict, report, dir, kubeconfig: '', ownsResultsDir: true, isMasked: true },
      inputs,
      { runId: 'abcd', comment: planComment('never', {}, {}) },
      new ActionReporter(),
    );
  } finally {
    spy.mockRestore();
  }
  lines = written.join('').split('\n');
  return lines.filter((line) => line.startsWith('::error '));
}

describe('the outcome published on GitHub', () => {
  test('begins with the cause, and puts failed tests on the files of the checkout', async () => {
    expect(await annotationsAfter(failedRun)).toEqual([
      '::error title=k8s-test%3A test::3 of 200 tests failed',
      '::error title=test_totals,file=services/api/tests/integration/test_orders.py,line=31::AssertionError: assert 4 == 5%0A +  where 4 = len([...])',
      "::error title=test_schema_of_silver,file=services/api/tests/integration/test_assets.py,line=58::KeyError: 'customer_id'",
      // Its file is not in the checkout: the location is part of the text.
      '::error title=test_run_is_launched[nightly]::failed on setup with "TimeoutError: no run within 10 s"%0A(tests/integration/test_schedules.py:12)',
    ]);
    expect(readFileSync(path.join(directory, 'outputs'), 'utf8')).toContain('failure-kind');
  });

  test('of 5,000 hostile failures is ten annotations, each a single command that GitHub keeps', async () => {
    const tests = Array.from({ length: 5000 }, (_, i) => {
      const text = hostileTexts[i % hostileTexts.length]!;
      return makeTest({
        name: text,
        file: text,
        line: 1,
        status: 'failed',
        message: `${text}\n##[group]x\n::error::y`,
      });
    });
    const failure = { kind: 'test' as const, reason: '5000 of 5000 tests failed', hint: '', evidence: [] };
    const errors = await annotationsAfter(makeInput({ outcome: 'failed', failure }, tests));
    expect(errors).toHaveLength(10);
    expect(errors[9]).toMatch(/^::error title=and 4%2C992 more failed tests::/);
    // https://github.com/actions/runner: messages above 4,096 characters are cut.
    for (const error of errors) expect(error.length).toBeLessThan(4096);
    // Quoted text is between stop-commands; nothing else looks like a command that is not ours.
    let token = '';
    const outside = lines.filter((line) => {
      const begins = /^::stop-commands::(\w+)$/.exec(line)?.[1];
      if (begins !== undefined) token = begins;
      const isQuoted = token !== '' && begins === undefined && line !== `::${token}::`;
      if (line === `::${token}::`) token = '';
      return !isQuoted;
    });
    for (const line of outside) expect(line).toMatch(/^(::(error title=|stop-commands::|\w{32}::$)|(?!\s*::))/);
    expect(outside.join('\n')).not.toContain('##[');
  });

  test('has the summary also where its file could not be written, for a full disk', async () => {
    rmSync(path.join(directory, 'summary.md'));
    const errors = await annotationsAfter(failedRun);
    expect(errors.length).toBeGreaterThan(1);
    expect(readFileSync(path.join(directory, 'steps.md'), 'utf8')).toContain(renderSummary(failedRun));
    expect(readFileSync(path.join(directory, 'outputs'), 'utf8')).toContain('outcome');
  });
});

test('wrong inputs of a pull request make no heading, no link and no command in the summary of the maintainers', async () => {
  const errors = [
    ...hostileTexts,
    'x\n\n# Forged heading\n\n[link](https://evil.example) <h1>',
    '```\n# Forged heading',
  ].map((text) => ({ input: text, value: text, problem: text }));
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  await publishInputErrors(
    errors,
    { tier: 'integration', comment: planComment('never', {}, {}) },
    new ActionReporter(),
  ).finally(() => spy.mockRestore());
  const [title, empty, fence = '', ...rest] = readFileSync(path.join(directory, 'steps.md'), 'utf8')
    .trimEnd()
    .split('\n');
  expect([title, empty]).toEqual(['**✗ wrong input**', '']);
  // All of it is in one block of code, which nothing in it can end.
  expect(fence).toMatch(/^`{3,}text$/);
  const end = fence.replace('text', '');
  expect(rest.at(-1)).toBe(end);
  expect(rest.slice(0, -1).filter((line) => line.trim().startsWith(end))).toEqual([]);
  for (const line of written.join('').split('\n').filter(Boolean)) expect(line).toMatch(/^::error( |::)/);
});
