/**
 * Downloading a file whose checksum is known.
 *
 * undici and not `@actions/tool-cache`, whose `downloadTool` can be neither aborted nor given an idle deadline; undici
 * and not Node's `fetch`, which honours proxies only in a Node that was started for it, and unpacks what a server calls
 * gzip, so that the right file would have the wrong checksum.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { STATUS_CODES } from 'node:http';
import { pipeline } from 'node:stream/promises';
import pRetry from 'p-retry';
import { EnvHttpProxyAgent, interceptors, request } from 'undici';
import { fail, type Result, succeed } from '../core/outcome.ts';

export interface DownloadLimits {
  /** Silence that ends an attempt, from its first moment on. */
  idleSeconds: number;
  /** Ends an attempt, however much still comes. */
  totalSeconds: number;
  /** Before the second attempt; before the third it is three times that. */
  retrySeconds: number;
}

export interface DownloadOptions {
  url: URL;
  /** Where the file will lie; nothing is left there unless the download succeeds. */
  path: string;
  /** In lower case. */
  sha256: string;
  signal: AbortSignal;
  /** Called for each failed attempt that is followed by another. */
  say: (line: string) => void;
  /** Called as the bytes of an attempt come, with their sum, and with that of the whole file where the server says it. */
  onBytes?: ((bytes: number, totalBytes: number | undefined) => void) | undefined;
  limits?: Partial<DownloadLimits>;
}

const defaultLimits: DownloadLimits = { idleSeconds: 30, totalSeconds: 300, retrySeconds: 2 };
const maxAttempts = 3;
const maxRedirections = 5;

type Cause = 'network' | 'refused' | 'checksum' | 'disk';

class DownloadError extends Error {
  readonly reason: Cause;

  constructor(reason: Cause, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Downloads a file to `path` and verifies it. Follows redirects and HTTP_PROXY, HTTPS_PROXY and NO_PROXY; credentials in the
 * URL are sent as Basic authentication and, like its query, never printed. Three attempts where another can help (5xx, 408,
 * 429, a connection that breaks, stalls or ends early), two for a wrong checksum, one for what is final (404 and other 4xx, a
 * full disk). The failure is of kind `tools`; an abort is one too.
 */
export async function downloadFile(options: DownloadOptions): Promise<Result<{ sizeBytes: number }>> {
  const limits = { ...defaultLimits, ...options.limits };
  const from = printableUrl(options.url);
  let wrongChecksums = 0;
  try {
    const sizeBytes = await pRetry(() => attemptDownload(options, limits), {
      retries: maxAttempts - 1,
      minTimeout: limits.retrySeconds * 1000,
      factor: 3,
      signal: options.signal,
      shouldRetry: ({ error, attemptNumber, retriesLeft, retryDelay }) => {
        const cause = error instanceof DownloadError ? error.reason : undefined;
        if (cause === 'checksum') wrongChecksums++;
        if (retriesLeft === 0 || !(cause === 'network' || (cause === 'checksum' && wrongChecksums === 1))) return false;
        const next = `again in ${Math.round(retryDelay / 100) / 10} s`;
        options.say(`${from}: attempt ${attemptNumber} of ${maxAttempts} failed (${error.message}); ${next}`);
        return true;
      },
    });
    return succeed({ sizeBytes });
  } catch (error) {
    if (options.signal.aborted) return fail('tools', `the download of ${from} was aborted`);
    if (!(error instanceof DownloadError)) throw error;
    return fail('tools', `${from}: ${error.message}`, { hint: hints[error.reason] });
  }
}

const hints: Record<Cause, string> = {
  network: 'Check that it is reachable from here. HTTPS_PROXY sets a proxy, the input tools-mirror another source',
  refused: 'Is the version right, and does the mirror have a file of exactly this name?',
  checksum:
    'The file is not the released one and was deleted unopened. A mirror of other builds needs their checksums in the input tools-checksums',
  disk: 'Free some space, or set RUNNER_TEMP or TMPDIR to another directory',
};

/** One attempt; returns the size in bytes. Throws a DownloadError, or anything once the signal is aborted. */
async function attemptDownload(options: DownloadOptions, limits: DownloadLimits): Promise<number> {
  const deadline = new AbortController();
  const giveUp = (message: string) => () => deadline.abort(new DownloadError('network', message));
  const idle = setTimeout(giveUp(`no data for ${limits.idleSeconds} s`), limits.idleSeconds * 1000);
  const total = setTimeout(giveUp(`not finished within ${limits.totalSeconds} s`), limits.totalSeconds * 1000);
  const signal = AbortSignal.any([options.signal, deadline.signal]);
  let agent: EnvHttpProxyAgent | undefined;
  let isComplete = false;
  try {
    // An agent only for this attempt: its connections are closed with it, and it uses the current proxy. Only our own deadlines
    // count, so undici's are off.
    const opened = openAgent();
    agent = opened;
    // undici checks the signal of a request only once it is connected, which a proxy or a router may delay forever.
    signal.addEventListener('abort', () => void opened.destroy(), { once: true });
    const url = new URL(options.url);
    const { username, password } = url;
    url.username = '';
    url.password = '';
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    const response = await request(url, {
      dispatcher: opened.compose(interceptors.redirect({ maxRedirections })),
      signal,
      headers: credentials === ':' ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    });
    // A body without an error listener would end the process; the pipeline below adds one, but not for a refused download.
    response.body.on('error', () => undefined);
    const { statusCode } = response;
    if (statusCode !== 200) {
      const isTransient = statusCode >= 500 || statusCode === 408 || statusCode === 429;
      const message = `HTTP ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim();
      throw new DownloadError(isTransient ? 'network' : 'refused', message);
    }
    const hash = createHash('sha256');
    const announced = Number(response.headers['content-length']);
    const totalBytes = Number.isSafeInteger(announced) && announced > 0 ? announced : undefined;
    let sizeBytes = 0;
    await pipeline(
      response.body,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          idle.refresh();
          hash.update(chunk);
          sizeBytes += chunk.length;
          options.onBytes?.(sizeBytes, totalBytes);
          yield chunk;
        }
      },
      createWriteStream(options.path),
      { signal },
    );
    const sha256 = hash.digest('hex');
    if (sha256 !== options.sha256) {
      const got = `the ${sizeBytes} bytes received have SHA-256 ${sha256}`;
      throw new DownloadError('checksum', `wrong checksum: expected ${options.sha256}, ${got}`);
    }
    isComplete = true;
    return sizeBytes;
  } catch (error) {
    if (options.signal.aborted) throw error;
    throw deadline.signal.aborted ? deadline.signal.reason : classify(error);
  } finally {
    clearTimeout(idle);
    clearTimeout(total);
    await agent?.destroy();
    if (!isComplete) await rm(options.path, { force: true });
  }
}

function openAgent(): EnvHttpProxyAgent {
  try {
    return new EnvHttpProxyAgent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 0 } });
  } catch {
    // Not the error's own words: they hold the address, and that may hold a password.
    throw new DownloadError('refused', 'HTTP_PROXY or HTTPS_PROXY is not an http(s) address');
  }
}

function classify(error: unknown): DownloadError {
  if (error instanceof DownloadError) return error;
  if (!(error instanceof Error)) return new DownloadError('network', String(error));
  const { code, syscall } = error as NodeJS.ErrnoException;
  const diskCodes = ['ENOSPC', 'EDQUOT', 'EACCES', 'EROFS', 'EIO', 'ENOENT', 'EMFILE'];
  const isOfDisk = syscall !== 'connect' && diskCodes.includes(code ?? '');
  // For an attempt at several addresses (IPv4, IPv6) Node gives one error without a message of its own.
  const message = error.message || (error instanceof AggregateError ? String(error.errors[0]?.message) : '') || code;
  return new DownloadError(isOfDisk ? 'disk' : 'network', message ?? error.name);
}

/** The URL without what may be secret: credentials and query. */
export function printableUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}
