import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { connect } from '../../src/kube/connection.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { listResources } from '../../src/kube/resources.ts';
import { sharedImage } from './global-setup.ts';
import { pytestScript, runOnSharedCluster } from './run-on-shared-cluster.ts';

const passing = 'def test_one(): pass\ndef test_two(): pass\n';
const collector = { 'collector-image': sharedImage };

/** Writes 60 MB, files with hostile names, and files that must not be fetched, into the results. */
const rich = `cd /results && mkdir -p 'a/b c' && head -c 60000000 /dev/urandom > a/blob && sha256sum < a/blob > a/blob.sha256
umask 077; printf x > 'a/b c/new
line'; printf y > 'a/colon:"*?'; : > empty
ln -s /etc/passwd leak.txt; ln -s / root; mkfifo pipe
for i in $(seq 1 300); do echo $i > file-$i; done
`;

function expectRich(results: string, warnings: string[]): void {
  const blob = readFileSync(path.join(results, 'a/blob'));
  expect(blob.length).toBe(60_000_000);
  const sum = createHash('sha256').update(blob).digest('hex');
  expect(readFileSync(path.join(results, 'a/blob.sha256'), 'utf8')).toContain(sum);
  expect(readFileSync(path.join(results, 'a/b c/new\nline'), 'utf8')).toBe('x');
  expect(readFileSync(path.join(results, 'a/colon:"*?'), 'utf8')).toBe('y');
  expect(readFileSync(path.join(results, 'file-300'), 'utf8')).toBe('300\n');
  for (const name of ['leak.txt', 'root', 'pipe', '.k8s-test-incoming'])
    expect(existsSync(path.join(results, name))).toBe(false);
  expect(warnings).toContainEqual(expect.stringMatching(/^3 links or special files/));
}

/** Deletes the pod of a run at once, as soon as it has printed a line. */
async function deleteTestPod(namespace: string): Promise<void> {
  const connection = connect({ kubeconfigPath: inject('cluster').kubeconfigPath });
  const signal = AbortSignal.timeout(60_000);
  const pods = await listResources<Pod>(connection, `/api/v1/namespaces/${namespace}/pods`, signal);
  for (const pod of pods) await connection.deletePod(namespace, pod.metadata.name, { graceSeconds: 0, signal });
  await connection.close();
}

describe('results that are not on the runner’s disk', () => {
  test('are fetched completely by the collector, and the pod can end', async () => {
    const run = await runOnSharedCluster({
      forceCollector: true,
      script: `${rich}${pytestScript(passing)}`,
      given: collector,
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 2 } });
    expectRich(run.dir.results, run.onDisk.warnings);
    expect(run.printed).toContainEqual(
      expect.stringMatching(/^30[5-9] files of the results were collected, each compared/),
    );
  });

  test('of a container that is not root and cannot write elsewhere', async () => {
    const job = manifestOf(`
      securityContext: { runAsUser: 1234, runAsGroup: 1234, runAsNonRoot: true, fsGroup: 1234 }
      containers:
        - name: test
          image: ${sharedImage}
          imagePullPolicy: Never
          securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
          command: ${shell(`umask 077; echo '${junit}' > /out/junit.xml; id -u > /out/uid`)}`);
    const run = await runOnSharedCluster({
      forceCollector: true,
      given: { ...collector, job, 'results-path': '/out' },
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 1 } });
    expect(readFileSync(path.join(run.dir.results, 'uid'), 'utf8')).toBe('1234\n');
  });

  test('are kept, as they were a moment before, when the pod is deleted', async () => {
    const namespace = `deleted-${Date.now()}`;
    let isDeleted: Promise<void> | undefined;
    const run = await runOnSharedCluster({
      forceCollector: true,
      script: 'echo early > /results/early; sleep 20; echo now; sleep 600',
      given: { ...collector, namespace },
      onPrinted: (line) => {
        if (line === 'now') isDeleted ??= deleteTestPod(namespace);
      },
    });
    await isDeleted;
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'broken', failure: { kind: 'evicted' } });
    expect(readFileSync(path.join(run.dir.results, 'early'), 'utf8')).toBe('early\n');
    expect(run.onDisk.warnings.join('\n')).toMatch(/the last results could not be collected, those collected/);
  });

  test('are those of the last moment when the tests run out of time', async () => {
    const run = await runOnSharedCluster({
      forceCollector: true,
      script: `trap "echo '<testsuite' > /results/partial; exit 3" TERM; echo begun; sleep 600 & wait`,
      given: { ...collector, timeout: '3s', grace: '10s' },
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'failed', failure: { kind: 'timeout' } });
    expect(readFileSync(path.join(run.dir.results, 'partial'), 'utf8')).toBe('<testsuite\n');
  });

  test('on a claim are read by another pod when theirs is deleted', async () => {
    const namespace = `rescued-${Date.now()}`;
    const job = manifestOf(
      `
      containers:
        - name: test
          image: ${sharedImage}
          imagePullPolicy: Never
          command: ${shell('echo begun; head -c 3000000 /dev/urandom > /out/blob; sha256sum < /out/blob > /out/blob.sha256; sync; echo now; sleep 600')}
          volumeMounts: [{ name: out, mountPath: /out, subPath: run }]
      volumes: [{ name: out, persistentVolumeClaim: { claimName: out } }]`,
      `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: out }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Mi } } }`,
    );
    let isDeleted: Promise<void> | undefined;
    const run = await runOnSharedCluster({
      forceCollector: true,
      given: { ...collector, namespace, job, 'results-path': '/out' },
      onPrinted: (line) => {
        if (line === 'now') isDeleted ??= deleteTestPod(namespace);
      },
    });
    await isDeleted;
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'broken', failure: { kind: 'evicted' } });
    const blob = readFileSync(path.join(run.dir.results, 'blob'));
    expect(blob.length).toBe(3_000_000);
    const sum = createHash('sha256').update(blob).digest('hex');
    expect(readFileSync(path.join(run.dir.results, 'blob.sha256'), 'utf8')).toContain(sum);
    expect(run.printed).toContainEqual(expect.stringMatching(/another pod reads its claim/));
  });
});

const junit = '<testsuite><testcase name="one"/></testsuite>';
const shell = (script: string) => JSON.stringify(['sh', '-c', script]);

function manifestOf(podSpec: string, resource = ''): string {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'collector-')), 'job.yaml');
  const job = `apiVersion: batch/v1
kind: Job
metadata: { name: own }
spec:
  template:
    spec:
      restartPolicy: Never${podSpec}
`;
  writeFileSync(file, `${job}---${resource}\n`);
  return file;
}
