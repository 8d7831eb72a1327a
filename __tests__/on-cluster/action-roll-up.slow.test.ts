import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, inject, test } from 'vitest';
import { takeInventory } from './command-line.ts';
import { sharedImage, testImage } from './global-setup.ts';
import { before, directory, expectNothingLeft, readArtifact, readLegs, readTree, runWorkflow } from './run-workflow.ts';

describe('the action', () => {
  test(
    'in a matrix of tiers is rolled up: each leg in one summary; one that was killed, or died without a word, is red, not absent; a rerun of the red ones keeps what the green ones had said',
    async () => {
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
      const leg = (tier: string, ends: string, attempt: number) =>
        `${tier} ${attempt} ${JSON.stringify({ ends, tier })}`;
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
      // Five clusters, one of them of three nodes, in two workflow runs: a busy machine takes longer than most tests may.
    },
    25 * 60_000,
  );

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
    expect(end.summary).toContain('3 jobs passed');
    expect(end.summary).toContain('1 job passed');
    expect(end.output).not.toContain('canary-77d0');

    const legs = await readLegs(/^k8s-test-(shop|billing)-.*-attempt1$/);
    const told = legs.map(({ name, verdict }) => ({
      name,
      outcome: verdict.outcome,
      cluster: verdict.cluster?.kind,
      leg: verdict.leg && { ...verdict.leg, step: undefined },
      greeting: readFileSync(path.join(directory, 'legs', name, 'junit.xml'), 'utf8').match(/of_\w+/)?.[0],
    }));
    // The matrix is the caller's: the jobs of a called workflow have none, and only the artifacts' names distinguish products.
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
