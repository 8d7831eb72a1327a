import { createServer, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, type KubeConnection } from '../../src/kube/connection.ts';
import { JsonLines } from '../../src/kube/json-lines.ts';
import type { ObjectMeta } from '../../src/kube/objects.ts';
import { type Change, type ResourceWatch, type WatchOptions, watchResources } from '../../src/kube/watch.ts';
import { listen, writePlainKubeconfig } from './loopback-kubeconfig.ts';
import { SeededRandom } from './seeded-random.ts';

interface Thing {
  metadata: ObjectMeta;
  text: string;
}

interface StoredEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  version: number;
  object: Thing;
}

type StreamFault =
  | 'cut'
  | 'clean-end'
  | 'silence'
  | 'gone-event'
  | 'gone-status'
  | 'unavailable'
  | 'rubbish'
  | 'half-line';

/**
 * List and watch as https://kubernetes.io/docs/reference/using-api/api-concepts/ specifies them: versions count up, a watch
 * begins after the version it names, and one that is older than the oldest event kept is Gone.
 */
class ThingServer {
  readonly things = new Map<string, Thing>();
  readonly queries: string[] = [];
  readonly faults: { kind: StreamFault; afterEvents: number }[] = [];
  listStatus = 200;
  version = 100;
  #events: StoredEvent[] = [];
  #oldest = 100;
  readonly #wakers = new Set<() => void>();
  readonly server: Server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://x');
    this.queries.push(url.search);
    if (url.searchParams.get('watch') === 'true')
      this.#watch(Number(url.searchParams.get('resourceVersion')), response).catch((error: Error) =>
        response.destroy(error),
      );
    else this.#list(response);
  });

  put(name: string, text: string): void {
    this.version += 1;
    const former = this.things.get(name);
    const uid = former?.metadata.uid ?? `${name}-${this.version}`;
    const object: Thing = { metadata: { name, uid, resourceVersion: String(this.version) }, text };
    this.things.set(name, object);
    this.#record({ type: former === undefined ? 'ADDED' : 'MODIFIED', version: this.version, object });
  }

  remove(name: string): void {
    const former = this.things.get(name);
    if (former === undefined) return;
    this.version += 1;
    this.things.delete(name);
    const metadata = { ...former.metadata, resourceVersion: String(this.version) };
    this.#record({ type: 'DELETED', version: this.version, object: { ...former, metadata } });
  }

  /** Forgets the past, as etcd's compaction does every five minutes. */
  compact(): void {
    this.#oldest = this.version;
    this.#events = [];
  }

  #record(event: StoredEvent): void {
    this.#events.push(event);
    for (const wake of this.#wakers) wake();
    this.#wakers.clear();
  }

  #list(response: ServerResponse): void {
    const message = `status ${this.listStatus}`;
    if (this.listStatus !== 200) response.writeHead(this.listStatus).end(JSON.stringify({ kind: 'Status', message }));
    else
      response.end(
        JSON.stringify({ metadata: { resourceVersion: String(this.version) }, items: [...this.things.values()] }),
      );
  }

  async #watch(from: number, response: ServerResponse): Promise<void> {
    const fault = this.faults.shift();
    const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
    if (fault?.kind === 'unavailable') return void response.writeHead(503).end('starting');
    if (fault?.kind === 'gone-status') return void response.writeHead(410).end(JSON.stringify(gone));
    response.flushHeaders();
    let at = from;
    for (let sent = 0; !response.destroyed; sent += 1) {
      if (fault !== undefined && sent >= fault.afterEvents) {
        if (fault.kind === 'silence') return;
        if (fault.kind === 'gone-event') response.write(`${JSON.stringify({ type: 'ERROR', object: gone })}\n`);
        if (fault.kind === 'rubbish') response.write('upstream connect error\n');
        if (fault.kind === 'half-line') response.write('{"type":"ADDED","object":{"metada');
        await new Promise<void>((resolve) => response.write('', () => resolve()));
        if (fault.kind === 'cut') response.destroy();
        else response.end();
        return;
      }
      if (at < this.#oldest) return void response.end(`${JSON.stringify({ type: 'ERROR', object: gone })}\n`);
      const event = this.#events.find((one) => one.version > at);
      if (event === undefined) {
        await new Promise<void>((resolve) => this.#wakers.add(resolve));
        sent -= 1;
        continue;
      }
      at = event.version;
      const line = `${JSON.stringify({ type: event.type, object: event.object })}\n`;
      const middle = Math.floor(line.length / 2);
      response.write(line.slice(0, middle));
      response.write(line.slice(middle));
    }
  }
}

const timing = {
  silenceMilliseconds: 100,
  headMilliseconds: 2000,
  firstRetryMilliseconds: 2,
  maxRetryMilliseconds: 10,
  outageGraceSeconds: 0.05,
};

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function openServer(things: ThingServer): Promise<KubeConnection> {
  const connection = connect({ kubeconfigPath: await writePlainKubeconfig(await listen(things.server)) });
  closers.push(() => {
    things.server.closeAllConnections();
    things.server.close();
  });
  closers.push(() => connection.close());
  return connection;
}

function watch(
  connection: KubeConnection,
  options: Partial<WatchOptions<Thing>> = {},
): { handle: ResourceWatch<Thing>; changes: Change<Thing>[] } {
  const changes: Change<Thing>[] = [];
  const controller = new AbortController();
  closers.push(() => controller.abort());
  const handle = watchResources<Thing>({
    connection,
    path: '/api/v1/things',
    signal: controller.signal,
    onChange: (change) => {
      changes.push(change);
    },
    timing,
    ...options,
  });
  return { handle, changes };
}

/** Waits for an expected event; a watch that breaks, or a time that is out of all proportion, ends the wait. */
async function until(handle: ResourceWatch<Thing>, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('what was waited for has not come within 10 s');
    await Promise.race([delay(2), handle.done]);
  }
}

function texts(things: Iterable<Thing>): string[] {
  return [...things].map((thing) => `${thing.metadata.name}=${thing.text}`).sort();
}

describe('watchResources', () => {
  it('lists, follows, and continues from the last version after a cut', async () => {
    const things = new ThingServer();
    things.put('a', '1');
    things.faults.push({ kind: 'cut', afterEvents: 1 });
    const { handle, changes } = watch(await openServer(things), { labelSelector: 'x=y', fieldSelector: 'k=v' });
    await handle.synced;
    expect(texts(handle.store.values())).toEqual(['a=1']);
    things.put('b', '1');
    things.put('a', '2');
    things.remove('b');
    await until(handle, () => changes.length === 4);
    expect(changes.map((change) => `${change.type} ${change.object.metadata.name}`)).toEqual([
      'added a',
      'added b',
      'modified a',
      'deleted b',
    ]);
    expect(texts(handle.store.values())).toEqual(['a=2']);
    const [list, ...watches] = things.queries;
    expect(list).toBe('?fieldSelector=k%3Dv&labelSelector=x%3Dy');
    expect(watches.map((query) => new URLSearchParams(query).get('resourceVersion'))).toEqual(['101', '102']);
    expect(new URLSearchParams(watches[1]).get('labelSelector')).toBe('x=y');
  });

  it.each(['gone-event', 'gone-status'] as const)(
    'lists again after a %s, and tells what vanished meanwhile',
    async (kind) => {
      const things = new ThingServer();
      things.put('a', '1');
      things.put('b', '1');
      things.faults.push({ kind: 'silence', afterEvents: 0 }, { kind, afterEvents: 0 });
      const { handle, changes } = watch(await openServer(things));
      await handle.synced;
      things.remove('a');
      things.put('a', 'another, of the same name');
      things.remove('b');
      things.compact();
      await until(handle, () => changes.length === 5);
      expect(
        changes.slice(2).map((change) => `${change.type} ${change.object.metadata.uid} ${change.object.text}`),
      ).toEqual(['deleted a-101 1', 'deleted b-102 1', 'added a-104 another, of the same name']);
    },
  );

  it('reports since when the API server is unreachable, recovers with it, and reports that once', async () => {
    const things = new ThingServer();
    const port = await listen(things.server);
    const connection = connect({ kubeconfigPath: await writePlainKubeconfig(port) });
    closers.push(() => connection.close());
    const problems: string[] = [];
    const healed: string[] = [];
    const { handle } = watch(connection, {
      onOutage: (text) => problems.push(text),
      onHealed: (text) => healed.push(text),
    });
    await handle.synced;
    const before = handle.lastContactAt;
    things.server.closeAllConnections();
    await new Promise((resolve) => things.server.close(resolve));
    await until(handle, () => problems.length > 0);
    expect(problems[0]).toMatch(/^the API server is unreachable since \d+ s: .*ECONNREFUSED/);
    things.put('a', '1');
    await new Promise<void>((resolve) => things.server.listen(port, '127.0.0.1', resolve));
    closers.push(() => {
      things.server.closeAllConnections();
      things.server.close();
    });
    await until(handle, () => handle.store.size === 1);
    await until(handle, () => healed.length > 0);
    expect(healed).toEqual([
      expect.stringMatching(/^the API server did not answer for \d+ s, and answers again: .*ECONNREFUSED/),
    ]);
    expect(handle.lastContactAt).toBeGreaterThan(before);
  });

  it('ends with what a callback throws', async () => {
    const things = new ThingServer();
    things.put('a', '1');
    const { handle } = watch(await openServer(things), {
      onChange: () => {
        throw new Error('a fault of ours');
      },
    });
    await expect(handle.done).rejects.toThrow('a fault of ours');
    await expect(handle.synced).rejects.toThrow('a fault of ours');
  });

  it('ends when it is not allowed to list, but not when that permission is lost later', async () => {
    const things = new ThingServer();
    things.listStatus = 403;
    const connection = await openServer(things);
    await expect(watch(connection).handle.done).rejects.toMatchObject({ name: 'ApiError', status: 403 });
    things.listStatus = 200;
    const { handle } = watch(connection);
    await handle.synced;
    things.listStatus = 403;
    things.faults.push({ kind: 'gone-event', afterEvents: 0 });
    things.server.closeAllConnections();
    const asked = things.queries.length;
    await until(handle, () => things.queries.length > asked + 3);
    things.listStatus = 200;
    things.put('a', '1');
    await until(handle, () => handle.store.size === 1);
  });

  it("ends with the signal's reason", async () => {
    const things = new ThingServer();
    const controller = new AbortController();
    const { handle } = watch(await openServer(things), { signal: controller.signal });
    await handle.synced;
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(handle.done).rejects.toBe(reason);
  });

  it('has the same store as the server, and reports each change once, in 150 schedules of faults', async () => {
    const kinds = [
      'cut',
      'clean-end',
      'silence',
      'gone-event',
      'gone-status',
      'unavailable',
      'rubbish',
      'half-line',
    ] as const;
    const runOne = async (seed: number) => {
      const random = new SeededRandom(seed);
      const things = new ThingServer();
      const faults = random.below(6);
      for (let i = 0; i < faults; i += 1)
        things.faults.push({ kind: random.pick(kinds), afterEvents: random.below(5) });
      const { handle, changes } = watch(await openServer(things));
      for (let i = 0; i < 40; i += 1) {
        const name = random.pick(['a', 'b', 'c', 'd']);
        if (random.chance(0.3)) things.remove(name);
        else things.put(name, String(i));
        if (random.chance(0.05)) things.compact();
        if (random.chance(0.3)) await delay(random.below(4));
      }
      things.put('last', String(seed));
      await until(handle, () => texts(handle.store.values()).join() === texts(things.things.values()).join());
      // Replaying the events gives the current state: nothing was reported twice, out of order, or not at all.
      const replayed = new Map<string, Thing>();
      for (const { type, object } of changes) {
        const { uid, resourceVersion } = object.metadata;
        const former = replayed.get(uid);
        if ((type === 'added') !== (former === undefined)) throw new Error(`seed ${seed}: ${type} ${uid} out of turn`);
        if (type === 'modified' && Number(resourceVersion) <= Number(former!.metadata.resourceVersion))
          throw new Error(`seed ${seed}: ${uid} went back to version ${resourceVersion}`);
        if (type === 'deleted') replayed.delete(uid);
        else replayed.set(uid, object);
      }
      if (texts(replayed.values()).join() !== texts(handle.store.values()).join())
        throw new Error(`seed ${seed}: the changes do not add up to the store`);
      return things.queries.length;
    };
    let requests = 0;
    for (let seed = 1; seed <= 150; seed += 30) {
      const counts = await Promise.all(Array.from({ length: 30 }, (_, i) => runOne(seed + i)));
      requests += counts.reduce((sum, count) => sum + count, 0);
    }
    expect(requests).toBeGreaterThan(150 * 4);
  }, 180_000);
});

describe('JsonLines', () => {
  it('puts lines together from any cut, and keeps what has not ended', () => {
    const text = Buffer.from('{"a":"ä"}\n\r\n{"b":2}\n{"c"');
    for (let cut = 0; cut <= text.length; cut += 1) {
      const lines = new JsonLines(100);
      const parsed = [...lines.push(text.subarray(0, cut)), ...lines.push(text.subarray(cut))];
      expect(parsed).toEqual([{ a: 'ä' }, { b: 2 }]);
    }
  });

  it('refuses a line without end, and one that is no JSON', () => {
    expect(() => [...new JsonLines(10).push(Buffer.from('{"a":"0123456789'))]).toThrow(RangeError);
    expect(() => [...new JsonLines(100).push(Buffer.from('<html>\n'))]).toThrow(SyntaxError);
  });
});
