import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dump } from 'js-yaml';
import type { KubeConnection } from '../kube/connection.ts';
import type { ClusterEvent, ObjectMeta, Pod } from '../kube/objects.ts';
import { readLog } from '../kube/read-log.ts';
import { listResources } from '../kube/resources.ts';
import { messageOf, toOneLine } from '../outcome.ts';
import type { ReportedEvent, ReportedLog, ReportedPod } from '../report/report-input.ts';
import { derivePodTimeline } from './pod-timeline.ts';

export interface EvidenceOptions {
  connection: KubeConnection;
  namespace: string;
  /** Where the objects go, a file for each kind. */
  clusterDir: string;
  /** Where the logs go, as `<pod>/<container>.log`. */
  logsDir: string;
  /** Logs that are on disk already, as `<pod>/<container>`. */
  alreadyLogged: string[];
  signal: AbortSignal;
}

export interface Evidence {
  events: ReportedEvent[];
  logs: ReportedLog[];
  pods: ReportedPod[];
  /** What could not be had, a line each. */
  troubles: string[];
}

const tailLines = 50;
const tailBytes = 64 * 1024;
/** A platform that logs without end must not fill the runner's disk. */
const maxLogBytes = 64 * 1024 * 1024;

/**
 * Brings home what tells how the cluster was: its objects as YAML and the logs of all containers, restarted ones
 * included. What cannot be had is named and does not stop the rest.
 */
export async function collectEvidence(options: EvidenceOptions): Promise<Evidence> {
  const { connection, namespace, signal } = options;
  const evidence: Evidence = { events: [], logs: [], pods: [], troubles: [] };
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      evidence.troubles.push(toOneLine(`${what} could not be brought home: ${messageOf(error)}`));
    }
  };
  const ours = `/namespaces/${namespace}`;
  const kinds: [string, string][] = [
    ['events', `/api/v1${ours}/events`],
    ['pods', `/api/v1${ours}/pods`],
    ['jobs', `/apis/batch/v1${ours}/jobs`],
    ['pvcs', `/api/v1${ours}/persistentvolumeclaims`],
    ['nodes', '/api/v1/nodes'],
  ];
  const lists = new Map<string, { metadata: ObjectMeta }[]>();
  await Promise.all(
    kinds.map(([name, apiPath]) =>
      attempt(`cluster/${name}.yaml`, async () => {
        const objects = await listResources<{ metadata: ObjectMeta }>(connection, apiPath, signal);
        lists.set(name, objects);
        await writeFile(
          path.join(options.clusterDir, `${name}.yaml`),
          dump(objects.map(withoutNoise), { noRefs: true }),
        );
      }),
    ),
  );
  const events = (lists.get('events') ?? []) as ClusterEvent[];
  evidence.pods = derivePodTimeline((lists.get('pods') ?? []) as Pod[], events);
  evidence.events = events.map(toReported).sort((a, b) => a.at.localeCompare(b.at));
  await Promise.all(
    ((lists.get('pods') ?? []) as Pod[]).flatMap((pod) =>
      [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(async ({ name }) => {
        const file = path.join(pod.metadata.name, `${name}.log`);
        const isDone = options.alreadyLogged.includes(`${pod.metadata.name}/${name}`);
        await attempt(`logs/${file}`, async () => {
          if (!isDone) await saveLog(options, pod, name);
        });
      }),
    ),
  );
  evidence.logs = await readTails(options.logsDir);
  return evidence;
}

/** The last lines of every log on disk, whoever wrote it. */
async function readTails(logsDir: string): Promise<ReportedLog[]> {
  const entries = await readdir(logsDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return Promise.all(
    files.sort().map(async (file) => ({
      pod: path.basename(path.dirname(file)),
      container: path.basename(file, '.log'),
      path: path.relative(path.dirname(logsDir), file),
      lastLines: await readLastLines(file),
    })),
  );
}

async function readLastLines(file: string): Promise<string[]> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, tailBytes);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8').replace(/\n$/, '').split('\n').slice(-tailLines);
  } finally {
    await handle.close();
  }
}

/** The log of a container, with that of its former run before it, when it was restarted. */
async function saveLog(options: EvidenceOptions, pod: Pod, container: string): Promise<void> {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const status = statuses.find((one) => one.name === container);
  // A container that never started has no log, and the API server answers 400.
  if (status?.state?.waiting !== undefined && status.lastState?.terminated === undefined) return;
  const directory = path.join(options.logsDir, pod.metadata.name);
  await mkdir(directory, { recursive: true });
  const request = {
    namespace: options.namespace,
    pod: pod.metadata.name,
    container,
    maxBytes: maxLogBytes,
    signal: options.signal,
  };
  if ((status?.restartCount ?? 0) > 0)
    await readLog(
      options.connection,
      { ...request, previous: true },
      createWriteStream(path.join(directory, `${container}.previous.log`)),
    );
  if (status?.state?.waiting !== undefined) return;
  await readLog(options.connection, request, createWriteStream(path.join(directory, `${container}.log`)));
}

/** managedFields are bookkeeping that outweighs all the rest. */
function withoutNoise(object: { metadata: ObjectMeta }): object {
  const { managedFields: _, ...metadata } = object.metadata as ObjectMeta & { managedFields?: unknown };
  return { ...object, metadata };
}

function toReported(event: ClusterEvent): ReportedEvent {
  return {
    at: event.eventTime ?? event.lastTimestamp ?? event.firstTimestamp ?? event.metadata.creationTimestamp ?? '',
    type: event.type ?? '',
    object: `${event.involvedObject.kind ?? ''}/${event.involvedObject.name ?? ''}`,
    reason: event.reason ?? '',
    message: event.message ?? '',
    ...((event.count ?? 1) > 1 ? { count: event.count! } : {}),
  };
}
