import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/core/outcome.ts';
import { expectNothingLeft, readArtifact, readTree, runWorkflow, service } from './run-workflow.ts';

describe('the action', () => {
  test('on the example is green, writes outputs and summary, and uploads all results', async () => {
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

  test('distinguishes the steps of one job, and a red one with continue-on-error is red in the roll-up', async () => {
    const end = await runWorkflow('several');
    expect(end.outputs, end.output).toMatchObject({ outcome: 'failed', tests: '2', passed: '1', failed: '1' });
    expect(end.outputs['failure-reason']).toContain('unit · smoke: test: 1 of 1 tests failed: test_smoke');
    expect(end.summary).toContain('**unit · all**');
  });

  test('of a fork, without a token, does all but upload, and reports the path of the files', async () => {
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
});
