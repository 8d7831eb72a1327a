/** The helper in the test image, as far as Kubernetes is concerned: decided here, from values. */
import type { ManifestMount, ManifestVolume } from '../inputs/job-manifest.ts';
import { helperDirectory } from '../reconstruct/reconstruct-run.ts';

/** What the built-in Job needs for the helper to be there. */
export interface TestHelper {
  configMap: {
    apiVersion: 'v1';
    kind: 'ConfigMap';
    metadata: { name: string; namespace: string; labels: Record<string, string> };
    data: Record<string, string>;
  };
  /** The user's variables, with the helper's beside them. */
  env: [string, string][];
  volume: ManifestVolume & { configMap: { name: string; items: { key: string; path: string }[] } };
  volumeMount: ManifestMount;
}

/**
 * Tests by their node ids: `only` these run; all run but those that are `done`; or these run, in the `order` of the list.
 */
export interface TestList {
  way: 'only' | 'done' | 'order';
  ids: readonly string[];
}

export interface TestHelperOptions {
  runId: string;
  namespace: string;
  labels: Record<string, string>;
  resultsPath: string;
  /** The plugin's Python source. */
  source: string;
  /** PYTHONPATH of the image itself; a container's own variables replace those of its image. */
  imagePythonPath: string | undefined;
  /** The user's variables. */
  env: readonly [string, string][];
  /** Selects among the tests of a pod; undefined for all of them. */
  list?: TestList | undefined;
  /** What the name of its ConfigMap ends with: `-retry-1`. */
  suffix?: string | undefined;
  /** By which it divides the tests over shards, as JSON; undefined where it divides nothing. */
  plan?: string | undefined;
}

const mountPath = '/opt/k8s-test-helper';
const moduleName = 'k8s_test_progress';
const planFile = 'split-plan.json';
const listFile = 'test-list.json';
const listVariables = { only: 'K8S_TEST_ONLY', done: 'K8S_TEST_DONE', order: 'K8S_TEST_ORDER' } as const;
const distribution = `${moduleName}-1.dist-info`;

/** The files of the directory at the end of PYTHONPATH, by path. @param source the plugin's Python source. */
export function listHelperFiles(source: string): { key: string; path: string; text: string }[] {
  return [
    { key: 'source', path: `${moduleName}.py`, text: source },
    {
      key: 'entry-points',
      path: `${distribution}/entry_points.txt`,
      text: `[pytest11]\n${moduleName} = ${moduleName}\n`,
    },
    {
      key: 'metadata',
      path: `${distribution}/METADATA`,
      text: 'Metadata-Version: 2.1\nName: k8s-test-progress\nVersion: 1\n',
    },
  ];
}

/** The variables that lead pytest to the helper in a directory. @param own the PYTHONPATH without our entry. */
export function helperVariables(options: { directory: string; own: string; resultsPath: string; runId: string }) {
  const { directory, own, resultsPath, runId } = options;
  return {
    PYTHONPATH: own === '' ? directory : `${own}:${directory}`,
    K8S_TEST_PROGRESS_DIR: `${resultsPath}/${helperDirectory}`,
    K8S_TEST_PROGRESS_RUN: runId,
  };
}

/**
 * The helper reaches the container as a directory at the end of its PYTHONPATH, and pytest as an installed plugin would: by the
 * entry point in that directory. So no setting of the user is replaced, neither PYTEST_ADDOPTS nor PYTEST_PLUGINS, and a
 * program that drops PYTHONPATH (`python -I`, tox) runs without the helper instead of failing.
 */
export function buildTestHelper(options: TestHelperOptions): TestHelper {
  const name = `k8s-test-helper-${options.runId}${options.suffix ?? ''}`;
  const plan = options.plan === undefined ? [] : [{ key: 'plan', path: planFile, text: options.plan }];
  const { list } = options;
  const listed = list === undefined ? [] : [{ key: 'list', path: listFile, text: JSON.stringify(list.ids) }];
  const files = [...listHelperFiles(options.source), ...plan, ...listed];
  const own = options.env.findLast(([key]) => key === 'PYTHONPATH')?.[1] ?? options.imagePythonPath ?? '';
  return {
    configMap: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: options.namespace, labels: options.labels },
      data: Object.fromEntries(files.map(({ key, text }) => [key, text])),
    },
    env: [
      ...options.env.filter(([key]) => key !== 'PYTHONPATH'),
      ...Object.entries(helperVariables({ ...options, directory: mountPath, own })),
      ...plan.map(({ path }): [string, string] => ['K8S_TEST_SPLIT', `${mountPath}/${path}`]),
      ...(list === undefined ? [] : [[listVariables[list.way], `${mountPath}/${listFile}`] satisfies [string, string]]),
    ],
    volume: {
      name: 'test-helper',
      configMap: {
        name,
        items: files.map(({ key, path }) => ({ key, path })),
      },
    },
    volumeMount: { name: 'test-helper', mountPath, readOnly: true },
  };
}

/**
 * Whether the helper is given: by `auto` only where the PYTHONPATH that the container would have without us is known, since
 * what we set replaces that of the image.
 */
export function wantsTestHelper(
  asked: 'auto' | 'on' | 'off',
  isImageKnown: boolean,
  env: readonly [string, string][],
): boolean {
  if (asked !== 'auto') return asked === 'on';
  return isImageKnown || env.some(([key]) => key === 'PYTHONPATH');
}
