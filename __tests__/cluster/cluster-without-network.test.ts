import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitForNodes } from '../../src/cluster/wait-for-nodes.ts';
import { classifyNode } from '../../src/diagnose/classify-node.ts';
import { connect, type KubeConnection } from '../../src/kube/connection.ts';
import type { Node } from '../../src/kube/objects.ts';
import { listen, writePlainKubeconfig } from '../kube/loopback-kubeconfig.ts';

/** The message of kubelet 1.34 on a node of kind with disableDefaultCNI. */
const words =
  'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized';
const nodeThatSays = (message: string): Node => ({
  metadata: { name: 'kind-control-plane', uid: 'n1' },
  status: {
    conditions: [{ type: 'Ready', status: 'False', reason: 'KubeletNotReady', message }],
    nodeInfo: { kubeletVersion: 'v1.34.4' },
  },
});

let server: Server;
let connection: KubeConnection;
let nodes: Node[] = [];
beforeAll(async () => {
  server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ kind: 'NodeList', apiVersion: 'v1', metadata: {}, items: nodes }));
  });
  connection = connect({ kubeconfigPath: await writePlainKubeconfig(await listen(server)) });
});
afterAll(async () => {
  await connection.close();
  server.close();
});

const wait = (awaitsNetwork: boolean, failure?: string) =>
  waitForNodes(connection, 1, {
    signal: AbortSignal.timeout(60_000),
    waitingFor: () => undefined,
    awaitsNetwork,
    // Ends a wait that would last three minutes.
    findFailure: () =>
      failure === undefined ? undefined : { kind: 'cluster', reason: failure, hint: '', evidence: [] },
  });

test('a cluster without a network of its own is good enough for the chart that brings one', async () => {
  nodes = [nodeThatSays(words)];
  expect(await wait(true)).toEqual({ ok: true, value: { names: ['kind-control-plane'], kubernetes: 'v1.34.4' } });
});

test('a node that lacks anything else is waited for all the same, and so is every node of a cluster with a network', async () => {
  nodes = [nodeThatSays('container runtime is down')];
  expect(await wait(true, 'still not ready')).toMatchObject({ ok: false, failure: { reason: 'still not ready' } });
  nodes = [nodeThatSays(words)];
  expect(await wait(false, 'still not ready')).toMatchObject({ ok: false, failure: { reason: 'still not ready' } });
});

test('a node without a network is waited for while pods start that may provide it, and the hint names what has to', () => {
  const problem = classifyNode(nodeThatSays(words));
  expect(problem?.patienceWhileOthersStartSeconds).toBe(180);
  expect(problem?.failure.hint).toContain('disableDefaultCNI');
  const other = classifyNode(nodeThatSays('container runtime is down'));
  expect(other).not.toHaveProperty('patienceWhileOthersStartSeconds');
  expect(other?.failure.hint).toContain('docker ps');
});
