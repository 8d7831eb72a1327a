import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ChartSource } from '../../src/inputs/chart-source.ts';
import { provideChart } from '../../src/platform/provide-chart.ts';
import { ChartRepository, packageChart } from '../support/registry/chart-repository.ts';
import { FaultProxy } from '../support/registry/fault-proxy.ts';
import { Registry, reader } from '../support/registry/registry.ts';

let root: string;
let repository: ChartRepository;
let privateRepository: ChartRepository;
let registry: Registry;
let privateRegistry: Registry;
let proxy: FaultProxy;
/** What helm and docker of a user have; the run must leave it as it is. */
let home: string;
const before = { ...process.env };

const versions = ['1.2.3', '1.3.0', '2.0.0', '3.0.0-beta.1'];

beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'chart-sources-'));
  home = path.join(root, 'home');
  mkdirSync(path.join(home, 'docker'), { recursive: true });
  Object.assign(process.env, {
    HELM_CONFIG_HOME: path.join(home, 'config'),
    HELM_CACHE_HOME: path.join(home, 'cache'),
    HELM_DATA_HOME: path.join(home, 'data'),
    DOCKER_CONFIG: path.join(home, 'docker'),
  });
  const small = write('small', 'version: 0.0.0');
  const other = write('other', 'version: 0.0.0');
  [repository, privateRepository, registry, privateRegistry] = await Promise.all([
    ChartRepository.start(),
    ChartRepository.start({ isPrivate: true }),
    Registry.start(),
    Registry.start({ isPrivate: true }),
  ]);
  const archives = versions.map((version) => packageChart(small, root, version));
  for (const version of versions) repository.add(small, version);
  repository.add(other, '1.0.0');
  privateRepository.add(small, '1.2.3');
  for (const archive of archives) registry.pushChart(archive, 'team');
  privateRegistry.pushChart(archives[0]!, 'team');
  proxy = await FaultProxy.start(registry.address, '127.0.0.1');
});
afterAll(async () => {
  await Promise.all([repository?.stop(), privateRepository?.stop(), proxy?.stop()]);
  registry?.stop();
  privateRegistry?.stop();
  process.env = before;
  rmSync(root, { recursive: true });
});
afterEach(() => {
  repository.giveUp();
  proxy.giveUp('team/small');
  for (const kind of ['config', 'cache', 'data']) rmSync(path.join(home, kind), { recursive: true, force: true });
  rmSync(path.join(home, 'docker', 'config.json'), { force: true });
});

/** Not `execFileSync`: the servers live in this process. */
function helm(args: string[], input?: string): Promise<unknown> {
  const running = promisify(execFile)('helm', args);
  running.child.stdin?.end(input);
  return running;
}

let count = 0;
/** Writes a chart with one ConfigMap; `metadata` goes into its Chart.yaml. */
function write(name: string, metadata: string, directory = root): string {
  const chart = path.join(directory, name);
  mkdirSync(path.join(chart, 'templates'), { recursive: true });
  writeFileSync(path.join(chart, 'Chart.yaml'), `apiVersion: v2\nname: ${name}\n${metadata}\n`);
  const words = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: "{{ .Release.Name }}-{{ .Chart.Name }}" }\n';
  writeFileSync(path.join(chart, 'templates', 'words.yaml'), words);
  return chart;
}

/** A directory of a test's own. */
function place(): string {
  count += 1;
  const directory = path.join(root, `place-${count}`);
  mkdirSync(directory);
  return directory;
}

/** As a run does it. `attemptSeconds` is short only where the other side never answers. */
async function provide(source: ChartSource, attemptSeconds = 20) {
  const said: string[] = [];
  const masked: string[] = [];
  const provided = await provideChart(source, {
    helm: 'helm',
    workDir: place(),
    signal: AbortSignal.timeout(90_000),
    say: (line) => said.push(line),
    mask: (secret) => masked.push(secret),
    limits: { attemptSeconds, retrySeconds: 0.1 },
  });
  const failure = provided.ok ? undefined : provided.failure;
  return { chart: provided.ok ? provided.value : undefined, failure, said: said.join('\n'), masked };
}

const local = (chart: string): ChartSource => ({ kind: 'local', path: chart });
const oci = (address: string, version?: string, name = 'small'): ChartSource => ({
  kind: 'oci',
  reference: `oci://${address}/team/${name}`,
  version,
});
const fromRepository = (address: string, version?: string, name = 'small'): ChartSource => ({
  kind: 'repository',
  address,
  name,
  version,
});

/** Templates that helm renders of a chart, as it names them. */
function render(chart: string): string[] {
  const printed = execFileSync('helm', ['template', 'x', chart], { encoding: 'utf8' });
  return [...printed.matchAll(/^# Source: (.*)$/gm)].map(([, source]) => source!);
}

const dockerLogin = (address: string, password = reader.password) =>
  writeFileSync(
    path.join(home, 'docker', 'config.json'),
    JSON.stringify({
      auths: { [address]: { auth: Buffer.from(`${reader.username}:${password}`).toString('base64') } },
    }),
  );

describe('a chart in an OCI registry', () => {
  test.each([
    [undefined, '2.0.0'],
    ['1.2.3', '1.2.3'],
    ['~1.2', '1.2.3'],
    ['^1', '1.3.0'],
    ['>=3.0.0-0', '3.0.0-beta.1'],
  ])('is pulled: %s is %s', async (version, expected) => {
    const { chart, said, failure } = await provide(oci(registry.address, version));
    expect(failure).toBeUndefined();
    expect(chart).toMatchObject({
      name: 'small',
      version: expected,
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    expect(said).toContain(`chart small ${expected}, ${chart!.digest}`);
    expect(render(chart!.path)).toEqual(['small/templates/words.yaml']);
  });

  test('is pulled by its tag or its digest', async () => {
    const first = await provide(oci(`${registry.address}`, '1.3.0'));
    const reference = `oci://${registry.address}/team/small`;
    const tagged = await provide({ kind: 'oci', reference: `${reference}:1.3.0`, version: undefined });
    const digested = await provide({
      kind: 'oci',
      reference: `${reference}@${first.chart!.digest}`,
      version: undefined,
    });
    for (const { chart } of [tagged, digested])
      expect(chart).toMatchObject({ version: '1.3.0', digest: first.chart!.digest });
  });

  test('that asks for a password is pulled with what docker login left, which is left as it is', async () => {
    dockerLogin(privateRegistry.address);
    const { chart } = await provide(oci(privateRegistry.address));
    expect(chart).toMatchObject({ version: '1.2.3' });
    expect(readdirSync(home, { recursive: true })).toEqual(['docker', 'docker/config.json']);
  });

  test('or with what helm registry login left', async () => {
    const args = ['registry', 'login', privateRegistry.address, '--username', reader.username, '--password-stdin'];
    await helm([...args, '--plain-http'], reader.password);
    const { chart } = await provide(oci(privateRegistry.address));
    expect(chart).toMatchObject({ version: '1.2.3' });
  });

  test.each([
    ['without a login', undefined],
    ['with a wrong one', 'no'],
  ])('%s is refused, with what to do', async (_, password) => {
    if (password !== undefined) dockerLogin(privateRegistry.address, password);
    const { failure, said } = await provide(oci(privateRegistry.address, '1.2.3'));
    expect(failure).toMatchObject({ kind: 'chart' });
    expect(failure!.reason).toMatch(
      /^chart oci:\/\/\S+\/team\/small 1\.2\.3 cannot be downloaded: .*(credential|unauthorized)/,
    );
    expect(failure!.hint).toMatch(/docker login/);
    expect(said).not.toMatch(/again in/);
  });

  test('whose version is not there is answered with the nearest there are', async () => {
    const { failure } = await provide(oci(registry.address, '1.2.9'));
    expect(failure).toMatchObject({
      kind: 'chart',
      reason: `there is no version 1.2.9 of oci://${registry.address}/team/small; the nearest are: 3.0.0-beta.1, 2.0.0, 1.3.0, 1.2.3`,
      hint: 'Give one of these as chart-version.',
    });
  });

  test('whose name is not there', async () => {
    const { failure } = await provide(oci(registry.address, '1.2.3', 'smal'));
    expect(failure).toMatchObject({ kind: 'chart', reason: `there is no chart oci://${registry.address}/team/smal` });
  });

  test.each([
    ['nobody listens', '127.0.0.1:1', /connection refused/],
    ['has no address', 'registry.invalid', /no such host/],
  ])('on a host where %s is told', async (_, address, words) => {
    const { failure, said } = await provide(oci(address, '1.0.0'));
    expect(failure?.reason).toMatch(words);
    expect(failure?.hint).toContain(`Is ${address} the right host`);
    expect(said).toMatch(/again in/);
  });

  test.each([
    ['manifests', { kind: 'reset' }, /reset by peer/],
    ['blobs', { kind: 'truncate' }, /reset by peer/],
    ['blobs', { kind: 'corrupt' }, /mismatched digest/],
    ['blobs', { kind: 'status', status: 403 }, /403: denied/],
    ['manifests', { kind: 'hang' }, /no end within \d+ s/],
  ] as const)('whose %s are met by %j is told', async (on, fault, words) => {
    proxy.plan('team/small', { fault, on });
    const { failure } = await provide(oci(proxy.address, '1.2.3'), fault.kind === 'hang' ? 3 : undefined);
    expect(failure).toMatchObject({ kind: 'chart' });
    expect(failure!.reason).toMatch(words);
    expect(failure!.hint).not.toBe('');
  });

  test('whose registry is in trouble for a moment is pulled all the same', async () => {
    proxy.plan('team/small', { fault: { kind: 'reset' }, on: 'manifests' });
    const provided = provide(oci(proxy.address, '1.2.3'));
    const watch = setInterval(() => proxy.attemptsAt('team/small') > 0 && proxy.giveUp('team/small'), 10);
    const { chart } = await provided;
    clearInterval(watch);
    expect(chart).toMatchObject({ version: '1.2.3' });
  });
});

describe('a chart in a chart repository', () => {
  test.each([
    [undefined, '2.0.0'],
    ['1.2.3', '1.2.3'],
    ['^1', '1.3.0'],
  ])('is pulled: %s is %s', async (version, expected) => {
    const { chart, said } = await provide(fromRepository(repository.address, version));
    expect(chart).toMatchObject({ name: 'small', version: expected });
    expect(said).toContain(`chart small ${expected}, ${chart!.digest}`);
    expect(repository.askedFor(`small-${expected}.tgz`)).toBe(1);
    // helm's own memory of it is gone with the run.
    expect(readdirSync(home)).toEqual(['docker']);
  });

  test("that asks for a password is pulled with the login of the user's helm, which is masked", async () => {
    const args = ['repo', 'add', 'mine', privateRepository.address, '--username', reader.username, '--password-stdin'];
    await helm(args, reader.password);
    const { chart, masked } = await provide(fromRepository(privateRepository.address));
    expect(chart).toMatchObject({ version: '1.2.3' });
    expect(masked).toEqual([reader.password]);
  });

  test('without a login is refused, with what to do', async () => {
    const { failure } = await provide(fromRepository(privateRepository.address));
    expect(failure?.reason).toMatch(/^chart http:\S+#small cannot be downloaded: .*401 Unauthorized$/);
    expect(failure?.hint).toMatch(/helm repo add --username/);
  });

  test('whose version is not there is answered with the nearest there are', async () => {
    const { failure } = await provide(fromRepository(repository.address, '1.2.9'));
    expect(failure?.reason).toBe(
      `${repository.address} has no version 1.2.9 of small; the nearest are: 3.0.0-beta.1, 2.0.0, 1.3.0, 1.2.3`,
    );
  });

  test('whose name is not there is answered with names like it', async () => {
    const { failure } = await provide(fromRepository(repository.address, undefined, 'smal'));
    expect(failure?.reason).toBe(`${repository.address} has no chart smal; the most similar names are small, other`);
  });

  test('at an address that is no repository', async () => {
    const { failure } = await provide(fromRepository(`${repository.address}/nowhere`));
    expect(failure?.reason).toMatch(/404 Not Found$/);
    expect(failure?.hint).toMatch(/Is 127\.0\.0\.1:\d+ a chart repository\?/);
  });

  test.each([
    ['index.yaml', { kind: 'status', status: 503 }, /503 Service Unavailable/],
    ['index.yaml', { kind: 'page' }, /unmarshal/],
    ['index.yaml', { kind: 'hang' }, /no end within \d+ s/],
    ['small-1.2.3.tgz', { kind: 'status', status: 404 }, /404 Not Found/],
    ['small-1.2.3.tgz', { kind: 'status', status: 401 }, /401 Unauthorized/],
    ['small-1.2.3.tgz', { kind: 'status', status: 500 }, /500 Internal Server Error/],
    ['small-1.2.3.tgz', { kind: 'cut' }, /reset by peer|unexpected EOF/],
    ['small-1.2.3.tgz', { kind: 'half' }, /small-1\.2\.3\.tgz does not match the index: it has sha256:/],
    ['small-1.2.3.tgz', { kind: 'page' }, /small-1\.2\.3\.tgz does not match the index/],
    ['small-1.2.3.tgz', { kind: 'hang' }, /no end within \d+ s/],
  ] as const)('whose %s is met by %j is told in one line', async (file, fault, words) => {
    repository.plan(file, fault);
    const { failure } = await provide(
      fromRepository(repository.address, '1.2.3'),
      fault.kind === 'hang' ? 3 : undefined,
    );
    expect(failure).toMatchObject({ kind: 'chart' });
    expect(failure!.reason).toMatch(words);
    expect(failure!.hint).not.toBe('');
  });

  test('with a temporary error is pulled all the same, with a warning', async () => {
    repository.plan('index.yaml', { kind: 'status', status: 503 }, 1);
    repository.plan('small-2.0.0.tgz', { kind: 'cut' }, 1);
    const { chart, said } = await provide(fromRepository(repository.address));
    expect(chart).toMatchObject({ version: '2.0.0' });
    expect(said.match(/again in 0\.1 s/g)).toHaveLength(2);
  });
});

describe('dependencies', () => {
  /** An umbrella over charts of all three kinds of places, and its neighbour. */
  function writeUmbrella(directory = place()): string {
    write('common', 'version: 0.1.0\ntype: library', directory);
    rmSync(path.join(directory, 'common', 'templates'), { recursive: true });
    write(
      'near',
      'version: 0.2.0\ndependencies: [{ name: common, version: 0.x.x, repository: "file://../common" }]',
      directory,
    );
    return write(
      'umbrella',
      `version: 1.0.0
dependencies:
  - { name: near, version: 0.x.x, repository: "file://../near" }
  - { name: small, version: ^1, repository: "oci://${registry.address}/team", alias: first }
  - { name: small, version: 2.0.0, repository: "${repository.address}", alias: second }`,
      directory,
    );
  }

  test('are got from directories, registries and repositories, into a copy', async () => {
    const umbrella = writeUmbrella();
    const { chart, failure, said } = await provide(local(umbrella));
    expect(failure).toBeUndefined();
    expect(chart).toMatchObject({ name: 'umbrella', version: '1.0.0', digest: '' });
    expect(render(chart!.path).sort()).toEqual([
      'umbrella/charts/first/templates/words.yaml',
      'umbrella/charts/near/templates/words.yaml',
      'umbrella/charts/second/templates/words.yaml',
      'umbrella/templates/words.yaml',
    ]);
    expect(readdirSync(path.join(chart!.path, 'charts')).sort()).toEqual([
      'near-0.2.0.tgz',
      'small-1.3.0.tgz',
      'small-2.0.0.tgz',
    ]);
    // The neighbour's own dependency, which helm does not get by itself.
    const inner = execFileSync('tar', ['-tzf', path.join(chart!.path, 'charts/near-0.2.0.tgz')], { encoding: 'utf8' });
    expect(inner).toMatch(/near\/charts\/common/);
    expect(said).toMatch(/dependencies of umbrella: near \(missing\), small \(missing\)/);
    expect(readdirSync(umbrella).sort()).toEqual(['Chart.yaml', 'templates']);
    expect(readdirSync(home)).toEqual(['docker']);
  });

  test('are those that Chart.lock names, and no newer ones', async () => {
    const umbrella = writeUmbrella();
    cpSync((await provide(local(umbrella))).chart!.path, umbrella, { recursive: true });
    const lock = path.join(umbrella, 'Chart.lock');
    expect(existsSync(lock)).toBe(true);
    rmSync(path.join(umbrella, 'charts'), { recursive: true });
    registry.pushChart(packageChart(path.join(root, 'small'), root, '1.9.0'), 'team');
    const { chart, failure } = await provide(local(umbrella));
    expect(failure).toBeUndefined();
    expect(readdirSync(path.join(chart!.path, 'charts'))).toContain('small-1.3.0.tgz');
  });

  test('that are there are used as they are, without a request', async () => {
    const umbrella = writeUmbrella();
    cpSync((await provide(local(umbrella))).chart!.path, umbrella, { recursive: true });
    repository.giveUp();
    // near itself has what it lacks only in the copy; its archive in charts/ is what counts.
    const { chart } = await provide(local(umbrella));
    expect(chart?.path).toBe(umbrella);
    expect(repository.askedFor('index.yaml')).toBe(0);
  });

  test('of another version than Chart.yaml wants are downloaded again: helm would install them without their alias', async () => {
    const directory = place();
    const chart = write(
      'app',
      `version: 1.0.0\ndependencies: [{ name: small, version: ^1, repository: "${repository.address}" }]`,
      directory,
    );
    await helm(['dependency', 'build', chart]);
    rmSync(path.join(chart, 'Chart.lock'));
    write(
      'app',
      `version: 1.0.0\ndependencies: [{ name: small, version: ^2, repository: "${repository.address}" }]`,
      directory,
    );
    const { chart: provided, said } = await provide(local(chart));
    expect(said).toContain('small (wrong version)');
    expect(readdirSync(path.join(provided!.path, 'charts'))).toEqual(['small-2.0.0.tgz']);
  });

  test('of a subchart that is unpacked in charts/ are downloaded too', async () => {
    const directory = place();
    write('common', 'version: 0.1.0', directory);
    const app = write('app', 'version: 1.0.0', directory);
    write(
      'web',
      'version: 1.0.0\ndependencies: [{ name: common, version: 0.x.x, repository: "file://../../../common" }]',
      path.join(app, 'charts'),
    );
    const { chart, failure } = await provide(local(app));
    expect(failure).toBeUndefined();
    expect(render(chart!.path)).toContain('app/charts/web/charts/common/templates/words.yaml');
    expect(existsSync(path.join(app, 'charts/web/charts'))).toBe(false);
  });

  test("come from a repository by the name that the user's helm gives it, with its login", async () => {
    const args = ['repo', 'add', 'mine', privateRepository.address, '--username', reader.username, '--password-stdin'];
    await helm(args, reader.password);
    const app = write(
      'app',
      'version: 1.0.0\ndependencies: [{ name: small, version: 1.2.3, repository: "@mine" }]',
      place(),
    );
    const { chart, failure, masked } = await provide(local(app));
    expect(failure).toBeUndefined();
    expect(readdirSync(path.join(chart!.path, 'charts'))).toEqual(['small-1.2.3.tgz']);
    expect(masked).toEqual([reader.password]);
  });

  test('of a chart in a read-only directory', async () => {
    const umbrella = writeUmbrella();
    chmodSync(umbrella, 0o555);
    const { failure } = await provide(local(umbrella));
    chmodSync(umbrella, 0o755);
    expect(failure).toBeUndefined();
  });

  const one = (dependency: string) => write('app', `version: 1.0.0\ndependencies: [${dependency}]`, place());
  test.each<[string, () => string, RegExp, RegExp]>([
    [
      'a version that is not there',
      () => one(`{ name: small, version: ^9, repository: "${repository.address}" }`),
      /^dependencies of app: can't get a valid version for .*"small".*"\^9"\)$/,
      /Chart\.yaml/,
    ],
    [
      'a version that is not in a registry',
      () => one(`{ name: small, version: ^9, repository: "oci://${registry.address}/team" }`),
      /^dependencies of app: oci:\/\/\S+\/team\/small has no version \^9 there$/,
      /Chart\.yaml/,
    ],
    [
      'a directory that is not there',
      () => one('{ name: small, version: ^1, repository: "file://../nowhere" }'),
      /^dependencies of app: there is no directory \S*nowhere$/,
      /file:\/\//,
    ],
    [
      'a name of a repository that nobody knows',
      () => one('{ name: small, version: ^1, repository: "@bitnami" }'),
      /^dependency small comes from @bitnami, but helm on this machine knows none$/,
      /helm repo add bitnami/,
    ],
    [
      'a repository that asks for a password',
      () => one(`{ name: small, version: ^1, repository: "${privateRepository.address}" }`),
      /^the repository http:\S+ of dependencies of app cannot be downloaded: .*401 Unauthorized$/,
      /helm repo add --username/,
    ],
    [
      'a host that is not there',
      () => one('{ name: small, version: ^1, repository: "oci://registry.invalid/team" }'),
      /^dependencies of app cannot be downloaded: .*no such host$/,
      /Is registry\.invalid the right host/,
    ],
    [
      'half an archive',
      () => {
        repository.plan('small-1.3.0.tgz', { kind: 'half' });
        return one(`{ name: small, version: ^1, repository: "${repository.address}" }`);
      },
      /^dependencies of app cannot be downloaded: small-1\.3\.0\.tgz is broken: unexpected EOF$/,
      /not serve a complete chart/,
    ],
    [
      'a Chart.lock that does not fit',
      () => {
        const app = one(`{ name: small, version: ^1, repository: "${repository.address}" }`);
        writeFileSync(path.join(app, 'Chart.lock'), 'dependencies: []\ndigest: sha256:00\n');
        return app;
      },
      /^dependencies of app: Chart\.lock does not fit Chart\.yaml$/,
      /helm dependency update/,
    ],
    ['itself', () => one('{ name: app, version: ^1, repository: "file://." }'), /depends on itself/, /^$/],
  ])('%s: told in one line, with what to do', async (_, chart, reason, hint) => {
    const { failure } = await provide(local(chart()));
    expect(failure).toMatchObject({ kind: 'chart' });
    expect(failure!.reason).toMatch(reason);
    expect(failure!.hint).toMatch(hint);
  });
});

describe('what is no chart', () => {
  test('is reported: a directory without Chart.yaml, half an archive, an archive of something else', async () => {
    const directory = place();
    const empty = path.join(directory, 'empty');
    mkdirSync(empty);
    expect((await provide(local(empty))).failure?.reason).toMatch(
      /empty is not a chart that helm can read: .*Chart\.yaml/,
    );
    const broken = path.join(directory, 'broken.tgz');
    writeFileSync(broken, 'not a chart');
    expect((await provide(local(broken))).failure?.reason).toMatch(/broken\.tgz is not a chart that helm can read: /);
    cpSync(path.join(root, 'small'), path.join(directory, 'content'), { recursive: true });
    const other = path.join(directory, 'other.tgz');
    execFileSync('tar', ['-czf', other, '-C', path.join(directory, 'content'), 'templates']);
    expect((await provide(local(other))).failure?.reason).toMatch(/other\.tgz is not a chart that helm can read: /);
  });
});
