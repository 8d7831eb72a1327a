import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/kube/connection.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { listResources } from '../../src/kube/resources.ts';
import { type CommandEnd, nodeImageFlags, startCommand } from './command-line.ts';
import { testImage } from './global-setup.ts';
import { deployment, service, shell, writeChart } from './write-chart.ts';

/**
 * A project as a user has it: a chart, test files, the image that they are in. One kept cluster for the whole file, since it
 * is about what one call leaves to the next; its tests build on each other.
 */
const names = { tests: 'edit-loop-tests:dev', web: 'edit-loop-web:dev' };
/** Finds those that have lost their name to a newer one. */
const label = `edit-loop=${process.pid}`;
/** A namespace that the chart makes beside that of its release. */
const beside = 'edit-loop-beside';
let project: string;
let chart: string;
let env: Record<string, string>;
let resultsDir: string;
let kubeconfigPath: string;
let node: string;
/** What `up` printed. */
let told: string;

beforeAll(async () => {
  project = realpathSync(mkdtempSync(path.join(tmpdir(), 'edit-loop-')));
  env = { XDG_STATE_HOME: path.join(project, 'state') };
  resultsDir = path.join(project, 'out');
  const web = {
    image: names.web,
    imagePullPolicy: 'IfNotPresent',
    command: shell('exec python3 -m http.server 8000 --directory /web'),
  };
  chart = writeChart({
    'web.yaml': deployment('web', {
      ...web,
      ports: [{ containerPort: 8000 }],
      readinessProbe: { httpGet: { path: '/', port: 8000 }, periodSeconds: 1 },
    }),
    'service.yaml': service('web', 8000),
    'beside.yaml': JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: beside } }),
    'worker.yaml': deployment('worker', web, { metadata: { namespace: beside } }),
    'config.yaml':
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: colours}\ndata: {colour: "{{ .Values.colour | default "red" }}"}\n',
  });
  buildWeb('first');
  writeTest('assert True');
  const up = await call(['up', '--image', names.tests, '--chart', chart, ...nodeImageFlags]);
  if (up.status !== 0) throw new Error(up.output);
  told = up.output;
  [, kubeconfigPath] = /export KUBECONFIG=(\S+)/.exec(up.output) as unknown as [string, string];
  [, node] = /cluster (\S+) is kept/.exec(up.output) as unknown as [string, string];
  node += '-control-plane';
});

afterAll(() => {
  down();
  execFileSync('docker', ['image', 'rm', '--force', ...Object.values(names)], { stdio: 'ignore' });
  execFileSync('docker', ['image', 'prune', '--force', '--filter', `label=${label}`], { stdio: 'ignore' });
  for (const one of [project, chart]) rmSync(one, { recursive: true, force: true });
});

function call(args: string[]): Promise<CommandEnd> {
  return startCommand(args, { env, cwd: project, resultsDir }).ended;
}

function down(): { status: number | null; stdout: string } {
  return spawnSync(process.execPath, [path.resolve('dist/cli.js'), 'down'], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
}

function build(tag: string, dockerfile: string, files: Record<string, string>): void {
  const context = mkdtempSync(path.join(tmpdir(), 'edit-loop-image-'));
  mkdirSync(path.join(context, 'files'));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(context, 'files', name), text);
  writeFileSync(path.join(context, 'Dockerfile'), dockerfile);
  const quiet = { stdio: ['ignore', 'ignore', 'pipe'] as ['ignore', 'ignore', 'pipe'] };
  execFileSync('docker', ['build', '--quiet', '--label', label, '--tag', tag, context], {
    ...quiet,
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  });
  rmSync(context, { recursive: true });
}

/** The user edits the one test file, and builds. */
function writeTest(line: string): void {
  const source = `import os, urllib.request\ndef read(): return urllib.request.urlopen("http://web:8000/word.txt").read().decode()\ndef test_edited():\n    ${line}\n`;
  build(names.tests, `FROM ${testImage}\nCOPY files tests/integration\n`, { 'test_edited.py': source });
}

function buildWeb(word: string): void {
  build(names.web, `FROM ${testImage}\nENTRYPOINT []\nCOPY files /web\n`, { 'word.txt': word });
}

async function listPods(namespace = 'floe-test'): Promise<Pod[]> {
  const connection = connect({ kubeconfigPath });
  const signal = AbortSignal.timeout(30_000);
  const pods = await listResources<Pod>(connection, `/api/v1/namespaces/${namespace}/pods`, signal);
  await connection.close();
  return pods;
}

const edited = 'tests/integration/test_edited.py';

test('a cluster that is brought up is reported with the commands to access it', () => {
  expect(told).toContain('port-forward service/web 8000:8000');
  expect(told).toContain(`node ${path.resolve('dist/cli.js')} rerun`);
});

describe('an edit in a kept cluster', () => {
  test('comes to a verdict: red for the edited test, with the pod left to look at, and nothing deployed again', async () => {
    writeTest('assert read() == "second"');
    const end = await call(['rerun', edited]);
    expect(end.status, end.output).toBe(1);
    expect(end.verdict).toMatchObject({ outcome: 'failed', failure: { kind: 'test' }, tests: { total: 1, failed: 1 } });
    expect(end.output).toContain(`loaded: ${names.tests}`);
    expect(end.output).toContain('no helm upgrade of floe-test: neither the chart nor its values have changed');
    // Its phase may lag behind the end of its container.
    const pod = (await listPods()).find(({ metadata }) => metadata.name.startsWith('integration-tests-'));
    expect(end.output).toContain(
      `debug ${pod?.metadata.name} --stdin --tty --copy-to=look --container=test-runner -- sh`,
    );
    expect(readdirSync(path.join(resultsDir, 'junit'))).toEqual(['junit.xml']);
  });

  test('of the program under test is what the tests see, although no line of the chart has changed', async () => {
    buildWeb('second');
    const end = await call(['rerun', edited]);
    expect(end.verdict?.failure, end.output).toBeNull();
    expect(end.output).toContain(`loaded: ${names.web}`);
    expect(end.output).toMatch(/restarted because their images changed: web-\S+, worker-/);
    expect(end.verdict?.tests).toMatchObject({ total: 1, passed: 1 });
    // Of the red run before nothing is left in this one's results or namespace.
    const left = async () => (await listPods()).map(({ metadata }) => metadata.name.replace(/-.*/, '')).sort();
    await expect.poll(left, { timeout: 60_000 }).toEqual(['integration', 'web']);
  });

  test('of a value has the chart upgraded, beside which a second call is refused', async () => {
    const first = startCommand(['again', edited, '--set', 'colour=blue'], { env, cwd: project, resultsDir });
    await first.untilPrinted('preflight');
    const second = await startCommand(['again'], { env, cwd: project }).ended;
    expect(second.status).toBe(3);
    expect(second.output).toMatch(/^the kept cluster \S+ is in use by another run \(process \d+\)\n$/);
    expect(down().stdout).toMatch(/is in use by another run/);
    const end = await first.ended;
    expect(end.status, end.output).toBe(0);
    expect(end.output).toContain('helm upgrade floe-test: the chart or its values have changed');
  });

  test('of a chart that failed has all of it created again, also objects in other namespaces', async () => {
    const [former] = await listPods(beside);
    const args = ['--kubeconfig', kubeconfigPath, '--namespace', 'floe-test', 'label', 'secret'];
    execFileSync('kubectl', [...args, '--selector', 'owner=helm', '--overwrite', 'status=failed'], { stdio: 'ignore' });
    const end = await call(['again', edited, '--set', 'colour=blue']);
    expect(end.status, end.output).toBe(0);
    expect(end.output).toContain('is removed with all its data and installed again: its last installation is failed');
    const uids = (await listPods(beside)).map(({ metadata }) => metadata.uid);
    expect(uids).toHaveLength(1);
    expect(uids).not.toContain(former?.metadata.uid);
  });

  test('fetches its results although the results directory was removed', async () => {
    rmSync(resultsDir, { recursive: true });
    const end = await call(['again', edited, '--set', 'colour=blue', '--collector-image', names.web]);
    expect(end.status, end.output).toBe(0);
    expect(end.output).toContain('results come out of the test pod by a collector');
    expect(end.verdict?.tests).toMatchObject({ total: 1, passed: 1 });
  });

  test('is refused in a line where it wants another cluster', async () => {
    const end = await call(['again', '--namespace', 'mine']);
    expect(end.status).toBe(3);
    const cli = path.resolve('dist/cli.js');
    expect(end.output).toContain(` was made with another namespace; node ${cli} down, then node ${cli} up\n`);
  });
});

describe('a kept cluster that is not what it was', () => {
  test('is reported in a line with what to do: stopped, gone, removed', async () => {
    execFileSync('docker', ['stop', '--time', '0', node], { stdio: 'ignore' });
    const stopped = await call(['again']);
    expect(stopped.status).toBe(2);
    expect(stopped.verdict?.failure).toMatchObject({
      kind: 'cluster',
      reason: expect.stringMatching(/is not running: \S+ stopped$/),
      hint: expect.stringContaining(`docker start ${node}`),
    });
    execFileSync('docker', ['rm', '--force', '--volumes', node], { stdio: 'ignore' });
    const gone = await call(['again']);
    expect(gone.verdict?.failure).toMatchObject({ kind: 'cluster', reason: expect.stringContaining('is gone') });
    expect(down().status).toBe(0);
    const none = await call(['again']);
    expect(none.status).toBe(3);
    expect(none.output).toBe(
      `no cluster of tier integration is kept for ${project}; make one: node ${path.resolve('dist/cli.js')} up --tier integration\n`,
    );
  });
});
