import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, inject, test } from 'vitest';
import { loadImages } from '../../src/cluster/load-images.ts';
import { testImage } from './global-setup.ts';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';

test('an image that was built again under its name is what the next pod runs, though only one layer of it was sent', async () => {
  const image = `k8s-test-changed:${process.pid}`;
  const directory = mkdtempSync(path.join(tmpdir(), 'changed-image-'));
  const { nodes } = inject('cluster');
  const node = nodes[0] ?? '';
  const inNode = (script: string) =>
    execFileSync('docker', ['exec', '--interactive', node, 'sh'], { input: script, encoding: 'utf8' });
  const build = (word: string) => {
    writeFileSync(path.join(directory, 'Dockerfile'), `FROM ${testImage}\nCOPY word /word\n`);
    writeFileSync(path.join(directory, 'word'), word);
    execFileSync('docker', ['build', '--quiet', '--tag', image, directory], { stdio: 'pipe' });
  };
  try {
    for (const word of ['first', 'second', 'third']) {
      build(word);
      expect(await loadImages([image], nodes, { signal: AbortSignal.timeout(120_000) })).toEqual({
        ok: true,
        value: [image],
      });
      const run = await runOnSharedCluster({
        script: `test "$(cat /word)" = ${word} && echo '<testsuite tests="1"><testcase name="one"/></testsuite>' > /results/junit.xml`,
        given: { image },
      });
      expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', image: { name: image } });
    }
    const manifest = inNode(
      `ctr --namespace=k8s.io content get "$(ctr --namespace=k8s.io images ls name==docker.io/library/${image} | grep -o 'sha256:[0-9a-f]*' | head -1)"`,
    );
    // What was sent whole lists its layers.
    expect(JSON.parse(manifest)).toMatchObject({ layers: [] });
    expect(inNode('ctr --namespace=k8s.io images ls -q')).not.toContain('k8s-test-action.invalid');
  } finally {
    inNode(`ctr --namespace=k8s.io images rm docker.io/library/${image}`);
    execFileSync('docker', ['image', 'rm', '--force', image]);
    rmSync(directory, { recursive: true });
  }
});
