/**
 * Measures what a cache saves, each way beside the others in every round, on this machine with loopback as its network:
 *
 *     node bench/caching.ts tools    kind and helm from the PATH, the tool cache, and a download
 *     node bench/caching.ts image    a node image by a pull from a registry, and out of a saved archive
 *
 * Prints tables in Markdown. `image` needs docker, registry and zstd on the PATH and 8 GB of disk; the node image is that of
 * FLOE_LAB_NODE_IMAGE, or the one that is named behind `image`.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Registry } from '../__tests__/support/registry/registry.ts';
import { provideTool } from '../src/tools/install-tool.ts';
import { pinnedTools, toolFileName } from '../src/tools/versions.ts';

const rounds = 3;
const platform = 'linux-amd64';

const [what = '', named = process.env.FLOE_LAB_NODE_IMAGE] = process.argv.slice(2);
const directory = mkdtempSync(path.join(tmpdir(), 'bench-caching-'));
const at = (...names: string[]) => path.join(directory, ...names);
try {
  if (what === 'tools') await measureTools();
  else if (what === 'image' && named !== undefined) await measureImage(named);
  else throw new Error('what is to be measured: tools, or image and the name of one?');
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** The programs of the PATH, served as releases are; their checksums are given, since they need not be the released ones. */
async function measureTools(): Promise<void> {
  const find = (name: string) =>
    execFileSync('readlink', ['-f', execFileSync('which', [name], { encoding: 'utf8' }).trim()], {
      encoding: 'utf8',
    }).trim();
  const programs = { kind: find('kind'), helm: find('helm') };
  mkdirSync(at('served', platform), { recursive: true });
  const files = {
    kind: at('served', toolFileName('kind', pinnedTools.kind.version, platform)),
    helm: at('served', toolFileName('helm', pinnedTools.helm.version, platform)),
  };
  execFileSync('cp', [programs.kind, files.kind]);
  execFileSync('cp', [programs.helm, at('served', platform, 'helm')]);
  execFileSync('tar', ['--create', '--gzip', '--file', files.helm, '--directory', at('served'), `${platform}/helm`]);
  const sums = Object.values(files).map(
    (file) => `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${path.basename(file)}`,
  );
  writeFileSync(at('sums'), `${sums.join('\n')}\n`);
  const server = createServer((request, response) => {
    createReadStream(at('served', path.basename(request.url ?? ''))).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const withTools = process.env.PATH;
  const rows: string[] = [];
  for (const name of ['kind', 'helm'] as const) {
    const seconds: Record<'path' | 'cache' | 'download', number[]> = { path: [], cache: [], download: [] };
    for (let round = 0; round < rounds; round++) {
      process.env.RUNNER_TOOL_CACHE = at(`cache-${name}-${round}`);
      for (const from of ['download', 'cache', 'path'] as const) {
        process.env.PATH = from === 'path' ? withTools : '/usr/bin:/bin';
        const start = performance.now();
        const signal = AbortSignal.timeout(120_000);
        const provided = await provideTool({
          name,
          version: undefined,
          mirror,
          checksumsPath: at('sums'),
          directory,
          signal,
          say: () => {},
        });
        seconds[from].push((performance.now() - start) / 1000);
        if (!provided.ok || provided.value.source !== from)
          throw new Error(`${name} not from the ${from}: ${JSON.stringify(provided)}`);
      }
    }
    const [fromPath, cached, loaded] = [seconds.path, seconds.cache, seconds.download].map(median);
    rows.push(
      `| ${name} ${pinnedTools[name].version} | ${megabytes(statSync(files[name]).size)} | ${show(loaded!)} | ${show(cached!)} | ${show(fromPath!)} | ${(loaded! / cached!).toFixed(1)} |`,
    );
  }
  process.env.PATH = withTools;
  server.close();
  console.log(
    '| | download | downloaded over loopback | from the tool cache | from the PATH | ratio of the first two |',
  );
  console.log('|---|--:|--:|--:|--:|--:|');
  console.log(rows.join('\n'));
}

/** A copy of the image of one layer, which shares none with what runs on this machine: it can be removed, and really pulled. */
async function measureImage(source: string): Promise<void> {
  const copy = `floe-bench-caching:${process.pid}`;
  const container = execFileSync('docker', ['create', source, 'true'], { encoding: 'utf8' }).trim();
  const registry = await Registry.start();
  const remote = `${registry.address}/node:bench`;
  const names = [copy, remote];
  const docker = (...args: string[]) =>
    execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const shell = (script: string) =>
    execFileSync('bash', ['-o', 'pipefail', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  const remove = () => {
    for (const name of names.splice(0)) docker('image', 'rm', '--force', name);
  };
  try {
    shell(`docker export ${container} | docker import - ${copy}`);
    docker('rm', container);
    names.splice(0, 2, copy);
    registry.push(copy, 'node:bench');
    const save = time(() => docker('save', '--output', at('node.tar'), copy));
    // As actions/cache packs and unpacks.
    const pack = time(() => shell(`zstd --quiet -T0 --long=30 ${at('node.tar')} -o ${at('node.tar.zst')}`));
    const ways: Record<string, { seconds: number[]; name: string; bring: () => unknown }> = {
      'pull from a registry on loopback': { seconds: [], name: remote, bring: () => docker('pull', '--quiet', remote) },
      'docker load of the archive': {
        seconds: [],
        name: copy,
        bring: () => docker('load', '--quiet', '--input', at('node.tar')),
      },
      'unpack from actions/cache’s zstd, then load': {
        seconds: [],
        name: copy,
        bring: () => {
          shell(`zstd --quiet --decompress --force --long=30 ${at('node.tar.zst')} -o ${at('restored.tar')}`);
          docker('load', '--quiet', '--input', at('restored.tar'));
        },
      },
    };
    for (let round = 0; round < rounds; round++)
      for (const way of Object.values(ways)) {
        remove();
        names.push(way.name);
        way.seconds.push(time(way.bring));
      }
    const sizes = ['node.tar', 'node.tar.zst'].map((file) => megabytes(statSync(at(file)).size));
    const { body } = await registry.manifest('node', 'bench');
    const layers = (JSON.parse(body) as { layers: { size: number }[] }).layers;
    const pulled = layers.reduce((sum, { size }) => sum + size, 0);
    console.log(`${source}: archive ${sizes[0]}, packed ${sizes[1]}, pulled ${megabytes(pulled)}`);
    console.log(`docker save ${show(save)}, zstd ${show(pack)}\n`);
    const base = median(Object.values(ways)[0]!.seconds);
    console.log('| way | median | fastest | slowest | against the pull |');
    console.log('|---|--:|--:|--:|--:|');
    for (const [name, { seconds }] of Object.entries(ways))
      console.log(
        `| ${name} | ${show(median(seconds))} | ${show(Math.min(...seconds))} | ${show(Math.max(...seconds))} | ${(median(seconds) / base).toFixed(2)} |`,
      );
  } finally {
    remove();
    registry.stop();
  }
}

function time(work: () => unknown): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function show(seconds: number): string {
  return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
