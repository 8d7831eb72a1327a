import { expect, inject, onTestFinished, test } from 'vitest';
import { nodeResultsPath } from '../../src/cluster/kind-config.ts';
import { connect } from '../../src/kube/connection.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { createNamespace } from '../../src/kube/resources.ts';
import { fenceResults } from '../../src/results/fence-results.ts';
import { sharedImage } from './global-setup.ts';

const neighbours = 15;

/** A pod that starts a program, has one executed in it every second, and ends well. */
const podOf = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'main',
        image: sharedImage,
        imagePullPolicy: 'Never',
        command: ['sleep', '3'],
        livenessProbe: { periodSeconds: 1, timeoutSeconds: 30, failureThreshold: 1, exec: { command: ['true'] } },
      },
    ],
  },
});

test('pods that have nothing to do with the results start and are probed while results are fenced', async () => {
  const { kubeconfigPath, nodes, mountedHostPath } = inject('cluster');
  const signal = AbortSignal.timeout(240_000);
  const connection = connect({ kubeconfigPath });
  const name = `fencing-${process.pid}`;
  const pods = `/api/v1/namespaces/${name}/pods`;
  onTestFinished(async () => {
    await connection.call('DELETE', `/api/v1/namespaces/${name}`, { signal });
    await connection.close();
  });
  await createNamespace(connection, name, {}, signal);
  for (let i = 0; i < neighbours; i += 1)
    await connection.call('POST', pods, { body: podOf(`neighbour-${i}`), signal });
  const ends: (string | undefined)[] = [];
  let fences = 0;
  while (ends.length < neighbours) {
    // The mount itself, as in a cluster of a run's own, where all that the runtime starts sees it for a moment.
    const place = { nodePath: nodeResultsPath, hostPath: mountedHostPath };
    expect(await fenceResults({ nodes, ...place, fenceSeconds: 10, signal })).toMatchObject({ ended: 0 });
    fences += 1;
    const { items } = await connection.call<{ items: Pod[] }>('GET', pods, { signal });
    const phases = items.map(({ status }) => status?.phase);
    ends.splice(0, ends.length, ...phases.filter((phase) => phase === 'Succeeded' || phase === 'Failed'));
  }
  expect(fences).toBeGreaterThan(3);
  expect(ends.filter((phase) => phase === 'Failed')).toEqual([]);
});
