import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';

const schemas = path.resolve(import.meta.dirname, '../../../schemas');
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });

function compile(name: string): ValidateFunction {
  return ajv.compile(JSON.parse(readFileSync(path.join(schemas, name), 'utf8')) as object);
}

const validateProjectFile = compile('k8s-test.schema.json');
const validateResult = compile('result.schema.json');

/** What the committed JSON Schema of `.k8s-test.yaml` finds wrong, a line each; `content` is parsed YAML. */
export function checkProjectFile(content: unknown): string[] {
  return list(validateProjectFile, content);
}

/** What the committed JSON Schema of `result.json` finds wrong, a line each; `content` is parsed JSON. */
export function checkResult(content: unknown): string[] {
  return list(validateResult, content);
}

function list(validate: ValidateFunction, content: unknown): string[] {
  validate(content);
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    `${instancePath} ${message} ${JSON.stringify(params)}`.trim(),
  );
}
