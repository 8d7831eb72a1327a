import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SeededRandom } from './seeded-random.ts';

/** A piece of a line as a node's log file holds it: a long line is several, each with its own instant. */
export interface Piece {
  epochSeconds: number;
  nanoseconds: number;
  bytes: Buffer;
  startsLine: boolean;
}

/** What goes wrong with a stream once `afterBytes` of it have been sent. */
export interface Fault {
  kind: 'cut' | 'stall' | 'clean-end' | 'refuse' | 'foreign-words';
  afterBytes: number;
}

/** One container's log on a node: what it wrote, from where the node's present file holds it, and what is going to fail. */
export class NodeLog {
  readonly pieces: Piece[] = [];
  /** Index of the first piece that the present file still holds. */
  fileStart = 0;
  hasEnded = false;
  readonly faults: Fault[] = [];
  streams = 0;
  readonly #wakers = new Set<() => void>();

  append(piece: Piece): void {
    this.pieces.push(piece);
    this.wake();
  }

  end(): void {
    this.hasEnded = true;
    this.wake();
  }

  wake(): void {
    for (const waker of this.#wakers) waker();
    this.#wakers.clear();
  }

  async changed(): Promise<void> {
    await new Promise<void>((resolve) => this.#wakers.add(resolve));
  }
}

/** RFC 3339 with nine digits, as the kubelet writes it. */
export function formatTimestamp(piece: Piece): string {
  const seconds = new Date(piece.epochSeconds * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(piece.nanoseconds).padStart(9, '0')}Z`;
}

/**
 * The log endpoint, as an API server with a kubelet behind it has it (`pkg/kubelet/kuberuntime/logs/logs.go`): pieces older
 * than `sinceTime`, which counts in whole seconds, are left out; a timestamp is sent where a line begins, or where the first
 * piece that is not left out is the middle of one; the head of the answer is sent with the first bytes.
 */
export function createLogServer(logs: Map<string, NodeLog>, random: SeededRandom): Server {
  return createServer((request, response) => {
    serveLog(logs, random, request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
}

async function serveLog(
  logs: Map<string, NodeLog>,
  random: SeededRandom,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url!, 'http://node');
  const log = logs.get(url.pathname.split('/').at(-2)!);
  if (log === undefined || url.searchParams.get('timestamps') !== 'true') {
    response.writeHead(404).end(JSON.stringify({ kind: 'Status', message: 'no such pod', reason: 'NotFound' }));
    return;
  }
  log.streams += 1;
  const follow = url.searchParams.get('follow') === 'true';
  const since = Date.parse(url.searchParams.get('sinceTime') ?? '1970-01-01T00:00:00Z');
  const sinceSeconds = Math.floor(since / 1000);
  // A stream that ends too early but cleanly is believed when nothing follows; no kubelet is known to do that.
  const fault = log.faults[0]?.kind === 'clean-end' && !follow ? undefined : log.faults.shift();
  if (fault?.kind === 'refuse') {
    response.writeHead(random.pick([500, 502, 503])).end('dial tcp 10.0.0.2:10250: connect: connection refused');
    return;
  }
  if (fault?.kind === 'foreign-words') {
    response.end('failed to try resolving symlinks in path "/var/log/pods/x/0.log": no such file or directory\n');
    return;
  }
  let budget = fault?.afterBytes ?? Number.POSITIVE_INFINITY;
  let isNewLine = true;
  for (let i = log.fileStart; ; ) {
    const piece = log.pieces[i];
    if (i % 20 === 0) await nextTurn();
    if (response.destroyed) return;
    if (piece === undefined) {
      if (!follow || log.hasEnded) break;
      await log.changed();
      continue;
    }
    i += 1;
    if (piece.epochSeconds < sinceSeconds) continue;
    const prefix = isNewLine ? `${formatTimestamp(piece)} ` : '';
    const line = Buffer.concat([Buffer.from(prefix), piece.bytes]);
    isNewLine = piece.bytes.at(-1) === 0x0a;
    const largest = line.length < 1000 && random.chance(0.2) ? 40 : 60_000;
    for (let from = 0; from < line.length; ) {
      const to = Math.min(from + 1 + random.below(largest), line.length, from + budget);
      budget -= to - from;
      if (to > from) response.write(line.subarray(from, to));
      from = to;
      if (budget > 0) continue;
      await flush(response);
      if (fault!.kind === 'cut') response.destroy();
      else if (fault!.kind === 'clean-end') response.end();
      return;
    }
  }
  response.end();
}

async function flush(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => response.write('', () => resolve()));
}
