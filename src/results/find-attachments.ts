/** From the names that tests give to their attachments to files that were taken from the results. */
import path from 'node:path';
import { toOneLine } from '../core/outcome.ts';
import type { JUnitReport } from '../junit/junit-report.ts';

export interface AttachmentPlaces {
  /** All files that were taken, relative to the results. No other file can be named. */
  files: readonly string[];
  /** Where the tests saw their results, such as `/results`. */
  seenAs: string;
  /** What is before the paths of files as the tests saw them, such as `shard-0/`; empty for nothing. */
  below: string;
  /** The directory of results, relative to the one that holds `report.html`. */
  directory: string;
}

/**
 * Replaces the names in the cases by paths that a reader of `report.html` can follow. A name is an absolute path of the test container,
 * or relative to the report or to the results.
 * @returns a warning about names for which no file was taken, a line; undefined without any.
 */
export function findAttachments(reports: readonly JUnitReport[], places: AttachmentPlaces): string | undefined {
  const files = new Set(places.files);
  const missing: string[] = [];
  for (const { file, cases } of reports)
    for (const one of cases) {
      if (one.attachments === undefined) continue;
      const found: string[] = [];
      for (const name of one.attachments) {
        const taken = candidatesOf(name, file, places).find((candidate) => files.has(candidate));
        if (taken === undefined) missing.push(name);
        else found.push(`${places.directory}/${taken}`);
      }
      if (found.length > 0) one.attachments = found;
      else delete one.attachments;
    }
  if (missing.length === 0) return undefined;
  const count = missing.length === 1 ? 'an attachment' : `${missing.length} attachments`;
  return `tests name ${count} that are not among the results, such as ${toOneLine(missing[0] ?? '', 200)}: write them below ${places.seenAs}`;
}

/** A name that leads out of the results stays one that no taken file has. */
function candidatesOf(name: string, report: string, { seenAs, below }: AttachmentPlaces): string[] {
  const written = name.startsWith('file://') ? name.slice('file://'.length) : name;
  const normal = path.posix.normalize(written);
  if (path.posix.isAbsolute(normal)) {
    const root = `${path.posix.normalize(seenAs).replace(/\/$/, '')}/`;
    return normal.startsWith(root) ? [below + normal.slice(root.length)] : [];
  }
  return [path.posix.join(path.posix.dirname(report), normal), below + normal];
}
