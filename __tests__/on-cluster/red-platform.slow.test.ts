import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { loadPlatformImages, sharedPlatform } from './platform-images.ts';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';

/** The example with its own .k8s-test.yaml, and the images in the shared cluster. */
const example = {
  profile: 'minimal',
  values: path.resolve('examples/floe/deploy/values.yaml'),
  set: sharedPlatform,
  volumes: 'floe-duckdb=/data:ro',
};
const env = 'DAGSTER_HOST=dagster-webserver\nDUCKDB_PATH=/data/floe.duckdb';

beforeAll(() => loadPlatformImages(inject('cluster')));

describe('the example on the real platform', () => {
  test('with a broken asset is red: its tests can fail', async () => {
    const run = await runOnSharedCluster({ given: { ...example, env: `${env}\nFLOE_DEMO_FAIL=1` } });
    expect(run.onDisk).toMatchObject({ outcome: 'failed', failure: { kind: 'test' } });
    expect(run.onDisk.tests.failed).toBeGreaterThan(0);
    expect(run.onDisk.tests.passed).toBeGreaterThan(0);
    expect(readFileSync(run.dir.junitXml, 'utf8')).toContain('<failure');
  });

  test('with a chart that cannot start is broken in seconds, and names the image', async () => {
    const set = `${sharedPlatform}\npostgres.image.tag=no-such-tag`;
    const run = await runOnSharedCluster({ given: { ...example, env, set } });
    expect(run.onDisk).toMatchObject({ outcome: 'broken', failure: { kind: 'chart' } });
    expect(run.onDisk.failure?.reason).toContain('no-such-tag');
    // 40 s of patience, and the rest; helm by itself would wait for its 600 s.
    expect(run.onDisk.phases.find((phase) => phase.name === 'platform')?.seconds).toBeLessThan(120);
  });
});
