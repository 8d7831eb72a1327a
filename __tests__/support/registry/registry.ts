import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A user of a registry that asks for a password. */
export const reader = { username: 'reader', password: 'canary-5f2b9d' };
/** The same as its htpasswd file holds it: bcrypt, the only format that distribution accepts. */
const readerEntry = 'reader:$2b$05$V7chRgpIh7zQhTXOu6EGh.uZcxD1oo0SXdmN4yk0t/Z6dzACaiVNO';

/** distribution's registry, on a loopback port of its own, with its images in a temporary directory. */
export class Registry {
  readonly address: string;
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #isPrivate: boolean;

  private constructor(process: ChildProcess, directory: string, address: string, isPrivate: boolean) {
    this.#process = process;
    this.#directory = directory;
    this.address = address;
    this.#isPrivate = isPrivate;
  }

  /** Starts one; a private one only answers `reader`. */
  static async start(options: { isPrivate?: boolean } = {}): Promise<Registry> {
    const directory = mkdtempSync(path.join(tmpdir(), 'registry-'));
    const address = `127.0.0.1:${await findFreePort()}`;
    const isPrivate = options.isPrivate ?? false;
    const auth = { htpasswd: { realm: 'test', path: path.join(directory, 'htpasswd') } };
    if (isPrivate) writeFileSync(auth.htpasswd.path, `${readerEntry}\n`);
    const config = path.join(directory, 'config.json');
    // YAML's subset that JSON is.
    writeFileSync(
      config,
      JSON.stringify({
        version: '0.1',
        log: { level: 'error', accesslog: { disabled: true } },
        storage: { filesystem: { rootdirectory: path.join(directory, 'images') }, delete: { enabled: true } },
        http: { addr: address, secret: 'loopback' },
        ...(isPrivate ? { auth } : {}),
      }),
    );
    const child = spawn('registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-4000);
    });
    const registry = new Registry(child, directory, address, isPrivate);
    const isOver = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (status) => reject(new Error(`registry ended with status ${status}: ${said}`)));
    });
    isOver.catch(() => undefined);
    await Promise.race([registry.#untilItAnswers(), isOver]);
    return registry;
  }

  /** Pushes an image, which docker pulls where it does not have it; `name` is `repository:tag`. */
  push(image: string, name: string): void {
    const has = spawnSync('docker', ['image', 'inspect', image], { stdio: 'ignore' }).status === 0;
    if (!has) execFileSync('docker', ['pull', '--quiet', image], { stdio: ['ignore', 'ignore', 'pipe'] });
    const target = `${this.address}/${name}`;
    const config = path.join(this.#directory, 'docker');
    mkdirSync(config, { recursive: true });
    // The user's own docker config is neither read nor written.
    writeFileSync(
      path.join(config, 'config.json'),
      JSON.stringify({ auths: { [this.address]: { auth: this.#token() } } }),
    );
    execFileSync('docker', ['tag', image, target]);
    try {
      execFileSync('docker', ['--config', config, 'push', '--quiet', target], { stdio: ['ignore', 'ignore', 'pipe'] });
    } finally {
      execFileSync('docker', ['image', 'rm', '--no-prune', target], { stdio: 'ignore' });
    }
  }

  /** Pushes a packaged chart below `repository`, as helm does. */
  pushChart(archive: string, repository: string): void {
    const config = path.join(this.#directory, 'helm.json');
    writeFileSync(config, JSON.stringify({ auths: { [this.address]: { auth: this.#token() } } }));
    const args = ['push', archive, `oci://${this.address}/${repository}`, '--plain-http', '--registry-config', config];
    execFileSync('helm', args, { stdio: 'pipe' });
  }

  /** The manifest of a tag, with its digest. */
  async manifest(repository: string, tag: string): Promise<{ body: string; mediaType: string; digest: string }> {
    const accept = 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json';
    const response = await this.#call('GET', `/v2/${repository}/manifests/${tag}`, { accept });
    const body = await response.text();
    return { body, mediaType: response.headers.get('content-type')!, digest: digestOf(body) };
  }

  /** Puts a manifest list under `tag` whose one entry, an image that is there, claims to be for another platform. */
  async pushListWithout(repository: string, from: string, tag: string, architecture: string): Promise<void> {
    const { body, mediaType, digest } = await this.manifest(repository, from);
    const list = {
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json',
      manifests: [{ mediaType, digest, size: Buffer.byteLength(body), platform: { os: 'linux', architecture } }],
    };
    await this.#call(
      'PUT',
      `/v2/${repository}/manifests/${tag}`,
      { 'content-type': list.mediaType },
      JSON.stringify(list),
    );
  }

  stop(): void {
    this.#process.removeAllListeners();
    this.#process.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #token(): string {
    return Buffer.from(`${reader.username}:${reader.password}`).toString('base64');
  }

  async #call(method: string, where: string, headers: Record<string, string>, body?: string): Promise<Response> {
    const response = await fetch(`http://${this.address}${where}`, {
      method,
      headers: { ...headers, ...(this.#isPrivate ? { authorization: `Basic ${this.#token()}` } : {}) },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(30_000),
    });
    if (!response.ok) throw new Error(`${method} ${where}: ${response.status} ${await response.text()}`);
    return response;
  }

  async #untilItAnswers(): Promise<void> {
    for (;;) {
      const answer = await fetch(`http://${this.address}/v2/`).catch(() => undefined);
      if (answer?.status === 200 || answer?.status === 401) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** A port that was free a moment ago. */
async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
