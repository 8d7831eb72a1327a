import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load } from 'js-yaml';
import { expect, onTestFinished, test } from 'vitest';
import { initialize, type Start } from '../../src/cli/init.ts';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { renderInputErrors } from '../../src/inputs/schema.ts';
import { checkProjectFile } from '../repository/schemas/validators.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** A directory named `shop` with these files; `chart/` is one of `helm create`. */
function makeRepository(files: Record<string, string>, charts: string[] = []): string {
  const parent = mkdtempSync(path.join(tmpdir(), 'init-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const directory = path.join(parent, 'shop');
  mkdirSync(directory);
  for (const chart of charts) {
    mkdirSync(path.dirname(path.join(directory, chart)), { recursive: true });
    execFileSync('helm', ['create', path.join(directory, chart)], { stdio: 'ignore' });
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    writeFileSync(path.join(directory, name), text);
  }
  return directory;
}

/** Initializes the repository; what is written must be right for actionlint, for the JSON Schema and for a run. */
async function initializeAndCheck(directory: string): Promise<Start & { read: (name: string) => string }> {
  const start = await initialize(directory, AbortSignal.timeout(60_000));
  const read = (name: string) => readFileSync(path.join(directory, name), 'utf8');
  expect(checkProjectFile(load(read('.k8s-test.yaml')))).toEqual([]);
  const inputs = readInputs({ given: {}, directory, bundledChart: path.join(root, 'charts/floe-platform') });
  expect(renderInputErrors(inputs.errors ?? [])).toEqual([]);
  const workflow = path.join(directory, '.github/workflows/integration.yml');
  const { stdout, status } = spawnSync('actionlint', ['-no-color', '-shellcheck=', workflow], { encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
  return { ...start, read };
}

test('a repository with a chart and a Dockerfile gets a configuration, a workflow, a test image and a first test', async () => {
  const directory = makeRepository({ Dockerfile: 'FROM scratch\n' }, ['shop']);
  const { written, assumptions, commands, read } = await initializeAndCheck(directory);
  expect(written).toEqual([
    '.k8s-test.yaml',
    '.github/workflows/integration.yml',
    'tests/Dockerfile',
    'tests/integration/test_first.py',
    '.gitignore',
  ]);
  const config = read('.k8s-test.yaml');
  expect(config).toMatch(/^# yaml-language-server: \$schema=https:\/\/.+\/schemas\/k8s-test\.schema\.json\n/);
  expect(load(config)).toEqual({
    integration: { chart: 'shop', release: 'shop', set: ['image.tag=ci'], build: '.', dockerfile: 'tests/Dockerfile' },
  });
  // The chart of `helm create` runs nginx, and names its Service after the release.
  expect(read('.github/workflows/integration.yml')).toContain('- run: docker build --tag nginx:ci .');
  expect(read('tests/integration/test_first.py')).toContain('urlopen("http://shop", timeout=10)');
  expect(assumptions).toContain('Dockerfile builds nginx:ci, which the chart runs');
  expect(assumptions).toContain('no tests were found: the first one is written for pytest');
  expect(commands).toEqual(['docker build --tag nginx:ci .', 'k8s-test run']);
  const strict = ['--offline', '--quiet', '--no-progress', '--config', path.join(root, '.github/zizmor.yml')];
  const { stdout, status } = spawnSync('zizmor', [...strict, path.join(directory, '.github')], { encoding: 'utf8' });
  expect(stdout).not.toMatch(/^(error|warning)/m);
  expect(status).toBe(0);
});

test('the command init prints what it wrote, what it assumed and the next step', () => {
  const directory = makeRepository({ 'tests/test_shop.py': '' });
  const main = path.join(root, 'src/cli/main.ts');
  const env = { ...process.env, COLUMNS: '' };
  const { status, stdout } = spawnSync(process.execPath, [main, 'init'], { cwd: directory, encoding: 'utf8', env });
  expect(stdout).toBe(
    [
      'Written:',
      '  .k8s-test.yaml',
      '  .github/workflows/integration.yml',
      '  tests/Dockerfile',
      '  tests/integration/test_first.py',
      '  .gitignore',
      '',
      'Assumed:',
      '  there is no chart here: the tests run without a platform (profile: none)',
      '  the tests run with pytest',
      '  the tests for the cluster are in tests/integration; the first one is only a beginning',
      '',
      'Next:',
      '  k8s-test run',
      '',
    ].join('\n'),
  );
  expect(status).toBe(0);
});

test('on a narrow terminal the assumptions of init are folded at blanks, and paths stay whole', () => {
  const directory = makeRepository({ 'tests/test_shop.py': '' });
  const env = { ...process.env, COLUMNS: '48' };
  const main = path.join(root, 'src/cli/main.ts');
  const { stdout } = spawnSync(process.execPath, [main, 'init'], { cwd: directory, encoding: 'utf8', env });
  const assumed = stdout.slice(stdout.indexOf('Assumed:'), stdout.indexOf('Next:')).trim().split('\n');
  expect(assumed).toContain('  there is no chart here: the tests run without');
  expect(assumed).toContain('    a platform (profile: none)');
  expect(Math.max(...assumed.map((line) => line.length))).toBeLessThanOrEqual(48);
  expect(stdout).toContain('  .github/workflows/integration.yml\n');
});

test('an image that the chart names literally is built under that name', async () => {
  const directory = makeRepository({
    Dockerfile: 'FROM scratch\n',
    'deploy/chart/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
    'deploy/chart/templates/all.yaml': [
      'apiVersion: apps/v1',
      'kind: Deployment',
      'metadata: { name: shop }',
      'spec: { template: { spec: { containers: [{ name: shop, image: "acme/shop:dev" }, { name: db, image: "postgres:16" }] } } }',
      '---',
      'apiVersion: v1',
      'kind: Service',
      'metadata: { name: shop-web }',
      'spec: { ports: [{ port: 8080 }] }',
    ].join('\n'),
  });
  const { commands, read } = await initializeAndCheck(directory);
  expect(commands[0]).toBe('docker build --tag acme/shop:dev .');
  expect(read('tests/integration/test_first.py')).toContain('http://shop-web:8080');
});

test('no file that is there is changed, and the existing ones are named', async () => {
  const directory = makeRepository({
    '.k8s-test.yaml': 'integration: { profile: none }\n',
    'tests/Dockerfile': 'FROM mine\n',
    'tests/integration/test_shop.py': 'def test_shop(): pass\n',
  });
  const { written, kept, read } = await initializeAndCheck(directory);
  expect(written).toEqual(['.github/workflows/integration.yml', '.gitignore']);
  expect(kept).toEqual(['.k8s-test.yaml']);
  expect(read('.k8s-test.yaml')).toBe('integration: { profile: none }\n');
  expect(read('tests/Dockerfile')).toBe('FROM mine\n');
  expect(readdirSync(path.join(directory, 'tests/integration'))).toEqual(['test_shop.py']);
});

test.each([
  ['node_modules/\n', true],
  ['node_modules/\n/k8s-test-results/\n', false],
])('a .gitignore of %j stays as it is, and whether it names the results is said', async (ignored, isSaid) => {
  const { written, assumptions, read } = await initializeAndCheck(makeRepository({ '.gitignore': ignored }));
  expect(written).not.toContain('.gitignore');
  expect(read('.gitignore')).toBe(ignored);
  expect(assumptions.join('\n').includes('.gitignore does not name')).toBe(isSaid);
});

test('git takes the results of a run for none of its own after init', async () => {
  const directory = makeRepository({});
  await initializeAndCheck(directory);
  const git = (...args: string[]) => execFileSync('git', args, { cwd: directory, encoding: 'utf8' });
  git('init', '--quiet');
  mkdirSync(path.join(directory, 'k8s-test-results/integration'), { recursive: true });
  writeFileSync(path.join(directory, 'k8s-test-results/integration/junit.xml'), '');
  expect(git('status', '--porcelain')).not.toContain('k8s-test-results');
});

test('a second init changes nothing', async () => {
  const directory = makeRepository({ Dockerfile: 'FROM scratch\n' }, ['chart']);
  const first = await initializeAndCheck(directory);
  const texts = first.written.map(first.read);
  expect((await initializeAndCheck(directory)).written).toEqual([]);
  expect(first.written.map(first.read)).toEqual(texts);
});

test('a link in place of a file is not written through', async () => {
  const directory = makeRepository({ elsewhere: 'integration: { profile: none }\n' });
  symlinkSync(path.join(directory, 'elsewhere'), path.join(directory, '.k8s-test.yaml'));
  expect((await initializeAndCheck(directory)).kept).toEqual(['.k8s-test.yaml']);
});

test.each([
  ['go', { 'go.mod': 'module shop\n', 'shop_test.go': 'package shop\n' }, 'gotestsum', 'first_test.go'],
  ['vitest', { 'package.json': '{"devDependencies": {"vitest": "5.1.1"}}' }, 'npx vitest run', 'first.test.mjs'],
  ['jest', { 'package.json': '{"devDependencies": {"jest": "30.0.0"}}' }, 'npx jest', 'first.test.mjs'],
  ['pytest', { 'pyproject.toml': '[dependency-groups]\ndev = ["pytest>=8"]\n' }, '$', 'test_first.py'],
])('a repository that tests with %s gets an image and a first test for it', async (tool, files, command, first) => {
  const { written, read } = await initializeAndCheck(makeRepository(files));
  expect(written).toContain(`tests/integration/${first}`);
  const { integration } = load(read('.k8s-test.yaml')) as { integration: { command?: string; profile: string } };
  expect(integration.profile).toBe('none');
  expect(integration.command ?? '').toMatch(new RegExp(`^${command}`));
  expect(read('tests/Dockerfile'), tool).toMatch({ go: /FROM golang:/, pytest: /FROM python:/ }[tool] ?? /FROM node:/);
});

test('requirements that name pytest are what the test image installs', async () => {
  const files = { 'requirements-dev.txt': 'httpx==0.28.1\npytest==9.2.0\n', 'tests/test_shop.py': '' };
  const { read } = await initializeAndCheck(makeRepository(files));
  expect(read('tests/Dockerfile')).toContain('COPY requirements-dev.txt');
});

test('of several charts the one nearest to the root is taken, and the others are named', async () => {
  const { assumptions, read } = await initializeAndCheck(makeRepository({}, ['deploy/shop', 'deploy/charts/billing']));
  expect(read('.k8s-test.yaml')).toContain('chart: deploy/shop');
  expect(assumptions).toContain('the chart is deploy/shop, not deploy/charts/billing');
});

test('a dependency of a chart is not listed as a chart of the repository', async () => {
  const { assumptions } = await initializeAndCheck(makeRepository({}, ['shop', 'shop/charts/cache']));
  expect(assumptions.join('\n')).not.toContain('cache');
});

test('a chart that does not render is reported, and the files are written all the same', async () => {
  const directory = makeRepository({
    'chart/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
    'chart/templates/all.yaml': '{{ fail "no database named" }}\n',
  });
  const { written, assumptions } = await initializeAndCheck(directory);
  expect(written).toHaveLength(5);
  expect(assumptions.join('\n')).toMatch(/could not be rendered.*no database named/);
});

test('an image with an unknown builder is named as such', async () => {
  const directory = makeRepository({
    'web/Dockerfile': 'FROM scratch\n',
    'chart/Chart.yaml': 'apiVersion: v2\nname: platform\nversion: 1.0.0\n',
    'chart/templates/pods.yaml':
      'apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec: { containers: [{ name: a, image: "a:1" }, { name: b, image: "b:1" }] }\n',
  });
  const { assumptions, read } = await initializeAndCheck(directory);
  expect(assumptions.join('\n')).toContain('which image of the chart web/Dockerfile builds could not be told');
  expect(read('.github/workflows/integration.yml')).not.toContain('docker build');
});
