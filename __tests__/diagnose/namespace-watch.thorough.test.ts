import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NamespaceWatch } from '../../src/diagnose/namespace-watch.ts';
import { connect } from '../../src/kube/connection.ts';
import { listen, writePlainKubeconfig } from '../kube/loopback-kubeconfig.ts';
import { liveBytes } from '../support/live-bytes.ts';
import { recorded } from './recorded.ts';

/** An API server without objects: lists are empty, watches stay open. */
class QuietServer {
  /** Lists that a question of ours asked for. */
  questions = 0;
  readonly podStreams: ServerResponse[] = [];
  readonly jobStreams: ServerResponse[] = [];
  readonly #server: Server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://x');
    if (url.searchParams.get('watch') === 'true') {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      if (url.pathname.endsWith('/pods')) this.podStreams.push(response);
      if (url.pathname.endsWith('/jobs')) this.jobStreams.push(response);
      return;
    }
    if (url.searchParams.has('limit')) this.questions++;
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [] }));
  });

  start(): Promise<number> {
    return listen(this.#server);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let server: QuietServer;
let watch: NamespaceWatch;
let end: () => Promise<void>;
const signal = new AbortController().signal;

beforeEach(async () => {
  server = new QuietServer();
  const connection = connect({ kubeconfigPath: await writePlainKubeconfig(await server.start()) });
  const closing = new AbortController();
  watch = new NamespaceWatch(connection, 'here', closing.signal, () => undefined);
  end = async () => {
    closing.abort();
    await connection.close();
    await server.stop();
  };
  const areOpen = () => watch.isSynced && server.podStreams.length > 0 && server.jobStreams.length > 0;
  await watch.until(() => areOpen() || undefined, { signal, deadlineSeconds: 60 });
});

afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await end();
});

/** From now on `performance.now()` is ahead: as after a suspend, on machines whose monotonic clock counts it. */
function stepMonotonicClock(seconds: number): void {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => now() + seconds * 1000);
}

test.each([90, 86_400, -3600])(
  'a wall clock that steps by %d s does not lose an API server that is well',
  async (seconds) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
    expect(await watch.until(() => undefined, { signal, deadlineSeconds: 1 })).toEqual({ kind: 'deadline' });
    expect(server.questions).toBe(0);
  },
);

test('a laptop that slept asks the API server before it is called lost, and continues', async () => {
  stepMonotonicClock(3600);
  const wait = watch.until(() => (server.questions > 0 ? 'went on' : undefined), { signal, deadlineSeconds: 7200 });
  expect(await wait).toEqual({ kind: 'decided', value: 'went on' });
  // The answer counts as a sign of life: no look after it asks again.
  expect(await watch.until(() => undefined, { signal, deadlineSeconds: 1.2 })).toEqual({ kind: 'deadline' });
  expect(server.questions).toBe(1);
});

test('an API server that is gone is reported as lost in time, independent of the wall clock', async () => {
  await server.stop();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3600_000 });
  const early = await watch.until(() => undefined, { signal, deadlineSeconds: 1 });
  stepMonotonicClock(61);
  const lost = await watch.until(() => undefined, { signal, deadlineSeconds: 600 });
  expect(early).toEqual({ kind: 'deadline' });
  expect(lost).toEqual({ kind: 'api-lost', seconds: expect.any(Number) });
  expect(lost.kind === 'api-lost' ? lost.seconds : 0).toBeGreaterThanOrEqual(61);
});

test('a busy namespace does not fill the memory with one look after the other', async () => {
  const looks = 60_000;
  let looked = 0;
  let isDone = false;
  const look = () => {
    looked++;
    isDone = looked >= looks;
    return isDone ? true : undefined;
  };
  const wait = watch.until(look, { signal, deadlineSeconds: 100 });
  const [stream] = server.podStreams;
  const before = liveBytes();
  for (let version = 2; version < 200_000; version++) {
    if (isDone) break;
    const metadata = { name: 'busy', uid: 'busy', resourceVersion: String(version) };
    const sent = stream!.write(`${JSON.stringify({ type: 'MODIFIED', object: { metadata, spec: {}, status: {} } })}\n`);
    if (!sent) await new Promise((resolve) => stream!.once('drain', resolve));
  }
  expect(await wait).toEqual({ kind: 'decided', value: true });
  // A promise that outlives the checks would keep 300 bytes of each: 18 MB.
  expect(liveBytes() - before).toBeLessThan(6 * 1024 * 1024);
});

/** One object of a recorded fault, as a watch reports it. */
function tell(stream: ServerResponse | undefined, type: string, object: object): void {
  stream?.write(`${JSON.stringify({ type, object })}\n`);
}

const seesExitCode =
  /^the pre-install hook Job integration-tests failed: container test-runner of pod \S+ ended with exit code 7$/;

test('a hook that Helm deletes as soon as it fails is named with its exit code, although its Job is reported first', async () => {
  const { jobs, pods } = recorded('hook-failed');
  const [jobStream] = server.jobStreams;
  const [podStream] = server.podStreams;
  tell(jobStream, 'ADDED', jobs[0]!);
  tell(jobStream, 'DELETED', jobs[0]!);
  const isToldOfJob = () => watch.facts.deleted?.jobs.length === 1 || undefined;
  await watch.until(isToldOfJob, { signal, deadlineSeconds: 60 });
  expect(watch.certainDiagnosis(() => true)).toBeUndefined();
  tell(podStream, 'ADDED', { ...pods[0]!, status: { phase: 'Running' } });
  tell(podStream, 'MODIFIED', pods[0]!);
  tell(podStream, 'DELETED', pods[0]!);
  const found = await watch.until(() => watch.certainDiagnosis(() => true), { signal, deadlineSeconds: 60 });
  expect(found).toMatchObject({ kind: 'decided', value: { failure: { reason: expect.stringMatching(seesExitCode) } } });
  expect([watch.facts.jobs, watch.facts.pods]).toEqual([[], []]);
});

test('a Pod that is a hook and is deleted as soon as it fails is named with its exit code', async () => {
  const { pods } = recorded('hook-failed');
  const { ownerReferences: _, ...metadata } = pods[0]!.metadata;
  const pod = { ...pods[0]!, metadata: { ...metadata, annotations: { 'helm.sh/hook': 'test' } } };
  tell(server.podStreams[0], 'ADDED', pod);
  tell(server.podStreams[0], 'DELETED', pod);
  const found = await watch.until(() => watch.certainDiagnosis(() => true), { signal, deadlineSeconds: 60 });
  expect(found).toMatchObject({
    kind: 'decided',
    value: {
      failure: { reason: expect.stringMatching(/^pod \S+ failed, .*container test-runner ended with exit code 7$/) },
    },
  });
});
