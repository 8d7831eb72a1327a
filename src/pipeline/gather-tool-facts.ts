import { chooseCommand } from '../job/build-job.ts';
import type { Pod } from '../kube/objects.ts';
import { readCommand } from '../reconstruct/tool-command.ts';
import { readToolLog } from '../reconstruct/tool-log.ts';
import { findNearMisses } from '../results/near-misses.ts';
import type { ToolFacts } from '../verdict/explain-exit.ts';
import type { Run } from './run.ts';

/** Where to look for the output of the tests. */
interface ToolTraces {
  /** The test container; undefined where they ran on the machine, or it is not known. */
  container: string | undefined;
  /** Pod of the tests; undefined where they ran on the machine, or it is not known. */
  pod: Pod | undefined;
  /** Where what they wrote is on the runner. */
  resultsDir: string;
  hasReport: boolean;
  /** Of the tests, on the runner. */
  logFile: string | undefined;
}

/**
 * What is known of the tool that ran the tests: from its command, from the end of its log, and from what it left in place of a
 * report. It explains runs that no report explains, so it is collected only for these.
 */
export async function gatherToolFacts(
  run: Run,
  { container, pod, resultsDir, hasReport, logFile }: ToolTraces,
  signal: AbortSignal,
): Promise<ToolFacts> {
  const { tool, hasTimeout } = readCommand(wordsOf(run, pod, container));
  const log = logFile === undefined ? undefined : await readToolLog(logFile, signal);
  const places = [run.inputs.resultsPath, run.dir.results].map((place) => `${place}/`);
  return {
    tool: log?.tool ?? tool,
    hasTimeout,
    said: log?.said ?? [],
    reportsElsewhere: (log?.reportsWritten ?? []).filter((file) => !places.some((place) => file.startsWith(place))),
    nearMisses: hasReport ? [] : await findNearMisses(resultsDir, signal),
    lastLines: log?.lastLines ?? [],
  };
}

/** The command of the tests, as far as it is known: an image may have one of its own. */
function wordsOf(run: Run, pod: Pod | undefined, containerName: string | undefined): string[] {
  if (run.inputs.tier === 'unit') {
    const { command = [], args = [] } = chooseCommand({ ...run.inputs, entrypoint: undefined });
    return [...command, ...args];
  }
  const container = pod?.spec?.containers.find(({ name }) => name === containerName);
  return [...(container?.command ?? []), ...(container?.args ?? [])];
}
