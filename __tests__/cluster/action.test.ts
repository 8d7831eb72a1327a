import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import type { Verdict } from '../../src/core/outcome.ts';
import { shareResultsService } from '../results-service/share-results-service.ts';
import { takeInventory } from './command-line.ts';
import { sharedImage, testImage } from './global-setup.ts';

/** A line of the runner's log. */
interface LogLine {
  msg: string;
  /** `error`, `summary`, `set-output`…: a workflow command that was obeyed; absent when text was only printed. */
  command?: string;
  /** Message of an annotation. */
  arg?: string;
  /** Markdown of a step summary. */
  content?: string;
}

/** A workflow run that has ended. */
interface WorkflowEnd {
  status: number | null;
  /** All that was printed, for people. */
  output: string;
  /** Outputs of the action's step, as the next step of the job saw them; empty when the job tells none. */
  outputs: Record<string, string>;
  /** Errors that the runner shows as annotations. */
  errors: string[];
  /** What the steps wrote to their summaries. */
  summary: string;
  /** Path of something that the job told, or of a place for what belongs to it. */
  told: (...names: string[]) => string;
}

interface WorkflowOptions {
  /** Name for what is told, where a workflow runs more than once. */
  as?: string;
  /** Path of a workflow that is not among those of the tests, and the repository that it is part of. */
  file?: string;
  cwd?: string;
  env?: Record<string, string>;
  flags?: string[];
}

const service = shareResultsService();
let directory: string;
let before: ReturnType<typeof takeInventory>;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'action-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  before = takeInventory();
});

/** Runs a workflow of __tests__/workflows on this machine, in a copy of the checkout, as the runner of GitHub would. */
async function runWorkflow(name: string, how: WorkflowOptions = {}): Promise<WorkflowEnd> {
  const told = (...names: string[]) => path.join(directory, how.as ?? name, ...names);
  mkdirSync(told());
  const lab = { TOLD: told(), FLOE_LAB_NODE_IMAGE: process.env.FLOE_LAB_NODE_IMAGE ?? '' };
  const env = { ...service().admitJob(), ...lab, ...how.env };
  const args = ['push', '--json', '--workflows', how.file ?? `__tests__/workflows/${name}.yml`, ...(how.flags ?? [])];
  for (const label of ['ubuntu-latest', 'ubuntu-24.04']) args.push('--platform', `${label}=-self-hosted`);
  args.push('--no-cache-server', '--action-cache-path', path.join(directory, 'act'));
  for (const [variable, value] of Object.entries(env)) args.push('--env', `${variable}=${value}`);
  const act = spawn('act', args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: how.cwd });
  let printed = '';
  let complaints = '';
  act.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk;
  });
  act.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaints += chunk;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    act.once('error', reject);
    act.once('close', resolve);
  });
  const log = printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogLine);
  return {
    status,
    output: `${log.map((line) => line.msg.trimEnd()).join('\n')}\n${complaints}`,
    outputs: existsSync(told('outputs.json')) ? JSON.parse(readFileSync(told('outputs.json'), 'utf8')) : {},
    errors: log.flatMap((line) => (line.command === 'error' ? [line.arg ?? ''] : [])),
    summary: log.flatMap((line) => (line.command === 'summary' ? [line.content ?? ''] : [])).join(''),
    told,
  };
}

/** Names and contents of all files below a directory. */
function readTree(root: string): Map<string, string> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return new Map(files.sort().map((file) => [path.relative(root, file), readFileSync(file, 'latin1')]));
}

/** Downloads the artifact that the outputs name into `artifact` beside what was told, and returns its files. */
async function readArtifact(end: WorkflowEnd): Promise<{ name: string; files: Map<string, string> }> {
  const stored = service()
    .listStored()
    .find((artifact) => String(artifact.id) === end.outputs['artifact-id']);
  if (stored === undefined) throw new Error(`no artifact with id "${end.outputs['artifact-id']}":\n${end.output}`);
  await service().download(stored.name, end.told('artifact'));
  return { name: stored.name, files: readTree(end.told('artifact')) };
}

/** The verdicts of all legs that are stored under such a name, by name; what they left lies in `legs` beside what was told. */
async function readLegs(pattern: RegExp): Promise<{ name: string; verdict: Verdict }[]> {
  const names = service()
    .listStored()
    .flatMap(({ name }) => (pattern.test(name) ? [name] : []));
  const legs: { name: string; verdict: Verdict }[] = [];
  for (const name of names.sort()) {
    const at = path.join(directory, 'legs', name);
    await service().download(name, at);
    legs.push({ name, verdict: JSON.parse(readFileSync(path.join(at, 'result.json'), 'utf8')) as Verdict });
  }
  return legs;
}

/** That neither the machine nor the runner's directory for temporary files holds anything of the run. */
function expectNothingLeft(end: WorkflowEnd): void {
  expect(takeInventory()).toEqual(before);
  const listed = (name: string) =>
    readFileSync(end.told(name), 'utf8')
      .split('\n')
      .filter((file) => file !== '');
  // The directory that holds the records of runs stays, and is empty.
  expect(listed('after.txt').filter((file) => file !== 'k8s-test-action')).toEqual(listed('before.txt'));
}

describe('the action', () => {
  test('on the example is green, tells outputs and summary, and uploads all results', async () => {
    const end = await runWorkflow('passing');
    expect(end.status, end.output).toBe(0);
    expect(end.outputs).toMatchObject({
      outcome: 'passed',
      'failure-kind': '',
      'failure-reason': '',
      failed: '0',
      errors: '0',
      namespace: 'floe-test',
      'cluster-name': expect.stringMatching(/^k8s-test-/),
      'results-dir': expect.stringMatching(/\/k8s-test-results\/integration$/),
      report: `${end.outputs['results-dir']}/report.html`,
    });
    expect(Number(end.outputs.passed)).toBeGreaterThan(5);
    expect(Number(end.outputs['duration-seconds'])).toBeGreaterThan(0);
    expect(end.errors).toEqual([]);

    const { name, files } = await readArtifact(end);
    expect(name).toMatch(/^k8s-test-integration-integration-attempt1-/);
    expect(files).toEqual(readTree(end.told('results')));
    const expected = ['summary.md', 'report.html', 'junit.xml', 'junit/junit.xml', 'results/revenue.json'];
    expect([...files.keys()]).toEqual(expect.arrayContaining([...expected, 'cluster/events.yaml']));
    expect([...files.keys()].join('\n')).toMatch(/^logs\/dagster-webserver[^\n]*\.log$/m);
    const verdict = JSON.parse(files.get('result.json') ?? '') as Verdict;
    expect(verdict).toMatchObject({ outcome: 'passed', failure: null, tier: 'integration' });
    expect(String(verdict.tests.passed)).toBe(end.outputs.passed);
    expect(end.summary).toBe(readFileSync(end.told('artifact', 'summary.md'), 'utf8'));
    expect(end.summary).toContain(`${verdict.tests.passed} tests passed`);
    expectNothingLeft(end);
  });

  test('with a test that fails is red, names it everywhere, and takes no orders from its log', async () => {
    const end = await runWorkflow('failing');
    expect(end.status, end.output).toBe(1);
    const reason = '1 of 2 tests failed: test_wrong';
    expect(end.outputs).toMatchObject({
      outcome: 'failed',
      'failure-kind': 'test',
      'failure-reason': reason,
      tests: '2',
      passed: '1',
      failed: '1',
    });
    expect(end.errors.filter((error) => error.startsWith(reason))).toHaveLength(1);
    expect(end.errors).toContainEqual(expect.stringContaining('assert (1 + 1) == 3'));
    // The log of the tests is on the console, and nothing in it was obeyed.
    expect(end.output).toContain('::error::forged by a test');
    expect(end.errors.filter((error) => error.startsWith('forged'))).toEqual([]);

    const { name, files } = await readArtifact(end);
    expect(name).toBe('failing');
    expect(files).toEqual(readTree(end.told('results')));
    expect(files.get('junit/junit.xml')).toContain('test_wrong');
    expect(JSON.parse(files.get('result.json') ?? '')).toMatchObject({ outcome: 'failed', failure: { kind: 'test' } });
    expect(end.summary).toBe(readFileSync(end.told('artifact', 'summary.md'), 'utf8'));
    expect(end.summary).toContain('test_wrong');
    expectNothingLeft(end);
  });

  test('with wrong inputs names all of them at once, and makes nothing', async () => {
    const storedBefore = service().listStored();
    const end = await runWorkflow('wrong-inputs');
    expect(end.status, end.output).toBe(1);
    expect(end.outputs).toMatchObject({
      outcome: 'broken',
      'failure-kind': 'input',
      'artifact-id': '',
      'cluster-name': '',
    });
    for (const problem of [
      'tier: "nightly" is not known; choose one of unit, integration, e2e, staging',
      'timeout: "soon" is not a duration',
      'values: "no/such/values.yaml" does not exist',
      'imgae: "floe-test-runner:dev" is not an input; did you mean image?',
    ]) {
      expect(end.errors).toContainEqual(expect.stringContaining(problem));
      expect(end.outputs['failure-reason']).toContain(problem);
      expect(end.summary).toContain(problem);
    }
    expect(service().listStored()).toEqual(storedBefore);
    expectNothingLeft(end);
  });

  test('in a matrix of tiers is rolled up: each leg in one summary; one that was killed, or died without a word, is red, not absent; a rerun of the red ones keeps what the green ones had said', async () => {
    const first = await runWorkflow('matrix', { as: 'attempt-1', env: { GITHUB_RUN_ATTEMPT: '1' } });
    expect(first.status, first.output).toBe(1);
    expect(first.outputs, first.output).toMatchObject({ outcome: 'broken', tests: '3', passed: '2', failed: '1' });
    for (const leg of [
      'silent: results: job silent ended as failure',
      'integration (killed): internal: the step was killed during tests',
      'integration (fixed): test: 1 of 1 tests failed: test_integration_fixed',
    ])
      expect(first.outputs['failure-reason']).toContain(leg);
    const { name, files } = await readArtifact(first);
    expect(name).toMatch(/^k8s-test-report-summary-attempt1-/);
    expect(files).toEqual(readTree(first.told('results')));
    const summary = readFileSync(first.told('artifact', 'summary.md'), 'utf8');
    for (const leg of ['unit (green)', 'e2e (green)']) expect(summary).toContain(`✅ **${leg}**`);
    expect(first.summary).toContain(summary);
    const junit = files.get('junit.xml') ?? '';
    for (const one of ['unit_green', 'e2e_green', 'integration_fixed']) expect(junit).toContain(`test_${one}`);
    // What was killed left a cluster, which its post step removed.
    const cluster = readFileSync(first.told('killed.txt'), 'utf8');
    expect(cluster).toMatch(/^k8s-test-integration-[0-9a-f]+$/);
    expect(first.output).toContain(`cluster ${cluster} removed`);
    expectNothingLeft(first);

    const flags = ['--matrix', 'tier:integration'];
    const second = await runWorkflow('matrix', { as: 'attempt-2', flags, env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(second.status, second.output).toBe(0);
    expect(second.outputs).toMatchObject({ outcome: 'passed', tests: '4', passed: '4' });
    for (const leg of ['integration (killed)', 'integration (fixed)'])
      expect(second.summary).toContain(`**${leg}** · attempt 2`);
    for (const leg of ['unit (green)', 'e2e (green)']) expect(second.summary).toContain(`**${leg}** |`);

    const legs = await readLegs(/^k8s-test-(unit|integration|e2e)-tests-attempt\d-/);
    const told = legs.map(({ verdict }) => ({
      leg: `${verdict.tier} ${verdict.leg?.attempt} ${verdict.leg?.matrix}`,
      nodes: verdict.cluster?.nodes ?? 0,
    }));
    const leg = (tier: string, ends: string, attempt: number) => `${tier} ${attempt} ${JSON.stringify({ ends, tier })}`;
    const once = { nodes: 1 };
    expect(told.sort((a, b) => a.leg.localeCompare(b.leg, 'en'))).toEqual([
      { leg: leg('e2e', 'green', 1), nodes: 3 },
      { leg: leg('integration', 'fixed', 1), ...once },
      { leg: leg('integration', 'killed', 1), ...once },
      { leg: leg('integration', 'fixed', 2), ...once },
      { leg: leg('integration', 'killed', 2), ...once },
      { leg: leg('unit', 'green', 1), nodes: 0 },
    ]);
    expect(new Set(legs.map((one) => one.name)).size).toBe(legs.length);
    expect(takeInventory()).toEqual(before);
  });

  test('tells the steps of one job apart, and a red one that may go on is red in the roll-up', async () => {
    const end = await runWorkflow('several');
    expect(end.outputs, end.output).toMatchObject({ outcome: 'failed', tests: '2', passed: '1', failed: '1' });
    expect(end.outputs['failure-reason']).toContain('unit · smoke: test: 1 of 1 tests failed: test_smoke');
    expect(end.summary).toContain('**unit · all**');
  });

  test('of a fork, without a token, does all but upload, and says where the files lie', async () => {
    const stored = service().listStored().length;
    const env = { ACTIONS_RUNTIME_TOKEN: '', ACTIONS_RESULTS_URL: '', GITHUB_TOKEN: '' };
    const end = await runWorkflow('fork', { env });
    expect(end.status, end.output).toBe(0);
    expect(end.outputs).toMatchObject({ outcome: 'passed', passed: '1', 'artifact-id': '' });
    expect(end.output).toContain(`The files are in ${end.outputs['results-dir']} on the runner`);
    expect(end.summary).toContain('1 test passed');
    const verdict = JSON.parse(readFileSync(end.told('results', 'result.json'), 'utf8')) as Verdict;
    expect(verdict.leg).toEqual({ job: 'fork', attempt: 1, matrix: '', legs: 1, step: 'tests' });
    expect(service().listStored()).toHaveLength(stored);
  });

  test('is called from the checkout of another repository by its reusable workflow, in a matrix and through a workflow of its own', async () => {
    const [repository, released] = ['caller', 'released'].map((name) => path.join(directory, name)) as [string, string];
    // As a release holds it: what the action runs, and nothing of what it is built from.
    for (const name of ['action.yml', 'dist', 'charts', 'image-helper', '.github'])
      cpSync(name, path.join(released, name), { recursive: true });
    cpSync('__tests__/workflows/caller', repository, { recursive: true });
    // What differs from tier to tier.
    const defaults = {
      integration: { image: testImage, 'node-image': process.env.FLOE_LAB_NODE_IMAGE || null },
      staging: { image: sharedImage, 'collector-image': sharedImage, grace: '3s' },
    };
    writeFileSync(path.join(repository, '.k8s-test.yaml'), JSON.stringify(defaults));
    const git = (...args: string[]) => execFileSync('git', ['-C', repository, ...args]);
    git('init', '--quiet');
    git('add', '.');
    git('-c', 'user.name=x', '-c', 'user.email=x@example.com', 'commit', '--quiet', '--message', 'x');
    const kubeconfig = readFileSync(inject('cluster').kubeconfigPath, 'utf8');
    const flags = ['--local-repository', `floe/k8s-test-action@v1=${released}`];
    flags.push('--secret', `KUBECONFIG=${JSON.stringify(load(kubeconfig))}`);
    const file = path.join(repository, '.github/workflows/ci.yml');
    const end = await runWorkflow('reusable', { file, cwd: repository, flags });
    expect(end.status, end.output).toBe(0);
    expect(end.summary).toContain('3 legs passed');
    expect(end.summary).toContain('1 leg passed');
    expect(end.output).not.toContain('canary-77d0');

    const legs = await readLegs(/^k8s-test-(shop|billing)-.*-attempt1$/);
    const told = legs.map(({ name, verdict }) => ({
      name,
      outcome: verdict.outcome,
      cluster: verdict.cluster?.kind,
      leg: verdict.leg && { ...verdict.leg, step: undefined },
      greeting: readFileSync(path.join(directory, 'legs', name, 'junit.xml'), 'utf8').match(/of_\w+/)?.[0],
    }));
    // The matrix is the caller's: the jobs of a called workflow have none, and it is the artifacts' names that tell products apart.
    const leg = (job: string, name: string) => ({ job, attempt: 1, matrix: '', legs: 1, step: undefined, name });
    const tier = (product: string, job: string, cluster: string | undefined) => ({
      name: `k8s-test-${product}-${job}-attempt1`,
      outcome: 'passed',
      cluster,
      leg: leg(job, product),
      greeting: `of_${product}`,
    });
    expect(told.filter(({ name }) => !name.includes('-report-'))).toEqual([
      tier('billing', 'unit', undefined),
      tier('shop', 'integration', 'kind'),
      tier('shop', 'staging', 'existing'),
      tier('shop', 'unit', undefined),
    ]);
    expect(told.filter(({ name }) => name.includes('-report-'))).toHaveLength(2);
    expect(takeInventory()).toEqual(before);
  });
});
