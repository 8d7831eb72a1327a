import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { describeKept } from '../../src/pipeline/describe-kept.ts';
import { compareShape, describeShape, explainNotFound, findKept } from '../../src/state/kept-cluster.ts';
import { type ReusableCluster, RunRecord } from '../../src/state/run-record.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'kept-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const reusable: ReusableCluster = {
  cluster: {
    name: 'k8s-test-integration-a',
    kubeconfigPath: '/k',
    nodes: ['n'],
    kubernetes: 'v1',
    mountedHostPath: '/r',
  },
  tier: 'integration',
  directory: '/checkout',
  given: { image: 'tests:dev' },
  hasSecrets: false,
  shape: {},
};

function begin(runId: string, parts: Partial<ReusableCluster> = {}, isKept = true): RunRecord {
  const record = RunRecord.begin(directory, runId);
  record.setReusable({ ...reusable, ...parts });
  if (isKept) record.keep('up');
  return record;
}
const call = { tier: 'integration', directory: '/checkout' };

describe('the kept cluster that a call means', () => {
  test('is the last one of its tier and directory', () => {
    begin('a');
    begin('b');
    begin('c', { tier: 'e2e' });
    begin('d', { directory: '/elsewhere' });
    begin('e', {}, false);
    expect(findKept(RunRecord.list(directory), call)?.record.content.runId).toBe('b');
  });

  test('where there is none, is an error with how to create one, and which others exist', () => {
    begin('c', { tier: 'e2e' });
    const records = RunRecord.list(directory);
    expect(findKept(records, call)).toBeUndefined();
    expect(explainNotFound(records, call)).toBe(
      'no cluster of tier integration is kept for /checkout; make one: k8s-test up --tier integration; kept are: e2e of /checkout',
    );
  });

  test('is for one process at a time, and cannot be used after its removal', () => {
    const record = begin('a');
    expect(record.occupy()).toBeUndefined();
    expect(RunRecord.open(record.file).occupant).toMatchObject({ pid: process.pid });
    expect(RunRecord.open(record.file).occupy()).toMatchObject({ pid: process.pid });
    record.release();
    expect(record.occupant).toBeUndefined();
    expect(record.occupy()).toBeUndefined();
    record.remove();
    expect(record.occupant).toBeUndefined();
  });

  test('remembers the platform in it, until that is found broken', () => {
    const record = begin('a');
    const platform = { digest: 'd', revision: '1' };
    record.notePlatform(platform);
    expect(RunRecord.open(record.file).content).toMatchObject({ kept: 'up', reusable: { platform } });
    record.notePlatform(undefined);
    expect(RunRecord.open(record.file).content.reusable?.platform).toBeUndefined();
  });
});

test('another namespace or other nodes want another cluster, another image or argument does not', () => {
  const shapeOf = (given: Record<string, string>) => {
    const read = readInputs({ given: { profile: 'none', ...given }, directory, bundledChart: directory });
    return describeShape(read.inputs!);
  };
  const made = shapeOf({});
  expect(compareShape(made, shapeOf({ image: 'other:1', args: 'x', set: 'a=b' }))).toEqual([]);
  expect(compareShape(made, shapeOf({ namespace: 'mine', nodes: '2' }))).toEqual(['namespace', 'nodes']);
});

test('access to a kept cluster is described by commands that can be copied', () => {
  const view = {
    what: 'cluster c',
    namespace: 'floe-test',
    kubeconfigPath: '/w/kubeconfig',
    why: 'keep: failure',
    againTier: 'e2e',
  };
  const pod = { name: 'integration-tests-x', container: 'test-runner' };
  const services = [
    { name: 'web', port: 80 },
    { name: 'db', port: 5432 },
  ];
  expect(describeKept({ ...view, pod, services })).toEqual([
    'cluster c is kept (keep: failure). To look at it:',
    '  export KUBECONFIG=/w/kubeconfig',
    '  kubectl --namespace floe-test get pods,jobs,events',
    'A shell in a copy of the test pod, with its image, variables and volumes; its own log is in the results:',
    '  kubectl --namespace floe-test debug integration-tests-x --stdin --tty --copy-to=look --container=test-runner -- sh',
    'A Service on this machine, at http://localhost:8080; there are web, db:',
    '  kubectl --namespace floe-test port-forward service/web 8080:80',
    'To run the tests in it again, with what has changed since:',
    '  k8s-test rerun --tier e2e',
    'To remove it:',
    '  k8s-test down',
  ]);
  expect(describeKept({ ...view, pod: undefined, services: [], againTier: undefined })).toHaveLength(5);
});
