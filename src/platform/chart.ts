import path from 'node:path';
import { type Result, succeed } from '../core/outcome.ts';
import { readYamlDocuments } from '../inputs/read-yaml.ts';
import { describeProgramEnd, runProgram } from '../tools/run-program.ts';
import { withValues } from './chart-values.ts';
import { explainHelm } from './explain-helm.ts';

export interface Chart {
  /** Path of the helm program. */
  helm: string;
  release: string;
  namespace: string;
  /** Directory or archive. */
  chart: string;
  /** From its Chart.yaml: `platform 1.4.2`. */
  title: string;
  /** In helm's order: later ones win. */
  valuesFiles: string[];
  /** As `--set` takes them, in their order. */
  set: string[];
  /** Directory of this run only: files with the set values are there while helm runs. Without it, in a temporary directory. */
  workDir?: string | undefined;
  /**
   * Version of the cluster that it will be installed on; where that is not known yet, helm takes the version it was compiled
   * for.
   */
  kubernetes: string | undefined;
}

/**
 * Calls `use` with the arguments that name the chart to helm, the same for rendering and for installing it. They
 * hold as long as that runs.
 * @param set what is set beside the chart's own, and after it.
 */
export function withChartArguments<T>(
  chart: Chart,
  set: readonly string[],
  use: (args: string[]) => Promise<T>,
): Promise<T> {
  const files = chart.valuesFiles.flatMap((file) => ['--values', file]);
  return withValues([...chart.set, ...set], chart.workDir, (values) =>
    use([chart.release, chart.chart, '--namespace', chart.namespace, ...files, ...values]),
  );
}

/** What a chart makes, as far as we can read it. */
export interface RenderedChart {
  manifests: unknown[];
  /** Documents that helm renders and we cannot read, a line each; helm is the one who installs them. */
  unread: string[];
}

/**
 * The manifests that the chart makes, as `helm template` renders them; hooks included, tests left out.
 * @returns a failure of kind `chart` with helm's own message when it does not render.
 */
export async function renderChart(chart: Chart, signal: AbortSignal): Promise<Result<RenderedChart>> {
  const version = chart.kubernetes === undefined ? [] : ['--kube-version', chart.kubernetes];
  const run = await withChartArguments(chart, [], (args) =>
    runProgram(chart.helm, ['template', ...args, ...version, '--skip-tests'], {
      signal,
      timeoutSeconds: 120,
      env: helmEnvironment,
    }),
  );
  signal.throwIfAborted();
  if (run.exitCode !== 0)
    return { ok: false, failure: explainHelm('the chart does not render', run.stderr, describeProgramEnd(run)) };
  return succeed(readRendered(run.stdout));
}

/** The documents that helm prints, each read separately: an unreadable one hides no other. */
export function readRendered(printed: string): RenderedChart {
  const documents = readYamlDocuments(printed);
  return {
    manifests: documents.filter((read) => read.problem === undefined).map((read) => read.value),
    unread: documents.flatMap((read) => (read.problem === undefined ? [] : [read.problem])),
  };
}

/** The images that the pods of manifests name, each once. */
export function listImages(manifests: unknown[]): string[] {
  const images = new Set<string>();
  for (const manifest of manifests) collectImages(manifest, images);
  return [...images];
}

/** An image without which a chart does not become ready, and what needs it: `Deployment/web`. */
export interface AwaitedImage {
  image: string;
  owner: string;
}

/**
 * The images that the chart must have pulled to become ready. Left out is what may have no pod, or none before the chart is
 * ready: hooks, Jobs, DaemonSets, no replicas.
 */
export function listAwaitedImages(manifests: unknown[]): AwaitedImage[] {
  const found = new Map<string, AwaitedImage>();
  for (const manifest of manifests as AwaitedManifest[]) {
    const { kind, metadata, spec } = manifest ?? {};
    if (kind !== 'Deployment' && kind !== 'StatefulSet') continue;
    if (metadata?.annotations?.['helm.sh/hook'] !== undefined || spec?.replicas === 0 || spec?.paused === true)
      continue;
    const { containers = [], initContainers = [] } = spec?.template?.spec ?? {};
    for (const { image, imagePullPolicy } of [...initContainers, ...containers])
      if (image !== undefined && imagePullPolicy !== 'Never')
        found.set(image, { image, owner: `${kind}/${metadata?.name ?? ''}` });
  }
  return [...found.values()];
}

type AwaitedContainers = { image?: string; imagePullPolicy?: string }[];

type AwaitedManifest = {
  kind?: string;
  metadata?: { name?: string; annotations?: Record<string, string> };
  spec?: {
    replicas?: number;
    paused?: boolean;
    template?: { spec?: { containers?: AwaitedContainers; initContainers?: AwaitedContainers } };
  };
} | null;

/** Kinds of Kubernetes' own that make pods. */
const podMakers: ReadonlySet<string> = new Set([
  'Pod',
  'Job',
  'CronJob',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'ReplicationController',
]);

/**
 * The namespaces beside the release's in which a chart creates pods, or custom resources, whose operators may create pods; in
 * order of occurrence.
 */
export function listOtherNamespaces(manifests: unknown[], namespace: string): string[] {
  const found = new Set<string>();
  for (const manifest of manifests as ({ apiVersion?: unknown; kind?: unknown; metadata?: unknown } | null)[]) {
    const where = (manifest?.metadata as { namespace?: unknown } | null | undefined)?.namespace;
    if (typeof where !== 'string' || where === '' || where === namespace) continue;
    if (podMakers.has(String(manifest?.kind)) || isCustom(manifest?.apiVersion)) found.add(where);
  }
  return [...found];
}

/** Whether a chart holds the namespace that it is installed into. */
export function holdsNamespace(manifests: unknown[], namespace: string): boolean {
  return (manifests as { kind?: unknown; metadata?: { name?: unknown } | null }[]).some(
    (manifest) => manifest?.kind === 'Namespace' && manifest.metadata?.name === namespace,
  );
}

/** Groups of Kubernetes' own have no dot, or end in k8s.io: https://github.com/kubernetes/enhancements/pull/1111 */
export function isCustom(apiVersion: unknown): boolean {
  const [group = ''] = typeof apiVersion === 'string' && apiVersion.includes('/') ? apiVersion.split('/') : [];
  return group.includes('.') && !/(^|\.)k8s\.io$/.test(group);
}

/** Whether pods of manifests tolerate any taint, and may therefore run where others may not, as on a control plane. */
export function tolerateTaints(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(tolerateTaints);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([key, item]) => (key === 'tolerations' && Array.isArray(item) && item.length > 0) || tolerateTaints(item),
  );
}

/** What the user may have set for clusters of their own, and helm would read. */
export const helmEnvironment = {
  KUBECONFIG: undefined,
  HELM_NAMESPACE: undefined,
  HELM_KUBECONTEXT: undefined,
  HELM_KUBEAPISERVER: undefined,
  HELM_KUBETOKEN: undefined,
};

/**
 * For a call that asks a cluster: helm's cache of its API is beside its kubeconfig, and is removed with it. helm itself asks 100
 * times and then slowly, so that a chart of 300 objects took four seconds more; the API server has limits of its own.
 */
export function helmEnvironmentFor(kubeconfigPath: string): Record<string, string | undefined> {
  return {
    HELM_BURST_LIMIT: process.env.HELM_BURST_LIMIT ?? '1000',
    ...helmEnvironment,
    KUBECACHEDIR: path.join(path.dirname(kubeconfigPath), 'kube-cache'),
  };
}

/** Image names anywhere a pod template may occur: in a list of containers or of init containers. */
function collectImages(value: unknown, images: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value) collectImages(item, images);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if ((key === 'containers' || key === 'initContainers') && Array.isArray(item)) {
        for (const container of item as { image?: unknown }[])
          if (typeof container?.image === 'string') images.add(container.image);
      }
      collectImages(item, images);
    }
  }
}
