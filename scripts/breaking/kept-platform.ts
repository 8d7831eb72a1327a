/** The full platform in the cluster that is kept for the example, and what may be done to its programs. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { recordDirectory } from '../../src/pipeline/begin-run.ts';
import { explainNotFound, findKept } from '../../src/state/kept-cluster.ts';
import { RunRecord } from '../../src/state/run-record.ts';
import { LabCluster } from '../production/lab-cluster.ts';

export interface Container {
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: object }[];
}

export interface Workload {
  kind: string;
  metadata: { name: string; resourceVersion?: string; uid?: string };
  spec: { replicas: number; template: { spec: { containers: Container[] } } };
}

export const example = path.resolve('examples/floe');
const call = { tier: 'e2e', directory: example };
const records = RunRecord.list(recordDirectory(process.env));
const reusable = findKept(records, call)?.reusable;
if (reusable === undefined) throw new Error(explainNotFound(records, call));
export const resultsDir = path.resolve(example, reusable.given['results-dir'] ?? 'k8s-test-results/e2e');
const namespace = reusable.given.namespace ?? 'floe-test';
const platform = 'app.kubernetes.io/part-of=floe';

const cluster = new LabCluster(reusable.cluster.kubeconfigPath);

function kubectl(args: string[], input?: string): string {
  return cluster.kubectl(['--namespace', namespace, ...args], input);
}

export function listWorkloads(): Workload[] {
  const list = kubectl(['get', 'deployments,statefulsets', '--selector', platform, '--output=json']);
  return (JSON.parse(list) as { items: Workload[] }).items;
}

const podsOf = ({ metadata }: Workload) => `app.kubernetes.io/component=${metadata.name}`;

export function takeAway(workload: Workload): void {
  kubectl(['scale', `${workload.kind}/${workload.metadata.name}`, '--replicas=0']);
  // Those that are asked kindly may take half a minute.
  kubectl(['delete', 'pods', '--selector', podsOf(workload), '--grace-period=1', '--timeout=60s']);
  kubectl(['wait', 'pods', '--selector', podsOf(workload), '--for=delete', '--timeout=60s']);
}

/** Puts it in the place of what is there now, and waits until it is ready. */
export function replace(workload: Workload): void {
  const { resourceVersion: _version, uid: _uid, ...metadata } = workload.metadata;
  kubectl(['replace', '--filename=-'], JSON.stringify({ ...workload, metadata }));
  waitUntilReady(workload);
}

function waitUntilReady({ kind, metadata }: Workload): void {
  kubectl(['rollout', 'status', `${kind}/${metadata.name}`, '--timeout=240s']);
}

/** Brings it back as it was, and waits until all of the platform is ready. */
export function bringBack(workload: Workload, workloads: readonly Workload[]): void {
  takeAway(workload);
  replace(workload);
  // A container that crashed without it is started again: Kubernetes would let it wait for minutes.
  const crashed = kubectl([
    'get',
    'pods',
    '--selector',
    platform,
    '--output=jsonpath={range .items[?(@.status.containerStatuses[0].restartCount>0)]}{.metadata.name}{"\\n"}{end}',
  ])
    .split('\n')
    .filter((pod) => pod !== '');
  if (crashed.length > 0) kubectl(['delete', 'pods', '--grace-period=1', '--timeout=60s', ...crashed]);
  for (const one of workloads) waitUntilReady(one);
}

/** Waits until Dagster answers what it has to ask the database for: a Service learns of a new pod a moment after it is ready. */
export async function waitForAnswer(): Promise<void> {
  const query = encodeURIComponent('{ runsOrError(limit: 1) { __typename } }');
  const url = `/api/v1/namespaces/${namespace}/services/dagster-webserver:http/proxy/graphql?query=${query}`;
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      const answer = kubectl(['get', '--raw', url]);
      if (answer.includes('"Runs"')) return;
      throw new Error(`Dagster answers ${answer}`);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(500);
    }
  }
}
