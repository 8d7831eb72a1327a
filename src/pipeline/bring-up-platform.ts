/** The phase `platform`: a namespace, with the chart in it where there is one. */
import { type Result, succeed } from '../core/outcome.ts';
import { UsageMeter } from '../diagnose/measure-usage.ts';
import { NamespaceWatch } from '../diagnose/namespace-watch.ts';
import { runLabel } from '../job/build-job.ts';
import { ownershipOf } from '../kube/release-of.ts';
import { createNamespace } from '../kube/resources.ts';
import { type Chart, holdsNamespace } from '../platform/chart.ts';
import { checkNetwork } from '../platform/check-network.ts';
import { installChart } from '../platform/install-chart.ts';
import type { PlatformUpdate } from '../platform/plan-update.ts';
import { copyCredentials } from './copy-credentials.ts';
import { enterNamespace } from './environments/enter-existing.ts';
import type { OpenRun, Platform } from './progress.ts';
import type { Run } from './run.ts';
import { beginUpdate, finishUpdate, notePlatform } from './update-platform.ts';

/** @returns the platform, ready for tests, or why it is not. */
export async function bringUpPlatform(run: Run, open: OpenRun, signal: AbortSignal): Promise<Result<Platform>> {
  const { inputs } = run;
  const { chart, connection, cluster, otherNamespaces } = open;
  const begun =
    run.kept === undefined || chart === undefined ? succeed(undefined) : await beginUpdate(run, open, chart);
  if (!begun.ok) return begun;
  const entered = await provideNamespace(run, open);
  if (!entered.ok) return entered;
  const copied = await copyCredentials(run, open);
  if (!copied.ok) return copied;
  // An outage is reported while it lasts, and is one warning once it is over; one that does not end is the run's failure.
  const watch = new NamespaceWatch(
    connection,
    inputs.namespace,
    run.closing.signal,
    (text) => run.reporter.say(text),
    (text) => run.warn(text),
    { namespaces: [...otherNamespaces], onUnseen: (text) => run.warn(text) },
  );
  const usage = new UsageMeter({
    connection,
    namespace: inputs.namespace,
    pods: () => watch.pods.filter(({ metadata }) => metadata.namespace === inputs.namespace),
    signal: run.closing.signal,
  });
  void usage.run();
  const { hasPullSecret } = copied.value;
  run.reach({ ...open, stage: 'platform', usage });
  const platform = { ...open, watch, usage, hasPullSecret };
  if (chart === undefined) run.reporter.say('no chart: profile none');
  const installed =
    chart === undefined
      ? succeed(undefined)
      : await installPlatform(run, platform, { chart, update: begun.value, signal });
  if (!installed.ok) return installed;
  const network = await checkNetwork({
    ...run.voice,
    signal,
    connection,
    watch,
    namespace: inputs.namespace,
    release: chart?.release,
    node: cluster.nodes[0],
  });
  if (!network.ok) run.kept?.notePlatform(undefined);
  if (!network.ok) return network;
  if (chart !== undefined) await notePlatform(run, open, chart);
  return succeed(platform);
}

/** The namespace of the run, as the chart's own where its manifests have one of that name. */
function provideNamespace(run: Run, open: OpenRun): Promise<Result<undefined>> {
  const { inputs, signal } = run;
  const { chart, manifests, connection } = open;
  const ownership =
    chart !== undefined && holdsNamespace(manifests, inputs.namespace)
      ? ownershipOf(chart.release, inputs.namespace)
      : undefined;
  if (inputs.cluster === 'existing') return enterNamespace(run, open, ownership);
  const labels = { ...ownership?.labels, [runLabel]: run.record.content.runId };
  return createNamespace(connection, inputs.namespace, labels, signal, ownership?.annotations);
}

function installPlatform(
  run: Run,
  platform: Platform,
  { chart, update, signal }: { chart: Chart; update: PlatformUpdate | undefined; signal: AbortSignal },
): Promise<Result<undefined>> {
  const { inputs } = run;
  const { connection, watch, manifests, cluster } = platform;
  const { kubeconfigPath } = cluster;
  const { release: name, namespace, helm } = chart;
  const isExisting = inputs.cluster === 'existing';
  if (isExisting) run.record.note({ kind: 'release', name, namespace, helm, kubeconfigPath });
  const options = {
    ...run.voice,
    signal,
    connection,
    watch,
    manifests,
    kubeconfigPath,
    labels: isExisting ? { [runLabel]: run.record.content.runId } : {},
    timeoutSeconds: inputs.platformTimeoutSeconds,
    helmWaits: inputs.helmWaits,
    isHelm3: /^v?3\./.test(inputs.helmVersion ?? ''),
  };
  if (update !== undefined && update.act !== 'install' && update.act !== 'renew')
    return finishUpdate(run, chart, update, options);
  run.reporter.say(`helm install ${chart.release}: ${chart.title}, profile ${inputs.profile}`);
  return installChart(chart, options);
}
