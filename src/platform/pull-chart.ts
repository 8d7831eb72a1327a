import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Failure, fail, type Result, succeed, toOneLine } from '../core/outcome.ts';
import { type ChartSource, describeSource } from '../inputs/chart-source.ts';
import { describeProgramEnd, type ProgramRun } from '../tools/run-program.ts';
import {
  classifyPull,
  explainNoVersion,
  explainPull,
  findSimilarVersions,
  mayPass,
  quoteHelm,
} from './explain-pull.ts';
import type { HelmHome, RepositoryIndex } from './helm-home.ts';

export interface PullLimits {
  /** Ends an attempt; one that ends so is not followed by another. */
  attemptSeconds: number;
  /** Before the second attempt. */
  retrySeconds: number;
}

export const defaultPullLimits: PullLimits = { attemptSeconds: 60, retrySeconds: 2 };

export interface PullOptions {
  home: HelmHome;
  /** The archive gets a directory of its own in it. */
  directory: string;
  signal: AbortSignal;
  say: (line: string) => void;
  mask: (secret: string) => void;
  limits: PullLimits;
}

/** A chart that was pulled. */
export interface PulledChart {
  /** Of the archive. */
  path: string;
  /** Of the manifest in an OCI registry, of the archive otherwise; `sha256:…`. */
  digest: string;
}

/**
 * Pulls a chart once, as an archive whose checksum is the one that its registry or repository states.
 * @returns a failure of kind `chart` that names the cause: name, version, login, host or the downloaded file.
 */
export async function pullChart(
  source: Exclude<ChartSource, { kind: 'local' }>,
  options: PullOptions,
): Promise<Result<PulledChart>> {
  const directory = path.join(options.directory, 'pulled');
  await mkdir(directory, { recursive: true });
  return source.kind === 'oci'
    ? pullFromRegistry(source, directory, options)
    : pullFromRepository(source, directory, options);
}

/** What helm is asked of a host. */
export interface Question extends Pick<PullOptions, 'home' | 'signal' | 'say' | 'limits'> {
  /** What is asked for, as the user writes it. */
  what: string;
  /** Whether only this machine is contacted. */
  isLoopback: boolean;
}

/**
 * Runs helm for a remote chart: once more where another attempt may help, and without TLS where only this machine is contacted
 * and does not use it, as docker does.
 */
export async function askElsewhere(args: string[], question: Question): Promise<ProgramRun> {
  const { home, signal, say, limits, what, isLoopback } = question;
  const run = async (more: string[]) => {
    const ended = await home.run([...args, ...more], { signal, timeoutSeconds: limits.attemptSeconds });
    signal.throwIfAborted();
    return ended;
  };
  const attempt = async () => {
    const ended = await run([]);
    const isPlain = ended.exitCode !== 0 && classifyPull(outputOf(ended)) === 'plain-http';
    return isPlain && isLoopback ? run(['--plain-http']) : ended;
  };
  const first = await attempt();
  if (first.exitCode === 0 || first.timedOut || !mayPass(outputOf(first))) return first;
  say(`${what}: ${quoteHelm(outputOf(first))}; again in ${limits.retrySeconds} s`);
  await sleep(limits.retrySeconds * 1000, undefined, { signal });
  return attempt();
}

/** All output of helm; where it was ended or not even started, how. */
export function outputOf(run: ProgramRun): string {
  const isCut = run.timedOut || run.error !== null;
  return [run.stdout, run.stderr, isCut ? `Error: ${describeProgramEnd(run)}` : ''].join('\n').trim();
}

/** Whether a host, with or without a port, is this machine. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

// ── an OCI registry ─────────────────────────────────────────────────────────────────────────────────────────────────

type RegistrySource = Extract<ChartSource, { kind: 'oci' }>;

async function pullFromRegistry(
  source: RegistrySource,
  directory: string,
  options: PullOptions,
): Promise<Result<PulledChart>> {
  const host = hostOf(source.reference);
  const what = nameChart(source);
  const question: Question = { ...options, what, isLoopback: isLoopbackHost(host) };
  const version = source.version === undefined ? [] : ['--version', source.version];
  const pull = await askElsewhere(['pull', source.reference, ...version, '--destination', directory], question);
  if (pull.exitCode !== 0) {
    const isNotThere = classifyPull(outputOf(pull)) === 'not-there';
    const better = isNotThere ? await explainNotThere(source, question) : undefined;
    return { ok: false, failure: better ?? explainPull(what, outputOf(pull), host) };
  }
  const digest = /^Digest: (sha256:[0-9a-f]{64})$/m.exec(outputOf(pull))?.[1];
  const file = await findArchive(directory);
  // helm has compared the download with the digests of the manifest.
  return succeed({ path: file, digest: digest ?? (await digestOf(file)) });
}

/** Distinguishes a missing name from a missing version; undefined when the registry's answer is about neither. */
async function explainNotThere(source: RegistrySource, question: Question): Promise<Failure | undefined> {
  const reference = source.reference.replace(/@sha256:.*$/, '').replace(/:[^:/]+$/, '');
  const wanted = source.version ?? /:([^:/@]+)(@|$)/.exec(source.reference)?.[1] ?? '';
  const [, major, minor] = /(\d+)(?:\.(\d+))?/.exec(wanted) ?? [];
  const ranges = ['>0.0.0-0', '>=0.0.0'];
  if (major !== undefined) ranges.push(`^${major}`);
  if (minor !== undefined) ranges.push(`~${major}.${minor}`);
  const answers = await Promise.all(
    ranges.map((range) => askElsewhere(['show', 'chart', reference, '--version', range], question)),
  );
  const versions = answers.flatMap((answer) => /^version: (.+)$/m.exec(answer.stdout)?.[1] ?? []);
  const host = hostOf(reference);
  if (versions.length === 0) {
    const hint = `Check the name; a registry also says so without permission to read: "docker login ${host}" before the run.`;
    const isNameUnknown = answers.every((answer) => classifyPull(outputOf(answer)) === 'not-there');
    return isNameUnknown
      ? tell(`there is no chart ${reference}`, hint, answers.slice(0, 1).map(outputOf).join(''))
      : undefined;
  }
  return explainNoVersion('there is', reference, wanted, [...new Set(versions)]);
}

// ── a chart repository ──────────────────────────────────────────────────────────────────────────────────────────────

type RepositorySource = Extract<ChartSource, { kind: 'repository' }>;

async function pullFromRepository(
  source: RepositorySource,
  directory: string,
  options: PullOptions,
): Promise<Result<PulledChart>> {
  const { home, mask } = options;
  const what = nameChart(source);
  const question: Question = { ...options, what, isLoopback: false };
  const { name: repository, password } = home.useRepository(source.address);
  if (password !== '') mask(password);
  const indexes = await updateRepositories([repository], question, new URL(source.address).host);
  if (!indexes.ok) return indexes;
  const entries = indexes.value[0]?.entries ?? {};
  const versions = (entries[source.name] ?? []).map(({ version }) => version);
  if (versions.length === 0) {
    const similar = findSimilarVersions(source.name, Object.keys(entries));
    const there = similar.length === 0 ? 'it has no chart at all' : `the most similar names are ${similar.join(', ')}`;
    return { ok: false, failure: tell(`${source.address} has no chart ${source.name}; ${there}`, 'Check the name.') };
  }
  const version = source.version === undefined ? [] : ['--version', source.version];
  const args = ['pull', `${repository}/${source.name}`, ...version, '--destination', directory];
  const pull = await askElsewhere(args, question);
  const output = outputOf(pull);
  if (pull.exitCode !== 0 && /no chart version found/.test(output))
    return {
      ok: false,
      failure: explainNoVersion(`${source.address} has`, source.name, source.version ?? '', versions),
    };
  // Archives may be elsewhere than the index.
  const host = /https?:\/\/([^/\s"]+)/.exec(quoteHelm(output))?.[1] ?? new URL(source.address).host;
  if (pull.exitCode !== 0) return { ok: false, failure: explainPull(what, output, host) };
  const file = await findArchive(directory);
  const digest = await digestOf(file);
  const problem = findWrongDigest(path.basename(file), digest, indexes.value);
  return problem === undefined
    ? succeed({ path: file, digest })
    : fail('chart', `${what}: ${problem}`, { hint: `The file at ${host} is damaged, or is not the released one.` });
}

/**
 * Has helm read the indexes of repositories again.
 * @returns them, in the order of their names.
 */
export async function updateRepositories(
  names: string[],
  question: Question,
  host: string,
): Promise<Result<RepositoryIndex[]>> {
  const { home, what } = question;
  await home.writeRepositories();
  const update = await askElsewhere(['repo', 'update', ...names], question);
  const output = outputOf(update);
  if (update.exitCode !== 0) {
    const failure = explainPull(what, output, host);
    const isNotThere = classifyPull(output) === 'not-there';
    const hint = `Is ${host} a chart repository? Below its address lies an index.yaml; a chart in an OCI registry begins with oci://.`;
    return { ok: false, failure: isNotThere ? { ...failure, hint } : failure };
  }
  return succeed(await Promise.all(names.map((name) => home.readIndex(name))));
}

/**
 * What is wrong with an archive that helm has pulled under the name it has in one of the indexes; undefined when it matches the
 * index, or the index has no checksum.
 */
export function findWrongDigest(file: string, digest: string, indexes: RepositoryIndex[]): string | undefined {
  const promised = indexes
    .flatMap(({ entries }) => Object.values(entries).flat())
    .filter((entry) => entry.digest !== '' && entry.urls.some((url) => url.split('/').at(-1) === file))
    .map((entry) => `sha256:${entry.digest.replace(/^sha256:/, '').toLowerCase()}`);
  if (promised.length === 0 || promised.includes(digest)) return undefined;
  return `${file} does not match the index: it has ${digest}, not ${promised[0]}`;
}

// ── both ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function nameChart(source: RegistrySource | RepositorySource): string {
  return `chart ${describeSource(source)}${source.version === undefined ? '' : ` ${source.version}`}`;
}

function hostOf(reference: string): string {
  const [host = ''] = reference.replace(/^oci:\/\//, '').split('/');
  return host;
}

async function findArchive(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.tgz'));
  const [name, ...others] = names;
  if (name === undefined || others.length > 0) throw new Error(`helm pull left ${names.length} archives`);
  return path.join(directory, name);
}

/** `sha256:…` of a file. */
export async function digestOf(file: string): Promise<string> {
  return `sha256:${createHash('sha256')
    .update(await readFile(file))
    .digest('hex')}`;
}

function tell(reason: string, hint: string, evidence = ''): Failure {
  return { kind: 'chart', reason: toOneLine(reason), hint, evidence: evidence === '' ? [] : evidence.split('\n') };
}
