import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { sharedImage } from './global-setup.ts';
import { pytestScript, runOnSharedCluster } from './run-on-shared-cluster.ts';

/** The chart that `helm create` writes, with an image that is there in place of nginx, and of the busybox of its test. */
function createChart(script: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'created-'));
  execFileSync('helm', ['create', 'shop'], { cwd: directory, stdio: 'ignore' });
  const chart = path.join(directory, 'shop');
  const edit = (name: string, from: RegExp, to: string) => {
    const file = path.join(chart, name);
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(from);
    writeFileSync(
      file,
      text.replace(from, () => to),
    );
  };
  const [repository, tag] = sharedImage.split(':');
  edit('values.yaml', /repository: nginx/, `repository: ${repository}`);
  edit('values.yaml', /tag: ""/, `tag: ${tag}`);
  edit('values.yaml', /port: 80\b/, 'port: 8080');
  edit(
    'templates/deployment.yaml',
    /( +)image: /,
    '          command: [python3, -m, http.server, "8080"]\n          image: ',
  );
  edit('templates/tests/test-connection.yaml', /image: busybox/, `image: ${sharedImage}`);
  edit(
    'templates/tests/test-connection.yaml',
    /command: \['wget'\]/,
    `command: ${JSON.stringify(['sh', '-c', script, 'test'])}`,
  );
  return chart;
}

const reports = (failure: string) =>
  `python3 -c 'import sys, urllib.request; urllib.request.urlopen("http://" + sys.argv[1]).read()' "$1" || exit 9
echo '<testsuite name="shop" tests="1"><testcase classname="shop" name="answers">${failure}</testcase></testsuite>' > /results/junit.xml`;

describe('the Pod that helm create writes as a test of its chart', () => {
  const given = { 'job-templates': 'templates/tests/test-connection.yaml' };

  test.concurrent('runs as a Job beside the release, and its report is the verdict', async () => {
    const [well, ill] = await Promise.all(
      [reports(''), `${reports('<failure>no cart</failure>')}; exit 1`].map((script) =>
        runOnSharedCluster({ given: { chart: createChart(script), ...given } }),
      ),
    );
    expect(well?.onDisk, well?.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 1, passed: 1 } });
    expect(well?.printed.join('\n')).toMatch(/Pod\/floe-test-shop-test-connection: run as Job\//);
    expect(ill?.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'test' }, tests: { failed: 1 } });
    expect(ill?.onDisk.failure?.reason).toBe('1 of 1 tests failed: answers');
  });
});

describe('a Job as a cluster gives it out', () => {
  function writeJob(parts: object, pod: object): string {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'job-')), 'job.json');
    const labels = { app: 'e2e', 'controller-uid': '8b1c', 'batch.kubernetes.io/controller-uid': '8b1c' };
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'e2e', namespace: 'default', uid: '8b1c', resourceVersion: '4711', labels },
      spec: { selector: { matchLabels: labels }, ...parts, template: { metadata: { labels }, spec: pod } },
      status: { succeeded: 1 },
    };
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [job] }));
    return file;
  }
  const container = (name: string, script: string, more: object = {}) => ({
    name,
    image: sharedImage,
    imagePullPolicy: 'Never',
    command: ['sh', '-c', script],
    ...more,
  });

  test.concurrent('with an index, a policy for failed pods, a sidecar, suspended and exported, runs and is judged', async () => {
    const script = pytestScript(`
import os, time, urllib.request
def test_index(): assert os.environ["JOB_COMPLETION_INDEX"] == "0"
def test_sidecar():
    for _ in range(100):
        try: assert urllib.request.urlopen("http://localhost:8000").status == 200; return
        except OSError: time.sleep(0.1)
    raise AssertionError("the sidecar does not answer")
`);
    const job = writeJob(
      {
        completionMode: 'Indexed',
        completions: 1,
        parallelism: 1,
        backoffLimit: 6,
        backoffLimitPerIndex: 2,
        suspend: true,
        podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }] },
      },
      {
        restartPolicy: 'Never',
        initContainers: [container('web', 'exec python3 -m http.server 8000', { restartPolicy: 'Always' })],
        containers: [container('tests', script)],
      },
    );
    const run = await runOnSharedCluster({ given: { job } });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({
      outcome: 'passed',
      tests: { total: 2, passed: 2 },
      warnings: [],
    });
    expect(run.printed.join('\n')).toMatch(/suspend: false \(was true\)/);
    expect(run.printed.join('\n')).toMatch(/podFailurePolicy: left out/);
  });

  test.concurrent('whose sidecar crashes again and again is reported with its last line, and its logs are complete', async () => {
    const job = writeJob(
      {},
      {
        restartPolicy: 'Never',
        initContainers: [
          container('db', "echo 'FATAL: could not open the log'; exit 3", {
            restartPolicy: 'Always',
            startupProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
          }),
        ],
        containers: [container('tests', 'true')],
      },
    );
    const run = await runOnSharedCluster({ given: { job, 'startup-timeout': '120s' } });
    expect(run.onDisk.failure?.reason, run.printed.join('\n')).toMatch(
      /^init container db of pod e2e-\S+ crashes repeatedly: \d restarts \(exit code 3\)$/,
    );
    expect(run.onDisk.failure?.evidence.join('\n')).toContain('FATAL: could not open the log');
    expect(run.onDisk.warnings).toEqual([]);
  });
});
