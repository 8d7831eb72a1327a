import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Verdict } from '../../src/core/outcome.ts';
import { conditionOf } from '../../src/diagnose/pod-facts.ts';
import type { RawInputs } from '../../src/inputs/schema.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { packageChart } from '../support/registry/chart-repository.ts';
import { Registry } from '../support/registry/registry.ts';
import { sharedImage } from './global-setup.ts';
import { loadPlatformImages, sharedRegistry } from './platform-images.ts';
import { runChart, secondsUntilVerdict } from './run-chart.ts';
import { type ExistingRun, kubectl, runOnExisting } from './run-on-existing.ts';
import { pytestScript, runOnSharedCluster, type SharedRun } from './run-on-shared-cluster.ts';
import { deployment, job, shell, writeChart } from './write-chart.ts';

/** Charts built as Bitnami's PostgreSQL, cert-manager and Airflow are: __tests__/charts/shapes/README.md. */
const shapes = path.resolve('__tests__/charts/shapes');
const admin = inject('cluster').kubeconfigPath;
const postgres = `${sharedRegistry}/library/postgres:15-bookworm`;
/** Where releases were before this run: namespaces of others that are there already. */
const reusable = `shapes-${process.pid}`;

let root: string;
let registry: Registry;
beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'shapes-'));
  cpSync(shapes, root, { recursive: true });
  [registry] = await Promise.all([Registry.start(), loadPlatformImages(inject('cluster'), ['postgres:15-bookworm'])]);
  registry.pushChart(packageChart(path.join(root, 'postgresql'), root), 'team');
  const metadata = path.join(root, 'flow', 'Chart.yaml');
  writeFileSync(metadata, readFileSync(metadata, 'utf8').replace('REGISTRY', registry.address));
  kubectl(admin, ['create', 'namespace', reusable]);
});
afterAll(() => {
  registry?.stop();
  rmSync(root, { recursive: true });
  const crds = ['certificates.certs.shapes.test', 'issuers.certs.shapes.test'];
  kubectl(admin, ['delete', '--ignore-not-found', 'customresourcedefinitions', ...crds]);
  kubectl(admin, ['delete', '--wait=false', 'namespace', reusable]);
});

function writeJob(text: string): string {
  const file = path.join(mkdtempSync(path.join(root, 'job-')), 'job.yaml');
  writeFileSync(file, text);
  return file;
}

// ── as Airflow ──────────────────────────────────────────────────────────────────────────────────────────────────────

const runFlow = (given: RawInputs = {}) =>
  runOnSharedCluster({
    given: {
      chart: path.join(root, 'flow'),
      set: `global.postgresImage=${postgres}\npostgresql.image.registry=${sharedRegistry}`,
      'job-templates': 'charts/checks/templates/acceptance.yaml',
      'job-set': 'checks.enabled=true',
      ...given,
    },
  });

// ── as Bitnami's PostgreSQL ─────────────────────────────────────────────────────────────────────────────────────────

/**
 * One test, by the image's own client: there is JUnit without any framework. kube-proxy may learn of a Service some seconds
 * after its pod is ready, and where no node can be reached, only the tests can check that it has.
 */
const askDatabase = `
for _ in $(seq 120); do pg_isready --quiet && break; sleep 1; done
said=$(psql --no-password --command='create table if not exists visits (at timestamptz); insert into visits values (now())' 2>&1) && failure= || failure="<failure>$said</failure>"
echo "$said"
echo "<testsuite name='database' tests='1'><testcase classname='database' name='answers'>$failure</testcase></testsuite>" > /results/junit.xml
[ -z "$failure" ]`;
const runPostgres = (given: RawInputs) =>
  runOnExisting({
    kubeconfig: admin,
    given: {
      chart: path.join(root, 'postgresql'),
      job: writeJob(`
apiVersion: batch/v1
kind: Job
metadata: { name: database-tests }
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: test
          image: ${postgres}
          command: ${JSON.stringify(['bash', '-c', askDatabase])}
          env:
            - { name: PGHOST, value: floe-test-postgresql }
            - { name: PGUSER, value: app }
            - { name: PGPASSWORD, valueFrom: { secretKeyRef: { name: floe-test-postgresql, key: password } } }
          volumeMounts: [{ name: results, mountPath: /results }]
      volumes: [{ name: results, emptyDir: {} }]
`),
      ...given,
      set: [`image.registry=${sharedRegistry}`, given.set ?? ''].join('\n'),
    },
  });

// ── as cert-manager ─────────────────────────────────────────────────────────────────────────────────────────────────

const runCerts = (release: string, set: string, given: RawInputs = {}) =>
  runOnExisting({
    kubeconfig: admin,
    given: { chart: path.join(root, 'certs'), release, set, ...given },
  });
const askApi = pytestScript(`
import json, ssl, urllib.error, urllib.request
base = "/var/run/secrets/kubernetes.io/serviceaccount/"
namespace = open(base + "namespace").read()
def create(name, spec):
    body = {"apiVersion": "certs.shapes.test/v1", "kind": "Certificate", "metadata": {"name": name}, "spec": spec}
    request = urllib.request.Request(
        "https://kubernetes.default.svc/apis/certs.shapes.test/v1/namespaces/" + namespace + "/certificates",
        json.dumps(body).encode(),
        {"Authorization": "Bearer " + open(base + "token").read(), "Content-Type": "application/json"})
    return urllib.request.urlopen(request, context=ssl.create_default_context(cafile=base + "ca.crt")).status
def test_a_certificate_is_taken():
    assert create("good", {"secretName": "good", "dnsNames": ["example.com"]}) == 201
def test_one_without_names_is_refused_by_the_webhook():
    try:
        create("bad", {"secretName": "bad"})
    except urllib.error.HTTPError as error:
        assert "spec.dnsNames: Required value" in json.load(error)["message"]
    else:
        raise AssertionError("it was taken")
`);
const certsJob = () =>
  writeJob(`
apiVersion: v1
kind: ServiceAccount
metadata: { name: certs-tests }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: certs-tests }
rules: [{ apiGroups: [certs.shapes.test], resources: [certificates], verbs: [create] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: certs-tests }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: certs-tests }
subjects: [{ kind: ServiceAccount, name: certs-tests }]
---
apiVersion: batch/v1
kind: Job
metadata: { name: certs-tests }
spec:
  template:
    spec:
      restartPolicy: Never
      serviceAccountName: certs-tests
      containers:
        - name: test
          image: ${sharedImage}
          imagePullPolicy: Never
          command: ${JSON.stringify(['sh', '-c', askApi])}
          volumeMounts: [{ name: results, mountPath: /results }]
      volumes: [{ name: results, emptyDir: {} }]
`);

/** Values with the certificate of an authority that has signed nothing here, as in a stale caBundle. */
function writeOtherCa(): string {
  const args = [
    'req',
    '-x509',
    '-nodes',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-subj',
    '/CN=old',
  ];
  const key = path.join(root, 'other.key');
  const certificate = execFileSync('openssl', [...args, '-keyout', key], { encoding: 'utf8', stdio: 'pipe' });
  const file = path.join(root, 'other-ca.yaml');
  writeFileSync(file, JSON.stringify({ webhook: { caBundle: certificate } }));
  return file;
}

// ── all of them at once: they mostly wait ───────────────────────────────────────────────────────────────────────────

/** A run and the one after it, in a namespace that stays. */
async function runPostgresTwice(): Promise<[ExistingRun, ExistingRun]> {
  const first = await runPostgres({ namespace: reusable });
  return [first, await runPostgres({ namespace: reusable })];
}

/** A Deployment that is ready when a program reports it, and a hook that runs after it. */
const runSmall = (program: string, given: RawInputs) =>
  runChart({
    chart: writeChart({
      'web.yaml': deployment('web', {
        command: shell(program),
        readinessProbe: { periodSeconds: 1, exec: { command: ['test', '-e', '/tmp/ready'] } },
      }),
      'hook.yaml': job('seed', { command: shell('true') }, { annotations: { 'helm.sh/hook': 'post-install' } }),
    }),
    script: pytestScript('def test_one(): pass'),
    given,
  });

const starts = {
  slow: () => runSmall('sleep 12; touch /tmp/ready; sleep 3600', { 'helm-wait': 'false' }),
  never: () => runSmall('sleep 3600', { 'platform-timeout': '60s' }),
  neverAlone: () => runSmall('sleep 3600', { 'platform-timeout': '60s', 'helm-wait': 'false' }),
  flow: () => runFlow({ 'helm-wait': 'false' }),
  flowByDefault: () => runFlow(),
  postgres: runPostgresTwice,
  backup: () => runPostgres({ set: 'backup.enabled=true' }),
  certs: () => runCerts('certs-well', 'crds.enabled=true', { job: certsJob() }),
  certificate: () => runCerts('certs-early', 'certificates={site}'),
  staleCa: () =>
    // Until then kube-proxy knows the webhook's Service, on a busy machine too: before, it is not the certificate that is wrong.
    runCerts('certs-stale', 'startupapicheck.timeoutSeconds=30\nstartupapicheck.backoffLimit=0', {
      values: writeOtherCa(),
    }),
};
type Runs = { [name in keyof typeof starts]: ReturnType<(typeof starts)[name]> };
let runs: Runs;
beforeAll(() => {
  runs = Object.fromEntries(Object.entries(starts).map(([name, start]) => [name, start()])) as Runs;
  // A request for one returns its failure.
  for (const run of Object.values(runs)) (run as Promise<unknown>).catch(() => undefined);
});

const tell = (run: SharedRun | ExistingRun) => run.printed.join('\n');
const platformSeconds = (verdict: Verdict) => verdict.phases.find(({ name }) => name === 'platform')!.seconds;
/** What a run has left outside of its namespace. */
const listOutside = (release: string) =>
  kubectl(admin, ['get', 'clusterroles,clusterrolebindings,validatingwebhookconfigurations', '--output=name'])
    .concat(kubectl(admin, ['get', 'roles,rolebindings', '--namespace=kube-system', '--output=name']))
    .split('\n')
    .filter((name) => name.includes(release));

describe('a chart as Airflow, with all kinds of dependencies', () => {
  test('is green with helm-wait: false, its tests a template of a subchart that is off by default', async () => {
    const run = await runs.flow;
    expect(run.onDisk, tell(run)).toMatchObject({ outcome: 'passed', tests: { total: 3, passed: 3 }, warnings: [] });
    process.stdout.write(`measured: flow: platform ${platformSeconds(run.onDisk)} s\n`);
  });

  test('is red by default within seconds, for its pods and its hook wait for each other, which is reported with what to do', async () => {
    const run = await runs.flowByDefault;
    expect(run.onDisk, tell(run)).toMatchObject({ outcome: 'broken', failure: { kind: 'chart' } });
    const { reason, hint } = run.onDisk.failure!;
    expect(reason).toMatch(
      /^init container wait-for-flow-migrations of pod \S+ waits for the post-install hook Job floe-test-run-flow-migrations, which helm creates only when all pods are ready: they wait for each other$/,
    );
    expect(hint).toMatch(/^Set helm-wait: false: helm then runs its hooks at once/);
    // Since then nothing was on its way.
    const pods = load(readFileSync(path.join(run.dir.cluster, 'pods.yaml'), 'utf8')) as Pod[];
    // A busy machine may have made a pod unready again, so that none is ready in the end: the change itself counts.
    const standstill = pods.flatMap((pod) => conditionOf(pod, 'Ready')?.lastTransitionTime ?? []);
    const seconds = secondsUntilVerdict(run, standstill.sort().at(-1));
    process.stdout.write(`measured: deadlock: ${seconds.toFixed(1)} s after the standstill: ${reason}\n`);
    // 6 s of patience, and what the run itself takes.
    expect(seconds).toBeLessThan(16);
  });
});

describe('a chart as Bitnami’s PostgreSQL', () => {
  test('is green with a Job of the user’s own, by the names that the release gives', async () => {
    const [run] = await runs.postgres;
    expect(run.onDisk, tell(run)).toMatchObject({ outcome: 'passed', tests: { total: 1 }, warnings: [] });
    expect(run.problems).toEqual([]);
  });

  test('meets the claim and the password of a former release, which is reported with the tests that fail for it', async () => {
    const [, run] = await runs.postgres;
    expect(run.onDisk, tell(run)).toMatchObject({ outcome: 'failed', tests: { failed: 1 } });
    expect(tell(run)).toMatch(/password authentication failed for user "app"/);
    expect(run.onDisk.warnings).toEqual([
      expect.stringMatching(
        /^PersistentVolumeClaim data-floe-test-postgresql-0 was there before release floe-test \(since \d{4}-\S+Z\): it still holds data and passwords of an earlier release\. Delete the claim/,
      ),
    ]);
  });

  test('makes a claim that only a CronJob mounts: helm would wait for ever, we name it after a minute', async () => {
    const run = await runs.backup;
    expect(run.onDisk, tell(run)).toMatchObject({ outcome: 'broken', failure: { kind: 'chart' } });
    const { reason, hint } = run.onDisk.failure!;
    expect(reason).toMatch(
      /^PersistentVolumeClaim floe-test-postgresql-pgdumpall is mounted by no pod, .*and helm waits for it$/,
    );
    expect(hint).toMatch(/helm-wait: false/);
    process.stdout.write(`measured: claim without a pod: platform ${platformSeconds(run.onDisk)} s\n`);
  });
});

describe('a chart as cert-manager', () => {
  test('is green, its webhook asked by the API server; what it made outside of its namespace goes, but for CRDs', async () => {
    const run = await runs.certs;
    expect(run.onDisk, tell(run)).toMatchObject({ outcome: 'passed', tests: { total: 2, passed: 2 }, warnings: [] });
    expect(run.problems).toEqual([]);
    expect(listOutside('certs-well')).toEqual([]);
    const crds = kubectl(admin, ['get', 'customresourcedefinitions', '--output=name']);
    expect(crds).toMatch(/certificates\.certs\.shapes\.test/);
    expect(crds).toMatch(/issuers\.certs\.shapes\.test/);
  });

  test('whose webhook cannot answer yet when helm creates what it checks gets that as its cause', async () => {
    const run = await runs.certificate;
    expect(run.onDisk, tell(run)).toMatchObject({ outcome: 'broken', failure: { kind: 'chart' } });
    const { reason, hint } = run.onDisk.failure!;
    // Why depends on how far the node has got: nothing may listen yet, the Service's address may lead nowhere, or no answer may
    // arrive in time, in which case the pod that is not ready is reported.
    expect(reason).toMatch(
      /^helm install failed: the webhook webhook\.certs\.shapes\.test, .* does not answer \(Service certs-early-webhook in namespace \S+\): \S|^container certs-webhook of pod \S+ runs but is not ready/,
    );
    expect(`${reason}: ${hint}`).toMatch(/not ready/);
    expect(listOutside('certs-early')).toEqual([]);
  });

  test('whose hook fails is reported with the last lines of the hook', async () => {
    const run = await runs.staleCa;
    expect(run.onDisk, tell(run)).toMatchObject({ outcome: 'broken', failure: { kind: 'chart' } });
    const { reason, evidence } = run.onDisk.failure!;
    expect(reason).toMatch(
      /^the post-install hook Job certs-stale-startupapicheck failed: container certs-startupapicheck of pod \S+ ended with exit code 1$/,
    );
    expect(evidence.join('\n')).toMatch(/failed calling webhook .* x509: certificate signed by unknown authority/);
    expect(listOutside('certs-stale')).toEqual([]);
  });
});

describe('helm-wait', () => {
  test('false: we wait for what helm does not, whose hooks have run by then', async () => {
    const run = await runs.slow;
    expect(run.onDisk, tell(run)).toMatchObject({ outcome: 'passed', tests: { passed: 1 }, warnings: [] });
    expect(platformSeconds(run.onDisk)).toBeGreaterThan(12);
    expect(run.pods.map((pod) => pod.metadata.name)).toContainEqual(expect.stringMatching(/^seed-/));
  });

  test('false: what never becomes ready is reported as before', async () => {
    const run = await runs.neverAlone;
    expect(run.onDisk.failure, tell(run)).toMatchObject({
      kind: 'chart',
      reason: expect.stringMatching(
        /^the chart is not ready after 60 s: container main of pod web-\S+ runs but is not ready: /,
      ),
    });
    expect(run.onDisk.failure!.hint).not.toMatch(/helm-wait/);
  });

  test('true: a hook that is held back is named with everything that is not ready, where no message shows what waits for what', async () => {
    const run = await runs.never;
    expect(run.onDisk.failure, tell(run)).toMatchObject({
      kind: 'chart',
      reason: expect.stringMatching(/^the chart is not ready after 60 s: container main of pod web-/),
      hint: expect.stringMatching(
        /helm creates the post-install hook Job seed only when all pods are ready; if this container waits for it: Set helm-wait: false/,
      ),
    });
  });
});
