import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runLabel } from '../job/build-job.ts';
import {
  buildTestHelper,
  helperVariables,
  listHelperFiles,
  type TestHelper,
  wantsTestHelper,
} from '../job/test-helper.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { createConfigMap } from '../kube/resources.ts';
import type { Run } from './run.ts';

/** The helper's source comes with us, in the nearest directory above this code: the bundler decides how deep that lies. */
function findHelperSource(): string {
  for (let here = import.meta.dirname; here !== path.dirname(here); here = path.dirname(here)) {
    const file = path.join(here, 'image-helper', 'k8s_test_progress.py');
    if (existsSync(file)) return file;
  }
  throw new Error(`image-helper/k8s_test_progress.py is not with the code in ${import.meta.dirname}`);
}

/** Puts the helper where the Job can mount it. Without it the tests run as well: what goes wrong is a warning. */
export async function provideHelper(run: Run, connection: KubeConnection): Promise<TestHelper | undefined> {
  const { inputs, record } = run;
  if (!wantsTestHelper(inputs.testHelper, run.image !== undefined, inputs.env)) return undefined;
  const helper = buildTestHelper({
    runId: record.content.runId,
    namespace: inputs.namespace,
    labels: { [runLabel]: record.content.runId },
    resultsPath: inputs.resultsPath,
    source: await readFile(findHelperSource(), 'utf8'),
    imagePythonPath: run.image?.pythonPath,
    env: inputs.env,
  });
  run.noteObjects([helper.configMap]);
  const created = await createConfigMap(connection, inputs.namespace, helper.configMap, run.signal);
  if (created.ok) return helper;
  run.warn(`the tests run without the test helper: ${created.failure.reason}`);
  return undefined;
}

/**
 * Puts the helper where tests on this machine find it: sessions of pytest are judged there as in a container.
 * @param variables what the tests are given.
 * @returns the variables that lead to it; none where it is off.
 */
export async function placeHelper(
  run: Run,
  variables: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  if (run.inputs.testHelper === 'off') return {};
  const directory = path.join(run.workDir, 'test-helper');
  for (const file of listHelperFiles(await readFile(findHelperSource(), 'utf8'))) {
    const target = path.join(directory, file.path);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, file.text);
  }
  const own = variables.PYTHONPATH ?? process.env.PYTHONPATH ?? '';
  return helperVariables({ directory, own, resultsPath: run.dir.results, runId: run.record.content.runId });
}
