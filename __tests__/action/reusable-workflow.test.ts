import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { renderInputErrors } from '../../src/inputs/schema.ts';
import { bundledChart } from '../../src/pipeline/begin-run.ts';

interface Workflow {
  on: { workflow_call: { inputs: Record<string, { description: string }> } };
  jobs: Record<
    string,
    {
      environment?: string;
      needs?: string[];
      steps: { name?: string; if?: string; run?: string; uses?: string; with?: object }[];
    }
  >;
}

const text = readFileSync('.github/workflows/k8s-tests.yml', 'utf8');
const { on, jobs } = load(text) as Workflow;
const { inputs } = on.workflow_call;
const tiers = ['unit', 'integration', 'e2e', 'staging'];
/** Inputs of the workflow that are handed on to the action under their own names. */
const handedOn = Object.keys(inputs).filter((name) => inputs[name]!.description === `Input ${name} of the action`);
/** Settings with a meaning only for Kubernetes, and of these only for Kind. */
const ofKubernetes = new Set(handedOn.filter((name) => !['command', 'args', 'env', 'project-file'].includes(name)));
const ofKind = new Set(['build', 'dockerfile', 'load-images', 'node-image', 'registry-mirrors']);

function givenBy(job: string): Record<string, string> {
  const step = jobs[job]!.steps.find(({ uses }) => uses === 'floe/k8s-test-action@v1');
  return (step?.with ?? {}) as Record<string, string>;
}

describe('the reusable workflow', () => {
  test.each(tiers)('hands on to tier %s what has a meaning there, and nothing else', (tier) => {
    const given = givenBy(tier);
    const wanted = handedOn.filter(
      (name) => (tier !== 'unit' || !ofKubernetes.has(name)) && (tier !== 'staging' || !ofKind.has(name)),
    );
    for (const name of wanted) expect(given[name]).toBe(`\${{ inputs.${name} }}`);
    expect(handedOn.filter((name) => name in given)).toEqual(wanted);
    expect(given).toMatchObject({ tier, secrets: `\${{ secrets.test-secrets }}` });
  });

  test.each(tiers)('gives tier %s what the action takes', (tier) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'called-'));
    const file = (name: string, content: string) => {
      mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
      writeFileSync(path.join(directory, name), content);
      return name;
    };
    const kubeconfig = {
      'current-context': 'staging',
      contexts: [{ name: 'staging', context: { cluster: 'staging', user: 'runner' } }],
      clusters: [{ name: 'staging', cluster: { server: 'https://staging.example' } }],
      users: [{ name: 'runner', user: { token: 'not-a-real-token' } }],
    };
    const samples: Record<string, string> = {
      'project-file': 'safe',
      build: path.dirname(file('tests/Dockerfile', '')),
      dockerfile: 'tests/Dockerfile',
      values: file('values.yaml', ''),
      kubeconfig: file('kubeconfig', JSON.stringify(kubeconfig)),
      context: 'staging',
      image: 'shop-tests:ci',
      'load-images': 'shop:ci',
      profile: 'minimal',
      chart: bundledChart(),
      set: 'a=b',
      'node-image': 'kindest/node:v1.34.8',
      'registry-mirrors': 'docker.io=https://mirror.example',
      'tools-mirror': 'https://tools.example',
      command: 'pytest',
      args: '-v',
      env: 'A=b',
      secrets: 'TOKEN=canary',
      'retention-days': '90',
    };
    const given = Object.fromEntries(
      Object.entries(givenBy(tier)).map(([name, value]) => [name, value.includes('${{') ? samples[name] : value]),
    ) as Record<string, string>;
    const names = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value ?? name]));
    const read = readInputs({ given: names, directory, bundledChart: bundledChart(), env: {} });
    expect(renderInputErrors(read.errors ?? [])).toEqual([]);
    expect(read.inputs).toMatchObject({ tier, cluster: tier === 'staging' ? 'existing' : 'kind' });
  });

  test.each(tiers)('leaves no password of a registry on a permanent machine, for any outcome of tier %s', (tier) => {
    const last = jobs[tier]!.steps.at(-1)!;
    expect(last.run).toBe('docker logout "$REGISTRY"');
    expect(last.if).toMatch(
      /always\(\) && steps\.login\.outputs\.done == 'true' && runner\.environment == 'self-hosted'/,
    );
    const login = jobs[tier]!.steps.find(({ name }) => name === 'Log in to the registry');
    // Noted before the login, so that one which is cut off is undone too.
    expect(login?.run).toMatch(/done=true[\s\S]*docker login/);
  });

  test('has artifact names that differ by call, tier and attempt, which the summary looks for', () => {
    const names = [...tiers, 'summary'].map((job) => givenBy(job)['artifact-name']);
    const named = (part: string) => `k8s-test-\${{ inputs.name }}-${part}-attempt\${{ github.run_attempt }}`;
    expect(names).toEqual([...tiers, 'report'].map(named));
    expect(givenBy('summary')['leg-artifacts']).toBe(`k8s-test-\${{ inputs.name }}-@(${tiers.join('|')})-attempt*`);
  });

  test('has staging behind its environment, and the summary behind all tiers', () => {
    expect(jobs.staging!.environment).toBe(`\${{ inputs.staging-environment }}`);
    expect(jobs.staging!.needs).toEqual(['unit', 'integration', 'e2e']);
    expect(jobs.summary!.needs).toEqual(tiers);
  });

  test('has no input that nothing reads', () => {
    const unread = Object.keys(inputs).filter((name) => !new RegExp(`inputs\\.${name}\\b(?!-)`).test(text));
    expect(unread).toEqual([]);
  });
});
