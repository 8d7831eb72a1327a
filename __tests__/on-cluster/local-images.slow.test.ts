import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { loadImages, waitForContainerd } from '../../src/cluster/load-images.ts';
import type { Transfer } from '../../src/core/reporter.ts';
import { tearDown } from '../../src/pipeline/teardown.ts';
import { newRunId, RunRecord } from '../../src/state/run-record.ts';
import { Registry } from '../support/registry/registry.ts';
import { testImage } from './global-setup.ts';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';

const greenScript = `echo '<testsuite tests="1"><testcase name="one"/></testsuite>' > /results/junit.xml`;
const builtImage = 'k8s-test-local-images:1';
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'local-images-'));
});
afterAll(() => {
  execFileSync('docker', ['image', 'rm', '--force', builtImage], { stdio: 'ignore' });
  rmSync(directory, { recursive: true });
});

describe('a test image that is built first', () => {
  test('is what the tests run in, under the name that image gives it', async () => {
    const dockerfile = path.join(directory, 'good.Dockerfile');
    writeFileSync(dockerfile, `FROM ${testImage}\nENV BUILT=here\n`);
    const run = await runOnSharedCluster({
      script: `test "$BUILT" = here && ${greenScript}`,
      given: { build: directory, dockerfile, image: builtImage },
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', image: { name: builtImage } });
    expect(run.printed.join('\n')).toMatch(/ENV BUILT=here/);
  });

  test('is loaded into a kept cluster only when it has changed; one that was built again leaves nothing of the former', async () => {
    const kept = RunRecord.begin(path.join(directory, 'records'), newRunId());
    const image = `k8s-test-build:${kept.content.runId}`;
    // Only for this test: a classic builder gives the image of another one of the same files the same ID.
    const own = kept.content.runId;
    const dockerfile = path.join(directory, 'kept.Dockerfile');
    const run = (value: string) => {
      writeFileSync(dockerfile, `FROM ${testImage}\nENV BUILT=${value}-${own}\n`);
      const script = `test "$BUILT" = ${value}-${own} && ${greenScript}`;
      return runOnSharedCluster({ script, kept, given: { build: directory, dockerfile, image: undefined } });
    };
    const idOf = (name: string) =>
      spawnSync('docker', ['image', 'inspect', '--format', '{{.Id}}', name], { encoding: 'utf8' }).stdout.trim();
    const first = await run('once');
    expect(first.onDisk, first.printed.join('\n')).toMatchObject({ outcome: 'passed', image: { name: image } });
    expect(first.printed).toContain(`loaded: ${image}`);
    const id = idOf(image);
    const again = await run('once');
    expect(again.onDisk, again.printed.join('\n')).toMatchObject({ outcome: 'passed', image: { name: image } });
    expect(again.printed).toContain('no image has changed');
    expect(idOf(image)).toBe(id);
    const edited = await run('twice');
    expect(edited.onDisk, edited.printed.join('\n')).toMatchObject({ outcome: 'passed' });
    expect(edited.printed).toContain(`loaded: ${image}`);
    expect(idOf(id)).toBe('');
    expect(await tearDown(kept, AbortSignal.timeout(60_000), () => {})).toEqual([]);
    expect(idOf(image)).toBe('');
  });

  test('and does not build is broken with kind image and the last words of the builder', async () => {
    const dockerfile = path.join(directory, 'bad.Dockerfile');
    const word = `nearly-there-${randomBytes(4).toString('hex')}`;
    writeFileSync(dockerfile, `FROM ${testImage}\nRUN echo ${word} && exit 3\n`);
    // Nothing is made in the cluster when the image is not there.
    const run = await runOnSharedCluster({ script: greenScript, given: { build: directory, dockerfile } });
    expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'image' } });
    expect(run.onDisk.failure?.reason).toMatch(/^docker build of .* failed: .*(returned a non-zero code|exit code): 3/);
    expect(run.onDisk.failure?.evidence.join('\n')).toContain(word);
    expect(run.onDisk.failure?.hint).toContain(`--file ${dockerfile}`);
    const containers = execFileSync('docker', ['ps', '--all', '--no-trunc', '--format', '{{.Command}}'], {
      encoding: 'utf8',
    });
    expect(containers).not.toContain(word);
  });
});

test('an image that is named by its digest is loaded under that very name', async () => {
  const registry = await Registry.start();
  try {
    registry.push('debian:bookworm-slim', 'by-digest:1');
    const { digest } = await registry.manifest('by-digest', '1');
    const image = `${registry.address}/by-digest@${digest}`;
    execFileSync('docker', ['pull', '--quiet', image], { stdio: 'ignore' });
    try {
      // The nodes cannot reach a registry on this machine's loopback: what runs there was loaded.
      const run = await runOnSharedCluster({ script: greenScript, given: { image } });
      expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', image: { name: image } });
    } finally {
      execFileSync('docker', ['image', 'rm', '--no-prune', image], { stdio: 'ignore' });
    }
  } finally {
    registry.stop();
  }
});

test('an image that a node has already is not loaded again', async () => {
  const { nodes } = inject('cluster');
  const signal = AbortSignal.timeout(60_000);
  expect(await loadImages([testImage], nodes, { signal })).toEqual({ ok: true, value: [] });
  expect(await loadImages([testImage], nodes, { signal })).toEqual({ ok: true, value: [] });
});

test('an image on its way into a node is seen moving, with about the size that it has', async () => {
  const { nodes } = inject('cluster');
  const signal = AbortSignal.timeout(120_000);
  const image = `k8s-test-moving:${randomBytes(4).toString('hex')}`;
  const bytes = 60_000_000;
  writeFileSync(path.join(directory, 'layer'), randomBytes(bytes));
  const packed = path.join(directory, 'layer.tar');
  execFileSync('tar', ['-cf', packed, '-C', directory, 'layer']);
  execFileSync('docker', ['import', packed, image], { stdio: 'ignore' });
  try {
    const seen: Transfer[] = [];
    const transferring = (transfer: Transfer) => seen.push(transfer);
    expect(await loadImages([image], nodes.slice(0, 1), { signal, transferring })).toEqual({
      ok: true,
      value: [image],
    });
    expect(seen.at(-1)).toEqual({ what: 'images', bytes: 0, hasEnded: true });
    const most = seen.at(-2);
    expect(most).toMatchObject({ what: 'images', isAbout: true });
    // The estimate is of the layer; tar adds little.
    expect(most?.totalBytes).toBeGreaterThan(bytes * 0.98);
    expect(most?.totalBytes).toBeLessThan(bytes * 1.05);
    expect(most?.bytes).toBeLessThan(bytes * 1.05);
  } finally {
    execFileSync('docker', ['image', 'rm', image], { stdio: 'ignore' });
    for (const node of nodes.slice(0, 1))
      execFileSync('docker', ['exec', node, 'ctr', '--namespace=k8s.io', 'images', 'rm', `docker.io/library/${image}`]);
  }
});

test('nodes that never come end the loading of images, and not the limit of the whole job', async () => {
  const options = { signal: AbortSignal.timeout(60_000), waitingFor: () => {}, deadlineSeconds: 1 };
  expect(await waitForContainerd('no-such-cluster', 2, options)).toMatchObject({
    ok: false,
    failure: { kind: 'cluster', reason: 'containerd answers in 0 of 2 nodes after 1 s' },
  });
});
