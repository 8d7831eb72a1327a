import { setTimeout as delay } from 'node:timers/promises';
import { type Failure, fail, type Result, succeed } from '../core/outcome.ts';
import { classifyPod } from '../diagnose/classify-pod.ts';
import type { NamespaceWatch } from '../diagnose/namespace-watch.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { EndpointSlice, ObjectMeta, Pod, Service } from '../kube/objects.ts';
import { releaseOf } from '../kube/release-of.ts';
import { listResources } from '../kube/resources.ts';
import { judgeReached, judgeService, type ServiceState, type Target } from './judge-services.ts';
import { probeFromNode } from './probe-from-node.ts';

/** A container without a readiness probe may begin to listen long after helm takes it for ready. */
const servicePatienceSeconds = 30;
/** The DNS of a new cluster starts after its nodes are ready. */
const dnsPatienceSeconds = 60;
/** A connection without an answer is tried again for this long: a network policy does not change, a busy machine recovers. */
const silencePatienceSeconds = 5;
const pollMilliseconds = 500;

export interface NetworkOptions {
  connection: KubeConnection;
  watch: NamespaceWatch;
  namespace: string;
  /** Undefined when there is no chart: then only DNS is checked. */
  release: string | undefined;
  /** A node whose docker container can be entered; undefined where there is none, and only the API is asked. */
  node: string | undefined;
  signal: AbortSignal;
  warn: (text: string) => void;
  waitingFor: (what: string) => void;
}

/**
 * Makes sure, before tests begin, that DNS answers and that the Services of the release lead to something that accepts
 * connections. Takes less than a second where all is well.
 * @returns a failure of kind `chart` for a Service that cannot be reached, `cluster` for DNS that does not answer.
 */
export async function checkNetwork(options: NetworkOptions): Promise<Result<undefined>> {
  const { signal, waitingFor } = options;
  const start = performance.now();
  for (;;) {
    const seconds = (performance.now() - start) / 1000;
    const look = await lookAround(options);
    if (look === undefined) return succeed(undefined);
    const problem = look.problems.find((one) => seconds >= one.patienceSeconds);
    if (problem !== undefined) return { ok: false, failure: await problem.failure() };
    if (look.problems.length === 0) {
      for (const warning of look.warnings)
        if (look.isSettled || seconds >= silencePatienceSeconds) options.warn(warning);
      if (look.isSettled || seconds >= silencePatienceSeconds) return succeed(undefined);
    }
    waitingFor(`the network: ${[...look.problems.map((one) => one.words), ...look.warnings][0]}`);
    await delay(pollMilliseconds, undefined, { signal });
  }
}

interface Look {
  problems: { words: string; patienceSeconds: number; failure: () => Promise<Failure> }[];
  warnings: string[];
  /** Whether checking again would give the same result. */
  isSettled: boolean;
}

/** Undefined where we lack the permission to read it. */
async function lookAround(options: NetworkOptions): Promise<Look | undefined> {
  const { connection, watch, namespace, release, node, signal } = options;
  const facts = await readServices(connection, namespace, signal);
  if (facts === undefined) return undefined;
  const { deployments, statefulSets, daemonSets, replicaSets } = watch.facts;
  const isHere = ({ metadata }: { metadata: ObjectMeta }) => metadata.namespace === namespace;
  const workloads = [...deployments, ...statefulSets, ...daemonSets, ...replicaSets].filter(isHere);
  const pods = watch.pods.filter(isHere);
  const look: Look = { problems: [], warnings: [], isSettled: true };
  const ready: { service: Service; targets: Target[] }[] = [];
  for (const service of facts.services.filter((one) => release !== undefined && releaseOf(one) === release)) {
    const state = judgeService(service, { ...facts, pods, workloads });
    if (state.kind === 'ready') ready.push({ service, targets: state.targets });
    else if (state.kind === 'no-pods') look.warnings.push(state.words);
    else look.problems.push(problemOf(state));
  }
  const dnsAddress = facts.dns?.spec?.clusterIP;
  if (node === undefined || dnsAddress === undefined) return look;
  const probe = await probeFromNode(
    node,
    dnsAddress,
    ready.flatMap(({ targets }) => targets),
    signal,
  );
  if (probe.problem !== '') return look;
  if (probe.dns === 'silent')
    look.problems.push({
      words: 'DNS of the cluster',
      patienceSeconds: dnsPatienceSeconds,
      failure: () => explainDns(connection, dnsAddress, signal),
    });
  let from = 0;
  for (const { service, targets } of ready) {
    const reached = probe.reached.slice(from, from + targets.length);
    from += targets.length;
    const where = targets.map(({ address, port }) => `${address}:${port}`).join(', ');
    const judgement = judgeReached(reached);
    if (judgement === 'broken')
      look.problems.push(
        problemOf({
          kind: 'broken',
          words: `Service ${service.metadata.name} refuses connections (${where}): its pods are ready, but nothing listens there`,
          hint: 'Check targetPort of the Service and the port that the program listens on; it must listen on all addresses, not on localhost alone.',
          patienceSeconds: servicePatienceSeconds,
        }),
      );
    if (judgement !== 'silent') continue;
    look.isSettled = false;
    look.warnings.push(
      `Service ${service.metadata.name} (${where}) does not answer to its node; unless a NetworkPolicy forbids it, the tests will not reach it either`,
    );
  }
  return look;
}

function problemOf(
  state: Exclude<ServiceState, { kind: 'ready' | 'no-pods' }> & { patienceSeconds?: number },
): Look['problems'][number] {
  const isUnready = state.kind === 'unready';
  const hint = isUnready ? 'Look at the pods named here, and at the readiness probes of their containers.' : state.hint;
  return {
    words: state.words,
    patienceSeconds: state.patienceSeconds ?? (isUnready ? servicePatienceSeconds : silencePatienceSeconds),
    failure: async () => fail('chart', state.words, { hint }).failure,
  };
}

async function readServices(
  connection: KubeConnection,
  namespace: string,
  signal: AbortSignal,
): Promise<{ services: Service[]; slices: EndpointSlice[]; dns: Service | undefined } | undefined> {
  try {
    const [services, slices, system] = await Promise.all([
      listResources<Service>(connection, `/api/v1/namespaces/${namespace}/services`, signal),
      listResources<EndpointSlice>(
        connection,
        `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
        signal,
      ),
      listResources<Service>(connection, '/api/v1/namespaces/kube-system/services', signal).catch(() => []),
    ]);
    return { services, slices, dns: system.find((service) => service.metadata.name === 'kube-dns') };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError && !error.retryable) return undefined;
    throw error;
  }
}

/** Why DNS does not answer: what is wrong with its pods, or with those that make the network. */
async function explainDns(connection: KubeConnection, address: string, signal: AbortSignal): Promise<Failure> {
  const pods = await listResources<Pod>(connection, '/api/v1/namespaces/kube-system/pods', signal);
  const problems = pods.map((pod) => classifyPod(pod)).filter((found) => found !== undefined);
  const cause = problems[0]?.failure.reason;
  return fail('cluster', `DNS of the cluster (${address}) does not answer${cause === undefined ? '' : `: ${cause}`}`, {
    hint: 'Look at coredns, kube-proxy and the network plugin in kube-system.',
    evidence: pods.map((pod) => `${pod.metadata.name}: ${pod.status?.phase ?? ''}`),
  }).failure;
}
