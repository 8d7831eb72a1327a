import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { nodeImageFlags, startCommand, takeInventory } from './command-line.ts';
import { countCalls } from './count-calls.ts';

const example = path.resolve('examples/floe');
/** Of a run of the example that passes. 100 and 180 were counted on two cores; polls, which a slow machine makes more of, are some 60 of either. */
const mostCalls = { docker: 160, helm: 6, kind: 2, requests: 400 };

describe('the main job', () => {
  test('on the example is green, leaves every file of the contract, and nothing else', async () => {
    const before = takeInventory();
    const calls = countCalls();
    const end = await startCommand(['run', '--tier', 'integration', ...nodeImageFlags], {
      cwd: example,
      env: calls.env,
    }).ended;
    expect(end.verdict?.failure, end.output).toBeNull();
    expect(end.status).toBe(0);
    expect(end.verdict).toMatchObject({
      schema: 1,
      outcome: 'passed',
      tier: 'integration',
      cluster: { kind: 'kind', nodes: 1, namespace: 'floe-test' },
    });
    expect(end.verdict?.tests.passed).toBeGreaterThan(5);
    // The verdict is printed before the cluster is removed.
    expect(end.output.indexOf('report.html')).toBeGreaterThan(-1);
    expect(end.output.lastIndexOf('teardown')).toBeGreaterThan(end.output.lastIndexOf('report.html'));
    expect(end.verdict?.phases.map((phase) => [phase.name, phase.outcome]).sort()).toEqual(
      ['preflight', 'tools', 'cluster', 'images', 'platform', 'tests', 'results', 'report', 'teardown']
        .map((name) => [name, 'passed'])
        .sort(),
    );
    const at = (...names: string[]) => path.join(end.resultsDir, ...names);
    for (const file of [
      'result.json',
      'summary.md',
      'report.html',
      'junit.xml',
      'junit/junit.xml',
      'results/revenue.json',
    ])
      expect(existsSync(at(file)), file).toBe(true);
    const logs = readdirSync(at('logs'), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.log'));
    for (const pod of ['dagster-webserver', 'dagster-daemon', 'postgres', 'integration-tests'])
      expect(
        logs.some((name) => name.startsWith(pod)),
        `a log of ${pod} in ${logs.join(' ')}`,
      ).toBe(true);
    for (const kind of ['events', 'pods', 'jobs', 'nodes', 'pvcs'])
      expect((load(readFileSync(at('cluster', `${kind}.yaml`), 'utf8')) as unknown[]).length, kind).toBeGreaterThan(0);
    expect(existsSync(at('.running'))).toBe(false);
    expect(takeInventory()).toEqual(before);
    // Each program that it starts, and each request, is time of every user.
    const counted = calls.read();
    for (const [name, most] of Object.entries(mostCalls)) {
      expect(counted[name], name).toBeGreaterThan(0);
      expect(counted[name], name).toBeLessThanOrEqual(most);
    }
  });
});

describe('wrong input', () => {
  test('is exit status 3 with all errors at once, and nothing is made', async () => {
    const before = takeInventory();
    const end = await startCommand([
      'run',
      '--tier',
      'nightly',
      '--timeout',
      'soon',
      '--imgae',
      'x',
      '--values',
      'no.yaml',
    ]).ended;
    expect(end.status).toBe(3);
    expect(end.output).toContain('tier: "nightly" is not known; choose one of unit, integration, e2e, staging');
    expect(end.output).toContain('timeout: "soon" is not a duration');
    expect(end.output).toContain('imgae: "x" is not an input; did you mean image?');
    expect(end.verdict).toBeUndefined();
    expect(takeInventory()).toEqual(before);
  });
});

describe('doctor', () => {
  test('prints what the machine has', async () => {
    const end = await startCommand(['doctor']).ended;
    expect(end.output).toMatch(/✓ docker .*docker \d+/);
    expect(end.output).toMatch(/free memory .*GiB/);
    expect(end.status).toBe(0);
  });

  test('reports what is missing and how to fix it when docker is down', async () => {
    const end = await startCommand(['doctor'], { env: { DOCKER_HOST: 'unix:///no/such/docker.sock' } }).ended;
    expect(end.status).toBe(2);
    expect(end.output).toMatch(/✗ docker/);
    expect(end.output).toContain('Start docker');
  });
});
