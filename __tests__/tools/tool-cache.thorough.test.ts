import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { provideTool } from '../../src/tools/install-tool.ts';
import { runProgram } from '../../src/tools/run-program.ts';
import { isOfSystem } from '../../src/tools/tool-cache.ts';
import { findPlatform, pinnedTools } from '../../src/tools/versions.ts';

const platform = findPlatform(process.platform, process.arch)!;
const architecture = platform.split('-')[1]!;
const signal = new AbortController().signal;
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
/** Prints its version as kind does; its last line shows whether it is complete. */
const kind = Buffer.from(
  `#!/bin/sh\n[ "$1" = whole ] || { echo 'kind v0.32.0 go1.26.1 linux/amd64'; exit; }\n${'#'.repeat(400_000)}\necho whole\n`,
);

let folder: string;
let said: string[];
let requests: number;
let server: Server;
let checksumsPath: string;
const at = (...names: string[]) => path.join(folder, ...names);
const mirror = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'tool-cache-'));
  for (const name of ['bin', 'temp', 'cache', 'run']) mkdirSync(at(name));
  checksumsPath = at('sums');
  writeFileSync(checksumsPath, `${sha256(kind)}  kind-${platform}\n`);
  vi.stubEnv('PATH', at('bin'));
  vi.stubEnv('RUNNER_TEMP', at('temp'));
  vi.stubEnv('RUNNER_TOOL_CACHE', at('cache'));
  said = [];
  requests = 0;
  server = createServer((_, response) => {
    requests++;
    response.writeHead(200, { 'content-length': kind.length }).end(kind);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const ask = (changes: Partial<Parameters<typeof provideTool>[0]> = {}) =>
  provideTool({
    name: 'kind',
    version: undefined,
    mirror: mirror(),
    checksumsPath,
    directory: at('run'),
    signal,
    say: (line) => said.push(line),
    ...changes,
  });

/** A foreign program, which leaves a trace wherever it is executed. */
function plant(file: string, version: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n: > ${at('executed')}\necho ${version}\n`);
  chmodSync(file, 0o755);
}
const wasExecuted = () => existsSync(at('executed'));
const arch = (sum: string) => `${platform}-${sum.slice(0, 16)}`;

describe('a program that another job planted in the tool cache', () => {
  test('in the place of our kind is not executed, and a verified one takes its place', async () => {
    const entry = at('cache/k8s-test-kind/0.32.0', arch(sha256(kind)));
    plant(path.join(entry, `kind-${platform}`), 'kind v0.32.0');
    writeFileSync(`${entry}.complete`, '');
    expect(await ask()).toMatchObject({ ok: true, value: { source: 'download' } });
    expect(await ask()).toMatchObject({ ok: true, value: { source: 'cache' } });
    expect(wasExecuted()).toBe(false);
    expect(requests).toBe(1);
  });

  test('in the place of our helm is not executed, with no network either', async () => {
    const { version, sha256: sums } = pinnedTools.helm;
    const entry = at('cache/k8s-test-helm', version.slice(1), arch(sums[platform]));
    plant(path.join(entry, `helm-${version}-${platform}.tar.gz`), version);
    writeFileSync(`${entry}.complete`, '');
    const tool = await ask({ name: 'helm', checksumsPath: undefined, mayDownload: false });
    expect(tool).toMatchObject({ ok: false, failure: { kind: 'tools' } });
    expect(said.join()).toMatch(/is not helm v4\.1\.4 and is replaced: its SHA-256 is/);
    expect(wasExecuted()).toBe(false);
  });

  test('as the kind of helm/kind-action, or the helm of azure/setup-helm, is not executed without a checksum', async () => {
    plant(at('cache/kind/v0.32.0', architecture, 'kind/bin/kind'), 'kind v0.32.0');
    plant(at('cache/helm/4.1.4', process.arch, platform, 'helm'), 'v4.1.4');
    writeFileSync(`${at('cache/helm/4.1.4', process.arch)}.complete`, '');
    for (const name of ['kind', 'helm'] as const) {
      expect(await ask({ name, checksumsPath: undefined, mayDownload: false })).toMatchObject({ ok: false });
      expect(said.join('\n')).toMatch(
        new RegExp(`/${name} of \\S+ is not used: .* users other than root can write it`),
      );
    }
    expect(wasExecuted()).toBe(false);
  });

  test('behind a link or a pipe is neither followed nor waited for', async () => {
    const entry = at('cache/k8s-test-kind/0.32.0', arch(sha256(kind)));
    mkdirSync(entry, { recursive: true });
    writeFileSync(`${entry}.complete`, '');
    const file = path.join(entry, `kind-${platform}`);
    writeFileSync(at('elsewhere'), kind);
    symlinkSync(at('elsewhere'), file);
    expect(await ask({ mayDownload: false })).toMatchObject({ ok: false });
    rmSync(file);
    await runProgram('/usr/bin/mkfifo', [file], { signal });
    expect(await ask()).toMatchObject({ ok: true, value: { source: 'download' } });
  });
});

describe('what another action has in the tool cache', () => {
  test('is used without a download when it is the kind of helm/kind-action with the expected checksum', async () => {
    const file = at('cache/kind/v0.32.0', architecture, 'kind/bin/kind');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, kind, { mode: 0o755 });
    const tool = await ask();
    expect(tool).toMatchObject({ ok: true, value: { source: 'cache' } });
    expect(said.at(-1)).toBe(`kind v0.32.0 from the cache of helm/kind-action (${file})`);
    expect(requests).toBe(0);
    // It is a copy: later changes of that file do not matter.
    expect(tool.ok && tool.value.path.startsWith(at('run'))).toBe(true);
  });

  test('is trusted as the PATH is where only root can change it', async () => {
    // The rule for root itself is the other one: it can change every file.
    const expected = process.getuid?.() !== 0;
    expect(await isOfSystem('/bin/sh')).toBe(expected);
    plant(at('cache/own'), 'v1');
    expect(await isOfSystem(at('cache/own'))).toBe(false);
    expect(await isOfSystem(at('nothere'))).toBe(false);
  });
});

describe('a laptop without the variables of a runner', () => {
  test('caches in its own folder, gets no lines of a runner on its terminal, and keeps its environment', async () => {
    vi.stubEnv('RUNNER_TOOL_CACHE', undefined);
    vi.stubEnv('RUNNER_TEMP', undefined);
    vi.stubEnv('GITHUB_ACTIONS', undefined);
    vi.stubEnv('XDG_CACHE_HOME', at('cache'));
    const written: string[] = [];
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    try {
      expect(await ask()).toMatchObject({ ok: true, value: { source: 'download' } });
      expect(await ask()).toMatchObject({ ok: true, value: { source: 'cache' } });
    } finally {
      spy.mockRestore();
    }
    expect(written.join('')).not.toContain('::debug::');
    expect(readdirSync(at('cache/k8s-test/k8s-test-kind/0.32.0'))).toContain(`${arch(sha256(kind))}.complete`);
    expect([process.env.RUNNER_TOOL_CACHE, process.env.RUNNER_TEMP]).toEqual([undefined, undefined]);
  });
});

test('of forty runs that install at once none fails, none executes a part of the program, and few download', async () => {
  const start = (round: number) =>
    runProgram(process.execPath, [path.resolve('__tests__/tools/fill-cache.ts'), mirror(), checksumsPath], {
      signal,
      timeoutSeconds: 110,
      env: { RUNNER_TOOL_CACHE: at(`cache/${round}`), TMPDIR: at('temp'), RUNNER_TEMP: undefined },
    });
  for (let round = 0; round < 5; round++) {
    const before = requests;
    const runs = await Promise.all(Array.from({ length: 8 }, () => start(round)));
    for (const { stdout, stderr } of runs) {
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject({
        source: expect.stringMatching(/^(download|cache)$/),
        output: 'whole\n',
      });
    }
    expect(requests - before).toBe(1);
  }
}, 300_000);
