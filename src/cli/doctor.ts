import { statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Check, judgeDemand } from '../cluster/judge-machine.ts';
import { examineMachine } from '../cluster/preflight.ts';
import { reachCluster } from '../cluster/reach-cluster.ts';
import { type Failure, type Result, succeed } from '../core/outcome.ts';
import { type ChartSource, describeSource } from '../inputs/chart-source.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import type { UserKubeconfig } from '../inputs/user-kubeconfig.ts';
import { connect } from '../kube/connection.ts';
import { planDemand } from '../pipeline/plan-demand.ts';
import { describeChart } from '../pipeline/prepare-chart.ts';
import { examineDependencies, isIncomplete } from '../platform/build-dependencies.ts';
import { renderChart } from '../platform/chart.ts';
import { provideTools } from '../tools/provide-tools.ts';

/**
 * What `doctor` checks: the machine, the tools that are installed, and what the pods would request from the machine; of an
 * existing cluster, whether it answers and accepts our credentials. Nothing is created, downloaded or started.
 */
export async function examine(inputs: Inputs, signal: AbortSignal): Promise<Check[]> {
  if (inputs.kubeconfig !== undefined) return [await examineCluster(inputs.kubeconfig, signal)];
  const { facts, checks } = await examineMachine(inputs, signal);
  // What the cache holds is copied before it is executed.
  const directory = await mkdtemp(path.join(tmpdir(), 'k8s-test-doctor-'));
  try {
    return await examineToolsAndChart(inputs, { facts, checks, directory, signal });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function examineToolsAndChart(
  inputs: Inputs,
  {
    facts,
    checks,
    directory,
    signal,
  }: { directory: string; signal: AbortSignal } & Awaited<ReturnType<typeof examineMachine>>,
): Promise<Check[]> {
  const tools = await provideTools(inputs, { directory, signal, say: () => {}, mayDownload: false });
  // A run downloads them, so a missing tool is no problem; only the chart cannot be checked without it.
  if (!tools.ok) return [...checks, toCheck('tools', 'warning', tools.failure)];
  const found = inputs.chart === undefined ? 'kind is here' : 'kind and helm are here';
  checks.push({ name: 'tools', state: 'ok', found, needed: '', fix: '' });
  const { helm } = tools.value;
  if (inputs.chart === undefined || helm === undefined)
    return [...checks, ...judgeDemand(facts, planDemand(inputs, []), inputs.nodes)];
  const manifests = await renderWhatIsHere(inputs, inputs.chart, helm, signal);
  if (!manifests.ok) return [...checks, toCheck('chart', 'problem', manifests.failure)];
  if (typeof manifests.value === 'string')
    return [...checks, { name: 'chart', state: 'ok', found: manifests.value, needed: '', fix: '' }];
  return [...checks, ...judgeDemand(facts, planDemand(inputs, manifests.value), inputs.nodes)];
}

/** The manifests of a chart that is here with all its dependencies; for another, why it is not checked. */
async function renderWhatIsHere(
  inputs: Inputs,
  source: ChartSource,
  helm: string,
  signal: AbortSignal,
): Promise<Result<unknown[] | string>> {
  if (source.kind !== 'local')
    return succeed(`${describeSource(source)} is pulled during a run and is not checked here`);
  if (statSync(source.path).isDirectory()) {
    const examined = await examineDependencies(helm, source.path, signal);
    if (!examined.ok) return examined;
    if (isIncomplete(examined.value))
      return succeed('it lacks dependencies, which a run downloads; it is not checked here');
  }
  const here = { helm, path: source.path, title: source.path, kubernetes: undefined };
  const rendered = await renderChart(describeChart(inputs, here), signal);
  return rendered.ok ? succeed(rendered.value.manifests) : rendered;
}

async function examineCluster(kubeconfig: UserKubeconfig, signal: AbortSignal): Promise<Check> {
  const directory = await mkdtemp(path.join(tmpdir(), 'k8s-test-doctor-'));
  try {
    const kubeconfigPath = path.join(directory, 'kubeconfig');
    await writeFile(kubeconfigPath, kubeconfig.yaml, { mode: 0o600 });
    const connection = connect({ kubeconfigPath });
    const reached = await reachCluster(connection, kubeconfig, signal).finally(() => connection.close());
    if (!reached.ok) return toCheck('cluster', 'problem', reached.failure);
    const { kubernetes, user } = reached.value;
    const found = `${kubeconfig.context} (${kubeconfig.server}) runs Kubernetes ${kubernetes} and accepts this user as ${user}`;
    return { name: 'cluster', state: 'ok', found, needed: '', fix: '' };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function toCheck(name: string, state: 'warning' | 'problem', { reason, hint }: Failure): Check {
  return { name, state, found: reason, needed: '', fix: hint };
}
