/** The built-in Job (docs/adr/0003): decided here, from values, and from nothing else. */
import path from 'node:path';
import type { JobManifest } from '../inputs/job-manifest.ts';
import type { VolumeMount } from '../inputs/value-syntax.ts';
import type { TestHelper } from './test-helper.ts';

/** Name of the Job and of its only container. */
export const jobName = 'integration-tests';
export const testContainerName = 'test-runner';
/** Label that all objects of a run carry; its value is the run's id. */
export const runLabel = 'k8s-test-action/run';

const secondsKeptAfterFinish = 3600;

export interface JobOptions {
  runId: string;
  namespace: string;
  tier: string;
  image: string;
  /** Whether the image is in the nodes already, so that it is not pulled. */
  isLoaded: boolean;
  /** Secrets with the credentials to pull it with. */
  imagePullSecrets?: string[];
  /** The image's own entry point, as far as it is known. */
  entrypoint: string[] | undefined;
  /** As the user gave them: undefined keeps the default, empty the image's own. */
  command: string[] | undefined;
  args: string[] | undefined;
  /** What to run in place of all tests of the tier, as pytest takes it; empty for all. */
  tests?: string[];
  env: [string, string][];
  volumes: VolumeMount[];
  resultsPath: string;
  memory: string;
  cpu: string;
  serviceAccount: string | undefined;
  nodeSelector: [string, string][];
  timeoutSeconds: number;
  startupTimeoutSeconds: number;
  graceSeconds: number;
  /** Whether the pod is kept for inspection for as long as its cluster. */
  isKept?: boolean;
  /** The helper in the test image, when there is to be one. */
  helper?: TestHelper | undefined;
}

/** Options of pytest whose value is the next word: `-m e2e` is a marker, even if a directory has that name. */
const takesValue = /^(-[ckmnopW]|--(rootdir|confcutdir|basetemp|ignore|deselect|cov))$/;

/** Whether a test or a path, as pytest takes them, is another one or is in it: `e2e/test_a.py::test_x` in `e2e`. */
function liesIn(test: string, place: string): boolean {
  const [inner, outer] = [test, place].map((word) => path.posix.normalize(word).replace(/\/$/, '')) as [string, string];
  if (outer === '.') return !test.startsWith('-');
  return inner === outer || inner.startsWith(`${outer}/`) || inner.startsWith(`${outer}::`);
}

/**
 * The command and arguments of the test container; undefined leaves a field to the image. By default pytest runs the tier's
 * directory; where the image's entry point runs pytest already, only the arguments are given. `tests` replace the arguments
 * that name that directory, a path in it, or a directory around one of the tests; without such arguments they are appended.
 */
export function chooseCommand(
  options: Pick<JobOptions, 'tier' | 'command' | 'args' | 'tests' | 'entrypoint' | 'resultsPath'>,
): {
  command: string[] | undefined;
  args: string[] | undefined;
} {
  const { command, args, tests = [], entrypoint } = options;
  const orImage = (words: string[] | undefined) => (words === undefined || words.length === 0 ? undefined : words);
  const ofTier = `tests/${options.tier}`;
  const isReplaced = (word: string, i: number, words: string[]) =>
    !word.startsWith('-') &&
    !takesValue.test(words[i - 1] ?? '') &&
    (liesIn(word, ofTier) || tests.some((test) => liesIn(test, word)));
  /** The arguments with the tests in place of those that name them; undefined where none does. */
  const replace = (words: string[]) => {
    const at = words.findIndex(isReplaced);
    const others = words.filter((word, i) => !isReplaced(word, i, words));
    return at === -1 ? undefined : others.toSpliced(at, 0, ...tests);
  };
  const select = (words: string[]) => (tests.length === 0 ? words : (replace(words) ?? [...words, ...tests]));
  if (command !== undefined || args !== undefined) {
    const instead = command === undefined || tests.length === 0 ? undefined : replace(command);
    if (instead !== undefined) return { command: instead, args: orImage(args) };
    return { command: orImage(command), args: orImage(select(args ?? [])) };
  }
  const defaultArgs = select([ofTier, '-v', `--junitxml=${options.resultsPath}/junit.xml`]);
  if (entrypoint?.some((word) => /(^|\/)(pytest|py\.test)$/.test(word)))
    return { command: undefined, args: defaultArgs };
  return { command: ['pytest'], args: defaultArgs };
}

/**
 * After this many seconds the API server may end a Job. Our own deadlines come first: this one only covers the case that our
 * process is gone, since it deletes the pod.
 */
export function netSecondsOf(
  options: Pick<JobOptions, 'startupTimeoutSeconds' | 'timeoutSeconds' | 'graceSeconds'>,
): number {
  return options.startupTimeoutSeconds + options.timeoutSeconds + options.graceSeconds + 300;
}

/** The manifest of the built-in Job, without a place for its results. */
export function buildJob(options: JobOptions): JobManifest {
  const labels = {
    'app.kubernetes.io/name': jobName,
    'app.kubernetes.io/managed-by': 'k8s-test-action',
    [runLabel]: options.runId,
  };
  const { command, args } = chooseCommand(options);
  const claims = options.volumes.map((volume, i) => ({ ...volume, name: `volume-${i}` }));
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: jobName, namespace: options.namespace, labels },
    spec: {
      backoffLimit: 0,
      ...(options.isKept === true ? {} : { ttlSecondsAfterFinished: secondsKeptAfterFinish }),
      activeDeadlineSeconds: netSecondsOf(options),
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: options.graceSeconds,
          automountServiceAccountToken: options.serviceAccount !== undefined,
          ...(options.serviceAccount === undefined ? {} : { serviceAccountName: options.serviceAccount }),
          ...(options.imagePullSecrets === undefined || options.imagePullSecrets.length === 0
            ? {}
            : { imagePullSecrets: options.imagePullSecrets.map((name) => ({ name })) }),
          ...(options.nodeSelector.length === 0 ? {} : { nodeSelector: Object.fromEntries(options.nodeSelector) }),
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: testContainerName,
              image: options.image,
              imagePullPolicy: options.isLoaded ? 'Never' : 'IfNotPresent',
              ...(command === undefined ? {} : { command }),
              ...(args === undefined ? {} : { args }),
              env: (options.helper?.env ?? options.env).map(([name, value]) => ({ name, value })),
              resources: resourcesOfTests(options),
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
              volumeMounts: [
                ...claims.map(({ name, mountPath, readOnly }) => ({ name, mountPath, readOnly })),
                ...(options.helper === undefined ? [] : [options.helper.volumeMount]),
              ],
            },
          ],
          volumes: [
            ...claims.map(({ name, claimName, readOnly }) => ({
              name,
              persistentVolumeClaim: { claimName, readOnly },
            })),
            ...(options.helper === undefined ? [] : [options.helper.volume]),
          ],
        },
      },
    },
  };
}

/** What the built-in Job asks for its container: of CPU little, since tests mostly wait, and of memory all that it may use. */
export function resourcesOfTests({ cpu, memory }: { cpu: string; memory: string }) {
  return { requests: { cpu: '100m', memory }, limits: { cpu, memory } };
}
