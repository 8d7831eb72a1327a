/** Project files of strangers: every input that starts a program on the runner, and every way to name a file of it. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dump } from 'js-yaml';
import { expect } from 'vitest';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { testAttack } from './attempts.ts';

const bundledChart = path.resolve('charts/floe-platform');
const events = ['pull_request_target', 'workflow_run', 'issue_comment', 'issues', 'discussion', 'discussion_comment'];
/** Each with a value that a run which trusts the file would take. */
const forbidden: Record<string, string> = {
  kubeconfig: 'ci/kubeconfig',
  context: 'production',
  cluster: 'existing',
  'tools-mirror': 'https://evil.example',
  'tools-checksums': 'file.yaml',
  'kind-version': '0.31.0',
  'helm-version': '4.0.0',
  'kind-config': 'file.yaml',
  'node-image': 'evil/node:1',
  'registry-mirrors': 'docker.io=http://evil.example',
  chart: 'evil',
  job: 'file.yaml',
  'collector-image': 'evil/collector',
  'results-dir': 'out',
  'results-limit': '900Gi',
  keep: 'always',
  upload: 'never',
  'retention-days': '1',
  'artifact-name': 'release',
  mode: 'report',
  secrets: 'A=passed',
  legs: '.',
};

const expectNamed = (named: string[] | undefined, input: string) => expect(named).toContain(input);
const expectSome = (refused: unknown[]) => expect(refused.length).toBeGreaterThan(0);

testAttack(
  'project file',
  'a stranger neither starts a program on the runner nor names a file of it',
  async (attempt) => {
    const root = mkdtempSync(path.join(tmpdir(), 'attack-project-'));
    const checkout = path.join(root, 'checkout');
    for (const name of ['checkout/deep/er', 'home']) mkdirSync(path.join(root, name), { recursive: true });
    writeFileSync(path.join(root, 'home/token'), 'canary\n');
    writeFileSync(path.join(root, 'checkout/file.yaml'), 'a: b\n');
    const link = (target: string, name: string) => symlinkSync(target, path.join(checkout, name));
    link('../home/token', 'link');
    link('../home', 'directory');
    link('link', 'link-to-link');
    link('/', 'slash');
    link('deep/../../home/token', 'winding');
    link('.', 'here');
    const read = (entries: object, tier: string, event: string) => {
      writeFileSync(path.join(checkout, '.k8s-test.yaml'), dump({ [tier]: entries }));
      return readInputs({ given: { tier }, directory: checkout, bundledChart, env: { GITHUB_EVENT_NAME: event } });
    };
    try {
      for (const event of events)
        for (const tier of ['unit', 'integration', 'e2e', 'staging'])
          for (const [name, value] of Object.entries(forbidden))
            await attempt(`${event} ${tier} ${name}`, () => {
              const named = read({ [name]: value, timeout: '1m' }, tier, event).errors?.map(({ input }) => input);
              expectNamed(named, `.k8s-test.yaml ${name}`);
            });
      const outside =
        `link link-to-link winding directory/token here/link here/here/directory/token slash${root}/home/token
        slash/etc/passwd slash/proc/self/environ /proc/self/environ /etc/passwd /dev/stdin .. ../ / slash directory
        ../home/token deep/../../home/token deep/er/../../../home/token ./../home/token ..//home//token
        here/../../home/token ${root}/home/token`.split(/\s+/);
      for (const event of events)
        for (const file of outside)
          for (const entries of [
            { values: file },
            { values: ['file.yaml', file] },
            { values: `file.yaml\n   ${file}  \n` },
            { 'image-archives': file },
            { build: file },
            { build: 'deep', dockerfile: file },
          ])
            await attempt(`${event} ${JSON.stringify(entries)}`, () => {
              const { errors = [] } = read(entries, 'integration', event);
              const refused = errors.filter(({ problem }) => problem.includes('does not lie in the checkout'));
              expectSome(refused);
            });
    } finally {
      rmSync(root, { recursive: true });
    }
  },
);
