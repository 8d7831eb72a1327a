import { execFileSync } from 'node:child_process';
import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong with a request. */
export type Fault =
  | { kind: 'status'; status: number; retryAfterSeconds?: number }
  /** As Docker Hub answers for a repository that is private or not there: a token is given, and is not enough. */
  | { kind: 'denied' }
  | { kind: 'hang' }
  | { kind: 'reset' }
  /** Half of the answer, then the connection is cut. */
  | { kind: 'truncate' }
  /** All of the answer, with a byte changed. */
  | { kind: 'corrupt' }
  | { kind: 'slow'; bytesPerSecond: number };

export interface FaultPlan {
  fault: Fault;
  /** Which requests it meets: those for manifests, or those for the layers and the config. */
  on: 'manifests' | 'blobs';
  /** How many attempts of the kubelet it meets; each is several requests. Without it, all. */
  attempts?: number;
}

/** Requests of one attempt follow each other at once; the kubelet waits 10 s and longer before the next. */
const newAttemptMilliseconds = 4000;

/**
 * A registry with faults in front of it, each for one repository. It listens on one address only: that by which the nodes of
 * Kind reach this machine, or the one that is given.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #registry: string;
  readonly #plans = new Map<string, FaultPlan>();
  readonly #held = new Map<string, Set<ServerResponse>>();
  readonly #attempts = new Map<string, { count: number; lastAt: number }>();

  private constructor(server: Server, registry: string) {
    this.#server = server;
    this.#registry = registry;
  }

  static async start(registry: string, host = findGateway()): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server, registry);
    server.on('request', (request, response) => proxy.#serve(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, host, resolve);
    });
    return proxy;
  }

  /** `host:port`, as the nodes reach it. */
  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `${address}:${port}`;
  }

  plan(repository: string, plan: FaultPlan): void {
    this.#plans.set(repository, plan);
  }

  /** How often the kubelet has tried to pull an image of a repository. */
  attemptsAt(repository: string): number {
    return this.#attempts.get(repository)?.count ?? 0;
  }

  /** Ends a fault: what it held is cut, later requests are served as they should be. */
  giveUp(repository: string): void {
    this.#plans.delete(repository);
    for (const response of this.#held.get(repository) ?? []) response.destroy();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => response.destroy());
    const url = new URL(request.url ?? '/', 'http://proxy');
    if (url.pathname === '/token') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token: 'not-enough' }));
      return;
    }
    const [, repository, what] = /^\/v2\/(.+)\/(manifests|blobs)\//.exec(url.pathname) ?? [];
    if (repository === undefined) {
      this.#forward(request, response, undefined);
      return;
    }
    const attempt = this.#countAttempt(repository);
    const plan = this.#plans.get(repository);
    const isMet = plan !== undefined && plan.on === what && attempt <= (plan.attempts ?? Number.POSITIVE_INFINITY);
    if (!isMet) {
      this.#forward(request, response, undefined);
      return;
    }
    const { fault } = plan;
    switch (fault.kind) {
      case 'status':
        response
          .writeHead(fault.status, {
            'content-type': 'application/json',
            ...(fault.status === 401 ? { 'www-authenticate': 'Basic realm="test"' } : {}),
            ...(fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) }),
          })
          .end(request.method === 'HEAD' ? undefined : errorBody(fault.status));
        return;
      case 'denied':
        response
          .writeHead(401, {
            'www-authenticate': `Bearer realm="http://${this.address}/token",service="test",scope="repository:${repository}:pull",error="insufficient_scope"`,
            'content-type': 'application/json',
          })
          .end(request.method === 'HEAD' ? undefined : errorBody(401));
        return;
      case 'hang':
        this.#held.set(repository, (this.#held.get(repository) ?? new Set()).add(response));
        return;
      case 'reset':
        request.socket.resetAndDestroy();
        return;
      default:
        this.#forward(request, response, fault);
    }
  }

  /** Hands a request on to the registry, and its answer back with a fault in its body. */
  #forward(request: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
    const [host, port] = this.#registry.split(':');
    const headers = { ...request.headers, host: this.#registry };
    const onward = forward({ host, port, method: request.method, path: request.url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      // Or the head would wait for the first bytes of a slow body.
      response.flushHeaders();
      passBody(answer, response, fault).catch(() => response.destroy());
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  }

  #countAttempt(repository: string): number {
    const now = performance.now();
    const before = this.#attempts.get(repository) ?? { count: 0, lastAt: Number.NEGATIVE_INFINITY };
    const count = now - before.lastAt > newAttemptMilliseconds ? before.count + 1 : before.count;
    this.#attempts.set(repository, { count, lastAt: now });
    return count;
  }
}

async function passBody(answer: IncomingMessage, response: ServerResponse, fault: Fault | undefined): Promise<void> {
  const total = Number(answer.headers['content-length'] ?? 0);
  let passed = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    passed += chunk.length;
    if (fault?.kind === 'truncate' && passed > total / 2) {
      response.socket?.resetAndDestroy();
      return;
    }
    if (fault?.kind === 'corrupt') chunk[0] = chunk[0]! ^ 1;
    if (!response.write(chunk)) await new Promise((resolve) => response.once('drain', resolve));
    if (fault?.kind === 'slow')
      await new Promise((resolve) => setTimeout(resolve, (chunk.length / fault.bytesPerSecond) * 1000));
  }
  response.end();
}

/** What Docker Hub and others send along. */
function errorBody(status: number): string {
  const codes: Record<number, [string, string]> = {
    401: ['UNAUTHORIZED', 'authentication required'],
    403: ['DENIED', 'requested access to the resource is denied'],
    404: ['MANIFEST_UNKNOWN', 'manifest unknown'],
    429: [
      'TOOMANYREQUESTS',
      'You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit',
    ],
  };
  const [code, message] = codes[status] ?? ['UNKNOWN', 'something went wrong'];
  return JSON.stringify({ errors: [{ code, message }] });
}

/** This machine as the containers of Kind's network see it. */
function findGateway(): string {
  const network = execFileSync('docker', ['network', 'inspect', 'kind'], { encoding: 'utf8' });
  const [{ IPAM }] = JSON.parse(network) as [{ IPAM: { Config: { Gateway?: string; Subnet: string }[] } }];
  const gateway = IPAM.Config.find((one) => one.Gateway !== undefined && !one.Subnet.includes(':'))?.Gateway;
  if (gateway === undefined) throw new Error(`the network "kind" has no gateway: ${network}`);
  return gateway;
}
