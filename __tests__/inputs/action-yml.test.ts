import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { outputDocs } from '../../src/action/outputs.ts';
import { inputDocs } from '../../src/inputs/input-docs.ts';
import { inputNames } from '../../src/inputs/schema.ts';

const action = load(readFileSync(new URL('../../action.yml', import.meta.url), 'utf8')) as {
  inputs: Record<string, { description: string; default?: string }>;
  outputs: Record<string, { description: string }>;
  runs: Record<string, string>;
};

test('action.yml has every input of the schema and no other', () => {
  expect(Object.keys(action.inputs)).toEqual(inputNames);
  for (const name of inputNames) expect(action.inputs[name]!.description).toContain(inputDocs[name].description);
});

test('action.yml has every output that is set and no other', () => {
  expect(Object.keys(action.outputs)).toEqual(Object.keys(outputDocs));
});

test('action.yml gives no defaults of its own, so that the project file is not overruled by them', () => {
  const { leg, ...others } = action.inputs;
  for (const input of Object.values(others)) expect(input.default).toBeUndefined();
  // Only the runner knows the matrix, and no project file could.
  expect(leg?.default).toMatch(/toJSON\(matrix\).*strategy\.job-total/);
});

test('the post step runs however the main step ended', () => {
  expect(action.runs).toEqual({
    using: 'node24',
    main: 'dist/action.js',
    post: 'dist/cleanup.js',
    'post-if': 'always()',
  });
});
