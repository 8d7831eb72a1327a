import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { must } from '../core/must.ts';
import { fail, messageOf, type Result, succeed } from '../core/outcome.ts';
import { trimEndOf } from '../core/trim-end.ts';
import { readYaml } from '../inputs/read-yaml.ts';
import { describeProgramEnd, type ProgramRun, runProgram } from '../tools/run-program.ts';
import { helmEnvironment } from './chart.ts';

/** A chart repository as helm keeps it; what else its entry holds (certificates) is handed on as it is. */
const repositorySchema = v.looseObject({
  name: v.string(),
  url: v.string(),
  username: v.optional(v.string()),
  password: v.optional(v.string()),
});
type Repository = v.InferOutput<typeof repositorySchema>;

/**
 * Directories of helm's own for one run. Caches and the list of repositories are the run's; what the user's helm and docker
 * know of registries and repositories, passwords included, is read and never written.
 */
export class HelmHome {
  readonly #helm: string;
  readonly #directory: string;
  readonly #env: Record<string, string | undefined>;
  readonly #userRepositories: Repository[];
  /** Those that this run uses, by their address. */
  readonly #repositories = new Map<string, Repository>();

  private constructor(helm: string, directory: string, env: Record<string, string>, userRepositories: Repository[]) {
    this.#helm = helm;
    this.#directory = directory;
    this.#userRepositories = userRepositories;
    const own = (name: string) => path.join(directory, name);
    this.#env = {
      ...helmEnvironment,
      HELM_CACHE_HOME: own('cache'),
      HELM_CONFIG_HOME: own('config'),
      HELM_DATA_HOME: own('data'),
      HELM_CONTENT_CACHE: own('content'),
      HELM_REPOSITORY_CACHE: own('indexes'),
      HELM_REPOSITORY_CONFIG: own('repositories.yaml'),
      // Logins and plugins (which fetch from s3://, say) come from the user.
      HELM_REGISTRY_CONFIG: env.HELM_REGISTRY_CONFIG,
      HELM_PLUGINS: env.HELM_PLUGINS,
    };
  }

  /**
   * Makes one below `directory`.
   * @returns a failure of kind `chart` when the user's own files for helm cannot be read.
   */
  static async open(helm: string, directory: string, signal: AbortSignal): Promise<Result<HelmHome>> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const printed = await runProgram(helm, ['env'], { signal, timeoutSeconds: 30, env: helmEnvironment });
    signal.throwIfAborted();
    if (printed.exitCode !== 0)
      return fail('chart', `helm env failed: ${describeProgramEnd(printed)}`, {
        evidence: [printed.stderr],
      });
    const env = Object.fromEntries(
      [...printed.stdout.matchAll(/^(\w+)="(.*)"$/gm)].map(([, name = '', value = '']) => [name, value]),
    );
    const repositories = await readRepositories(env.HELM_REPOSITORY_CONFIG ?? '');
    return repositories.ok ? succeed(new HelmHome(helm, directory, env, repositories.value)) : repositories;
  }

  /**
   * The name of the repository at an address, with the user's login if their helm has one for it.
   * @returns with it, the password that must not be printed; empty without one.
   */
  useRepository(address: string): { name: string; password: string } {
    const key = withoutSlash(address);
    const known = this.#userRepositories.find(({ url }) => withoutSlash(url) === key);
    const before = this.#repositories.get(key);
    const repository = before ?? known ?? { name: `k8s-test-${this.#repositories.size}`, url: key };
    this.#repositories.set(key, repository);
    return { name: repository.name, password: repository.password ?? '' };
  }

  /** The address of a repository that the user's helm knows by a name. */
  findAddress(name: string): string | undefined {
    return this.#userRepositories.find((repository) => repository.name === name)?.url;
  }

  /** Names that the user's helm gives to repositories. */
  get repositoryNames(): string[] {
    return this.#userRepositories.map(({ name }) => name);
  }

  /** Writes down the repositories in use; helm reads them from there. */
  async writeRepositories(): Promise<void> {
    const content = { apiVersion: '', repositories: [...this.#repositories.values()] };
    // JSON is YAML.
    await writeFile(
      must(this.#env.HELM_REPOSITORY_CONFIG, 'HELM_REPOSITORY_CONFIG of helm env'),
      JSON.stringify(content),
      { mode: 0o600 },
    );
  }

  /** The checksums in the index of a repository, and all versions of all its charts; call it after an update. */
  async readIndex(name: string): Promise<RepositoryIndex> {
    const file = path.join(this.#directory, 'indexes', `${name}-index.yaml`);
    return v.parse(indexSchema, readYaml(await readFile(file, 'utf8')).value);
  }

  /** Runs helm with this home directory. */
  run(args: string[], options: { signal: AbortSignal; timeoutSeconds: number }): Promise<ProgramRun> {
    return runProgram(this.#helm, args, { ...options, env: this.#env });
  }
}

const entrySchema = v.object({
  version: v.string(),
  digest: v.optional(v.string(), ''),
  urls: v.optional(v.array(v.string()), []),
});
const indexSchema = v.object({
  entries: v.record(
    v.string(),
    // An entry may hold anything; helm leaves out what is wrong, and so do we.
    v.pipe(
      v.nullable(v.array(v.unknown())),
      v.transform((entries) =>
        (entries ?? []).flatMap((entry) => {
          const read = v.safeParse(entrySchema, entry);
          return read.success ? [read.output] : [];
        }),
      ),
    ),
  ),
});

/** The metadata of a repository's charts, by their names. */
export type RepositoryIndex = v.InferOutput<typeof indexSchema>;

async function readRepositories(file: string): Promise<Result<Repository[]>> {
  let content: unknown;
  try {
    const read = readYaml(await readFile(file, 'utf8'));
    // A parser's error for a broken file quotes its content, which may contain passwords.
    if (read.problem !== undefined) return fail('chart', `${file} cannot be read: it is not YAML`);
    content = read.value;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A user who never added a repository has no such file.
    if (code === 'ENOENT' || code === 'ENOTDIR') return succeed([]);
    return fail('chart', `${file} cannot be read: ${messageOf(error)}`);
  }
  const read = v.safeParse(v.object({ repositories: v.nullish(v.array(repositorySchema)) }), content ?? {});
  if (!read.success) return fail('chart', `${file} is not a list of repositories as "helm repo add" writes it`);
  return succeed(read.output.repositories ?? []);
}

function withoutSlash(address: string): string {
  return trimEndOf(address, '/');
}
