import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { shareResultsService } from '../support/results-service/share-results-service.ts';
import { type ProgramEnd, startStep } from './action-step.ts';
import { takeInventory } from './command-line.ts';
import { sharedImage, testImage } from './global-setup.ts';
import { kubectl } from './run-on-existing.ts';
import { deployment, writeChart } from './write-chart.ts';

const canary = 'canary-51b7d09e';
const suite = [
  'echo "def test_one(): pass" > /tmp/test_it.py; echo "def test_two(): import time; time.sleep(600)" >> /tmp/test_it.py',
  'echo "token $TOKEN" > /results/leak.txt; echo "the tests have begun"',
  'cd /tmp && exec pytest -v -p no:cacheprovider --junitxml=/results/junit.xml test_it.py',
].join('; ');

const nodeImage = process.env.FLOE_LAB_NODE_IMAGE;
const ownCluster = {
  profile: 'none',
  image: testImage,
  command: JSON.stringify(['sh', '-c', suite]),
  ...(nodeImage ? { 'node-image': nodeImage } : {}),
};

const service = shareResultsService();

/** A step with a secret whose artifact has this name. */
function startOn(artifact: string, inputs: Record<string, string>, env: Record<string, string> = {}) {
  const given = { ...inputs, secrets: `TOKEN=${canary}`, 'artifact-name': artifact };
  return { ...startStep(given, { ...service().admitJob(), ...env }), artifact };
}

/** All files below a directory, as one text. */
function readAll(directory: string): string {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  // What is larger is of no test.
  return files.flatMap((file) => (statSync(file).size > 1e7 ? [] : [readFileSync(file, 'latin1')])).join('\n');
}

/** A mirror for tools that is asked and never answers, and a machine that needs it. */
async function hangDownloads() {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const asked = new Promise<void>((resolve) => server.once('request', () => resolve()));
  return {
    asked,
    mirror: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    // Without the lab's programs on the PATH, and with an empty cache, kind has to be downloaded.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', RUNNER_TOOL_CACHE: mkdtempSync(path.join(tmpdir(), 'empty-cache-')) },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** That the post step left nothing of the run, and the artifact equals the files on the runner. */
async function expectTold(step: ReturnType<typeof startOn>, post: ProgramEnd, reason: RegExp): Promise<void> {
  expect(post.status, post.output).toBe(0);
  expect(readdirSync(step.temporary, { recursive: true })).toEqual(['k8s-test-action']);
  const verdict = step.readVerdict();
  expect(verdict).toMatchObject({ outcome: 'cancelled', failure: { kind: 'cancelled' } });
  expect(verdict?.failure?.reason).toMatch(reason);
  const { artifact } = step;
  await service().download(artifact, path.join(step.directory, 'artifact'));
  const files = (root: string) => readdirSync(root, { recursive: true }).map(String).sort();
  const uploaded = files(path.join(step.directory, 'artifact'));
  expect(uploaded).toEqual(expect.arrayContaining(['report.html', 'result.json', 'summary.md', 'junit.xml']));
  const isFile = (name: string) => statSync(path.join(step.resultsDir, name)).isFile();
  expect(files(step.resultsDir).filter((name) => isFile(name) && !uploaded.includes(name))).toEqual([]);
}

describe('fault 11: a cancel as GitHub sends it', () => {
  // Without a cluster: killed-step.test.ts; on the command line: cancel.test.ts.
  test.each([
    { phase: 'preflight', seen: /::group::preflight/, during: /during (preflight|the start|tools)/ },
    { phase: 'cluster', seen: /Preparing nodes/, during: /during (cluster|images)/ },
  ])('in phase $phase is cancelled, and post leaves nothing behind', async ({ phase, seen, during }) => {
    const before = takeInventory();
    const step = startOn(`cancelled-${phase}`, ownCluster);
    await step.untilPrinted(seen);
    await step.cancel();
    await expectTold(step, await step.runPost(), during);
    expect(takeInventory()).toEqual(before);
  });

  test('in phase tools, while a mirror hangs, is cancelled, and post leaves nothing behind', async () => {
    const before = takeInventory();
    const downloads = await hangDownloads();
    const given = { ...ownCluster, 'tools-mirror': downloads.mirror };
    const step = startOn('cancelled-tools', given, downloads.env);
    await downloads.asked;
    await step.cancel();
    downloads.close();
    await expectTold(step, await step.runPost(), /during tools/);
    expect(takeInventory()).toEqual(before);
  });

  test('in phase images is cancelled; and so is its post step, which continues and leaves nothing behind', async () => {
    const before = takeInventory();
    // An image that is made beside the cluster is copied into the nodes, which takes long enough.
    const context = mkdtempSync(path.join(tmpdir(), 'cancelled-build-'));
    writeFileSync(path.join(context, 'Dockerfile'), `FROM ${testImage}\nENV BUILT=here\n`);
    const { image: _, ...others } = ownCluster;
    const step = startOn('cancelled-images', { ...others, build: context });
    await step.untilPrinted(/loading 1 images/);
    await step.cancel();
    const post = step.startPost();
    await post.untilPrinted(/::group::teardown/);
    post.process.kill('SIGINT');
    await post.untilPrinted(/SIGINT: cleanup continues/);
    post.process.kill('SIGTERM');
    const end = await post.ended;
    await expectTold(step, end, /during (cluster|images)/);
    expect(end.output).toMatch(/cluster k8s-test-integration-\w+ removed/);
    expect(takeInventory()).toEqual(before);
  });

  test('in phases platform, tests, results and report on a cluster that stays is cancelled, with what there was, and post leaves nothing behind', async () => {
    const before = takeInventory();
    const { kubeconfigPath } = inject('cluster');
    const kubeconfig = readFileSync(kubeconfigPath);
    const given = {
      cluster: 'existing',
      kubeconfig: kubeconfigPath,
      image: sharedImage,
      'collector-image': sharedImage,
      grace: '3s',
    };
    const start = (phase: string, script: string, more: Record<string, string> = { profile: 'none' }) =>
      startOn(`cancelled-${phase}`, { ...given, ...more, command: JSON.stringify(['sh', '-c', script]) });
    const report = `echo '<testsuite name="s"><testcase name="test_one"/></testsuite>' > /results/junit.xml`;
    const leak = 'echo "token $TOKEN" > /results/leak.txt; echo "the token is $TOKEN"';
    const never = { readinessProbe: { exec: { command: ['false'] } } };
    const steps = {
      platform: start('platform', 'true', { chart: writeChart({ 'web.yaml': deployment('web', never) }) }),
      tests: start(
        'tests',
        `trap 'echo "so be it, $TOKEN" > /results/told.txt; exit 3' TERM; ${leak}; echo "the tests have begun"; sleep 600 & wait`,
      ),
      // So large that it is still on its way when the seconds after a cancel are over.
      results: start('results', `sleep 20; ${leak}; ${report}; truncate --size=3G /results/z-huge`, {
        profile: 'none',
        'results-limit': '4Gi',
      }),
      report: start('report', `${leak}; ${report}`),
    };
    const cancel = async (phase: keyof typeof steps, seen: RegExp) => {
      await steps[phase].untilPrinted(seen);
      return steps[phase].cancel();
    };
    const pipe = path.join(steps.report.resultsDir, 'summary.md');
    const [, , , killed] = await Promise.all([
      cancel('platform', /helm install/),
      cancel('tests', /the tests have begun/),
      cancel('results', /::group::results/),
      steps.report
        .untilPrinted(/::group::tests/)
        // It has no reader: the report is never finished.
        .then(() => execFileSync('mkfifo', [pipe]))
        .then(() => cancel('report', /::group::report/)),
    ]);
    expect(killed.signal).toBe('SIGKILL');
    rmSync(pipe);
    // The files and the output of the tests by then.
    const leaks = ['token ***', 'the token is ***'];
    const there = {
      platform: { words: [], passed: 0 },
      tests: { words: [...leaks, 'so be it, ***'], passed: 0 },
      results: { words: leaks, passed: 1 },
      report: { words: leaks, passed: 1 },
    };
    const phases = ['platform', 'tests', 'results', 'report'] as const;
    const posts = await Promise.all(phases.map((phase) => steps[phase].runPost()));
    for (const [i, phase] of phases.entries()) {
      const step = steps[phase];
      await expectTold(step, posts[i]!, new RegExp(`during ${phase}`));
      const { tests, cluster } = step.readVerdict()!;
      expect(tests.passed, phase).toBe(there[phase].passed);
      const text = readAll(step.resultsDir);
      expect(text).not.toContain(canary);
      for (const words of there[phase].words) expect(text, phase).toContain(words);
      const left = ['get', 'namespaces', '--output=name', '--ignore-not-found', cluster!.namespace];
      expect(kubectl(kubeconfigPath, left)).toBe('');
    }
    expect(readFileSync(kubeconfigPath)).toEqual(kubeconfig);
    expect(takeInventory()).toEqual(before);
  });
});

test('a step that is killed while its tests run has the remaining data of the cluster collected by post, masked', async () => {
  const before = takeInventory();
  const step = startOn('killed-tests', ownCluster);
  await step.untilPrinted(/test_one PASSED/);
  step.process.kill('SIGKILL');
  await step.ended;
  const post = await step.runPost();
  expect(post.status, post.output).toBe(0);
  const verdict = step.readVerdict();
  expect(verdict).toMatchObject({
    outcome: 'broken',
    failure: {
      kind: 'internal',
      reason: expect.stringMatching(/^the step was killed during tests; 1 of 2 tests finished, in flight: test_two/),
    },
    cluster: { kind: 'kind' },
  });
  const names = readdirSync(step.resultsDir, { recursive: true }).map(String);
  expect(names).toEqual(
    expect.arrayContaining(['report.html', 'junit.xml', 'cluster/events.yaml', 'cluster/pods.yaml']),
  );
  expect(readFileSync(path.join(step.resultsDir, 'results/leak.txt'), 'utf8')).toBe('token ***\n');
  const log = names.find((name) => /^logs\/.*test-runner\.log$/.test(name));
  expect(readFileSync(path.join(step.resultsDir, log!), 'utf8')).toContain('test_one PASSED');
  expect(post.output).toContain('removed (1 nodes)');
  expect(readdirSync(step.temporary, { recursive: true })).toEqual(['k8s-test-action']);
  expect(takeInventory()).toEqual(before);
});
