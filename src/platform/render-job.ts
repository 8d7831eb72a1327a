import { type Result, succeed } from '../core/outcome.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { describeProgramEnd, runProgram } from '../tools/run-program.ts';
import { type Chart, helmEnvironment, withChartArguments } from './chart.ts';
import { explainHelm } from './explain-helm.ts';

/** What a chart may ask of the cluster that it is rendered for. */
export interface ClusterVersions {
  kubernetes: string;
  /** As `--api-versions` takes them: `apps/v1`, `apps/v1/Deployment`. */
  apis: string[];
}

export interface RenderJobOptions {
  /** As `helm template --show-only` names them. */
  templates: string[];
  /** Assignments for this rendering only. */
  set: string[];
  /** Without it the chart's own guess counts. */
  versions?: ClusterVersions;
  signal: AbortSignal;
}

/**
 * What some templates of a chart render to, hooks of all kinds included.
 * @returns a failure of kind `chart` with helm's own message.
 */
export async function renderJobTemplates(chart: Chart, options: RenderJobOptions): Promise<Result<string>> {
  const { templates, set, versions, signal } = options;
  const kubernetes = versions?.kubernetes ?? chart.kubernetes;
  const asked = [
    ...templates.flatMap((template) => ['--show-only', template]),
    ...(kubernetes === undefined ? [] : ['--kube-version', kubernetes]),
    ...(versions === undefined ? [] : ['--api-versions', versions.apis.join(',')]),
  ];
  const run = await withChartArguments(chart, set, (args) =>
    runProgram(chart.helm, ['template', ...args, ...asked], {
      signal,
      timeoutSeconds: 120,
      env: helmEnvironment,
      maxCapturedBytes: maxRenderedBytes,
    }),
  );
  signal.throwIfAborted();
  if (run.exitCode !== 0) {
    const failure = explainHelm(
      `job-templates ${templates.join(', ')} cannot be rendered`,
      run.stderr,
      describeProgramEnd(run),
    );
    const hint =
      'Names are as in "helm template --show-only"; a template that is off by default is turned on with job-set.';
    return { ok: false, failure: { ...failure, hint } };
  }
  return succeed(run.stdout);
}

const maxRenderedBytes = 16 * 1024 * 1024;

/** Asks a cluster what a chart may ask of it. */
export async function readClusterVersions(connection: KubeConnection, signal: AbortSignal): Promise<ClusterVersions> {
  const ask = <T>(path: string) => connection.call<T>('GET', path, { signal });
  const [{ gitVersion }, { groups }] = await Promise.all([
    ask<{ gitVersion: string }>('/version'),
    ask<{ groups: { versions: { groupVersion: string }[] }[] }>('/apis'),
  ]);
  const groupVersions = groups.flatMap((group) => group.versions.map((version) => version.groupVersion));
  const kinds = await Promise.all(
    ['v1', ...groupVersions].map(async (version) => {
      const path = version === 'v1' ? '/api/v1' : `/apis/${version}`;
      const { resources } = await ask<{ resources: { kind: string }[] }>(path);
      return [...new Set(resources.map((resource) => `${version}/${resource.kind}`))];
    }),
  );
  return { kubernetes: gitVersion, apis: ['v1', ...groupVersions, ...kinds.flat()] };
}
