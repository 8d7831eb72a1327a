import { Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { toOneLine } from '../core/outcome.ts';
import { ApiError, toApiError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';

export interface ReadLogOptions {
  namespace: string;
  pod: string;
  container: string;
  /** The log of the container's former run. */
  previous?: boolean;
  /** Maximum number of bytes, from the beginning of the log. */
  maxBytes: number;
  signal: AbortSignal;
}

const headDeadlineMilliseconds = 30_000;

/**
 * The log of a container as the node has it now, written to `sink`, which is ended (or destroyed on failure). When the log is
 * longer than `maxBytes`, a last line of ours reports that.
 * @throws ApiError when it cannot be had (400 for a container that never started, or whose log the node has removed), the sink's
 * error, or the signal's reason.
 */
export async function readLog(connection: KubeConnection, options: ReadLogOptions, sink: Writable): Promise<void> {
  try {
    const body = await connection.open(logPath(options), {
      signal: options.signal,
      headDeadlineMilliseconds,
      query: {
        container: options.container,
        // One more than needed, to know whether there is more.
        limitBytes: String(options.maxBytes + 1),
        ...(options.previous === true ? { previous: 'true' } : {}),
      },
    });
    await pipeline(body, refuseAbsence(), cutAfter(options.maxBytes), sink, { signal: options.signal });
  } catch (error) {
    sink.destroy();
    options.signal.throwIfAborted();
    throw toApiError(error);
  }
}

/** Path of the log of a pod. */
export function logPath(options: { namespace: string; pod: string }): string {
  return `/api/v1/namespaces/${options.namespace}/pods/${options.pod}/log`;
}

/** Begins the kubelet's whole answer, with status 200, in place of a log that it has removed with its container. */
const absence = 'unable to retrieve container logs for ';
const maxAbsenceBytes = 200;

/** Fails on an answer that only says that there is no log, and passes on any other as it is. */
export function refuseAbsence(): Transform {
  /** What may be the beginning of that answer is held back. */
  let held: Buffer | undefined = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const all: Buffer = held === undefined ? chunk : Buffer.concat([held, chunk]);
      const begins = all.subarray(0, absence.length).toString('latin1');
      const mayBeAbsence = held !== undefined && all.length <= maxAbsenceBytes && absence.startsWith(begins);
      held = mayBeAbsence ? all : undefined;
      done(null, mayBeAbsence ? undefined : all);
    },
    flush(done) {
      const text = held?.toString('utf8') ?? '';
      if (text.startsWith(absence)) done(new ApiError(toOneLine(text), { status: 400, retryable: false }));
      else done(null, held);
    },
  });
}

function cutAfter(maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const room = Math.max(maxBytes - bytes, 0);
      const isCut = bytes <= maxBytes && bytes + chunk.length > maxBytes;
      bytes += chunk.length;
      if (room > 0) this.push(chunk.subarray(0, room));
      // The ellipsis shows the code that masks that a secret may be cut here.
      if (isCut) this.push(`…\n[k8s-test-action: the log continues beyond ${maxBytes} bytes]\n`);
      done();
    },
  });
}
