/** helm's errors when it cannot get a chart, and whether another attempt can help. Pure. */
import leven from 'leven';
import { type Failure, toOneLine } from '../core/outcome.ts';

type PullProblem =
  | 'plain-http'
  | 'no-chart'
  | 'denied'
  | 'certificate'
  | 'not-there'
  | 'unreachable'
  | 'broken'
  | 'other';

const words: [PullProblem, RegExp][] = [
  ['plain-http', /server gave HTTP response to HTTPS client/],
  ['no-chart', /media ?type|is not a valid chart repository.{0,300}unmarshal|error unmarshaling/i],
  ['certificate', /x509:|tls: failed to verify/],
  ['denied', /credential not found|\b40[13] |status code 40[13]|unauthorized|denied/i],
  ['not-there', /no chart (version|name) found|could not locate a version|: not found$|\b404 |status code 404/im],
  ['unreachable', /no such host|connection refused|no route to host|network is unreachable|i\/o timeout|timeout/i],
  ['broken', /\b(429|5\d\d) |status code (429|5\d\d)|reset by peer|EOF|mismatched digest|gzip/i],
];

/** The kind of problem that helm's message describes. */
export function classifyPull(said: string): PullProblem {
  return words.find(([, pattern]) => pattern.test(said))?.[0] ?? 'other';
}

/** Whether it may be over in a moment. */
export function mayPass(said: string): boolean {
  const problem = classifyPull(said);
  return problem === 'unreachable' || problem === 'broken';
}

/** helm's message without its internal details: levels, names of steps, advice on its own commands. */
export function quoteHelm(output: string): string {
  const unable = /Unable to get an update from the .{0,300}:\n\s{0,100}(.+)/.exec(output)?.[1];
  const error = /^Error: ([\s\S]*)/m.exec(output)?.[1];
  const said = unable ?? error ?? output;
  return toOneLine(
    said
      .replace(/^failed to perform "\w+" on (source|destination): /, '')
      .replace(/^looks like .* cannot be reached: /, ''),
    300,
  );
}

/** A failure of kind `chart` for a chart that cannot be had; `what` names it as the user does. */
export function explainPull(what: string, output: string, host: string): Failure {
  const said = quoteHelm(output);
  return {
    kind: 'chart',
    reason: toOneLine(`${what} cannot be downloaded: ${said}`),
    hint: hintOf(classifyPull(output), host),
    evidence: output.trim().split('\n').slice(-40),
  };
}

/** A failure of kind `chart` for a missing version; `who` is "there is", or a repository "has", no such version. */
export function explainNoVersion(who: string, chart: string, wanted: string, versions: string[]): Failure {
  const near = findNearVersions(wanted, versions).join(', ');
  const reason = `${who} no version ${wanted || 'that is released'} of ${chart}; the nearest are: ${near}`;
  return { kind: 'chart', reason: toOneLine(reason), hint: 'Give one of these as chart-version.', evidence: [] };
}

function hintOf(problem: PullProblem, host: string): string {
  switch (problem) {
    case 'plain-http':
      return `${host} serves HTTP without TLS, which is only accepted from a registry on this machine (localhost).`;
    case 'no-chart':
      return `The file at ${host} with this name is not a chart.`;
    case 'denied':
      return `${host} refuses: the name does not exist, or you may not read it; registries do not distinguish the two. Log in before the run: "docker login" or "helm registry login" for oci://, "helm repo add --username" for https://.`;
    case 'certificate':
      return `The certificate of ${host} is not trusted on this machine: add its authority to the system's, or to the entry of the repository ("helm repo add --ca-file").`;
    case 'not-there':
      return 'Check the name and the version.';
    case 'unreachable':
      return `Is ${host} the right host, and can it be reached from here? A proxy is taken from HTTPS_PROXY.`;
    case 'broken':
      return `${host} has a problem, or the file there is broken. Try again later.`;
    case 'other':
      return 'Try "helm pull" by hand.';
  }
}

/** The names most similar to a missing one, for a user who mistyped it. */
export function findSimilarVersions(wanted: string, names: string[], count = 5): string[] {
  return names
    .map((name) => ({ name, distance: name.includes(wanted) || wanted.includes(name) ? 1 : leven(wanted, name) }))
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, count)
    .map(({ name }) => name);
}

/**
 * The versions nearest to a missing one: those that share most of its numbers, of these the nearest, and the newest of all;
 * newest first.
 */
function findNearVersions(wanted: string, versions: string[], count = 5): string[] {
  const aim = numbersOf(wanted);
  const farness = (version: string) => {
    const numbers = numbersOf(version);
    const shared = numbers.findIndex((number, i) => number !== aim[i]);
    return {
      shared: shared === -1 ? 3 : shared,
      off: shared === -1 ? 0 : Math.abs((numbers[shared] ?? 0) - (aim[shared] ?? 0)),
    };
  };
  const newest = [...versions].sort(compareVersions).reverse();
  const near = [...newest].sort((a, b) => {
    const [one, other] = [farness(a), farness(b)];
    return other.shared - one.shared || one.off - other.off;
  });
  const chosen = new Set(newest.slice(0, 1).concat(near).slice(0, count));
  return newest.filter((version) => chosen.has(version));
}

/** Major, minor, patch of a version, or of the first that a range names. */
function numbersOf(version: string): [number, number, number] {
  const [, major = '0', minor = '0', patch = '0'] = /(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(version) ?? [];
  return [Number(major), Number(minor), Number(patch)];
}

function compareVersions(a: string, b: string): number {
  const [one, other] = [numbersOf(a), numbersOf(b)];
  const differing = one.findIndex((number, i) => number !== other[i]);
  if (differing !== -1) return (one[differing] ?? 0) - (other[differing] ?? 0);
  // A pre-release is lower than the release.
  return Number(!a.includes('-')) - Number(!b.includes('-')) || a.localeCompare(b);
}
