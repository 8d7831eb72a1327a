import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Check, judgeDemand } from './cluster/judge-machine.ts';
import { examineMachine } from './cluster/preflight.ts';
import { reachCluster } from './cluster/reach-cluster.ts';
import type { Inputs } from './inputs.ts';
import { connect } from './kube/connection.ts';
import type { Failure } from './outcome.ts';
import { describeChart, renderChart } from './platform/chart.ts';
import { planDemand } from './run/plan-demand.ts';
import { provideTools } from './tools/provide-tools.ts';
import type { UserKubeconfig } from './user-kubeconfig.ts';

/**
 * What `doctor` looks at: the machine, the tools that are here, and what the pods would ask of the machine; of an existing
 * cluster, whether it answers and lets us in. Nothing is made, downloaded or started.
 */
export async function examine(inputs: Inputs, signal: AbortSignal): Promise<Check[]> {
  if (inputs.kubeconfig !== undefined) return [await examineCluster(inputs.kubeconfig, signal)];
  const { facts, checks } = await examineMachine(inputs, signal);
  const tools = await provideTools(inputs, { signal, say: () => {}, mayDownload: false });
  // A run downloads them, so that this is no problem; only the chart cannot be looked at without.
  if (!tools.ok) return [...checks, tellFailure('tools', 'warning', tools.failure)];
  const found = inputs.chart === undefined ? 'kind is here' : 'kind and helm are here';
  checks.push({ name: 'tools', state: 'ok', found, needed: '', mend: '' });
  const chart = describeChart(inputs, tools.value.helm);
  const manifests: unknown[] = [];
  if (chart !== undefined) {
    const rendered = await renderChart(chart, signal);
    if (!rendered.ok) return [...checks, tellFailure('chart', 'problem', rendered.failure)];
    manifests.push(...rendered.value);
  }
  return [...checks, ...judgeDemand(facts, planDemand(inputs, manifests), inputs.nodes)];
}

async function examineCluster(kubeconfig: UserKubeconfig, signal: AbortSignal): Promise<Check> {
  const directory = await mkdtemp(path.join(tmpdir(), 'k8s-test-doctor-'));
  try {
    const kubeconfigPath = path.join(directory, 'kubeconfig');
    await writeFile(kubeconfigPath, kubeconfig.yaml, { mode: 0o600 });
    const connection = connect({ kubeconfigPath });
    const reached = await reachCluster(connection, kubeconfig, signal).finally(() => connection.close());
    if (!reached.ok) return tellFailure('cluster', 'problem', reached.failure);
    const { kubernetes, user } = reached.value;
    const found = `${kubeconfig.context} (${kubeconfig.server}) runs Kubernetes ${kubernetes} and knows us as ${user}`;
    return { name: 'cluster', state: 'ok', found, needed: '', mend: '' };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function tellFailure(name: string, state: 'warning' | 'problem', { reason, hint }: Failure): Check {
  return { name, state, found: reason, needed: '', mend: hint };
}
