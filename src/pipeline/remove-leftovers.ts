import { messageOf } from '../core/outcome.ts';
import { RunRecord } from '../state/run-record.ts';
import { tearDown } from './teardown.ts';

/** What former runs left must not keep a new one waiting for long; what is not removed by then stays for the next. */
const leftoverSeconds = 120;

/**
 * Removes what former runs of this user left on a permanent machine: by a process that was killed, or kept by a job of a
 * workflow that is over. What `up` or `run --keep` keeps on a laptop stays, as does everything in use.
 */
export async function removeLeftovers(
  directory: string,
  { signal, say }: { signal: AbortSignal; say: (line: string) => void },
): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(leftoverSeconds * 1000)]);
  for (const found of RunRecord.list(directory)) {
    if (limit.aborted) return;
    if (!found.isLeftover || found.occupy() !== undefined) continue;
    try {
      // Another run may have removed it since it was listed, and `again` may have used it.
      const record = RunRecord.list(directory).find(({ file }) => file === found.file);
      if (record?.isOver !== true) continue;
      const { runId, startedAt, kept } = record.content;
      say(`removing what run ${runId} of ${startedAt} left${kept === undefined ? '' : ` (kept: ${kept})`}`);
      for (const problem of await tearDown(record, limit, say)) say(`not removed: ${problem}`);
    } catch (error) {
      say(`what run ${found.content.runId} left could not be removed: ${messageOf(error)}`);
    } finally {
      found.release();
    }
  }
}
