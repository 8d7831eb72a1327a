import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeChildEnvironment } from '../../src/tools/child-environment.ts';

/** The environment of an action's step on GitHub's runner 2.330, with values of ours. */
const ofStep = {
  PATH: '/usr/bin',
  HOME: '/home/runner',
  CI: 'true',
  GITHUB_ACTIONS: 'true',
  GITHUB_JOB: 'test',
  GITHUB_SHA: 'abc',
  GITHUB_WORKSPACE: '/f/workspace',
  RUNNER_TEMP: '/home/runner/work/_temp',
  K8S_TEST_RUN: '1234',
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'oidc',
  ACTIONS_ID_TOKEN_REQUEST_URL: 'https://oidc.example',
  ACTIONS_RUNTIME_TOKEN: 'runtime',
  ACTIONS_RUNTIME_URL: 'https://runtime.example',
  ACTIONS_RESULTS_URL: 'https://results.example',
  ACTIONS_CACHE_URL: 'https://cache.example',
  ACTIONS_CACHE_SERVICE_V2: 'True',
  GITHUB_ENV: '/f/env',
  GITHUB_OUTPUT: '/f/output',
  GITHUB_PATH: '/f/path',
  GITHUB_STATE: '/f/state',
  GITHUB_STEP_SUMMARY: '/f/summary',
  INPUT_SECRETS: 'TOKEN=canary',
  'INPUT_RESULTS-DIR': 'out',
  STATE_record: '/r/1.run.json',
};
const needed = [
  'PATH',
  'HOME',
  'CI',
  'GITHUB_ACTIONS',
  'GITHUB_JOB',
  'GITHUB_SHA',
  'GITHUB_WORKSPACE',
  'RUNNER_TEMP',
  'K8S_TEST_RUN',
];

describe('a program that we start', () => {
  test('has what a step of its own would have, the identity of the job included, and nothing of our own', () => {
    expect(Object.keys(makeChildEnvironment({}, 'tool', ofStep)).sort()).toEqual(
      [...needed, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'ACTIONS_ID_TOKEN_REQUEST_URL'].sort(),
    );
  });

  test('does not have the identity of the job when it is the tests', () => {
    expect(Object.keys(makeChildEnvironment({}, 'tests', ofStep)).sort()).toEqual([...needed].sort());
  });

  test('has what its call adds, be the name as it may, and lacks what its call removes', () => {
    const made = makeChildEnvironment({ GITHUB_ENV: '/own', INPUT_FILE: 'own', CI: undefined }, 'tests', ofStep);
    expect(made).toMatchObject({ GITHUB_ENV: '/own', INPUT_FILE: 'own' });
    expect(made.CI).toBeUndefined();
  });

  test("keeps a laptop's own variables, whose names merely look like those of an action", () => {
    const laptop = { PATH: '/usr/bin', STATE_DIR: '/var/state', INPUT_METHOD: 'ibus' };
    expect(makeChildEnvironment({}, 'tests', laptop)).toEqual(laptop);
  });
});

test('no program is started in src/ but with the environment that one function makes', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const starts = files.flatMap((name) => {
    const text = readFileSync(path.join('src', name), 'utf8');
    // Under any import name, nothing is started without this module.
    if (!/\b(from|import|require)\b\s*\(?\s*['"](node:)?(child_process|cluster|worker_threads)['"]/.test(text))
      return [];
    const calls = [...text.matchAll(/\b(spawn|spawnSync|exec|execSync|execFile|execFileSync|fork|Worker)\(/g)].length;
    const made = [...text.matchAll(/\benv: makeChildEnvironment\(/g)].length;
    return [{ name, calls, made }];
  });
  expect(starts).toEqual([
    { name: 'kube/credentials.ts', calls: 1, made: 1 },
    { name: 'tools/run-program.ts', calls: 1, made: 1 },
  ]);
  const spreads = files.filter((name) => /\.\.\.process\.env/.test(readFileSync(path.join('src', name), 'utf8')));
  expect(spreads).toEqual(['action/runner-variables.ts']);
});
