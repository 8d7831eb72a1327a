import { readFileSync } from 'node:fs';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { type Cluster, KubeConfig } from '@kubernetes/client-node';
import pRetry from 'p-retry';
import { Agent, type buildConnector, type Dispatcher, ProxyAgent, request } from 'undici';
import type { ClientOptions } from 'ws';
import { must } from '../core/must.ts';
import { quoteValue } from '../core/quote-value.ts';
import { trimEndOf } from '../core/trim-end.ts';
import { readYaml } from '../inputs/read-yaml.ts';
import { ApiError, answerToApiError, toApiError } from './api-error.ts';
import { type CredentialSource, type Credentials, type ExecConfig, ExecPlugin, fileSource } from './credentials.ts';
import type { Job } from './objects.ts';

export interface ConnectOptions {
  /** A kubeconfig; without one, the service account of the pod that we run in. */
  kubeconfigPath?: string;
  /** Name of a context of the kubeconfig, in place of its current one. */
  context?: string;
  /** Time limit of a call in seconds, retries included, unless the call sets another. */
  deadlineSeconds?: number;
}

export interface CallOptions {
  signal: AbortSignal;
  query?: Record<string, string>;
  /** Sent as JSON. */
  body?: object;
  deadlineSeconds?: number;
  /** Maximum number of attempts; without it, as many as fit before the deadline. */
  attempts?: number;
}

export interface OpenOptions {
  signal: AbortSignal;
  query?: Record<string, string>;
  /** How long the answer's head may take; none: as long as the signal lets it. */
  headDeadlineMilliseconds?: number;
}

/** The outcome of a call whose refusal is an expected one. */
export type Answer<T> = { ok: true; value: T } | { ok: false; error: ApiError };

const connectTimeoutMilliseconds = 5000;
const maxErrorBodyBytes = 64 * 1024;

/**
 * Opens nothing yet: reads the kubeconfig.
 * @throws what is wrong with the kubeconfig, as an Error with one line.
 */
export function connect(options: ConnectOptions): KubeConnection {
  const config = new KubeConfig();
  if (options.kubeconfigPath === undefined) config.loadFromCluster();
  else config.loadFromFile(options.kubeconfigPath);
  if (options.context !== undefined) config.setCurrentContext(options.context);
  if (config.getCurrentCluster() === null)
    throw new Error(
      `${options.kubeconfigPath ?? 'the service account'} has no cluster for the context ${quoteValue(config.getCurrentContext() ?? '')}`,
    );
  const source = options.kubeconfigPath === undefined ? undefined : takeSource(config, options.kubeconfigPath);
  return new KubeConnection(config, options.deadlineSeconds ?? 30, source);
}

/** The cluster of the current context, which every connection has. */
function clusterOf(config: KubeConfig): Cluster {
  return must(config.getCurrentCluster(), 'the cluster of the current context');
}

/** What client-node would do with the user's plugin or token file is ours to do: see `ExecPlugin`; the other it does not know. */
function takeSource(config: KubeConfig, kubeconfigPath: string): CredentialSource | undefined {
  const user = config.getCurrentUser();
  if (user === null) return undefined;
  if (user.exec !== undefined && user.exec !== null) {
    const { server, caData, skipTLSVerify, tlsServerName } = clusterOf(config);
    const cluster = {
      server,
      'certificate-authority-data': caData,
      'insecure-skip-tls-verify': skipTLSVerify,
      'tls-server-name': tlsServerName,
    };
    const plugin = new ExecPlugin(user.exec as ExecConfig, cluster);
    config.users = config.users.map((one) => (one === user ? { ...one, exec: undefined } : one));
    return plugin;
  }
  const { users } = readYaml(readFileSync(kubeconfigPath, 'utf8')).value as {
    users: { name: string; user?: unknown }[];
  };
  const { tokenFile } = (users.find(({ name }) => name === user.name)?.user ?? {}) as { tokenFile?: string };
  if (tokenFile === undefined || tokenFile === '') return undefined;
  return fileSource(resolve(dirname(kubeconfigPath), tokenFile));
}

/**
 * Requests that were allowed before an outage may be refused right after it, until the API server has read its rules and
 * accounts.
 */
const recoveryMilliseconds = 30_000;

/**
 * One API server and one way to it. Credentials are read from `KubeConfig` again for each request, so that tokens of exec
 * plugins and rotated certificates are fresh; the connection pool is kept for as long as its TLS material stays the same.
 *
 * Calls go to the API's own paths and return its JSON unchanged: the generated classes of client-node turn times into `Date`s,
 * build a pool for each request when there is a client certificate, and have no deadline.
 */
export class KubeConnection {
  readonly #config: KubeConfig;
  readonly #deadlineSeconds: number;
  readonly #source: CredentialSource | undefined;
  /** When the server last was away, by `performance.now()`. */
  #awayAt = Number.NEGATIVE_INFINITY;
  #pool: { tls: object; dispatcher: Dispatcher } | undefined;

  constructor(config: KubeConfig, deadlineSeconds: number, source?: CredentialSource) {
    this.#config = config;
    this.#deadlineSeconds = deadlineSeconds;
    this.#source = source;
  }

  /**
   * One call, JSON in and JSON out. Temporary errors (a server that is unreachable or overloaded) are retried until the
   * deadline, if a second attempt cannot do harm.
   * @throws ApiError, or the signal's reason when it is aborted.
   */
  async call<T>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options: CallOptions): Promise<T> {
    const seconds = options.deadlineSeconds ?? this.#deadlineSeconds;
    const deadline = AbortSignal.timeout(seconds * 1000);
    const signal = AbortSignal.any([options.signal, deadline]);
    let last: ApiError | undefined;
    const attempt = async (): Promise<T> => {
      try {
        const { body } = await this.#send(method, path, signal, options);
        return (await body.json()) as T;
      } catch (error) {
        // An abort is no failure of the API, and must end the retries.
        signal.throwIfAborted();
        last = toApiError(error);
        throw last;
      }
    };
    try {
      return await pRetry(attempt, {
        retries: (options.attempts ?? Number.POSITIVE_INFINITY) - 1,
        minTimeout: 200,
        maxTimeout: 2000,
        randomize: true,
        signal,
        shouldRetry: ({ error }) => isRepeatable(method, toApiError(error)),
      });
    } catch (error) {
      options.signal.throwIfAborted();
      if (!deadline.aborted) throw toApiError(error);
      const why = last === undefined ? '' : `; last seen: ${last.message}`;
      throw new ApiError(`no answer from the API server within ${seconds} s${why}`, {
        status: last?.status,
        code: 'DEADLINE',
        retryable: true,
        cause: last,
      });
    }
  }

  /**
   * A GET whose answer is read as a stream. There is no deadline on the body: its reader watches it, and destroys it when done.
   * The body has an error listener, so that an error on a stream that is no longer read cannot end the process.
   * @throws ApiError for any answer but 2xx, or the signal's reason when it is aborted.
   */
  async open(path: string, options: OpenOptions): Promise<Readable> {
    const late = new AbortController();
    const timer =
      options.headDeadlineMilliseconds === undefined
        ? undefined
        : setTimeout(() => late.abort(), options.headDeadlineMilliseconds);
    try {
      const { body } = await this.#send('GET', path, AbortSignal.any([options.signal, late.signal]), options);
      body.on('error', () => {
        // Errors of the body reach its reader through the iterator; this listener is for a body that has none anymore.
      });
      return body;
    } catch (error) {
      options.signal.throwIfAborted();
      if (late.signal.aborted)
        throw new ApiError(`no answer from the API server within ${options.headDeadlineMilliseconds} ms`, {
          code: 'DEADLINE',
          retryable: true,
        });
      throw toApiError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What a WebSocket to a path of the API server needs: its address, the credentials of this moment, proxy and TLS. */
  async describeSocket(
    path: string,
    signal: AbortSignal,
  ): Promise<{ address: string; socketOptions: ClientOptions; renew: () => boolean }> {
    const { https, credentials } = await this.#applyCredentials(signal);
    const server = trimEndOf(clusterOf(this.#config).server, '/');
    const socketOptions = definedOnly(https) as ClientOptions;
    const renew = () => this.#source?.renew(credentials) ?? false;
    return { address: `${server.replace(/^http/, 'ws')}${path}`, socketOptions, renew };
  }

  /** Creates a Job. That the cluster refuses it, or cannot be reached, is an answer; an abort is thrown. */
  async createJob(namespace: string, manifest: object, signal: AbortSignal): Promise<Answer<Job>> {
    return this.#answer(this.call('POST', `/apis/batch/v1/namespaces/${namespace}/jobs`, { body: manifest, signal }));
  }

  /** Asks for a pod to be ended within its grace period; one that is gone already is as good. */
  async deletePod(
    namespace: string,
    name: string,
    options: { graceSeconds: number; signal: AbortSignal },
  ): Promise<void> {
    try {
      await this.call('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, {
        signal: options.signal,
        query: { gracePeriodSeconds: String(options.graceSeconds) },
      });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  /** Closes everything that is still open on this connection. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.dispatcher.destroy();
  }

  async #answer<T>(call: Promise<T>): Promise<Answer<T>> {
    try {
      return { ok: true, value: await call };
    } catch (error) {
      if (error instanceof ApiError) return { ok: false, error };
      throw error;
    }
  }

  async #send(
    method: Dispatcher.HttpMethod,
    path: string,
    signal: AbortSignal,
    options: { query?: Record<string, string>; body?: object },
  ): Promise<Dispatcher.ResponseData> {
    for (let isRenewed = false; ; isRenewed = true) {
      const { dispatcher, headers, credentials } = await this.#authenticate(signal);
      signal.throwIfAborted();
      const answer = await this.#request(dispatcher, headers, { ...options, method, path, signal });
      if (answer.statusCode >= 200 && answer.statusCode < 300) return answer;
      const error = answerToApiError(answer.statusCode, await readStart(answer.body));
      if (error.status === 401 && !isRenewed && this.#source?.renew(credentials) === true) continue;
      throw this.judge(error);
    }
  }

  async #request(
    dispatcher: Dispatcher,
    headers: Record<string, string>,
    options: {
      method: Dispatcher.HttpMethod;
      path: string;
      signal: AbortSignal;
      query?: Record<string, string>;
      body?: object;
    },
  ): Promise<Dispatcher.ResponseData> {
    const { method, path, signal } = options;
    return request(`${trimEndOf(clusterOf(this.#config).server, '/')}${path}`, {
      method,
      dispatcher,
      signal,
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': 'k8s-test-action',
        ...jsonType(method, options.body),
      },
      query: options.query ?? {},
      body: options.body === undefined ? null : JSON.stringify(options.body),
      // Time is watched by our signals: undici cuts a body that is silent for 300 s.
      headersTimeout: 0,
      bodyTimeout: 0,
    }).catch((error: unknown) => {
      throw signal.aborted ? error : this.judge(toApiError(error));
    });
  }

  /** A failure as it is to be taken after what happened before it: a refusal in the wake of an outage may pass. */
  judge(error: ApiError): ApiError {
    if (error.retryable && error.status !== 429) this.#awayAt = performance.now();
    const isRefusal = error.status === 401 || error.status === 403;
    if (!isRefusal || performance.now() - this.#awayAt > recoveryMilliseconds) return error;
    const { message, status, reason } = error;
    return new ApiError(message, { status, reason, retryable: true, cause: error });
  }

  async #applyCredentials(signal: AbortSignal): Promise<{ https: RequestOptions; credentials: Credentials }> {
    const https: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(https);
    const credentials = (await this.#source?.get(signal)) ?? {};
    const { token, cert, key } = credentials;
    if (token !== undefined) https.headers = { ...https.headers, Authorization: `Bearer ${token}` };
    if (cert !== undefined) {
      Object.assign(https, { cert, key });
      // It was made without the certificate, and would overrule it.
      if (https.agent?.constructor === HttpsAgent) delete https.agent;
    }
    return { https, credentials };
  }

  async #authenticate(
    signal: AbortSignal,
  ): Promise<{ dispatcher: Dispatcher; headers: Record<string, string>; credentials: Credentials }> {
    const cluster = clusterOf(this.#config);
    const { https, credentials } = await this.#applyCredentials(signal);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(https.headers ?? {})) headers[name] = String(value);
    if (typeof https.auth === 'string') headers.Authorization = `Basic ${Buffer.from(https.auth).toString('base64')}`;
    const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = https;
    const tls = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
    if (this.#pool !== undefined && isDeepStrictEqual(this.#pool.tls, tls))
      return { dispatcher: this.#pool.dispatcher, headers, credentials };
    const former = this.#pool;
    this.#pool = { tls, dispatcher: createDispatcher(this.#config, cluster, tls) };
    // Requests that still use the former pool may finish. A failure to close it does not matter: it is not used again.
    former?.dispatcher.close().catch(() => undefined);
    return { dispatcher: this.#pool.dispatcher, headers, credentials };
  }
}

type ClusterEntry = NonNullable<ReturnType<KubeConfig['getCurrentCluster']>>;

/** HTTP/1.1 on purpose: each stream has a connection of its own, so that a stream that is not read cannot block the others. */
function createDispatcher(config: KubeConfig, cluster: ClusterEntry, tls: object): Dispatcher {
  const options = config.createDispatcherOptions(cluster, definedOnly(tls));
  if (options.type === 'socks')
    throw new Error(`the kubeconfig wants a SOCKS proxy (${options.uri}), which is not supported`);
  // The same options under two names: undici's types do not allow for an explicit undefined.
  const common = options.type === 'none' ? {} : (options.connect as buildConnector.BuildOptions);
  const connectOptions: buildConnector.BuildOptions = { ...common, timeout: connectTimeoutMilliseconds };
  if (options.type !== 'proxy') return new Agent({ allowH2: false, connect: connectOptions });
  const requestTls = options.requestTls as buildConnector.BuildOptions;
  return new ProxyAgent({ uri: options.uri, requestTls, connect: connectOptions, allowH2: false });
}

function definedOnly(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** Failures that show that the server never saw, or did not take, the request. */
const untaken: ReadonlySet<string> = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT']);

/** A call may be sent again when it changes nothing twice, or when the server did not take it the first time. */
function isRepeatable(method: string, error: ApiError): boolean {
  if (!error.retryable) return false;
  return method !== 'POST' || untaken.has(error.code) || [401, 403, 429].includes(error.status ?? 0);
}

/** A patch is a merge patch, which may be repeated: https://www.rfc-editor.org/rfc/rfc7386 */
function jsonType(method: string, body: object | undefined): Record<string, string> {
  if (body === undefined) return {};
  return { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' };
}

async function readStart(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= maxErrorBodyBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
