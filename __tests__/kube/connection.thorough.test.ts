import { execFile } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiError, answerToApiError, toApiError } from '../../src/kube/api-error.ts';
import { connect, type KubeConnection } from '../../src/kube/connection.ts';
import { createNamespace, listResources } from '../../src/kube/resources.ts';
import { listen, writeKubeconfig, writePlainKubeconfig } from './loopback-kubeconfig.ts';

const run = promisify(execFile);
const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

function keep(server: Server): Server {
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

function open(kubeconfigPath: string, deadlineSeconds = 5): KubeConnection {
  const connection = connect({ kubeconfigPath, deadlineSeconds });
  closers.push(() => connection.close());
  return connection;
}

async function openPlain(handler: Handler, deadlineSeconds?: number): Promise<KubeConnection> {
  return open(await writePlainKubeconfig(await listen(keep(createServer(handler)))), deadlineSeconds);
}

const signal = new AbortController().signal;

/** A CA of the test's own, a certificate of the server for 127.0.0.1 and two of the client. */
async function makeCertificates(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'certificates-'));
  const openssl = (...args: string[]) => run('openssl', args, { cwd: directory });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await openssl('req', '-x509', ...key, '-subj', '/CN=ca', '-keyout', 'ca.key', '-out', 'ca.crt');
  await writeFile(path.join(directory, 'san'), 'subjectAltName=IP:127.0.0.1');
  for (const name of ['server', 'first', 'second']) {
    await openssl('req', ...key.slice(0, -2), '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const sign = ['x509', '-req', '-days', '2', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
    await openssl(...sign, '-extfile', 'san', '-in', `${name}.csr`, '-out', `${name}.crt`);
  }
  return directory;
}

describe('connect', () => {
  it('makes 20 calls with a client certificate over two connections at most, and opens another for another certificate', async () => {
    const directory = await makeCertificates();
    const read = (name: string) => readFile(path.join(directory, name));
    const [ca, cert, key] = await Promise.all([read('ca.crt'), read('server.crt'), read('server.key')]);
    const clients: string[] = [];
    let connections = 0;
    const server = createTlsServer(
      { ca, cert, key, requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        clients.push(String((request.socket as TLSSocket).getPeerCertificate().subject.CN));
        response.end('{"kind":"PodList","metadata":{},"items":[]}');
      },
    );
    server.on('secureConnection', () => {
      connections += 1;
    });
    const port = await listen(keep(server));
    const certFile = path.join(directory, 'me.crt');
    const keyFile = path.join(directory, 'me.key');
    const become = async (name: string) => {
      await writeFile(keyFile, await read(`${name}.key`));
      await writeFile(certFile, await read(`${name}.crt`));
    };
    await become('first');
    const kubeconfig = await writeKubeconfig(
      `https://127.0.0.1:${port}`,
      { 'certificate-authority': path.join(directory, 'ca.crt') },
      { 'client-certificate': certFile, 'client-key': keyFile },
    );
    const connection = open(kubeconfig);
    for (let i = 0; i < 20; i += 1) expect(await listResources(connection, '/api/v1/pods', signal)).toEqual([]);
    // The pool may hand out the next request before the last one's connection is free again.
    expect(connections).toBeLessThanOrEqual(2);
    expect({ clients: new Set(clients), calls: clients.length }).toEqual({ clients: new Set(['first']), calls: 20 });
    const before = connections;
    await become('second');
    await listResources(connection, '/api/v1/pods', signal);
    expect({ connections, last: clients.at(-1) }).toEqual({ connections: before + 1, last: 'second' });
  });

  it('refuses a server with an untrusted certificate at once', async () => {
    const directory = await makeCertificates();
    const [cert, key] = await Promise.all(
      ['server.crt', 'server.key'].map((name) => readFile(path.join(directory, name))),
    );
    const port = await listen(keep(createTlsServer({ cert, key }, (_request, response) => response.end('{}'))));
    const connection = open(await writeKubeconfig(`https://127.0.0.1:${port}`));
    await expect(connection.call('GET', '/version', { signal })).rejects.toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      retryable: false,
    });
  });

  it('asks a credential plugin for its token, and sends it', async () => {
    const seen: (string | undefined)[] = [];
    const server = keep(
      createServer((request, response) => {
        seen.push(request.headers.authorization);
        response.end('{}');
      }),
    );
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'abc' },
    };
    const plugin = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', `console.log(${JSON.stringify(JSON.stringify(credential))})`],
      interactiveMode: 'Never',
    };
    const url = `http://127.0.0.1:${await listen(server)}`;
    const connection = open(await writeKubeconfig(url, { 'insecure-skip-tls-verify': true }, { exec: plugin }));
    await connection.call('GET', '/version', { signal });
    expect(seen).toEqual(['Bearer abc']);
  });

  it('runs the plugin once for all waiting requests, passes it the cluster, and runs it again when its token is refused', async () => {
    let isWithdrawn = false;
    const server = keep(
      createServer((request, response) => {
        const isFirst = request.headers.authorization === 'Bearer token-1';
        if (isFirst && isWithdrawn) response.writeHead(401).end('{"message":"Unauthorized"}');
        else response.end(JSON.stringify({ as: request.headers.authorization }));
      }),
    );
    const count = path.join(await mkdtemp(path.join(tmpdir(), 'plugin-')), 'count');
    const script = `const fs = require('fs');
fs.appendFileSync(process.env.COUNT, process.env.KUBERNETES_EXEC_INFO + '\\n');
const token = 'token-' + fs.readFileSync(process.env.COUNT, 'utf8').trim().split('\\n').length;
console.log(JSON.stringify({ status: { token } }));`;
    const exec = { command: process.execPath, args: ['-e', script], env: [{ name: 'COUNT', value: count }] };
    const url = `http://127.0.0.1:${await listen(server)}`;
    const connection = open(await writeKubeconfig(url, { 'insecure-skip-tls-verify': true }, { exec }));
    const ask = () => connection.call('GET', '/x', { signal });
    const first = await Promise.all([ask(), ask(), ask()]);
    expect(first).toEqual(Array.from({ length: 3 }, () => ({ as: 'Bearer token-1' })));
    isWithdrawn = true;
    expect(await Promise.all([ask(), ask()])).toEqual([{ as: 'Bearer token-2' }, { as: 'Bearer token-2' }]);
    const told = (await readFile(count, 'utf8')).trim().split('\n');
    expect(told).toHaveLength(2);
    expect(JSON.parse(told[0]!)).toMatchObject({ kind: 'ExecCredential', spec: { interactive: false } });
  });

  it('reads a token file again, as that of a pod is renewed', async () => {
    const server = keep(
      createServer((request, response) => response.end(JSON.stringify({ as: request.headers.authorization }))),
    );
    const tokenFile = path.join(await mkdtemp(path.join(tmpdir(), 'token-')), 'token');
    await writeFile(tokenFile, 'one\n');
    const url = `http://127.0.0.1:${await listen(server)}`;
    const connection = open(await writeKubeconfig(url, { 'insecure-skip-tls-verify': true }, { tokenFile }));
    expect(await connection.call('GET', '/x', { signal })).toEqual({ as: 'Bearer one' });
    await writeFile(tokenFile, 'two\n');
    expect(await connection.call('GET', '/x', { signal })).toEqual({ as: 'Bearer two' });
  });

  it('takes a refusal in the wake of an outage for one that passes', async () => {
    let calls = 0;
    const connection = await openPlain((_request, response) => {
      calls += 1;
      if (calls === 1) response.writeHead(503).end('starting');
      else if (calls < 4) response.writeHead(403).end('{"message":"no rules yet"}');
      else response.end('{"well":true}');
    });
    expect(await connection.call('GET', '/x', { signal })).toEqual({ well: true });
  });

  it('names the context that is missing', async () => {
    const kubeconfigPath = await writePlainKubeconfig(1);
    expect(() => connect({ kubeconfigPath, context: 'elsewhere' })).toThrow('"elsewhere"');
  });
});

describe('KubeConnection', () => {
  it('reports a refusal in one line', async () => {
    const message = 'pods "x" is forbidden:\n exceeded quota';
    const connection = await openPlain((_request, response) => {
      response.writeHead(403).end(JSON.stringify({ kind: 'Status', reason: 'Forbidden', message }));
    });
    await expect(connection.call('GET', '/api', { signal })).rejects.toMatchObject({
      name: 'ApiError',
      status: 403,
      reason: 'Forbidden',
      message: 'pods "x" is forbidden: exceeded quota',
      retryable: false,
    });
    const created = await connection.createJob('n', {}, signal);
    expect(created).toMatchObject({ ok: false, error: { status: 403 } });
    expect(await createNamespace(connection, 'n', {}, signal)).toMatchObject({ ok: false, failure: { kind: 'api' } });
  });

  it('asks again while the server is starting', async () => {
    let calls = 0;
    const connection = await openPlain((_request, response) => {
      calls += 1;
      if (calls < 3) response.writeHead(503).end('starting');
      else response.end('{"version":1}');
    });
    expect(await connection.call('GET', '/version', { signal })).toEqual({ version: 1 });
    expect(calls).toBe(3);
  });

  it('does not create twice when the answer to a POST was lost', async () => {
    let calls = 0;
    const connection = await openPlain((request) => {
      calls += 1;
      request.socket.destroy();
    });
    expect(await connection.createJob('n', {}, signal)).toMatchObject({ ok: false, error: { retryable: true } });
    expect(calls).toBe(1);
  });

  it('ends at its deadline, with the last error', async () => {
    const silent = await openPlain(() => undefined, 0.1);
    await expect(silent.call('GET', '/x', { signal })).rejects.toMatchObject({ code: 'DEADLINE', retryable: true });
    const refused = open(await writePlainKubeconfig(1), 0.5);
    await expect(refused.call('GET', '/x', { signal })).rejects.toThrow(
      /no answer from the API server within 0.5 s; last seen: .*ECONNREFUSED/,
    );
  });

  it("throws the signal's own reason when it is aborted", async () => {
    const connection = await openPlain(() => undefined);
    const reason = new Error('cancelled by the user');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 20);
    await expect(connection.call('GET', '/x', { signal: controller.signal })).rejects.toBe(reason);
    await expect(connection.open('/x', { signal: controller.signal })).rejects.toBe(reason);
  });

  it('survives a stream that breaks when it is no longer read', async () => {
    let broken: (() => void) | undefined;
    const connection = await openPlain((request, response) => {
      response.write('some');
      broken = () => request.socket.destroy();
    });
    const body = await connection.open('/x', { signal });
    const closed = new Promise<void>((resolve) => body.once('close', resolve));
    broken!();
    await closed;
    expect(body.destroyed).toBe(true);
  });

  it('treats a missing pod as deleted, and passes on the grace period', async () => {
    const urls: string[] = [];
    const connection = await openPlain((request, response) => {
      urls.push(`${request.method} ${request.url}`);
      response.writeHead(404).end('{"kind":"Status","reason":"NotFound","message":"no"}');
    });
    await connection.deletePod('n', 'p', { graceSeconds: 7, signal });
    expect(urls).toEqual(['DELETE /api/v1/namespaces/n/pods/p?gracePeriodSeconds=7']);
  });

  it('reads a list in pages', async () => {
    const connection = await openPlain((request, response) => {
      const page = new URL(request.url!, 'http://x').searchParams.get('continue');
      response.end(JSON.stringify({ metadata: page === null ? { continue: 'next' } : {}, items: [page ?? 'first'] }));
    });
    expect(await listResources(connection, '/api/v1/nodes', signal)).toEqual(['first', 'next']);
  });
});

describe('toApiError', () => {
  it('finds the code below what fetch and undici wrap around it', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:6443'), { code: 'ECONNREFUSED' });
    expect(toApiError(new TypeError('fetch failed', { cause: refused }))).toMatchObject({
      code: 'ECONNREFUSED',
      retryable: true,
    });
    expect(toApiError(new AggregateError([refused]))).toMatchObject({
      code: 'ECONNREFUSED',
      message: 'connect ECONNREFUSED ::1:6443',
    });
    expect(toApiError('odd')).toMatchObject({ code: '', message: 'odd', retryable: false });
  });

  it('keeps an answer that is no Status readable and short', () => {
    expect(answerToApiError(502, `<html>\n${'x'.repeat(10_000)}`).message).toHaveLength(500);
    expect(answerToApiError(500, '').message).toBe('HTTP status 500');
    expect(answerToApiError(404, '{"kind":"Status"}')).toBeInstanceOf(ApiError);
  });
});
