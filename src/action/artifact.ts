import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fail, messageOf, type Result, succeed, toOneLine } from '../core/outcome.ts';
import { lendRunnerVariables } from './runner-variables.ts';

export interface ArtifactOptions {
  name: string;
  /** A unique name. */
  freeName: string;
  directory: string;
  /** If false, only the files directly in the directory, verdict and reports, are uploaded. */
  isMasked: boolean;
  retentionDays: number;
}

/** An artifact that GitHub has. */
export interface Uploaded {
  name: string;
  id: string;
  url: string;
  /** Files that it lacks for their names. */
  leftOut: string[];
  /** Files and directories that it lacks since they could not be read. */
  unreadable: string[];
}

/** Characters that GitHub refuses in the path of an artifact's file. */
const refusedInPaths = /[":<>|*?\r\n\\]/;

/** How the service says that a name is taken: https://github.com/actions/toolkit/tree/main/packages/artifact */
const takenName = /\(409\)|already exists/i;

/**
 * Uploads a directory as one artifact. Files whose names GitHub refuses, and those that cannot be read, are left out and
 * named, since one of them would make it refuse all. A name that is taken (by an earlier attempt, or another leg) gives way
 * to `freeName`.
 * @returns the artifact, or why there is none: without a token, or on a server without artifacts, the files still are on
 * the runner.
 */
export async function uploadArtifact(options: ArtifactOptions): Promise<Result<Uploaded>> {
  const { files, unreadable } = await listFiles(options.directory, options.isMasked);
  const isRefused = (file: string) => refusedInPaths.test(file);
  const leftOut = files.filter(isRefused);
  const names = files.filter((file) => !isRefused(file)).map((file) => path.join(options.directory, file));
  const upload = async (name: string): Promise<Uploaded> => {
    const { retentionDays } = options;
    const { DefaultArtifactClient } = await importArtifacts();
    const { id } = await lendRunnerVariables(() =>
      new DefaultArtifactClient().uploadArtifact(name, names, options.directory, { retentionDays }),
    );
    return { name, id: String(id ?? ''), url: artifactUrl(id), leftOut, unreadable };
  };
  try {
    const uploaded = await upload(options.name).catch((error: unknown) => {
      if (options.name === options.freeName || !takenName.test(messageOf(error))) throw error;
      return upload(options.freeName);
    });
    return succeed(uploaded);
  } catch (error) {
    const reason = messageOf(error);
    return fail('results', `the artifact ${options.name} was not uploaded: ${toOneLine(reason, 300)}`, {
      hint: `The files are in ${options.directory} on the runner.`,
    });
  }
}

/** A third of all that the action consists of, which nothing needs until the run is over: it must not hold up the start. */
export function importArtifacts(): Promise<typeof import('@actions/artifact')> {
  return import('@actions/artifact');
}

/** Regular files by their relative paths. Files beside the results whose names begin with a dot are internal. */
async function listFiles(root: string, isDeep: boolean): Promise<{ files: string[]; unreadable: string[] }> {
  const files: string[] = [];
  const unreadable: string[] = [];
  const visit = async (parent: string): Promise<void> => {
    for (const entry of await readdir(path.join(root, parent), { withFileTypes: true })) {
      const name = path.join(parent, entry.name);
      if (parent === '' && entry.name.startsWith('.')) continue;
      try {
        if (entry.isDirectory() && isDeep) await visit(name);
        if (!entry.isFile()) continue;
        await access(path.join(root, name), constants.R_OK);
        files.push(name);
      } catch {
        unreadable.push(name);
      }
    }
  };
  await visit('').catch(() => unreadable.push(root));
  return { files, unreadable };
}

/**
 * A name that no other leg, rerun or call of the same workflow run has: artifacts are immutable, and a second one of the
 * same name is refused (409). Job id, attempt and a part of the run's own id make it so.
 */
export function uniqueArtifactName(tier: string, runId: string, env: NodeJS.ProcessEnv): string {
  const parts = ['k8s-test', tier, env.GITHUB_JOB ?? '', `attempt${env.GITHUB_RUN_ATTEMPT ?? '1'}`, runId];
  return parts
    .filter((part) => part !== '')
    .join('-')
    .replaceAll(/[^\w.-]/g, '_');
}

function artifactUrl(id: number | undefined): string {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID } = process.env;
  if (id === undefined || GITHUB_SERVER_URL === undefined || GITHUB_REPOSITORY === undefined) return '';
  return `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}/artifacts/${id}`;
}
