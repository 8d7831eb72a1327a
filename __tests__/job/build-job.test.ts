import { describe, expect, test } from 'vitest';
import { buildJob, chooseCommand, type JobOptions } from '../../src/job/build-job.ts';

const options: JobOptions = {
  runId: 'abc',
  namespace: 'floe-test',
  tier: 'integration',
  image: 'runner:dev',
  isLoaded: true,
  entrypoint: undefined,
  command: undefined,
  args: undefined,
  env: [['A', '1']],
  volumes: [{ claimName: 'duckdb', mountPath: '/data', readOnly: true }],
  resultsPath: '/results',

  memory: '1Gi',
  cpu: '1',
  serviceAccount: undefined,
  nodeSelector: [],
  timeoutSeconds: 60,
  startupTimeoutSeconds: 60,
  graceSeconds: 30,
};

describe('the command', () => {
  const defaultArgs = ['tests/integration', '-v', '--junitxml=/results/junit.xml'];
  test.each<[string, Partial<JobOptions>, string[] | undefined, string[] | undefined]>([
    ['is pytest by default', {}, ['pytest'], defaultArgs],
    [
      'is left to an image whose entry point runs pytest',
      { entrypoint: ['uv', 'run', 'pytest'] },
      undefined,
      defaultArgs,
    ],
    ['is left to an image that runs pytest by its path', { entrypoint: ['/venv/bin/pytest'] }, undefined, defaultArgs],
    ['is pytest where the entry point is something else', { entrypoint: ['tini', '--'] }, ['pytest'], defaultArgs],
    ['is what the user gives', { command: ['make'], args: ['it'] }, ['make'], ['it']],
    ["is the image's own when the user gives arguments alone", { args: ['-x'] }, undefined, ['-x']],
    ["is the image's own for an empty list", { command: [] }, undefined, undefined],
  ])('%s', (_, some, command, args) => {
    expect(chooseCommand({ ...options, ...some })).toEqual({ command, args });
  });
});

test('the Job runs once, is never restarted, and mounts claims', () => {
  expect(buildJob(options)).toMatchObject({
    spec: {
      backoffLimit: 0,
      ttlSecondsAfterFinished: 3600,
      template: {
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          containers: [
            {
              imagePullPolicy: 'Never',
              resources: { limits: { memory: '1Gi' } },
              volumeMounts: [{ mountPath: '/data', readOnly: true }],
            },
          ],
          volumes: [{ persistentVolumeClaim: { claimName: 'duckdb' } }],
        },
      },
    },
  });
});

test("the API's own deadline is after ours, since it deletes the pod and its log", () => {
  const { spec } = buildJob(options) as { spec: { activeDeadlineSeconds: number } };
  expect(spec.activeDeadlineSeconds).toBeGreaterThan(60 + 60 + 30);
});

test('a pod has a token only with a ServiceAccount of the user', () => {
  expect(buildJob({ ...options, serviceAccount: 'tests' })).toMatchObject({
    spec: { template: { spec: { serviceAccountName: 'tests', automountServiceAccountToken: true } } },
  });
});

describe('a part of the tests that is asked for', () => {
  const report = ['-v', '--junitxml=/results/junit.xml'];
  const tests = ['tests/integration/test_x.py', '-k', 'not slow'];

  test('replaces the directory of the tier, and the report is written all the same', () => {
    expect(chooseCommand({ ...options, tests })).toEqual({ command: ['pytest'], args: [...tests, ...report] });
    expect(chooseCommand({ ...options, tests, args: ['-x', 'tests/integration/test_y.py', ...report] })).toEqual({
      command: undefined,
      args: ['-x', ...tests, ...report],
    });
  });

  test('replaces the file or directory of another layout that contains it', () => {
    const one = 'e2e/test_orders.py::test_health';
    const argsOf = (...args: string[]) => chooseCommand({ ...options, tests: [one], args }).args;
    expect(argsOf('e2e', '-v')).toEqual([one, '-v']);
    expect(argsOf('-v', './e2e/')).toEqual(['-v', one]);
    expect(argsOf('e2e/test_orders.py')).toEqual([one]);
    expect(argsOf('.', '-v')).toEqual([one, '-v']);
    // A marker, an option's directory, and a directory whose name only begins alike.
    expect(argsOf('-m', 'e2e', '--rootdir', '.', 'e2e')).toEqual(['-m', 'e2e', '--rootdir', '.', one]);
    expect(argsOf('e2e-slow')).toEqual(['e2e-slow', one]);
    expect(chooseCommand({ ...options, tests: [one], command: ['python', '-m', 'pytest', 'e2e'] })).toEqual({
      command: ['python', '-m', 'pytest', one],
      args: undefined,
    });
    expect(chooseCommand({ ...options, tests: ['e2e', '-k', 'health'], args: ['e2e', '-v'] }).args).toEqual([
      'e2e',
      '-k',
      'health',
      '-v',
    ]);
  });

  test('follows arguments that name no tests', () => {
    expect(chooseCommand({ ...options, tests, command: ['pytest'], args: report })).toEqual({
      command: ['pytest'],
      args: [...report, ...tests],
    });
  });
});

test('a pod that is kept for inspection is not deleted after an hour', () => {
  expect(buildJob({ ...options, isKept: true }).spec).not.toHaveProperty('ttlSecondsAfterFinished');
});
