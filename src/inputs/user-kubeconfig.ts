/** A user's kubeconfig, read as kubectl reads it: which files, how they are merged, which context. It is never written. */
import path from 'node:path';
import { homeDirectory } from '../core/user-directories.ts';
import { explainPath, inspectPath, readInputFile } from './inspect-path.ts';
import { readYaml } from './read-yaml.ts';
import { writeYaml } from './write-yaml.ts';

/** The way to one cluster, out of a user's kubeconfig. */
export interface UserKubeconfig {
  /** A kubeconfig that holds this one way and nothing else; paths in it are absolute. For a file of our own. */
  yaml: string;
  context: string;
  /** The context's user, as the kubeconfig calls it. */
  user: string;
  /** Address of the API server. */
  server: string;
  /** Where it was found. */
  origin: string;
  /** Passwords and tokens that are in it. */
  secrets: string[];
  /** The expiry of its credentials as far as it is known: ISO 8601; undefined where they do not contain it. */
  expiresAt?: string;
}

/** What is wrong with it, in terms of the input that can fix it. */
export interface KubeconfigProblem {
  input: 'kubeconfig' | 'context' | 'cluster';
  value: string;
  problem: string;
}

export interface KubeconfigSources {
  /** Absolute path that the user gave. */
  file: string | undefined;
  context: string | undefined;
  env: NodeJS.ProcessEnv;
}

interface Named {
  name: string;
  [kind: string]: unknown;
}
type Entry = Record<string, unknown>;
interface Merged {
  current: string;
  contexts: Map<string, Entry>;
  clusters: Map<string, Entry>;
  users: Map<string, Entry>;
}

/** What an entry names by its path. */
const filesOfEntries = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'];

/** Where Kubernetes gives a pod its ServiceAccount. */
const podDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Finds and reads the kubeconfig: the file that is given, else those of KUBECONFIG, else ~/.kube/config, else the
 * ServiceAccount of the pod that we run in.
 */
export function readUserKubeconfig(
  sources: KubeconfigSources,
): { kubeconfig: UserKubeconfig; problem?: undefined } | { kubeconfig?: undefined; problem: KubeconfigProblem } {
  const { file, context, env } = sources;
  const named = (env.KUBECONFIG ?? '').split(path.delimiter).filter((one) => one !== '');
  const home = homeDirectory(env);
  const standard = home === undefined ? [] : [path.join(home, '.kube', 'config')];
  const candidates = file !== undefined ? [file] : named.length > 0 ? named : standard;
  // kubectl skips missing files, too; the schema of inputs checks a file that was given.
  const files = candidates.map((one) => path.resolve(one)).filter((one) => inspectPath(one) !== 'absent');
  const origin = files.join(path.delimiter);
  if (files.length === 0) {
    if (
      context === undefined &&
      env.KUBERNETES_SERVICE_HOST !== undefined &&
      inspectPath(`${podDirectory}/token`) === 'file'
    )
      return { kubeconfig: describePod(env) };
    const problem = `needs a kubeconfig, and there is none at ${candidates.join(path.delimiter) || '~/.kube/config: this user has no home directory'}; name one with kubeconfig`;
    return { problem: { input: 'cluster', value: 'existing', problem } };
  }
  const merged: Merged = { current: '', contexts: new Map(), clusters: new Map(), users: new Map() };
  for (const one of files) {
    const problem = mergeFile(merged, one);
    if (problem !== undefined) return { problem: { input: 'kubeconfig', value: one, problem } };
  }
  const name = context ?? merged.current;
  const known = [...merged.contexts.keys()].sort().join(', ');
  const have = known === '' ? `${origin} has no contexts` : `${origin} has ${known}`;
  if (name === '')
    return {
      problem: { input: 'context', value: '', problem: `is not given, and no context is the current one; ${have}` },
    };
  const chosen = merged.contexts.get(name);
  if (chosen === undefined)
    return context === undefined
      ? { problem: { input: 'kubeconfig', value: origin, problem: `has the current context "${name}", and ${have}` } }
      : { problem: { input: 'context', value: name, problem: `is not a context of the kubeconfig: ${have}` } };
  const [clusterName, userName] = [String(chosen.cluster ?? ''), String(chosen.user ?? '')];
  const [cluster, user] = [merged.clusters.get(clusterName), merged.users.get(userName)];
  const lacks = (what: string) => ({
    problem: {
      input: 'context' as const,
      value: name,
      problem: `names ${what}, which ${origin} does not have; ${have}`,
    },
  });
  if (typeof cluster?.server !== 'string') return lacks(`the cluster "${clusterName}"`);
  if (user === undefined) return lacks(`the user "${userName}"`);
  const unreadable = findUnreadable(cluster) ?? findUnreadable(user);
  if (unreadable !== undefined) return { problem: { input: 'kubeconfig', value: origin, problem: unreadable } };
  return { kubeconfig: describeWay({ context: name, clusterName, cluster, userName, user, origin }) };
}

/** What is wrong with a file that an entry names; inline content of an entry is not checked. */
function findUnreadable(entry: Entry): string | undefined {
  for (const key of filesOfEntries) {
    const file = entry[key];
    if (typeof file !== 'string' || file === '' || entry[`${key}-data`] !== undefined) continue;
    const problem = explainPath(file, 'file');
    if (problem !== undefined) return `names the ${key} ${file}, which ${problem}`;
  }
  return undefined;
}

function describeWay(way: {
  context: string;
  clusterName: string;
  cluster: Entry;
  userName: string;
  user: Entry;
  origin: string;
}): UserKubeconfig {
  const { context, clusterName, cluster, userName, user, origin } = way;
  const expiresAt = expiryOf(user);
  return {
    yaml: writeYaml({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': context,
      contexts: [{ name: context, context: { cluster: clusterName, user: userName } }],
      clusters: [{ name: clusterName, cluster }],
      users: [{ name: userName, user }],
    }),
    context,
    user: userName,
    server: String(cluster.server),
    origin,
    secrets: [user.token, user.password].filter((text) => typeof text === 'string' && text !== '') as string[],
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

/** https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
function describePod(env: NodeJS.ProcessEnv): UserKubeconfig {
  const host = env.KUBERNETES_SERVICE_HOST ?? '';
  const address = host.includes(':') ? `[${host}]` : host;
  return describeWay({
    context: 'in-cluster',
    clusterName: 'in-cluster',
    cluster: {
      server: `https://${address}:${env.KUBERNETES_SERVICE_PORT ?? '443'}`,
      'certificate-authority': `${podDirectory}/ca.crt`,
    },
    userName: 'service-account',
    // It is renewed there, and so read again and again.
    user: { tokenFile: `${podDirectory}/token` },
    origin: 'the ServiceAccount of this pod',
  });
}

/** Adds a file to those before it, whose entries win. @returns what is wrong with it. */
function mergeFile(merged: Merged, file: string): string | undefined {
  const { text, problem } = readInputFile(file);
  if (problem !== undefined) return problem;
  const read = readYaml(text);
  if (read.problem !== undefined) return `cannot be read as YAML: ${read.problem}`;
  const content = read.value ?? {};
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return 'is not a kubeconfig';
  const config = content as Record<string, unknown>;
  for (const [list, kind, into] of [
    ['contexts', 'context', merged.contexts],
    ['clusters', 'cluster', merged.clusters],
    ['users', 'user', merged.users],
  ] as const) {
    const entries = config[list] ?? [];
    if (!Array.isArray(entries)) return `is not a kubeconfig: its ${list} are not a list`;
    for (const one of entries as (Named | null)[]) {
      const entry = one?.[kind] ?? {};
      if (typeof one?.name !== 'string' || typeof entry !== 'object')
        return `is not a kubeconfig: one of its ${list} has no name, or is not a mapping`;
      if (!into.has(one.name)) into.set(one.name, resolvePaths(entry as Entry, path.dirname(file)));
    }
  }
  const current = config['current-context'];
  if (merged.current === '' && typeof current === 'string') merged.current = current;
  return undefined;
}

/** Paths are relative to the kubeconfig's directory; so is that of a plugin, unless it is a bare name that PATH resolves. */
function resolvePaths(entry: Entry, directory: string): Entry {
  const resolved = { ...entry };
  for (const key of filesOfEntries)
    if (typeof entry[key] === 'string' && entry[key] !== '') resolved[key] = path.resolve(directory, entry[key]);
  const exec = entry.exec as Entry | null | undefined;
  if (typeof exec?.command === 'string' && exec.command.includes('/'))
    resolved.exec = { ...exec, command: path.resolve(directory, exec.command) };
  return resolved;
}

/** The expiry time in a token; https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4 */
function expiryOf(user: Entry): string | undefined {
  const [, payload] = typeof user.token === 'string' ? user.token.split('.') : [];
  if (payload === undefined) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { exp?: unknown };
    return typeof exp === 'number' ? new Date(exp * 1000).toISOString() : undefined;
  } catch {
    // A token of another kind.
    return undefined;
  }
}
