import { describe, expect, test } from 'vitest';
import { type ReadJobOptions, readJobManifest } from '../../src/inputs/job-manifest.ts';

const options: ReadJobOptions = { namespace: 'floe-test', resultsPath: '/results', container: undefined };

interface Pod {
  containers?: object[];
  volumes?: object[];
}

function job(pod: Pod = {}, spec: object = {}): string {
  const containers = pod.containers ?? [{ name: 'only', image: 'tests:1' }];
  const template = { spec: { ...pod, containers } };
  return JSON.stringify({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'it' }, spec: { ...spec, template } });
}

function problemsOf(text: string, some: Partial<ReadJobOptions> = {}): string[] {
  const read = readJobManifest(text, { ...options, ...some });
  return (read.problems ?? []).map(({ about, problem }) => `${about} ${problem}`);
}

describe('the test container', () => {
  const containers = (...names: string[]) => job({ containers: names.map((name) => ({ name })) });
  test.each([
    ['is the only one', containers('main'), undefined, 'main'],
    ['is the only one that is named test', containers('proxy', 'test-runner'), undefined, 'test-runner'],
    ['is the one that the user names', containers('one', 'two'), 'one', 'one'],
  ])('%s', (_, text, container, expected) => {
    expect(readJobManifest(text, { ...options, container }).testJob?.container).toBe(expected);
  });

  test('is asked for when it is not certain, with the names there are', () => {
    expect(problemsOf(containers('one', 'two'))).toEqual([
      'manifest does not say which container is the test: it has one, two; name it with container',
    ]);
    expect(problemsOf(containers('test-a', 'test-b'))).toHaveLength(1);
  });

  test('that is not in the Job is answered with those that are', () => {
    expect(problemsOf(containers('one', 'two'), { container: 'three' })).toEqual([
      'container is not a container of the Job; it has one, two',
    ]);
  });
});

test('everything that is wrong is named at once', () => {
  const text = [
    job({}, { parallelism: 3, completions: 2 }),
    '{ apiVersion: v1, kind: Namespace, metadata: { name: mine } }',
    '{ apiVersion: v1, kind: ConfigMap, metadata: { name: words, namespace: other } }',
    '{ hello: world }',
  ].join('\n---\n');
  expect(problemsOf(text, { resultsPath: '/out' })).toEqual([
    'manifest holds a document (the 4th) without apiVersion, kind and metadata.name',
    'manifest holds Namespace/mine, which does not belong to a namespace: put it into the chart',
    `manifest puts ConfigMap/words into namespace "other", but the run's is "floe-test": leave it out, or set namespace`,
    'manifest has parallelism 3 in Job/it; a suite is one pod, so it must be 1 or left out; the input shards divides a suite among pods',
    'manifest has completions 2 in Job/it; a suite is one pod, so it must be 1 or left out; the input shards divides a suite among pods',
  ]);
});

describe('a file', () => {
  test.each([
    ['that is not YAML', 'a: [', /^manifest is not YAML: /],
    ['that is empty', '', /^manifest holds no Job and no Pod$/],
    [
      'without a Job',
      '{ apiVersion: v1, kind: ConfigMap, metadata: { name: a } }',
      /^manifest holds no Job and no Pod, only ConfigMap$/,
    ],
    ['with two Jobs', `${job()}\n---\n${job()}`, /^manifest holds 2 Jobs \(it, it\)/],
    ['of an old API', job().replace('batch/v1', 'batch/v1beta1'), /^manifest has Job\/it of apiVersion batch\/v1beta1/],
    ['without containers', job({ containers: [] }), /^manifest has no containers/],
    ['that is a list', `- 1\n- 2`, /^manifest holds a document \(the 1st\) without/],
  ])('%s is refused', (_, text, problem) => {
    expect(problemsOf(text)).toContainEqual(expect.stringMatching(problem));
  });

  test('may be a List, and have empty documents', () => {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [JSON.parse(job())] });
    expect(readJobManifest(`---\n---\n${list}`, options).testJob?.job.metadata.name).toBe('it');
  });

  test('has its supporting resources made in an order in which each finds what it needs', () => {
    const resource = (kind: string, weight?: string) =>
      JSON.stringify({
        apiVersion: 'v1',
        kind,
        metadata: { name: kind, ...(weight === undefined ? {} : { annotations: { 'helm.sh/hook-weight': weight } }) },
      });
    const text = [resource('RoleBinding'), resource('Widget', '-5'), resource('Role'), job(), resource('Widget')];
    const read = readJobManifest([...text, resource('ServiceAccount')].join('\n---\n'), options);
    expect(read.testJob?.supportingResources.map((one) => one.kind)).toEqual([
      'Widget',
      'ServiceAccount',
      'Role',
      'RoleBinding',
      'Widget',
    ]);
  });
});

describe('what the Job mounts at results-path', () => {
  const mounting = (mount: object, volume: object, others: object[] = []) =>
    job({
      containers: [
        { name: 'test', volumeMounts: [{ name: 'out', mountPath: '/results', ...mount }] },
        { name: 'other', volumeMounts: others },
      ],
      volumes: [{ name: 'out', ...volume }],
    });

  test.each([
    ['an emptyDir', mounting({}, { emptyDir: {} })],
    ['a volume without a type, which is an emptyDir', mounting({}, {})],
    ['a claim', mounting({ subPath: 'run' }, { persistentVolumeClaim: { claimName: 'a' } })],
    [
      'a part of an emptyDir',
      mounting({ subPath: 'a' }, { emptyDir: {} }, [{ name: 'out', mountPath: '/b', subPath: 'b' }]),
    ],
    ['its parent', mounting({ mountPath: '/' }, { emptyDir: {} })],
    ['nothing', job()],
  ])('may be %s', (_, text) => {
    expect(problemsOf(text)).toEqual([]);
  });

  test.each([
    ['read-only', mounting({ readOnly: true }, { emptyDir: {} }), /mounted read-only by container test/],
    ['a ConfigMap', mounting({}, { configMap: { name: 'a' } }), /from a configMap, which is read-only/],
    [
      'a read-only claim',
      mounting({}, { persistentVolumeClaim: { claimName: 'a', readOnly: true } }),
      /claim a read-only/,
    ],
    ['subPathExpr', mounting({ subPathExpr: '$(POD)' }, { emptyDir: {} }), /with subPathExpr/],
    ['a volume that is not there', mounting({ name: 'else' }, {}), /from volume "else", which the pod lacks/],
    ['in a read-only parent', mounting({ mountPath: '/res', readOnly: true }, {}), undefined],
    [
      'a part that another container sees as a whole',
      mounting({ subPath: 'a' }, { emptyDir: {} }, [{ name: 'out', mountPath: '/all' }]),
      /with subPath "a" of emptyDir out, which is also mounted with the whole/,
    ],
  ])('is refused when it is %s', (_, text, problem) => {
    const path = problem === undefined ? '/res/out' : '/results';
    expect(problemsOf(text, { resultsPath: path })).toEqual([
      expect.stringMatching(problem ?? /lies in \/res, which container test mounts read-only/),
    ]);
  });
});
