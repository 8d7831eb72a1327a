import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { type RawInputs, renderInputErrors } from '../../src/inputs/schema.ts';
import { parseDuration } from '../../src/inputs/value-syntax.ts';

let directory: string;
const bundledChart = path.resolve('charts/floe-platform');

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'inputs-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const read = (given: RawInputs) => readInputs({ given, directory, bundledChart });
const errorsOf = (given: RawInputs) => renderInputErrors(read(given).errors ?? []);

describe('with nothing given', () => {
  test('the integration tier and its presets are taken', () => {
    const { inputs } = read({});
    expect(inputs).toMatchObject({
      tier: 'integration',
      profile: 'minimal',
      nodes: 1,
      namespace: 'floe-test',
      image: 'ghcr.io/floe/test-runner',
      resultsPath: '/results',
      timeoutSeconds: 1200,
      platformTimeoutSeconds: 600,
      command: undefined,
      resultsDir: path.join(directory, 'k8s-test-results/integration'),
    });
    expect(inputs?.valuesFiles).toEqual([path.join(bundledChart, 'profiles/minimal.yaml')]);
  });
});

describe('wrong inputs', () => {
  test('quote no value of those that may be passwords', () => {
    const password = 'hunter2-x';
    const errors = errorsOf({
      set: `auth.password=${password},rest`,
      'job-set': `auth.users={${password}`,
      env: `9TOKEN=${password}`,
      secret: `TOKEN=${password}`,
    });
    expect(errors).toEqual([
      'secret: "TOKEN=***" is not an input; did you mean secrets?',
      expect.stringMatching(
        /^set: "auth.password=\*\*\*" holds something that is not key=value; .*\(auth.password=…\)$/,
      ),
      'env: "9TOKEN=***" is not NAME=value, one a line',
      expect.stringMatching(/^job-set: "auth.users=\*\*\*" holds a list that does not end with }/),
      expect.stringMatching(/^job-set: "auth.users=\*\*\*" only applies to a Job of your own/),
    ]);
    const inReport = errorsOf({ mode: 'report', secrets: `TOKEN<<END\n${password}\nEND`, set: `a=${password}` });
    expect(inReport.join()).toContain('secrets: "TOKEN=***" has no meaning in mode report');
    expect(inReport.join()).not.toContain(password);
  });

  test('name a secret number that helm could only read from its command line', () => {
    const given = { secrets: 'PIN=4711471\nTOKEN=text-of-it', set: 'auth.pin=4711471\nauth.token=text-of-it\nport=80' };
    expect(errorsOf(given)).toEqual([
      expect.stringMatching(/^set: "\*\*\*" gives auth\.pin the number that is the secret PIN, .*a file of values$/),
    ]);
    expect(errorsOf({ ...given, set: 'auth.token=text-of-it' })).toEqual([]);
  });

  test('are all named at once, each with its value and what would be right', () => {
    const errors = errorsOf({ tier: 'integrations', timeout: '20x', nodes: 'two', image: 'a b', 'no-such-input': '1' });
    expect(errors).toEqual([
      'no-such-input: "1" is not an input',
      'tier: "integrations" is not known; choose one of unit, integration, e2e, staging',
      'nodes: "two" is not a whole number from 1 to 20',
      'image: "a b" is not an image name; write it in small letters as registry/name:tag or name@sha256:…',
      'timeout: "20x" is not a duration; write it as 90s, 20m or 1h30m',
    ]);
  });

  test('a value that cannot be read hides no file that is missing', () => {
    expect(errorsOf({ timeout: 'soon', values: 'no.yaml' })).toEqual([
      'timeout: "soon" is not a duration; write it as 90s, 20m or 1h30m',
      `values: "no.yaml" does not exist (looked for ${directory}/no.yaml)`,
    ]);
  });

  test('a mistyped name is answered with the name that was meant', () => {
    expect(errorsOf({ 'result-path': '/out' })).toEqual([
      'result-path: "/out" is not an input; did you mean results-path?',
    ]);
  });

  test.each([
    [{ values: 'https://example.com/values.yaml' }, /^values: "https:\S+" does not exist/],
    [{ memory: '2GB' }, /^memory: "2GB" is not a Kubernetes quantity; write memory as 512Mi or 2Gi/],
    [{ cpu: '500mi' }, /^cpu: "500mi" is not a Kubernetes quantity; .*cpu as 500m or 2$/],
    [{ timeout: '20min' }, /^timeout: "20min" is not a duration; write it as 90s, 20m or 1h30m$/],
    [{ chart: 'bitnami/postgresql' }, /; a chart of a repository is written as https:\/\/charts\.example\.com#name$/],
    [{ 'helm-version': '3' }, /^helm-version: "3" is not a version; write it as v1\.2\.3$/],
    [{ 'kind-version': 'latest' }, /^kind-version: "latest" is not a version; /],
    [{ keep: 'yes' }, /^keep: "yes" is not known; choose one of never, failure, always$/],
    [{ nodes: 'two' }, /^nodes: "two" is not a whole number from 1 to 20$/],
    [{ image: 'My/Image:latest' }, /^image: "My\/Image:latest" is not an image name; write it in small letters/],
    [{ 'node-selector': 'disk:ssd' }, /^node-selector: "disk:ssd" is not label=value/],
    [{ volumes: '/data' }, /^volumes: "\/data" is not CLAIM=\/path/],
  ] as const)('as other tools take it, %j, is answered with how it is written here', (given, words) => {
    expect(errorsOf(given)[0]).toMatch(words);
  });

  test('a file that is not there is named with the place where it was looked for', () => {
    expect(errorsOf({ values: 'no.yaml' })).toEqual([
      `values: "no.yaml" does not exist (looked for ${directory}/no.yaml)`,
    ]);
  });

  test('retries need a cluster, and a command for them has a place for the names of the tests', () => {
    expect(errorsOf({ retries: '1', tier: 'unit' })[0]).toMatch(/^retries: "1" needs a cluster/);
    expect(errorsOf({ retries: '2', 'retry-command': 'gotestsum -- -run ^{tests}$' })).toEqual([]);
    expect(errorsOf({ 'retry-command': 'gotestsum' })).toEqual([
      'retry-command: "gotestsum" does not say where the names of the tests go; write {tests} there',
      'retry-command: "gotestsum" has no meaning without retries; give it 1 or 2',
    ]);
  });

  test('a history may be a file that is not there yet, and no directory, link or file of the results', () => {
    const at = (name: string) => path.join(directory, name);
    expect(errorsOf({ history: 'new/history.json' })).toEqual([]);
    mkdirSync(at('held'), { recursive: true });
    expect(errorsOf({ history: 'held' })).toEqual(['history: "held" is a directory; name a file']);
    symlinkSync('/etc/hostname', at('link.json'));
    expect(errorsOf({ history: 'link.json' })).toEqual([
      `history: "link.json" leads through the symbolic link ${at('link.json')}; choose a file without links in its path`,
    ]);
    expect(errorsOf({ 'results-dir': 'out', history: 'out/history.json' })).toEqual([
      'history: "out/history.json" lies in results-dir, which each run empties; name another place',
    ]);
  });

  test('shards are refused where there is no cluster to run them in, and below 1', () => {
    expect(errorsOf({ tier: 'unit', shards: '2' })).toEqual([
      'shards: "2" needs a cluster, and tier unit runs on the runner itself; leave it out',
    ]);
    expect(errorsOf({ tier: 'unit', shards: 'auto' })).toContain(
      'shards: "auto" needs a cluster, and tier unit runs on the runner itself; leave it out',
    );
    expect(errorsOf({ shards: 'auto' })).toEqual([
      'shards: "auto" needs the input history, a file that keeps how long each test took',
    ]);
    expect(errorsOf({ shards: 'auto', history: '.times.json' })).toEqual([]);
    expect(errorsOf({ shards: 'many' })).toEqual(['shards: "many" is not auto or a whole number from 1 to 100']);
    expect(errorsOf({ shards: '0' })).toEqual([expect.stringMatching(/^shards: "0" /)]);
    expect(errorsOf({ tier: 'unit', shards: '1' })).toEqual([]);
  });

  test('what an existing cluster cannot use is refused, with what to do instead, and its way where there is none', () => {
    const given = { cluster: 'existing', nodes: '3', 'load-images': 'a:1', build: '.', context: 'x' };
    const problems = errorsOf(given);
    expect(problems).toContain('nodes: "3" has no meaning for an existing cluster: leave it out');
    expect(problems).toContainEqual(expect.stringMatching(/^load-images: "a:1" .*: push them to a registry/));
    expect(problems).toContainEqual(expect.stringMatching(/^build: "." .*: build and push it in a step before/));
    expect(errorsOf({ kubeconfig: 'nowhere' })).toEqual([
      `kubeconfig: "nowhere" does not exist (looked for ${directory}/nowhere)`,
      'kubeconfig: "nowhere" only applies to cluster existing; give that, or leave it out',
    ]);
    expect(errorsOf({ tier: 'unit', cluster: 'existing' })).toEqual([
      'cluster: "existing" contradicts tier unit, which runs on this machine',
    ]);
  });

  test('a profile that the chart does not have is answered with those it has', () => {
    expect(errorsOf({ profile: 'maximal' })).toEqual([
      'profile: "maximal" needs profile "maximal", which the chart does not have; it has full, minimal, production',
    ]);
  });

  test('profile none with a chart is a contradiction', () => {
    expect(errorsOf({ profile: 'none', chart: '.' })[0]).toMatch(/^chart: "\." contradicts profile "none"/);
  });

  test('a results-path with ".." is refused', () => {
    expect(errorsOf({ 'results-path': '/results/../etc' })[0]).toMatch(/^results-path/);
  });
});

describe('kind-config', () => {
  test('brings its own number of nodes', () => {
    const node = '{role: worker}';
    const text = `kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [${node}, ${node}]\n`;
    writeFileSync(path.join(directory, 'kind.yaml'), text);
    expect(read({ 'kind-config': 'kind.yaml' }).inputs).toMatchObject({ nodes: 2 });
  });

  test('that is invalid is reported with all other errors, before anything is downloaded', () => {
    writeFileSync(path.join(directory, 'kind.yaml'), 'kind: Config\n');
    expect(errorsOf({ 'kind-config': 'kind.yaml', values: 'no.yaml' })).toEqual([
      `values: "no.yaml" does not exist (looked for ${directory}/no.yaml)`,
      expect.stringMatching(/^kind-config: "kind.yaml" is not a Kind config: it does not say "kind: Cluster"/),
    ]);
  });
});

describe('results-dir', () => {
  test('is refused where it is a link, or a link of the checkout leads to it, and nothing is touched', () => {
    const elsewhere = mkdtempSync(path.join(tmpdir(), 'elsewhere-'));
    try {
      symlinkSync(elsewhere, path.join(directory, 'k8s-test-results'));
      symlinkSync('k8s-test-results', path.join(directory, 'again'));
      symlinkSync(path.join(elsewhere, 'not-there'), path.join(directory, 'dangling'));
      symlinkSync('..', path.join(directory, 'up'));
      mkdirSync(path.join(directory, 'real'));
      symlinkSync(elsewhere, path.join(directory, 'real', 'link'));
      symlinkSync(directory, path.join(elsewhere, 'of-the-machine'));
      for (const [given, link] of [
        [undefined, 'k8s-test-results'],
        ['k8s-test-results/new', 'k8s-test-results'],
        ['again', 'again'],
        ['again/deep/er', 'again'],
        ['dangling', 'dangling'],
        ['up/out', 'up'],
        ['real/link/x', 'real/link'],
        [path.join(directory, 'dangling'), 'dangling'],
      ])
        expect(errorsOf(given === undefined ? {} : { 'results-dir': given })).toEqual([
          expect.stringContaining(` leads through the symbolic link ${path.join(directory, link!)}; `),
        ]);
      // The machine's own links are no business of ours, unless they lead to the user's files.
      const machines = path.join(elsewhere, 'of-the-machine');
      expect(errorsOf({ 'results-dir': machines })).toEqual([expect.stringContaining('leads through')]);
      expect(errorsOf({ 'results-dir': path.join(machines, 'out') })).toEqual([]);
      symlinkSync(path.dirname(directory), path.join(elsewhere, 'above'));
      const workspace = path.join(elsewhere, 'above', path.basename(directory));
      expect(errorsOf({ 'results-dir': workspace })).toEqual([expect.stringContaining('holds your files')]);
      expect(readdirSync(elsewhere).sort()).toEqual(['above', 'of-the-machine']);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  test('a directory with files of the user is refused, so that nothing of theirs is lost', () => {
    mkdirSync(path.join(directory, 'out'));
    writeFileSync(path.join(directory, 'out/thesis.tex'), '');
    expect(errorsOf({ 'results-dir': 'out' })).toEqual([
      'results-dir: "out" holds files that no run wrote (thesis.tex); choose an empty or new directory',
    ]);
  });

  test('a directory that an earlier run filled is taken again', () => {
    mkdirSync(path.join(directory, 'out'));
    writeFileSync(path.join(directory, 'out/result.json'), '{}');
    expect(errorsOf({ 'results-dir': 'out' })).toEqual([]);
  });

  test.each(['.', '..', '/', homedir()])('%s holds what is not ours', (dir) => {
    expect(errorsOf({ 'results-dir': dir })[0]).toMatch(/^results-dir: .* holds your files/);
  });
});

describe('command and args', () => {
  test('a line is split as a shell would', () => {
    expect(read({ args: `-k "a or b" 'c d' e\\ f` }).inputs?.args).toEqual(['-k', 'a or b', 'c d', 'e f']);
  });
  test('a YAML list is taken as it is', () => {
    expect(read({ command: '["sh", "-c", "echo 1"]' }).inputs?.command).toEqual(['sh', '-c', 'echo 1']);
    expect(read({ command: '- sh\n- -c' }).inputs?.command).toEqual(['sh', '-c']);
  });
  test("an empty list keeps the image's own", () => {
    expect(read({ command: '[]' }).inputs?.command).toEqual([]);
  });
  test('an open quote is an error', () => {
    expect(errorsOf({ args: `-k "a` })[0]).toMatch(/^args: .* neither a YAML list/);
  });
});

describe('the project file', () => {
  const write = (text: string) => writeFileSync(path.join(directory, '.k8s-test.yaml'), text);

  test('gives the defaults of the tier, and what is given wins over it', () => {
    write(
      'integration:\n  image: mine:1\n  nodes: 2\n  env: [A=1, "B=x y"]\n  args: [a b, c]\ne2e:\n  image: other:1\n',
    );
    const { inputs } = read({ nodes: '3' });
    expect(inputs).toMatchObject({
      image: 'mine:1',
      nodes: 3,
      env: [
        ['A', '1'],
        ['B', 'x y'],
      ],
      args: ['a b', 'c'],
    });
  });

  test('unknown tiers and inputs in it are errors', () => {
    write('integratoin: {}\nintegration:\n  imgae: x\n');
    expect(errorsOf({})).toEqual([
      '.k8s-test.yaml: "integratoin" is not a tier; choose one of unit, integration, e2e, staging',
      'integration.imgae: "" is not an input; did you mean image?',
    ]);
  });

  test('that is no YAML is an error and not an empty file', () => {
    write('a: [');
    expect(errorsOf({})[0]).toMatch(/^\.k8s-test\.yaml: .* is not YAML/);
  });
});

test.each([
  ['90s', 90],
  ['20m', 1200],
  ['1h30m', 5400],
  ['0s', undefined],
  ['', undefined],
  ['5', undefined],
  ['-5m', undefined],
  ['1.5h', undefined],
])('duration %s is %s seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test('volumes are claims with paths', () => {
  expect(read({ volumes: 'duckdb=/data:ro\nlake=/lake' }).inputs?.volumes).toEqual([
    { claimName: 'duckdb', mountPath: '/data', readOnly: true },
    { claimName: 'lake', mountPath: '/lake', readOnly: false },
  ]);
});

describe('mode report', () => {
  test('takes what a roll-up needs, and writes to a directory of its own', () => {
    const needs = JSON.stringify({ unit: { result: 'success', outputs: {} }, e2e: { result: 'failure', outputs: {} } });
    const { inputs } = read({ mode: 'report', expect: 'unit\ne2e', needs, leg: '{"matrix": null, "legs": ""}' });
    expect(inputs).toMatchObject({
      mode: 'report',
      legsDir: undefined,
      legArtifacts: ['k8s-test-*'],
      expected: ['unit', 'e2e'],
      jobResults: { unit: { result: 'success' }, e2e: { result: 'failure' } },
      leg: { matrix: '', legs: 1 },
      resultsDir: path.join(directory, 'k8s-test-results/report'),
    });
  });

  test('refuses what only a test could honour, and a test what only a roll-up could', () => {
    expect(errorsOf({ mode: 'report', image: 'a:b', timeout: '5m' })).toEqual([
      'image: "a:b" has no meaning in mode report',
      'timeout: "5m" has no meaning in mode report',
    ]);
    expect(errorsOf({ expect: 'unit' })).toEqual(['expect: "unit" has no meaning in mode test']);
  });

  test('names a directory of legs that is not there, and needs that are none', () => {
    expect(errorsOf({ mode: 'report', legs: 'no-such', needs: 'success' })).toEqual([
      'needs: "success" is not what toJSON(needs) gives: an object of jobs with their "result"',
      `legs: "no-such" does not exist (looked for ${path.join(directory, 'no-such')})`,
    ]);
  });
});

describe('secrets', () => {
  test('may have several lines, be empty, and hold what looks like another secret', () => {
    const key = '-----BEGIN KEY-----\nabc=\n-----END KEY-----';
    const { inputs } = read({ secrets: `TOKEN=a=b c \nKEY<<END\n${key}\nEND\n\nEMPTY=` });
    expect(inputs?.secrets).toEqual([
      ['TOKEN', 'a=b c '],
      ['KEY', key],
      ['EMPTY', ''],
    ]);
  });

  test('that are wrong are named without any text of their values', () => {
    const errors = errorsOf({
      secrets: 'A=hidden-one\nhidden-two\nB=hid\nA=hidden-three\nC<<END\nhidden-four',
      env: 'A=1',
    });
    expect(errors).toEqual([
      'secrets: "***" has in its line 2 something that is not NAME=value; write a value of several lines between NAME<<END and END',
      'secrets: "***" has no line that ends the value of C, which begins in line 5',
      'secrets: "***" gives A twice',
      'secrets: "***" gives B fewer than 4 characters, which cannot be masked; put short values into env',
      'env: "A" is given by secrets too; leave one of them out',
    ]);
  });
});

describe('a Job of the user’s own', () => {
  const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'it' } };
  const write = (document: object) => {
    writeFileSync(path.join(directory, 'job.yaml'), JSON.stringify(document));
    return 'job.yaml';
  };
  const containers = [{ name: 'one' }, { name: 'two' }];
  const whole = { ...job, spec: { template: { spec: { containers } } } };

  test('is read with the other inputs', () => {
    const { inputs } = read({ job: write(whole), container: 'two' });
    expect(inputs?.ownJob).toMatchObject({ kind: 'file', testJob: { container: 'two' } });
  });

  test('is refused with everything that is wrong, and with what only the built-in Job knows', () => {
    const errors = errorsOf({ job: write(whole), container: 'three', command: 'pytest', memory: '1Gi', image: 'a:b' });
    expect(errors).toEqual([
      'image: "a:b" contradicts job: your own Job says it in its manifest',
      'command: "pytest" contradicts job: your own Job says it in its manifest',
      'memory: "1Gi" contradicts job: your own Job says it in its manifest',
      'container: "three" is not a container of the Job; it has one, two',
    ]);
    expect(errorsOf({ job: write(job) })).toEqual([expect.stringMatching(/^job: "job.yaml" has no containers/)]);
    expect(errorsOf({ job: 'no.yaml' })).toEqual([expect.stringMatching(/^job: "no.yaml" does not exist/)]);
  });

  test('of the chart needs a chart, and is no file', () => {
    const templates = { 'job-templates': 'templates/job.yaml' };
    expect(read(templates).inputs?.ownJob).toMatchObject({ kind: 'templates', templates: ['templates/job.yaml'] });
    expect(errorsOf({ ...templates, tier: 'unit' })).toContainEqual(
      expect.stringMatching(/^job-templates: .* needs a cluster, and tier unit/),
    );
    expect(errorsOf({ ...templates, profile: 'none' })).toEqual([
      expect.stringMatching(/^job-templates: .* needs a chart/),
    ]);
    expect(errorsOf({ ...templates, job: write(whole), container: 'one' })).toEqual([
      expect.stringMatching(/^job-templates: .* contradicts job/),
    ]);
  });

  test('is what container and job-set are for', () => {
    expect(errorsOf({ container: 'one', 'job-set': 'a=b' })).toEqual([
      expect.stringMatching(/^container: "one" only applies to a Job of your own/),
      expect.stringMatching(/^job-set: "a=\*\*\*" only applies to a Job of your own/),
    ]);
  });
});
describe('registry-mirrors', () => {
  test('are lines, in which * means every other registry', () => {
    const lines = 'docker.io = http://10.0.0.5:5000/\nregistry-1.docker.io=https://b\n*=https://harbor/v2/all\n';
    expect(read({ 'registry-mirrors': lines }).inputs?.registryMirrors).toEqual([
      { registry: 'docker.io', address: 'http://10.0.0.5:5000' },
      { registry: 'docker.io', address: 'https://b' },
      { registry: '*', address: 'https://harbor/v2/all' },
    ]);
  });

  test.each([
    ['http://mirror', /is not registry=address/],
    ['https://docker.io=http://mirror', /is not registry=address/],
    ['docker.io=mirror:5000', /gives docker\.io a mirror that is no http\(s\) address; write it as docker\.io=http/],
    ['docker.io=http://me:secret@mirror', /a password in its address; "docker login mirror"/],
    ['docker.io=http://mirror/?a=1', /holds \? or #/],
  ])('%s is refused', (line, problem) => {
    expect(errorsOf({ 'registry-mirrors': line })).toEqual([expect.stringMatching(problem)]);
  });

  test.each([
    [
      'containerdConfigPatches',
      'containerdConfigPatches: ["[plugins.\\"io.containerd.grpc.v1.cri\\".registry.mirrors.\\"r\\"]"]',
    ],
    [
      'extraMounts',
      'nodes: [{role: control-plane, extraMounts: [{hostPath: /x, containerPath: /etc/containerd/certs.d}]}]',
    ],
  ])('beside mirrors in the %s of a kind-config are a contradiction', (where, text) => {
    writeFileSync(path.join(directory, 'kind.yaml'), `kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n${text}\n`);
    expect(errorsOf({ 'kind-config': 'kind.yaml', 'registry-mirrors': 'r=http://m' })).toEqual([
      expect.stringMatching(new RegExp(`^registry-mirrors: .* contradicts kind-config, whose ${where}`)),
    ]);
    expect(errorsOf({ 'kind-config': 'kind.yaml' })).toEqual([]);
  });
});

describe('build', () => {
  beforeEach(() => {
    mkdirSync(path.join(directory, 'app'));
    writeFileSync(path.join(directory, 'app/Dockerfile'), '');
    writeFileSync(path.join(directory, 'app/tests.Dockerfile'), '');
  });

  test('names what is built, and leaves the name to the run', () => {
    expect(read({ build: 'app' }).inputs).toMatchObject({
      build: { context: path.join(directory, 'app'), dockerfile: undefined },
      image: '',
    });
  });

  test('gives it the name in the input image', () => {
    expect(read({ build: 'app', image: 'mine:1', dockerfile: 'app/tests.Dockerfile' }).inputs).toMatchObject({
      build: { dockerfile: path.join(directory, 'app/tests.Dockerfile') },
      image: 'mine:1',
    });
  });

  test.each<[string, RawInputs, RegExp]>([
    ['a directory that is not there', { build: 'no' }, /^build: "no" does not exist/],
    ['a file', { build: 'app/Dockerfile' }, /^build: .* is not a directory/],
    ['a directory without a Dockerfile', { build: '.' }, /^build: "\." holds no Dockerfile; name it with dockerfile/],
    ['a Dockerfile that is not there', { build: 'app', dockerfile: 'app/no' }, /^dockerfile: "app\/no" does not exist/],
    ['a Dockerfile and nothing to build', { dockerfile: 'app/Dockerfile' }, /^dockerfile: .* build does not say what/],
    ['a digest for a name', { build: 'app', image: `x@sha256:${'0'.repeat(64)}` }, /^image: .* holds a digest/],
  ])('%s is refused', (_, given, problem) => {
    expect(errorsOf(given)).toEqual([expect.stringMatching(problem)]);
  });
});

test.each(['x/Upper:1', 'x:', 'x@sha256:12', 'a//b:1', 'r.example/:1'])(
  'the image name %s is refused at once',
  (image) => {
    expect(errorsOf({ image })).toEqual([expect.stringMatching(/^image: .* is not an image name/)]);
  },
);
test.each(['x', 'x:V1.0-rc', 'r:5000/a_b/c--d:1', 'GHCR.example/x', `a/b:1@sha256:${'0'.repeat(64)}`])(
  'the image name %s is taken',
  (image) => {
    expect(errorsOf({ image })).toEqual([]);
  },
);
