/**
 * Credentials for registries, from the docker config of the current user: what `docker login` stored there, or what the
 * credential helpers that it names give. Only the requested ones are read, and none is ever printed.
 */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import * as v from 'valibot';
import { toOneLine } from '../core/outcome.ts';
import { trimEndOf } from '../core/trim-end.ts';
import { homeDirectory } from '../core/user-directories.ts';
import { runProgram } from '../tools/run-program.ts';

export interface RegistryCredentials {
  /** As image names begin; `docker.io` for Docker Hub. */
  registry: string;
  /** Begins of the names of images in it that these are for: `/acme`; empty for all. The kubelet takes the longest. */
  path: string;
  username: string;
  password: string;
}

const helperSeconds = 30;

/** Docker Hub under the name that docker has kept for it since its first version. */
const dockerHubKey = 'https://index.docker.io/v1/';

const configSchema = v.object({
  auths: v.optional(
    v.record(
      v.string(),
      v.object({
        auth: v.optional(v.string()),
        username: v.optional(v.string()),
        password: v.optional(v.string()),
        identitytoken: v.optional(v.string()),
      }),
    ),
    {},
  ),
  credsStore: v.optional(v.string(), ''),
  credHelpers: v.optional(v.record(v.string(), v.string()), {}),
});

type DockerConfig = v.InferOutput<typeof configSchema>;

/** The key of a registry's entry in a docker config. */
type Place =
  | { kind: 'helper'; program: string; server: string }
  | { kind: 'inline'; path: string; username: string; password: string }
  /** A token that docker trades for others; Kubernetes cannot. */
  | { kind: 'identity-token' };

/** What one place gave. */
interface Found {
  credentials?: RegistryCredentials;
  problem?: string;
}

/** The registry that an image's name begins with; Docker Hub where it names none. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost && first !== 'index.docker.io' ? first : 'docker.io';
}

/**
 * The credentials that the docker config has for registries; one without any is left out.
 * @returns with them, what could not be read, a line each, free of secrets.
 */
export async function readCredentials(
  registries: string[],
  options: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<{ credentials: RegistryCredentials[]; problems: string[] }> {
  const file = path.join(options.env.DOCKER_CONFIG || path.join(homeDirectory() ?? '/', '.docker'), 'config.json');
  const none = (problem: string) => ({ credentials: [], problems: [problem] });
  let config: DockerConfig;
  try {
    config = v.parse(configSchema, JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { credentials: [], problems: [] };
    // The message of JSON.parse for a broken file quotes its content.
    if (error instanceof SyntaxError) return none(`${file} is not JSON: no credentials for registries are read`);
    if (error instanceof v.ValiError)
      return none(`${file} is not a docker config: no credentials for registries are read`);
    return none(`${file} cannot be read: ${toOneLine(error instanceof Error ? error.message : String(error), 200)}`);
  }
  const found = await Promise.all(
    registries
      .flatMap((registry) => findPlaces(config, registry).map((place) => ({ registry, place })))
      .map(async ({ registry, place }): Promise<Found> => {
        if (place.kind === 'identity-token') return { problem: tokenProblem(registry) };
        if (place.kind === 'helper') return askHelper(place, registry, options.signal);
        const { path: repository, username, password } = place;
        return { credentials: { registry, path: repository, username, password } };
      }),
  );
  return {
    credentials: found.flatMap(({ credentials }) => credentials ?? []),
    problems: found.flatMap(({ problem }) => problem ?? []),
  };
}

/**
 * In docker's own order: a helper for this registry, the store for all, the file. In the file there may be several, by path:
 * docker uses none of those, but the kubelet and podman do. Pure.
 */
function findPlaces(config: DockerConfig, registry: string): Place[] {
  const server = registry === 'docker.io' ? dockerHubKey : registry;
  const helper = Object.entries(config.credHelpers).find(([key]) => splitKey(key).host === registry)?.[1];
  if (helper !== undefined) return [{ kind: 'helper', program: `docker-credential-${helper}`, server }];
  if (config.credsStore !== '') return [{ kind: 'helper', program: `docker-credential-${config.credsStore}`, server }];
  const places = new Map<string, Place>();
  for (const [key, entry] of Object.entries(config.auths)) {
    const { host, path: repository } = splitKey(key);
    const place = host === registry && !places.has(repository) ? readEntry(entry, repository) : undefined;
    if (place !== undefined) places.set(repository, place);
  }
  return [...places.values()];
}

function readEntry(entry: DockerConfig['auths'][string], repository: string): Place | undefined {
  if (entry.identitytoken) return { kind: 'identity-token' };
  if (entry.username && entry.password)
    return { kind: 'inline', path: repository, username: entry.username, password: entry.password };
  const pair = trimEndOf(Buffer.from(entry.auth ?? '', 'base64').toString('utf8'), '\0');
  const colon = pair.indexOf(':');
  if (colon <= 0) return undefined;
  return { kind: 'inline', path: repository, username: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

/** A key of a docker config (a host, a path on it, or an address of old) as image names begin. */
function splitKey(key: string): { host: string; path: string } {
  const [host = '', ...rest] = key.replace(/^https?:\/\//, '').split('/');
  const repository = rest.filter((part) => part !== '').join('/');
  return {
    host: host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host,
    path: repository === '' || /^v[12]$/.test(repository) ? '' : `/${repository}`,
  };
}

/** The protocol of https://github.com/docker/docker-credential-helpers: the server on stdin, JSON on stdout. */
async function askHelper(
  place: { program: string; server: string },
  registry: string,
  signal: AbortSignal,
): Promise<Found> {
  const run = await runProgram(place.program, ['get'], {
    signal,
    timeoutSeconds: helperSeconds,
    stdin: Readable.from([place.server]),
  });
  signal.throwIfAborted();
  if (run.exitCode !== 0) {
    // Having none for a registry is an answer, not a problem.
    if (/credentials not found/i.test(`${run.stdout}${run.stderr}`)) return {};
    const why = run.error ?? (run.timedOut ? `no answer within ${helperSeconds} s` : run.stderr || run.stdout);
    return { problem: `${place.program} returned no credentials for ${registry}: ${toOneLine(why, 200)}` };
  }
  let answer: { Username?: unknown; Secret?: unknown };
  try {
    answer = JSON.parse(run.stdout) as typeof answer;
  } catch {
    return { problem: `${place.program} returned invalid JSON for ${registry}` };
  }
  const { Username: username, Secret: password } = answer;
  if (typeof username !== 'string' || typeof password !== 'string' || password === '') return {};
  if (username === '<token>') return { problem: tokenProblem(registry) };
  return { credentials: { registry, path: '', username, password } };
}

function tokenProblem(registry: string): string {
  return `the docker config holds an identity token for ${registry}, which Kubernetes cannot use: log in with a user and an access token`;
}
