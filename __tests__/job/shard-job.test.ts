import { describe, expect, test } from 'vitest';
import type { JobManifest } from '../../src/inputs/job-manifest.ts';
import { separateShards, shardJob, shardOfPod } from '../../src/job/shard-job.ts';

const options = { shards: 3, resultsPath: '/results', kubernetes: 'v1.34.4' };

function jobWith(own: object = {}, pod: object = {}): JobManifest {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'suite' },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: 100,
      template: {
        spec: {
          containers: [{ name: 'tests', image: 'i', volumeMounts: [{ name: 'r', mountPath: '/results' }], ...own }],
          ...pod,
        },
      },
    },
  };
}
const envOf = ({ manifest }: { manifest: JobManifest }, container = 0) =>
  manifest.spec.template.spec.containers[container]?.env ?? [];
const variableOf = (job: { manifest: JobManifest }, name: string) => envOf(job).find((one) => one.name === name);

describe('a suite in shards', () => {
  test('is one Indexed Job in which an index that fails ends no other, and whose shards may wait for each other', () => {
    const { jobs, way, name } = shardJob(jobWith(), 'tests', options);
    expect({ way, name }).toEqual({ way: 'variables', name: 'suite' });
    expect(jobs.map(({ shards }) => shards)).toEqual([[0, 1, 2]]);
    expect(jobs[0]?.manifest.spec).toMatchObject({
      completions: 3,
      parallelism: 3,
      completionMode: 'Indexed',
      backoffLimitPerIndex: 0,
      activeDeadlineSeconds: 300,
    });
    expect(jobs[0]?.manifest.spec).not.toHaveProperty('backoffLimit');
  });

  test('gives the test container the variables of Bazel and of GoogleTest, before those of the user, which may refer to them', () => {
    const own = { name: 'GROUP', value: '$(TEST_SHARD_INDEX)' };
    const [job] = shardJob(jobWith({ env: [own, { name: 'TEST_TOTAL_SHARDS', value: '9' }] }), 'tests', options).jobs;
    const fieldPath = "metadata.annotations['batch.kubernetes.io/job-completion-index']";
    expect(job && envOf(job)).toEqual([
      { name: 'GTEST_SHARD_STATUS_FILE', value: '/results/.k8s-test-shard-status' },
      { name: 'GTEST_TOTAL_SHARDS', value: '3' },
      { name: 'TEST_SHARD_STATUS_FILE', value: '/results/.k8s-test-shard-status' },
      { name: 'TEST_TOTAL_SHARDS', value: '3' },
      { name: 'GTEST_SHARD_INDEX', valueFrom: { fieldRef: { fieldPath } } },
      { name: 'TEST_SHARD_INDEX', valueFrom: { fieldRef: { fieldPath } } },
      own,
    ]);
  });

  test('is a Job for each shard where its command names its shard, counted from 1 as runners do', () => {
    const split = jobWith({ command: ['pytest', '--splits={shards}'], args: ['--group', '{shard}', '{other}'] });
    const { jobs, way, name } = shardJob(split, 'tests', options);
    expect({ way, name }).toEqual({ way: 'placeholders', name: 'suite' });
    expect(jobs.map(({ manifest }) => manifest.metadata.name)).toEqual(['suite-0', 'suite-1', 'suite-2']);
    expect(jobs.map(({ manifest }) => manifest.spec.template.spec.containers[0]?.args)).toEqual([
      ['--group', '1', '{other}'],
      ['--group', '2', '{other}'],
      ['--group', '3', '{other}'],
    ]);
    expect(jobs[0]?.manifest.spec.template.spec.containers[0]?.command).toEqual(['pytest', '--splits=3']);
    for (const [i, job] of jobs.entries()) {
      expect(variableOf(job, 'TEST_SHARD_INDEX')?.value).toBe(String(i));
      expect(variableOf(job, 'JOB_COMPLETION_INDEX')?.value).toBe(String(i));
      expect(job.manifest.spec).toMatchObject({ backoffLimit: 0 });
      expect(job.manifest.spec).not.toHaveProperty('completionMode');
      expect(shardOfPod({ metadata: { name: 'p', uid: 'u', ...job.manifest.spec.template.metadata } })).toBe(i);
    }
  });

  test.each(['v1.28.15', 'v1.27.3', 'unknown', ''])(
    'is a Job for each shard on a server of version "%s"',
    (kubernetes) => {
      const { jobs } = shardJob(jobWith(), 'tests', { ...options, kubernetes });
      expect(jobs.map(({ shards }) => shards)).toEqual([[0], [1], [2]]);
    },
  );

  test('keeps the names of its Jobs within 63 characters', () => {
    const job = { ...jobWith(), metadata: { name: `${'a'.repeat(58)}-bcde` } };
    const { jobs } = shardJob(job, 'tests', { ...options, shards: 100, kubernetes: 'v1.28.0' });
    expect(Math.max(...jobs.map(({ manifest }) => manifest.metadata.name.length))).toBeLessThanOrEqual(63);
    expect(jobs[99]?.manifest.metadata.name).toBe(`${'a'.repeat(58)}-99`);
  });

  test('leaves the manifest that it was made of as it was', () => {
    const job = jobWith({ args: ['{shard}'] });
    const before = JSON.stringify(job);
    shardJob(job, 'tests', options);
    expect(JSON.stringify(job)).toBe(before);
  });
});

describe('the results of shards', () => {
  test('have a directory each in the volume, for all containers that mount it, which know their index for it', () => {
    const results = { name: 'r', mountPath: '/results' };
    const beside = {
      containers: [
        { name: 'tests', image: 'i', volumeMounts: [{ ...results, subPath: 'a$b' }] },
        { name: 'reader', image: 'i', volumeMounts: [{ name: 'r', mountPath: '/in', subPath: 'a$b', readOnly: true }] },
        { name: 'other', image: 'i', volumeMounts: [{ name: 'r', mountPath: '/all' }] },
      ],
    };
    const job = jobWith({}, beside);
    separateShards(job, { ...results, subPath: 'a$b' });
    const { containers } = job.spec.template.spec;
    expect(containers.map(({ volumeMounts }) => volumeMounts?.[0])).toEqual([
      { ...results, subPathExpr: 'a$$b/shard-$(TEST_SHARD_INDEX)' },
      { name: 'r', mountPath: '/in', subPathExpr: 'a$$b/shard-$(TEST_SHARD_INDEX)', readOnly: true },
      { name: 'r', mountPath: '/all' },
    ]);
    const [sharded] = shardJob(job, 'tests', options).jobs;
    if (sharded === undefined) throw new Error('no Job');
    expect(envOf(sharded, 1).map(({ name }) => name)).toEqual(['TEST_SHARD_INDEX']);
    expect(envOf(sharded, 2)).toEqual([]);
  });

  test('can be created in part, for shards that run again: a Job for each, with the index that it had', () => {
    const { jobs, isIndexed } = shardJob(jobWith(), 'tests', { ...options, only: [0, 2] });
    expect(isIndexed).toBe(false);
    expect(jobs.map(({ shards, manifest }) => [shards, manifest.metadata.name])).toEqual([
      [[0], 'suite-0'],
      [[2], 'suite-2'],
    ]);
    const [, last] = jobs;
    expect(last && variableOf(last, 'TEST_SHARD_INDEX')).toMatchObject({ value: '2' });
    expect(last && variableOf(last, 'TEST_TOTAL_SHARDS')).toMatchObject({ value: '3' });
    expect(last && shardOfPod({ metadata: { name: 'p', uid: 'p', ...last.manifest.spec.template.metadata } })).toBe(2);
  });
});
