/** The last lines of pods that helm may delete as soon as they fail: their node deletes the log with them. */
import type { NamespaceWatch } from '../diagnose/namespace-watch.ts';
import { controllerOf } from '../diagnose/pod-facts.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { statusesOf } from '../kube/job-pods.ts';
import { FollowedTail } from '../kube/log-tail.ts';
import type { ContainerStatus, Pod } from '../kube/objects.ts';

export interface HookLogsOptions {
  connection: KubeConnection;
  watch: NamespaceWatch;
  /** Of a pod that names none. */
  namespace: string;
  signal: AbortSignal;
}

/** A chart with more of them is followed as far as this. */
const maxFollowed = 50;
/** How long the end of a log may take to arrive once its container has ended. */
const lastLinesSeconds = 5;

/** Follows the containers of pods that run to an end, from before they start. */
export class HookLogs {
  readonly #options: HookLogsOptions;
  readonly #closing = new AbortController();
  readonly #followed = new Map<string, { pod: string; container: string; run: number; tail: FollowedTail }>();

  constructor(options: HookLogsOptions) {
    this.#options = options;
  }

  /** Starts to follow what has begun since the last call. `isOurs` says which pods count. */
  look(isOurs: (pod: Pod) => boolean): void {
    for (const pod of this.#options.watch.pods) {
      // From then on its node knows it, and has started none of its containers yet.
      if (pod.status?.startTime === undefined || !runsToEnd(pod) || !isOurs(pod)) continue;
      // Before a container has a status, it is in the specification.
      for (const { name } of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
        const run = statusesOf(pod).find((one) => one.name === name)?.restartCount ?? 0;
        const key = `${pod.metadata.uid} ${name} ${run}`;
        if (this.#followed.has(key) || this.#followed.size >= maxFollowed) continue;
        this.#followed.set(key, { pod: pod.metadata.name, container: name, run, tail: this.#follow(pod, name, run) });
      }
    }
  }

  /**
   * The last lines of a container, of its last run that wrote any; undefined where none were received.
   * @throws the signal's reason.
   */
  async read(pod: string, container: string): Promise<string[] | undefined> {
    const runs = [...this.#followed.values()].filter((one) => one.pod === pod && one.container === container);
    for (const { tail } of runs.sort((a, b) => b.run - a.run)) {
      const lines = await tail.read(lastLinesSeconds);
      this.#options.signal.throwIfAborted();
      if (lines.length > 0) return lines;
    }
    return undefined;
  }

  /** Stops following. */
  close(): void {
    this.#closing.abort();
  }

  #follow(pod: Pod, container: string, run: number): FollowedTail {
    const { connection, watch, namespace, signal } = this.#options;
    const { uid, name } = pod.metadata;
    const statusNow = (): ContainerStatus | 'gone' | undefined => {
      const now = watch.pods.find((one) => one.metadata.uid === uid);
      return now === undefined ? 'gone' : statusesOf(now).find((one) => one.name === container);
    };
    return new FollowedTail(connection, {
      namespace: pod.metadata.namespace ?? namespace,
      pod: name,
      container,
      signal: AbortSignal.any([signal, this.#closing.signal]),
      ended: () => {
        const status = statusNow();
        if (status === undefined) return false;
        return status === 'gone' || status.restartCount > run || status.state?.terminated !== undefined;
      },
      instance: () => {
        const status = statusNow();
        const later = status === undefined || status === 'gone' ? 0 : status.restartCount - run;
        return later <= 0 ? 'current' : later === 1 ? 'previous' : 'gone';
      },
    });
  }
}

/** Helm's hooks are pods of nobody, or of a Job. */
function runsToEnd(pod: Pod): boolean {
  const controller = controllerOf(pod);
  return controller === undefined || controller.kind === 'Job';
}
