import { type Failure, fail, type Result, succeed } from '../core/outcome.ts';
import type { Manifest } from '../inputs/job-manifest.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { createObject, deleteObject } from '../kube/create-object.ts';
import type { ObjectMeta } from '../kube/objects.ts';
import { releaseOf } from '../kube/release-of.ts';
import { runLabel } from './build-job.ts';

export interface SupportingResourceOptions {
  connection: KubeConnection;
  namespace: string;
  runId: string;
  signal: AbortSignal;
  say: (line: string) => void;
  warn: (text: string) => void;
}

/** What a former run left in it is the user's, and may be what the tests are about. */
const keptKinds: ReadonlySet<string> = new Set(['PersistentVolumeClaim']);

/**
 * Creates what a Job needs, in the order given. Objects that the chart's release has created already are used as they are;
 * those that a former run of ours left are created again; any other object of the same name belongs to others, and ends the
 * run.
 * @returns a failure of kind `start` or `api`.
 */
export async function createSupportingResources(
  supportingResources: Manifest[],
  options: SupportingResourceOptions,
): Promise<Result<undefined>> {
  const { connection, namespace, runId, signal, say } = options;
  for (const resource of supportingResources) {
    const what = `${resource.kind}/${resource.metadata.name}`;
    try {
      const creation = await createObject(connection, resource, { namespace, signal });
      if (creation.kind === 'created') continue;
      const { metadata } = creation.object;
      if (metadata.labels?.[runLabel] === runId) continue;
      const release = releaseOf(creation.object);
      if (release !== undefined) say(`${what} is part of release ${release} and is used as it is`);
      else if (!isOurs(metadata)) return { ok: false, failure: notOurs(what) };
      else if (keptKinds.has(resource.kind)) say(`${what} exists from an earlier run and is kept with its content`);
      else {
        await deleteObject(connection, resource, { namespace, signal });
        await createObject(connection, resource, { namespace, signal });
      }
    } catch (error) {
      if (error instanceof ApiError) return { ok: false, failure: refusal(what, error) };
      throw error;
    }
  }
  return succeed(undefined);
}

/**
 * Makes room for the Job itself: one of its name that a former run of ours left, or that `helm install` has started as a
 * part of the release, is deleted with its pods.
 */
export async function clearFormerJob(job: Manifest, options: SupportingResourceOptions): Promise<Result<undefined>> {
  const { connection, namespace, signal, say, warn } = options;
  const what = `Job/${job.metadata.name}`;
  const path = `/apis/batch/v1/namespaces/${namespace}/jobs/${job.metadata.name}`;
  try {
    const former = await connection.call<{ metadata: ObjectMeta }>('GET', path, { signal });
    const release = releaseOf(former);
    if (release === undefined && !isOurs(former.metadata)) return { ok: false, failure: notOurs(what) };
    if (release === undefined) say(`${what} of an earlier run is deleted`);
    else
      warn(
        `${what} is part of release ${release}, so that helm install had started it before the platform was ready; it is deleted and run again. Have the chart leave it out unless a value of job-set is given, or make it a hook of kind test`,
      );
    await deleteObject(connection, job, { namespace, signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return succeed(undefined);
    if (error instanceof ApiError) return { ok: false, failure: refusal(what, error) };
    throw error;
  }
  return succeed(undefined);
}

function isOurs(metadata: ObjectMeta): boolean {
  return metadata.labels?.[runLabel] !== undefined;
}

function notOurs(what: string): Failure {
  return fail('start', `${what} of your Job is already in the namespace, and no run made it`, {
    hint: 'Give it another name, delete it, or use a namespace for this run alone.',
  }).failure;
}

function refusal(what: string, error: ApiError): Failure {
  if (error.retryable)
    return fail('api', `${what} could not be created: ${error.message}`, {
      hint: 'The logs of the cluster say why its API server does not answer.',
    }).failure;
  return fail('start', `the cluster refuses ${what}: ${error.message}`, {
    hint: 'The message of the API server names the field.',
  }).failure;
}
