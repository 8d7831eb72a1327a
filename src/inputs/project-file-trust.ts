/** How far a run trusts the project file: it is in the checkout, whose author is untrusted on some events. */
import path from 'node:path';
import * as v from 'valibot';
import { quoteValue } from '../core/quote-value.ts';
import { followLinks } from './inspect-path.ts';
import { type InputError, type InputName, type RawInputs, trustLevels } from './schema.ts';
import { lines } from './value-syntax.ts';

export type ProjectFileTrust = (typeof trustLevels)[number];

/**
 * Events whose workflow comes from the default branch, and which untrusted users can cause: a workflow of these that checks out
 * a pull request runs its own steps over foreign files.
 * https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
 */
const eventsOfStrangers: ReadonlySet<string> = new Set([
  'pull_request_target',
  'workflow_run',
  'issue_comment',
  'issues',
  'discussion',
  'discussion_comment',
]);

/** `all` unless the input `project-file` or the event of the workflow restricts it. */
export function chooseTrust(given: string | undefined, env: NodeJS.ProcessEnv): ProjectFileTrust {
  const asked = trustLevels.find((level) => level === given);
  if (asked !== undefined) return asked;
  // A value that is refused must not open what is closed.
  if (given !== undefined && given !== '') return 'safe';
  return eventsOfStrangers.has(env.GITHUB_EVENT_NAME ?? '') ? 'safe' : 'all';
}

/**
 * What the file may set under `safe`.
 * - `yes`: it shapes the tests and the platform inside the cluster.
 * - `in-checkout`: it names files, which must be in the checkout with all links followed.
 * - `in-cluster`: it decides where the tests run, which in tier unit is the runner itself.
 * - `no`: it starts a program on the runner, chooses a privileged container or other manifests, reads files, images of
 *   another origin or credentials of the runner, changes where results are written, or lifts a limit that protects the runner.
 */
const underSafe: Record<InputName, 'yes' | 'in-checkout' | 'in-cluster' | 'no'> = {
  tier: 'no',
  'project-file': 'no',
  profile: 'yes',
  // A chart or a Job may ask for a privileged pod, which reaches the docker of the runner.
  chart: 'no',
  'chart-version': 'no',
  values: 'in-checkout',
  set: 'yes',
  release: 'yes',
  namespace: 'yes',
  cluster: 'no',
  kubeconfig: 'no',
  context: 'no',
  'kind-config': 'no',
  nodes: 'yes',
  // Nodes are privileged containers.
  'node-image': 'no',
  'kind-version': 'no',
  'helm-version': 'no',
  'tools-mirror': 'no',
  'tools-checksums': 'no',
  'registry-mirrors': 'no',
  image: 'yes',
  build: 'in-checkout',
  dockerfile: 'in-checkout',
  'load-images': 'yes',
  'image-archives': 'in-checkout',
  command: 'in-cluster',
  args: 'in-cluster',
  env: 'in-cluster',
  // Untrusted authors must not choose what is masked in the runner's log.
  secrets: 'no',
  volumes: 'yes',
  job: 'no',
  'job-templates': 'yes',
  'job-set': 'yes',
  container: 'yes',
  // It may read every file of the results.
  'collector-image': 'no',
  'results-path': 'yes',
  'results-limit': 'no',
  junit: 'yes',
  memory: 'yes',
  cpu: 'yes',
  'service-account': 'yes',
  'node-selector': 'yes',
  timeout: 'yes',
  'platform-timeout': 'yes',
  'helm-wait': 'yes',
  'startup-timeout': 'yes',
  grace: 'yes',
  'test-helper': 'yes',
  shards: 'yes',
  // It is written on the runner.
  history: 'no',
  // It decides which failures count.
  quarantine: 'no',
  retries: 'yes',
  'retry-command': 'in-cluster',
  // Later jobs find artifacts by their names.
  'artifact-name': 'no',
  'retention-days': 'no',
  upload: 'no',
  'results-dir': 'no',
  comment: 'no',
  token: 'no',
  'coverage-baseline': 'in-checkout',
  // Names and messages of tests are sent there.
  'otlp-endpoint': 'no',
  keep: 'no',
  mode: 'no',
  legs: 'no',
  'leg-artifacts': 'no',
  expect: 'no',
  needs: 'no',
  leg: 'no',
  'leg-name': 'no',
};

/** What of a project file does not count under `safe`, with what to do; the rest is left as it is. */
export function refuseUnsafe(
  own: RawInputs,
  run: { given: RawInputs; tier: string; directory: string; fileName: string; env: NodeJS.ProcessEnv },
): { name: InputName; error: InputError }[] {
  const why = run.given['project-file'] === 'safe' ? '' : ` on the event ${run.env.GITHUB_EVENT_NAME ?? ''}`;
  const advice = `give it in the workflow (with:), or set project-file: all there if the author of this file may run programs on the runner`;
  return (Object.entries(own) as [InputName, string][]).flatMap(([name, value]) => {
    // What the workflow gives itself wins, so that the file's own does not count.
    if (run.given[name] !== undefined) return [];
    const rule = underSafe[name];
    const input = `${run.fileName} ${name}`;
    const quoted = name === 'secrets' ? '***' : value;
    const refuse = (problem: string) => [{ name, error: { input, value: quoted, problem } }];
    if (rule === 'no' || (rule === 'in-cluster' && run.tier === 'unit'))
      return refuse(`may not be set by this file, since project-file is safe${why}: ${advice}`);
    const outside = rule === 'in-checkout' ? findOutside(name, value, run.directory) : undefined;
    if (outside === undefined) return [];
    const problem = `names ${quoteValue(outside)}, which does not lie in the checkout; under project-file safe${why} it must: ${advice}`;
    return refuse(problem);
  });
}

/** Whether a path is in a directory with all links followed. False for a path that cannot be resolved. */
export function isBelow(file: string, directory: string): boolean {
  const [real, root] = [followLinks(path.resolve(directory, file)), followLinks(directory)];
  if (real === undefined || root === undefined) return false;
  return real === root || real.startsWith(root === path.sep ? root : `${root}${path.sep}`);
}

/** The first of the paths of an input that leads out of the checkout. */
function findOutside(name: InputName, value: string, directory: string): string | undefined {
  const isOne = name === 'build' || name === 'dockerfile';
  const paths = isOne ? [value] : v.parse(lines, value);
  return paths.find((one) => !isBelow(one, directory));
}
