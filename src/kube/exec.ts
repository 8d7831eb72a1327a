import { randomBytes } from 'node:crypto';
import { type RawData, WebSocket } from 'ws';
import { ApiError, answerToApiError, toApiError } from './api-error.ts';
import type { KubeConnection } from './connection.ts';

export interface ExecOptions {
  namespace: string;
  pod: string;
  container: string;
  command: string[];
  /** All that the command reads. Its stdin stays open afterwards, so the command must know when it has enough. */
  stdin?: Buffer;
  /** Receives the command's stdout; nothing more is read from the socket until the promise it returns is fulfilled. */
  onStdout: (chunk: Buffer) => Promise<void> | void;
  /** Called once the command can be written to, after `stdin`. */
  onOpen?: (write: (bytes: Buffer) => Promise<void>) => void;
  signal: AbortSignal;
  timing?: Partial<ExecTiming>;
}

export interface ExecTiming {
  handshakeMilliseconds: number;
  /** Interval between pings to the other side. */
  pingMilliseconds: number;
  /** A socket that has been silent for longer is dead. */
  silenceMilliseconds: number;
}

export interface ExecEnd {
  exitCode: number;
  /** The head of what the command wrote to stderr. */
  stderr: string;
}

const defaultTiming: ExecTiming = {
  handshakeMilliseconds: 10_000,
  pingMilliseconds: 5000,
  silenceMilliseconds: 20_000,
};
const maxStderrBytes = 64 * 1024;
const stdinPieceBytes = 32 * 1024;

/** https://github.com/kubernetes/kubernetes/blob/v1.34.4/staging/src/k8s.io/apimachinery/pkg/util/remotecommand/constants.go */
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const channels = { stdin: 0, stdout: 1, stderr: 2, status: 3, close: 255 } as const;

/**
 * Runs a command in a running container and passes on its stdout as fast as it is consumed, in bounded memory. The `Exec` of
 * client-node is not sufficient: it hangs when the socket closes early, has no backpressure, no keepalive and no abort, and
 * throws where the error cannot be caught.
 * @returns how the command ended, once all of its output that arrived has been taken. A runtime may drop the end of it, which
 *   `runScriptInPod` prevents.
 * @throws ApiError when it cannot be started or the connection breaks, what `onStdout` throws, or the signal's reason.
 */
export async function execInPod(connection: KubeConnection, options: ExecOptions): Promise<ExecEnd> {
  options.signal.throwIfAborted();
  const query = new URLSearchParams({ container: options.container, stdout: 'true', stderr: 'true' });
  if (options.stdin !== undefined) query.set('stdin', 'true');
  for (const word of options.command) query.append('command', word);
  const path = `/api/v1/namespaces/${options.namespace}/pods/${options.pod}/exec?${query}`;
  const timing = { ...defaultTiming, ...options.timing };
  for (let isRenewed = false; ; isRenewed = true) {
    const { address, socketOptions, renew } = await connection.describeSocket(path, options.signal);
    const socket = new WebSocket(address, protocols, {
      ...socketOptions,
      handshakeTimeout: timing.handshakeMilliseconds,
      perMessageDeflate: false,
    });
    try {
      return await new Exec(socket, options, timing).ended;
    } catch (error) {
      // It is refused before anything is run.
      const isRefused = error instanceof ApiError && error.status === 401;
      if (!isRefused || isRenewed || !renew()) throw error instanceof ApiError ? connection.judge(error) : error;
    }
  }
}

export interface ScriptOptions extends Omit<ExecOptions, 'command' | 'onOpen'> {
  /** For `sh -c`; its arguments are `$1` and on. It must not read more than `stdin`. */
  script: string;
  args: string[];
}

/**
 * Runs a script in a running container, and passes on all of its output or throws. A container runtime drops output that has
 * not been sent some seconds after a command has ended, with an exit code of 0
 * (https://github.com/kubernetes/kubernetes/issues/124571, https://github.com/kubernetes/kubectl/issues/1361): so the script
 * ends its output by a mark, and waits until we have seen it.
 * @throws as `execInPod` does, and a retryable ApiError when the output was cut all the same.
 */
export async function runScriptInPod(connection: KubeConnection, options: ScriptOptions): Promise<ExecEnd> {
  const mark = Buffer.from(randomBytes(16).toString('hex'));
  const wrapped = `(${options.script}\n)\nstatus=$?; printf %s ${mark}; read -r _; exit $status`;
  const opened = Promise.withResolvers<(bytes: Buffer) => Promise<void>>();
  let held: Buffer = Buffer.alloc(0);
  let isWhole = false;
  const end = await execInPod(connection, {
    ...options,
    command: ['sh', '-c', wrapped, 'sh', ...options.args],
    stdin: options.stdin ?? Buffer.alloc(0),
    onOpen: opened.resolve,
    onStdout: async (chunk) => {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const complete = bytes.subarray(0, Math.max(0, bytes.length - mark.length));
      held = Buffer.from(bytes.subarray(complete.length));
      if (complete.length > 0) await options.onStdout(complete);
      if (!held.equals(mark)) return;
      isWhole = true;
      await (await opened.promise)(Buffer.from('\n'));
    },
  });
  if (isWhole) return end;
  throw new ApiError(`the output of a command in pod ${options.pod} was truncated`, {
    code: 'CUT',
    retryable: true,
  });
}

class Exec {
  readonly ended: Promise<ExecEnd>;
  readonly #socket: WebSocket;
  readonly #options: ExecOptions;
  readonly #timing: ExecTiming;
  readonly #settled = Promise.withResolvers<ExecEnd>();
  readonly #stderr: Buffer[] = [];
  #stderrBytes = 0;
  /** Messages are taken one after another, in their order. */
  #work: Promise<void> = Promise.resolve();
  #pending = 0;
  #lastHeard = performance.now();
  #clock: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket, options: ExecOptions, timing: ExecTiming) {
    this.#socket = socket;
    this.#options = options;
    this.#timing = timing;
    const onAbort = () => this.#fail(options.signal.reason);
    options.signal.addEventListener('abort', onAbort, { once: true });
    this.ended = this.#settled.promise.finally(() => {
      options.signal.removeEventListener('abort', onAbort);
      clearInterval(this.#clock);
      socket.terminate();
    });
    socket.on('error', (error) => this.#fail(toApiError(error)));
    socket.on('unexpected-response', (_request, response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        this.#fail(answerToApiError(response.statusCode ?? 0, Buffer.concat(parts).toString('utf8'))),
      );
      response.on('error', (error) => this.#fail(toApiError(error)));
    });
    // Without this a socket that closes before the status leaves its caller waiting forever.
    socket.on('close', (code) => {
      this.#work = this.#work.then(() =>
        this.#fail(
          new ApiError(`the connection to container ${options.container} of pod ${options.pod} broke off (${code})`, {
            code: 'SOCKET_CLOSED',
            retryable: true,
          }),
        ),
      );
    });
    socket.on('open', () => {
      this.#lastHeard = performance.now();
      this.#clock = setInterval(() => this.#keepAlive(), timing.pingMilliseconds);
      this.#feed().catch((error: unknown) => this.#fail(toApiError(error)));
    });
    socket.on('pong', () => {
      this.#lastHeard = performance.now();
    });
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#lastHeard = performance.now();
    const channel = isBinary && Buffer.isBuffer(data) ? data[0] : undefined;
    if (channel === undefined || !Buffer.isBuffer(data)) return;
    this.#pending += 1;
    this.#socket.pause();
    this.#work = this.#afterWork(channel, data.subarray(1));
  }

  async #afterWork(channel: number, content: Buffer): Promise<void> {
    const before = this.#work;
    try {
      await before;
      await this.#take(channel, content);
    } catch (error) {
      this.#fail(error);
    }
    this.#pending -= 1;
    this.#lastHeard = performance.now();
    if (this.#pending === 0 && this.#socket.readyState === WebSocket.OPEN) this.#socket.resume();
  }

  async #take(channel: number, content: Buffer): Promise<void> {
    switch (channel) {
      case channels.stdout:
        if (content.length > 0) await this.#options.onStdout(content);
        break;
      case channels.stderr:
        if (this.#stderrBytes < maxStderrBytes) {
          this.#stderr.push(content.subarray(0, maxStderrBytes - this.#stderrBytes));
          this.#stderrBytes += content.length;
        }
        break;
      case channels.status:
        this.#settled.resolve({ exitCode: exitCodeOf(content), stderr: Buffer.concat(this.#stderr).toString('utf8') });
        break;
      case channels.close:
        break;
      default:
        throw new ApiError(`the API server spoke on channel ${channel}, which exec does not have`, {
          retryable: false,
        });
    }
  }

  async #feed(): Promise<void> {
    const { stdin } = this.#options;
    if (stdin === undefined) return;
    await this.#write(stdin);
    this.#options.onOpen?.((bytes) => this.#write(bytes));
  }

  async #write(bytes: Buffer): Promise<void> {
    for (let from = 0; from < bytes.length; from += stdinPieceBytes) {
      const piece = Buffer.concat([Buffer.of(channels.stdin), bytes.subarray(from, from + stdinPieceBytes)]);
      await new Promise<void>((resolve, reject) => {
        this.#socket.send(piece, (error) => (error ? reject(error) : resolve()));
      });
    }
  }

  #keepAlive(): void {
    // While reading is paused no answer can arrive either.
    if (this.#pending > 0 || this.#socket.readyState !== WebSocket.OPEN) return;
    const silent = performance.now() - this.#lastHeard;
    if (silent <= this.#timing.silenceMilliseconds) this.#socket.ping();
    else this.#fail(new ApiError(`exec was silent for ${Math.round(silent)} ms`, { code: 'SILENCE', retryable: true }));
  }

  #fail(error: unknown): void {
    this.#settled.reject(error);
  }
}

interface ExecStatus {
  status?: string;
  message?: string;
  reason?: string;
  details?: { causes?: { reason?: string; message?: string }[] };
}

/** https://github.com/kubernetes/kubernetes/blob/v1.34.4/staging/src/k8s.io/client-go/tools/remotecommand/v4.go */
function exitCodeOf(content: Buffer): number {
  const status = JSON.parse(content.toString('utf8')) as ExecStatus;
  if (status.status === 'Success') return 0;
  const cause = status.details?.causes?.find((one) => one.reason === 'ExitCode');
  const code = Number(cause?.message);
  if (status.reason === 'NonZeroExitCode' && Number.isInteger(code)) return code;
  throw new ApiError(status.message ?? 'the command could not be run', {
    reason: status.reason ?? '',
    retryable: false,
  });
}
