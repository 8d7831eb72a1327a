import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { placeHelper } from './place-helper.ts';
import { providePython } from './python-packages.ts';

/** The run that the test helper takes its notes for. */
export const helperRunId = 'run-1';

/** Provides pytest and the test helper, as the Job's volume shows it, to the tests of a file, with directories of its own. */
export function usePytest(name: string) {
  let ready: { program: string; packagesDir: string; root: string; helperDir: string } | undefined;
  const get = () => {
    if (ready === undefined) throw new Error('pytest is there once the tests of the file begin');
    return ready;
  };
  beforeAll(() => {
    const { program, packagesDir } = providePython();
    const root = mkdtempSync(path.join(tmpdir(), `${name}-`));
    ready = { program, packagesDir, root, helperDir: placeHelper(path.join(root, 'helper'), helperRunId) };
  }, 150_000);
  afterAll(() => ready && rmSync(ready.root, { recursive: true }));
  return {
    /** Path of the Python that has pytest. */
    get program(): string {
      return get().program;
    },
    /** A directory that is removed after the last test. */
    makeDirectory: (prefix: string): string => mkdtempSync(path.join(get().root, prefix)),
    /** The variables of a test container, with or without the helper. */
    variables: (resultsDir: string, { helper = true }: { helper?: boolean } = {}): Record<string, string> => ({
      PATH: process.env.PATH ?? '',
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONPATH: [get().packagesDir, ...(helper ? [get().helperDir] : [])].join(':'),
      ...(helper
        ? { K8S_TEST_PROGRESS_DIR: path.join(resultsDir, '.k8s-test'), K8S_TEST_PROGRESS_RUN: helperRunId }
        : {}),
    }),
  };
}
