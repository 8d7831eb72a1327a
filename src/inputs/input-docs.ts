/** What each input is for, as users read it in action.yml, docs/reference.md and `--help`. */
import type { InputName } from './schema.ts';

/** The groups of docs/reference.md and of `--help`, in their order. */
export const inputGroups = {
  tests: 'Tests',
  platform: 'Platform',
  cluster: 'Cluster',
  images: 'Images and tools',
  results: 'Results',
  publishing: 'Artifact and comment, in a workflow',
  'roll-up': 'Roll-up of a matrix',
} as const;

export interface InputDoc {
  group: keyof typeof inputGroups;
  /** The default as users read it; empty means "not set". */
  default: string;
  /** One or two sentences without a full stop at the end. */
  description: string;
  /** A value that is right, as `with:` takes it. */
  example: string;
}

const byTier = 'The default depends on `tier`';

/** Every input, by name. */
export const inputDocs: Record<InputName, InputDoc> = {
  tier: {
    group: 'tests',
    default: 'integration',
    description: 'Preset for the other inputs: `unit`, `integration`, `e2e` or `staging`',
    example: 'e2e',
  },
  'project-file': {
    group: 'tests',
    default: '',
    description:
      'Which inputs `.k8s-test.yaml` may set: `all`, `safe` (none that runs programs on the runner or reads its files), or `none`. The default is `all`, but `safe` on events that run a workflow of the default branch for strangers, such as `pull_request_target`',
    example: 'safe',
  },
  profile: {
    group: 'platform',
    default: '',
    description: `Profile of the chart: \`minimal\`, \`full\`, \`production\`, or \`none\` to install no chart. ${byTier}`,
    example: 'none',
  },
  chart: {
    group: 'platform',
    default: '',
    description:
      'Platform chart: a directory, a .tgz file, `oci://registry/path/name` or `https://repository#name`. The default is the bundled floe-platform chart',
    example: 'deploy/chart',
  },
  'chart-version': {
    group: 'platform',
    default: '',
    description: 'Version, or version range, of a remote chart. The default is the newest version',
    example: '^1.2',
  },
  values: {
    group: 'platform',
    default: '',
    description: 'Values files for the chart, one per line. Later files override earlier ones, as in Helm',
    example: 'deploy/ci-values.yaml',
  },
  set: {
    group: 'platform',
    default: '',
    description:
      'Values for the chart as `key=value`, one per line, with the syntax of `helm --set`. A password also belongs into `secrets`, so that it is masked',
    example: 'replicaCount=1',
  },
  release: { group: 'platform', default: 'floe-test', description: 'Name of the Helm release', example: 'shop' },
  namespace: {
    group: 'platform',
    default: 'floe-test',
    description:
      'Namespace of the platform and the tests. On an existing cluster the default gets a unique suffix. A namespace that you name and that exists is used and kept',
    example: 'shop-tests',
  },
  cluster: {
    group: 'cluster',
    default: '',
    description: `Where to run: \`kind\` creates a cluster, \`existing\` uses one of yours. ${byTier}`,
    example: 'existing',
  },
  kubeconfig: {
    group: 'cluster',
    default: '',
    description:
      "Kubeconfig file of an existing cluster. The default is kubectl's: `KUBECONFIG`, `~/.kube/config`, then the ServiceAccount of the surrounding pod",
    example: 'ci/kubeconfig',
  },
  context: {
    group: 'cluster',
    default: '',
    description: 'Context in that kubeconfig. The default is the current context',
    example: 'staging',
  },
  'kind-config': {
    group: 'cluster',
    default: '',
    description: 'Kind configuration file of your own. The action adds what it needs and keeps the rest',
    example: 'ci/kind.yaml',
  },
  nodes: {
    group: 'cluster',
    default: '',
    description: `Number of Kind nodes, including the control plane. ${byTier}`,
    example: '3',
  },
  'node-image': {
    group: 'cluster',
    default: '',
    description: 'Node image for Kind, preferably with its digest. The default is pinned',
    example: 'kindest/node:v1.35.5',
  },
  'kind-version': {
    group: 'images',
    default: '',
    description: 'Version of kind. The default is pinned',
    example: '0.32.0',
  },
  'helm-version': {
    group: 'images',
    default: '',
    description: 'Version of Helm. The default is pinned',
    example: '4.1.4',
  },
  'tools-mirror': {
    group: 'images',
    default: '',
    description: 'Base address to download kind and Helm from instead of their release pages',
    example: 'https://mirror.example/tools',
  },
  'tools-checksums': {
    group: 'images',
    default: '',
    description: 'File of `<sha256>  <file name>` lines, for tool versions whose checksum is not pinned in this action',
    example: 'ci/tools.sha256',
  },
  'registry-mirrors': {
    group: 'images',
    default: '',
    description:
      'Registry mirrors for the nodes as `registry=address`, one per line. `*` stands for every other registry',
    example: 'docker.io=http://10.0.0.5:5000',
  },
  image: {
    group: 'tests',
    default: 'ghcr.io/floe/test-runner',
    description: 'Test image. An image in the local Docker is loaded into the nodes; the nodes pull any other image',
    example: 'shop-tests:ci',
  },
  build: {
    group: 'tests',
    default: '',
    description:
      'Build context of the test image. The action builds it first and names it after `image`, if that is set',
    example: '.',
  },
  dockerfile: {
    group: 'tests',
    default: '',
    description: 'Dockerfile of that build. The default is `Dockerfile` in the build context',
    example: 'tests/Dockerfile',
  },
  'load-images': {
    group: 'images',
    default: '',
    description: 'More images of the local Docker to load into the nodes, one per line',
    example: 'postgres:16',
  },
  'image-archives': {
    group: 'images',
    default: '',
    description: 'Image archives (tar files) to load into the nodes, one per line',
    example: 'images/shop.tar',
  },
  command: {
    group: 'tests',
    default: '',
    description:
      "Command of the test container: a YAML list, or one line that is split like a shell command. `[]` keeps the image's entry point",
    example: 'pytest tests/smoke',
  },
  args: {
    group: 'tests',
    default: '',
    description:
      'Arguments of the test container, in the same syntax. The default is `pytest tests/<tier> -v --junitxml=<results-path>/junit.xml`',
    example: 'tests/smoke -k health --junitxml=/results/junit.xml',
  },
  env: {
    group: 'tests',
    default: '',
    description: 'Environment variables of the test container as `NAME=value`, one per line',
    example: 'LOG_LEVEL=debug',
  },
  secrets: {
    group: 'tests',
    default: '',
    description:
      'Secret environment variables as `NAME=value`, one per line, or several lines between `NAME<<END` and `END`. They reach the tests through a Kubernetes Secret and are masked in all output',
    example: `API_TOKEN=\${{ secrets.API_TOKEN }}`,
  },
  volumes: {
    group: 'tests',
    default: '',
    description: 'PersistentVolumeClaims to mount into the test container: `CLAIM=/path` or `CLAIM=/path:ro`',
    example: 'warehouse=/data:ro',
  },
  job: {
    group: 'tests',
    default: '',
    description: 'Manifest file with a Job of your own and its supporting resources',
    example: 'deploy/tests.yaml',
  },
  'job-templates': {
    group: 'tests',
    default: '',
    description:
      'Templates of the chart that render the Job and its supporting resources, one per line, as `helm template --show-only` names them',
    example: 'templates/tests/job.yaml',
  },
  'job-set': {
    group: 'tests',
    default: '',
    description: 'Values as `key=value`, one per line, that apply only when `job-templates` are rendered',
    example: 'tests.enabled=true',
  },
  container: {
    group: 'tests',
    default: '',
    description:
      'Name of the test container in a Job of your own. The default is the only container, or the one named `test*`',
    example: 'tests',
  },
  'collector-image': {
    group: 'results',
    default: 'busybox:1.37.0',
    description:
      'Image of the sidecar that reads results from a volume this machine cannot see. It needs sh, tar and sha256sum',
    example: 'registry.example/busybox:1.37.0',
  },
  'results-path': {
    group: 'results',
    default: '/results',
    description: 'Directory in the test container to which the tests write their results',
    example: '/artifacts',
  },
  'results-limit': {
    group: 'results',
    default: '5Gi',
    description:
      'Maximum total size of the results. Files over the limit are skipped, and tests that fill the disk are stopped',
    example: '500Mi',
  },
  junit: {
    group: 'results',
    default: '**/*.xml',
    description: 'Which files below `results-path` are JUnit reports, as globs, one per line',
    example: 'reports/*.xml',
  },
  memory: {
    group: 'tests',
    default: '',
    description: `Memory request and limit of the built-in Job. ${byTier}`,
    example: '2Gi',
  },
  cpu: { group: 'tests', default: '', description: `CPU limit of the built-in Job. ${byTier}`, example: '500m' },
  'service-account': {
    group: 'tests',
    default: '',
    description: 'ServiceAccount of the built-in Job, for tests that use the Kubernetes API',
    example: 'tests',
  },
  'node-selector': {
    group: 'tests',
    default: '',
    description: 'Node labels that the built-in Job requires, as `label=value`, one per line',
    example: 'disktype=ssd',
  },
  timeout: { group: 'tests', default: '', description: `Time limit of the tests. ${byTier}`, example: '20m' },
  'platform-timeout': {
    group: 'platform',
    default: '10m',
    description: 'Maximum time to wait for the chart to become ready',
    example: '15m',
  },
  'helm-wait': {
    group: 'platform',
    default: 'true',
    description:
      'Whether Helm waits until everything is ready before it runs post-install hooks (`--wait`). With `false`, Helm runs them at once and the action waits instead. Charts whose pods wait for such a hook, such as Airflow, need `false`',
    example: 'false',
  },
  'startup-timeout': {
    group: 'tests',
    default: '3m',
    description:
      'Maximum time for the test pod to start. On an existing cluster, which may have to add a node, the default is 10m',
    example: '5m',
  },
  grace: {
    group: 'tests',
    default: '30s',
    description: 'Time between SIGTERM and SIGKILL when the tests exceed their time limit',
    example: '1m',
  },
  'test-helper': {
    group: 'tests',
    default: 'auto',
    description:
      'Whether to mount a pytest plugin that records each finished test, so that a killed run still reports them: `auto` (when the `PYTHONPATH` of the image is known), `on` or `off`',
    example: 'off',
  },
  shards: {
    group: 'tests',
    default: '1',
    description:
      'Number of pods that run the suite together, or `auto`: chosen from `history` and from what the cluster has room for. The pytest helper divides pytest tests by itself; other tools read `TEST_SHARD_INDEX` and `TEST_TOTAL_SHARDS`, or `{shard}` and `{shards}` in `command` and `args`',
    example: '4',
  },
  history: {
    group: 'tests',
    default: '',
    description:
      'JSON file that keeps how long each test took and how the last runs went: read before the tests, to divide them over `shards` by time and to report what this run changed, and written after them. It need not be there yet. A `result.json` of an earlier run with its `junit.xml` gives the times alone, and is not written',
    example: '.k8s-test-history.json',
  },
  quarantine: {
    group: 'tests',
    default: '',
    description:
      'YAML file that lists tests which run and do not fail the run, each with `id`, `reason`, `owner` and `expires`. An entry that has expired, or that matches no test, fails the run',
    example: '.github/quarantine.yaml',
  },
  retries: {
    group: 'tests',
    default: '0',
    description:
      'How often failed tests run again, alone in a fresh pod: 0, 1 or 2. A test that then passes is flaky; one that fails in every attempt fails the run',
    example: '1',
  },
  'retry-command': {
    group: 'tests',
    default: '',
    description:
      'Command of a retry, for tools that are not told by themselves: `{tests}` becomes a regular expression of the names of the failed tests, such as `(test_a|test_b)`',
    example: 'gotestsum --junitfile /results/junit.xml -- -run ^{tests}$ ./...',
  },
  'artifact-name': {
    group: 'publishing',
    default: '',
    description: 'Name of the artifact. The default is unique in the workflow run',
    example: 'e2e-results',
  },
  'retention-days': {
    group: 'publishing',
    default: '90',
    description: 'Number of days to keep the artifact',
    example: '14',
  },
  upload: {
    group: 'publishing',
    default: 'always',
    description: 'When to upload the artifact: `always`, `failure` or `never`',
    example: 'failure',
  },
  'results-dir': {
    group: 'results',
    default: '',
    description: 'Directory on the runner for the results. The default is `k8s-test-results/<tier>`',
    example: 'out/tests',
  },
  comment: {
    group: 'publishing',
    default: 'never',
    description:
      'When to write the summary into a comment of the pull request, one that later runs update: `never`, `failure` (a comment that exists is updated by every run) or `always`. It needs `token`',
    example: 'failure',
  },
  token: {
    group: 'publishing',
    default: '',
    description:
      'Token for `comment`. With `github.token` the job needs the permission `pull-requests: write`. Nothing else uses it',
    example: `\${{ github.token }}`,
  },
  'coverage-baseline': {
    group: 'results',
    default: '',
    description:
      'The `result.json` of an earlier run, such as one of the main branch: the coverage is compared with it. It need not be there yet',
    example: 'main-results/result.json',
  },
  'otlp-endpoint': {
    group: 'results',
    default: '',
    description:
      'Base address of an OpenTelemetry collector (OTLP over HTTP) that gets the run as a trace. Without it, `OTEL_EXPORTER_OTLP_ENDPOINT` counts',
    example: 'http://localhost:4318',
  },
  keep: {
    group: 'cluster',
    default: 'never',
    description: 'When to keep the cluster after the run: `never`, `failure` or `always`',
    example: 'failure',
  },
  mode: {
    group: 'roll-up',
    default: 'test',
    description: '`test` runs tests; `report` combines the results of a matrix into one summary',
    example: 'report',
  },
  legs: {
    group: 'roll-up',
    default: '',
    description:
      'With `mode: report`, the directory with the results of all matrix jobs. The default is the artifacts of this workflow run, and `k8s-test-results` on the command line',
    example: 'all-results',
  },
  'leg-artifacts': {
    group: 'roll-up',
    default: 'k8s-test-*',
    description: 'With `mode: report`, names of the artifacts to combine, as globs, one per line',
    example: 'k8s-test-e2e-*',
  },
  expect: {
    group: 'roll-up',
    default: '',
    description:
      'With `mode: report`, tiers or jobs that must have left results, one per line. One without results fails the roll-up',
    example: 'integration',
  },
  needs: {
    group: 'roll-up',
    default: '',
    description:
      'With `mode: report`, the results of all jobs. A job that failed without leaving results fails the roll-up',
    example: `\${{ toJSON(needs) }}`,
  },
  leg: {
    group: 'roll-up',
    default: '',
    description: 'Identity of this job in a matrix, for the roll-up. Set automatically',
    example: '{"matrix": {"os": "linux"}, "legs": "2"}',
  },
  'leg-name': {
    group: 'roll-up',
    default: '',
    description:
      'Name of this call of a reusable workflow, for the roll-up. Required where a workflow calls the same one twice',
    example: `\${{ inputs.name }}`,
  },
};
