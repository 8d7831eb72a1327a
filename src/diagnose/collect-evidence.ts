import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { dump } from 'js-yaml';
import { messageOf, toOneLine } from '../core/outcome.ts';
import type { ReportedEvent, ReportedLog, ReportedPod } from '../core/report-model.ts';
import type { SecretMask } from '../core/secret-mask.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { statusesOf } from '../kube/job-pods.ts';
import type { ClusterEvent, ObjectMeta, Pod } from '../kube/objects.ts';
import { readLog } from '../kube/read-log.ts';
import { listResources } from '../kube/resources.ts';
import { factPaths, isMadeSince } from './namespace-facts.ts';
import { derivePodTimeline } from './pod-timeline.ts';
import { redactObject } from './redact-secrets.ts';

export interface EvidenceOptions {
  connection: KubeConnection;
  namespace: string;
  /** Directory for the objects, a file for each kind. */
  clusterDir: string;
  /** Directory for the logs, as `<pod>/<container>.log`. */
  logsDir: string;
  /** No secret is ever written. */
  mask: SecretMask;
  /** Logs that are on disk already, as `<pod>/<container>`. */
  alreadyLogged: string[];
  /** Objects that existed before are left out: in a namespace that the chart shares with others, they belong to these. */
  since?: Date | undefined;
  signal: AbortSignal;
  limits?: Partial<typeof usualLimits>;
}

export interface Evidence {
  events: ReportedEvent[];
  logs: ReportedLog[];
  pods: ReportedPod[];
  /** What could not be had, a line each. */
  problems: string[];
}

const tailLines = 50;
const tailBytes = 64 * 1024;
/** A platform that logs without end must not fill the runner's disk, nor one of many pods. */
const maxLogBytes = 64 * 1024 * 1024;
const maxLogBytesTogether = 512 * 1024 * 1024;
/** How many logs are read at the same time: more would only slow each of them down. */
const readers = 6;
/** Objects of a kind beyond this number in a namespace are left out. */
const maxObjects = 2000;
/**
 * An API server or a kubelet that no longer answers must not keep us from the report, nor from the logs of other nodes: of the
 * seconds that a run has for its evidence, objects and logs may take these.
 */
const usualLimits = { objectsSeconds: 30, logSeconds: 20, logsSeconds: 60 };

/**
 * Collects the state of the cluster: its objects as YAML and the logs of all containers, restarted ones
 * included. What cannot be had is named and does not stop the rest.
 */
export async function collectEvidence(options: EvidenceOptions): Promise<Evidence> {
  const { connection, namespace, signal } = options;
  const limits = { ...usualLimits, ...options.limits };
  for (const directory of [options.clusterDir, options.logsDir]) await mkdir(directory, { recursive: true });
  const evidence: Evidence = { events: [], logs: [], pods: [], problems: [] };
  const noteProblem = (what: string, error: unknown) =>
    evidence.problems.push(toOneLine(`${what} could not be collected: ${messageOf(error)}`));
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      noteProblem(what, error);
    }
  };
  const lists = new Map<string, { metadata: ObjectMeta }[]>();
  const hurry = AbortSignal.any([signal, AbortSignal.timeout(limits.objectsSeconds * 1000)]);
  await Promise.all(
    Object.entries(filesOf(namespace)).map(([name, paths]) =>
      attempt(`cluster/${name}.yaml`, async () => {
        const file = path.join(options.clusterDir, `${name}.yaml`);
        const list = (apiPath: string) =>
          listResources<{ metadata: ObjectMeta }>(connection, apiPath, hurry, maxObjects);
        const found = await Promise.all(paths.map(list)).catch((error: unknown) => error);
        // Nodes belong to no namespace: that a user of a shared cluster may not see them is no problem of a run.
        if (name === 'nodes' && found instanceof ApiError && found.status === 403) {
          await writeFile(file, `# ${found.message}\n`);
          return;
        }
        if (!Array.isArray(found)) throw found;
        const objects = found.flat().filter((one) => name === 'nodes' || isMadeSince(one, options.since));
        lists.set(name, objects);
        const text = dump(redactObject(options.mask.maskValue(objects)), { noRefs: true, lineWidth: -1 });
        await writeFile(file, text);
        if (found.some((one) => one.length >= maxObjects))
          evidence.problems.push(`cluster/${name}.yaml holds only the first ${maxObjects} objects`);
      }),
    ),
  );
  // In the report, secrets are masked as in the files.
  const pods = redactObject((lists.get('pods') ?? []) as Pod[]);
  const events = redactObject((lists.get('events') ?? []) as ClusterEvent[]);
  evidence.pods = derivePodTimeline(pods, events);
  evidence.events = events.map(toReported).sort((a, b) => a.at.localeCompare(b.at));
  const wanted = pods
    .flatMap((pod) => [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(({ name }) => ({ pod, name })))
    .filter(({ pod, name }) => !options.alreadyLogged.includes(`${pod.metadata.name}/${name}`));
  const room = { bytes: maxLogBytesTogether };
  const omitted: string[] = [];
  const enough = AbortSignal.any([signal, AbortSignal.timeout(limits.logsSeconds * 1000)]);
  const readNext = async (): Promise<void> => {
    for (let next = wanted.shift(); next !== undefined; next = wanted.shift()) {
      const { pod, name } = next;
      const directory = `logs/${pod.metadata.name}`;
      if (room.bytes <= 0) omitted.push(`${directory}/${name}.log`);
      else {
        const late = AbortSignal.any([enough, AbortSignal.timeout(limits.logSeconds * 1000)]);
        const failures = await saveLogs({ ...options, signal: late }, pod, name, room);
        for (const [file, error] of failures) noteProblem(`${directory}/${file}`, error);
      }
    }
  };
  await Promise.all(Array.from({ length: readers }, readNext));
  if (omitted.length > 0)
    evidence.problems.push(
      toOneLine(`logs beyond ${maxLogBytesTogether} bytes in all were left out: ${omitted.join(', ')}`),
    );
  evidence.logs = await readLogTails(options.logsDir);
  return evidence;
}

/** The last lines of every log on disk, of all writers. */
export async function readLogTails(logsDir: string): Promise<ReportedLog[]> {
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
    const lines = buffer.toString('utf8').replace(/\n$/, '').split('\n');
    // Where a line is cut, a secret may be, too.
    if (size > length && lines.length > 1) lines.shift();
    return lines.slice(-tailLines);
  } finally {
    await handle.close();
  }
}

/** The files of cluster/ and the lists of the API that each holds. */
function filesOf(namespace: string): Record<string, string[]> {
  const { nodes, pods, events, jobs, claims, deployments, replicaSets, statefulSets, daemonSets } =
    factPaths(namespace);
  const services = `/api/v1/namespaces/${namespace}/services`;
  const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  return {
    events: [events],
    pods: [pods],
    jobs: [jobs],
    pvcs: [claims],
    nodes: [nodes],
    workloads: [deployments, replicaSets, statefulSets, daemonSets],
    services: [services, slices],
  };
}

/** How often the logs of a container are asked for while it is being restarted, and how long it is waited for in between. */
const restarts = { attempts: 3, pauseMilliseconds: 300 };

/**
 * The log of a container, with that of its former run before it, when it was restarted. When it is restarted between our
 * question about its state and that about its log, both are asked again. Returns what could not be had, by its file.
 */
async function saveLogs(
  options: EvidenceOptions,
  pod: Pod,
  container: string,
  room: { bytes: number },
): Promise<Map<string, unknown>> {
  let now = pod;
  for (let attempt = 1; ; attempt += 1) {
    const failures = await saveRuns(options, now, container, room);
    const isOutdated = [...failures.values()].some((error) => error instanceof ApiError && error.status === 400);
    if (!isOutdated || attempt === restarts.attempts) return failures;
    try {
      await sleep(restarts.pauseMilliseconds, undefined, { signal: options.signal });
      const { pods } = factPaths(options.namespace);
      now = await options.connection.call<Pod>('GET', `${pods}/${pod.metadata.name}`, { signal: options.signal });
    } catch {
      // Without its present state the first answer is the best that we have.
      return failures;
    }
  }
}

/** The logs of the runs that a container has by the state of `pod`. One that cannot be had does not stop the other. */
async function saveRuns(
  options: EvidenceOptions,
  pod: Pod,
  container: string,
  room: { bytes: number },
): Promise<Map<string, unknown>> {
  const status = statusesOf(pod).find((one) => one.name === container);
  const directory = path.join(options.logsDir, pod.metadata.name);
  const failures = new Map<string, unknown>();
  const save = async (name: string, previous: boolean) => {
    await mkdir(directory, { recursive: true });
    const file = path.join(directory, name);
    const sink = options.mask.createTransform();
    const onDisk = createWriteStream(file);
    const written = pipeline(sink, onDisk);
    const request = {
      namespace: options.namespace,
      pod: pod.metadata.name,
      container,
      maxBytes: Math.min(maxLogBytes, Math.max(room.bytes, 0)),
      signal: options.signal,
    };
    const read = readLog(options.connection, previous ? { ...request, previous } : request, sink);
    const ends = await Promise.allSettled([read, written]);
    room.bytes -= onDisk.bytesWritten;
    // Of the two errors the reader's is closer to the cause.
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed === undefined) return;
    failures.set(name, failed.reason);
    // An empty file would say that the container wrote nothing.
    if (onDisk.bytesWritten === 0) await rm(file, { force: true });
  };
  // A container that never started has no log, and the API server answers 400.
  if (status?.lastState?.terminated !== undefined) await save(`${container}.previous.log`, true);
  if (status?.state?.waiting === undefined) await save(`${container}.log`, false);
  return failures;
}

function toReported(event: ClusterEvent): ReportedEvent {
  return {
    at: event.eventTime ?? event.lastTimestamp ?? event.firstTimestamp ?? event.metadata.creationTimestamp ?? '',
    type: event.type ?? '',
    object: `${event.involvedObject.kind ?? ''}/${event.involvedObject.name ?? ''}`,
    reason: event.reason ?? '',
    message: event.message ?? '',
    ...(event.count !== undefined && event.count > 1 ? { count: event.count } : {}),
  };
}
