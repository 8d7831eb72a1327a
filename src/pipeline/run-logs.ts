import { shardOfPod } from '../job/shard-job.ts';
import { podNamePrefix } from '../kube/job-pods.ts';
import type { Pod } from '../kube/objects.ts';
import { JobLogs, type KeptLog } from '../logs/job-logs.ts';
import type { NodeLog } from '../logs/node-log.ts';
import { NodeLogs } from '../logs/node-logs.ts';
import type { Platform, PreparedJob, RunLogs } from './progress.ts';
import type { Run } from './run.ts';

/** Begins to follow the logs of the Job; that of its test container is shown to the reader as well. */
export function beginLogs(run: Run, platform: Platform, job: PreparedJob): RunLogs {
  const { inputs, reporter } = run;
  const nodeLogs =
    inputs.cluster === 'existing'
      ? undefined
      : new NodeLogs(platform.cluster.nodes, {
          runId: run.record.content.runId,
          namespace: inputs.namespace,
          podPrefix: podNamePrefix(job.name),
          signal: run.closing.signal,
        });
  const jobLogs = new JobLogs<NodeLog & { node: string }>({
    connection: platform.connection,
    watch: platform.watch,
    namespace: inputs.namespace,
    jobNames: job.jobs.map(({ manifest }) => manifest.metadata.name),
    shownContainer: job.container,
    mask: run.mask,
    logsDir: run.dir.logs,
    quote: (line, pod) => reporter.quote(`${shardMark(pod)}${line}`),
    onOutage: (text) => reporter.say(text),
    ...(nodeLogs === undefined ? {} : { nodeLogs }),
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
      if (nodeLogs === undefined) for (const words of kept.map(describeUnchecked)) if (words !== '') run.warn(words);
    },
    close: async () => nodeLogs?.close(),
  };
}

/** What is before a line of a shard's log on the console. */
function shardMark(pod: Pod): string {
  const shard = shardOfPod(pod);
  return shard === undefined ? '' : `[shard ${shard}] `;
}

/** The kubelet begins a new file at 10 MiB unless it is configured otherwise, and its stream may leave out lines when it does. */
const rotationBytes = 10 * 1024 * 1024;

/** What could not be verified where the nodes cannot be reached: empty for a log that no rotation can have touched. */
function describeUnchecked({ pod, container, bytes }: KeptLog): string {
  if (bytes < rotationBytes) return '';
  const size = `${Math.round(bytes / 1024 ** 2)} MiB`;
  return `the log of ${container} in pod ${pod} (${size}) was read through the API server only: lines may be missing if the kubelet rotated the log`;
}
