import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Result } from '../../src/core/outcome.ts';
import type { Transfer } from '../../src/core/reporter.ts';
import { provideTool, type ToolRequest } from '../../src/tools/install-tool.ts';
import { runProgram } from '../../src/tools/run-program.ts';
import { toolCacheFolder } from '../../src/tools/tool-cache.ts';
import { findPlatform, pinnedTools, toolFileName } from '../../src/tools/versions.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const platform = findPlatform(process.platform, process.arch)!;
const never = new AbortController().signal;
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A program that reports a version as kind and helm do, and is large enough to be cut and to arrive in pieces. */
const script = (output: string) => Buffer.from(`#!/bin/sh\necho '${output}'\nexit 0\n${'#'.repeat(300_000)}\n`);
const kindBytes = script('kind v0.32.0 go1.26.1 linux/amd64');
const helmBytes = script('v4.1.4');

let folder: string;
let said: string[];
let closing: (() => void)[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'install-tool-'));
  said = [];
  closing = [];
  for (const name of ['bin', 'temp', 'cache', 'run']) mkdirSync(join(folder, name));
  vi.stubEnv('PATH', join(folder, 'bin'));
  vi.stubEnv('RUNNER_TEMP', join(folder, 'temp'));
  vi.stubEnv('RUNNER_TOOL_CACHE', join(folder, 'cache'));
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']) {
    vi.stubEnv(name, undefined);
    vi.stubEnv(name.toLowerCase(), undefined);
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const close of closing) close();
  rmSync(folder, { recursive: true });
});

/** A server that answers the first request with the first answer, and all later ones with the last. */
async function serve(...answers: Answer[]): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((incoming, response) => {
    requests.push(incoming);
    answers[Math.min(requests.length, answers.length) - 1]!(incoming, response);
  });
  return { url: `http://127.0.0.1:${await listen(server)}`, requests };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const well =
  (bytes: Buffer, headers = {}): Answer =>
  (_, response) =>
    response.writeHead(200, { 'content-length': bytes.length, ...headers }).end(bytes);
const status =
  (code: number, headers = {}): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end('<html>not a program</html>');
/** Announces its length, sends half of it and hangs up. */
const truncated: Answer = (_, response) => {
  response.writeHead(200, { 'content-length': kindBytes.length });
  response.write(kindBytes.subarray(0, 150_000), () => response.socket!.destroy());
};
/** Does not announce its length, so that half of it looks like all of it. */
const truncatedWithoutLength: Answer = (incoming, response) => {
  response.removeHeader('transfer-encoding');
  incoming.socket.end(
    Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'), kindBytes.subarray(0, 150_000)]),
  );
};
const hangingAtOnce: Answer = () => undefined;
const hangingInTheMiddle: Answer = (_, response) => {
  response.writeHead(200, { 'content-length': kindBytes.length });
  response.write(kindBytes.subarray(0, 150_000));
};

function writeChecksums(lines: Record<string, string>): string {
  const path = join(folder, `checksums-${Object.values(lines)[0]}`);
  writeFileSync(
    path,
    Object.entries(lines)
      .map(([name, checksum]) => `${checksum}  ${name}\n`)
      .join(''),
  );
  return path;
}

function ask(mirror: string | undefined, changes: Partial<ToolRequest> = {}): ReturnType<typeof provideTool> {
  return provideTool({
    name: 'kind',
    version: undefined,
    mirror,
    checksumsPath: writeChecksums({ [`kind-${platform}`]: sha256(kindBytes) }),
    directory: join(folder, 'run'),
    signal: never,
    say: (line) => said.push(line),
    limits: { idleSeconds: 20, totalSeconds: 20, retrySeconds: 0.01 },
    ...changes,
  });
}

function installOnPath(name: string, bytes: Buffer): string {
  const path = join(folder, 'bin', name);
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  return path;
}

function expectValue<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.failure.reason);
  return result.value;
}

const listFiles = (name: string) =>
  readdirSync(join(folder, name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);

/** What the cache holds, without the markers of entries that are complete. */
const listEntries = () =>
  readdirSync(join(folder, 'cache'), { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && !one.name.endsWith('.complete'))
    .map((one) => relative(join(folder, 'cache'), join(one.parentPath, one.name)));
const entry = (bytes: Buffer) =>
  join('k8s-test-kind/0.32.0', `${platform}-${sha256(bytes).slice(0, 16)}`, `kind-${platform}`);

async function pour(entries: [Parameters<ReturnType<typeof pack>['entry']>[0], Buffer?][]): Promise<Buffer> {
  const tar = pack();
  for (const [header, bytes] of entries) tar.entry(header, bytes ?? Buffer.alloc(0));
  tar.finalize();
  return gzipSync(await buffer(tar));
}

describe('a tool on the PATH', () => {
  test('in the wanted version is used, without a download', async () => {
    const path = installOnPath('kind', kindBytes);
    const { url, requests } = await serve(well(kindBytes));
    expect(await ask(url)).toEqual({ ok: true, value: { path, version: 'v0.32.0', source: 'path' } });
    expect(said).toEqual([`kind v0.32.0 from the PATH (${path})`]);
    expect(requests).toHaveLength(0);
  });

  test('in the wanted version needs no checksum', async () => {
    const path = installOnPath('helm', script('v3.19.0'));
    const tool = await ask(undefined, { name: 'helm', version: '3.19.0' });
    expect(tool).toEqual({ ok: true, value: { path, version: 'v3.19.0', source: 'path' } });
  });

  test.each([
    ['kind v0.31.0 go1.25.0 linux/amd64', 'v0.31.0'],
    ['kind v0.32.0-alpha+abc go1.25.0', 'v0.32.0-alpha'],
    ['', 'of an unknown version'],
  ])('that reports "%s" is not used', async (output, reported) => {
    const path = installOnPath('kind', script(output));
    const { url } = await serve(well(kindBytes));
    expect(await ask(url)).toMatchObject({ ok: true, value: { source: 'download' } });
    expect(said[0]).toBe(`${path} is ${reported}, wanted is v0.32.0`);
  });
});

describe('a tool that is downloaded', () => {
  test('runs, and is taken from the cache the next time', async () => {
    const { url, requests } = await serve(well(kindBytes));
    const first = await ask(url);
    expect(first).toMatchObject({ ok: true, value: { version: 'v0.32.0', source: 'download' } });
    const { path } = expectValue(first);
    expect((await runProgram(path, ['version'], { signal: never })).stdout).toContain('kind v0.32.0');
    expect(readFileSync(path)).toEqual(kindBytes);
    expect(requests.map((incoming) => incoming.url)).toEqual([`/kind-${platform}`]);
    const second = expectValue(await ask(url));
    expect(second).toMatchObject({ version: 'v0.32.0', source: 'cache' });
    expect(readFileSync(second.path)).toEqual(kindBytes);
    // Executed files are in the directory of the run, and never in the cache.
    for (const one of [path, second.path]) expect(one).toMatch(new RegExp(`^${folder}/run/kind-[^/]+/kind$`));
    expect(requests).toHaveLength(1);
    expect(listFiles('temp')).toEqual([]);
    expect(listEntries()).toEqual([entry(kindBytes)]);
    expect(statSync(join(folder, 'cache', listEntries()[0]!)).mode & 0o111).toBe(0);
  });

  test('shows how far it is, of a size that the server says or of none, and that it has ended', async () => {
    const seen: Transfer[] = [];
    const transferring = (transfer: Transfer) => seen.push(transfer);
    const { url } = await serve(truncated, well(kindBytes));
    expectValue(await ask(url, { transferring }));
    expect(new Set(seen.map(({ what }) => what))).toEqual(new Set(['kind v0.32.0']));
    const moving = seen.filter(({ hasEnded }) => hasEnded !== true);
    expect(moving.at(-1)).toMatchObject({ bytes: kindBytes.length, totalBytes: kindBytes.length });
    // The second attempt begins again.
    expect(moving.some(({ bytes }, at) => bytes < (moving[at - 1]?.bytes ?? 0))).toBe(true);
    expect(seen.at(-1)).toMatchObject({ hasEnded: true });

    rmSync(join(folder, 'cache'), { recursive: true });
    seen.length = 0;
    const { url: other } = await serve(status(404));
    await ask(other, { transferring });
    expect(seen).toEqual([expect.objectContaining({ hasEnded: true })]);
  });

  test('from a mirror with builds of its own never replaces the released one', async () => {
    const { url, requests } = await serve(well(kindBytes));
    expect(await ask(url)).toMatchObject({ ok: true });
    const released = await ask(url, { checksumsPath: undefined });
    expect(released).toMatchObject({ ok: false, failure: { kind: 'tools' } });
    expect(requests).toHaveLength(3);
  });

  test('is replaced in the cache when it is damaged there', async () => {
    const { url } = await serve(well(kindBytes));
    await ask(url);
    const path = join(folder, 'cache', listEntries()[0]!);
    writeFileSync(path, '');
    expect(await ask(url)).toMatchObject({ ok: true, value: { source: 'download' } });
    expect(said.join('\n')).toMatch(/kind-\S+ is not kind v0\.32\.0 and is replaced: its SHA-256 is e3b0c442/);
    expect(readFileSync(path)).toEqual(kindBytes);
  });

  test('by several at once is whole for each of them', async () => {
    const { url } = await serve(well(kindBytes));
    const tools = await Promise.all(Array.from({ length: 6 }, () => ask(url)));
    expect(tools.map((tool) => (tool.ok ? 'there' : tool.failure.reason))).toEqual(Array(6).fill('there'));
    expect(listEntries()).toEqual([entry(kindBytes)]);
    expect(listFiles('temp')).toEqual([]);
  });

  test('whose file is still open for writing elsewhere is waited for', async () => {
    const path = installOnPath('kind', kindBytes);
    const writer = openSync(path, 'r+');
    const again = ask(undefined);
    // Refused by the kernel meanwhile, each of the times that it is asked.
    await expect(runProgram(path, ['version'], { signal: never })).resolves.toMatchObject({
      error: expect.stringContaining('ETXTBSY'),
    });
    closeSync(writer);
    expect(expectValue(await again)).toMatchObject({ version: 'v0.32.0', source: 'path' });
  });

  test('under a version that it does not have is refused', async () => {
    const bytes = script('kind v0.31.0 go1.25.0 linux/amd64');
    const { url } = await serve(well(bytes));
    const tool = await ask(url, { checksumsPath: writeChecksums({ [`kind-${platform}`]: sha256(bytes) }) });
    expect(tool).toMatchObject({ failure: { reason: 'the file that was downloaded as kind v0.32.0 is v0.31.0' } });
    expect(listFiles('cache')).toEqual([]);
  });

  test('is used where no cache can be created, with a warning', async () => {
    vi.stubEnv('RUNNER_TOOL_CACHE', '/dev/null');
    const { url } = await serve(well(kindBytes));
    expect(await ask(url)).toMatchObject({ ok: true, value: { source: 'download' } });
    expect(said.join('\n')).toContain('kind v0.32.0 is not kept in /dev/null for later runs');
  });

  test('fails with one line where the run has no directory for it', async () => {
    const tool = await ask(undefined, { directory: join(folder, 'nothere') });
    expect(tool).toMatchObject({ ok: false, failure: { kind: 'tools', reason: expect.stringContaining('nothere') } });
  });
});

describe('a laptop', () => {
  test('keeps its tools in the cache folder of its user', () => {
    vi.stubEnv('RUNNER_TOOL_CACHE', undefined);
    vi.stubEnv('XDG_CACHE_HOME', '/home/ada/caches');
    expect(toolCacheFolder()).toBe('/home/ada/caches/k8s-test');
    vi.stubEnv('XDG_CACHE_HOME', undefined);
    vi.stubEnv('HOME', '/home/ada');
    expect(toolCacheFolder()).toBe('/home/ada/.cache/k8s-test');
  });
});

describe('a version that is not pinned', () => {
  test('is not downloaded without a checksum', async () => {
    const { url, requests } = await serve(well(helmBytes));
    const tool = await ask(url, { name: 'helm', version: 'v3.19.0' });
    const file = `helm-v3.19.0-${platform}.tar.gz`;
    expect(tool).toMatchObject({
      ok: false,
      failure: {
        kind: 'tools',
        reason: `there is no checksum for helm v3.19.0 (${file}), and without one it is not downloaded`,
        hint: expect.stringContaining('tools-checksums'),
      },
    });
    expect(requests).toHaveLength(0);
  });

  test('is downloaded with the checksum that the user names', async () => {
    const bytes = script('kind v0.99.1 go1.30');
    const { url } = await serve(well(bytes));
    const checksumsPath = writeChecksums({ [`kind-${platform}`]: sha256(bytes).toUpperCase() });
    expect(await ask(url, { version: '0.99.1', checksumsPath })).toMatchObject({ value: { version: 'v0.99.1' } });
  });

  test('is not downloaded when the checksum file is missing or is none', async () => {
    const { url, requests } = await serve(well(kindBytes));
    const missing = await ask(url, { checksumsPath: join(folder, 'no-such-file') });
    expect(missing).toMatchObject({ failure: { reason: expect.stringContaining('ENOENT') } });
    writeFileSync(join(folder, 'page.html'), '<html></html>');
    const page = await ask(url, { checksumsPath: join(folder, 'page.html') });
    expect(page).toMatchObject({ failure: { reason: expect.stringContaining('line 1 is not') } });
    expect(requests).toHaveLength(0);
  });
});

describe('a download that goes wrong', () => {
  test.each<[string, Answer, RegExp]>([
    ['is cut', truncated, /attempt 1 of 3 failed \(.+\); again in 0 s$/],
    ['is cut unnoticed', truncatedWithoutLength, /wrong checksum: expected .+, the 150000 bytes received have SHA-256/],
    ['answers 503', status(503), /attempt 1 of 3 failed \(HTTP 503 Service Unavailable\)/],
    ['answers 429', status(429), /HTTP 429 Too Many Requests/],
    ['is damaged', well(Buffer.alloc(kindBytes.length)), /wrong checksum/],
    ['hangs up', (incoming) => incoming.socket.destroy(), /attempt 1 of 3 failed/],
  ])('once, because it %s, is tried again and said', async (_, answer, line) => {
    const { url, requests } = await serve(answer, well(kindBytes));
    expect(await ask(url)).toMatchObject({ ok: true, value: { source: 'download' } });
    expect(requests).toHaveLength(2);
    expect(said[1]).toMatch(line);
  });

  test.each<[string, Answer, number, RegExp]>([
    ['is cut', truncated, 3, /^kind v0\.32\.0 cannot be downloaded from|: /],
    ['answers 500', status(500), 3, /: HTTP 500 Internal Server Error$/],
    ['answers 404', status(404), 1, /: HTTP 404 Not Found$/],
    ['answers 401', status(401), 1, /: HTTP 401 Unauthorized$/],
    ['answers 204', status(204), 1, /: HTTP 204 No Content$/],
    [
      'leads round in circles',
      (incoming, response) => status(302, { location: `${incoming.url}x` })(incoming, response),
      1,
      /: HTTP 302 Found$/,
    ],
    [
      'leads back to itself',
      (incoming, response) => status(302, { location: incoming.url })(incoming, response),
      3,
      /edirect/,
    ],
  ])('always, because it %s, fails', async (_, answer, attempts, reason) => {
    const { url, requests } = await serve(answer);
    const tool = await ask(url);
    expect(tool).toMatchObject({ ok: false, failure: { kind: 'tools', reason: expect.stringMatching(reason) } });
    expect(tool).not.toMatchObject({ failure: { hint: '' } });
    expect(said.filter((line) => line.includes('again in'))).toHaveLength(attempts - 1);
    expect(requests.length).toBeGreaterThanOrEqual(attempts);
    expect([...listFiles('temp'), ...listFiles('cache')]).toEqual([]);
  });

  test('with a wrong checksum twice fails with both checksums, and nothing of it is kept or executed', async () => {
    const trace = join(folder, 'executed');
    const evil = Buffer.from(`#!/bin/sh\n: > ${trace}\necho kind v0.32.0\n`);
    const { url, requests } = await serve(well(evil));
    const tool = await ask(url);
    expect(requests).toHaveLength(2);
    const reason = new RegExp(`expected ${sha256(kindBytes)}, .* have SHA-256 ${sha256(evil)}$`);
    expect(tool).toMatchObject({ ok: false, failure: { kind: 'tools', reason: expect.stringMatching(reason) } });
    expect(existsSync(trace)).toBe(false);
    expect([...listFiles('temp'), ...listFiles('cache')]).toEqual([]);
  });

  test.each<[string, Answer]>([
    ['before the first byte', hangingAtOnce],
    ['in the middle', hangingInTheMiddle],
  ])('because it hangs %s ends by the idle deadline and is tried again', async (_, answer) => {
    const { url } = await serve(answer, well(kindBytes));
    const limits = { idleSeconds: 0.5, totalSeconds: 20, retrySeconds: 0.01 };
    expect(await ask(url, { limits })).toMatchObject({ ok: true });
    expect(said[1]).toContain('attempt 1 of 3 failed (no data for 0.5 s)');
  });

  test('not, but is slow, may take longer than the idle deadline', async () => {
    const { url, requests } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': kindBytes.length });
      let sent = 0;
      const timer = setInterval(() => {
        response.write(kindBytes.subarray(sent, sent + 50_000));
        sent += 50_000;
        if (sent >= kindBytes.length) clearInterval(timer);
      }, 500);
    });
    const limits = { idleSeconds: 3, totalSeconds: 60, retrySeconds: 0.01 };
    expect(await ask(url, { limits })).toMatchObject({ ok: true });
    expect(requests).toHaveLength(1);
  });

  test('because it trickles ends by the total deadline', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': kindBytes.length });
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const limits = { idleSeconds: 5, totalSeconds: 0.3, retrySeconds: 0.01 };
    const tool = await ask(url, { limits });
    expect(tool).toMatchObject({ failure: { reason: expect.stringMatching(/: not finished within 0\.3 s$/) } });
    expect(said.filter((line) => line.includes('again in'))).toHaveLength(2);
  });

  test('because nothing listens reports that', async () => {
    const server = createServer();
    const port = await listen(server);
    server.close();
    const tool = await ask(`http://127.0.0.1:${port}`);
    expect(tool).toMatchObject({ failure: { reason: expect.stringContaining(`ECONNREFUSED 127.0.0.1:${port}`) } });
  });

  test.each<[string, Answer]>([
    ['before the first byte', hangingAtOnce],
    ['in the middle', hangingInTheMiddle],
    ['between two attempts', status(503)],
  ])('is left at once by an abort %s, and nothing of it stays', async (_, answer) => {
    const abort = new AbortController();
    const { url, requests } = await serve((incoming, response) => {
      answer(incoming, response);
      setTimeout(() => abort.abort(), 100);
    });
    const startedAt = performance.now();
    const tool = await ask(url, {
      signal: abort.signal,
      limits: { idleSeconds: 20, totalSeconds: 20, retrySeconds: 20 },
    });
    expect(tool).toMatchObject({ ok: false, failure: { kind: 'tools', reason: expect.stringContaining('abort') } });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(requests).toHaveLength(1);
    expect([...listFiles('temp'), ...listFiles('cache')]).toEqual([]);
    expect(readdirSync(join(folder, 'temp'))).toEqual([]);
  });
});

describe('the way to a download', () => {
  test('leads over redirects, and credentials stay with the host that they are for', async () => {
    const storage = await serve(well(kindBytes));
    const front = await serve(status(302, { location: `${storage.url}/somewhere?sig=1` }));
    const mirror = front.url.replace('http://', 'http://ada:s%23cret@');
    expect(await ask(`${mirror}/tools?token=hush`)).toMatchObject({ ok: true });
    const [asked] = front.requests;
    expect(asked!.url).toBe(`/tools/kind-${platform}?token=hush`);
    expect(asked!.headers.authorization).toBe(`Basic ${Buffer.from('ada:s#cret').toString('base64')}`);
    expect(storage.requests.map((incoming) => incoming.url)).toEqual(['/somewhere?sig=1']);
    expect(storage.requests[0]!.headers.authorization).toBeUndefined();
  });

  test('prints no credentials when it fails', async () => {
    const { url } = await serve(status(503));
    const tool = await ask(`${url.replace('http://', 'http://ada:s3cret@')}/?token=hush`);
    expect(tool.ok).toBe(false);
    expect(JSON.stringify([tool, said])).not.toMatch(/ada|s3cret|hush/);
  });

  test('leads through HTTP_PROXY, but not for what NO_PROXY lists', async () => {
    const origin = await serve(well(kindBytes));
    const proxied: string[] = [];
    const proxy = createServer((incoming, response) => {
      proxied.push(incoming.url!);
      request(incoming.url!, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      }).end();
    });
    vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${await listen(proxy)}`);
    expect(await ask(origin.url)).toMatchObject({ ok: true });
    expect(proxied).toEqual([`${origin.url}/kind-${platform}`]);
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    rmSync(join(folder, 'cache'), { recursive: true });
    mkdirSync(join(folder, 'cache'));
    expect(await ask(origin.url)).toMatchObject({ ok: true, value: { source: 'download' } });
    expect(proxied).toHaveLength(1);
    expect(origin.requests).toHaveLength(2);
  });

  test('ends by the idle deadline when the proxy hangs', async () => {
    vi.stubEnv(
      'HTTPS_PROXY',
      `http://127.0.0.1:${await listen(createServer(hangingAtOnce).on('connect', () => undefined))}`,
    );
    const limits = { idleSeconds: 0.1, totalSeconds: 10, retrySeconds: 0.01 };
    const tool = await ask('https://mirror.test', { limits });
    expect(tool).toMatchObject({ failure: { reason: expect.stringMatching(/: no data for 0\.1 s$/) } });
  });

  test('does not start with an invalid proxy address, whose text is not printed', async () => {
    vi.stubEnv('HTTPS_PROXY', 'ada:s3cret at proxy');
    const tool = await ask('https://mirror.test');
    expect(tool).toMatchObject({
      failure: { reason: expect.stringContaining('HTTPS_PROXY is not an http(s) address') },
    });
    expect(JSON.stringify(tool)).not.toContain('s3cret');
  });

  test('leads to https through the tunnel of HTTPS_PROXY, with the certificates that Node trusts', {
    timeout: 60_000,
  }, async () => {
    // Node reads NODE_EXTRA_CA_CERTS at its start, so this one needs a Node of its own.
    vi.unstubAllEnvs();
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
    execFileSync('openssl', ['req', '-x509', ...newKey, '-out', cert, '-days', '1', ...subject], { stdio: 'ignore' });
    const origin = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, well(kindBytes));
    const port = await listen(origin as unknown as Server);
    const tunnels: string[] = [];
    const proxy = createServer().on('connect', (incoming, client) => {
      tunnels.push(incoming.url!);
      const [host, targetPort] = incoming.url!.split(':');
      const target = connect(Number(targetPort), host, () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        target.pipe(client).pipe(target);
      });
      client.on('error', () => target.destroy());
      target.on('error', () => client.destroy());
    });
    const proxyPort = await listen(proxy);
    const options = {
      name: 'kind',
      mirror: `https://127.0.0.1:${port}`,
      directory: join(folder, 'run'),
      checksumsPath: writeChecksums({ [`kind-${platform}`]: sha256(kindBytes) }),
      limits: { retrySeconds: 0.01 },
    };
    const run = (certificates: string | undefined) =>
      runProgram(
        process.execPath,
        [
          '--input-type=module',
          '--eval',
          `import { provideTool } from ${JSON.stringify(pathToFileURL('src/tools/install-tool.ts').href)};
          const signal = new AbortController().signal;
          const tool = await provideTool({ ...${JSON.stringify(options)}, version: undefined, signal, say: () => {} });
          console.log(JSON.stringify(tool));`,
        ],
        {
          signal: never,
          timeoutSeconds: 60,
          env: {
            PATH: join(folder, 'bin'),
            RUNNER_TEMP: join(folder, 'temp'),
            RUNNER_TOOL_CACHE: join(folder, 'cache'),
            HTTPS_PROXY: `http://127.0.0.1:${proxyPort}`,
            https_proxy: undefined,
            NO_PROXY: undefined,
            no_proxy: undefined,
            NODE_EXTRA_CA_CERTS: certificates,
          },
        },
      );
    const untrusted = await run(undefined);
    expect(JSON.parse(untrusted.stdout)).toMatchObject({
      ok: false,
      failure: { reason: expect.stringMatching(/certificate/) },
    });
    const trusted = await run(cert);
    expect(JSON.parse(trusted.stdout)).toMatchObject({ ok: true, value: { source: 'download' } });
    expect(new Set(tunnels)).toEqual(new Set([`127.0.0.1:${port}`]));
  });
});

describe('the archive of helm', () => {
  const file = toolFileName('helm', pinnedTools.helm.version, platform);

  async function askForHelm(archive: Buffer, headers = {}) {
    const { url } = await serve(well(archive, headers));
    return ask(url, { name: 'helm', checksumsPath: writeChecksums({ [file]: sha256(archive) }) });
  }

  test('gives the program, and nothing else of what it holds', async () => {
    const archive = await pour([
      [{ name: `${platform}/README.md` }, Buffer.from('read me')],
      [{ name: '../../../../../../escaped' }, Buffer.from('out')],
      [{ name: 'link', type: 'symlink', linkname: '/etc' }],
      [{ name: `${platform}/helm`, mode: 0o644 }, helmBytes],
    ]);
    // Some servers announce an archive so; who believes them ends with a tar that is not what was released.
    const tool = await askForHelm(archive, { 'content-encoding': 'gzip' });
    expect(tool).toMatchObject({ ok: true, value: { version: 'v4.1.4', source: 'download' } });
    expect(listFiles('run')).toEqual(['helm']);
    expect(listFiles('cache').filter((name) => !name.endsWith('.complete'))).toEqual([file]);
    expect(listFiles('.').filter((name) => name === 'escaped' || name === 'README.md')).toEqual([]);
    expect(readFileSync(expectValue(tool).path)).toEqual(helmBytes);
  });

  test.each<[string, () => Promise<Buffer>, string]>([
    ['without the program', () => pour([[{ name: 'helm' }, helmBytes]]), `the archive holds no ${platform}/helm`],
    [
      'with a link in its place',
      () => pour([[{ name: `${platform}/helm`, type: 'symlink', linkname: '/bin/sh' }]]),
      `the archive holds no ${platform}/helm`,
    ],
    ['that is none', async () => Buffer.from('<html></html>'), 'incorrect header check'],
    [
      'that is cut',
      async () => (await pour([[{ name: `${platform}/helm` }, helmBytes]])).subarray(0, 300),
      'end of file',
    ],
  ])('%s is refused', async (_, archive, reason) => {
    const tool = await askForHelm(await archive());
    expect(tool).toMatchObject({ ok: false, failure: { kind: 'tools', reason: expect.stringContaining(reason) } });
    expect([...listFiles('temp'), ...listFiles('cache')]).toEqual([]);
  });
});
