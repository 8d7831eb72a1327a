import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readInputs, readOnlySecrets } from '../../src/inputs/read-inputs.ts';
import { type RawInputs, renderInputErrors } from '../../src/inputs/schema.ts';

let root: string;
let checkout: string;
const bundledChart = path.resolve('charts/floe-platform');

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'project-file-'));
  checkout = path.join(root, 'checkout');
  mkdirSync(path.join(checkout, 'tests'), { recursive: true });
  mkdirSync(path.join(root, 'home'));
  for (const file of ['checkout/values.yaml', 'checkout/tests/Dockerfile', 'checkout/images.tar', 'home/secret.yaml'])
    writeFileSync(path.join(root, file), 'kind: Cluster\n');
});
afterEach(() => rmSync(root, { recursive: true }));

function read(file: string, given: RawInputs = {}, event = 'pull_request') {
  writeFileSync(path.join(checkout, '.k8s-test.yaml'), file);
  const env = { GITHUB_EVENT_NAME: event, HOME: path.join(root, 'home') };
  return readInputs({ given, directory: checkout, bundledChart, env });
}
const errorsOf = (...call: Parameters<typeof read>) => renderInputErrors(read(...call).errors ?? []);
const ofIntegration = (line: string) => `integration:\n  ${line}\n`;

describe('a project file in the checkout of a stranger', () => {
  test.each(['pull_request_target', 'workflow_run', 'issue_comment', 'issues', 'discussion_comment'])(
    'may not choose a kubeconfig on the event %s, whose workflow is of another commit',
    (event) => {
      expect(errorsOf(ofIntegration('kubeconfig: ci/kubeconfig'), {}, event)).toEqual([
        `.k8s-test.yaml kubeconfig: "ci/kubeconfig" may not be set by this file, since project-file is safe on the event ${event}: give it in the workflow (with:), or set project-file: all there if the author of this file may run programs on the runner`,
      ]);
    },
  );

  test.each(['push', 'pull_request', 'schedule', 'workflow_dispatch'])('sets every input on the event %s', (event) => {
    const inputs = read(ofIntegration('keep: always\n  results-limit: 9Gi'), {}, event).inputs;
    expect(inputs).toMatchObject({ keep: 'always' });
  });

  test('is reported at once with every input that it must not set', () => {
    const file = `integration:
  tools-mirror: https://evil.example
  tools-checksums: sums.txt
  kind-version: 0.31.0
  helm-version: 4.0.0
  kind-config: kind.yaml
  node-image: evil/node:1
  registry-mirrors: docker.io=http://evil.example
  chart: evil
  job: job.yaml
  cluster: existing
  context: production
  collector-image: evil/collector
  results-dir: ../home
  results-limit: 900Gi
  keep: always
  upload: never
  retention-days: 1
  artifact-name: release
  mode: report
  secrets: A=passed
`;
    const errors = errorsOf(file, { 'project-file': 'safe' });
    expect(errors.map((line) => line.split(':')[0])).toEqual(
      [...file.matchAll(/^ {2}([\w-]+):/gm)].map(([, name]) => `.k8s-test.yaml ${name}`),
    );
    for (const line of errors)
      expect(line).toMatch(/ may not be set by this file, since project-file is safe: give it in the workflow/);
    expect(errors.join()).not.toContain('A=passed');
  });

  test('still selects what runs inside the cluster, with files of the checkout', () => {
    const file = `integration:
  profile: minimal
  values: values.yaml
  image-archives: images.tar
  build: tests
  command: pytest -k orders
  env: MODE=ci
  timeout: 5m
  junit: "*.xml"
`;
    const { inputs, errors } = read(file, {}, 'pull_request_target');
    expect(errors).toBeUndefined();
    expect(inputs).toMatchObject({
      command: ['pytest', '-k', 'orders'],
      timeoutSeconds: 300,
      build: { context: path.join(checkout, 'tests') },
      env: [['MODE', 'ci']],
    });
  });

  test('names no file outside of the checkout, be it by a path or by a link', () => {
    symlinkSync(path.join(root, 'home/secret.yaml'), path.join(checkout, 'innocent.yaml'));
    symlinkSync(path.join(root, 'home'), path.join(checkout, 'tests/home'));
    const safe = { 'project-file': 'safe' };
    for (const [line, outside] of [
      ['values: ../home/secret.yaml', '../home/secret.yaml'],
      [`values: ${root}/home/secret.yaml`, `${root}/home/secret.yaml`],
      ['values: [values.yaml, innocent.yaml]', 'innocent.yaml'],
      ['image-archives: tests/home/secret.yaml', 'tests/home/secret.yaml'],
      ['build: tests/home', 'tests/home'],
      ['build: ../home', '../home'],
      ['dockerfile: innocent.yaml', 'innocent.yaml'],
    ] as const) {
      const name = line.split(':')[0];
      expect(errorsOf(ofIntegration(line), safe)[0], line).toMatch(
        new RegExp(
          `^\\.k8s-test\\.yaml ${name}: .* names "${outside.replaceAll('.', '\\.')}", which does not lie in the checkout`,
        ),
      );
      // On a run that trusts the file this does not matter.
      expect(errorsOf(ofIntegration(line)).join()).not.toContain('checkout;');
    }
  });

  test('is not read through a link, whose target it would quote in its errors', () => {
    writeFileSync(path.join(root, 'home/token'), 'very-secret-token-of-the-runner: 1\n');
    symlinkSync(path.join(root, 'home/token'), path.join(checkout, '.k8s-test.yaml'));
    const { errors } = readInputs({
      given: {},
      directory: checkout,
      bundledChart,
      env: { GITHUB_EVENT_NAME: 'workflow_run' },
    });
    const said = renderInputErrors(errors ?? []).join('\n');
    expect(said).toMatch(/is a link to a file outside of the checkout/);
    expect(said).not.toContain('very-secret');
  });

  test('cannot change what runs in tier unit, which is the runner itself', () => {
    const file = 'unit:\n  command: sh evil.sh\n  args: x\n  env: LD_PRELOAD=evil.so\n  timeout: 1m\n';
    expect(errorsOf(file, { tier: 'unit' }, 'pull_request_target').map((line) => line.split(':')[0])).toEqual([
      '.k8s-test.yaml command',
      '.k8s-test.yaml args',
      '.k8s-test.yaml env',
    ]);
  });

  test('does no harm with what the workflow gives itself', () => {
    const { inputs } = read(ofIntegration('keep: always'), { 'project-file': 'safe', keep: 'failure' });
    expect(inputs).toMatchObject({ keep: 'failure' });
  });

  test('is passed over whole with none, and a mistyped level opens nothing', () => {
    expect(read('not: [yaml', { 'project-file': 'none' }).errors).toBeUndefined();
    expect(read(ofIntegration('keep: always'), { 'project-file': 'none' }).inputs).toMatchObject({ keep: 'never' });
    const errors = errorsOf(ofIntegration('keep: always'), { 'project-file': 'saef' });
    expect(errors[0]).toMatch(/^\.k8s-test\.yaml keep: "always" may not be set/);
    expect(errors[1]).toMatch(/^project-file: "saef" is not known; choose one of all, safe, none/);
  });

  test('does not decide how far it is trusted', () => {
    expect(errorsOf(ofIntegration('project-file: all'), {}, 'pull_request_target')).toEqual([
      'integration.project-file: "" cannot be set by the project file itself',
    ]);
    expect(errorsOf(ofIntegration('project-file: all'))).toHaveLength(1);
  });

  test('gives the post step no secrets where it may give the run none', () => {
    writeFileSync(path.join(checkout, '.k8s-test.yaml'), ofIntegration('secrets: TOKEN=of-the-file'));
    const secretsOf = (level: string) => readOnlySecrets({ given: { 'project-file': level }, directory: checkout });
    expect(secretsOf('all')).toEqual([['TOKEN', 'of-the-file']]);
    expect(secretsOf('safe')).toEqual([]);
    expect(secretsOf('none')).toEqual([]);
  });
});

describe('a project file whose tiers share inputs', () => {
  const file = `unit: &shared
  command: pytest -v
  env: [LOG=debug]
integration:
  <<: *shared
  keep: always
e2e:
  <<: [{keep: never, timeout: 9m}, *shared]
  env: [LOG=info]
`;

  test('by a merge key gives each tier what the anchor holds, and the own inputs of a tier win', () => {
    expect(read(file).inputs).toMatchObject({ keep: 'always', command: ['pytest', '-v'], env: [['LOG', 'debug']] });
    expect(read(file, { tier: 'e2e' }).inputs).toMatchObject({
      keep: 'never',
      timeoutSeconds: 540,
      env: [['LOG', 'info']],
    });
  });

  test('by a merge key is named with the wrong input that the anchor holds, in each tier', () => {
    const wrong = 'unit: &shared {comand: pytest}\nintegration: {<<: *shared}\n';
    expect(errorsOf(wrong)).toEqual([
      'unit.comand: "" is not an input; did you mean command?',
      'integration.comand: "" is not an input; did you mean command?',
    ]);
  });
});
