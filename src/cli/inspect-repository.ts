/**
 * What `init` inspects: charts, Dockerfiles and test tools of a repository. Reads names and a few small files, and runs
 * nothing.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { readInputFile } from '../inputs/inspect-path.ts';
import { readYaml } from '../inputs/read-yaml.ts';

/** A chart of the repository. */
export interface FoundChart {
  /** Relative to the root of the repository; `.` for the root itself. */
  directory: string;
  name: string;
  /** Whether its values hold `image.repository` and `image.tag`, as those of `helm create` do; then the repository. */
  imageRepository?: string;
}

/** A program that runs tests and that this repository uses. */
export type TestTool = 'pytest' | 'go' | 'vitest' | 'jest';

/** What a repository holds, as far as `init` looks. Paths are relative to its root. */
export interface Repository {
  /** Name of its directory. */
  name: string;
  charts: FoundChart[];
  /** Those of the product, the ones nearest to the root first. */
  dockerfiles: string[];
  /** The one for the tests, if it exists. */
  testDockerfile?: string;
  /** The tool whose tests are nearest to the root; absent without tests. */
  tool?: TestTool;
  /** A file of requirements that names pytest. */
  requirements?: string;
  /** The lock file of npm's kind that is there. */
  nodeLock?: string;
  /** Directories that hold tests for a cluster, as `tests/integration`. */
  hasIntegrationTests: boolean;
  /** Whether .gitignore names the directory of the results; undefined without that file. */
  ignoresResults: boolean | undefined;
}

/** Directories that hold nothing of the repository's own. */
const skipped = new Set([
  'node_modules',
  'vendor',
  'venv',
  'dist',
  'build',
  'target',
  'k8s-test-results',
  '__pycache__',
]);
const maxDepth = 5;
/** Enough for any repository of a usual size; it bounds the time when the directory is a home directory. */
const maxEntries = 50_000;

/** Inspects the repository in a directory. */
export function inspectRepository(root: string): Repository {
  const files = listFiles(root);
  const read = (file: string) => readInputFile(path.join(root, file)).text ?? '';
  const dockerfiles = files.filter((file) => /^(Dockerfile(\..+)?|.+\.Dockerfile)$/.test(path.basename(file)));
  const [testDockerfile] = dockerfiles.filter(isOfTests);
  const tool = findTool(files, read);
  const requirements = files.find(
    (file) => /^requirements[\w.-]*\.txt$/.test(path.basename(file)) && /^pytest\b/m.test(read(file)),
  );
  const nodeLock = ['package-lock.json', 'npm-shrinkwrap.json'].find((name) => files.includes(name));
  return {
    name: path.basename(path.resolve(root)),
    charts: files
      .filter((file) => path.basename(file) === 'Chart.yaml')
      .flatMap((file) => readChart(root, path.dirname(file), read(file))),
    dockerfiles: dockerfiles.filter((file) => !isOfTests(file)),
    ...(testDockerfile === undefined ? {} : { testDockerfile }),
    ...(tool === undefined ? {} : { tool }),
    ...(requirements === undefined ? {} : { requirements }),
    ...(nodeLock === undefined ? {} : { nodeLock }),
    hasIntegrationTests: files.some((file) => file.startsWith('tests/integration/')),
    ignoresResults: files.includes('.gitignore') ? /^\/?k8s-test-results\b/m.test(read('.gitignore')) : undefined,
  };
}

/** Files below a directory, those nearest to it first, then by name. Links are not followed. */
function listFiles(root: string): string[] {
  const files: string[] = [];
  let level = ['.'];
  for (let depth = 0; depth <= maxDepth && level.length > 0 && files.length < maxEntries; depth++) {
    const below: string[] = [];
    for (const directory of level)
      for (const entry of readdirSync(path.join(root, directory), { withFileTypes: true })) {
        const at = path.join(directory, entry.name);
        if (entry.isFile()) files.push(at);
        else if (entry.isDirectory() && !skipped.has(entry.name) && !entry.name.startsWith('.')) below.push(at);
      }
    level = below.sort();
  }
  const depthOf = (file: string) => file.split('/').length;
  return files.sort((a, b) => depthOf(a) - depthOf(b) || (a < b ? -1 : 1));
}

function isOfTests(file: string): boolean {
  return path
    .dirname(file)
    .split('/')
    .some((name) => /^(tests?|e2e|integration)$/.test(name));
}

/** The chart in a directory, unless it is a dependency of another one or a library. */
function readChart(root: string, directory: string, text: string): FoundChart[] {
  const inside = path.dirname(path.dirname(path.join(root, directory)));
  if (path.basename(path.dirname(directory)) === 'charts' && existsSync(path.join(inside, 'Chart.yaml'))) return [];
  const chart = readYaml(text).value as { name?: unknown; type?: unknown } | null | undefined;
  if (typeof chart?.name !== 'string' || chart.type === 'library') return [];
  const values = readYaml(readInputFile(path.join(root, directory, 'values.yaml')).text ?? '').value as
    | { image?: { repository?: unknown; tag?: unknown } | null }
    | null
    | undefined;
  const { repository, tag } = values?.image ?? {};
  const isSettable = typeof repository === 'string' && repository !== '' && tag !== undefined;
  return [{ directory, name: chart.name, ...(isSettable ? { imageRepository: repository } : {}) }];
}

/** The test tool that the files nearest to the root indicate. */
function findTool(files: readonly string[], read: (file: string) => string): TestTool | undefined {
  for (const file of files) {
    const name = path.basename(file);
    if (/^(conftest\.py|pytest\.ini|test_.*\.py|.*_test\.py)$/.test(name)) return 'pytest';
    if (name === 'pyproject.toml' && /\bpytest\b/.test(read(file))) return 'pytest';
    if (name.endsWith('_test.go')) return 'go';
    if (name === 'package.json') {
      const text = read(file);
      if (/"vitest"\s*:/.test(text)) return 'vitest';
      if (/"jest"\s*:/.test(text)) return 'jest';
    }
  }
  return undefined;
}
