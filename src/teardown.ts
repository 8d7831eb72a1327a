import { rm } from 'node:fs/promises';
import { removeImage } from './cluster/build-image.ts';
import { deleteCluster } from './cluster/create-cluster.ts';
import { messageOf } from './outcome.ts';
import type { RunRecord } from './state.ts';
import { endOrphans } from './tools/end-orphans.ts';

/**
 * Removes what a record names, and nothing else: the last made first. The record goes last, so that a teardown which is
 * interrupted can be done again.
 * @returns what could not be removed, a line each; the record stays then.
 */
export async function tearDown(record: RunRecord, signal: AbortSignal, say: (line: string) => void): Promise<string[]> {
  const troubles: string[] = [];
  const ended = endOrphans(record.content.runId);
  if (ended > 0) say(`${ended} programs of the run were still going on, and were ended`);
  for (const made of [...record.content.made].reverse()) {
    try {
      if (made.kind === 'cluster') {
        const removed = await deleteCluster(made.name, { signal, isWhole: made.isWhole });
        if (removed > 0) say(`cluster ${made.name} removed (${removed} nodes)`);
      } else if (made.kind === 'image') await removeImage(made.name, signal);
      else await rm(made.path, { recursive: true, force: true });
      record.forget(made);
    } catch (error) {
      troubles.push(`${made.kind === 'directory' ? made.path : made.name}: ${messageOf(error)}`);
    }
  }
  if (troubles.length === 0) record.remove();
  return troubles;
}
