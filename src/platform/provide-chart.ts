import { statSync } from 'node:fs';
import path from 'node:path';
import { type Result, succeed } from '../core/outcome.ts';
import { type ChartSource, describeSource } from '../inputs/chart-source.ts';
import { buildDependencies, examineDependencies, isIncomplete, readMetadata } from './build-dependencies.ts';
import { HelmHome } from './helm-home.ts';
import { defaultPullLimits, type PullLimits, pullChart } from './pull-chart.ts';

export interface ProvideOptions {
  helm: string;
  /** For files that only this run uses. */
  workDir: string;
  signal: AbortSignal;
  say: (line: string) => void;
  /** Called with passwords that helm's messages might contain. */
  mask: (secret: string) => void;
  limits?: Partial<PullLimits>;
}

/** A chart that is on this machine with all it depends on. */
export interface ProvidedChart {
  /** Directory or archive. */
  path: string;
  name: string;
  version: string;
  /** What was pulled, as `sha256:…`; empty for a chart of this machine. */
  digest: string;
}

/**
 * Downloads a chart to this machine, if it is elsewhere, with all its dependencies. The user's files are never changed:
 * dependencies are built in a copy, and helm's caches belong to this run only.
 * @returns a failure of kind `chart` in one line, with what to do.
 */
export async function provideChart(source: ChartSource, options: ProvideOptions): Promise<Result<ProvidedChart>> {
  const { helm, signal, say } = options;
  const limits = { ...defaultPullLimits, ...options.limits };
  const directory = path.join(options.workDir, 'helm');
  const open = () => HelmHome.open(helm, directory, signal);
  if (source.kind === 'local') {
    if (!statSync(source.path).isDirectory()) return describe(source.path, '');
    const examined = await examineDependencies(helm, source.path, signal);
    if (!examined.ok) return examined;
    const { name, version } = examined.value.metadata;
    if (!isIncomplete(examined.value)) return succeed({ path: source.path, name, version, digest: '' });
    const home = await open();
    if (!home.ok) return home;
    const built = await buildDependencies(examined.value, { ...options, home: home.value, directory, limits });
    return built.ok ? succeed({ path: built.value, name, version, digest: '' }) : built;
  }
  say(`pulling the chart ${describeSource(source)}${source.version === undefined ? '' : ` ${source.version}`}`);
  const home = await open();
  if (!home.ok) return home;
  const pulled = await pullChart(source, { ...options, home: home.value, directory, limits });
  if (!pulled.ok) return pulled;
  const described = await describe(pulled.value.path, pulled.value.digest);
  if (described.ok) say(`chart ${described.value.name} ${described.value.version}, ${described.value.digest}`);
  return described;

  async function describe(file: string, digest: string): Promise<Result<ProvidedChart>> {
    const read = await readMetadata(helm, file, signal);
    return read.ok ? succeed({ path: file, name: read.value.name, version: read.value.version, digest }) : read;
  }
}
