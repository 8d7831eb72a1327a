import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { sharedImage } from './global-setup.ts';
import { pytestScript, runOnSharedCluster } from './run-on-shared-cluster.ts';

const passing = 'def test_one(): pass\ndef test_two(): pass\n';

/** A manifest as a user would write it, in a file of its own. */
function writeManifest(text: string): string {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'own-job-')), 'job.yaml');
  writeFileSync(file, text);
  return file;
}

/** JSON is YAML, and spares the indentation of scripts. */
const shell = (script: string) => JSON.stringify(['sh', '-c', script]);

describe('a Job of the user’s own', () => {
  test('runs with its supporting resources, keeps its own settings, and reports what was changed', async () => {
    const job = writeManifest(`
apiVersion: batch/v1
kind: Job
metadata: { name: acceptance, labels: { team: data } }
spec:
  backoffLimit: 6
  template:
    spec:
      restartPolicy: OnFailure
      serviceAccountName: reader
      containers:
        - name: proxy
          image: ${sharedImage}
          imagePullPolicy: Never
          command: ["sleep", "3600"]
        - name: test-acceptance
          image: ${sharedImage}
          imagePullPolicy: Never
          command: ${shell(
            pytestScript(`${passing}
def test_supporting_resources():
  import os, urllib.request, ssl
  assert os.environ["GREETING"] == "hello"
  assert os.environ["FROM_INPUT"] == "yes"
  root = "/var/run/secrets/kubernetes.io/serviceaccount"
  context = ssl.create_default_context(cafile=f"{root}/ca.crt")
  token, namespace = open(f"{root}/token").read(), open(f"{root}/namespace").read()
  request = urllib.request.Request(f"https://kubernetes.default/api/v1/namespaces/{namespace}/configmaps/words", headers={"Authorization": f"Bearer {token}"})
  assert b"hello" in urllib.request.urlopen(request, context=context).read()
`),
          )}
          envFrom: [{ configMapRef: { name: words } }]
          volumeMounts: [{ name: out, mountPath: /results }]
      volumes: [{ name: out, emptyDir: {} }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ kind: ServiceAccount, name: reader }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader }
rules: [{ apiGroups: [""], resources: [configmaps], verbs: [get] }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: words }
data: { GREETING: hello }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: reader }
`);
    const run = await runOnSharedCluster({ given: { job, env: 'FROM_INPUT=yes' } });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({
      outcome: 'passed',
      tests: { total: 3, passed: 3 },
      image: { name: sharedImage },
    });
    expect(run.printed).toContainEqual(expect.stringMatching(/Job\/acceptance: backoffLimit: 0 \(was 6\)/));
    expect(run.printed).toContainEqual(expect.stringMatching(/restartPolicy: Never \(was OnFailure\)/));
    expect(run.printed).toContainEqual(expect.stringMatching(/in place of emptyDir out/));
    expect(readFileSync(path.join(run.dir.cluster, 'jobs.yaml'), 'utf8')).toContain('team: data');
    expect(run.printed.join('\n')).toContain('test_it.py::test_supporting_resources PASSED');
  });

  test('writes to a claim, which is left as it is and read from the node', async () => {
    const big =
      'head -c 20000000 /dev/urandom > /artifacts/run-1/blob; sha256sum < /artifacts/run-1/blob > /artifacts/run-1/blob.sha256';
    const job = writeManifest(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: artifacts }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 100Mi } } }
---
apiVersion: batch/v1
kind: Job
metadata: { name: floe-test-e2e }
spec:
  template:
    spec:
      restartPolicy: Never
      securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000, runAsNonRoot: true }
      containers:
        - name: test-runner
          image: ${sharedImage}
          imagePullPolicy: Never
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
          command: ${shell(`mkdir -m 700 /artifacts/run-1; ${big}; ${pytestScript(passing).replaceAll('/results/', '/artifacts/')}\nln -s /etc/passwd /artifacts/leak`)}
          volumeMounts: [{ name: artifacts, mountPath: /artifacts }, { name: tmp, mountPath: /tmp }]
      volumes:
        - { name: artifacts, persistentVolumeClaim: { claimName: artifacts } }
        - { name: tmp, emptyDir: {} }
`);
    const run = await runOnSharedCluster({ given: { job, 'results-path': '/artifacts' } });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 2 } });
    expectSameBlob(path.join(run.dir.results, 'run-1'));
    expect(existsSync(path.join(run.dir.junit, 'junit.xml'))).toBe(true);
    expect(existsSync(path.join(run.dir.results, 'leak'))).toBe(false);
    expect(run.onDisk.warnings).toContainEqual(expect.stringMatching(/1 links or special files.*leak/));
  });
});

describe('job-templates of a chart that is not ours', () => {
  /** A chart whose tests are a hook, as `helm create` makes them, and a Job that is off by default, as others do it. */
  function writeChart(): string {
    const chart = mkdtempSync(path.join(tmpdir(), 'chart-'));
    const write = (name: string, text: string) => {
      mkdirSync(path.dirname(path.join(chart, name)), { recursive: true });
      writeFileSync(path.join(chart, name), text);
    };
    const container = (name: string) => `
        - name: ${name}
          image: ${sharedImage}
          imagePullPolicy: Never
          env: [{ name: WORD, valueFrom: { configMapKeyRef: { name: {{ .Release.Name }}-words, key: word } } }]
          command: ${shell(`echo "word is $WORD of {{ .Values.owner }}"; ${pytestScript(passing)}`)}`;
    write('Chart.yaml', 'apiVersion: v2\nname: strange\nversion: 0.1.0\nkubeVersion: ">= 1.30.0-0"\n');
    write('values.yaml', 'owner: nobody\ntests: { enabled: false }\n');
    const words =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: {{ .Release.Name }}-words }\ndata: { word: hello }\n';
    write('templates/words.yaml', words);
    const job = (name: string, annotations: string, containers: string[]) => `apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-${name}
  namespace: {{ .Release.Namespace }}
  annotations: ${annotations}
spec:
  template:
    spec:
      restartPolicy: Never
      serviceAccountName: {{ .Release.Name }}-tester
      containers:${containers.map(container).join('')}
`;
    const hook = '{ "helm.sh/hook": test, "helm.sh/hook-delete-policy": before-hook-creation }';
    write('templates/tests/hook.yaml', job('hook', hook, ['main', 'other']));
    write(
      'templates/tests/account.yaml',
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: {{ .Release.Name }}-tester, annotations: { "helm.sh/hook": test } }\n',
    );
    write('templates/tests/plain.yaml', `{{- if .Values.tests.enabled }}\n${job('plain', '{}', ['test'])}{{- end }}\n`);
    return chart;
  }
  const account = 'templates/tests/account.yaml';

  test('run as the release has them, with what the release made', async () => {
    const run = await runOnSharedCluster({
      given: {
        chart: writeChart(),
        set: 'owner=somebody',
        'job-templates': `templates/words.yaml\n${account}\ntemplates/tests/hook.yaml`,
        container: 'main',
      },
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 2 } });
    expect(run.printed).toContain('word is hello of somebody');
    expect(run.printed).toContainEqual(
      expect.stringMatching(/ConfigMap\/floe-test-words is part of release floe-test/),
    );
  });

  test('can be turned on only for the tests', async () => {
    const chart = writeChart();
    const templates = { chart, 'job-templates': `${account}\ntemplates/tests/plain.yaml` };
    const run = await runOnSharedCluster({ given: { ...templates, 'job-set': 'tests.enabled=true' } });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 2 }, warnings: [] });
    const off = await runOnSharedCluster({ given: templates });
    expect(off.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'chart' } });
    expect(off.onDisk.failure?.reason).toMatch(/plain\.yaml/);
    expect(off.onDisk.failure?.hint).toContain('job-set');
  });

  test('that do not name the test container, or where it writes, are refused before anything is created', async () => {
    const given = { chart: writeChart(), 'job-templates': 'templates/tests/hook.yaml' };
    const run = await runOnSharedCluster({ given });
    expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'chart' } });
    expect(run.onDisk.failure?.reason).toContain('it has main, other');
    expect(run.onDisk.phases.map((phase) => phase.name)).not.toContain('platform');
  });

  test('of a Job that helm install has started are run again, with a warning', async () => {
    const given = {
      chart: writeChart(),

      set: 'tests.enabled=true',
      'job-templates': `${account}\ntemplates/tests/plain.yaml`,
    };
    const run = await runOnSharedCluster({ given });
    expect(run.onDisk, JSON.stringify(run.onDisk.failure)).toMatchObject({ outcome: 'passed', tests: { total: 2 } });
    expect(run.onDisk.warnings).toEqual([expect.stringMatching(/Job\/floe-test-plain is part of release floe-test/)]);
  });
});

function expectSameBlob(directory: string): void {
  const sum = createHash('sha256')
    .update(readFileSync(path.join(directory, 'blob')))
    .digest('hex');
  expect(readFileSync(path.join(directory, 'blob.sha256'), 'utf8')).toContain(sum);
}
