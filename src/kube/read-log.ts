import { Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { toApiError } from './api-error.ts';
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
 * @throws ApiError when it cannot be had (400 for a container that never started), the sink's error, or the signal's reason.
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
    await pipeline(body, cutAfter(options.maxBytes), sink, { signal: options.signal });
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
