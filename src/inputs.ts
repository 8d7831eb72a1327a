/**
 * The one schema of all inputs: names, defaults, units, and what is wrong with a value. The action reads it from `with:`,
 * the command line from flags, both over the defaults of the project file `.k8s-test.yaml`.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { load as parseYaml } from 'js-yaml';
import leven from 'leven';
import { split as splitWords } from 'shlex';
import * as v from 'valibot';
import { type ChartSource, readRemoteChart } from './chart-source.ts';
import { readJobManifest, type TestJob } from './job-manifest.ts';
import { messageOf } from './outcome.ts';
import { shortestSecret } from './secret-mask.ts';
import { type TierName, type TierPreset, tierNames, tiers } from './tiers.ts';
import { findOwnMirrors, readUserKindConfig, type UserKindConfig } from './user-kind-config.ts';
import { readUserKubeconfig, type UserKubeconfig } from './user-kubeconfig.ts';

/** What an input is for, as users read it in action.yml and `--help`. */
interface InputDoc {
  /** Shown default; empty means "not set". */
  default: string;
  description: string;
}

/** One wrong input: which, what it was given, and what would be right. */
export interface InputError {
  input: string;
  value: string;
  problem: string;
}

/** A PersistentVolumeClaim of the namespace, mounted into the built-in Job. */
export interface VolumeMount {
  claimName: string;
  mountPath: string;
  readOnly: boolean;
}

/** A Job of the user's own, in place of the built-in one. */
export type OwnJob =
  | { kind: 'file'; path: string; testJob: TestJob }
  /** Templates of the chart, which are rendered when the cluster is known; `set` counts for them alone. */
  | { kind: 'templates'; templates: string[]; set: string[]; container: string | undefined };
/** Where images of a registry come from instead. */
export interface RegistryMirror {
  /** Host, with its port if it has one, as image names begin; `docker.io` for Docker Hub, `*` for every other registry. */
  registry: string;
  /** http(s) address without a final slash. */
  address: string;
}

// ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const durationUnits: Record<string, number> = { h: 3600, m: 60, s: 1 };

/** Seconds in a duration such as `90s`, `20m` or `1h30m`; undefined when it is none, or is zero. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+[hms])+$/.test(text)) return undefined;
  let seconds = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([hms])/g)) seconds += Number(count) * durationUnits[unit!]!;
  return seconds > 0 && Number.isSafeInteger(seconds) ? seconds : undefined;
}

const byteUnits: Record<string, number> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

function parseBytes(text: string): number | undefined {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(k|Ki|M|Mi|G|Gi|T|Ti)?$/.exec(text) ?? [];
  return count === undefined ? undefined : Math.floor(Number(count) * byteUnits[unit ?? '']!);
}

/**
 * `NAME=value` lines; a value of several lines stands between `NAME<<END` and `END`, as GitHub writes them in its files.
 * @returns the secrets, or what is wrong, without a word of a value.
 */
function readSecrets(text: string): { secrets: [string, string][]; problems: string[] } {
  const secrets: [string, string][] = [];
  const problems: string[] = [];
  const all = text.split(/\r?\n/);
  for (let i = 0; i < all.length; i++) {
    const line = all[i]!;
    if (line.trim() === '') continue;
    const [, name, operator, rest] = /^\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*(=|<<)(.*)$/s.exec(line) ?? [];
    if (name === undefined) {
      problems.push(
        `has in its line ${i + 1} something that is not NAME=value; write a value of several lines between NAME<<END and END`,
      );
      continue;
    }
    if (operator === '=') secrets.push([name, rest!]);
    else {
      const end = all.indexOf(rest!.trim(), i + 1);
      if (rest!.trim() === '' || end === -1) {
        problems.push(`has no line that ends the value of ${name}, which begins in line ${i + 1}`);
        break;
      }
      secrets.push([name, all.slice(i + 1, end).join('\n')]);
      i = end;
    }
  }
  for (const [name, value] of secrets) {
    if (value !== '' && value.length < shortestSecret)
      problems.push(
        `gives ${name} less than ${shortestSecret} characters, which cannot be masked; what is so short goes into env`,
      );
    if (secrets.filter(([other]) => other === name).length > 1) problems.push(`gives ${name} twice`);
  }
  return { secrets, problems: [...new Set(problems)] };
}

/** The secrets of a run alone, wherever they are given, and be the other inputs as wrong by now as they like. */
export function readOnlySecrets({ given, directory }: Pick<InputSources, 'given' | 'directory'>): Inputs['secrets'] {
  const { secrets = '' } = { ...readProjectFile(directory, given.tier, []), ...given };
  return readSecrets(secrets).secrets;
}

const optional = <T extends v.GenericSchema<string, unknown>>(schema: T) => v.optional(schema);
const oneOf = <const T extends readonly string[]>(names: T) =>
  v.picklist(names, `is not known; choose one of ${names.join(', ')}`);
const matching = (pattern: RegExp, problem: string) => v.pipe(v.string(), v.regex(pattern, problem));
const integer = (from: number, to: number) =>
  v.pipe(
    matching(/^\d+$/, `is not a whole number from ${from} to ${to}`),
    v.transform(Number),
    v.check((n) => n >= from && n <= to, `is not a whole number from ${from} to ${to}`),
  );
const duration = v.pipe(
  v.string(),
  v.check((text) => parseDuration(text) !== undefined, 'is not a duration; write it as 90s, 20m or 1h30m'),
  v.transform((text) => parseDuration(text)!),
);
const lines = v.pipe(
  v.string(),
  v.transform((text) =>
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  ),
);
const linesMatching = (pattern: RegExp, problem: string) =>
  v.pipe(
    lines,
    v.check((all) => all.every((line) => pattern.test(line)), problem),
  );
/** `NAME=value` lines; the value is kept to the letter, blanks included. */
const assignments = (name: RegExp, problem: string) =>
  v.pipe(
    v.string(),
    v.transform((text) => text.split(/\r?\n/).filter((line) => line.trim() !== '')),
    v.check(
      (all) => all.every((line) => line.includes('=') && name.test(line.slice(0, line.indexOf('=')).trim())),
      problem,
    ),
    v.transform((all): [string, string][] =>
      all.map((line) => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1)]),
    ),
  );
/** A memory quantity of Kubernetes in bytes. */
const bytes = v.pipe(
  v.string(),
  v.check((text) => parseBytes(text) !== undefined, 'is not a size; write it as 512Mi or 5Gi'),
  v.transform((text) => parseBytes(text)!),
);
const dnsLabel = matching(
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
  'is not a Kubernetes name: small letters, digits and dashes, at most 63',
);
const quantity = matching(
  /^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/,
  'is not a Kubernetes quantity; write memory as 512Mi or 2Gi, cpu as 500m or 2',
);
/** An image's name as containers' runtimes take it (the grammar of github.com/distribution/reference). */
const imageNamePattern =
  /^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?::\d+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;
const imageName = matching(
  imageNamePattern,
  'is not an image name; write it in small letters as registry/name:tag or name@sha256:…',
);
const imageNames = linesMatching(
  imageNamePattern,
  'holds a line that is not an image name; write one a line, in small letters',
);
const version = matching(/^v?\d+\.\d+\.\d+$/, 'is not a version; write it as v1.2.3');
const words = v.pipe(
  v.string(),
  v.transform((text) => readWords(text)),
  v.check((list) => list !== undefined, 'is neither a YAML list of strings nor a line with its quotes closed'),
  v.transform((list) => list!),
);
const absolutePath = v.pipe(
  matching(/^\/[^:\s]+$/, 'is not an absolute path in the container, such as /results'),
  v.check(
    (text) => path.posix.normalize(text) === text,
    'is not a plain absolute path: no "..", no double or final slash',
  ),
);
const volumeLines = v.pipe(
  linesMatching(
    /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?=\/[^:\s]+(:ro|:rw)?$/,
    'is not CLAIM=/path or CLAIM=/path:ro, one a line',
  ),
  v.transform((all): VolumeMount[] =>
    all.map((line) => {
      const [claimName, target] = [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)];
      return { claimName, mountPath: target.replace(/:r[ow]$/, ''), readOnly: target.endsWith(':ro') };
    }),
  ),
);

/** `toJSON(needs)` of a workflow: what each job that this one waited for came to. */
const jobResults = v.pipe(
  v.string(),
  v.transform((text) => readJobResults(text)),
  v.check((jobs) => jobs !== undefined, 'is not what toJSON(needs) gives: an object of jobs with their "result"'),
  v.transform((jobs) => jobs!),
);

/** Which leg of a matrix a job is. */
export interface LegOfMatrix {
  /** Its values as JSON; empty without a matrix. */
  matrix: string;
  /** How many legs the job has, this one included. */
  legs: number;
}

/** What action.yml fills in: `{"matrix": toJSON(matrix), "legs": "strategy.job-total"}`. */
const legOfMatrix = v.pipe(
  v.string(),
  v.transform((text) => readLegOfMatrix(text)),
  v.check((leg) => leg !== undefined, 'is filled in by action.yml; leave it out'),
  v.transform((leg) => leg!),
);

function readLegOfMatrix(text: string): LegOfMatrix | undefined {
  try {
    const shape = v.object({ matrix: v.nullable(v.record(v.string(), v.unknown())), legs: v.string() });
    const parsed = v.safeParse(shape, JSON.parse(text));
    if (!parsed.success) return undefined;
    const { matrix, legs } = parsed.output;
    // A runner that does not tell how many legs there are says nothing: then this one is all that is known of.
    return {
      matrix: matrix === null || Object.keys(matrix).length === 0 ? '' : JSON.stringify(matrix),
      legs: Math.max(1, Number(legs) || 1),
    };
  } catch {
    return undefined;
  }
}

function readJobResults(text: string): Record<string, { result: string }> | undefined {
  try {
    const parsed = v.safeParse(v.record(v.string(), v.object({ result: v.string() })), JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

const mirrorLines = v.pipe(
  lines,
  v.rawTransform(({ dataset, addIssue, NEVER }): RegistryMirror[] => {
    const mirrors = dataset.value.map(readMirror);
    const wrong = mirrors.find((mirror) => typeof mirror === 'string');
    if (wrong === undefined) return mirrors as RegistryMirror[];
    addIssue({ message: wrong });
    return NEVER;
  }),
);

/** One line `registry=address`, or what is wrong with it. */
function readMirror(line: string): RegistryMirror | string {
  const [name, address] = [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()];
  const registry = /^(index\.docker\.io|registry-1\.docker\.io)$/.test(name) ? 'docker.io' : name;
  if (!/^(\*|[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d+)?)$/.test(registry))
    return 'is not registry=address, one a line, as in docker.io=http://10.0.0.5:5000; * stands for every other registry';
  if (!/^https?:\/\/[^\s"\\]+$/.test(address) || !URL.canParse(address))
    return `gives ${registry} a mirror that is no http(s) address; write it as ${registry}=http://10.0.0.5:5000`;
  const url = new URL(address);
  if (url.username !== '' || url.password !== '')
    return `gives ${registry} a mirror with a password in its address; "docker login ${url.host}" is the place for that`;
  if (url.search !== '' || url.hash !== '') return `gives ${registry} a mirror whose address holds ? or #`;
  return { registry, address: address.replace(/\/+$/, '') };
}

/** A YAML list of words, or one line split as a POSIX shell would; undefined when it is neither. */
function readWords(text: string): string[] | undefined {
  try {
    if (!/^\s*(\[|- )/.test(text)) return splitWords(text);
    const list: unknown = parseYaml(text);
    const isList = Array.isArray(list) && list.every((word) => ['string', 'number', 'boolean'].includes(typeof word));
    return isList ? list.map(String) : undefined;
  } catch {
    return undefined;
  }
}

// ── the schema ──────────────────────────────────────────────────────────────────────────────────────────────────────

const schema = v.object({
  tier: v.optional(oneOf(tierNames), 'integration'),
  profile: optional(
    matching(/^[a-z0-9][a-z0-9-]*$/, 'is not the name of a profile; choose minimal, full, production or none'),
  ),
  chart: optional(v.string()),
  'chart-version': optional(
    matching(/^[\w.+^~<>=*, |-]*[\w*][\w.+^~<>=*, |-]*$/, 'is not a version; write it as 1.2.3, or a range as ^1.2'),
  ),
  values: v.optional(lines, ''),
  set: v.optional(linesMatching(/^[^=\s][^=]*=/, 'is not key=value, one a line'), ''),
  release: v.optional(
    matching(
      /^[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?$/,
      'is not a release name: small letters, digits, dashes, at most 53',
    ),
    'floe-test',
  ),
  namespace: v.optional(dnsLabel, 'floe-test'),
  cluster: optional(oneOf(['kind', 'existing'])),
  kubeconfig: optional(v.string()),
  context: optional(v.string()),
  'kind-config': optional(v.string()),
  nodes: optional(integer(1, 20)),
  'node-image': optional(imageName),
  'kind-version': optional(version),
  'helm-version': optional(version),
  'tools-mirror': optional(matching(/^https?:\/\/\S+$/, 'is not an http(s) address')),
  'tools-checksums': optional(v.string()),
  'registry-mirrors': v.optional(mirrorLines, ''),
  image: v.optional(imageName, 'ghcr.io/floe/test-runner'),
  build: optional(v.string()),
  dockerfile: optional(v.string()),
  'load-images': v.optional(imageNames, ''),
  'image-archives': v.optional(lines, ''),
  command: optional(words),
  args: optional(words),
  env: v.optional(assignments(/^[A-Za-z_][\w.-]*$/, 'is not NAME=value, one a line'), ''),
  secrets: v.optional(v.string(), ''),
  volumes: v.optional(volumeLines, ''),
  job: optional(v.string()),
  'job-templates': v.optional(lines, ''),
  'job-set': v.optional(linesMatching(/^[^=\s][^=]*=/, 'is not key=value, one a line'), ''),
  container: optional(dnsLabel),
  'collector-image': v.optional(imageName, 'busybox:1.37.0'),
  'results-path': v.optional(absolutePath, '/results'),
  'results-limit': v.optional(bytes, '5Gi'),
  junit: v.optional(lines, '**/*.xml'),
  memory: optional(quantity),
  cpu: optional(quantity),
  'service-account': optional(dnsLabel),
  'node-selector': v.optional(assignments(/^[\w./-]+$/, 'is not label=value, one a line'), ''),
  timeout: optional(duration),
  'platform-timeout': v.optional(duration, '10m'),
  'startup-timeout': optional(duration),
  grace: v.optional(duration, '30s'),
  'test-helper': v.optional(oneOf(['auto', 'on', 'off']), 'auto'),
  shards: v.optional(integer(1, 100), '1'),
  retries: v.optional(integer(0, 2), '0'),
  'artifact-name': optional(
    matching(/^[^":<>|*?\r\n\\/]+$/, 'is not a name for an artifact: none of " : < > | * ? / \\ and no line break'),
  ),
  'retention-days': v.optional(integer(1, 400), '90'),
  upload: v.optional(oneOf(['always', 'failure', 'never']), 'always'),
  'results-dir': optional(v.string()),
  keep: v.optional(oneOf(['never', 'failure', 'always']), 'never'),
  mode: v.optional(oneOf(['test', 'report']), 'test'),
  legs: optional(v.string()),
  'leg-artifacts': v.optional(lines, 'k8s-test-*'),
  expect: v.optional(lines, ''),
  needs: optional(jobResults),
  leg: optional(legOfMatrix),
});

export type InputName = keyof typeof schema.entries;
export const inputNames = Object.keys(schema.entries) as InputName[];

/** What each input is for; `action.yml` says the same, held equal by a test. */
export const inputDocs: Record<InputName, InputDoc> = {
  tier: { default: 'integration', description: 'unit, integration, e2e or staging: a preset for the inputs below' },
  profile: {
    default: '',
    description: 'Profile of the chart (minimal, full, production), or none for no chart at all. By tier',
  },
  chart: {
    default: '',
    description:
      'The platform chart: directory, .tgz, oci://registry/path/name, or https://repository#name. The bundled floe-platform by default',
  },
  'chart-version': {
    default: '',
    description: 'Version, or range of versions, of a chart that is not on this machine. The newest by default',
  },
  values: { default: '', description: "Values files of the chart, one a line, in helm's order and precedence" },
  set: { default: '', description: 'key=value lines for the chart, as helm --set takes them' },
  release: { default: 'floe-test', description: 'Name of the helm release' },
  namespace: {
    default: 'floe-test',
    description:
      'Namespace of the platform and the tests. On an existing cluster with a unique suffix, unless it is given: one that is there already is used and stays',
  },
  cluster: { default: '', description: 'kind, or existing. By tier' },
  kubeconfig: {
    default: '',
    description:
      'Kubeconfig file of an existing cluster. By default as kubectl finds it: KUBECONFIG, ~/.kube/config, or the ServiceAccount of the pod that it runs in',
  },
  context: { default: '', description: 'Context in that kubeconfig. The current one by default' },
  'kind-config': { default: '', description: 'A Kind config of your own; merged with what is needed, never replaced' },
  nodes: { default: '', description: 'Number of Kind nodes, the control plane included. By tier' },
  'node-image': { default: '', description: 'Node image of Kind, best with its digest. Pinned by default' },
  'kind-version': { default: '', description: 'Version of kind. Pinned by default' },
  'helm-version': { default: '', description: 'Version of helm. Pinned by default' },
  'tools-mirror': { default: '', description: 'Address that kind and helm are downloaded from instead' },
  'tools-checksums': {
    default: '',
    description: 'File of "<sha256>  <file name>" lines for tools whose checksum is not pinned here',
  },
  'registry-mirrors': {
    default: '',
    description:
      'registry=address lines (docker.io=http://10.0.0.5:5000; * for every other): where the nodes pull its images from instead',
  },
  image: {
    default: 'ghcr.io/floe/test-runner',
    description: 'Test image. One that the local docker has is loaded into the nodes, any other is pulled by them',
  },
  build: {
    default: '',
    description:
      'Directory from which the test image is built first (docker build); image, if given, is the name it gets',
  },
  dockerfile: { default: '', description: 'Dockerfile of that build. The one in the directory by default' },
  'load-images': { default: '', description: 'More images of the local docker to load into the nodes, one a line' },
  'image-archives': { default: '', description: 'Tar files of images to load into the nodes, one a line' },
  command: {
    default: '',
    description:
      "Command of the test container: a YAML list, or a line split as a shell would; [] keeps the image's own",
  },
  args: {
    default: '',
    description:
      'Arguments: a YAML list, or a line. By tier pytest tests/<tier> -v --junitxml=<results-path>/junit.xml',
  },
  env: { default: '', description: 'NAME=value lines for the test container' },
  secrets: {
    default: '',
    description:
      'NAME=value lines, given through a Kubernetes Secret and masked everywhere; several lines between NAME<<END and END',
  },
  volumes: { default: '', description: 'PersistentVolumeClaims for the test container: CLAIM=/path or CLAIM=/path:ro' },
  job: { default: '', description: 'File with a Job of your own and its companions' },
  'job-templates': {
    default: '',
    description:
      'Templates of the chart that render the Job and its companions, one a line, as templates/tests/job.yaml',
  },
  'job-set': { default: '', description: 'key=value lines for rendering job-templates alone, as tests.enabled=true' },
  container: {
    default: '',
    description: 'Which container of a Job of your own is the test: by default the only one, or the one named test*',
  },
  'collector-image': {
    default: 'busybox:1.37.0',
    description: 'Image that reads results out of a volume that is not on this machine: it needs sh, tar and sha256sum',
  },
  'results-path': {
    default: '/results',
    description: 'Directory in the test container that holds what the tests write',
  },
  'results-limit': {
    default: '5Gi',
    description: 'Size of all results: what is above is left out, and tests that fill the disk are ended',
  },
  junit: { default: '**/*.xml', description: 'Which files under results-path are JUnit reports: globs, one a line' },
  memory: { default: '', description: 'Memory request and limit of the built-in Job. By tier' },
  cpu: { default: '', description: 'CPU limit of the built-in Job. By tier' },
  'service-account': {
    default: '',
    description: 'ServiceAccount of the built-in Job, when tests use the Kubernetes API',
  },
  'node-selector': { default: '', description: 'label=value lines that choose the node of the built-in Job' },
  timeout: { default: '', description: 'Time limit of the tests, as 20m. By tier' },
  'platform-timeout': { default: '10m', description: 'Time limit of the chart' },
  'startup-timeout': {
    default: '3m',
    description: 'Time limit of the start of the test pod; on an existing cluster, which may have to add a node, 10m',
  },
  grace: { default: '30s', description: 'Time between SIGTERM and SIGKILL when the tests run out of time' },
  'test-helper': {
    default: 'auto',
    description:
      'Whether a pytest plugin in the test container notes each test as it ends, for runs that are killed: auto (where the local docker knows the PYTHONPATH of the image), on or off',
  },
  shards: { default: '1', description: 'Parallel Jobs of one suite' },
  retries: { default: '0', description: 'Reruns of failed tests, 2 at most' },
  'artifact-name': { default: '', description: 'Name of the artifact. Unique in the workflow run by default' },
  'retention-days': { default: '90', description: 'Days the artifact is kept' },
  upload: { default: 'always', description: 'When to upload the artifact: always, failure or never' },
  'results-dir': {
    default: '',
    description: 'Directory on the runner for the results. k8s-test-results/<tier> by default',
  },
  keep: { default: 'never', description: 'Whether to keep the cluster: never, failure or always' },
  mode: { default: 'test', description: 'test, or report: roll up the results of a matrix into one summary' },
  legs: {
    default: '',
    description:
      'mode report: directory that holds the results of all legs. By default the artifacts of this workflow run; on the command line k8s-test-results',
  },
  'leg-artifacts': { default: 'k8s-test-*', description: 'mode report: names of the artifacts, globs, one a line' },
  expect: {
    default: '',
    description: 'mode report: tiers, legs or jobs that must have left results, one a line; one that did not is red',
  },
  needs: {
    default: '',
    description: 'mode report: what the jobs came to, as toJSON(needs) tells it; one that died without a word is red',
  },
  leg: { default: '', description: 'Which leg of a matrix this is, for the roll-up. Filled in by default' },
};

/**
 * Inputs of the contract whose function is not there yet. They are refused, never accepted and ignored; each says which
 * values it would take today.
 */
const notYet: { input: InputName; unless?: (value: string) => boolean }[] = [
  { input: 'shards', unless: (value) => value === '1' },
  { input: 'retries', unless: (value) => value === '0' },
];

/** What `mode: report` reads, and of this what a test does too. */
const ofBoth: ReadonlySet<InputName> = new Set([
  'mode',
  'leg',
  'results-dir',
  'artifact-name',
  'retention-days',
  'upload',
]);
const ofReport: ReadonlySet<InputName> = new Set([...ofBoth, 'legs', 'leg-artifacts', 'expect', 'needs']);
/** Inputs that only the built-in Job knows, whose container is made from them; a Job of the user's own says it itself. */
const ofBuiltInJob: InputName[] = [
  'image',
  'build',
  'dockerfile',
  'command',
  'args',
  'memory',
  'cpu',
  'service-account',
  'node-selector',
  'volumes',
];
/** Inputs that only a cluster of our own knows, and what to do instead on an existing one. */
const ofKind: [InputName, string][] = [
  ['kind-config', 'leave it out'],
  ['nodes', 'leave it out'],
  ['node-image', 'leave it out'],
  ['kind-version', 'leave it out'],
  ['registry-mirrors', 'its nodes pull as they are set up to; leave it out'],
  ['build', 'its nodes must pull the image: build and push it in a step before, and name it with image'],
  ['dockerfile', 'its nodes must pull the image: build and push it in a step before, and name it with image'],
  ['load-images', 'its nodes must pull them: push them to a registry in a step before'],
  ['image-archives', 'its nodes must pull them: push them to a registry in a step before'],
];
/** Inputs that only an existing cluster knows. */
const ofExisting: InputName[] = ['kubeconfig', 'context'];
/** Inputs that only a Job of the user's own knows. */
const ofOwnJob: InputName[] = ['container', 'job-set'];

/** All inputs of a run: checked, with the tier's presets filled in, and every path absolute. */
export interface Inputs {
  tier: TierName;
  preset: TierPreset;
  /** `none`: no chart at all. */
  profile: string;
  /** Undefined without one. */
  chart: ChartSource | undefined;
  /** Values files in helm's order: the profile's own first. */
  valuesFiles: string[];
  set: string[];
  release: string;
  /** On an existing cluster, where it is not named by the user: what its name begins with. */
  namespace: string;
  isNamespaceNamed: boolean;
  cluster: 'kind' | 'existing';
  /** The way to an existing cluster; undefined on Kind. */
  kubeconfig: UserKubeconfig | undefined;
  kindConfig: UserKindConfig | undefined;
  /** The control plane included. */
  nodes: number;
  nodeImage: string | undefined;
  kindVersion: string | undefined;
  helmVersion: string | undefined;
  toolsMirror: string | undefined;
  toolsChecksumsPath: string | undefined;
  registryMirrors: RegistryMirror[];
  /** Empty: the one that is built, under a name that the run gives it. */
  image: string;
  /** What the test image is built from first; `image` is its name. */
  build: { context: string; dockerfile: string | undefined } | undefined;
  loadImages: string[];
  imageArchives: string[];
  /** Undefined: the default of the tier; empty: the image's own. */
  command: string[] | undefined;
  args: string[] | undefined;
  env: [string, string][];
  secrets: [string, string][];
  volumes: VolumeMount[];
  /** Undefined: the built-in Job. */
  ownJob: OwnJob | undefined;
  collectorImage: string;
  resultsPath: string;
  resultsLimitBytes: number;
  junitGlobs: string[];
  memory: string;
  cpu: string;
  serviceAccount: string | undefined;
  nodeSelector: [string, string][];
  timeoutSeconds: number;
  platformTimeoutSeconds: number;
  startupTimeoutSeconds: number;
  graceSeconds: number;
  mode: 'test' | 'report';
  /** Directory of all legs; undefined for the artifacts of the workflow run. */
  legsDir: string | undefined;
  legArtifacts: string[];
  expected: string[];
  jobResults: Record<string, { result: string }>;
  /** Undefined outside of a workflow. */
  leg: LegOfMatrix | undefined;
  testHelper: 'auto' | 'on' | 'off';
  artifactName: string | undefined;
  retentionDays: number;
  upload: 'always' | 'failure' | 'never';
  resultsDir: string;
  keep: 'never' | 'failure' | 'always';
}

/** Raw text of inputs, by name; what is not given is absent. */
export type RawInputs = Partial<Record<string, string>>;

export interface InputSources {
  /** From `with:` or flags. */
  given: RawInputs;
  /** Directory against which given paths are resolved, and in which `.k8s-test.yaml` is looked for. */
  directory: string;
  /** Directory of the bundled chart. */
  bundledChart: string;
  /** Where a kubeconfig is looked for; that of this process by default. */
  env?: NodeJS.ProcessEnv;
}

/** The marker by which we know a results directory of ours; written before anything else is. */
export const resultsMarker = 'result.json';

/**
 * Reads, checks and completes all inputs. Creates nothing.
 * @returns the inputs, or every single thing that is wrong with them.
 */
export function readInputs(
  sources: InputSources,
): { inputs: Inputs; errors?: undefined } | { inputs?: undefined; errors: InputError[] } {
  const errors: InputError[] = [];
  const givenTier = sources.given.tier;
  const defaults = readProjectFile(sources.directory, givenTier, errors);
  const raw: RawInputs = { ...defaults, ...sources.given };

  for (const name of Object.keys(sources.given)) {
    if (!inputNames.includes(name as InputName)) errors.push(unknownInput(name, sources.given[name] ?? ''));
  }
  const parsed = v.safeParse(schema, raw);
  if (!parsed.success) {
    for (const issue of parsed.issues) {
      const name = String(issue.path?.[0]?.key ?? '');
      errors.push({ input: name, value: raw[name] ?? '', problem: issue.message });
    }
  }
  for (const { input, unless } of notYet) {
    const value = raw[input];
    if (value === undefined || unless?.(value)) continue;
    if (errors.some((error) => error.input === input)) continue;
    errors.push({ input, value, problem: 'is part of the contract but not built yet; this version cannot honour it' });
  }

  // A value that is refused already counts as not given from here on, so that everything else that is wrong is named too.
  const isRefused = new Set(errors.map((error) => error.input));
  const accepted = Object.fromEntries(Object.entries(raw).filter(([name]) => !isRefused.has(name)));
  const value = parsed.success ? parsed.output : v.parse(schema, accepted);
  const preset = tiers[value.tier];
  const resolve = (file: string) => path.resolve(sources.directory, file);
  const existing = (input: InputName, file: string, kind: 'file' | 'directory') => {
    const full = resolve(file);
    const stat = statSync(full, { throwIfNoEntry: false });
    if (stat === undefined) errors.push({ input, value: file, problem: `does not exist (looked for ${full})` });
    else if (kind === 'file' && !stat.isFile()) errors.push({ input, value: file, problem: 'is not a file' });
    else if (kind === 'directory' && !stat.isDirectory())
      errors.push({ input, value: file, problem: 'is not a directory' });
    return full;
  };

  const profile = value.profile ?? (value.chart === undefined ? preset.profile : undefined);
  const remote = value.chart === undefined ? undefined : readRemoteChart(value.chart, value['chart-version']);
  if (remote !== undefined && 'problem' in remote)
    errors.push({ input: remote.input, value: raw[remote.input] ?? '', problem: remote.problem });
  if (remote === undefined && value['chart-version'] !== undefined)
    errors.push({
      input: 'chart-version',
      value: value['chart-version'],
      problem: 'only counts for a chart that lies elsewhere (oci://… or https://…#name)',
    });
  const chart = chooseChart(profile, remote, resolve(value.chart ?? sources.bundledChart));
  const valuesFiles: string[] = [];
  if (profile === 'none') {
    if (value.chart !== undefined)
      errors.push({ input: 'chart', value: value.chart, problem: 'contradicts profile "none"; leave one of them out' });
  } else if (remote !== undefined) {
    if (profile !== undefined)
      errors.push({
        input: 'profile',
        value: profile,
        problem: 'is a file in the directory of a chart; a chart that lies elsewhere takes values',
      });
  } else {
    const chartPath = chart?.kind === 'local' ? chart.path : '';
    if (value.chart !== undefined) checkLocalChart(value.chart, chartPath, errors);
    if (profile !== undefined) {
      const profileFile = path.join(chartPath, 'profiles', `${profile}.yaml`);
      if (existsSync(profileFile)) valuesFiles.push(profileFile);
      else if (existsSync(chartPath)) {
        const known = listProfiles(chartPath);
        errors.push({
          input: value.profile === undefined ? 'tier' : 'profile',
          value: value.profile ?? value.tier,
          problem: `needs profile "${profile}", which the chart does not have; it has ${known.join(', ') || 'none'}`,
        });
      }
    }
  }
  for (const file of value.values) valuesFiles.push(existing('values', file, 'file'));
  for (const file of value['image-archives']) existing('image-archives', file, 'file');
  if (value['tools-checksums'] !== undefined) existing('tools-checksums', value['tools-checksums'], 'file');
  checkBuild(value, existing, errors);
  const cluster = value.tier === 'unit' ? 'kind' : (value.cluster ?? preset.cluster);
  const kubeconfigFile = value.kubeconfig === undefined ? undefined : existing('kubeconfig', value.kubeconfig, 'file');
  const kubeconfig =
    value.mode === 'test' ? readCluster(raw, value, { cluster, kubeconfigFile, sources, errors }) : undefined;
  const kindConfigFile = value['kind-config'];
  const kindConfig =
    kindConfigFile === undefined
      ? undefined
      : readKindConfig(kindConfigFile, existing('kind-config', kindConfigFile, 'file'), errors);
  const clash =
    kindConfig === undefined || value['registry-mirrors'].length === 0 ? undefined : findOwnMirrors(kindConfig);
  if (clash !== undefined)
    errors.push({
      input: 'registry-mirrors',
      value: raw['registry-mirrors'] ?? '',
      problem: `contradicts kind-config, ${clash}`,
    });
  if (value['kind-config'] !== undefined && value.nodes !== undefined)
    errors.push({
      input: 'nodes',
      value: String(value.nodes),
      problem: 'contradicts kind-config, which lists the nodes itself',
    });

  for (const name of Object.keys(sources.given) as InputName[]) {
    if (!inputNames.includes(name) || isRefused.has(name)) continue;
    const isOfMode = value.mode === 'report' ? ofReport.has(name) : !ofReport.has(name) || ofBoth.has(name);
    if (!isOfMode)
      errors.push({ input: name, value: sources.given[name] ?? '', problem: `has no meaning in mode ${value.mode}` });
  }
  if (value.legs !== undefined) existing('legs', value.legs, 'directory');

  const ownDir = value.mode === 'report' ? 'report' : value.tier;
  const resultsDir = resolve(value['results-dir'] ?? path.join('k8s-test-results', ownDir));
  const trouble = whyNotOurs(resultsDir, sources.directory);
  if (trouble !== undefined)
    errors.push({ input: 'results-dir', value: value['results-dir'] ?? resultsDir, problem: trouble });
  for (const mount of value.volumes) {
    if (mount.mountPath === value['results-path'])
      errors.push({
        input: 'volumes',
        value: mount.mountPath,
        problem: 'is the results-path, which is mounted already',
      });
  }
  const { secrets, problems } = readSecrets(value.secrets);
  for (const problem of problems) errors.push({ input: 'secrets', value: '***', problem });
  for (const name of new Set(secrets.map(([one]) => one)))
    if (value.env.some(([other]) => other === name))
      errors.push({ input: 'env', value: name, problem: 'is given by secrets too; leave one of them out' });
  const ownJob = readOwnJob(raw, value, { resolve, hasChart: profile !== 'none', errors });
  if (errors.length > 0) return { errors };

  return {
    inputs: {
      tier: value.tier,
      preset,
      profile: profile ?? 'own chart',
      chart,
      valuesFiles,
      set: value.set,
      release: value.release,
      namespace: value.namespace,
      isNamespaceNamed: raw.namespace !== undefined,
      cluster,
      kubeconfig,
      kindConfig,
      nodes: value.nodes ?? (kindConfig?.nodes.length || preset.nodes),
      nodeImage: value['node-image'],
      kindVersion: value['kind-version'],
      helmVersion: value['helm-version'],
      toolsMirror: value['tools-mirror'],
      toolsChecksumsPath: value['tools-checksums'] === undefined ? undefined : resolve(value['tools-checksums']),
      registryMirrors: value['registry-mirrors'],
      image: value.build !== undefined && raw.image === undefined ? '' : value.image,
      build:
        value.build === undefined
          ? undefined
          : {
              context: resolve(value.build),
              dockerfile: value.dockerfile === undefined ? undefined : resolve(value.dockerfile),
            },
      loadImages: value['load-images'],
      imageArchives: value['image-archives'].map(resolve),
      command: value.command,
      args: value.args,
      env: value.env,
      secrets,
      ownJob,
      collectorImage: value['collector-image'],
      resultsLimitBytes: value['results-limit'],
      volumes: value.volumes,
      resultsPath: value['results-path'],
      junitGlobs: value.junit,
      memory: value.memory ?? preset.memory,
      cpu: value.cpu ?? preset.cpu,
      serviceAccount: value['service-account'],
      nodeSelector: value['node-selector'],
      timeoutSeconds: value.timeout ?? preset.timeoutSeconds,
      platformTimeoutSeconds: value['platform-timeout'],
      startupTimeoutSeconds: value['startup-timeout'] ?? startupSeconds[cluster],
      graceSeconds: value.grace,
      mode: value.mode,
      legsDir: value.legs === undefined ? undefined : resolve(value.legs),
      legArtifacts: value['leg-artifacts'],
      expected: value.expect,
      jobResults: value.needs ?? {},
      leg: value.leg,
      testHelper: value['test-helper'],
      artifactName: value['artifact-name'],
      retentionDays: value['retention-days'],
      upload: value.upload,
      resultsDir,
      keep: value.keep,
    },
  };
}

/** An existing cluster may have to add a node first. */
const startupSeconds = { kind: 180, existing: 600 };

/** The way to an existing cluster; what is wrong with it, and what has no meaning there, goes to `errors`. */
function readCluster(
  raw: RawInputs,
  value: v.InferOutput<typeof schema>,
  options: {
    cluster: 'kind' | 'existing';
    kubeconfigFile: string | undefined;
    sources: InputSources;
    errors: InputError[];
  },
): UserKubeconfig | undefined {
  const { cluster, kubeconfigFile, sources, errors } = options;
  if (value.tier === 'unit' && value.cluster === 'existing')
    errors.push({ input: 'cluster', value: 'existing', problem: 'contradicts tier unit, which runs on this machine' });
  if (cluster === 'kind') {
    for (const input of ofExisting)
      if (raw[input] !== undefined)
        errors.push({
          input,
          value: raw[input],
          problem: 'only counts for cluster existing; give that, or leave it out',
        });
    return undefined;
  }
  for (const [input, instead] of ofKind)
    if (raw[input] !== undefined)
      errors.push({ input, value: raw[input], problem: `has no meaning for an existing cluster: ${instead}` });
  // A file that is not there has been told.
  if (errors.some(({ input }) => input === 'kubeconfig')) return undefined;
  const read = readUserKubeconfig({ file: kubeconfigFile, context: value.context, env: sources.env ?? process.env });
  if (read.problem !== undefined) errors.push(read.problem);
  return read.kubeconfig;
}

/** A chart of this machine must be there; helm's short names for repositories are known to the user's helm alone. */
function checkLocalChart(chart: string, full: string, errors: InputError[]): void {
  if (existsSync(full)) return;
  const isShortName = /^[\w-]+\/[\w.-]+$/.test(chart);
  const advice = isShortName ? '; a chart of a repository is written as https://charts.example.com#name' : '';
  errors.push({ input: 'chart', value: chart, problem: `does not exist (looked for ${full})${advice}` });
}

/** The chart of a run; one that is wrong will not be used. */
function chooseChart(
  profile: string | undefined,
  remote: ReturnType<typeof readRemoteChart>,
  localPath: string,
): ChartSource | undefined {
  if (profile === 'none') return undefined;
  return remote !== undefined && 'kind' in remote ? remote : { kind: 'local', path: localPath };
}

/** The user's own Job, as far as it can be known before the chart is rendered; what is wrong with it goes to `errors`. */
function readOwnJob(
  raw: RawInputs,
  value: v.InferOutput<typeof schema>,
  { resolve, hasChart, errors }: { resolve: (file: string) => string; hasChart: boolean; errors: InputError[] },
): OwnJob | undefined {
  const templates = value['job-templates'];
  const wrong = (input: InputName, problem: string) => errors.push({ input, value: raw[input] ?? '', problem });
  if (value.job === undefined && templates.length === 0) {
    for (const name of ofOwnJob)
      if (raw[name] !== undefined)
        wrong(name, 'only counts for a Job of your own: give job or job-templates, or leave it out');
    return undefined;
  }
  const source: InputName = value.job === undefined ? 'job-templates' : 'job';
  if (value.tier === 'unit') wrong(source, 'needs a cluster, and tier unit runs a command on this machine');
  for (const name of ofBuiltInJob)
    if (raw[name] !== undefined) wrong(name, `contradicts ${source}: your own Job says it in its manifest`);
  if (value.job !== undefined && templates.length > 0) wrong('job-templates', 'contradicts job; leave one of them out');
  if (value.job === undefined) {
    if (!hasChart) wrong('job-templates', 'needs a chart, but the profile is none');
    return { kind: 'templates', templates, set: value['job-set'], container: value.container };
  }
  if (value['job-set'].length > 0) wrong('job-set', 'only counts for job-templates; a file is not rendered');
  const file = resolve(value.job);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) {
    wrong('job', stat === undefined ? `does not exist (looked for ${file})` : 'is not a file');
    return undefined;
  }
  const read = readJobManifest(readFileSync(file, 'utf8'), {
    namespace: value.namespace,
    resultsPath: value['results-path'],
    container: value.container,
  });
  if (read.testJob !== undefined) return { kind: 'file', path: file, testJob: read.testJob };
  for (const { about, problem } of read.problems)
    if (about === 'manifest') wrong('job', problem);
    else errors.push({ input: about, value: value[about] ?? '', problem });
  return undefined;
}

/** All errors as one text, a line each: the input, its value, and what would be right. */
export function renderInputErrors(errors: InputError[]): string[] {
  return errors.map(({ input, value, problem }) => `${input}: ${JSON.stringify(value)} ${problem}`);
}

// ── where inputs come from ──────────────────────────────────────────────────────────────────────────────────────────

/** Name of the file in which a repository keeps its defaults, per tier. */
const projectFileName = '.k8s-test.yaml';

/** The defaults of the project file for the tier that will run; problems are added to `errors`. */
function readProjectFile(directory: string, givenTier: string | undefined, errors: InputError[]): RawInputs {
  const file = path.join(directory, projectFileName);
  if (!existsSync(file)) return {};
  let content: unknown;
  try {
    content = parseYaml(readFileSync(file, 'utf8')) ?? {};
  } catch (error) {
    const problem = `is not YAML: ${messageOf(error).split('\n')[0]}`;
    errors.push({ input: projectFileName, value: file, problem });
    return {};
  }
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

/** A build needs its directory and its Dockerfile, and a name that can be given to it. */
function checkBuild(
  value: { build?: string | undefined; dockerfile?: string | undefined; image: string },
  existing: (input: InputName, file: string, kind: 'file' | 'directory') => string,
  errors: InputError[],
): void {
  const { build, dockerfile, image } = value;
  if (build === undefined) {
    if (dockerfile !== undefined)
      errors.push({
        input: 'dockerfile',
        value: dockerfile,
        problem: 'says how to build, but build does not say what',
      });
    return;
  }
  const context = existing('build', build, 'directory');
  if (dockerfile !== undefined) existing('dockerfile', dockerfile, 'file');
  else if (
    statSync(context, { throwIfNoEntry: false })?.isDirectory() === true &&
    !existsSync(path.join(context, 'Dockerfile'))
  )
    errors.push({ input: 'build', value: build, problem: 'holds no Dockerfile; name it with dockerfile' });
  if (image.includes('@'))
    errors.push({ input: 'image', value: image, problem: 'holds a digest, which no build can be given; name a tag' });
}

function readKindConfig(file: string, full: string, errors: InputError[]): UserKindConfig | undefined {
  if (statSync(full, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  try {
    return readUserKindConfig(readFileSync(full, 'utf8'));
  } catch (error) {
    const problem = `is not a Kind config: ${messageOf(error)}; compare it with kind.sigs.k8s.io/docs/user/configuration`;
    errors.push({ input: 'kind-config', value: file, problem });
    return undefined;
  }
}

function projectValue(name: string, value: unknown): string | undefined {
  const isScalar = (item: unknown) => ['string', 'number', 'boolean'].includes(typeof item);
  if (isScalar(value)) return String(value);
  if (!Array.isArray(value) || !value.every(isScalar)) return undefined;
  return name === 'command' || name === 'args' ? JSON.stringify(value) : value.join('\n');
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknownInput(name: string, value: string): InputError {
  const bare = name.slice(name.lastIndexOf('.') + 1);
  const close = inputNames
    .map((known) => ({ known, distance: leven(bare, known) }))
    .sort((a, b) => a.distance - b.distance)[0]!;
  const guess = close.distance <= 3 ? `; did you mean ${close.known}?` : '';
  return { input: name, value, problem: `is not an input${guess}` };
}

function listProfiles(chart: string): string[] {
  const directory = path.join(chart, 'profiles');
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
}

/** Why a directory may not be emptied and used for results; undefined when it may. */
function whyNotOurs(directory: string, workspace: string): string | undefined {
  const inside = (child: string, parent: string) => `${child}/`.startsWith(parent === '/' ? '/' : `${parent}/`);
  for (const precious of [workspace, homedir()])
    if (inside(precious, directory)) return 'holds your files; name a directory that is for results alone';
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isDirectory()) return 'is a file; name a directory';
  const entries = readdirSync(directory);
  if (entries.length === 0 || entries.includes(resultsMarker)) return undefined;
  return `holds files that no run of ours wrote (${entries.slice(0, 3).join(', ')}); name an empty or new directory`;
}
