import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { planSplit } from '../history/split-plan.ts';
import type { TestHistory } from '../history/test-history.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import { runLabel } from '../job/build-job.ts';
import { namesShard } from '../job/shard-job.ts';
import {
  buildTestHelper,
  helperVariables,
  listHelperFiles,
  type TestHelper,
  wantsTestHelper,
} from '../job/test-helper.ts';
import { createConfigMap } from '../kube/resources.ts';
import type { Platform } from './progress.ts';
import type { Run } from './run.ts';

/** The helper's source is part of this package, in the nearest directory above this code: the depth depends on the bundler. */
function findHelperSource(): string {
  for (let here = import.meta.dirname; here !== path.dirname(here); here = path.dirname(here)) {
    const file = path.join(here, 'image-helper', 'k8s_test_progress.py');
    if (existsSync(file)) return file;
  }
  throw new Error(`image-helper/k8s_test_progress.py is not with the code in ${import.meta.dirname}`);
}

/** Whether the helper is to divide the tests: where the command names its shard, the test tool does. */
function dividesTests({ shards, command = [], args = [] }: Inputs): boolean {
  return shards > 1 && ![...command, ...args].some(namesShard);
}

/** The helper itself takes 20 KB of the 1 MiB that a ConfigMap has. */
const maxPlanBytes = 800_000;

/** By the times of earlier runs, where they are known. */
function planShards({ inputs, reporter, retry }: Run, history: TestHistory): string {
  const { text, imbalance } = planSplit(history, inputs.shards, maxPlanBytes);
  if (imbalance !== undefined && retry === undefined)
    reporter.say(`shards are planned by earlier runs: the longest takes ${imbalance.toFixed(2)} times the mean`);
  return text;
}

/** Puts the helper where the Job can mount it. Without it the tests run as well: an error is only a warning. */
export async function provideHelper(
  run: Run,
  platform: Platform,
  history: TestHistory,
): Promise<TestHelper | undefined> {
  const { inputs, record } = run;
  const { test: image } = platform.images;
  if (!wantsTestHelper(inputs.testHelper, image !== undefined, inputs.env)) {
    if (dividesTests(inputs))
      run.reporter.say(`the test helper is not mounted: ${inputs.shards} shards must divide the tests themselves`);
    return undefined;
  }
  const helper = buildTestHelper({
    runId: record.content.runId,
    namespace: inputs.namespace,
    labels: { [runLabel]: record.content.runId },
    resultsPath: inputs.resultsPath,
    source: await readFile(findHelperSource(), 'utf8'),
    imagePythonPath: image?.pythonPath,
    env: inputs.env,
    list: run.retry?.selection.kind === 'list' ? run.retry.selection.list : undefined,
    suffix: run.retry === undefined ? '' : `-${run.retry.name}`,
    plan: dividesTests(inputs) ? planShards(run, history) : undefined,
  });
  run.noteObjects(platform, [helper.configMap]);
  const created = await createConfigMap(platform.connection, inputs.namespace, helper.configMap, run.signal);
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
