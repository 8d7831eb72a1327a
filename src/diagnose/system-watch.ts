import { type Failure, toOneLine } from '../core/outcome.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { Diagnosis } from './diagnosis.ts';
import { NamespaceWatch } from './namespace-watch.ts';

/**
 * Watches the system pods in a cluster that is starting. Its pods wait for nodes, and nodes for its network plugin: only what
 * no node can fix counts, such as a kube-proxy that crashes because there are no inotify instances left.
 */
export class SystemWatch {
  readonly #watch: NamespaceWatch;

  constructor(connection: KubeConnection, signal: AbortSignal) {
    this.#watch = new NamespaceWatch(connection, 'kube-system', signal, () => undefined);
  }

  /** A failure of kind `cluster` once it is certain that a part of Kubernetes cannot work. Ask again and again. */
  findFailure(): Failure | undefined {
    const diagnosis = this.#watch.certainDiagnosis(isOfItself);
    if (diagnosis === undefined) return undefined;
    const { reason, evidence } = diagnosis.failure;
    return {
      kind: 'cluster',
      reason: toOneLine(`a component of Kubernetes itself does not work: ${reason}`),
      hint: 'Too few inotify instances are the usual cause (sysctl fs.inotify.max_user_instances=512); cluster/kind-logs has its log.',
      evidence,
    };
  }
}

function isOfItself({ failure }: Diagnosis): boolean {
  return failure.kind === 'start' || failure.kind === 'oom' || failure.kind === 'image';
}
