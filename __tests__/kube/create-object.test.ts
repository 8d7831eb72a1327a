import { createServer, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { connect, type KubeConnection } from '../../src/kube/connection.ts';
import { deleteObject } from '../../src/kube/create-object.ts';
import { listen, writePlainKubeconfig } from './loopback-kubeconfig.ts';

let server: Server;
let connection: KubeConnection;
afterEach(async () => {
  await connection.close();
  server.closeAllConnections();
  server.close();
});

const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'smoke' } };
const kinds = { kind: 'APIResourceList', resources: [{ name: 'jobs', kind: 'Job', namespaced: true }] };
const gone = { kind: 'Status', status: 'Failure', reason: 'NotFound', message: 'jobs "smoke" not found', code: 404 };

/** An API server that has the Job for this many requests after its deletion. */
async function startServer(looks: number): Promise<void> {
  let seen = 0;
  const there = { ...job, metadata: { ...job.metadata, finalizers: ['example.com/archive'] } };
  server = createServer(({ method, url }, response) => {
    const isKinds = url?.endsWith('/batch/v1') === true;
    const isGone = !isKinds && method === 'GET' && seen++ >= looks;
    response.writeHead(isGone ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isKinds ? kinds : isGone ? gone : there));
  });
  connection = connect({ kubeconfigPath: await writePlainKubeconfig(await listen(server)) });
}

const options = { namespace: 'shop', signal: new AbortController().signal };

test('a former Job that is gone a moment after its deletion is awaited', async () => {
  await startServer(2);
  await expect(deleteObject(connection, job, options)).resolves.toBeUndefined();
});

test('a former Job that is never gone ends the run with what blocks it, and not with the limit of the whole job', async () => {
  await startServer(Number.POSITIVE_INFINITY);
  await expect(deleteObject(connection, job, { ...options, deadlineSeconds: 0.5 })).rejects.toThrow(
    'Job/smoke is being deleted, and still there after 0.5 s, held by its finalizers example.com/archive',
  );
});
