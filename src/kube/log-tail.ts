import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { toApiError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';
import { type FollowLogOptions, followLog } from './log-stream.ts';
import { logPath, refuseAbsence } from './read-log.ts';
import { waitBriefly } from './wait-briefly.ts';

export interface ReadTailOptions {
  namespace: string;
  pod: string;
  container: string;
  /** Of the container's former run. */
  previous?: boolean;
  /** How many of the last lines. */
  lines: number;
  signal: AbortSignal;
}

const headDeadlineMilliseconds = 10_000;
/** The lines of a tail may be long; more than this does not help a reader. */
const maxTailBytes = 256 * 1024;

/**
 * The last lines of a container's log, for a reader.
 * @throws ApiError when it cannot be had (400 for a container that never started, or whose log the node has removed), or the
 * signal's reason.
 */
export async function readLogTail(connection: KubeConnection, options: ReadTailOptions): Promise<string[]> {
  try {
    const body = await connection.open(logPath(options), {
      signal: options.signal,
      headDeadlineMilliseconds,
      query: {
        container: options.container,
        tailLines: String(options.lines),
        limitBytes: String(maxTailBytes),
        ...(options.previous === true ? { previous: 'true' } : {}),
      },
    });
    const log = await pipeline(body, refuseAbsence(), buffer, { signal: options.signal });
    return splitLines(log);
  } catch (error) {
    options.signal.throwIfAborted();
    throw toApiError(error);
  }
}

function splitLines(bytes: Buffer): string[] {
  const text = bytes.toString('utf8');
  return text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/);
}

/**
 * A node refuses the log of a container that has not started. It is asked again this often, because one that fails at once may
 * be gone within a second of its start; no oftener, since its image may be pulled for minutes.
 */
const timing = { firstRetryMilliseconds: 100, maxRetryMilliseconds: 250 };

/** The last lines of one run of a container, followed from before it starts, so that they outlive its pod. */
export class FollowedTail {
  readonly #following: Promise<void>;
  #bytes: Buffer = Buffer.alloc(0);
  #isCut = false;

  constructor(
    connection: KubeConnection,
    options: Pick<FollowLogOptions, 'namespace' | 'pod' | 'container' | 'signal' | 'ended' | 'instance'>,
  ) {
    this.#following = followLog({ ...options, connection, timing, onChunk: (chunk) => this.#take(chunk) }).then(
      () => undefined,
    );
    // It is awaited where its lines are read.
    this.#following.catch(() => undefined);
  }

  /** The lines that have arrived once the container has ended or the signal has, or `seconds` are over. */
  async read(seconds: number, lines = 50): Promise<string[]> {
    await waitBriefly(this.#following, seconds * 1000);
    const all = splitLines(this.#bytes);
    return (this.#isCut ? all.slice(1) : all).slice(-lines);
  }

  #take(chunk: Buffer): void {
    const bytes = Buffer.concat([this.#bytes, chunk]);
    this.#isCut ||= bytes.length > maxTailBytes;
    // A copy, so that the rest of it can be freed.
    this.#bytes = Buffer.from(bytes.subarray(-maxTailBytes));
  }
}
