import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installGlobally, packSources } from '../package/pack.ts';

const shop = path.resolve(import.meta.dirname, '../../examples/shop');
/** On the lab's machines the lab's node image; a stranger's machine pulls the default. */
const nodeImage = process.env.FLOE_LAB_NODE_IMAGE ? ` --node-image ${process.env.FLOE_LAB_NODE_IMAGE}` : '';

let directory: string;
let repository: string;
let env: NodeJS.ProcessEnv;
let commands = 0;
const image = `stranger-${process.pid}:ci`;
/** Images that had that name before. */
const replaced: string[] = [];

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'stranger-'));
  const program = installGlobally(packSources(directory), path.join(directory, 'prefix'));
  // A record of its own: what others keep on this machine is not removed.
  env = { ...process.env, PATH: `${path.dirname(program)}:${process.env.PATH}`, XDG_STATE_HOME: `${directory}/state` };
  repository = path.join(directory, 'shop');
  mkdirSync(repository);
  for (const name of ['Dockerfile', 'shop.py', 'chart'])
    cpSync(path.join(shop, name), path.join(repository, name), { recursive: true });
  // A name of its own: that of the example stays with an image that works.
  const values = path.join(repository, 'chart', 'values.yaml');
  writeFileSync(values, readFileSync(values, 'utf8').replace('shop:ci', image));
});
afterAll(() => {
  spawnSync('k8s-test', ['down'], { env });
  execFileSync('docker', ['image', 'rm', '--force', image, ...replaced], { stdio: 'ignore' });
  rmSync(directory, { recursive: true, force: true });
});

/** Types a command in the repository. */
function type(command: string): { status: number | null; stdout: string; stderr: string } {
  commands++;
  return spawnSync('bash', ['-c', command], { cwd: repository, env, encoding: 'utf8' });
}

/** The first line of the last screen: after the phases, an empty line and the verdict. */
function firstLineOf(output: string): string {
  return output.split('\n').find((line) => /^[✓✗■] \w+\b.* — /.test(line)) ?? '';
}

test('a stranger with a chart and a Dockerfile is green after three commands', () => {
  const init = type('k8s-test init');
  expect(init.status, init.stderr).toBe(0);
  for (const command of init.stdout
    .split('Next:\n')[1]!
    .trim()
    .split('\n')
    .map((line) => line.trim())) {
    const run = type(command === 'k8s-test run' ? `${command} --keep always${nodeImage}` : command);
    expect(run.status, `${command}\n${run.stdout}\n${run.stderr}`).toBe(0);
  }
  const result = JSON.parse(readFileSync(path.join(repository, 'k8s-test-results/integration/result.json'), 'utf8'));
  expect(result).toMatchObject({ outcome: 'passed', tests: { total: 1, passed: 1 } });
  expect(commands).toBe(3);
});

test('a service that does not start is named by the first line of the run, and its output is below', () => {
  const file = path.join(repository, 'shop.py');
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace('if __name__', 'raise SystemExit("no price list")\nif __name__'),
  );
  replaced.push(
    execFileSync('docker', ['image', 'inspect', '--format', '{{.Id}}', image], { encoding: 'utf8' }).trim(),
  );
  expect(type(`docker build --quiet --tag ${image} .`).status).toBe(0);
  const { status, stdout } = type('k8s-test rerun');
  expect(firstLineOf(stdout)).toMatch(/^✗ broken: chart — container shop of pod shop-\S+ crashes repeatedly/);
  expect(stdout).toContain('no price list');
  expect(status).toBe(2);
  expect(type('k8s-test down').status).toBe(0);
  expect(commands).toBeLessThan(10);
});
