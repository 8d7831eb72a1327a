/** The file in which a repository keeps its defaults. */

import path from 'node:path';
import { isObject } from '../core/is-object.ts';
import { quoteValue } from '../core/quote-value.ts';
import { inspectPath, readInputFile } from './inspect-path.ts';
import { chooseTrust, isBelow, refuseUnsafe } from './project-file-trust.ts';
import { readYaml } from './read-yaml.ts';
import { type InputError, type InputName, inputNames, type RawInputs, unknownInput } from './schema.ts';
import { type TierName, tierNames } from './tiers.ts';
import { resolvePlain } from './yaml-scalars.ts';
import { WrittenScalar } from './yaml-values.ts';

/** Name of the file in which a repository keeps its defaults, per tier. */
const projectFileName = '.k8s-test.yaml';

/** For up to this many unknown names the input that may be meant is suggested. */
const mostUnknown = 50;

/** Whether the file counts is not its own choice, and a token in a repository is everyone's. */
const ofWorkflowAlone: ReadonlySet<string> = new Set<InputName>(['project-file', 'token']);

/**
 * The defaults of the project file for the tier that will run, as far as the file is trusted; problems are added to
 * `errors`.
 */
export function readProjectFile(
  { given, directory, env = process.env }: { given: RawInputs; directory: string; env?: NodeJS.ProcessEnv },
  errors: InputError[],
): RawInputs {
  const trust = chooseTrust(given['project-file'], env);
  const file = path.join(directory, projectFileName);
  if (trust === 'none' || inspectPath(file) === 'absent') return {};
  if (trust === 'safe' && !isBelow(file, directory)) {
    const problem =
      'is a link to a file outside of the checkout; under project-file safe it must be in the checkout itself';
    errors.push({ input: projectFileName, value: file, problem });
    return {};
  }
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
  if (!isObject(content)) {
    errors.push({ input: projectFileName, value: file, problem: 'is not a mapping of tiers to inputs' });
    return {};
  }
  const unknown: string[] = [];
  for (const [tier, entries] of Object.entries(content)) {
    if (!tierNames.includes(tier as TierName))
      errors.push({
        input: projectFileName,
        value: tier,
        problem: `is not a tier; choose one of ${tierNames.join(', ')}`,
      });
    else if (!isObject(entries))
      errors.push({ input: projectFileName, value: tier, problem: 'is not a mapping of inputs to values' });
    else
      for (const name of Object.keys(entries))
        if (ofWorkflowAlone.has(name))
          errors.push({ input: `${tier}.${name}`, value: '', problem: 'cannot be set by the project file itself' });
        else if (!inputNames.includes(name as InputName) || name === 'tier') unknown.push(`${tier}.${name}`);
  }
  for (const name of unknown.slice(0, mostUnknown)) errors.push(unknownInput(name, ''));
  const more = unknown.length - mostUnknown;
  if (more > 0)
    errors.push({ input: projectFileName, value: file, problem: `has ${more} more names that are no inputs` });
  const tier = given.tier ?? 'integration';
  const own = content[tier];
  if (!isObject(own)) return {};
  const raw: RawInputs = {};
  for (const [name, value] of Object.entries(own)) {
    if (value === null || value === undefined || ofWorkflowAlone.has(name)) continue;
    if (!inputNames.includes(name as InputName)) continue;
    const text = projectValue(name, value);
    if (text === undefined)
      errors.push({
        input: `${projectFileName} ${name}`,
        value: name === 'secrets' ? '***' : quoteValue(value),
        problem: 'is neither text nor a list of texts',
      });
    else raw[name] = text;
  }
  if (trust === 'all') return raw;
  const refused = refuseUnsafe(raw, { given, tier, directory, fileName: projectFileName, env });
  errors.push(...refused.map(({ error }) => error));
  return Object.fromEntries(Object.entries(raw).filter(([name]) => !refused.some((one) => one.name === name)));
}

function projectValue(name: string, value: unknown): string | undefined {
  const isScalar = (item: unknown) => typeof item === 'string' || item instanceof WrittenScalar;
  if (value instanceof WrittenScalar)
    return value.type === 'bool' ? String(resolvePlain(value.text).value) : value.text;
  if (isScalar(value)) return String(value);
  if (!Array.isArray(value) || !value.every(isScalar)) return undefined;
  return name === 'command' || name === 'args' ? JSON.stringify(value) : value.join('\n');
}
