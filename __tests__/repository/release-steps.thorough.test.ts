import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { installGlobally } from '../package/pack.ts';
import { Registry } from '../support/registry/registry.ts';
import { readSteps, runStep } from './workflow-steps.ts';

const root = path.resolve(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
const publish = readSteps('release.yml', 'publish');
let directory: string;
let checkout: string;
let env: Record<string, string>;

/** A checkout of a tag, with what of it the steps read. */
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'release-steps-'));
  checkout = path.join(directory, 'checkout');
  mkdirSync(checkout);
  const names = [
    'package.json',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'action.yml',
    'dist',
    'charts',
    'image-helper',
  ];
  for (const name of names) cpSync(path.join(root, name), path.join(checkout, name), { recursive: true });
  const git = (...args: string[]) => execFileSync('git', args, { cwd: checkout });
  git('init', '--quiet');
  git('add', '--all');
  git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--quiet', '--message', 'x');
  env = {
    GITHUB_REF_NAME: `v${version}`,
    GITHUB_REPOSITORY_OWNER: 'Floe',
    RUNNER_TEMP: directory,
    HELM_REGISTRY_CONFIG: path.join(directory, 'helm.json'),
    npm_config_cache: path.join(directory, 'npm'),
    npm_config_userconfig: path.join(directory, 'npmrc'),
  };
  const packed = await run(publish['Pack what the tag holds']);
  if (packed.status !== 0) throw new Error(`packing the release failed: ${packed.printed}`);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const run = (step: string | undefined, more: Record<string, string> = {}) =>
  runStep(step, checkout, { ...env, ...more });
const released = (...names: string[]) => path.join(checkout, 'release', ...names);

test('a release has the checkout, the command line, their checksums, and the section of the changelog', () => {
  const source = `k8s-test-action-v${version}.tar.gz`;
  const tarball = `k8s-test-${version}.tgz`;
  expect(readdirSync(released()).sort()).toEqual(['SHA256SUMS', source, tarball].sort());
  execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: released() });
  const listed = execFileSync('tar', ['--list', '--file', released(source)], { encoding: 'utf8' });
  expect(listed).toContain(`k8s-test-action-v${version}/dist/action.js\n`);
  const notes = readFileSync(path.join(directory, 'notes.md'), 'utf8').trim();
  expect(readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8')).toContain(`## ${version}\n\n${notes}`);
  expect(notes).not.toMatch(/^## /m);
  const program = installGlobally(released(tarball), path.join(directory, 'prefix'));
  expect(execFileSync(program, ['--version'], { encoding: 'utf8' })).toBe(`${version}\n`);
});

test('npm gets the very file of the release', async () => {
  const got: { url: string; body: unknown }[] = [];
  const server = createServer(async (request, response) => {
    const isThere = request.method === 'PUT';
    if (isThere) got.push({ url: request.url ?? '', body: await json(request) });
    response.writeHead(isThere ? 201 : 404, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}/`;
  // Who publishes is proven to npm by GitHub, and so is the provenance.
  const step = publish['Publish the command line to npm']?.replace('--provenance', '--provenance=false');
  const ended = await run(step, {
    npm_config_registry: `http://${address}`,
    [`npm_config_//${address}:_authToken`]: 'x',
  });
  expect(ended.status, ended.printed).toBe(0);
  const tarball = readFileSync(released(`k8s-test-${version}.tgz`));
  expect(got).toHaveLength(1);
  expect(got[0]).toMatchObject({
    url: '/k8s-test',
    body: {
      access: 'public',
      'dist-tags': { latest: version },
      versions: {
        [version]: { dist: { integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}` } },
      },
      _attachments: { [`k8s-test-${version}.tgz`]: { data: tarball.toString('base64') } },
    },
  });
});

test('the chart is pushed under its version, once', async () => {
  const registry = await Registry.start();
  onTestFinished(() => registry.stop());
  // A registry on loopback has no certificate.
  const step = `helm() { if [[ $* == *oci://* ]]; then command helm "$@" --plain-http; else command helm "$@"; fi; }
${readSteps('release.yml', 'chart')['Push the chart, if its version is new']?.replace('ghcr.io', registry.address)}`;
  const first = await run(step);
  expect(first.status, first.printed).toBe(0);
  expect(first.outputs.name).toBe(`${registry.address}/floe/charts/floe-platform`);
  const chart = readFileSync(path.join(root, 'charts/floe-platform/Chart.yaml'), 'utf8');
  const chartVersion = /^version: (\S+)$/m.exec(chart)?.[1] ?? '';
  const { digest } = await registry.manifest('floe/charts/floe-platform', chartVersion);
  expect(first.outputs.digest).toBe(digest);
  const pulled = path.join(directory, 'pulled');
  const address = `oci://${registry.address}/floe/charts/floe-platform`;
  execFileSync('helm', ['pull', address, '--version', chartVersion, '--plain-http', '--untar', '--untardir', pulled], {
    stdio: 'pipe',
  });
  for (const name of ['values.yaml', 'values.schema.json', 'profiles/minimal.yaml'])
    expect(readFileSync(path.join(pulled, 'floe-platform', name), 'utf8')).toBe(
      readFileSync(path.join(root, 'charts/floe-platform', name), 'utf8'),
    );
  const second = await run(step);
  expect(second).toMatchObject({ status: 0, outputs: {} });
  expect(second.printed).toContain(`floe-platform ${chartVersion} is there already`);
});
