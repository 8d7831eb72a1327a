/** From the inputs to a plan: tools, chart, Job and images, before anything is created. */
import { checkDemand } from '../cluster/preflight.ts';
import { type Result, succeed } from '../core/outcome.ts';
import { listOtherNamespaces, renderChart, tolerateTaints } from '../platform/chart.ts';
import { provideTools } from '../tools/provide-tools.ts';
import { chooseImages } from './choose-images.ts';
import type { Environment } from './environments/environment.ts';
import { planDemand } from './plan-demand.ts';
import { type ProvidedChart, prepareChart } from './prepare-chart.ts';
import { prepareOwnJob } from './prepare-job.ts';
import type { PreparedRun } from './progress.ts';
import type { Run } from './run.ts';
import { digestChart } from './update-platform.ts';

/**
 * The phase `tools`, and what is decided by the chart before the cluster is opened.
 * @returns a failure of kind `tools`, `chart`, `input` or `cluster`.
 */
export async function prepareRun(run: Run, environment: Environment): Promise<Result<PreparedRun>> {
  const { inputs, signal } = run;
  const tools = await run.clock.phase('tools', () => provideToolsAndChart(run, environment));
  if (!tools.ok) return tools;
  const { kind, chart, chartRecord } = tools.value;
  const known = { ...environment.existing, chartRecord };
  run.reach({ ...known, stage: 'preparing' });
  const rendered = chart === undefined ? succeed({ manifests: [], unread: [] }) : await renderChart(chart, signal);
  if (!rendered.ok) return rendered;
  const { manifests, unread } = rendered.value;
  const otherNamespaces = listOtherNamespaces(manifests, inputs.namespace);
  run.reach({ ...known, otherNamespaces, stage: 'preparing' });
  for (const line of unread)
    run.warn(`A document of the chart cannot be read (${line}): its images are not loaded, and its needs not counted.`);
  const own = await prepareOwnJob(run, chart);
  if (!own.ok) return own;
  const chartDigest = chart === undefined ? '' : await digestChart(chart);
  if (environment.machine !== undefined) {
    const demand = planDemand(inputs, manifests, own.value?.job);
    const room = checkDemand(environment.machine, demand, { ...run.voice, nodes: inputs.nodes });
    if (!room.ok) return room;
  }
  const { isCollected } = environment;
  const readable = { manifests, isWhole: unread.length === 0 };
  const images = await chooseImages(run, readable, { own: own.value, isCollected });
  // In a config of the user it is not known which nodes take pods.
  const controlPlane = inputs.kindConfig !== undefined || tolerateTaints(manifests);
  const prepared = {
    kind,
    chart,
    chartRecord,
    chartDigest,
    manifests,
    otherNamespaces,
    own: own.value,
    images,
    controlPlane,
  };
  run.reach({ ...environment.existing, ...prepared, stage: 'preparing' });
  return succeed(prepared);
}

async function provideToolsAndChart(
  run: Run,
  { kubernetes }: Environment,
): Promise<Result<ProvidedChart & { kind: string | undefined }>> {
  const tools = await provideTools(run.inputs, { ...run.voice, directory: run.workDir });
  if (!tools.ok) return tools;
  const { kind, helm } = tools.value;
  const chart = await prepareChart(run, helm, kubernetes);
  return chart.ok ? succeed({ ...chart.value, kind }) : chart;
}
