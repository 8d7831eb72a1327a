/**
 * What the containers of a namespace use while a run goes on, as the kubelets measure it, against what they ask for. It only
 * observes: any error in it becomes one line of output, never a failed run.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { toOneLine } from '../core/outcome.ts';
import { readQuantity } from '../core/quantity.ts';
import type { ReportedUsage } from '../core/report-model.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { Pod } from '../kube/objects.ts';
import { wasKilledForMemory } from './pod-facts.ts';

/** The parts that we read of a kubelet's summary (https://kubernetes.io/docs/reference/instrumentation/node-metrics/). */
export interface NodeSummary {
  pods?: {
    podRef: { name: string; namespace: string };
    containers?: {
      name: string;
      cpu?: { usageNanoCores?: number };
      memory?: { workingSetBytes?: number };
    }[];
  }[];
}

/** The most that one container was seen to use. */
export interface UsagePeak {
  cpuPeakCores: number;
  memoryPeakBytes: number;
}

export interface UsageOptions {
  connection: KubeConnection;
  namespace: string;
  /** The pods as they are now; read before each measurement, so that pods which are deleted later are still known. */
  pods: () => Pod[];
  /** Ends the measuring. */
  signal: AbortSignal;
  /** Time between two measurements. The kubelet itself measures about every 10 s; more frequent reads give nothing new. */
  everySeconds?: number;
}

const defaultEverySeconds = 4;
const callSeconds = 5;
/** A platform that makes pods without end must not fill our memory, nor one with many nodes our time. */
const maxContainers = 1000;
const maxNodes = 20;

/** Reads the kubelets' numbers periodically until its signal ends it, and stores the peaks. */
export class UsageMeter {
  readonly #options: UsageOptions;
  readonly #peaks = new Map<string, UsagePeak>();
  readonly #asked = new Map<string, Omit<ReportedUsage, keyof UsagePeak>>();
  #problem = '';
  #looks = 0;

  constructor(options: UsageOptions) {
    this.#options = options;
  }

  /** Why nothing was measured, as a line; empty while all is well. */
  get problem(): string {
    return this.#looks === 0 ? this.#problem : '';
  }

  /** Looks until the signal is aborted, or the cluster forbids it; it never throws. */
  async run(): Promise<void> {
    const { signal, everySeconds = defaultEverySeconds } = this.#options;
    try {
      while (!signal.aborted && (await this.look()))
        await delay(everySeconds * 1000, undefined, { signal, ref: false });
    } catch (error) {
      if (!signal.aborted) this.#problem = describe(error);
    }
  }

  /** Reads once from every node that runs a pod of the namespace. False when further reads are pointless. */
  async look(): Promise<boolean> {
    const { connection, namespace, signal } = this.#options;
    const pods = this.#options.pods();
    this.#learn(pods);
    const nodes = [...new Set(pods.map((pod) => pod.spec.nodeName).filter((name) => name !== undefined))];
    const answers = await Promise.allSettled(
      nodes.slice(0, maxNodes).map((node) =>
        connection.call<NodeSummary>('GET', `/api/v1/nodes/${node}/proxy/stats/summary`, {
          signal,
          query: { only_cpu_and_memory: 'true' },
          deadlineSeconds: callSeconds,
          attempts: 1,
        }),
      ),
    );
    for (const answer of answers) {
      if (answer.status === 'fulfilled') {
        this.#looks++;
        addSummary(this.#peaks, answer.value, namespace);
      } else this.#problem = describe(answer.reason);
    }
    const isRefused = (answer: PromiseSettledResult<unknown>) =>
      answer.status === 'rejected' &&
      answer.reason instanceof ApiError &&
      [401, 403].includes(answer.reason.status ?? 0);
    return answers.length === 0 || !answers.every(isRefused);
  }

  /** The peak of one container, as far as it lived long enough to be measured. */
  peakOf(pod: string, container: string): UsagePeak | undefined {
    return this.#peaks.get(keyOf(pod, container));
  }

  /** All containers that were measured, the largest in memory first. */
  report(): ReportedUsage[] {
    this.#learn(this.#options.pods());
    return [...this.#peaks]
      .map(([key, peak]) => ({ ...(this.#asked.get(key) ?? splitKey(key)), ...peak }))
      .sort((a, b) => b.memoryPeakBytes - a.memoryPeakBytes);
  }

  /** What pods request; and a container that was killed at its limit had reached it, independent of the last measurement. */
  #learn(pods: Pod[]): void {
    for (const asked of pods.flatMap(askedBy)) this.#remember(asked);
    for (const pod of pods)
      for (const status of pod.status?.containerStatuses ?? []) {
        const key = keyOf(pod.metadata.name, status.name);
        const limit = this.#asked.get(key)?.memoryLimitBytes;
        if (wasKilledForMemory(status) && limit !== undefined)
          raise(this.#peaks, key, { cpuPeakCores: 0, memoryPeakBytes: limit });
      }
  }

  #remember(asked: Omit<ReportedUsage, keyof UsagePeak>): void {
    const key = keyOf(asked.pod, asked.container);
    if (this.#asked.has(key) || this.#asked.size < maxContainers) this.#asked.set(key, asked);
  }
}

/** Raises the peaks to the values of a node's summary for the namespace. */
export function addSummary(peaks: Map<string, UsagePeak>, summary: NodeSummary, namespace: string): void {
  for (const { podRef, containers } of summary.pods ?? []) {
    if (podRef.namespace !== namespace) continue;
    for (const { name, cpu, memory } of containers ?? []) {
      // The kubelet says 0 of a container that it has not measured yet.
      if ((memory?.workingSetBytes ?? 0) === 0) continue;
      raise(peaks, keyOf(podRef.name, name), {
        cpuPeakCores: (cpu?.usageNanoCores ?? 0) / 1e9,
        memoryPeakBytes: memory?.workingSetBytes ?? 0,
      });
    }
  }
}

function raise(peaks: Map<string, UsagePeak>, key: string, seen: UsagePeak): void {
  const before = peaks.get(key);
  if (before === undefined && peaks.size >= maxContainers) return;
  peaks.set(key, {
    cpuPeakCores: Math.max(before?.cpuPeakCores ?? 0, seen.cpuPeakCores),
    memoryPeakBytes: Math.max(before?.memoryPeakBytes ?? 0, seen.memoryPeakBytes),
  });
}

/** What each container of a pod asks for. */
export function askedBy(pod: Pod): Omit<ReportedUsage, keyof UsagePeak>[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(({ name, resources }) => {
    const asked = {
      cpuRequestCores: readQuantity(resources?.requests?.cpu),
      cpuLimitCores: readQuantity(resources?.limits?.cpu),
      memoryRequestBytes: readQuantity(resources?.requests?.memory),
      memoryLimitBytes: readQuantity(resources?.limits?.memory),
    };
    const known = Object.entries(asked).filter(([, value]) => value !== undefined);
    return { pod: pod.metadata.name, container: name, ...(Object.fromEntries(known) as Partial<typeof asked>) };
  }) as Omit<ReportedUsage, keyof UsagePeak>[];
}

/** Neither name may hold a slash. */
function keyOf(pod: string, container: string): string {
  return `${pod}/${container}`;
}

function splitKey(key: string): { pod: string; container: string } {
  const [pod = '', container = ''] = key.split('/');
  return { pod, container };
}

function describe(error: unknown): string {
  const why = error instanceof Error ? error.message : String(error);
  const isForbidden = error instanceof ApiError && error.status === 403;
  return toOneLine(
    `CPU and memory were not measured: ${why}${isForbidden ? ' (it needs get on nodes/proxy)' : ''}`,
    300,
  );
}
