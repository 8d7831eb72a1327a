import { toApiError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';
import { logPath } from './read-log.ts';

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

/** The last lines of a container's log, for a reader; when it cannot be read, one line with the reason. */
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
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    return text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/);
  } catch (error) {
    options.signal.throwIfAborted();
    return [`(the log of ${options.container} cannot be read: ${toApiError(error).message})`];
  }
}
