import { type Result, succeed, type Verdict } from '../core/outcome.ts';
import { describeSource } from '../inputs/chart-source.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import type { Chart } from '../platform/chart.ts';
import { provideChart } from '../platform/provide-chart.ts';
import { nodeImages } from '../tools/versions.ts';
import type { Run } from './run.ts';

/** The chart of a run: as an argument of helm, and by its name in the verdict; both undefined for a run without a chart. */
export interface ProvidedChart {
  chart: Chart | undefined;
  chartRecord: Verdict['chart'];
}

/**
 * Provides the chart of a run on this machine, with all it depends on.
 * @param kubernetes the version of a cluster that is there already.
 * @returns a failure of kind `chart`.
 */
export async function prepareChart(
  run: Run,
  helm: string | undefined,
  kubernetes: string | undefined,
): Promise<Result<ProvidedChart>> {
  const { inputs } = run;
  if (inputs.chart === undefined || helm === undefined) return succeed({ chart: undefined, chartRecord: undefined });
  const provided = await provideChart(inputs.chart, {
    helm,
    workDir: run.workDir,
    signal: run.signal,
    say: (line) => run.reporter.say(line),
    mask: (secret) => run.reporter.mask(secret),
  });
  if (!provided.ok) return provided;
  const { name, version, digest, path } = provided.value;
  return succeed({
    chart: describeChart(inputs, { helm, path, title: `${name} ${version}`, kubernetes, workDir: run.workDir }),
    chartRecord: { name, version, source: describeSource(inputs.chart), digest },
  });
}

/** A local chart, with the settings that the inputs give for its installation. */
export function describeChart(
  inputs: Inputs,
  { path, ...known }: { helm: string; path: string; title: string; kubernetes: string | undefined; workDir?: string },
): Chart {
  const { release, namespace, valuesFiles, set } = inputs;
  const kubernetes = known.kubernetes ?? versionOf(nodeImageOf(inputs));
  return { ...known, chart: path, release, namespace, valuesFiles, set, kubernetes };
}

/** The node image given to kind; undefined where kind uses its default. */
export function nodeImageOf(inputs: Inputs): string | undefined {
  return inputs.nodeImage ?? (inputs.kindVersion === undefined ? nodeImages['v1.34.8'] : undefined);
}

/** The Kubernetes version of a node image, by the convention of its tag: `kindest/node:v1.34.8@sha256:…`. */
function versionOf(nodeImage: string | undefined): string | undefined {
  return /:(v\d+\.\d+\.\d+)(?=[-@]|$)/.exec(nodeImage ?? '')?.[1];
}
