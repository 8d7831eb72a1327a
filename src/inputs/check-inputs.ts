/** What is wrong with inputs only beside others, or on the disk. Each check adds its errors to those of the reading. */
import path from 'node:path';
import { explainHistory, whyNotOurs } from './check-results-dir.ts';
import { inspectPath } from './inspect-path.ts';
import type { Reading } from './reading.ts';
import { type InputName, inputNames } from './schema.ts';
import { isWholeNumber, readSetLine, scalarsOf } from './set-lines.ts';
import { disablesNetwork, findOwnMirrors, type UserKindConfig } from './user-kind-config.ts';

/** What `mode: report` reads, and of this what a test does too. */
const ofBoth: ReadonlySet<InputName> = new Set([
  'mode',
  'project-file',
  'leg',
  'leg-name',
  'results-dir',
  'artifact-name',
  'retention-days',
  'upload',
  'comment',
  'token',
]);
const ofReport: ReadonlySet<InputName> = new Set([...ofBoth, 'legs', 'leg-artifacts', 'expect', 'needs']);
/** Inputs that only a cluster of our own knows, and what to do instead on an existing one. */
const ofKind: [InputName, string][] = [
  ['kind-config', 'leave it out'],
  ['nodes', 'leave it out'],
  ['node-image', 'leave it out'],
  ['kind-version', 'leave it out'],
  ['registry-mirrors', 'its nodes already know how to pull; leave it out'],
  ['build', 'its nodes must pull the image: build and push it in a step before, and name it with image'],
  ['dockerfile', 'its nodes must pull the image: build and push it in a step before, and name it with image'],
  ['load-images', 'its nodes must pull them: push them to a registry in a step before'],
  ['image-archives', 'its nodes must pull them: push them to a registry in a step before'],
];
/** Inputs that only an existing cluster knows. */
const ofExisting: InputName[] = ['kubeconfig', 'context'];

/** A build needs its directory and its Dockerfile, and a name that can be given to it. */
export function checkBuild(reading: Reading): void {
  const { build, dockerfile, image } = reading.value;
  if (build === undefined) {
    if (dockerfile !== undefined)
      reading.refuse('dockerfile', 'says how to build, but build does not say what', dockerfile);
    return;
  }
  const context = reading.existing('build', build, 'directory');
  if (dockerfile !== undefined) reading.existing('dockerfile', dockerfile, 'file');
  else if (inspectPath(context) === 'directory') {
    const found = inspectPath(path.join(context, 'Dockerfile'));
    if (found === 'absent') reading.refuse('build', 'holds no Dockerfile; name it with dockerfile', build);
    else if (typeof found === 'object') reading.refuse('build', `holds a Dockerfile that ${found.problem}`, build);
  }
  if (image.includes('@')) reading.refuse('image', 'holds a digest, which no build can be given; name a tag', image);
}

/** Inputs that have no meaning for the kind of cluster. */
export function checkCluster(reading: Reading, cluster: 'kind' | 'existing'): void {
  const { raw, value } = reading;
  if (value.tier === 'unit' && value.cluster === 'existing')
    reading.refuse('cluster', 'contradicts tier unit, which runs on this machine', 'existing');
  if (cluster === 'kind') {
    for (const input of ofExisting)
      if (raw[input] !== undefined)
        reading.refuse(input, 'only applies to cluster existing; give that, or leave it out');
    return;
  }
  for (const [input, instead] of ofKind)
    if (raw[input] !== undefined) reading.refuse(input, `has no meaning for an existing cluster: ${instead}`);
}

/** Inputs that a Kind config says already, and a network that it leaves out. */
export function checkKindConfig(reading: Reading, kindConfig: UserKindConfig | undefined, hasChart: boolean): void {
  const { 'kind-config': file = '', 'registry-mirrors': mirrors, nodes } = reading.value;
  if (disablesNetwork(kindConfig) && !hasChart)
    reading.refuse(
      'kind-config',
      'sets disableDefaultCNI, and without a chart no network plugin is installed, which pods need',
      file,
    );
  const clash = kindConfig === undefined || mirrors.length === 0 ? undefined : findOwnMirrors(kindConfig);
  if (clash !== undefined) reading.refuse('registry-mirrors', `contradicts kind-config, ${clash}`);
  if (file !== '' && nodes !== undefined)
    reading.refuse('nodes', 'contradicts kind-config, which lists the nodes itself', String(nodes));
}

/** Inputs that were given and have no meaning in the mode; those of the project file may be of the other one. */
export function checkMode(reading: Reading): void {
  const { mode } = reading.value;
  for (const name of Object.keys(reading.given) as InputName[]) {
    if (!inputNames.includes(name) || reading.isRefused(name)) continue;
    const isOfMode = mode === 'report' ? ofReport.has(name) : !ofReport.has(name) || ofBoth.has(name);
    if (!isOfMode) reading.refuse(name, `has no meaning in mode ${mode}`, reading.given[name]);
  }
}

/** No volume may lie where the results are. */
export function checkVolumes(reading: Reading): void {
  const { volumes, 'results-path': resultsPath } = reading.value;
  for (const { mountPath } of volumes)
    if (mountPath === resultsPath)
      reading.refuse('volumes', 'is the results-path, which is mounted already', mountPath);
}

/** Secrets may be neither overridden nor shown by other inputs. */
export function checkEnvironment(reading: Reading, secrets: readonly [string, string][]): void {
  const { value } = reading;
  for (const name of new Set(secrets.map(([one]) => one)))
    if (value.env.some(([other]) => other === name))
      reading.refuse('env', 'is given by secrets too; leave one of them out', name);
  for (const input of ['set', 'job-set'] as const)
    for (const problem of findVisibleSecrets(value[input], secrets)) reading.refuse(input, problem, '***');
}

/**
 * Values of `set` that helm can only read from its command line, where every user of the machine sees them, and that are
 * secret: a number from a file would be text.
 */
function findVisibleSecrets(set: readonly string[], secrets: readonly [string, string][]): string[] {
  const secret = new Map(secrets.map(([name, value]) => [value, name]));
  return set.flatMap((line) => {
    const read = readSetLine(line);
    const assignments = 'problem' in read ? [] : read.assignments;
    return assignments.flatMap((assignment) =>
      scalarsOf(assignment)
        .filter(({ text }) => isWholeNumber(text) && secret.has(text))
        .map(
          ({ text }) =>
            `gives ${assignment.key} the number that is the secret ${secret.get(text)}, and helm reads numbers of set from its command line, which all users of the machine see; put it into a file of values`,
        ),
    );
  });
}

/** Shards are pods of a cluster, and their number is chosen from earlier runs. */
export function checkShards(reading: Reading): void {
  const { shards, tier, history } = reading.value;
  if (shards !== 1 && tier === 'unit')
    reading.refuse('shards', 'needs a cluster, and tier unit runs on the runner itself; leave it out', String(shards));
  if (shards === 'auto' && history === undefined)
    reading.refuse('shards', 'needs the input history, a file that keeps how long each test took', shards);
}

/** A retry needs a fresh pod, and a command that selects which tests it runs. */
export function checkRetries(reading: Reading): void {
  const { retries, tier, 'retry-command': command } = reading.value;
  if (retries > 0 && tier === 'unit')
    reading.refuse(
      'retries',
      'needs a cluster, and tier unit runs on the runner itself; leave it out',
      String(retries),
    );
  if (command === undefined) return;
  const quoted = command.join(' ');
  if (!command.some((word) => word.includes('{tests}')))
    reading.refuse('retry-command', 'does not say where the names of the tests go; write {tests} there', quoted);
  if (retries === 0) reading.refuse('retry-command', 'has no meaning without retries; give it 1 or 2', quoted);
}

/** The results directory is emptied, so that nothing of the user's and no file of another input may be in it. */
export function checkPlaces(reading: Reading, resultsDir: string): void {
  const { 'results-dir': given, history, 'coverage-baseline': baseline } = reading.value;
  const notOurs = whyNotOurs(resultsDir, reading.directory);
  if (notOurs !== undefined) reading.refuse('results-dir', notOurs, given ?? resultsDir);
  const problem =
    history === undefined ? undefined : explainHistory(reading.resolve(history), resultsDir, reading.directory);
  if (problem !== undefined) reading.refuse('history', problem, history);
  if (baseline !== undefined && `${reading.resolve(baseline)}/`.startsWith(`${resultsDir}/`))
    reading.refuse('coverage-baseline', 'lies in results-dir, which each run empties; name another place', baseline);
}
