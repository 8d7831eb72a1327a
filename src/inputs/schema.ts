/** The one schema of all inputs: names, defaults, units, what each is for, and what is wrong with a value of its own. */
import leven from 'leven';
import * as v from 'valibot';
import { toOneLine } from '../core/outcome.ts';
import { quoteValue } from '../core/quote-value.ts';
import { tierNames } from './tiers.ts';
import {
  absolutePath,
  assignments,
  bytes,
  dnsLabel,
  duration,
  imageName,
  imageNames,
  integer,
  integerOr,
  jobResults,
  legOfMatrix,
  lines,
  matching,
  mirrorLines,
  oneOf,
  quantity,
  secretLines,
  setLines,
  version,
  volumeLines,
  words,
} from './value-syntax.ts';

/** One wrong input: which, what it was given, and what would be right. */
export interface InputError {
  input: string;
  value: string;
  problem: string;
}

/** Raw text of inputs, by name; inputs that are not given are absent. */
export type RawInputs = Partial<Record<string, string>>;

/** How far the project file is trusted. */
export const trustLevels = ['all', 'safe', 'none'] as const;

export const schema = v.object({
  tier: v.optional(oneOf(tierNames), 'integration'),
  'project-file': v.optional(oneOf(trustLevels)),
  profile: v.optional(
    matching(/^[a-z0-9][a-z0-9-]*$/, 'is not the name of a profile; choose minimal, full, production or none'),
  ),
  chart: v.optional(v.string()),
  'chart-version': v.optional(
    matching(/^[.+^~<>=, |-]*[\w*][\w.+^~<>=*, |-]*$/, 'is not a version; write it as 1.2.3, or a range as ^1.2'),
  ),
  values: v.optional(lines, ''),
  set: v.optional(setLines, ''),
  release: v.optional(
    matching(
      /^[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?$/,
      'is not a release name: small letters, digits, dashes, at most 53',
    ),
    'floe-test',
  ),
  namespace: v.optional(dnsLabel, 'floe-test'),
  cluster: v.optional(oneOf(['kind', 'existing'])),
  kubeconfig: v.optional(v.string()),
  context: v.optional(v.string()),
  'kind-config': v.optional(v.string()),
  nodes: v.optional(integer(1, 20)),
  'node-image': v.optional(imageName),
  'kind-version': v.optional(version),
  'helm-version': v.optional(version),
  'tools-mirror': v.optional(matching(/^https?:\/\/\S+$/, 'is not an http(s) address')),
  'tools-checksums': v.optional(v.string()),
  'registry-mirrors': v.optional(mirrorLines, ''),
  image: v.optional(imageName, 'ghcr.io/floe/test-runner'),
  build: v.optional(v.string()),
  dockerfile: v.optional(v.string()),
  'load-images': v.optional(imageNames, ''),
  'image-archives': v.optional(lines, ''),
  command: v.optional(words),
  args: v.optional(words),
  env: v.optional(assignments(/^[A-Za-z_][\w.-]*$/, 'is not NAME=value, one a line'), ''),
  secrets: v.optional(secretLines, ''),
  volumes: v.optional(volumeLines, ''),
  job: v.optional(v.string()),
  'job-templates': v.optional(lines, ''),
  'job-set': v.optional(setLines, ''),
  container: v.optional(dnsLabel),
  'collector-image': v.optional(imageName, 'busybox:1.37.0'),
  'results-path': v.optional(absolutePath, '/results'),
  'results-limit': v.optional(bytes, '5Gi'),
  junit: v.optional(lines, '**/*.xml'),
  memory: v.optional(quantity),
  cpu: v.optional(quantity),
  'service-account': v.optional(dnsLabel),
  'node-selector': v.optional(assignments(/^[\w./-]+$/, 'is not label=value, one a line'), ''),
  timeout: v.optional(duration),
  'platform-timeout': v.optional(duration, '10m'),
  'helm-wait': v.optional(oneOf(['true', 'false']), 'true'),
  'startup-timeout': v.optional(duration),
  grace: v.optional(duration, '30s'),
  'test-helper': v.optional(oneOf(['auto', 'on', 'off']), 'auto'),
  shards: v.optional(integerOr('auto', 1, 100), '1'),
  history: v.optional(v.string()),
  quarantine: v.optional(v.string()),
  retries: v.optional(integer(0, 2), '0'),
  'retry-command': v.optional(words),
  'artifact-name': v.optional(
    matching(/^[^":<>|*?\r\n\\/]+$/, 'is not a name for an artifact: none of " : < > | * ? / \\ and no line break'),
  ),
  'retention-days': v.optional(integer(1, 400), '90'),
  upload: v.optional(oneOf(['always', 'failure', 'never']), 'always'),
  'results-dir': v.optional(v.string()),
  comment: v.optional(oneOf(['never', 'failure', 'always']), 'never'),
  token: v.optional(v.string()),
  'coverage-baseline': v.optional(v.string()),
  'otlp-endpoint': v.optional(matching(/^https?:\/\/[^\s/]\S*$/, 'is not an http(s) address')),
  keep: v.optional(oneOf(['never', 'failure', 'always']), 'never'),
  mode: v.optional(oneOf(['test', 'report']), 'test'),
  legs: v.optional(v.string()),
  'leg-artifacts': v.optional(lines, 'k8s-test-*'),
  expect: v.optional(lines, ''),
  needs: v.optional(jobResults),
  leg: v.optional(legOfMatrix),
  'leg-name': v.optional(v.string(), ''),
});

/** The values of all inputs, as they are written, read one by one; what belongs together is not checked yet. */
export type InputValues = v.InferOutput<typeof schema>;
export type InputName = keyof typeof schema.entries;
export const inputNames = Object.keys(schema.entries) as InputName[];

/** The message for a name that no input has, with the one that may be meant. */
export function unknownInput(name: string, value: string): InputError {
  const bare = name.slice(name.lastIndexOf('.') + 1).slice(0, 100);
  const [close] = inputNames
    .map((known) => ({ known, distance: leven(bare, known) }))
    .sort((a, b) => a.distance - b.distance);
  const guess = close !== undefined && close.distance <= 3 ? `; did you mean ${close.known}?` : '';
  return { input: name, value, problem: `is not an input${guess}` };
}

/** At most this many errors are reported; users do not fix more at once, and each becomes an annotation. */
const mostErrors = 100;
const maxProblemChars = 1000;

/**
 * The errors, a line each: the input, its value, and what would be right. For very many errors the last line gives the number
 * of the others.
 */
export function renderInputErrors(errors: InputError[]): string[] {
  const rendered = errors
    .slice(0, mostErrors)
    .map(
      ({ input, value, problem }) =>
        `${quoteName(input)}: ${quoteValue(withoutAssigned(input, value))} ${toOneLine(problem, maxProblemChars)}`,
    );
  const more = errors.length - rendered.length;
  return more === 0 ? rendered : [...rendered, `… and ${more} more inputs are wrong`];
}

/** Inputs whose lines give values to names; a value may be a password. */
const assigning: ReadonlySet<string> = new Set<InputName>(['set', 'job-set', 'env', 'secrets']);
/** Inputs that are passwords as a whole. */
const secretInputs: ReadonlySet<string> = new Set<InputName>(['secrets', 'token']);

/** A value as an error may quote it: a name that no input has may be a mistyped one of those that hold passwords. */
function withoutAssigned(input: string, value: string): string {
  if (inputNames.includes(input as InputName) && !assigning.has(input) && !secretInputs.has(input)) return value;
  const at = value.search(/=|<</);
  if (at !== -1) return `${value.slice(0, at)}=***`;
  return secretInputs.has(input) ? '***' : value;
}

/** A name as it is, or quoted where it is one that no input has: it may come from a foreign file. */
function quoteName(name: string): string {
  return /^[\w. -]{1,200}$/.test(name) ? name : JSON.stringify(toOneLine(name, 200));
}
