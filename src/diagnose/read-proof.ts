import { messageOf } from '../core/outcome.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { readLogTail } from '../kube/log-tail.ts';

/** How many of the last lines of a failed container are shown as proof; all of them are in logs/. */
const guiltyLines = 50;

/**
 * The last lines of the container that a diagnosis is about, under a line that names it: those of its run before the last
 * when the last has written nothing yet. Empty when the diagnosis is not about a container that could have a log.
 */
export async function readProof(
  connection: KubeConnection,
  namespace: string,
  guilty: { pod: string; container: string },
  signal: AbortSignal,
): Promise<string[]> {
  const { pod, container } = guilty;
  if (pod === '' || container === '') return [];
  const request = { namespace, pod, container, lines: guiltyLines, signal };
  let problem = '';
  for (const previous of [false, true]) {
    try {
      const lines = await readLogTail(connection, { ...request, previous });
      if (lines.length > 0) return titleProof(guilty, lines);
    } catch (error) {
      signal.throwIfAborted();
      // That there was no former run is no problem.
      if (!previous) problem = messageOf(error);
    }
  }
  if (problem === '') return [`container ${container} of pod ${pod} wrote no log`];
  return titleProof(guilty, [`(the log of ${container} cannot be read: ${problem})`]);
}

/** The last lines of a container under a line that names it. */
export function titleProof({ pod, container }: { pod: string; container: string }, lines: readonly string[]): string[] {
  return [`last lines of container ${container} of pod ${pod}:`, ...lines];
}
