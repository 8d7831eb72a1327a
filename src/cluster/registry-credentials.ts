/**
 * Credentials for registries, from the docker config of whoever runs us: what `docker login` left there, or what the
 * credential helpers that it names give. Only those that are asked for are read, and none is ever printed.
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

/** Where a docker config keeps what it has for a registry. */
type Place =
  | { kind: 'helper'; program: string; server: string }
  | { kind: 'inline'; username: string; password: string }
  /** A token that docker trades for others; Kubernetes cannot. */
  | { kind: 'identity-token' };

/** The registry that an image's name begins with; Docker Hub where it names none. */
export function registryOf(image: string): string {
  const [first, ...rest] = image.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first!) || first === 'localhost');
  return isHost && first !== 'index.docker.io' ? first! : 'docker.io';
}

/**
 * The credentials that the docker config has for registries; one without any is left out.
 * @returns with them, what could not be read, a line each, free of secrets.
 */
export async function readCredentials(
  registries: string[],
  options: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<{ credentials: RegistryCredentials[]; troubles: string[] }> {
  const file = path.join(options.env.DOCKER_CONFIG || path.join(homeDirectory() ?? '/', '.docker'), 'config.json');
  const none = (trouble: string) => ({ credentials: [], troubles: [trouble] });
  let config: DockerConfig;
  try {
    config = v.parse(configSchema, JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { credentials: [], troubles: [] };
    // What JSON.parse says of a broken file quotes it.
    if (error instanceof SyntaxError) return none(`${file} is not JSON: no credentials for registries are read`);
    if (error instanceof v.ValiError)
      return none(`${file} is not a docker config: no credentials for registries are read`);
    return none(`${file} cannot be read: ${toOneLine(error instanceof Error ? error.message : String(error), 200)}`);
  }
  const found = await Promise.all(
    registries.map(async (registry) => {
      const place = findPlace(config, registry);
      if (place === undefined) return {};
      if (place.kind === 'inline') return { credentials: { registry, ...withoutKind(place) } };
      if (place.kind === 'identity-token') return { trouble: tokenTrouble(registry) };
      return askHelper(place, registry, options.signal);
    }),
  );
  return {
    credentials: found.flatMap((one) =>
      'credentials' in one && one.credentials !== undefined ? [one.credentials] : [],
    ),
    troubles: found.flatMap((one) => ('trouble' in one && one.trouble !== undefined ? [one.trouble] : [])),
  };
}

/** As docker itself decides: a helper for this registry, the store for all, the file. Pure. */
function findPlace(config: DockerConfig, registry: string): Place | undefined {
  const server = registry === 'docker.io' ? dockerHubKey : registry;
  const helper = Object.entries(config.credHelpers).find(([key]) => hostOf(key) === registry)?.[1];
  if (helper !== undefined) return { kind: 'helper', program: `docker-credential-${helper}`, server };
  if (config.credsStore !== '') return { kind: 'helper', program: `docker-credential-${config.credsStore}`, server };
  const entry = Object.entries(config.auths).find(([key]) => hostOf(key) === registry)?.[1];
  if (entry === undefined) return undefined;
  if (entry.identitytoken) return { kind: 'identity-token' };
  if (entry.username && entry.password) return { kind: 'inline', username: entry.username, password: entry.password };
  const pair = trimEndOf(Buffer.from(entry.auth ?? '', 'base64').toString('utf8'), '\0');
  const colon = pair.indexOf(':');
  if (colon <= 0) return undefined;
  return { kind: 'inline', username: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

function withoutKind({ username, password }: { username: string; password: string }) {
  return { username, password };
}

/** A key of a docker config (a host, or an address of old) as image names begin. */
function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').split('/')[0]!;
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

/** The protocol of https://github.com/docker/docker-credential-helpers: the server on stdin, JSON on stdout. */
async function askHelper(
  place: { program: string; server: string },
  registry: string,
  signal: AbortSignal,
): Promise<{ credentials?: RegistryCredentials; trouble?: string }> {
  const run = await runProgram(place.program, ['get'], {
    signal,
    timeoutSeconds: helperSeconds,
    stdin: Readable.from([place.server]),
  });
  signal.throwIfAborted();
  if (run.exitCode !== 0) {
    // Having none for a registry is an answer, not a trouble.
    if (/credentials not found/i.test(`${run.stdout}${run.stderr}`)) return {};
    const why = run.error ?? (run.timedOut ? `no answer within ${helperSeconds} s` : run.stderr || run.stdout);
    return { trouble: `${place.program} gives no credentials for ${registry}: ${toOneLine(why, 200)}` };
  }
  let answer: { Username?: unknown; Secret?: unknown };
  try {
    answer = JSON.parse(run.stdout) as typeof answer;
  } catch {
    return { trouble: `${place.program} answers for ${registry} what is not JSON` };
  }
  const { Username: username, Secret: password } = answer;
  if (typeof username !== 'string' || typeof password !== 'string' || password === '') return {};
  if (username === '<token>') return { trouble: tokenTrouble(registry) };
  return { credentials: { registry, username, password } };
}

function tokenTrouble(registry: string): string {
  return `the docker config holds an identity token for ${registry}, which Kubernetes cannot use: log in with a user and an access token`;
}
