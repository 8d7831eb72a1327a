import { NodeLogs } from '../cluster/node-logs.ts';
import { JobLogs, type KeptLog } from '../job/job-logs.ts';
import type { NodeLog } from '../kube/node-log.ts';
import type { Platform, PreparedJob, Run, RunLogs } from './run.ts';

/** Begins to follow the logs of the Job; that of its test container is shown to the reader as well. */
export function beginLogs(run: Run, platform: Platform, job: PreparedJob): RunLogs {
  const { inputs, door } = run;
  const nodeLogs = new NodeLogs(run.cluster!.nodes, {
    runId: run.record.content.runId,
    namespace: inputs.namespace,
    podPrefix: `${job.name}-`,
    signal: run.closing.signal,
  });
  const jobLogs = new JobLogs<NodeLog & { node: string }>({
    ...platform,
    namespace: inputs.namespace,
    jobName: job.name,
    shownContainer: job.container,
    mask: run.mask,
    logsDir: run.dir.logs,
    quote: (line) => door.quote(line),
    onTrouble: (text) => door.say(text),
    nodeLogs,
  });
  let kept: KeptLog[] | undefined;
  return {
    get kept() {
      return kept ?? [];
    },
    finish: async (stop, signal) => {
      if (kept !== undefined) return;
      kept = await jobLogs.finish(stop, signal);
      for (const gap of kept.flatMap((log) => log.gaps)) run.warn(gap);
    },
    close: () => nodeLogs.close(),
  };
}
