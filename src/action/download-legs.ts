import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import picomatch from 'picomatch';
import { fail, messageOf, type Result, succeed, toOneLine } from '../core/outcome.ts';
import type { LegArtifact } from '../report/leg.ts';
import { takeResultsOfZip } from '../roll-up/read-zip.ts';
import { importArtifacts } from './artifact.ts';
import { listArtifacts } from './list-artifacts.ts';
import { lendRunnerVariables } from './runner-variables.ts';

export interface DownloadLegsOptions {
  /** Globs of artifact names. */
  patterns: string[];
  /** Each artifact is unpacked into its own directory in it, by id and name. */
  directory: string;
  say: (line: string) => void;
}

/** Results of legs on this machine, and GitHub's metadata of the artifacts that contained them. */
export interface DownloadedLegs {
  directory: string;
  artifacts: LegArtifact[];
}

/**
 * Downloads the artifacts that the legs of this workflow run left, those of earlier attempts included. The runner's own
 * token is enough: no permission is asked for.
 * @returns their directory, or why they are not available.
 */
export async function downloadLegs(options: DownloadLegsOptions): Promise<Result<DownloadedLegs>> {
  const isLeg = picomatch(options.patterns);
  try {
    const { DefaultArtifactClient } = await importArtifacts();
    const client = new DefaultArtifactClient();
    const { artifacts } = await lendRunnerVariables(() => client.listArtifacts());
    const listed = await lendRunnerVariables(() => listArtifacts(process.env));
    if (!listed.ok) options.say(`which job uploaded each artifact is unknown: ${listed.failure.reason}`);
    const wanted = artifacts.filter((one) => isLeg(one.name));
    const known = listed.ok ? listed.value.artifacts : [];
    // This job has uploaded no leg: a service with this answer has one id for all jobs of a run, as act does.
    const areJobsKnown =
      listed.ok &&
      !known.some(({ id, jobRun }) => jobRun === listed.value.ownJobRun && wanted.some((one) => one.id === id));
    if (listed.ok && !areJobsKnown) options.say('which job uploaded each artifact is unknown: they all have one id');
    const legs: LegArtifact[] = [];
    for (const { id, name, digest } of wanted) {
      // Attempts of one workflow run may have artifacts of one name.
      const relative = path.join(String(id), name);
      const target = path.join(options.directory, relative);
      const packed = path.join(options.directory, `${id}.packed`);
      for (const one of [target, packed]) await mkdir(one, { recursive: true });
      const expected = digest === undefined ? {} : { expectedHash: digest };
      const { digestMismatch } = await lendRunnerVariables(() =>
        client.downloadArtifact(id, { path: packed, skipDecompress: true, ...expected }),
      );
      if (digestMismatch === true)
        return fail('results', `the artifact ${name} does not match the digest of its upload`, {
          hint: 'Run this job again.',
        });
      // The client unpacks an archive of any size, without a limit. It is called as the service calls it.
      const [file = ''] = await readdir(packed);
      const taken = await takeResultsOfZip(path.join(packed, file), target);
      await rm(packed, { recursive: true });
      if (!taken.ok)
        return fail('results', `artifact ${toOneLine(name, 200)}: ${taken.failure.reason}`, {
          hint: taken.failure.hint,
        });
      const own = known.find((one) => one.id === id);
      const jobRun = areJobsKnown ? own?.jobRun : undefined;
      legs.push({ name, jobRun, createdAt: own?.createdAt, directory: relative });
      options.say(`artifact ${name}`);
    }
    return succeed({ directory: options.directory, artifacts: legs });
  } catch (error) {
    return fail('results', `the artifacts of this run cannot be listed: ${toOneLine(messageOf(error), 300)}`, {
      hint: 'Without artifacts, copy the results of all matrix jobs into one directory and set legs to it.',
    });
  }
}
