import { createServer, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { waitForNodes } from '../../src/cluster/wait-for-nodes.ts';
import { connect, type KubeConnection } from '../../src/kube/connection.ts';
import { listen, writePlainKubeconfig } from './loopback-kubeconfig.ts';

let server: Server;
let connection: KubeConnection;
afterEach(async () => {
  await connection.close();
  server.closeAllConnections();
  server.close();
});

const node = {
  metadata: { name: 'n1' },
  status: { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { kubeletVersion: 'v1.34.0' } },
};
/** What an API server answers while its roles are not there yet. */
const forbidden = { kind: 'Status', status: 'Failure', reason: 'Forbidden', message: 'nodes is forbidden', code: 403 };

/** An API server that refuses this many requests, and then lists a node that is ready. */
async function startServer(refusals: number): Promise<void> {
  let asked = 0;
  server = createServer((_, response) => {
    const isRefused = asked++ < refusals;
    response.writeHead(isRefused ? 403 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isRefused ? forbidden : { kind: 'NodeList', metadata: {}, items: [node] }));
  });
  connection = connect({ kubeconfigPath: await writePlainKubeconfig(await listen(server)) });
}

test('a new cluster whose API server refuses at first is waited for', async () => {
  await startServer(2);
  const seen: string[] = [];
  const ready = await waitForNodes(connection, 1, {
    signal: new AbortController().signal,
    waitingFor: (what) => seen.push(what),
  });
  expect(ready).toEqual({ ok: true, value: { names: ['n1'], kubernetes: 'v1.34.0' } });
  expect(seen[0]).toContain('nodes is forbidden');
});

test('a new cluster whose API server never lists its nodes is a failure of the cluster, which is tried a second time', async () => {
  await startServer(Number.POSITIVE_INFINITY);
  const options = { signal: new AbortController().signal, waitingFor: () => {}, deadlineSeconds: 1 };
  const ready = await waitForNodes(connection, 1, options);
  expect(ready).toMatchObject({
    ok: false,
    failure: { kind: 'cluster', reason: expect.stringContaining('nodes is forbidden') },
  });
});
