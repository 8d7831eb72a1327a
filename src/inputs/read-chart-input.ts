/** The inputs `chart`, `chart-version` and `profile`, checked against each other and against the disk. */
import path from 'node:path';
import { type ChartSource, readRemoteChart } from './chart-source.ts';
import { explainPath, inspectPath, listInputDirectory } from './inspect-path.ts';
import type { InputError, InputValues, RawInputs } from './schema.ts';
import { tiers } from './tiers.ts';

/** Which chart with which values of its own; wrong values are added to `errors`. */
export function readChart(
  raw: RawInputs,
  value: InputValues,
  options: { resolve: (file: string) => string; bundledChart: string; errors: InputError[] },
): { profile: string | undefined; chart: ChartSource | undefined; valuesFiles: string[] } {
  const { resolve, bundledChart, errors } = options;
  const preset = tiers[value.tier];
  const profile = value.profile ?? (value.chart === undefined ? preset.profile : undefined);
  const remote = value.chart === undefined ? undefined : readRemoteChart(value.chart, value['chart-version']);
  if (remote !== undefined && 'problem' in remote)
    errors.push({ input: remote.input, value: raw[remote.input] ?? '', problem: remote.problem });
  if (remote === undefined && value['chart-version'] !== undefined)
    errors.push({
      input: 'chart-version',
      value: value['chart-version'],
      problem: 'only applies to a chart elsewhere (oci://… or https://…#name)',
    });
  const chart = chooseChart(profile, remote, resolve(value.chart ?? bundledChart));
  const valuesFiles: string[] = [];
  if (profile === 'none') {
    if (value.chart !== undefined)
      errors.push({ input: 'chart', value: value.chart, problem: 'contradicts profile "none"; leave one of them out' });
  } else if (remote !== undefined) {
    if (profile !== undefined)
      errors.push({
        input: 'profile',
        value: profile,
        problem: 'is a file in the directory of a chart; a remote chart takes values',
      });
  } else {
    const chartPath = chart?.kind === 'local' ? chart.path : '';
    if (value.chart !== undefined) checkLocalChart(value.chart, chartPath, errors);
    if (profile !== undefined) {
      const profileFile = path.join(chartPath, 'profiles', `${profile}.yaml`);
      const found = inspectPath(profileFile);
      const wrong = (problem: string) =>
        errors.push({
          input: value.profile === undefined ? 'tier' : 'profile',
          value: value.profile ?? value.tier,
          problem,
        });
      if (found === 'file') valuesFiles.push(profileFile);
      // A chart that cannot be used has been named.
      else if (explainPath(chartPath, 'any') === undefined) {
        const known = listProfiles(chartPath);
        if (typeof found === 'object') wrong(`needs ${profileFile}, which ${found.problem}`);
        else wrong(`needs profile "${profile}", which the chart does not have; it has ${known.join(', ') || 'none'}`);
      }
    }
  }
  return { profile, chart, valuesFiles };
}

/** A chart of this machine must be there; short names of repositories exist only in the configuration of the user's helm. */
function checkLocalChart(chart: string, full: string, errors: InputError[]): void {
  const problem = explainPath(full, 'any');
  if (problem === undefined) return;
  const isShortName = inspectPath(full) === 'absent' && /^[\w-]+\/[\w.-]+$/.test(chart);
  const advice = isShortName ? '; a chart of a repository is written as https://charts.example.com#name' : '';
  errors.push({ input: 'chart', value: chart, problem: `${problem}${advice}` });
}

/** The chart of a run; one that is wrong will not be used. */
function chooseChart(
  profile: string | undefined,
  remote: ReturnType<typeof readRemoteChart>,
  localPath: string,
): ChartSource | undefined {
  if (profile === 'none') return undefined;
  return remote !== undefined && 'kind' in remote ? remote : { kind: 'local', path: localPath };
}

function listProfiles(chart: string): string[] {
  const { names = [] } = listInputDirectory(path.join(chart, 'profiles'));
  return names
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
}
