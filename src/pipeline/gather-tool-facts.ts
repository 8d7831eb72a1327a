import { chooseCommand } from '../job/build-job.ts';
import { readCommand } from '../reconstruct/tool-command.ts';
import { readToolLog } from '../reconstruct/tool-log.ts';
import { findNearMisses } from '../results/near-misses.ts';
import type { ToolFacts } from '../verdict/explain-exit.ts';
import type { Run } from './run.ts';

/**
 * What is known of the tool that ran the tests: from its command, from the end of its log, and from what it left in place of a
 * report. It explains runs that no report explains, so it is gathered for these alone.
 * @param logFile of the tests, on the runner.
 */
export async function gatherToolFacts(
  run: Run,
  hasReport: boolean,
  logFile: string | undefined,
  signal: AbortSignal,
): Promise<ToolFacts> {
  const { tool, hasTimeout } = readCommand(wordsOf(run));
  const log = logFile === undefined ? undefined : await readToolLog(logFile, signal);
  const places = [run.inputs.resultsPath, run.dir.results].map((place) => `${place}/`);
  return {
    tool: log?.tool ?? tool,
    hasTimeout,
    said: log?.said ?? [],
    reportsElsewhere: (log?.reportsWritten ?? []).filter((file) => !places.some((place) => file.startsWith(place))),
    nearMisses: hasReport ? [] : await findNearMisses(run.dir.results, signal),
    lastLines: log?.lastLines ?? [],
  };
}

/** The command of the tests, as far as it is known: an image may have one of its own. */
function wordsOf(run: Run): string[] {
  if (run.inputs.tier === 'unit') {
    const { command = [], args = [] } = chooseCommand({ ...run.inputs, entrypoint: undefined });
    return [...command, ...args];
  }
  const container = run.end?.pod.spec?.containers.find(({ name }) => name === run.job?.container);
  return [...(container?.command ?? []), ...(container?.args ?? [])];
}
