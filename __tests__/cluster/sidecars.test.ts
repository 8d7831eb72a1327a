import { describe, expect, inject, test } from 'vitest';
import { NamespaceWatch } from '../../src/diagnose/namespace-watch.ts';
import { buildJob, jobName, testContainerName } from '../../src/job/build-job.ts';
import { runJob } from '../../src/job/run-job.ts';
import { connect } from '../../src/kube/connection.ts';
import { createNamespace } from '../../src/kube/resources.ts';
import { sharedImage } from './global-setup.ts';

const forever = { image: sharedImage, imagePullPolicy: 'Never', command: ['sh', '-c', 'sleep 3600'] };

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

describe('fault 10: a sidecar that never exits', () => {
  test.each(Object.entries(sidecars))('%s does not delay the verdict', async (_, add) => {
    const { kubeconfigPath } = inject('cluster');
    const closing = new AbortController();
    const connection = connect({ kubeconfigPath });
    const namespace = `sidecar-${Date.now()}`;
    const signal = AbortSignal.timeout(120_000);
    await createNamespace(connection, namespace, {}, signal);
    const watch = new NamespaceWatch(connection, namespace, closing.signal, () => {});
    const manifest = buildJob({
      runId: 'sidecars',
      namespace,
      tier: 'integration',
      image: sharedImage,
      isLoaded: true,
      entrypoint: undefined,
      command: ['sh', '-c', 'exit 3'],
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
      signal,
      say: () => {},
      waitingFor: () => {},
      onStarted: () => {},
    });
    expect(end).toMatchObject({ ok: true, value: { failure: null, terminated: { exitCode: 3 } } });
    if (!end.ok) return;
    const delaySeconds = (Date.now() - Date.parse(end.value.terminated!.finishedAt!)) / 1000;
    // finishedAt has whole seconds.
    expect(delaySeconds).toBeLessThan(15);
    expect(end.value.pod.status?.phase).toBe('Running');
    closing.abort();
    await connection.call('DELETE', `/api/v1/namespaces/${namespace}`, { signal });
    await connection.close();
  });
});
