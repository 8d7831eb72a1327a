import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { DefaultArtifactClient } from '@actions/artifact';
import { fail, messageOf, type Result, succeed, toOneLine } from '../outcome.ts';

export interface ArtifactOptions {
  name: string;
  directory: string;
  retentionDays: number;
}

/** Characters that GitHub refuses in the path of an artifact's file. */
const refusedInPaths = /[":<>|*?\r\n\\]/;

/**
 * Uploads a directory as one artifact. Files whose names GitHub refuses are left out and named, since one of them would
 * make it refuse all.
 * @returns the artifact, or why there is none: without a token, or on a server without artifacts, the files still lie on
 * the runner.
 */
export async function uploadArtifact(
  options: ArtifactOptions,
): Promise<Result<{ id: string; url: string; leftOut: string[] }>> {
  const all = await readdir(options.directory, { recursive: true, withFileTypes: true });
  const files = all.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const isRefused = (file: string) => refusedInPaths.test(path.relative(options.directory, file));
  const leftOut = files.filter(isRefused).map((file) => path.relative(options.directory, file));
  const names = files.filter((file) => !isRefused(file));
  try {
    const client = new DefaultArtifactClient();
    const { id } = await client.uploadArtifact(options.name, names, options.directory, {
      retentionDays: options.retentionDays,
    });
    return succeed({ id: String(id ?? ''), url: artifactUrl(id), leftOut });
  } catch (error) {
    const reason = messageOf(error);
    return fail('results', `the artifact ${options.name} was not uploaded: ${toOneLine(reason, 300)}`, {
      hint: `The files lie in ${options.directory} on the runner.`,
    });
  }
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
