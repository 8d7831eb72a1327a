/**
 * All inputs of a run, read, checked against each other and completed. The action reads them from `with:`, the command line
 * from flags, both over the defaults of the project file `.k8s-test.yaml`.
 */
import path from 'node:path';
import * as v from 'valibot';
import { messageOf } from '../core/outcome.ts';
import type { Quarantine } from '../core/quarantine.ts';
import type { ChartSource } from './chart-source.ts';
import { explainHistory, whyNotOurs } from './check-results-dir.ts';
import { explainPath, inspectPath, readInputFile } from './inspect-path.ts';
import { type OwnJob, readOwnJob } from './own-job.ts';
import { readProjectFile } from './project-file.ts';
import { readChart } from './read-chart-input.ts';
import { readQuarantine } from './read-quarantine.ts';
import {
  type InputError,
  type InputName,
  type InputValues,
  inputNames,
  type RawInputs,
  schema,
  unknownInput,
} from './schema.ts';
import { isWholeNumber, readSetLine, scalarsOf } from './set-lines.ts';
import { type TierName, type TierPreset, tiers } from './tiers.ts';
import { disablesNetwork, findOwnMirrors, readUserKindConfig, type UserKindConfig } from './user-kind-config.ts';
import { readUserKubeconfig, type UserKubeconfig } from './user-kubeconfig.ts';
import { type LegOfMatrix, type RegistryMirror, readSecrets, type VolumeMount } from './value-syntax.ts';

/** An existing cluster may have to add a node first. */
const startupSeconds = { kind: 180, existing: 600 };
/** What `mode: report` reads, and of this what a test does too. */
const ofBoth: ReadonlySet<InputName> = new Set([
  'mode',
  'project-file',
  'leg',
  'leg-name',
  'results-dir',
  'artifact-name',
  'retention-days',
  'upload',
  'comment',
  'token',
]);
const ofReport: ReadonlySet<InputName> = new Set([...ofBoth, 'legs', 'leg-artifacts', 'expect', 'needs']);
/** Inputs that only a cluster of our own knows, and what to do instead on an existing one. */
const ofKind: [InputName, string][] = [
  ['kind-config', 'leave it out'],
  ['nodes', 'leave it out'],
  ['node-image', 'leave it out'],
  ['kind-version', 'leave it out'],
  ['registry-mirrors', 'its nodes already know how to pull; leave it out'],
  ['build', 'its nodes must pull the image: build and push it in a step before, and name it with image'],
  ['dockerfile', 'its nodes must pull the image: build and push it in a step before, and name it with image'],
  ['load-images', 'its nodes must pull them: push them to a registry in a step before'],
  ['image-archives', 'its nodes must pull them: push them to a registry in a step before'],
];
/** Inputs that only an existing cluster knows. */
const ofExisting: InputName[] = ['kubeconfig', 'context'];

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
  /** Whether helm waits for what it made before it runs post-install hooks. */
  helmWaits: boolean;
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
  /** Distinguishes two calls of one reusable workflow for the roll-up; empty where none was given. */
  legName: string;
  /** Where the times of the tests are kept; undefined where they are not. */
  historyFile: string | undefined;
  /** Tests that do not fail the run; undefined without a file of them. */
  quarantine: Quarantine | undefined;
  /** How often failed tests run again, alone in a fresh pod. */
  retries: number;
  /** The command of a retry, with `{tests}` in it; undefined: the usual one, by the test helper or the tool's own option. */
  retryCommand: string[] | undefined;
  /** Pods that run the suite together; 1 is the suite in one piece. */
  shards: number;
  /** Whether the run chooses that number itself, once it has a platform. */
  choosesShards: boolean;
  testHelper: 'auto' | 'on' | 'off';
  artifactName: string | undefined;
  retentionDays: number;
  upload: 'always' | 'failure' | 'never';
  resultsDir: string;
  /** Its token is not among the inputs, which are written to the disk. */
  comment: 'always' | 'failure' | 'never';
  /** `result.json` of an earlier run; it need not be there. */
  coverageBaseline: string | undefined;
  /** Base address of an OpenTelemetry collector; undefined: taken from the environment. */
  otlpEndpoint: string | undefined;
  keep: 'never' | 'failure' | 'always';
}

export interface InputSources {
  /** From `with:` or flags. */
  given: RawInputs;
  /** Directory against which given paths are resolved, and in which `.k8s-test.yaml` is looked for. */
  directory: string;
  /** Directory of the bundled chart. */
  bundledChart: string;
  /** Environment in which a kubeconfig is looked for; that of this process by default. */
  env?: NodeJS.ProcessEnv;
}

/**
 * Reads, checks and completes all inputs. Creates nothing.
 * @returns the inputs, or all errors in them.
 */
export function readInputs(
  sources: InputSources,
): { inputs: Inputs; errors?: undefined } | { inputs?: undefined; errors: InputError[] } {
  const errors: InputError[] = [];
  const defaults = readProjectFile(sources, errors);
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

  // A value that is refused already counts as not given from here on, so that everything else that is wrong is named too.
  const isRefused = new Set(errors.map((error) => error.input));
  const accepted = Object.fromEntries(Object.entries(raw).filter(([name]) => !isRefused.has(name)));
  const value = parsed.success ? parsed.output : v.parse(schema, accepted);
  const preset = tiers[value.tier];
  const resolve = (file: string) => path.resolve(sources.directory, file);
  const existing = (input: InputName, file: string, kind: 'file' | 'directory') => {
    const full = resolve(file);
    const problem = explainPath(full, kind);
    if (problem !== undefined) errors.push({ input, value: file, problem });
    return full;
  };

  const { profile, chart, valuesFiles } = readChart(raw, value, {
    resolve,
    bundledChart: sources.bundledChart,
    errors,
  });
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
    kindConfigFile === undefined ? undefined : readKindConfig(kindConfigFile, resolve(kindConfigFile), errors);
  if (disablesNetwork(kindConfig) && chart === undefined)
    errors.push({
      input: 'kind-config',
      value: kindConfigFile ?? '',
      problem: 'sets disableDefaultCNI, and without a chart no network plugin is installed, which pods need',
    });
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
  const notOurs = whyNotOurs(resultsDir, sources.directory);
  if (notOurs !== undefined)
    errors.push({ input: 'results-dir', value: value['results-dir'] ?? resultsDir, problem: notOurs });
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
  for (const input of ['set', 'job-set'] as const)
    for (const problem of findVisibleSecrets(value[input], secrets)) errors.push({ input, value: '***', problem });
  checkShards(value, errors);
  checkRetries(value, errors);
  const historyProblem =
    value.history === undefined ? undefined : explainHistory(resolve(value.history), resultsDir, sources.directory);
  if (historyProblem !== undefined)
    errors.push({ input: 'history', value: value.history ?? '', problem: historyProblem });
  const quarantine = readQuarantineFile(value.quarantine, resolve, errors);
  const baseline = value['coverage-baseline'];
  if (baseline !== undefined && `${resolve(baseline)}/`.startsWith(`${resultsDir}/`))
    errors.push({
      input: 'coverage-baseline',
      value: baseline,
      problem: 'lies in results-dir, which each run empties; name another place',
    });
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
      helmWaits: value['helm-wait'] === 'true',
      startupTimeoutSeconds: value['startup-timeout'] ?? startupSeconds[cluster],
      graceSeconds: value.grace,
      mode: value.mode,
      legsDir: value.legs === undefined ? undefined : resolve(value.legs),
      legArtifacts: value['leg-artifacts'],
      expected: value.expect,
      jobResults: value.needs ?? {},
      leg: value.leg,
      legName: value['leg-name'],
      historyFile: value.history === undefined ? undefined : resolve(value.history),
      quarantine,
      retries: value.retries,
      retryCommand: value['retry-command'],
      shards: value.shards === 'auto' ? 1 : value.shards,
      choosesShards: value.shards === 'auto',
      testHelper: value['test-helper'],
      artifactName: value['artifact-name'],
      retentionDays: value['retention-days'],
      upload: value.upload,
      resultsDir,
      comment: value.comment,
      coverageBaseline: baseline === undefined ? undefined : resolve(baseline),
      otlpEndpoint: value['otlp-endpoint'],
      keep: value.keep,
    },
  };
}

/**
 * Values of `set` that helm can only read from its command line, where every user of the machine sees them, and that are
 * secret: a number from a file would be text.
 */
function findVisibleSecrets(set: readonly string[], secrets: Inputs['secrets']): string[] {
  const secret = new Map(secrets.map(([name, value]) => [value, name]));
  return set.flatMap((line) => {
    const read = readSetLine(line);
    const assignments = 'problem' in read ? [] : read.assignments;
    return assignments.flatMap((assignment) =>
      scalarsOf(assignment)
        .filter(({ text }) => isWholeNumber(text) && secret.has(text))
        .map(
          ({ text }) =>
            `gives ${assignment.key} the number that is the secret ${secret.get(text)}, and helm reads numbers of set from its command line, which all users of the machine see; put it into a file of values`,
        ),
    );
  });
}

/** Only the secrets of a run, from all places, even if other inputs are invalid. */
export function readOnlySecrets({ given, directory }: Pick<InputSources, 'given' | 'directory'>): Inputs['secrets'] {
  const { secrets = '' } = { ...readProjectFile({ given, directory }, []), ...given };
  return readSecrets(secrets).secrets;
}

/** The connection to an existing cluster; errors in it, and inputs without a meaning there, are added to `errors`. */
function readCluster(
  raw: RawInputs,
  value: InputValues,
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
          problem: 'only applies to cluster existing; give that, or leave it out',
        });
    return undefined;
  }
  for (const [input, instead] of ofKind)
    if (raw[input] !== undefined)
      errors.push({ input, value: raw[input], problem: `has no meaning for an existing cluster: ${instead}` });
  // A missing file has been reported already.
  if (errors.some(({ input }) => input === 'kubeconfig')) return undefined;
  const read = readUserKubeconfig({ file: kubeconfigFile, context: value.context, env: sources.env ?? process.env });
  if (read.problem !== undefined) errors.push(read.problem);
  return read.kubeconfig;
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
  else if (inspectPath(context) === 'directory') {
    const found = inspectPath(path.join(context, 'Dockerfile'));
    if (found === 'absent')
      errors.push({ input: 'build', value: build, problem: 'holds no Dockerfile; name it with dockerfile' });
    else if (typeof found === 'object')
      errors.push({ input: 'build', value: build, problem: `holds a Dockerfile that ${found.problem}` });
  }
  if (image.includes('@'))
    errors.push({ input: 'image', value: image, problem: 'holds a digest, which no build can be given; name a tag' });
}

/** Shards are pods of a cluster, and their number is chosen from earlier runs. */
function checkShards({ shards, tier, history }: InputValues, errors: InputError[]): void {
  const about = { input: 'shards', value: String(shards) } as const;
  if (shards !== 1 && tier === 'unit')
    errors.push({ ...about, problem: 'needs a cluster, and tier unit runs on the runner itself; leave it out' });
  if (shards === 'auto' && history === undefined)
    errors.push({ ...about, problem: 'needs the input history, a file that keeps how long each test took' });
}

/** A retry needs a fresh pod, and a command that selects which tests it runs. */
function checkRetries(value: InputValues, errors: InputError[]): void {
  const { retries, tier, 'retry-command': command } = value;
  if (retries > 0 && tier === 'unit')
    errors.push({
      input: 'retries',
      value: String(retries),
      problem: 'needs a cluster, and tier unit runs on the runner itself; leave it out',
    });
  if (command === undefined) return;
  const quoted = command.join(' ');
  if (!command.some((word) => word.includes('{tests}')))
    errors.push({
      input: 'retry-command',
      value: quoted,
      problem: 'does not say where the names of the tests go; write {tests} there',
    });
  if (retries === 0)
    errors.push({ input: 'retry-command', value: quoted, problem: 'has no meaning without retries; give it 1 or 2' });
}

function readQuarantineFile(
  file: string | undefined,
  resolve: (file: string) => string,
  errors: InputError[],
): Quarantine | undefined {
  if (file === undefined) return undefined;
  const { text, problem } = readInputFile(resolve(file));
  const { entries, problems } = text === undefined ? { entries: [], problems: [problem] } : readQuarantine(text);
  for (const one of problems) errors.push({ input: 'quarantine', value: file, problem: one });
  return { file, entries };
}

function readKindConfig(file: string, full: string, errors: InputError[]): UserKindConfig | undefined {
  const { text, problem: unreadable } = readInputFile(full);
  if (unreadable !== undefined) {
    errors.push({ input: 'kind-config', value: file, problem: unreadable });
    return undefined;
  }
  try {
    return readUserKindConfig(text);
  } catch (error) {
    const problem = `is not a Kind config: ${messageOf(error)}; compare it with kind.sigs.k8s.io/docs/user/configuration`;
    errors.push({ input: 'kind-config', value: file, problem });
    return undefined;
  }
}
