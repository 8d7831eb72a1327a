/** Pods that are made to go, one and then a whole node of them, and what the platform does meanwhile. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../src/core/outcome.ts';
import { judge, say } from './judge.ts';
import { componentOf, type Item, type LabCluster, namespaces } from './lab-cluster.ts';
import { findTightBudgets, findUnready, scaled } from './promises.ts';

/** Evicts one of a program's pods and at once a second one, which its budget has to refuse. */
export async function evictTwo(cluster: LabCluster, component: string): Promise<void> {
  const [first, second] = cluster.listServing().filter((pod) => componentOf(pod) === component);
  const [gone, refused] = [evict(cluster, first!), evict(cluster, second!)];
  await judge(`one ${component} can be evicted, and no second one before there is another in its place`, () => [
    ...(gone.includes('"Success"') ? [] : [`the first: ${gone}`]),
    ...(refused.includes('disruption budget') ? [] : [`the second: ${refused}`]),
  ]);
  await judge(
    `another ${component} comes, and may go`,
    () => [...findUnready(cluster), ...findTightBudgets(cluster)],
    180,
  );
}

function evict(cluster: LabCluster, { metadata: { name } }: Item): string {
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: namespaces.platform } };
  const address = `/api/v1/namespaces/${namespaces.platform}/pods/${name}/eviction`;
  try {
    return cluster.kubectl(['create', '--raw', address, '--filename=-'], JSON.stringify(eviction));
  } catch (error) {
    return messageOf(error);
  }
}

interface Visit {
  at: string;
  service: string;
  /** Empty for an answer as it should be. */
  problem: string;
}

/** Drains a node, while requests are sent to the Services behind the Ingresses. */
export async function drain(cluster: LabCluster, node: string): Promise<void> {
  cluster.kubectl(['apply', '--filename', path.resolve('lab/production/visitor.yaml')]);
  const visitor = ['visitor', '--namespace', namespaces.ingress];
  cluster.kubectl(['wait', 'pod', ...visitor, '--for=condition=Ready', '--timeout=60s']);
  const leaving = listOn(cluster, node).map(componentOf).toSorted();
  say(`${node} is drained, with ${leaving.join(', ')} on it`);
  const { problems, fewest } = await watchDrain(cluster, node);
  await judge(`${node}, with a replica of ${scaled.join(', ')} on it, is drained within 5 min`, () => [
    ...problems,
    ...scaled.filter((component) => !leaving.includes(component)).map((component) => `no ${component} was on it`),
    ...listOn(cluster, node).map(({ metadata }) => `${metadata.name} is still on it`),
  ]);
  await judge('meanwhile at least one of each was ready', () =>
    [...fewest].filter(([, ready]) => ready < 1).map(([component]) => `there was a moment without any ${component}`),
  );
  await judge('all pods are ready again, on the nodes that are left', () => findUnready(cluster), 240);
  const visits = cluster
    .kubectl(['logs', ...visitor])
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Visit);
  cluster.kubectl(['delete', 'pod', ...visitor]);
  await judge(`none of ${visits.length} visits to Dagster and Cube has failed through it all`, () =>
    visits.filter(({ problem }) => problem !== '').map(({ at, service, problem }) => `${at} ${service}: ${problem}`),
  );
}

/** Pods of the platform that are on a node, ready or not. */
function listOn(cluster: LabCluster, node: string): Item[] {
  return cluster.list('pods').filter((pod) => pod.spec.nodeName === node && componentOf(pod) !== '');
}

/** Drains a node, and counts the ready pods of each program with replicas all the time. */
async function watchDrain(
  cluster: LabCluster,
  node: string,
): Promise<{ problems: string[]; fewest: Map<string, number> }> {
  const fewest = new Map<string, number>();
  const drained = cluster
    .kubectlBeside(['drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=300s'])
    .then(
      () => [],
      (error: unknown) => [messageOf(error)],
    );
  for (;;) {
    const serving = cluster.listServing().map(componentOf);
    for (const component of scaled) {
      const ready = serving.filter((name) => name === component).length;
      fewest.set(component, Math.min(fewest.get(component) ?? ready, ready));
    }
    const problems = await Promise.race([drained, delay(200)]);
    if (problems !== undefined) return { problems, fewest };
  }
}
