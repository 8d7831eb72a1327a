import { type Check, judgeDemand } from './cluster/judge-machine.ts';
import { examineMachine } from './cluster/preflight.ts';
import type { Inputs } from './inputs.ts';
import type { Failure } from './outcome.ts';
import { describeChart, renderChart } from './platform/chart.ts';
import { planDemand } from './run/plan-demand.ts';
import { provideTools } from './tools/provide-tools.ts';

/**
 * What `doctor` looks at: the machine, the tools that are here, and what the pods would ask of the machine. Nothing is made,
 * downloaded or started.
 */
export async function examine(inputs: Inputs, signal: AbortSignal): Promise<Check[]> {
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

function tellFailure(name: string, state: 'warning' | 'problem', { reason, hint }: Failure): Check {
  return { name, state, found: reason, needed: '', mend: hint };
}
