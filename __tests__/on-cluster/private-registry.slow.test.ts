import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { writeHosts } from '../../src/cluster/registry-mirrors.ts';
import { FaultProxy } from '../support/registry/fault-proxy.ts';
import { Registry, reader } from '../support/registry/registry.ts';
import { nodeImageFlags, startCommand } from './command-line.ts';
import { hostsDirectory, testImage } from './global-setup.ts';
import { pytestScript, runOnSharedCluster } from './run-on-shared-cluster.ts';

const baseImage = 'debian:bookworm-slim';
const greenScript = `echo '<testsuite tests="1"><testcase name="one"/></testsuite>' > /results/junit.xml`;
const auth = Buffer.from(`${reader.username}:${reader.password}`).toString('base64');

let registry: Registry;
let proxy: FaultProxy;
let directory: string;
const configBefore = process.env.DOCKER_CONFIG;

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'private-registry-'));
  registry = await Registry.start({ isPrivate: true });
  proxy = await FaultProxy.start(registry.address);
  registry.push(baseImage, 'floe/private:1');
  await writeHosts(hostsDirectory(inject('cluster')), [
    { registry: proxy.address, address: `http://${proxy.address}` },
  ]);
});
afterAll(async () => {
  await proxy?.stop();
  registry?.stop();
  rmSync(directory, { recursive: true });
});
afterEach(() => {
  if (configBefore === undefined) delete process.env.DOCKER_CONFIG;
  else process.env.DOCKER_CONFIG = configBefore;
});

/** The file that `docker login` writes. */
function writeDockerConfig(auths: Record<string, { auth: string }>): string {
  const config = mkdtempSync(path.join(directory, 'docker-'));
  writeFileSync(path.join(config, 'config.json'), JSON.stringify({ auths }));
  return config;
}

/** Files under a directory that hold the password, however it is spelt. */
function findPassword(where: string): string {
  const spellings = [reader.password, auth, Buffer.from(reader.password).toString('base64').replace(/=+$/, '')];
  const patterns = spellings.flatMap((spelling) => ['-e', spelling]);
  try {
    return execFileSync('grep', ['-rlaF', ...patterns, where], { encoding: 'utf8' });
  } catch {
    // grep found nothing, and shows that by its exit status.
    return '';
  }
}

describe('a private registry', () => {
  test('is read with the credentials of docker login, which are never shown', async () => {
    process.env.DOCKER_CONFIG = writeDockerConfig({ [proxy.address]: { auth }, 'other.example': { auth: 'eDp5' } });
    const run = await runOnSharedCluster({ script: greenScript, given: { image: `${proxy.address}/floe/private:1` } });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', failure: null, warnings: [] });
    expect(run.printed).toContain(`pods pull with the docker config's credentials for ${proxy.address}`);
    expect(run.masked).toEqual([reader.password, auth]);
    expect(run.printed.join('\n')).not.toContain(reader.password);
    expect(findPassword(path.dirname(run.dir.root))).toBe('');
  });

  test('without them ends the run with both readings of its refusal', async () => {
    process.env.DOCKER_CONFIG = writeDockerConfig({});
    const run = await runOnSharedCluster({ script: greenScript, given: { image: `${proxy.address}/floe/absent:1` } });
    expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'image' } });
    expect(run.onDisk.failure?.reason).toMatch(/it does not exist, or these credentials may not read it.*401/);
    expect(run.onDisk.failure?.hint).toContain(`docker login ${proxy.address}`);
  });
});

test('an air-gapped run: the test image is built here, the chart comes from an archive and a mirror that requires a password', async () => {
  const images = () =>
    execFileSync('docker', ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}'], { encoding: 'utf8' });
  const chart = path.join(directory, 'chart');
  mkdirSync(path.join(chart, 'templates'), { recursive: true });
  writeFileSync(path.join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: platform\nversion: 1.0.0\n');
  writeFileSync(path.join(chart, 'templates', 'pulled.yaml'), renderDeployment('pulled', 'floe/private:1'));
  writeFileSync(path.join(chart, 'templates', 'archived.yaml'), renderDeployment('archived', 'k8s-test-archived:1'));
  const archive = path.join(directory, 'images.tar');
  execFileSync('docker', ['tag', baseImage, 'k8s-test-archived:1']);
  execFileSync('docker', ['save', '--output', archive, 'k8s-test-archived:1']);
  execFileSync('docker', ['image', 'rm', '--no-prune', 'k8s-test-archived:1'], { stdio: 'ignore' });
  const context = path.join(directory, 'context');
  mkdirSync(context);
  writeFileSync(path.join(context, 'Dockerfile'), `FROM ${testImage}\nENV BUILT=here\n`);
  const script = pytestScript('import os\ndef test_built(): assert os.environ["BUILT"] == "here"\n');
  const flags = ['--chart', chart, '--build', context, '--image-archives', archive];
  const mirrors = ['--registry-mirrors', `docker.io=http://${proxy.address}`];
  const env = { DOCKER_CONFIG: writeDockerConfig({ [proxy.address]: { auth } }) };
  const command = ['--command', JSON.stringify(['sh', '-c', script])];
  const end = await startCommand(['run', ...nodeImageFlags, ...flags, ...mirrors, ...command], { env }).ended;
  expect(end.status, end.output).toBe(0);
  expect(end.verdict).toMatchObject({ outcome: 'passed', tests: { passed: 1 } });
  expect(end.verdict?.image?.name).toMatch(/^k8s-test-build:[0-9a-f]{8}$/);
  expect(end.output).toContain("pods pull with the docker config's credentials for docker.io");
  expect(end.output).not.toContain(reader.password);
  expect(end.output).not.toContain(auth);
  expect(findPassword(end.resultsDir)).toBe('');
  expect(images()).not.toContain(end.verdict!.image!.name);
});

/** A part of a platform: one pod. */
function renderDeployment(name: string, image: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers: [{name: web, image: "${image}", command: [sh, -c, "trap exit TERM; sleep infinity & wait"]}]
`;
}
