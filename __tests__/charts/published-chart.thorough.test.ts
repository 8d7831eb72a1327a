import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { load, loadAll } from 'js-yaml';
import { afterAll, expect, test } from 'vitest';
import { nodeImages } from '../../src/tools/versions.ts';

const run = promisify(execFile);
const root = path.join(import.meta.dirname, '../..');
const chart = path.join(root, 'charts/floe-platform');
const directory = mkdtempSync(path.join(tmpdir(), 'published-chart-'));
afterAll(() => rmSync(directory, { recursive: true }));

const metadata = load(readFileSync(path.join(chart, 'Chart.yaml'), 'utf8')) as {
  version: string;
  kubeVersion: string;
  appVersion: string;
  maintainers: { name: string }[];
  annotations: Record<string, string>;
};
const values = load(readFileSync(path.join(chart, 'values.yaml'), 'utf8')) as Record<string, unknown>;

/** The rules that chart-testing gives yamllint for Chart.yaml and values.yaml (etc/lintconf.yaml). */
const lintRules = {
  braces: { 'min-spaces-inside': 0, 'max-spaces-inside': 0 },
  brackets: { 'min-spaces-inside': 0, 'max-spaces-inside': 0 },
  colons: { 'max-spaces-before': 0, 'max-spaces-after': 1 },
  commas: { 'max-spaces-before': 0, 'min-spaces-after': 1, 'max-spaces-after': 1 },
  comments: { 'require-starting-space': true, 'min-spaces-from-content': 2 },
  'empty-lines': { max: 2, 'max-start': 0, 'max-end': 0 },
  hyphens: { 'max-spaces-after': 1 },
  indentation: { spaces: 'consistent', 'indent-sequences': 'whatever' },
  'key-duplicates': 'enable',
  'new-line-at-end-of-file': 'enable',
  'new-lines': { type: 'unix' },
  'trailing-spaces': 'enable',
  truthy: { level: 'warning' },
};

test('ct lint finds nothing wrong with the YAML and the maintainers of the chart', async () => {
  const files = ['Chart.yaml', 'values.yaml'].map((name) => path.join(chart, name));
  const { stdout } = await run('yamllint', ['--strict', '-d', JSON.stringify({ rules: lintRules }), ...files]);
  expect(stdout).toBe('');
  expect(metadata.maintainers.map(({ name }) => name)).toEqual(['floe']);
});

interface Image {
  repository: string;
  tag: string;
}

test('a chart registry shows every image that the chart can run, and no other', () => {
  const listed = load(metadata.annotations['artifacthub.io/images'] ?? '');
  const { apache } = values.polaris as { apache: { image: Image; adminImage: Image } };
  const named: [string, Image | undefined][] = Object.entries(values).flatMap(([name, value]) => [
    [name, (value as { image?: Image } | null)?.image],
    ...(name === 'polaris'
      ? ([
          ['apachePolaris', apache.image],
          ['apachePolarisAdmin', apache.adminImage],
        ] as [string, Image][])
      : []),
  ]);
  const all = named.flatMap(([name, image]) =>
    image === undefined ? [] : [{ name, image: `docker.io/${image.repository}:${image.tag}` }],
  );
  expect(all.length).toBeGreaterThan(7);
  expect(listed).toEqual(all);
  expect(all[0]?.image).toContain(metadata.appVersion);
});

test('the README of the chart names its present version wherever it installs it from the registry', () => {
  const readme = readFileSync(path.join(chart, 'README.md'), 'utf8');
  const named = [...readme.matchAll(/(?:--version |floe-platform:)(\d\S+)/g)].map(([, version]) => version);
  expect(named.length).toBeGreaterThan(1);
  expect(new Set(named)).toEqual(new Set([metadata.version]));
});

/** Components that no profile runs. */
const optional =
  'redis.enabled=true,grafana.enabled=true,prometheus.enabled=true,minio.enabled=true,polaris.enabled=true,polaris.server=polaris';

test.each([
  ['1.27.0', ''],
  ['1.36.0', ''],
  ['1.27.0', optional],
  ['1.36.0', optional],
])(
  'all three profiles are right by the schemas of Kubernetes %s, with %j',
  { timeout: 120_000 },
  async (version, settings) => {
    const rendered = await Promise.all(
      ['minimal', 'full', 'production'].map(async (profile) => {
        const names = ['values.yaml', ...(profile === 'production' ? ['production.yaml'] : [])];
        const files = [
          path.join(chart, 'profiles', `${profile}.yaml`),
          ...names.map((file) => path.join(root, 'examples/floe/deploy', file)),
        ];
        const given = files.flatMap((file) => ['-f', file]);
        const { stdout } = await run('helm', [
          'template',
          'any',
          chart,
          ...given,
          '--set',
          settings,
          '--kube-version',
          version,
        ]);
        const file = path.join(directory, `${profile}-${version}-${settings.length}.yaml`);
        writeFileSync(file, stdout);
        return { file, kinds: loadAll(stdout).map((one) => (one as { kind: string } | null)?.kind) };
      }),
    );
    const kinds = rendered.flatMap((one) => one.kinds).filter((kind) => kind !== undefined);
    const custom = kinds.filter((kind) => kind === 'ExternalSecret').length;
    const files = rendered.map(({ file }) => file);
    expect(await validate(files, version)).toEqual({
      resources: [],
      summary: { valid: kinds.length - custom, invalid: 0, errors: 0, skipped: custom },
    });
    expect(kinds.length).toBeGreaterThan(70);
  },
);

test('the schemas are those of the oldest and of the newest Kubernetes that the action supports', () => {
  expect(metadata.kubeVersion).toBe('>=1.27.0-0');
  const minors = Object.keys(nodeImages).map((version) => Number(version.split('.')[1]));
  expect(Math.max(...minors)).toBe(36);
});

/** kubeconform as the lab made it, with the schemas beside it; of custom resources there is none. */
async function validate(files: string[], version: string): Promise<unknown> {
  const { stdout: found } = await run('sh', ['-c', 'command -v kubeconform']);
  const schemas = path.join(path.dirname(realpathSync(found.trim())), '../schemas');
  const location = `${schemas}/{{ .NormalizedKubernetesVersion }}{{ .StrictSuffix }}/{{ .ResourceKind }}{{ .KindSuffix }}.json`;
  const flags = ['-strict', '-summary', '-output', 'json', '-skip', 'ExternalSecret', '-schema-location', location];
  const ended = await run('kubeconform', [...flags, '-kubernetes-version', version, ...files]).catch(
    (error: { stdout: string }) => error,
  );
  return JSON.parse(ended.stdout);
}
