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
  jobResults,
  legOfMatrix,
  lines,
  linesMatching,
  matching,
  mirrorLines,
  oneOf,
  quantity,
  version,
  volumeLines,
  words,
} from './value-syntax.ts';

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

/** Raw text of inputs, by name; what is not given is absent. */
export type RawInputs = Partial<Record<string, string>>;

export const schema = v.object({
  tier: v.optional(oneOf(tierNames), 'integration'),
  profile: v.optional(
    matching(/^[a-z0-9][a-z0-9-]*$/, 'is not the name of a profile; choose minimal, full, production or none'),
  ),
  chart: v.optional(v.string()),
  'chart-version': v.optional(
    matching(/^[.+^~<>=, |-]*[\w*][\w.+^~<>=*, |-]*$/, 'is not a version; write it as 1.2.3, or a range as ^1.2'),
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
  secrets: v.optional(v.string(), ''),
  volumes: v.optional(volumeLines, ''),
  job: v.optional(v.string()),
  'job-templates': v.optional(lines, ''),
  'job-set': v.optional(linesMatching(/^[^=\s][^=]*=/, 'is not key=value, one a line'), ''),
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
  shards: v.optional(integer(1, 100), '1'),
  retries: v.optional(integer(0, 2), '0'),
  'artifact-name': v.optional(
    matching(/^[^":<>|*?\r\n\\/]+$/, 'is not a name for an artifact: none of " : < > | * ? / \\ and no line break'),
  ),
  'retention-days': v.optional(integer(1, 400), '90'),
  upload: v.optional(oneOf(['always', 'failure', 'never']), 'always'),
  'results-dir': v.optional(v.string()),
  keep: v.optional(oneOf(['never', 'failure', 'always']), 'never'),
  mode: v.optional(oneOf(['test', 'report']), 'test'),
  legs: v.optional(v.string()),
  'leg-artifacts': v.optional(lines, 'k8s-test-*'),
  expect: v.optional(lines, ''),
  needs: v.optional(jobResults),
  leg: v.optional(legOfMatrix),
});

/** The values of all inputs, as they are written, read one by one; what belongs together is not checked yet. */
export type InputValues = v.InferOutput<typeof schema>;
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
  'helm-wait': {
    default: 'true',
    description:
      'Whether helm itself waits until all that the chart made is ready, and runs post-install hooks only then (--wait). With false it runs them at once, and k8s-test-action waits: for charts whose pods wait for such a hook, as those of Airflow do',
  },
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

/** What is said of a name that no input has, with the one that may be meant. */
export function unknownInput(name: string, value: string): InputError {
  const bare = name.slice(name.lastIndexOf('.') + 1).slice(0, 100);
  const close = inputNames
    .map((known) => ({ known, distance: leven(bare, known) }))
    .sort((a, b) => a.distance - b.distance)[0]!;
  const guess = close.distance <= 3 ? `; did you mean ${close.known}?` : '';
  return { input: name, value, problem: `is not an input${guess}` };
}

/** All errors as one text, a line each: the input, its value, and what would be right. */
export function renderInputErrors(errors: InputError[]): string[] {
  return errors.map(({ input, value, problem }) => `${toOneLine(input, 200)}: ${quoteValue(value)} ${problem}`);
}
