/**
 * All inputs of a run, read, checked against each other and completed. The action reads them from `with:`, the command line
 * from flags, both over the defaults of the project file `.k8s-test.yaml`.
 */
import path from 'node:path';
import * as v from 'valibot';
import { messageOf } from '../core/outcome.ts';
import type { Quarantine } from '../core/quarantine.ts';
import type { ChartSource } from './chart-source.ts';
import {
  checkBuild,
  checkCluster,
  checkEnvironment,
  checkKindConfig,
  checkMode,
  checkPlaces,
  checkRetries,
  checkShards,
  checkVolumes,
} from './check-inputs.ts';
import { readInputFile } from './inspect-path.ts';
import { type OwnJob, readOwnJob } from './own-job.ts';
import { readProjectFile } from './project-file.ts';
import { readChart } from './read-chart-input.ts';
import { readQuarantine } from './read-quarantine.ts';
import { Reading } from './reading.ts';
import { type InputError, type InputName, inputNames, type RawInputs, schema, unknownInput } from './schema.ts';
import { type TierName, type TierPreset, tiers } from './tiers.ts';
import { readUserKindConfig, type UserKindConfig } from './user-kind-config.ts';
import { readUserKubeconfig, type UserKubeconfig } from './user-kubeconfig.ts';
import { type LegOfMatrix, type RegistryMirror, readSecrets, type VolumeMount } from './value-syntax.ts';

/** An existing cluster may have to add a node first. */
const startupSeconds = { kind: 180, existing: 600 };
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
  const reading = readValues(sources);
  const parts = readParts(reading, sources);
  const { errors } = reading;
  return errors.length > 0 ? { errors } : { inputs: completeInputs(reading, parts) };
}

/** Each input by itself. */
function readValues(sources: InputSources): Reading {
  const { given, directory } = sources;
  const errors: InputError[] = [];
  const raw: RawInputs = { ...readProjectFile(sources, errors), ...given };
  for (const name of Object.keys(given)) {
    if (!inputNames.includes(name as InputName)) errors.push(unknownInput(name, given[name] ?? ''));
  }
  const parsed = v.safeParse(schema, raw);
  if (!parsed.success) {
    for (const issue of parsed.issues) {
      const name = String(issue.path?.[0]?.key ?? '');
      errors.push({ input: name, value: raw[name] ?? '', problem: issue.message });
    }
  }
  // A value that is refused already counts as not given from here on, so that everything else that is wrong is named too.
  const refused = new Set(errors.map((error) => error.input));
  const accepted = Object.fromEntries(Object.entries(raw).filter(([name]) => !refused.has(name)));
  const value = parsed.success ? parsed.output : v.parse(schema, accepted);
  return new Reading({ given, directory, raw, value, refused, errors });
}

/** What the values stand for: the files that they name, and what follows from several of them. */
type Parts = ReturnType<typeof readParts>;

/** Reads the files that inputs name, and checks the inputs against each other. */
function readParts(reading: Reading, { bundledChart, env = process.env }: InputSources) {
  const { raw, value, errors } = reading;
  const resolve = (file: string) => reading.resolve(file);
  const { profile, chart, valuesFiles } = readChart(raw, value, { resolve, bundledChart, errors });
  for (const file of value.values) valuesFiles.push(reading.existing('values', file, 'file'));
  for (const file of value['image-archives']) reading.existing('image-archives', file, 'file');
  if (value['tools-checksums'] !== undefined) reading.existing('tools-checksums', value['tools-checksums'], 'file');
  checkBuild(reading);
  const cluster = value.tier === 'unit' ? 'kind' : (value.cluster ?? tiers[value.tier].cluster);
  const kubeconfig = readCluster(reading, cluster, env);
  const kindConfig = readKindConfig(reading);
  checkKindConfig(reading, kindConfig, chart !== undefined);
  checkMode(reading);
  if (value.legs !== undefined) reading.existing('legs', value.legs, 'directory');
  const ownDir = value.mode === 'report' ? 'report' : value.tier;
  const resultsDir = reading.resolve(value['results-dir'] ?? path.join('k8s-test-results', ownDir));
  checkVolumes(reading);
  const { secrets, problems } = readSecrets(value.secrets);
  for (const problem of problems) reading.refuse('secrets', problem, '***');
  checkEnvironment(reading, secrets);
  checkShards(reading);
  checkRetries(reading);
  checkPlaces(reading, resultsDir);
  const quarantine = readQuarantineFile(reading);
  const ownJob = readOwnJob(raw, value, { resolve, hasChart: profile !== 'none', errors });
  return {
    profile,
    chart,
    valuesFiles,
    cluster,
    kubeconfig,
    kindConfig,
    resultsDir,
    secrets,
    quarantine,
    ownJob,
  } as const;
}

/** Fills in what the tier presets; every path is absolute. */
function completeInputs(reading: Reading, parts: Parts): Inputs {
  const { raw, value } = reading;
  const { profile, chart, valuesFiles, cluster, kubeconfig, kindConfig, resultsDir, secrets, quarantine, ownJob } =
    parts;
  const preset = tiers[value.tier];
  const baseline = value['coverage-baseline'];
  return {
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
    toolsChecksumsPath: value['tools-checksums'] === undefined ? undefined : reading.resolve(value['tools-checksums']),
    registryMirrors: value['registry-mirrors'],
    image: value.build !== undefined && raw.image === undefined ? '' : value.image,
    build:
      value.build === undefined
        ? undefined
        : {
            context: reading.resolve(value.build),
            dockerfile: value.dockerfile === undefined ? undefined : reading.resolve(value.dockerfile),
          },
    loadImages: value['load-images'],
    imageArchives: value['image-archives'].map((file) => reading.resolve(file)),
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
    legsDir: value.legs === undefined ? undefined : reading.resolve(value.legs),
    legArtifacts: value['leg-artifacts'],
    expected: value.expect,
    jobResults: value.needs ?? {},
    leg: value.leg,
    legName: value['leg-name'],
    historyFile: value.history === undefined ? undefined : reading.resolve(value.history),
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
    coverageBaseline: baseline === undefined ? undefined : reading.resolve(baseline),
    otlpEndpoint: value['otlp-endpoint'],
    keep: value.keep,
  };
}

/** Only the secrets of a run, from all places, even if other inputs are invalid. */
export function readOnlySecrets({ given, directory }: Pick<InputSources, 'given' | 'directory'>): Inputs['secrets'] {
  const { secrets = '' } = { ...readProjectFile({ given, directory }, []), ...given };
  return readSecrets(secrets).secrets;
}

/** The connection to an existing cluster; undefined on Kind, and in mode report, which reaches none. */
function readCluster(
  reading: Reading,
  cluster: 'kind' | 'existing',
  env: NodeJS.ProcessEnv,
): UserKubeconfig | undefined {
  const { value, errors } = reading;
  const file = value.kubeconfig === undefined ? undefined : reading.existing('kubeconfig', value.kubeconfig, 'file');
  if (value.mode !== 'test') return undefined;
  checkCluster(reading, cluster);
  // A missing file has been reported already.
  if (cluster === 'kind' || errors.some(({ input }) => input === 'kubeconfig')) return undefined;
  const read = readUserKubeconfig({ file, context: value.context, env });
  if (read.problem !== undefined) errors.push(read.problem);
  return read.kubeconfig;
}

function readQuarantineFile(reading: Reading): Quarantine | undefined {
  const file = reading.value.quarantine;
  if (file === undefined) return undefined;
  const { text, problem } = readInputFile(reading.resolve(file));
  const { entries, problems } = text === undefined ? { entries: [], problems: [problem] } : readQuarantine(text);
  for (const one of problems) reading.refuse('quarantine', one, file);
  return { file, entries };
}

function readKindConfig(reading: Reading): UserKindConfig | undefined {
  const file = reading.value['kind-config'];
  if (file === undefined) return undefined;
  const { text, problem } = readInputFile(reading.resolve(file));
  if (problem !== undefined) {
    reading.refuse('kind-config', problem, file);
    return undefined;
  }
  try {
    return readUserKindConfig(text);
  } catch (error) {
    reading.refuse(
      'kind-config',
      `is not a Kind config: ${messageOf(error)}; compare it with kind.sigs.k8s.io/docs/user/configuration`,
      file,
    );
    return undefined;
  }
}
