/** Whether tests can reach the Services of a release, as far as the API shows it; pure. */
import { quoteValue } from '../core/quote-value.ts';
import { hasEnded, isBeingDeleted, isReady } from '../diagnose/pod-facts.ts';
import type { EndpointSlice, Pod, Service, Workload } from '../kube/objects.ts';

export interface ServiceFacts {
  services: readonly Service[];
  slices: readonly EndpointSlice[];
  pods: readonly Pod[];
  /** All objects with a pod template. */
  workloads: readonly Workload[];
}

/** A place that a TCP connection should reach. */
export interface Target {
  address: string;
  port: number;
}

export type ServiceState =
  /** Tests can reach it by these; none where it has no TCP port, or is no Service of pods. */
  | { kind: 'ready'; targets: Target[] }
  /** Its pods are there and none of them is ready yet. */
  | { kind: 'unready'; words: string }
  /** It can never be reached. */
  | { kind: 'broken'; words: string; hint: string }
  /** No pod has its labels: a mistake in its selector, or pods that are still to be created by another component. */
  | { kind: 'no-pods'; words: string };

export function judgeService(service: Service, facts: ServiceFacts): ServiceState {
  const { name } = service.metadata;
  const selector = service.spec?.selector ?? {};
  if (service.spec?.type === 'ExternalName' || Object.keys(selector).length === 0)
    return { kind: 'ready', targets: [] };
  const selects = (labels: Record<string, string> | undefined) =>
    Object.entries(selector).every(([key, value]) => labels?.[key] === value);
  const pods = facts.pods.filter((pod) => selects(pod.metadata.labels) && !hasEnded(pod) && !isBeingDeleted(pod));
  if (pods.length === 0) {
    // One that is scaled to nothing is meant to be so.
    if (facts.workloads.some((workload) => selects(workload.spec?.template?.metadata?.labels)))
      return { kind: 'ready', targets: [] };
    const labels = Object.entries(selector)
      .map(([key, value]) => `${key}=${value}`)
      .join(',');
    return { kind: 'no-pods', words: `Service ${name} selects no pod: none has the labels ${labels}` };
  }
  const slices = facts.slices.filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === name);
  const endpoints = slices.flatMap((slice) =>
    (slice.endpoints ?? []).filter((one) => one.conditions?.ready !== false).map((one) => ({ slice, one })),
  );
  if (endpoints.length === 0) {
    const states = pods.map((pod) => `${pod.metadata.name} ${isReady(pod) ? 'is ready' : 'is not ready'}`).join(', ');
    return { kind: 'unready', words: `Service ${name} has no ready endpoint: ${states}` };
  }
  const ports = (service.spec?.ports ?? []).filter((port) => (port.protocol ?? 'TCP') === 'TCP');
  const lost = ports.find(
    (port) => !endpoints.some(({ slice }) => slice.ports?.some((one) => (one.name ?? '') === (port.name ?? ''))),
  );
  if (lost !== undefined)
    return {
      kind: 'broken',
      words: `Service ${name} leads nowhere: its port ${lost.port} goes to the container port ${quoteValue(lost.targetPort ?? lost.port)}, which no container of pod ${pods[0]?.metadata.name} has by that name`,
      hint: 'Fix targetPort of the Service, or the names of the ports of the container.',
    };
  const { clusterIP = '' } = service.spec ?? {};
  if (clusterIP !== '' && clusterIP !== 'None')
    return { kind: 'ready', targets: ports.map(({ port }) => ({ address: clusterIP, port })) };
  const direct = endpoints.flatMap(({ slice, one }) =>
    (slice.ports ?? [])
      .filter(({ protocol = 'TCP' }) => protocol === 'TCP')
      .flatMap(({ port }) => {
        const [address] = one.addresses;
        return address === undefined || port === undefined ? [] : [{ address, port }];
      }),
  );
  return { kind: 'ready', targets: direct };
}

/** The result of a TCP connection. */
export type Reached = 'accepted' | 'refused' | 'silent';

/**
 * The state of a Service from the connections to it: `broken` when each of its ports refuses, since nothing listens there;
 * `silent` when none answers, which may be the intent of a NetworkPolicy for clients that are no pod.
 */
export function judgeReached(reached: readonly Reached[]): 'well' | 'broken' | 'silent' {
  if (reached.length === 0 || reached.includes('accepted')) return 'well';
  return reached.includes('refused') ? 'broken' : 'silent';
}
