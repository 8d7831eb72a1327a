import { toOneLine } from '../core/outcome.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { ObjectMeta } from '../kube/objects.ts';
import { describeProgramEnd, runProgram } from '../tools/run-program.ts';
import { helmEnvironmentFor } from './chart.ts';

/** A release in a cluster. */
export interface Release {
  name: string;
  namespace: string;
  /** Path of the helm program. */
  helm: string;
  kubeconfigPath: string;
}

/** A revision of a release, as helm keeps it in a Secret with these labels. */
export interface ReleaseRevision {
  status: string;
  revision: string;
}

const uninstallSeconds = 120;

/**
 * The last revision of a release; with a mark, only if it carries that. Undefined when there is none.
 * @throws ApiError, also when we may not see it.
 */
export async function findRelease(
  connection: KubeConnection,
  release: Pick<Release, 'name' | 'namespace'>,
  signal: AbortSignal,
  mark?: { label: string; runId: string },
): Promise<ReleaseRevision | undefined> {
  const marked = mark === undefined ? '' : `,${mark.label}=${mark.runId}`;
  const path = `/api/v1/namespaces/${release.namespace}/secrets`;
  const query = { labelSelector: `owner=helm,name=${release.name}${marked}` };
  const { items } = await connection.call<{ items: { metadata: ObjectMeta }[] }>('GET', path, { signal, query });
  const revisions = items.map(({ metadata: { labels = {} } }) => ({
    status: labels.status ?? '',
    revision: labels.version ?? '',
  }));
  return revisions.sort((a, b) => Number(b.revision) - Number(a.revision))[0];
}

/**
 * Uninstalls a release, with its objects outside of its namespace; a missing one is no error.
 * @param options.isOrderly - the release's hooks are run, and what it made is waited for until it is gone. Else neither: its
 *   namespace is deleted too.
 * @throws Error with helm's own message, or the signal's reason.
 */
export async function uninstallRelease(
  { name, namespace, helm, kubeconfigPath }: Release,
  { isOrderly, signal }: { isOrderly: boolean; signal: AbortSignal },
): Promise<void> {
  const args = ['uninstall', name, '--namespace', namespace, '--kubeconfig', kubeconfigPath, '--ignore-not-found'];
  args.push(...(isOrderly ? ['--wait', '--timeout', `${uninstallSeconds}s`] : ['--no-hooks']));
  const run = await runProgram(helm, args, {
    signal,
    timeoutSeconds: uninstallSeconds + 15,
    env: helmEnvironmentFor(kubeconfigPath),
  });
  signal.throwIfAborted();
  if (run.exitCode !== 0) throw new Error(toOneLine(`helm uninstall: ${run.stderr.trim() || describeProgramEnd(run)}`));
}
