/** The file in which a repository keeps its defaults. */
import path from 'node:path';
import { inspectPath, readInputFile } from './inspect-path.ts';
import { readYaml } from './read-yaml.ts';
import { type InputError, type InputName, inputNames, type RawInputs, unknownInput } from './schema.ts';
import { type TierName, tierNames } from './tiers.ts';
import { resolvePlain } from './yaml-scalars.ts';
import { WrittenScalar } from './yaml-values.ts';

/** Name of the file in which a repository keeps its defaults, per tier. */
const projectFileName = '.k8s-test.yaml';

/** The defaults of the project file for the tier that will run; problems are added to `errors`. */
export function readProjectFile(directory: string, givenTier: string | undefined, errors: InputError[]): RawInputs {
  const file = path.join(directory, projectFileName);
  if (inspectPath(file) === 'absent') return {};
  const { text: yaml, problem: unreadable } = readInputFile(file);
  if (unreadable !== undefined) {
    errors.push({ input: projectFileName, value: file, problem: unreadable });
    return {};
  }
  // Inputs are text, and keep theirs: 1.30 is a version, and no number.
  const read = readYaml(yaml, 'as-written');
  if (read.problem !== undefined) {
    errors.push({ input: projectFileName, value: file, problem: `is not YAML: ${read.problem}` });
    return {};
  }
  const content = read.value ?? {};
  if (!isMapping(content)) {
    errors.push({ input: projectFileName, value: file, problem: 'is not a mapping of tiers to inputs' });
    return {};
  }
  for (const [tier, entries] of Object.entries(content)) {
    if (!tierNames.includes(tier as TierName))
      errors.push({
        input: projectFileName,
        value: tier,
        problem: `is not a tier; choose one of ${tierNames.join(', ')}`,
      });
    else if (!isMapping(entries))
      errors.push({ input: projectFileName, value: tier, problem: 'is not a mapping of inputs to values' });
    else
      for (const name of Object.keys(entries))
        if (!inputNames.includes(name as InputName) || name === 'tier')
          errors.push(unknownInput(`${tier}.${name}`, ''));
  }
  const own = content[givenTier ?? 'integration'];
  if (!isMapping(own)) return {};
  const raw: RawInputs = {};
  for (const [name, value] of Object.entries(own)) {
    if (value === null || value === undefined || !inputNames.includes(name as InputName)) continue;
    const text = projectValue(name, value);
    if (text === undefined)
      errors.push({
        input: `${projectFileName} ${name}`,
        value: name === 'secrets' ? '***' : JSON.stringify(value),
        problem: 'is neither text nor a list of texts',
      });
    else raw[name] = text;
  }
  return raw;
}

function projectValue(name: string, value: unknown): string | undefined {
  const isScalar = (item: unknown) => typeof item === 'string' || item instanceof WrittenScalar;
  if (value instanceof WrittenScalar)
    return value.type === 'bool' ? String(resolvePlain(value.text).value) : value.text;
  if (isScalar(value)) return String(value);
  if (!Array.isArray(value) || !value.every(isScalar)) return undefined;
  return name === 'command' || name === 'args' ? JSON.stringify(value) : value.join('\n');
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
