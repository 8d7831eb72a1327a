/** The JSON Schemas that editors and programs read, made from the schemas that this program itself reads by. */
import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { inputDocs } from '../../src/inputs/input-docs.ts';
import { type InputName, inputNames, schema } from '../../src/inputs/schema.ts';
import { tierNames } from '../../src/inputs/tiers.ts';
import type { WrittenAs } from '../../src/inputs/value-syntax.ts';
import { resultSchema } from '../../src/report/result-schema.ts';

type Json = Record<string, unknown>;

const draft = 'http://json-schema.org/draft-07/schema#';
const address = (name: string) => `https://raw.githubusercontent.com/floe/k8s-test-action/v1/schemas/${name}`;
const note = 'Written by "npm run generate" from the sources of k8s-test-action';
/** Inputs that the file cannot set: it has a section for each tier, and does not decide how far it is trusted. */
const notInFile: readonly InputName[] = ['tier', 'project-file', 'token'];

/** Inputs whose values are words of a command, numbers among them. */
const isOfWords: ReadonlySet<InputName> = new Set(['command', 'args']);

/** The schema of `.k8s-test.yaml`. */
export function projectFileSchema(): Json {
  const inputs = inputNames.filter((name) => !notInFile.includes(name));
  return {
    $schema: draft,
    $id: address('k8s-test.schema.json'),
    $comment: note,
    title: '.k8s-test.yaml',
    description:
      'Defaults of a repository for k8s-test-action, a section for each tier. Paths are relative to the file',
    type: ['object', 'null'],
    additionalProperties: false,
    properties: Object.fromEntries(
      tierNames.map((tier) => [tier, { $ref: '#/definitions/inputs', description: `Inputs of runs of tier ${tier}` }]),
    ),
    definitions: {
      inputs: {
        type: 'object',
        additionalProperties: false,
        properties: Object.fromEntries(inputs.map((name) => [name, inputSchema(name)])),
      },
    },
  };
}

/** One input as YAML may write it: inputs are text, so that numbers and booleans are read as text, and lists as lines. */
function inputSchema(name: InputName): Json {
  const entry: v.GenericSchema = schema.entries[name];
  const inner = v.isOfType('optional', entry) ? (entry as v.OptionalSchema<v.GenericSchema, unknown>).wrapped : entry;
  const { isList = false, pattern: written } = v.getMetadata(inner) as WrittenAs;
  const options = { typeMode: 'input', errorMode: 'ignore' } as const;
  const { enum: choices, pattern = written } = toJsonSchema(inner, options) as { enum?: string[]; pattern?: string };
  const { description, default: usual, example } = inputDocs[name];
  const texts = {
    description: description.replaceAll('`', ''),
    ...(usual === '' ? {} : { default: usual }),
    examples: [example],
  };
  if (choices !== undefined) return { ...texts, enum: [...choices, ...asBooleans(choices), null] };
  const isNumeric = isOfWords.has(name) || (pattern !== undefined && new RegExp(pattern).test('1'));
  const scalar = { type: isNumeric ? ['string', 'number'] : ['string'] };
  const one = pattern === undefined ? scalar : { ...scalar, pattern };
  if (!isList) return { ...texts, ...one, type: [...scalar.type, 'null'] };
  // Text may hold several lines, each of which has the pattern.
  return { ...texts, anyOf: [{ type: [...scalar.type, 'null'] }, { type: 'array', items: one }] };
}

/** YAML reads true and false as booleans. */
function asBooleans(choices: readonly string[]): boolean[] {
  return [true, false].filter((value) => choices.includes(String(value)));
}

/** The schema of `result.json`. Later versions add fields, so that others than these are allowed. */
export function resultFileSchema(): Json {
  const { $schema: _, ...shape } = toJsonSchema(resultSchema, { target: 'draft-07' });
  return {
    $schema: draft,
    $id: address('result.schema.json'),
    $comment: note,
    title: 'result.json',
    description: 'The verdict of a run of k8s-test-action, schema 1',
    ...shape,
  };
}
