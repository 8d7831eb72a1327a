import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { NamespaceWatch } from '../../src/diagnose/namespace-watch.ts';
import { buildJob, jobName, testContainerName } from '../../src/job/build-job.ts';
import { runJob } from '../../src/job/run-job.ts';
import { connect } from '../../src/kube/connection.ts';
import { createNamespace } from '../../src/kube/resources.ts';
import { JobLogs } from '../../src/logs/job-logs.ts';
import { NodeLogs } from '../../src/logs/node-logs.ts';
import { newRunId } from '../../src/state/run-record.ts';
import { sharedImage } from './global-setup.ts';

const sh = (script: string) => ({ image: sharedImage, imagePullPolicy: 'Never', command: ['sh', '-c', script] });
const forever = sh('echo proxy begins; sleep 3600');

/** What a service mesh adds to a Job by admission: a container that never exits. */
const sidecars = {
  'an ordinary container': (spec: PodSpec) => spec.containers.push({ name: 'proxy', ...forever }),
  'a native sidecar': (spec: PodSpec) => {
    spec.initContainers = [{ name: 'proxy', restartPolicy: 'Always', ...forever }];
  },
};
interface PodSpec {
  containers: object[];
  initContainers?: object[];
}

/** The end of a Job of this pod, and all that its containers wrote, by the names of their files. */
async function runToEnd(script: string, add: (spec: PodSpec) => void) {
  const { kubeconfigPath, nodes, mountedHostPath } = inject('cluster');
  const closing = new AbortController();
  const connection = connect({ kubeconfigPath });
  const runId = newRunId();
  const namespace = `sidecar-${runId}`;
  const signal = AbortSignal.timeout(120_000);
  await createNamespace(connection, namespace, {}, signal);
  const watch = new NamespaceWatch(connection, namespace, closing.signal, () => {});
  const manifest = buildJob({
    runId,
    namespace,
    tier: 'integration',
    image: sharedImage,
    isLoaded: true,
    entrypoint: undefined,
    command: ['sh', '-c', script],
    args: undefined,
    env: [],
    volumes: [],
    resultsPath: '/results',
    memory: '64Mi',
    cpu: '1',
    serviceAccount: undefined,
    nodeSelector: [],
    timeoutSeconds: 60,
    startupTimeoutSeconds: 60,
    graceSeconds: 5,
  }) as { spec: { template: { spec: PodSpec } } };
  add(manifest.spec.template.spec);
  const nodeLogs = new NodeLogs(nodes, { runId, namespace, podPrefix: `${jobName}-`, signal: closing.signal });
  const logsDir = mkdtempSync(path.join(mountedHostPath, 'logs-'));
  const shown: string[] = [];
  const logs = new JobLogs({
    connection,
    watch,
    namespace,
    jobNames: [jobName],
    shownContainer: testContainerName,
    logsDir,
    mask: new SecretMask([]),
    quote: (line) => shown.push(line),
    onOutage: () => {},
    nodeLogs,
  });
  const end = await runJob({
    connection,
    watch,
    namespace,
    jobName,
    container: testContainerName,
    manifest,
    startupTimeoutSeconds: 60,
    timeoutSeconds: 60,
    graceSeconds: 5,
    signalTests: async () => 'not asked for',
    rescueSeconds: 0,
    signal,
    say: () => {},
    waitingFor: () => {},
    onStarted: () => {},
  });
  const endedAt = Date.now();
  const kept = await logs.finish(signal, signal);
  await nodeLogs.close();
  closing.abort();
  await connection.call('DELETE', `/api/v1/namespaces/${namespace}`, { signal });
  await connection.close();
  const gaps = kept.flatMap((log) => log.gaps);
  const [pod] = readdirSync(logsDir);
  const files = readdirSync(path.join(logsDir, pod!)).sort();
  const written = Object.fromEntries(files.map((file) => [file, readFileSync(path.join(logsDir, pod!, file), 'utf8')]));
  return { end, endedAt, gaps, shown, written };
}

describe('fault 10: a sidecar that never exits', () => {
  test.each(Object.entries(sidecars))('%s does not delay the verdict, and its log is kept', async (_, add) => {
    const { end, endedAt, gaps, written } = await runToEnd('echo tested; exit 3', add);
    expect(end).toMatchObject({ ok: true, value: { failure: null, interruption: null, terminated: { exitCode: 3 } } });
    if (!end.ok) return;
    const delaySeconds = (endedAt - Date.parse(end.value.terminated!.finishedAt!)) / 1000;
    // finishedAt has whole seconds.
    expect(delaySeconds).toBeLessThan(15);
    expect(end.value.pod.status?.phase).toBe('Running');
    expect(written).toEqual({ 'proxy.log': 'proxy begins\n', 'test-runner.log': 'tested\n' });
    expect(gaps).toEqual([]);
  });
});

test('the log of every container is kept, of init containers and of each run of one that was restarted', async () => {
  const { end, gaps, shown, written } = await runToEnd('sleep 8; echo tested', (spec) => {
    spec.initContainers = [
      { name: 'prepare', ...sh('echo prepared; echo again; printf unfinished') },
      { name: 'crashing', restartPolicy: 'Always', ...sh('echo one run; sleep 1; exit 1') },
    ];
  });
  expect(end).toMatchObject({ ok: true, value: { terminated: { exitCode: 0 } } });
  // It runs for a second, so that the tests may begin, and is started again at once, then after 10 s.
  expect(written).toMatchObject({
    'crashing.log': 'one run\n',
    'crashing.restart-1.log': 'one run\n',
    'prepare.log': 'prepared\nagain\nunfinished',
    'test-runner.log': 'tested\n',
  });
  expect(shown).toEqual(['tested']);
  expect(gaps).toEqual([]);
});
