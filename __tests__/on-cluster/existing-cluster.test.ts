import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { nodeResultsPath } from '../../src/cluster/kind-config.ts';
import type { Verdict } from '../../src/core/outcome.ts';
import { tearDown } from '../../src/pipeline/teardown.ts';
import { sharedImage } from './global-setup.ts';
import { kubectl, runOnExisting } from './run-on-existing.ts';
import { pytestScript } from './run-on-shared-cluster.ts';
import { deployment, service, shell, writeChart } from './write-chart.ts';
import { writeUserKubeconfig } from './write-user-kubeconfig.ts';

/** The cluster of other tests, as a user sees it who only has the permissions that deploy/ grants. */
const admin = inject('cluster').kubeconfigPath;
const accounts = 'k8s-test-action';
const given = 'staging-tests';
const token = (account: string, namespace = accounts) =>
  kubectl(admin, ['create', 'token', account, '--namespace', namespace, '--duration=2h']).trim();
const listNamespaces = () => kubectl(admin, ['get', 'namespaces', '--output=name']).trim().split('\n').sort();
/** Namespaces that stay, with what is in them; those of other tests are created and deleted meanwhile. */
const describeStanding = () =>
  ['default', 'kube-system', accounts, given]
    .map((name) => {
      const what = ['get', 'configmaps,secrets,serviceaccounts,services,deployments', '--namespace', name];
      return kubectl(admin, [
        ...what,
        '--output=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid}{"\\n"}{end}',
      ]);
    })
    .join('\n');
const passing = pytestScript('def test_one(): pass\ndef test_two(): pass\n');

let kubeconfig = '';
beforeAll(async () => {
  for (const namespace of [accounts, given]) kubectl(admin, ['create', 'namespace', namespace]);
  // The objects that Kubernetes itself creates in each appear a moment later.
  for (const namespace of [accounts, given]) {
    const list = ['get', 'configmaps,serviceaccounts', '--namespace', namespace, '--output=name'];
    const isThere = () => /kube-root-ca\.crt[\s\S]*serviceaccount\/default/.test(kubectl(admin, list));
    await vi.waitUntil(isThere, { timeout: 60_000 });
  }
  kubectl(admin, ['create', 'serviceaccount', 'runner', '--namespace', accounts]);
  kubectl(admin, ['create', 'serviceaccount', 'runner', '--namespace', given]);
  for (const file of ['own-namespace.yaml', 'given-namespace.yaml'])
    kubectl(admin, ['auth', 'reconcile', '--filename', path.join('deploy', file)]);
  kubeconfig = writeUserKubeconfig(admin, { token: token('runner') });
});
afterAll(() => {
  kubectl(admin, ['delete', 'namespace', accounts, given, '--ignore-not-found', '--wait=false']);
  kubectl(admin, ['delete', 'clusterrole,clusterrolebinding', 'k8s-test-action', '--ignore-not-found']);
});

const chartOf = () =>
  writeChart({
    'web.yaml': deployment('web', { command: shell('python3 -m http.server 8080') }),
    'service.yaml': service('web', 8080),
  });

describe('a user with the shipped ClusterRole', () => {
  test('runs twice at once, chart and all: green, no warnings, results and log whole, nothing left', async () => {
    const before = describeStanding();
    const bytes = readFileSync(kubeconfig);
    const run = () =>
      runOnExisting({
        kubeconfig,
        script: `head -c 3000000 /dev/urandom > /results/blob; sleep 3; ${passing}`,
        given: { chart: chartOf(), tier: 'integration', secrets: 'PASSWORD=hunter2hunter2' },
      });
    const runs = await Promise.all([run(), run()]);
    for (const { onDisk, printed, problems, dir } of runs) {
      expect(onDisk, printed.join('\n')).toMatchObject({
        outcome: 'passed',
        tests: { total: 2, passed: 2 },
        warnings: [],
      });
      expect(onDisk.cluster).toMatchObject({ kind: 'existing', name: 'staging' });
      expect(problems).toEqual([]);
      expect(readFileSync(path.join(dir.results, 'blob')).length).toBe(3_000_000);
      expect(readFileSync(path.join(dir.cluster, 'nodes.yaml'), 'utf8')).toMatch(/^# nodes is forbidden/);
    }
    expect(runs[0].namespace).toMatch(/^floe-test-[0-9a-f]{8}$/);
    expect(runs[0].namespace).not.toBe(runs[1].namespace);
    for (const { namespace } of runs) expect(listNamespaces()).not.toContain(`namespace/${namespace}`);
    expect(describeStanding()).toBe(before);
    expect(readFileSync(kubeconfig)).toEqual(bytes);
  });

  test('removes leftovers of dead runs, and nothing of others', async () => {
    const mark = (name: string, labels: object, annotations: object) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels, annotations },
    });
    const ours = { 'app.kubernetes.io/managed-by': 'k8s-test-action', 'k8s-test-action/run': '00000000' };
    const over = { 'k8s-test-action/reap-after': '2026-01-01T00:00:00Z' };
    const objects = [
      mark('reaped-dead', ours, over),
      mark('reaped-alive', ours, { 'k8s-test-action/reap-after': '2999-01-01T00:00:00Z' }),
      mark('reaped-unmarked', {}, over),
      mark('reaped-other', { ...ours, 'app.kubernetes.io/managed-by': 'Helm' }, over),
    ];
    kubectl(admin, ['create', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    const run = await runOnExisting({ kubeconfig, script: passing });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed' });
    expect(run.printed).toContainEqual(expect.stringMatching(/^namespace reaped-dead of a crashed run/));
    kubectl(admin, ['wait', '--for=delete', 'namespace/reaped-dead', '--timeout=180s']);
    const left = listNamespaces().filter((name) => name.includes('reaped-'));
    kubectl(admin, ['delete', 'namespace', 'reaped-alive', 'reaped-unmarked', 'reaped-other', '--wait=false']);
    expect(left).toEqual(['namespace/reaped-alive', 'namespace/reaped-other', 'namespace/reaped-unmarked']);
  });

  test('is ended by a cancel and by a time limit with log and results, and what a dead run left is removed by another process', async () => {
    const cancel = new AbortController();
    const script = `trap "echo late > /results/late; echo bye; exit 3" TERM; echo begun; sleep 600 & wait`;
    const [cancelled, late] = await Promise.all([
      runOnExisting({
        kubeconfig,
        script: 'echo early > /results/early; sleep 15; echo begun; sleep 600',
        signal: cancel.signal,
        // The pod of a run that is torn down is given as long as its tests are.
        given: { grace: '3s' },
        keepAll: true,
        onPrinted: (line) => {
          if (line === 'begun') cancel.abort('SIGINT');
        },
      }),
      runOnExisting({ kubeconfig, script, given: { timeout: '4s', grace: '10s' } }),
    ]);
    expect(cancelled.onDisk, cancelled.printed.join('\n')).toMatchObject({ outcome: 'cancelled' });
    expect(readFileSync(path.join(cancelled.dir.results, 'early'), 'utf8')).toBe('early\n');
    expect(listNamespaces()).toContain(`namespace/${cancelled.namespace}`);
    expect(await tearDown(cancelled.record, AbortSignal.timeout(300_000), () => {})).toEqual([]);
    expect(listNamespaces()).not.toContain(`namespace/${cancelled.namespace}`);
    expect(late.onDisk, late.printed.join('\n')).toMatchObject({ outcome: 'failed', failure: { kind: 'timeout' } });
    expect(readFileSync(path.join(late.dir.results, 'late'), 'utf8')).toBe('late\n');
    expect(late.printed).toContain('bye');
  });
});

describe('a namespace that was there', () => {
  test('serves a user who may nothing outside of it, stays, and loses only what the run made', async () => {
    const own = writeUserKubeconfig(admin, { token: token('runner', given) });
    kubectl(admin, ['create', 'configmap', 'theirs', '--namespace', given]);
    const list = () =>
      kubectl(admin, ['get', 'all,configmaps,secrets', '--namespace', given, '--output=name'])
        .trim()
        .split('\n')
        .sort();
    const before = list();
    const chart = chartOf();
    const run = await runOnExisting({
      kubeconfig: own,
      script: passing,
      given: { namespace: given, chart, secrets: 'PASSWORD=hunter2hunter2', 'test-helper': 'on' },
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 2 } });
    expect(run.problems).toEqual([]);
    // What is deleted with its owner goes a moment later.
    await expect.poll(list, { timeout: 60_000 }).toEqual(before);
    const helm = ['install', 'floe-test', chart, '--namespace', given, '--kubeconfig', admin];
    execFileSync('helm', helm);
    const refused = await runOnExisting({ kubeconfig: own, script: passing, given: { namespace: given, chart } });
    expect(refused.onDisk.failure).toMatchObject({
      kind: 'input',
      reason: `namespace ${given} already has a release floe-test, which this run did not create`,
    });
    expect(
      execFileSync('helm', ['list', '--short', '--namespace', given, '--kubeconfig', admin], { encoding: 'utf8' }),
    ).toBe('floe-test\n');
    execFileSync('helm', ['uninstall', 'floe-test', '--wait', '--namespace', given, '--kubeconfig', admin]);
  });

  test('where a Job was kept for inspection reports that before anything is created, of the built-in Job and of one of the user’s own', async () => {
    const own = writeUserKubeconfig(admin, { token: token('runner', given) });
    const kept = await runOnExisting({ kubeconfig: own, script: passing, given: { namespace: given }, keepAll: true });
    expect(kept.onDisk, kept.printed.join('\n')).toMatchObject({ outcome: 'passed' });
    const jobName = 'integration-tests';
    // A run is over a moment before the controller has counted its pod.
    kubectl(admin, ['wait', '--for=condition=complete', `job/${jobName}`, '--namespace', given, '--timeout=60s']);
    const reason = expect.stringMatching(
      new RegExp(
        `^Job ${jobName} already exists in namespace ${given} \\(created 20\\S+Z\\): run ${kept.record.content.runId} made it$`,
      ),
    );
    const remove = `kubectl --namespace ${given} delete job ${jobName}`;
    const builtIn = await runOnExisting({ kubeconfig: own, script: passing, given: { namespace: given } });
    expect(builtIn.onDisk.failure).toMatchObject({ kind: 'input', reason, hint: expect.stringContaining(remove) });
    const job = path.join(mkdtempSync(path.join(tmpdir(), 'own-job-')), 'job.yaml');
    const container = { name: 'tests', image: sharedImage, command: shell(passing) };
    const spec = { template: { spec: { restartPolicy: 'Never', containers: [container] } } };
    writeFileSync(job, JSON.stringify({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: jobName }, spec }));
    const ofUser = await runOnExisting({ kubeconfig: own, given: { namespace: given, job } });
    expect(ofUser.onDisk.failure).toMatchObject({ kind: 'input', reason, hint: expect.stringContaining(remove) });
    for (const { onDisk } of [builtIn, ofUser]) expect(onDisk.phases.map(({ name }) => name)).not.toContain('platform');
    expect(await tearDown(kept.record, AbortSignal.timeout(300_000), () => {})).toEqual([]);
    const after = await runOnExisting({ kubeconfig: own, given: { namespace: given, job } });
    expect(after.onDisk, after.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 2 } });
  });
});

describe('a runner that is a pod of the cluster', () => {
  /** What the pod's image would hold, in a directory that the node mounts: node with its libraries, helm, and this project. */
  function packRunner(directory: string, chart: string): void {
    const copy = (from: string, name: string) => cpSync(from, path.join(directory, name), { recursive: true });
    const linked = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
    for (const [, library, file] of linked.matchAll(/^\s*(lib(?:stdc\+\+|gcc_s)\S+) => (\S+)/gm))
      copy(realpathSync(file!), `lib/${library}`);
    copy(realpathSync(process.execPath), 'bin/node');
    copy(realpathSync(execFileSync('which', ['helm'], { encoding: 'utf8' }).trim()), 'bin/helm');
    for (const part of ['dist', 'charts', 'image-helper']) copy(part, `project/${part}`);
    copy(chart, 'chart');
    mkdirSync(path.join(directory, 'out'));
    // The pod's user is not ours.
    chmodSync(path.join(directory, 'out'), 0o777);
    execFileSync('chmod', ['-R', 'a+rX', directory]);
  }

  test('needs no kubeconfig: the command line, as the ServiceAccount that deploy/ grants what a run needs, is green there', async () => {
    const { mountedHostPath } = inject('cluster');
    const directory = mkdtempSync(path.join(mountedHostPath, 'in-cluster-'));
    packRunner(directory, chartOf());
    const flags = {
      cluster: 'existing',
      chart: '/runner/chart',
      image: sharedImage,
      'collector-image': sharedImage,
      command: JSON.stringify(['sh', '-c', passing]),
      'results-dir': '/runner/out/results',
    };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'in-cluster' },
      spec: {
        serviceAccountName: 'runner',
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 1,
        securityContext: { runAsUser: 1001, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'runner',
            image: sharedImage,
            imagePullPolicy: 'Never',
            command: ['/runner/bin/node', '/runner/project/dist/cli.js', 'run'],
            args: Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
            env: [
              { name: 'PATH', value: '/runner/bin:/usr/local/bin:/usr/bin:/bin' },
              { name: 'LD_LIBRARY_PATH', value: '/runner/lib' },
              { name: 'HOME', value: '/tmp' },
            ],
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'] },
            },
            volumeMounts: [
              { name: 'runner', mountPath: '/runner' },
              { name: 'tmp', mountPath: '/tmp' },
            ],
          },
        ],
        volumes: [
          { name: 'runner', hostPath: { path: path.posix.join(nodeResultsPath, path.basename(directory)) } },
          { name: 'tmp', emptyDir: {} },
        ],
      },
    };
    kubectl(admin, ['create', '--namespace', accounts, '--filename=-'], JSON.stringify(pod));
    const ask = (template: string) =>
      kubectl(admin, ['get', 'pod', 'in-cluster', '--namespace', accounts, `--output=jsonpath=${template}`]);
    await expect.poll(() => ask('{.status.phase}'), { timeout: 180_000, interval: 500 }).toMatch(/Succeeded|Failed/);
    const said = kubectl(admin, ['logs', 'in-cluster', '--namespace', accounts]);
    expect(ask('{.status.containerStatuses[0].state.terminated.exitCode}'), said).toBe('0');
    expect(said).toMatch(/context in-cluster of the ServiceAccount of this pod: https:\/\/10\./);
    expect(said).toMatch(/authenticated as system:serviceaccount:k8s-test-action:runner/);
    const verdict = JSON.parse(readFileSync(path.join(directory, 'out', 'results', 'result.json'), 'utf8')) as Verdict;
    expect(verdict).toMatchObject({
      outcome: 'passed',
      tests: { total: 2, passed: 2 },
      warnings: [],
      cluster: { kind: 'existing', name: 'in-cluster' },
    });
    expect(listNamespaces()).not.toContain(`namespace/${verdict.cluster!.namespace}`);
    process.stdout.write(`measured: a run inside the cluster: ${verdict.durationSeconds} s\n`);
  });
});

describe('fault 14', () => {
  test('verbs that are missing are named together, with the manifest that grants them', async () => {
    kubectl(admin, ['create', 'serviceaccount', 'poor', '--namespace', accounts]);
    const poor = writeUserKubeconfig(admin, { token: token('poor') });
    const run = await runOnExisting({ kubeconfig: poor, script: passing, given: { chart: chartOf() } });
    expect(run.onDisk.failure).toMatchObject({
      kind: 'input',
      reason: expect.stringMatching(
        /^system:serviceaccount:k8s-test-action:poor may not create namespaces, get namespaces, delete namespaces in the cluster; create jobs\.batch, .* get pods\/log, /,
      ),
      hint: expect.stringContaining('deploy/own-namespace.yaml'),
    });
    expect(listNamespaces()).not.toContain(`namespace/${run.namespace}`);
    // What it hands to the administrator is enough.
    const grant = run.onDisk.failure!.evidence.at(-1)!;
    const inNamespace = loadAll(grant).map((one) => (one as { kind: string }).kind);
    expect(inNamespace).toEqual(['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding']);
    kubectl(admin, ['apply', '--dry-run=server', '--filename=-'], grant.replaceAll(run.namespace, given));
  });

  test('an API server that is not there, a token that has expired, a plugin that fails: api, in plain words', async () => {
    const unreachable = await runOnExisting({ kubeconfig, given: { context: 'production' } });
    expect(unreachable.onDisk.failure).toMatchObject({
      kind: 'api',
      reason: expect.stringMatching(
        /^the cluster of context production \(https:\/\/127\.0\.0\.1:1\) cannot be reached: .*ECONNREFUSED/,
      ),
    });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const stale = `${part({ alg: 'RS256' })}.${part({ exp: 1_767_225_600 })}.${Buffer.from('x').toString('base64url')}`;
    const expired = await runOnExisting({ kubeconfig: writeUserKubeconfig(admin, { token: stale }) });
    expect(expired.onDisk.failure).toMatchObject({
      kind: 'api',
      reason: expect.stringMatching(
        /denies access: the token of user runner has expired, at 2026-01-01T00:00:00.000Z \(its message: Unauthorized\)$/,
      ),
    });
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', 'echo log in first >&2; exit 1'],
    };
    const failing = await runOnExisting({ kubeconfig: writeUserKubeconfig(admin, { exec }) });
    expect(failing.onDisk.failure).toMatchObject({
      kind: 'api',
      reason: expect.stringMatching(
        /^no credentials for context staging .*: the credential plugin sh failed: log in first$/,
      ),
    });
  });

  test('a plugin whose token is withdrawn in the middle of the run is asked again', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'plugin-'));
    const plugin = path.join(directory, 'plugin.sh');
    // Each token lives as long as a Secret of its own, which the API server notices within seconds.
    const script = `#!/bin/sh
set -e
name=token-$$
kubectl --kubeconfig ${admin} --namespace ${accounts} create secret generic $name >/dev/null
token=$(kubectl --kubeconfig ${admin} --namespace ${accounts} create token runner --bound-object-kind Secret --bound-object-name $name)
echo $name >> ${directory}/asked
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}' "$token"
`;
    writeFileSync(plugin, script);
    chmodSync(plugin, 0o755);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' };
    const file = writeUserKubeconfig(admin, { exec });
    const asked = () => readFileSync(path.join(directory, 'asked'), 'utf8').trim().split('\n');
    let before = 0;
    const run = await runOnExisting({
      kubeconfig: file,
      script: `echo begun; sleep 25; ${passing}`,
      onPrinted: (line) => {
        if (line !== 'begun') return;
        before = asked().length;
        kubectl(admin, ['delete', 'secret', '--namespace', accounts, ...asked()]);
      },
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 2 }, warnings: [] });
    expect(before).toBe(1);
    expect(asked().length).toBeGreaterThan(1);
    expect(run.problems).toEqual([]);
  });
});
