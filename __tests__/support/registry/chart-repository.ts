import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { reader } from './registry.ts';

/** What goes wrong with a file of the repository. */
export type RepositoryFault =
  | { kind: 'status'; status: number }
  | { kind: 'hang' }
  /** Half of the file, then the connection is cut. */
  | { kind: 'cut' }
  /** Half of the file as if it were the whole of it, as a broken upload leaves it. */
  | { kind: 'half' }
  /** Something else under its name, as a login page. */
  | { kind: 'page' };

/** A chart repository as it is published everywhere: static files on HTTP with the index that helm made, on loopback. */
export class ChartRepository {
  readonly directory: string;
  readonly #server: Server;
  readonly #faults = new Map<string, { fault: RepositoryFault; times: number }>();
  readonly #asked: string[] = [];

  private constructor(server: Server, directory: string) {
    this.#server = server;
    this.directory = directory;
  }

  /** Starts one without charts; a private one only answers `reader`. */
  static async start(options: { isPrivate?: boolean } = {}): Promise<ChartRepository> {
    const server = createServer();
    const repository = new ChartRepository(server, mkdtempSync(path.join(tmpdir(), 'chart-repository-')));
    const token = Buffer.from(`${reader.username}:${reader.password}`).toString('base64');
    server.on('request', (request, response) => {
      response.on('error', () => response.destroy());
      if (options.isPrivate !== true || request.headers.authorization === `Basic ${token}`)
        repository.#serve(request, response);
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="charts"' }).end('authentication required\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return repository;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Packages a chart's directory, under another version if one is given, and regenerates the index. */
  add(chart: string, version?: string): void {
    packageChart(chart, this.directory, version);
    execFileSync('helm', ['repo', 'index', this.directory], { stdio: 'pipe' });
  }

  /** Has a file answered wrongly: always, or `times` times. */
  plan(file: string, fault: RepositoryFault, times = Number.POSITIVE_INFINITY): void {
    this.#faults.set(`/${file}`, { fault, times });
  }

  /** How often a file was asked for. */
  askedFor(file: string): number {
    return this.#asked.filter((one) => one === `/${file}`).length;
  }

  /** Ends all faults. */
  giveUp(): void {
    this.#faults.clear();
    this.#asked.length = 0;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.directory, { recursive: true });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://repository');
    this.#asked.push(pathname);
    const plan = this.#faults.get(pathname);
    const fault = plan !== undefined && plan.times-- > 0 ? plan.fault : undefined;
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'status') {
      response.writeHead(fault.status).end('something is wrong\n');
      return;
    }
    if (fault?.kind === 'page') {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in</html>\n');
      return;
    }
    let content: Buffer;
    try {
      content = readFileSync(path.join(this.directory, pathname));
    } catch {
      response.writeHead(404).end('not found\n');
      return;
    }
    const half = content.subarray(0, content.length / 2);
    if (fault?.kind === 'cut') {
      response.writeHead(200, { 'content-length': content.length });
      response.write(half, () => request.socket.resetAndDestroy());
    } else response.writeHead(200).end(fault?.kind === 'half' ? half : content);
  }
}

/** Packages a chart's directory as `helm package` does. @returns the path of the archive. */
export function packageChart(chart: string, directory: string, version?: string): string {
  const args = ['package', chart, '--destination', directory, ...(version === undefined ? [] : ['--version', version])];
  const said = execFileSync('helm', args, { encoding: 'utf8' });
  return said.trim().replace(/^.* saved it to: /, '');
}
