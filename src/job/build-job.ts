/** The built-in Job, as ADR-0017 wants it: decided here, from values, and from nothing else. */
import type { VolumeMount } from '../inputs.ts';
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
  /** Whether the image is in the nodes already, so that nobody is asked for it. */
  isLoaded: boolean;
  /** The image's own entry point, as far as it is known. */
  entrypoint: string[] | undefined;
  /** As the user gave them: undefined keeps the default, empty the image's own. */
  command: string[] | undefined;
  args: string[] | undefined;
  env: [string, string][];
  volumes: VolumeMount[];
  resultsPath: string;
  /** Directory of the node that appears at `resultsPath`. */
  resultsNodePath: string;
  memory: string;
  cpu: string;
  serviceAccount: string | undefined;
  nodeSelector: [string, string][];
  timeoutSeconds: number;
  startupTimeoutSeconds: number;
  graceSeconds: number;
  /** The helper in the test image, when there is to be one. */
  helper?: TestHelper | undefined;
}

/**
 * The command and arguments of the test container; undefined leaves a field to the image. By default pytest runs the
 * tier's directory; where the image's entry point runs pytest already, only the arguments are given.
 */
export function chooseCommand(options: Pick<JobOptions, 'tier' | 'command' | 'args' | 'entrypoint' | 'resultsPath'>): {
  command: string[] | undefined;
  args: string[] | undefined;
} {
  const { command, args, entrypoint } = options;
  const orImage = (words: string[] | undefined) => (words === undefined || words.length === 0 ? undefined : words);
  if (command !== undefined || args !== undefined) return { command: orImage(command), args: orImage(args) };
  const defaultArgs = [`tests/${options.tier}`, '-v', `--junitxml=${options.resultsPath}/junit.xml`];
  if (entrypoint?.some((word) => /(^|\/)(pytest|py\.test)$/.test(word)))
    return { command: undefined, args: defaultArgs };
  return { command: ['pytest'], args: defaultArgs };
}

/** The manifest of the built-in Job. */
export function buildJob(options: JobOptions): object {
  const labels = {
    'app.kubernetes.io/name': jobName,
    'app.kubernetes.io/managed-by': 'k8s-test-action',
    [runLabel]: options.runId,
  };
  const { command, args } = chooseCommand(options);
  // Our own deadlines come first; the API's is only a net for the case that we are gone, for it deletes the pod.
  const netSeconds = options.startupTimeoutSeconds + options.timeoutSeconds + options.graceSeconds + 300;
  const claims = options.volumes.map((volume, i) => ({ ...volume, name: `volume-${i}` }));
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: jobName, namespace: options.namespace, labels },
    spec: {
      backoffLimit: 0,
      ttlSecondsAfterFinished: secondsKeptAfterFinish,
      activeDeadlineSeconds: netSeconds,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: options.graceSeconds,
          automountServiceAccountToken: options.serviceAccount !== undefined,
          ...(options.serviceAccount === undefined ? {} : { serviceAccountName: options.serviceAccount }),
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
              resources: {
                requests: { cpu: '100m', memory: options.memory },
                limits: { cpu: options.cpu, memory: options.memory },
              },
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
              volumeMounts: [
                { name: 'results', mountPath: options.resultsPath },
                ...claims.map(({ name, mountPath, readOnly }) => ({ name, mountPath, readOnly })),
                ...(options.helper === undefined ? [] : [options.helper.volumeMount]),
              ],
            },
          ],
          volumes: [
            { name: 'results', hostPath: { path: options.resultsNodePath, type: 'Directory' } },
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
