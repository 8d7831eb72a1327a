import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { DefaultArtifactClient } from '@actions/artifact';
import picomatch from 'picomatch';
import { fail, messageOf, type Result, succeed, toOneLine } from '../core/outcome.ts';
import { lendRunnerVariables } from './runner-variables.ts';

export interface DownloadLegsOptions {
  /** Globs of artifact names. */
  patterns: string[];
  /** Each artifact goes into a directory of its own in it, by id and name. */
  directory: string;
  say: (line: string) => void;
}

/**
 * Downloads the artifacts that the legs of this workflow run left, those of earlier attempts included. The runner's own
 * token is enough: no permission is asked for.
 * @returns the directory, or why they cannot be had.
 */
export async function downloadLegs(options: DownloadLegsOptions): Promise<Result<string>> {
  const isLeg = picomatch(options.patterns);
  try {
    const client = new DefaultArtifactClient();
    const { artifacts } = await lendRunnerVariables(() => client.listArtifacts());
    const legs = artifacts.filter(({ name }) => isLeg(name));
    for (const { id, name, digest } of legs) {
      // Attempts of one workflow run may have artifacts of one name.
      const target = path.join(options.directory, String(id), name);
      await mkdir(target, { recursive: true });
      const expected = digest === undefined ? {} : { expectedHash: digest };
      const { digestMismatch } = await lendRunnerVariables(() =>
        client.downloadArtifact(id, { path: target, ...expected }),
      );
      if (digestMismatch === true)
        return fail('results', `the artifact ${name} came down with another digest than it was uploaded with`, {
          hint: 'Run this job again.',
        });
      options.say(`artifact ${name}`);
    }
    return succeed(options.directory);
  } catch (error) {
    return fail('results', `the artifacts of this run cannot be had: ${toOneLine(messageOf(error), 300)}`, {
      hint: 'Where there are no artifacts, bring the results of all legs into one directory, and name it with legs.',
    });
  }
}
