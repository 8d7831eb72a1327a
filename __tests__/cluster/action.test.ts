import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Verdict } from '../../src/outcome.ts';
import { type ResultsService, startResultsService } from '../results-service/results-service.ts';
import { takeInventory } from './command-line.ts';

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

let service: ResultsService;
let directory: string;
let before: ReturnType<typeof takeInventory>;

beforeAll(async () => {
  // @actions/artifact tells every request of a download to the log of the step; here that would bury the other tests.
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  service = await startResultsService();
  directory = mkdtempSync(path.join(tmpdir(), 'action-'));
});
afterAll(async () => {
  vi.restoreAllMocks();
  await service.stop();
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
  const env = { ...service.admitJob(), ...lab, ...how.env };
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
  const stored = service.listStored().find((artifact) => String(artifact.id) === end.outputs['artifact-id']);
  if (stored === undefined) throw new Error(`no artifact with id "${end.outputs['artifact-id']}":\n${end.output}`);
  await service.download(stored.name, end.told('artifact'));
  return { name: stored.name, files: readTree(end.told('artifact')) };
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
    const storedBefore = service.listStored();
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
    expect(service.listStored()).toEqual(storedBefore);
    expectNothingLeft(end);
  });

  test('in a matrix is rolled up: every leg in one summary; one that was killed, or died without a word, is red, not absent', async () => {
    const end = await runWorkflow('matrix');
    expect(end.status, end.output).toBe(1);
    const legs = [
      'silent: results: job silent ended as failure',
      'unit (killed): internal: the step was killed during tests; 1 tests finished',
      'unit (red): test: 1 of 1 tests failed: test_red',
    ];
    expect(end.outputs, end.output).toMatchObject({ outcome: 'broken', tests: '3', passed: '2', failed: '1' });
    for (const leg of legs) expect(end.outputs['failure-reason']).toContain(leg);
    const { name, files } = await readArtifact(end);
    expect(name).toMatch(/^k8s-test-report-summary-attempt1-/);
    expect(files).toEqual(readTree(end.told('results')));
    const summary = readFileSync(end.told('artifact', 'summary.md'), 'utf8');
    expect(summary).toMatch(/✅ \*\*unit \(green\)\*\* .* 1 \| 1 /);
    expect(end.summary).toContain(summary);
    const junit = files.get('junit.xml') ?? '';
    for (const testName of ['test_green', 'test_red', 'test_killed']) expect(junit).toContain(testName);
  });

  test('keeps in a rerun of failed jobs what the green legs had said in the first attempt', async () => {
    const first = await runWorkflow('rerun', { as: 'attempt-1' });
    expect(first.outputs, first.output).toMatchObject({ outcome: 'failed', passed: '1', failed: '1' });
    const flags = ['--matrix', 'ends:mended'];
    const second = await runWorkflow('rerun', { as: 'attempt-2', flags, env: { GITHUB_RUN_ATTEMPT: '2' } });
    expect(second.status, second.output).toBe(0);
    expect(second.outputs).toMatchObject({ outcome: 'passed', tests: '2', passed: '2' });
    expect(second.summary).toMatch(/\*\*unit \(mended\)\*\* · attempt 2/);
    expect(second.summary).toMatch(/\*\*unit \(green\)\*\* \|/);
  });

  test('tells the steps of one job apart, and a red one that may go on is red in the roll-up', async () => {
    const end = await runWorkflow('several');
    expect(end.outputs, end.output).toMatchObject({ outcome: 'failed', tests: '2', passed: '1', failed: '1' });
    expect(end.outputs['failure-reason']).toContain('unit · smoke: test: 1 of 1 tests failed: test_smoke');
    expect(end.summary).toContain('**unit · all**');
  });

  test('of a fork, without a token, does all but upload, and says where the files lie', async () => {
    const stored = service.listStored().length;
    const env = { ACTIONS_RUNTIME_TOKEN: '', ACTIONS_RESULTS_URL: '', GITHUB_TOKEN: '' };
    const end = await runWorkflow('fork', { env });
    expect(end.status, end.output).toBe(0);
    expect(end.outputs).toMatchObject({ outcome: 'passed', passed: '1', 'artifact-id': '' });
    expect(end.output).toContain(`The files lie in ${end.outputs['results-dir']} on the runner`);
    expect(end.summary).toContain('1 test passed');
    const verdict = JSON.parse(readFileSync(end.told('results', 'result.json'), 'utf8')) as Verdict;
    expect(verdict.leg).toEqual({ job: 'fork', attempt: 1, matrix: '', legs: 1, step: 'tests' });
    expect(service.listStored()).toHaveLength(stored);
  });

  test('is called from the checkout of another repository by its reusable workflow', async () => {
    const [repository, released] = ['caller', 'released'].map((name) => path.join(directory, name)) as [string, string];
    // As a release holds it: what the action runs, and nothing of what it is built from.
    for (const name of ['action.yml', 'dist', 'charts', '.github'])
      cpSync(name, path.join(released, name), { recursive: true });
    mkdirSync(repository);
    const file = path.join(repository, 'ci.yml');
    const call = {
      uses: 'floe/k8s-test-action/.github/workflows/k8s-tests.yml@v1',
      with: {
        integration: false,
        command: JSON.stringify(['sh', '-c', 'cat tests.xml > "$RESULTS_PATH/junit.xml"']),
      },
    };
    writeFileSync(file, JSON.stringify({ name: 'ci', on: 'push', jobs: { tests: call } }));
    writeFileSync(
      path.join(repository, 'tests.xml'),
      '<testsuite name="own"><testcase name="of_the_caller"/></testsuite>',
    );
    const git = (...args: string[]) => execFileSync('git', ['-C', repository, ...args]);
    git('init', '--quiet');
    git('add', '.');
    git('-c', 'user.name=x', '-c', 'user.email=x@example.com', 'commit', '--quiet', '--message', 'x');
    const flags = ['--local-repository', `floe/k8s-test-action@v1=${released}`];
    const end = await runWorkflow('reusable', { file, cwd: repository, flags });
    expect(end.status, end.output).toBe(0);
    expect(end.summary).toContain('1 leg passed');
    expect(end.summary).toContain('**unit**');
    const names = service.listStored().map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['k8s-test-tests-unit-attempt1', 'k8s-test-tests-report-attempt1']));
  });

  test('whose main step is killed has its cluster removed by the post step', async () => {
    const end = await runWorkflow('killed');
    expect(end.status, end.output).toBe(1);
    const cluster = readFileSync(end.told('killed.txt'), 'utf8');
    expect(cluster).toMatch(/^k8s-test-[0-9a-z-]+$/);
    expect(end.output).toContain(`cluster ${cluster} removed`);
    expectNothingLeft(end);
  });
});
