import { existsSync } from 'node:fs';
import { cp, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { type Failure, fail, type Result, succeed, toOneLine } from '../core/outcome.ts';
import { readYaml } from '../inputs/read-yaml.ts';
import { describeProgramEnd, runProgram } from '../tools/run-program.ts';
import { helmEnvironment } from './chart.ts';
import { explainHelm } from './explain-helm.ts';
import { explainPull } from './explain-pull.ts';
import type { HelmHome, RepositoryIndex } from './helm-home.ts';
import {
  askElsewhere,
  digestOf,
  findWrongDigest,
  isLoopbackHost,
  outputOf,
  type PullOptions,
  type Question,
  updateRepositories,
} from './pull-chart.ts';

const metadataSchema = v.object({
  name: v.string(),
  version: v.optional(v.string(), ''),
  dependencies: v.nullish(
    v.array(v.object({ name: v.string(), version: v.nullish(v.string()), repository: v.nullish(v.string()) })),
  ),
});

/** The metadata of a chart. */
export interface ChartMetadata {
  name: string;
  version: string;
  dependencies: { name: string; version: string; repository: string }[];
}

/** The metadata of a chart, directory or archive, read as helm reads it; a failure of kind `chart` when it is no chart. */
export async function readMetadata(helm: string, chart: string, signal: AbortSignal): Promise<Result<ChartMetadata>> {
  const show = await runProgram(helm, ['show', 'chart', chart], { signal, timeoutSeconds: 60, env: helmEnvironment });
  signal.throwIfAborted();
  const failed = `${chart} is not a chart that helm can read`;
  if (show.exitCode !== 0) return { ok: false, failure: explainHelm(failed, show.stderr, describeProgramEnd(show)) };
  const { name, version, dependencies } = v.parse(metadataSchema, readYaml(show.stdout).value);
  const list = (dependencies ?? []).map((one) => ({
    name: one.name,
    version: one.version ?? '',
    repository: one.repository ?? '',
  }));
  return succeed({ name, version, dependencies: list });
}

/** A chart directory that lacks dependencies, or uses charts that do. */
export interface IncompleteChart {
  /** Without links. */
  directory: string;
  metadata: ChartMetadata;
  /** As `helm dependency list` prints it: `common (missing)`, `redis (wrong version)`. */
  lacks: string[];
  /** Charts in directories that it is made of: those in its charts/, and those its dependencies name by file://. */
  parts: IncompleteChart[];
}

/** Checks whether all dependencies of a chart directory exist, down to the last subchart; nothing is changed or downloaded. */
export async function examineDependencies(
  helm: string,
  chart: string,
  signal: AbortSignal,
  above: string[] = [],
): Promise<Result<IncompleteChart>> {
  const directory = await realpath(chart);
  if (above.includes(directory))
    return fail('chart', `the chart ${directory} depends on itself: ${[...above, directory].join(' → ')}`);
  const read = await readMetadata(helm, directory, signal);
  if (!read.ok) return read;
  const metadata = read.value;
  const lacks = metadata.dependencies.length === 0 ? succeed([]) : await listLacking(helm, directory, signal);
  if (!lacks.ok) return lacks;
  const subcharts = path.join(directory, 'charts');
  const candidates = existsSync(subcharts)
    ? (await readdir(subcharts)).filter((name) => !/^[._]/.test(name)).map((name) => path.join(subcharts, name))
    : [];
  for (const { name, repository } of metadata.dependencies)
    if (repository.startsWith('file://') && lacks.value.some((one) => one.startsWith(`${name} (`)))
      candidates.push(path.resolve(directory, repository.slice('file://'.length)));
  const parts: IncompleteChart[] = [];
  for (const candidate of new Set(candidates)) {
    // An archive is complete by itself, and helm reports a missing one.
    if (!existsSync(path.join(candidate, 'Chart.yaml'))) continue;
    const part = await examineDependencies(helm, candidate, signal, [...above, directory]);
    if (!part.ok) return part;
    parts.push(part.value);
  }
  return succeed({ directory, metadata, lacks: lacks.value, parts });
}

export function isIncomplete(chart: IncompleteChart): boolean {
  return chart.lacks.length > 0 || chart.parts.some(isIncomplete);
}

/** States of a dependency that is in charts/; for two versions under two aliases helm prints "too many matches". */
const isThere: ReadonlySet<string> = new Set(['ok', 'unpacked', 'too many matches']);

/** The dependencies that are not in charts/ as Chart.yaml requires. */
async function listLacking(helm: string, directory: string, signal: AbortSignal): Promise<Result<string[]>> {
  const args = ['dependency', 'list', directory, '--max-col-width', '0'];
  const list = await runProgram(helm, args, { signal, timeoutSeconds: 60, env: helmEnvironment });
  signal.throwIfAborted();
  if (list.exitCode !== 0)
    return {
      ok: false,
      failure: explainHelm(`the dependencies of ${directory} cannot be read`, list.stderr, describeProgramEnd(list)),
    };
  return succeed(readDependencyList(list.stdout));
}

/** The lines of `helm dependency list` that name a missing dependency, as `name (state)`. Pure. */
function readDependencyList(printed: string): string[] {
  const rows = printed.split('\n').filter((line) => line.includes('\t'));
  return rows
    .slice(1)
    .map((row) => row.split('\t').map((cell) => cell.trim()))
    .filter((cells) => !isThere.has(cells[3] ?? ''))
    .map((cells) => `${cells[0]} (${cells[3] ?? ''})`);
}

/**
 * Gets the dependencies of a chart into a copy of it, as `helm dependency build` does: the versions of Chart.lock, or without
 * one the newest that fit. Charts beside it that are named by file:// are copied too and get theirs first.
 * @returns the directory of the copy, or a failure of kind `chart`.
 */
export async function buildDependencies(chart: IncompleteChart, options: PullOptions): Promise<Result<string>> {
  const { home, signal, say, limits, mask } = options;
  // Under its whole path, so that file://../common names the same chart there.
  const root = path.join(options.directory, 'charts');
  const wanted = listWanted(chart);
  const addresses = new Map<string, string>();
  for (const { name, repository } of wanted) {
    const address = findAddress(home, name, repository);
    if (!address.ok) return address;
    if (address.value === undefined) continue;
    const used = home.useRepository(address.value);
    if (used.password !== '') mask(used.password);
    addresses.set(used.name, address.value);
  }
  const ociHosts = wanted
    .filter(({ repository }) => repository.startsWith('oci://'))
    .map(({ repository }) => repository.slice('oci://'.length).split('/')[0] ?? '');
  const question: Question = {
    home,
    signal,
    say,
    limits,
    what: `dependencies of ${chart.metadata.name}`,
    isLoopback: ociHosts.length > 0 && ociHosts.every(isLoopbackHost),
  };
  const indexes: RepositoryIndex[] = [];
  for (const [name, address] of addresses) {
    const what = `the repository ${address} of ${question.what}`;
    const index = await updateRepositories([name], { ...question, what }, new URL(address).host);
    if (!index.ok) return index;
    indexes.push(...index.value);
  }
  if (addresses.size === 0) await home.writeRepositories();
  const place: Place = { root, question, indexes, ociHosts, copied: new Set() };
  const built = await buildOne(chart, place);
  return built ?? succeed(path.join(root, chart.directory));
}

interface Place {
  root: string;
  question: Question;
  indexes: RepositoryIndex[];
  ociHosts: string[];
  /** Directories that are in the copy. */
  copied: Set<string>;
}

/** Builds the parts, then the chart itself; undefined on success. */
async function buildOne(chart: IncompleteChart, place: Place): Promise<{ ok: false; failure: Failure } | undefined> {
  const copy = path.join(place.root, chart.directory);
  const isCopied = [...place.copied].some((directory) => `${chart.directory}/`.startsWith(`${directory}/`));
  if (!isCopied) {
    await cp(chart.directory, copy, { recursive: true, dereference: true });
    place.copied.add(chart.directory);
  }
  for (const part of chart.parts) {
    const failed = await buildOne(part, place);
    if (failed !== undefined) return failed;
  }
  if (chart.lacks.length === 0) return undefined;
  const { question } = place;
  const what = `dependencies of ${chart.metadata.name}`;
  question.say(`${what}: ${chart.lacks.join(', ')}; helm dependency build, in a copy`);
  const build = await askElsewhere(['dependency', 'build', copy, '--skip-refresh'], { ...question, what });
  const output = outputOf(build);
  if (build.exitCode !== 0) return { ok: false, failure: explainBuild(what, output, place) };
  const left = await question.home.run(['dependency', 'list', copy, '--max-col-width', '0'], {
    signal: question.signal,
    timeoutSeconds: 60,
  });
  question.signal.throwIfAborted();
  const lacking = readDependencyList(left.stdout);
  // helm passes over an archive that it cannot read, and calls that a success.
  const broken = /^Could not verify (?:.*\/)?([^/\s]+) for moving: ([^\n]*?)\s*\(Skipping\)/m.exec(output);
  if (left.exitCode !== 0 || lacking.length > 0) {
    const words = broken === null ? lacking.join(', ') : `${broken[1]} is broken: ${broken[2]}`;
    return fail('chart', `${what} cannot be downloaded: ${words}`, {
      hint: 'The repository does not serve a complete chart; try it by hand with "helm dependency build".',
      evidence: output.split('\n').slice(-40),
    });
  }
  return findWrongArchive(path.join(copy, 'charts'), what, place.indexes);
}

async function findWrongArchive(
  directory: string,
  what: string,
  indexes: RepositoryIndex[],
): Promise<{ ok: false; failure: Failure } | undefined> {
  for (const name of (await readdir(directory)).filter((one) => one.endsWith('.tgz'))) {
    const wrong = findWrongDigest(name, await digestOf(path.join(directory, name)), indexes);
    if (wrong !== undefined)
      return fail('chart', `${what}: ${wrong}`, { hint: 'The file there is damaged, or is not the released one.' });
  }
  return undefined;
}

/** All missing dependencies, of the chart and of its parts. */
function listWanted(chart: IncompleteChart): ChartMetadata['dependencies'] {
  // helm gets all of a chart's dependencies when one is missing.
  const own = chart.lacks.length === 0 ? [] : chart.metadata.dependencies;
  return [...own, ...chart.parts.flatMap(listWanted)];
}

/** The address of the chart repository of a dependency; undefined when it has none. */
function findAddress(home: HelmHome, dependency: string, repository: string): Result<string | undefined> {
  if (/^https?:\/\//.test(repository)) return succeed(repository);
  const [, alias] = /^(?:@|alias:)(.+)$/.exec(repository) ?? [];
  if (alias === undefined) return succeed(undefined);
  const address = home.findAddress(alias);
  if (address !== undefined) return succeed(address);
  const known = home.repositoryNames.length === 0 ? 'knows none' : `knows ${home.repositoryNames.join(', ')}`;
  return fail('chart', `dependency ${dependency} comes from ${repository}, but helm on this machine ${known}`, {
    hint: `Write the repository's address in Chart.yaml, or run "helm repo add ${alias} <address>" before.`,
  });
}

function explainBuild(what: string, output: string, place: Place): Failure {
  const known = buildProblems.find(({ words }) => words.test(output));
  const named = /(?:https?|oci):\/\/([^/\s"]+)/.exec(/^Error: .*/m.exec(output)?.[0] ?? '')?.[1];
  const failure = explainPull(what, output, named ?? place.ociHosts[0] ?? 'the repository');
  if (known === undefined) return failure;
  return { ...failure, reason: toOneLine(`${what}: ${known.say(output)}`), hint: known.hint };
}

const buildProblems: { words: RegExp; say: (output: string) => string; hint: string }[] = [
  {
    words: /lock file .{0,300} is out of sync/,
    say: () => 'Chart.lock does not fit Chart.yaml',
    hint: 'Run "helm dependency update" and commit Chart.lock.',
  },
  {
    words: /can't get a valid version for/,
    say: (output) => (/can't get a valid version for .*/.exec(output)?.[0] ?? '').replace(/\. Make sure.*/, ''),
    hint: 'Its repository has no version in this range: change it in Chart.yaml.',
  },
  {
    words: /could not locate a version matching provided version string/,
    say: (output) => {
      const [, chart, range] =
        /could not download (\S+): could not locate a version matching provided version string (.+)/.exec(output) ?? [];
      return `${chart ?? 'a dependency'} has no version ${range ?? ''} there`;
    },
    hint: 'Its repository has no version in this range: change it in Chart.yaml.',
  },
  {
    words: /^Error: directory (\S+) not found/m,
    say: (output) => `there is no directory ${/^Error: directory (\S+) not found/m.exec(output)?.[1]}`,
    hint: 'A dependency without a repository must be unpacked in charts/; file:// is relative to the chart.',
  },
];
