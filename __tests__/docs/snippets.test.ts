import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { load, loadAll } from 'js-yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readJobManifest } from '../../src/inputs/job-manifest.ts';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { readQuarantine } from '../../src/inputs/read-quarantine.ts';
import { type RawInputs, renderInputErrors } from '../../src/inputs/schema.ts';
import { readUserKindConfig } from '../../src/inputs/user-kind-config.ts';
import { checkCommands } from './check-commands.ts';
import { classifyYaml, readSnippets, root, type Snippet, type YamlKind } from './read-snippets.ts';

const run = promisify(execFile);
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join('docs', name)),
];
const snippets = documents.flatMap(readSnippets);
const yaml: (Snippet & { kind: YamlKind })[] = [];
const unknown: string[] = [];
for (const snippet of snippets.filter(({ info }) => /^ya?ml\b/.test(info))) {
  const known = classifyYaml(snippet);
  if (known === undefined) unknown.push(`${snippet.where}: what is this?\n${snippet.text}`);
  else yaml.push({ ...snippet, ...known });
}
const zizmorArgs = ['--offline', '--quiet', '--no-progress', '--strict-collection'];
zizmorArgs.push('--config', path.join(root, '.github/zizmor.yml'));
const actionlintArgs = ['-no-color', '-shellcheck=', '-pyflakes='];
const ofKind = (kind: YamlKind) => yaml.filter((snippet) => snippet.kind === kind);

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'snippets-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

test('our own workflows pass actionlint and zizmor', async () => {
  const list = (folder: string) =>
    readdirSync(path.join(root, folder))
      .filter((name) => name.endsWith('.yml'))
      .map((name) => path.join(folder, name));
  const own = list('.github/workflows');
  // These are only run by tests; one of them gives an input that does not exist, which must be refused.
  const ofTests = list('__tests__/workflows');
  const lint = [...actionlintArgs, '-ignore', 'input "imgae" is not defined', ...own, ...ofTests];
  expect(await complaintsOf('actionlint', lint, root)).toBe('');
  // The repository of a caller, as it is to actionlint.
  const caller = path.join(directory, 'caller');
  cpSync(path.join(root, '__tests__/workflows/caller'), caller, { recursive: true });
  mkdirSync(path.join(caller, '.git'));
  expect(await complaintsOf('actionlint', actionlintArgs, caller)).toBe('');
  ofTests.push(caller);
  const pedantic = ['--pedantic', ...own, '.github/dependabot.yml', 'action.yml'];
  expect(await complaintsOf('zizmor', [...zizmorArgs, ...pedantic], root)).toBe('');
  expect(await complaintsOf('zizmor', [...zizmorArgs, ...ofTests], root)).toBe('');
});

test('every snippet is of a kind that is checked here', () => {
  expect(unknown).toEqual([]);
  const checked = /^(ya?ml\b.*|console|json|text)$/;
  expect(snippets.filter(({ info }) => !checked.test(info)).map(({ where, info }) => `${where}: "${info}"`)).toEqual(
    [],
  );
  expect(yaml.length).toBeGreaterThan(5);
});

test('workflows and parts of them are right for actionlint, also in what they give to the action', async () => {
  const project = path.join(directory, 'actionlint');
  mkdirSync(path.join(project, '.github/workflows'), { recursive: true });
  mkdirSync(path.join(project, '.git'));
  mkdirSync(path.join(project, 'dist'));
  // As if they lay in this repository: actionlint then knows the inputs of the action and of the reusable workflow.
  for (const file of [
    'action.yml',
    '.github/workflows/k8s-tests.yml',
    '.github/actionlint.yaml',
    'dist/action.js',
    'dist/cleanup.js',
  ])
    writeFileSync(path.join(project, file), readFileSync(path.join(root, file)));
  for (const { where, text } of ofKind('workflow')) {
    const local = text
      .replaceAll(/floe\/k8s-test-action(\/\.github\/workflows\/\S+)@v1/g, '.$1')
      .replaceAll(/floe\/k8s-test-action@v1/g, './');
    writeFileSync(path.join(project, '.github/workflows', fileNameOf(where)), `${local}\n`);
  }
  expect(await complaintsOf('actionlint', actionlintArgs, project)).toBe('');
});

test('workflows and parts of them pass zizmor', async () => {
  const project = path.join(directory, 'zizmor');
  mkdirSync(project);
  const files = ofKind('workflow').map(({ where, text }) => {
    const file = path.join(project, fileNameOf(where));
    writeFileSync(file, `${text}\n`);
    return file;
  });
  expect(await complaintsOf('zizmor', [...zizmorArgs, ...files], root)).toBe('');
});

test('what steps give to the action, it takes', () => {
  const problems = ofKind('workflow').flatMap(({ where, text }) =>
    stepsOf(text)
      .filter(({ uses }) => uses?.startsWith('floe/k8s-test-action@') === true)
      .flatMap((step) => problemsOf(where, readTogether(step.with ?? {}))),
  );
  expect(problems).toEqual([]);
});

test('project files are taken, tier by tier', () => {
  const problems = ofKind('project').flatMap(({ where, text }, i) => {
    const at = path.join(directory, `project-${i}`);
    mkdirSync(at);
    writeFileSync(path.join(at, 'Dockerfile'), '');
    writeFileSync(path.join(at, '.k8s-test.yaml'), text);
    return Object.keys(load(text) as object).flatMap((tier) =>
      problemsOf(
        where,
        readInputs({ given: { tier }, directory: at, bundledChart: path.join(root, 'charts/floe-platform') }),
      ),
    );
  });
  expect(problems).toEqual([]);
});

test('Kubernetes manifests and Kind configurations are what the action takes', () => {
  for (const { where, text } of ofKind('kind-config')) expect(() => readUserKindConfig(text), where).not.toThrow();
  const problems = ofKind('manifest').flatMap(({ where, text }) => {
    const objects = loadAll(text) as { kind: string; metadata?: { name?: string } }[];
    const nameless = objects.filter(({ metadata }) => typeof metadata?.name !== 'string');
    const found = nameless.map(({ kind }) => `${where}: ${kind} has no name`);
    if (!objects.some(({ kind }) => kind === 'Job')) return found;
    const read = readJobManifest(text, { namespace: 'floe-test', resultsPath: '/results', container: undefined });
    return found.concat((read.problems ?? []).map(({ problem }) => `${where}: Job ${problem}`));
  });
  expect(problems).toEqual([]);
});

test('a quarantine is one that can be read', () => {
  expect(ofKind('quarantine').length).toBeGreaterThan(0);
  for (const { text } of ofKind('quarantine')) expect(readQuarantine(text).problems).toEqual([]);
});

test('Helm values are values of the chart, and templates render', async () => {
  const templates = path.join(directory, 'chart');
  mkdirSync(path.join(templates, 'templates'), { recursive: true });
  writeFileSync(path.join(templates, 'Chart.yaml'), 'apiVersion: v2\nname: snippets\nversion: 1.0.0\n');
  for (const { where, text } of ofKind('template'))
    writeFileSync(path.join(templates, 'templates', fileNameOf(where)), text);
  const runs = [run('helm', ['template', 'snippets', templates])];
  for (const { where, text } of ofKind('values')) {
    const file = path.join(directory, `values-${fileNameOf(where)}`);
    writeFileSync(file, text);
    runs.push(run('helm', ['template', 'snippets', path.join(root, 'charts/floe-platform'), '--values', file]));
  }
  const rendered = await Promise.all(runs);
  expect(rendered).toHaveLength(1 + ofKind('values').length);
});

test('console snippets name targets, scripts, files, flags and programs that are there', () => {
  const problems = snippets
    .filter(({ info }) => info === 'console')
    .flatMap(({ where, text }) => {
      const { stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
      return [...(stderr === '' ? [] : [stderr]), ...checkCommands(text)].map((problem) => `${where}: ${problem}`);
    });
  expect(problems).toEqual([]);
  for (const { where, text } of snippets.filter(({ info }) => info === 'json'))
    expect(() => JSON.parse(text), where).not.toThrow();
});

test('what documents link to is there', () => {
  const broken = documents.flatMap((document) =>
    [...readFileSync(path.join(root, document), 'utf8').matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(path.join(root, path.dirname(document), target)))
      .map((target) => `${document}: ${target}`),
  );
  expect(broken).toEqual([]);
});

function fileNameOf(where: string): string {
  return `${where.replaceAll(/\W+/g, '-')}.yml`;
}

interface Step {
  uses?: string;
  with?: RawInputs;
}

function stepsOf(text: string): Step[] {
  const { jobs } = load(text) as { jobs: Record<string, { steps?: Step[] }> };
  return Object.values(jobs).flatMap(({ steps }) => steps ?? []);
}

/** The inputs of a step, as far as they are known before GitHub has filled in its expressions. */
function readTogether(given: RawInputs): ReturnType<typeof readInputs> {
  const isOpen = (value: unknown) => /^\s*\$\{\{[^}]*\}\}\s*$/.test(String(value));
  const known = Object.entries(given).map(([name, value]) => [
    name,
    isOpen(value) && name === 'needs'
      ? '{}'
      : isOpen(value)
        ? ''
        : String(value).replaceAll(/\$\{\{.*?\}\}/g, 'expression'),
  ]);
  const at = path.join(directory, 'checkout');
  mkdirSync(at, { recursive: true });
  writeFileSync(path.join(at, 'Dockerfile'), '');
  // Where a snippet leaves the kubeconfig to the environment, there is one.
  const kubeconfig = path.join(at, 'kubeconfig.json');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      'current-context': 'staging',
      contexts: [{ name: 'staging', context: { cluster: 'staging', user: 'tests' } }],
      clusters: [{ name: 'staging', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'tests', user: { token: 'none' } }],
    }),
  );
  return readInputs({
    env: { KUBECONFIG: kubeconfig },
    // An empty input counts as not given, as in a workflow.
    given: Object.fromEntries(known.filter(([, value]) => value !== '')),
    directory: at,
    bundledChart: path.join(root, 'charts/floe-platform'),
  });
}

/** What is wrong with inputs, except for files of a reader's repository, which do not exist here. */
function problemsOf(where: string, read: ReturnType<typeof readInputs>): string[] {
  const errors = (read.errors ?? []).filter(({ problem }) => !problem.startsWith('does not exist'));
  return renderInputErrors(errors).map((error) => `${where}: ${error}`);
}

/** What a program complains of; empty when it ends with status 0, as both do when they found nothing. */
async function complaintsOf(program: string, args: string[], cwd: string): Promise<string> {
  return run(program, args, { cwd }).then(
    () => '',
    ({ stdout = '', stderr = '', message }: { stdout?: string; stderr?: string; message: string }) =>
      `${stdout}${stderr}`.trim() || message,
  );
}
