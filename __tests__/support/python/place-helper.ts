import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildTestHelper } from '../../../src/job/test-helper.ts';

const source = readFileSync(new URL('../../../image-helper/k8s_test_progress.py', import.meta.url), 'utf8');

/** Writes the helper into a directory, as the Job's volume shows it to a container. @returns the directory, for PYTHONPATH. */
export function placeHelper(directory: string, runId: string): string {
  const { configMap, volume } = buildTestHelper({
    runId,
    namespace: 'n',
    labels: {},
    resultsPath: '/results',
    source,
    imagePythonPath: undefined,
    env: [],
  });
  const { items } = (volume as { configMap: { items: { key: string; path: string }[] } }).configMap;
  for (const item of items) {
    const file = path.join(directory, item.path);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, configMap.data[item.key]!);
  }
  return directory;
}
