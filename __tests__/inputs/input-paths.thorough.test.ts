import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeRunner, type Runner, runnerUid, untilEnd } from '../support/as-runner.ts';

let runner: Runner;
let entries: { cli: string; action: string };
/** The user's own directory, in which runs begin. */
let project: string;
/** A directory that the user may not enter, with a file for each input. */
let locked: string;

const inputsOfPaths = {
  values: 'values.yaml',
  'image-archives': 'images.tar',
  'tools-checksums': 'sums.txt',
  'kind-config': 'kind.yaml',
  job: 'job.yaml',
  chart: 'chart',
  build: 'context',
  'results-dir': 'results',
};

beforeAll(() => {
  runner = makeRunner();
  cpSync('charts', path.join(runner.directory, 'charts'), { recursive: true });
  // Both programs are called main.
  const cli = path.join(runner.directory, 'bin/cli.mjs');
  renameSync(runner.bundle('src/cli/main.ts'), cli);
  entries = { cli, action: runner.bundle('src/action/main.ts') };
  project = path.join(runner.directory, 'home');
  locked = path.join(runner.directory, 'locked');
  for (const name of ['chart', 'context', 'results']) mkdirSync(path.join(locked, name), { recursive: true });
  for (const name of Object.values(inputsOfPaths))
    if (name.includes('.')) writeFileSync(path.join(locked, name), 'kind: Cluster\n');
  writeFileSync(path.join(locked, 'kubeconfig'), 'kind: Config\n');
  // Without permission to enter it, so that it is locked for any user of these tests.
  chmodSync(locked, 0o000);
}, 120_000);
afterAll(() => {
  chmodSync(locked, 0o700);
  rmSync(runner.directory, { recursive: true });
});

async function runCli(...args: string[]) {
  return untilEnd(runner.start(runner.node, [entries.cli, 'run', ...args], { cwd: project }));
}

async function runAction(inputs: Record<string, string>, env: Record<string, string> = {}) {
  const at = (name: string) => path.join(project, name);
  const files = { GITHUB_OUTPUT: at('.output'), GITHUB_STATE: at('.state'), GITHUB_STEP_SUMMARY: at('.summary') };
  for (const file of Object.values(files)) {
    writeFileSync(file, '');
    chmodSync(file, 0o666);
  }
  const given = Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
  );
  const ended = await untilEnd(
    runner.start(runner.node, [entries.action], { cwd: project, env: { ...given, ...files, ...env } }),
  );
  return { ...ended, outputs: readFileSync(at('.output'), 'utf8'), summary: readFileSync(at('.summary'), 'utf8') };
}

const at = (name: string) => path.join(locked, name);
const denied = () => `permission denied at ${locked} for user ${runnerUid}`;
const all = () => Object.entries(inputsOfPaths).map(([input, name]) => [input, at(name)] as const);

describe('a path that the user may not access', () => {
  test('in any input is wrong input of the command line, a line each, and hides no other error', async () => {
    const flags = all().flatMap(([input, file]) => [`--${input}`, file]);
    const { status, output } = await runCli(...flags, '--values', 'nothere.yaml', '--timeout', 'soon');
    for (const [input, file] of all())
      expect(output).toContain(`  ${input}: ${JSON.stringify(file)} may not be accessed: ${denied()}`);
    expect(output).toContain(`values: "nothere.yaml" does not exist (looked for ${project}/nothere.yaml)`);
    expect(output).toContain('timeout: "soon" is not a duration');
    expect(output).not.toMatch(/^\s+at /m);
    expect(status).toBe(3);
  });

  test('is reported by the action like any wrong input: annotations, outputs, summary, exit status 3', async () => {
    const { status, output, outputs, summary } = await runAction({
      build: at('context'),
      'kind-config': at('kind.yaml'),
      values: 'nothere.yaml',
    });
    expect(output.match(/^::error::.*$/gm)).toHaveLength(3);
    expect(output).toContain(`::error::build: ${JSON.stringify(at('context'))} may not be accessed: ${denied()}`);
    expect(outputs).toContain('broken');
    expect(summary).toContain('nothere.yaml');
    expect(status).toBe(3);
  });

  test('as kubeconfig or dockerfile is named too', async () => {
    mkdirSync(path.join(project, 'own-context'), { recursive: true });
    const build = await runCli('--build', 'own-context', '--dockerfile', at('Dockerfile'));
    expect(build.output).toContain(`dockerfile: ${JSON.stringify(at('Dockerfile'))} may not be accessed: ${denied()}`);
    const existing = await runCli('--cluster', 'existing', '--kubeconfig', at('kubeconfig'));
    expect(existing.output).toContain(
      `kubeconfig: ${JSON.stringify(at('kubeconfig'))} may not be accessed: ${denied()}`,
    );
    const found = await untilEnd(
      runner.start(runner.node, [entries.cli, 'run', '--tier', 'staging'], {
        cwd: project,
        env: { KUBECONFIG: at('kubeconfig') },
      }),
    );
    expect(found.output).toContain(`kubeconfig: ${JSON.stringify(at('kubeconfig'))} may not be accessed: ${denied()}`);
    expect([build.status, existing.status, found.status]).toEqual([3, 3, 3]);
  });
});

describe('a file that the user may enter to, but not read', () => {
  const files = { values: 'v.yaml', job: 'j.yaml', 'kind-config': 'k.yaml', 'image-archives': 'i.tar' };

  test('is wrong input by the name of the file, and a project file is not called broken YAML', async () => {
    const mode = (name: string, bits: number) => {
      writeFileSync(path.join(project, name), 'a: b\n');
      chmodSync(path.join(project, name), bits);
    };
    for (const name of Object.values(files)) mode(name, 0o000);
    mode('.k8s-test.yaml', 0o000);
    try {
      for (const [input, name] of Object.entries(files)) {
        const { status, output } = await runCli(`--${input}`, name);
        const why = `permission denied at ${path.join(project, name)} for user ${runnerUid}`;
        expect(output).toContain(`${input}: "${name}" may not be read: ${why}`);
        expect(output).toContain(`.k8s-test.yaml: "${project}/.k8s-test.yaml" may not be read: permission denied`);
        expect(output).not.toContain('YAML:');
        expect(status).toBe(3);
      }
    } finally {
      rmSync(path.join(project, '.k8s-test.yaml'));
    }
  });

  test('in a build context is the Dockerfile that is named', async () => {
    const context = path.join(project, 'context');
    mkdirSync(context);
    writeFileSync(path.join(context, 'Dockerfile'), 'FROM scratch\n');
    chmodSync(path.join(context, 'Dockerfile'), 0o000);
    chmodSync(context, 0o755);
    const { status, output } = await runCli('--build', 'context');
    expect(output).toContain('build: "context" holds a Dockerfile that may not be read: permission denied');
    expect(status).toBe(3);
  });
});

describe('a path that leads nowhere', () => {
  test('because its name is too long is wrong input', async () => {
    const name = 'x'.repeat(300);
    const { status, output } = await runCli(...Object.keys(inputsOfPaths).flatMap((input) => [`--${input}`, name]));
    for (const input of Object.keys(inputsOfPaths))
      expect(output).toMatch(new RegExp(`^  ${input}: "x+… may not be accessed: a name is too long$`, 'm'));
    expect(status).toBe(3);
  });

  test('because its links lead in a circle is wrong input', async () => {
    symlinkSync('circle', path.join(project, 'circle'));
    const { status, output } = await runCli(...Object.keys(inputsOfPaths).flatMap((input) => [`--${input}`, 'circle']));
    // A results directory may not be a link at all, wherever it leads.
    for (const input of Object.keys(inputsOfPaths))
      expect(output).toContain(
        input === 'results-dir'
          ? 'results-dir: "circle" leads through the symbolic link '
          : `${input}: "circle" may not be accessed: its symbolic links form a loop`,
      );
    expect(status).toBe(3);
  });

  test('because nothing may be made there is wrong input for results-dir before anything is made', async () => {
    const { status, output } = await runCli('--results-dir', '/proc/k8s-test-results');
    expect(output).toMatch(/results-dir: "\/proc\/k8s-test-results" may not be written: permission denied at \/proc/);
    expect(status).toBe(3);
  });
});

describe('a user without a place for the record of a run', () => {
  const nowhere = { HOME: '/nonexistent', XDG_STATE_HOME: '/nonexistent/state', RUNNER_TEMP: '/nonexistent/temp' };

  test('is reported by the command line in one line, with what to do', async () => {
    const { RUNNER_TEMP: _, ...laptop } = nowhere;
    const child = runner.start(
      '/usr/bin/env',
      ['-u', 'RUNNER_TEMP', runner.node, entries.cli, 'run', '--tier', 'unit'],
      {
        cwd: project,
        env: laptop,
      },
    );
    const { status, output } = await untilEnd(child);
    expect(output).toMatch(
      /^the record of the run cannot be saved in \/nonexistent\/state\/k8s-test-action: permission denied\. Fix: Name a directory .*XDG_STATE_HOME/m,
    );
    expect(output).not.toMatch(/^\s+at /m);
    expect(status).toBe(2);
  });

  test('is reported by the action as the cause of the red step and in its outputs', async () => {
    const { status, output, outputs } = await runAction({ tier: 'unit' }, nowhere);
    expect(output).toMatch(/^::error title=k8s-test%3A results::the record of the run cannot be saved/m);
    expect(outputs).toContain('the record of the run cannot be saved');
    expect(status).toBe(2);
  });
});
