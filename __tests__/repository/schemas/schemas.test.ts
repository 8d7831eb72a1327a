import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, onTestFinished, test } from 'vitest';
import { inputDocs } from '../../../src/inputs/input-docs.ts';
import { readInputs } from '../../../src/inputs/read-inputs.ts';
import { inputNames } from '../../../src/inputs/schema.ts';
import { renderResultJson } from '../../../src/report/result-json.ts';
import { classifyYaml, readSnippets } from '../../docs/read-snippets.ts';
import { badImageRun, failedRun, greenRun, oomRun, restlessRun } from '../../report/sample-runs.ts';
import { checkProjectFile, checkResult } from './validators.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const trackedFiles = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');

/** The errors of our own reader in the file, except for files missing in the directory. */
function refusedByReader(yaml: string): boolean {
  const directory = mkdtempSync(path.join(tmpdir(), 'project-file-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(path.join(directory, 'context'));
  writeFileSync(path.join(directory, '.k8s-test.yaml'), yaml);
  return (
    readInputs({ given: {}, directory, bundledChart: path.join(root, 'charts/floe-platform') }).inputs === undefined
  );
}

describe('the schema of .k8s-test.yaml', () => {
  const examples = trackedFiles.filter((file) => path.basename(file) === '.k8s-test.yaml');

  test.each(examples)('accepts %s', (file) => {
    expect(checkProjectFile(load(readFileSync(path.join(root, file), 'utf8')))).toEqual([]);
  });

  test('accepts every project file of the documents', () => {
    const documents = trackedFiles.filter((file) => /^(README|docs\/[\w-]+)\.md$/.test(file));
    const files = documents
      .flatMap(readSnippets)
      .filter(({ info }) => info.startsWith('yaml'))
      .filter((snippet) => classifyYaml(snippet)?.kind === 'project');
    expect(files.length).toBeGreaterThan(0);
    for (const { where, text } of files) expect(checkProjectFile(load(text)), where).toEqual([]);
  });

  test('accepts the example of every input, so that an editor marks none of them as wrong', () => {
    const names = inputNames.filter((name) => !['tier', 'project-file', 'token'].includes(name));
    for (const name of names) {
      expect(checkProjectFile({ e2e: { [name]: inputDocs[name].example } }), name).toEqual([]);
      expect(checkProjectFile(load(`e2e:\n  ${name}: ${JSON.stringify(inputDocs[name].example)}`)), name).toEqual([]);
    }
  });

  test('accepts what YAML reads as a number, a boolean, a list or nothing', () => {
    const yaml =
      'integration:\n  nodes: 3\n  cpu: 1.5\n  helm-wait: false\n  args: [-n, 4]\n  values: [a.yaml, b.yaml]\n  env:\n';
    expect(checkProjectFile(load(yaml))).toEqual([]);
    expect(checkProjectFile(load('null'))).toEqual([]);
  });

  test.each([
    ['a tier that is not known', 'nightly: {}'],
    ['an input that is not known', 'integration: { imgae: shop }'],
    ['the tier as an input', 'integration: { tier: e2e }'],
    ['a value that is not one of those', 'integration: { keep: sometimes }'],
    ['a duration without its unit', 'integration: { timeout: 20 }'],
    ['a duration in words', 'integration: { timeout: soon }'],
    ['a count in words', 'integration: { nodes: many }'],
    ['a memory quantity that is none', 'integration: { memory: 2GB }'],
    ['an image name in capitals', 'integration: { image: Shop }'],
    ['a mapping in place of lines', 'integration: { env: { A: 1 } }'],
    ['inputs without a tier', 'image: shop:ci'],
    ['a list of tiers', '[integration]'],
  ])('refuses %s, and so does a run', (_, yaml) => {
    expect(checkProjectFile(load(yaml))).not.toEqual([]);
    expect(refusedByReader(yaml)).toBe(true);
  });
});

describe('the schema of result.json', () => {
  test.each(Object.entries({ greenRun, failedRun, oomRun, badImageRun, restlessRun }))(
    'accepts that of %s',
    (_, run) => {
      expect(checkResult(JSON.parse(renderResultJson(run.verdict, run)))).toEqual([]);
    },
  );

  test('accepts fields that a later version adds', () => {
    expect(checkResult({ ...(JSON.parse(renderResultJson(greenRun.verdict)) as object), ofALaterVersion: 3 })).toEqual(
      [],
    );
  });

  const edits: [string, (result: Record<string, unknown>) => void][] = [
    ['another schema', (result) => Object.assign(result, { schema: 2 })],
    ['an outcome that is not known', (result) => Object.assign(result, { outcome: 'green' })],
    [
      'a failure without its kind',
      (result) => Object.assign(result, { failure: { reason: 'no', hint: '', evidence: [] } }),
    ],
    [
      'a kind that is not known',
      (result) => Object.assign(result, { failure: { kind: 'moon', reason: '', hint: '', evidence: [] } }),
    ],
    ['fewer than no tests', (result) => Object.assign(result.tests as object, { failed: -1 })],
    ['half a test', (result) => Object.assign(result.tests as object, { passed: 0.5 })],
    ['a missing verdict', (result) => delete result.outcome],
    [
      'an incident without its time',
      (result) => Object.assign(result, { incidents: [{ pod: 'a', container: 'b', what: 'c' }] }),
    ],
  ];
  test.each(edits)('refuses %s', (_, edit) => {
    const result = JSON.parse(renderResultJson(greenRun.verdict, greenRun)) as Record<string, unknown>;
    edit(result);
    expect(checkResult(result)).not.toEqual([]);
  });
});
