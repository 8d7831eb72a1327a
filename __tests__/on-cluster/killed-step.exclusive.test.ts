import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/core/outcome.ts';
import { shareResultsService } from '../support/results-service/share-results-service.ts';
import { type ActionStep, type ProgramEnd, startStep } from './action-step.ts';

const service = shareResultsService();

const canary = 'canary-4f0c2a7e';

/** Tests that print two finished ones, write a report, and continue. */
const script = [
  `const fs = require('fs'), out = process.env.RESULTS_PATH;`,
  `fs.writeFileSync(out + '/junit.xml', '<testsuite name="s"><testcase name="one"/><testcase name="two"/></testsuite>');`,
  `fs.writeFileSync(out + '/leak.txt', 'token=' + process.env.TOKEN);`,
  `console.log('the token is', process.env.TOKEN); console.log('ready to be killed');`,
].join('\n');

function startUnit(after: string, more: Record<string, string> = {}, env: Record<string, string> = {}): ActionStep {
  return startStep(
    {
      tier: 'unit',
      command: JSON.stringify([process.execPath, '-e', `${script}\n${after}`]),
      args: '[]',
      secrets: `TOKEN=${canary}`,
      ...more,
    },
    { ...service().admitJob(), ...env },
  );
}

const hang = 'setInterval(() => {}, 1000);';

/** A results service that takes every request and never answers. */
async function startSilentService(): Promise<{ url: string; asked: Promise<void>; stop: () => void }> {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked: new Promise<void>((resolve) => server.once('request', () => resolve())),
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** All files below a directory, as one text. */
function readAll(directory: string): string {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return files.map((file) => `${file}\n${readFileSync(file, 'latin1')}`).join('\n');
}

/** The visible part of an output: the runner consumes the commands that add masks. */
function shown({ output }: ProgramEnd): string {
  return output.replaceAll(/^::add-mask::.*$/gm, '');
}

/** The files of the only artifact that was uploaded since `before`. */
async function download(step: ActionStep, before: number): Promise<{ verdict: Verdict; text: string }> {
  const stored = service().listStored().slice(before);
  expect(stored).toHaveLength(1);
  const directory = path.join(step.directory, 'artifact');
  await service().download(stored[0]!.name, directory);
  return {
    verdict: JSON.parse(readFileSync(path.join(directory, 'result.json'), 'utf8')) as Verdict,
    text: readAll(directory),
  };
}

describe('a step whose program is killed', () => {
  test('outright has its verdict, its results, its summary and its artifact from the post step, all masked', async () => {
    const before = service().listStored().length;
    const step = startUnit(hang);
    await step.untilPrinted(/ready to be killed/);
    step.process.kill('SIGKILL');
    await step.ended;
    // It is on the disk, unmasked, until the post step runs; it is not in the files kept for that step.
    expect(readAll(step.resultsDir)).toContain(canary);
    expect(readAll(step.temporary)).not.toContain(canary);
    const post = await step.runPost();
    expect(post.status, post.output).toBe(0);
    const { verdict, text } = await download(step, before);
    expect(verdict).toEqual(step.readVerdict());
    expect(verdict).toMatchObject({
      outcome: 'broken',
      failure: { kind: 'internal', reason: 'the step was killed during tests; 2 tests finished' },
      tests: { total: 2, passed: 2 },
      phases: [{ name: 'tests', outcome: 'failed' }],
      leg: { job: 'job', attempt: 1 },
    });
    expect(verdict.durationSeconds).toBeLessThan(30);
    for (const name of ['report.html', 'junit.xml', 'junit/junit.xml', 'logs/machine/tests.log', 'results/leak.txt'])
      expect(text).toContain(`${step.directory}/artifact/${name}\n`);
    expect(text).toContain('token=***');
    for (const place of [text, shown(post), post.summary, readAll(step.resultsDir)])
      expect(place).not.toContain(canary);
    expect(post.summary).toContain('the step was killed during tests');
    expect(post.output).toContain('::error title=k8s-test%3A internal::the step was killed during tests');
    expect(post.output).toContain(`the files are in ${step.resultsDir}`);
    expect(readdirSync(step.temporary, { recursive: true })).toEqual(['k8s-test-action']);
  });

  test('after a cancel that took too long is cancelled, not broken', async () => {
    const before = service().listStored().length;
    // Its tests ignore SIGTERM, and its upload never ends: it is still at work when the runner kills it.
    const silent = await startSilentService();
    const given = service().admitJob();
    const step = startUnit(
      `process.on('SIGTERM', () => {}); ${hang}`,
      { grace: '30s' },
      { ...given, ACTIONS_RESULTS_URL: silent.url },
    );
    await step.untilPrinted(/ready to be killed/);
    const end = await step.cancel();
    silent.stop();
    const post = await step.runPost({ ...given });
    expect(post.status, post.output).toBe(0);
    const { verdict, text } = await download(step, before);
    expect(verdict, end.output).toMatchObject({
      outcome: 'cancelled',
      failure: { kind: 'cancelled' },
      tests: { passed: 2 },
    });
    expect(end.signal).toBe('SIGKILL');
    expect(text).not.toContain(canary);
    expect(readdirSync(step.temporary, { recursive: true })).toEqual(['k8s-test-action']);
  });

  // The tests' output prevents the phase from ending before it is killed: a file of some gigabytes is searched for secrets, and
  // the pipe that the summary is written to has no reader.
  test.each([
    {
      phase: 'results',
      obstacle: 'results/huge',
      deed: `fs.writeFileSync(out + '/huge', ''); fs.truncateSync(out + '/huge', 4e9);`,
    },
    {
      phase: 'report',
      obstacle: 'summary.md',
      deed: `require('child_process').execFileSync('mkfifo', [out + '/../summary.md']);`,
    },
  ])('in phase $phase is told from the beginning, and with all tests', async ({ phase, obstacle, deed }) => {
    const before = service().listStored().length;
    const step = startUnit(deed);
    await step.untilPrinted(new RegExp(`::group::${phase}`));
    step.process.kill('SIGKILL');
    const end = await step.ended;
    rmSync(path.join(step.resultsDir, obstacle));
    const post = await step.runPost();
    expect(post.status, post.output).toBe(0);
    const { verdict, text } = await download(step, before);
    expect(verdict, end.output).toMatchObject({
      outcome: 'broken',
      failure: { kind: 'internal', reason: `the step was killed during ${phase}; 2 tests finished` },
      tests: { total: 2, passed: 2 },
    });
    expect(text).not.toContain(canary);
    expect(readdirSync(step.temporary, { recursive: true })).toEqual(['k8s-test-action']);
  });

  test('while it reports its end, which was known, has that reported in its place', async () => {
    const before = service().listStored().length;
    const silent = await startSilentService();
    const given = service().admitJob();
    const step = startUnit('', {}, { ...given, ACTIONS_RESULTS_URL: silent.url });
    await silent.asked;
    step.process.kill('SIGKILL');
    expect((await step.ended).summary).toBe('');
    silent.stop();
    const post = await step.runPost({ ...given });
    expect(post.status, post.output).toBe(0);
    const { verdict } = await download(step, before);
    expect(verdict).toMatchObject({ outcome: 'passed', tests: { passed: 2 } });
    expect(post.summary).toContain('2 tests passed');
    expect(readdirSync(step.temporary, { recursive: true })).toEqual(['k8s-test-action']);
  });

  test('and whose secrets are in the project file has them masked by the post step too', async () => {
    const before = service().listStored().length;
    const step = startStep(
      { tier: 'unit', command: JSON.stringify([process.execPath, '-e', `${script}\n${hang}`]), args: '[]' },
      { ...service().admitJob() },
      { '.k8s-test.yaml': `unit:\n  secrets: [TOKEN=${canary}]\n` },
    );
    await step.untilPrinted(/ready to be killed/);
    step.process.kill('SIGKILL');
    await step.ended;
    expect(readAll(step.temporary)).not.toContain(canary);
    const post = await step.runPost();
    expect(post.status, post.output).toBe(0);
    const { text } = await download(step, before);
    expect(text).toContain('token=***');
    for (const place of [text, shown(post), post.summary, readAll(step.resultsDir)])
      expect(place).not.toContain(canary);
  });

  test('whose secrets the post step is not given, or others, is reported, and only its verdict and reports are uploaded', async () => {
    const before = service().listStored().length;
    const step = startUnit(hang);
    await step.untilPrinted(/ready to be killed/);
    step.process.kill('SIGKILL');
    await step.ended;
    const post = await step.runPost({ INPUT_SECRETS: 'TOKEN=another' });
    const { text } = await download(step, before);
    expect(text).not.toContain(canary);
    expect(text).not.toContain('ready to be killed');
    expect(step.readVerdict()).toMatchObject({ isMasked: false });
    expect(post.output).toContain('so its files cannot be masked');
    expect(shown(post) + post.summary).not.toContain(canary);
    expect(post.summary).toContain('the step was killed during tests');
    expect(step.readVerdict()).toMatchObject({ outcome: 'broken', failure: { kind: 'internal' } });
  });

  test('and whose results directory another step has used since leaves that one alone', async () => {
    const before = service().listStored().length;
    const step = startUnit(hang);
    await step.untilPrinted(/ready to be killed/);
    step.process.kill('SIGKILL');
    await step.ended;
    const second = startUnit('', { 'results-dir': step.resultsDir });
    expect((await second.ended).status).toBe(0);
    const post = await step.runPost();
    expect(post.summary).toContain('the step was killed during tests');
    expect(step.readVerdict()).toMatchObject({ outcome: 'passed' });
    expect(service().listStored().slice(before)).toHaveLength(1);
  });
});
