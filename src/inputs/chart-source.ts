/** Where a chart comes from, according to the inputs `chart` and `chart-version`. Pure. */
import { trimEndOf } from '../core/trim-end.ts';

export type ChartSource =
  /** Directory or archive on this machine. */
  | { kind: 'local'; path: string }
  /** In an OCI registry; `reference` is `oci://host/path/name`, with a tag or digest if the user named one. */
  | { kind: 'oci'; reference: string; version: string | undefined }
  /** In a chart repository: below `address`, which has no final slash, is its index.yaml. */
  | { kind: 'repository'; address: string; name: string; version: string | undefined };

/** Host, path in small letters, and at the end what chooses a version. */
const ociPattern =
  /^oci:\/\/(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d+)?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+(?<choice>(?::[\w][\w.+-]*)?(?:@sha256:[0-9a-f]{64})?)$/;

/**
 * The chart that is elsewhere; undefined when `chart` names something on this machine.
 * @returns the source, or what is wrong with one of the two inputs.
 */
export function readRemoteChart(
  chart: string,
  version: string | undefined,
): ChartSource | { input: 'chart' | 'chart-version'; problem: string } | undefined {
  const wrong = (problem: string) => ({ input: 'chart' as const, problem });
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(chart)?.[1]?.toLowerCase();
  if (scheme === undefined) return undefined;
  if (scheme === 'oci') {
    const match = ociPattern.exec(chart);
    if (match === null)
      return wrong(
        chart.replace(/@sha256:.*/, '').includes('@')
          ? 'holds a password; "docker login" or "helm registry login" is the place for it'
          : 'is no chart in a registry; write it in small letters as oci://ghcr.io/floe/charts/platform',
      );
    if (version !== undefined && match.groups?.choice !== '')
      return { input: 'chart-version', problem: 'contradicts chart, which chooses a version itself' };
    return { kind: 'oci', reference: chart, version };
  }
  if (scheme !== 'http' && scheme !== 'https')
    return wrong('is neither a directory nor a .tgz, nor oci://… or https://charts.example.com#name');
  if (!URL.canParse(chart)) return wrong('is not an address; write it as https://charts.example.com#name');
  const url = new URL(chart);
  if (url.username !== '' || url.password !== '')
    return wrong('holds a password; "helm repo add" with --username and --password-stdin is the place for it');
  if (url.search !== '') return wrong('holds a query (?…), which is not sent to chart repositories');
  const name = url.hash.slice(1);
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name))
    return wrong('does not say which chart of the repository; write it as https://charts.example.com#name');
  return { kind: 'repository', address: trimEndOf(`${url.origin}${url.pathname}`, '/'), name, version };
}

/** A source as users write it. */
export function describeSource(source: ChartSource): string {
  if (source.kind === 'local') return source.path;
  return source.kind === 'oci' ? source.reference : `${source.address}#${source.name}`;
}
