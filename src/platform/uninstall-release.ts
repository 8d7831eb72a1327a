import type { KubeConnection } from '../kube/connection.ts';
import { toOneLine } from '../outcome.ts';
import { describeEnd, runProgram } from '../tools/run-program.ts';
import { helmEnvironment } from './chart.ts';

/** A release in a cluster. */
export interface Release {
  name: string;
  namespace: string;
  /** Path of the helm program. */
  helm: string;
  kubeconfigPath: string;
}

const uninstallSeconds = 120;

/** Whether there is a release of this name; with a mark, only if it carries that. helm keeps its releases as Secrets. */
export async function hasRelease(
  connection: KubeConnection,
  release: Pick<Release, 'name' | 'namespace'>,
  signal: AbortSignal,
  mark?: { label: string; runId: string },
): Promise<boolean> {
  const marked = mark === undefined ? '' : `,${mark.label}=${mark.runId}`;
  const path = `/api/v1/namespaces/${release.namespace}/secrets`;
  const query = { labelSelector: `owner=helm,name=${release.name}${marked}`, limit: '1' };
  const found = await connection.call<{ items: unknown[] }>('GET', path, { signal, query });
  return found.items.length > 0;
}

/**
 * Uninstalls a release that carries our mark, with what it made outside of its namespace, and waits until that is gone.
 * @returns whether it was there and ours.
 * @throws Error in helm's own words, ApiError, or the signal's reason.
 */
export async function uninstallRelease(
  connection: KubeConnection,
  release: Release,
  options: { label: string; runId: string; signal: AbortSignal },
): Promise<boolean> {
  const { signal } = options;
  if (!(await hasRelease(connection, release, signal, options))) return false;
  const { name, namespace, helm, kubeconfigPath } = release;
  const args = ['uninstall', name, '--namespace', namespace, '--kubeconfig', kubeconfigPath, '--ignore-not-found'];
  const run = await runProgram(helm, [...args, '--wait', '--timeout', `${uninstallSeconds}s`], {
    signal,
    timeoutSeconds: uninstallSeconds + 15,
    env: helmEnvironment,
  });
  signal.throwIfAborted();
  if (run.exitCode !== 0) throw new Error(toOneLine(`helm uninstall: ${run.stderr.trim() || describeEnd(run)}`));
  return true;
}
