/** The logs of all containers of the Job: followed from the moment each of them starts, and at the end held against the node's own. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../core/outcome.ts';
import type { SecretMask } from '../core/secret-mask.ts';
import type { NamespaceWatch } from '../diagnose/namespace-watch.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { isOfJob, statusesOf } from '../kube/job-pods.ts';
import type { ContainerStatus, Pod } from '../kube/objects.ts';
import { captureLog, type LogCapture } from './capture-log.ts';
import { compareTimestamps, type NodeLog } from './node-log.ts';
import { type Reconciliation, reconcileLog } from './reconcile-log.ts';

/** The log files of nodes that can be read without the API server. */
export interface NodeLogSource<L extends NodeLog> {
  list(signal: AbortSignal): Promise<{ logs: L[]; problems: string[] }>;
  /** SHA-256 of what each container wrote; without one that has to be read to be compared. */
  digests(logs: readonly L[], signal: AbortSignal): Promise<Map<L, string>>;
  /** Resolves with why it is not all, if so. */
  read(log: L, onChunk: (chunk: Buffer) => Promise<void>, signal: AbortSignal): Promise<string>;
}

export interface JobLogsOptions<L extends NodeLog> {
  connection: KubeConnection;
  watch: NamespaceWatch;
  namespace: string;
  /** All Jobs of the suite. */
  jobNames: readonly string[];
  /** The container whose log the reader sees. */
  shownContainer: string;
  logsDir: string;
  /** Secrets never reach a file, neither while it is followed nor out of a node. */
  mask: SecretMask;
  quote: (line: string, pod: Pod) => void;
  /** Called when a log cannot be read for a while. */
  onOutage: (text: string) => void;
  /** Absent where nodes cannot be reached: gaps of a log then stay declared. */
  nodeLogs?: NodeLogSource<L>;
}

/** A log that is on the disk. */
export interface KeptLog {
  pod: string;
  container: string;
  /** 0 for the container's first run, 1 after its first restart… */
  run: number;
  file: string;
  /** How much of it was received. */
  bytes: number;
  /** What is missing from it, a line each; empty when it is complete. The file has these lines too, at the gaps. */
  gaps: string[];
}

/** A log that is complete as far as the API server returned it. */
interface Captured extends KeptLog {
  podUid: string;
  /** Of the received bytes. */
  sha256: string;
  first: LogCapture['first'];
}

interface Followed extends Omit<KeptLog, 'gaps' | 'bytes'> {
  podUid: string;
  capture: Promise<LogCapture>;
}

/** How long after a container's end the API server is asked for the rest of its log: where the node can be asked too, not for long. */
const giveUpSeconds = { alone: 30, besideNode: 3 };

/** The path of the log of one run of a container, below the directory of its pod. */
function logFileName(container: string, run: number): string {
  return run === 0 ? `${container}.log` : `${container}.restart-${run}.log`;
}

export class JobLogs<L extends NodeLog> {
  readonly #options: JobLogsOptions<L>;
  readonly #followed = new Map<string, Followed>();
  readonly #stopping = new AbortController();
  readonly #watching: Promise<void>;
  /** Containers that still run are not awaited. */
  #isEnough = false;

  /** Starts to watch for containers of the Job. */
  constructor(options: JobLogsOptions<L>) {
    this.#options = options;
    this.#watching = this.#watchContainers();
    this.#watching.catch(() => undefined);
  }

  /**
   * The tests have ended: collects what is still missing, and holds each log against the node's own.
   * @param signal ends following output that is still missing; the files then note the gaps. The node's files are still read,
   * within `nodeSignal`: a log that could not be compared by then keeps its gaps.
   */
  async finish(signal: AbortSignal, nodeSignal: AbortSignal): Promise<KeptLog[]> {
    this.#look();
    this.#isEnough = true;
    const stop = () => this.#stopping.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      const kept: Captured[] = await Promise.all(
        [...this.#followed.values()].map(async ({ capture, ...log }) => {
          const { bytes, sha256, first, gaps } = await capture.catch(unwritable);
          return { ...log, bytes, sha256, first, gaps };
        }),
      );
      stop();
      // An error that broke the watch is reported by the code that waits for the Job.
      await this.#watching.catch(() => undefined);
      await this.#reconcile(kept, nodeSignal).catch((error: unknown) => {
        if (!nodeSignal.aborted) throw error;
        for (const { gaps } of kept) if (gaps.length > 0) gaps.push('its node did not return it in time');
      });
      return kept.map(({ pod, container, run, file, bytes, gaps }) => ({
        bytes,
        pod,
        container,
        run,
        file,
        gaps: gaps.map(
          (gap) => `the log of ${container}${run === 0 ? '' : `, restart ${run},`} is not complete: ${gap}`,
        ),
      }));
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #watchContainers(): Promise<void> {
    const { watch } = this.#options;
    const { signal } = this.#stopping;
    // A wait ends by itself only when the API server is lost, and then nothing more can be read.
    await watch
      .until(() => this.#look(), { signal, deadlineSeconds: Number.POSITIVE_INFINITY })
      .catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
  }

  /** Starts to follow every container that runs or ran and is not followed yet. */
  #look(): undefined {
    if (this.#isEnough) return;
    const { watch, jobNames } = this.#options;
    for (const pod of watch.pods.filter((one) => jobNames.some((name) => isOfJob(one, name))))
      for (const status of statusesOf(pod)) {
        if (!hasBegun(status)) continue;
        const { uid } = pod.metadata;
        const key = `${uid} ${status.name} ${status.restartCount}`;
        if (!this.#followed.has(key)) this.#followed.set(key, this.#follow(pod, status.name, status.restartCount));
      }
  }

  #follow(pod: Pod, container: string, run: number): Followed {
    const { connection, namespace, shownContainer, logsDir, mask, quote, onOutage, watch, nodeLogs } = this.#options;
    const { name, uid } = pod.metadata;
    const file = path.join(logsDir, name, logFileName(container, run));
    const currentStatus = () => {
      const current = watch.pods.find((one) => one.metadata.uid === uid);
      return current === undefined ? undefined : statusesOf(current).find((status) => status.name === container);
    };
    const capture = captureLog({
      connection,
      namespace,
      pod: name,
      container,
      file,
      mask,
      quote: container === shownContainer ? (line) => quote(line, pod) : () => undefined,
      onOutage,
      signal: this.#stopping.signal,
      giveUpSeconds: nodeLogs === undefined ? giveUpSeconds.alone : giveUpSeconds.besideNode,
      isRestElsewhere: nodeLogs !== undefined,
      ended: () => {
        const status = currentStatus();
        if (status === undefined || status.restartCount > run || status.state?.running === undefined) return true;
        return this.#isEnough && 'enough';
      },
      instance: () => {
        const later = (currentStatus()?.restartCount ?? run) - run;
        return later <= 0 ? 'current' : later === 1 ? 'previous' : 'gone';
      },
    });
    // It is waited for at the end; until then a failure must not end the process.
    capture.catch(() => undefined);
    return { podUid: uid, pod: name, container, run, file, capture };
  }

  /** Compares each log with the node's own, and adds what no stream has returned. */
  async #reconcile(kept: Captured[], signal: AbortSignal): Promise<void> {
    const { nodeLogs, logsDir, mask } = this.#options;
    if (nodeLogs === undefined) return;
    const { logs, problems } = await nodeLogs.list(signal);
    const captured = (log: L): Captured | undefined =>
      kept.find((one) => one.podUid === log.podUid && one.container === log.container && one.run === log.run);
    const digests = await nodeLogs.digests(
      logs.filter((log) => captured(log)?.gaps.length === 0),
      signal,
    );
    for (const log of logs) {
      let ours = captured(log);
      if (ours === undefined) {
        const { podUid, pod, container, run } = log;
        const file = path.join(logsDir, pod, logFileName(container, run));
        await mkdir(path.dirname(file), { recursive: true });
        ours = { podUid, pod, container, run, file, gaps: [], bytes: 0, sha256: '', first: undefined };
        kept.push(ours);
      }
      if (ours.first !== undefined && (log.first === undefined || compareTimestamps(log.first, ours.first) > 0)) {
        ours.gaps.push('the node no longer has its beginning: lines that the kubelet left out cannot be found');
        continue;
      }
      // A file without a gap is as complete as the received stream.
      if (ours.gaps.length === 0 && digests.get(log) === ours.sha256) continue;
      const read = (onChunk: (chunk: Buffer) => Promise<void>) => nodeLogs.read(log, onChunk, signal);
      const end = await reconcileLog(ours.file, ours.bytes, read, mask).catch((error: unknown): Reconciliation => {
        signal.throwIfAborted();
        return {
          kind: 'failed',
          why: `the node's own could not be written beside it: ${messageOf(error)}`,
          nodeBytes: 0,
        };
      });
      if (end.kind === 'equal' || end.kind === 'replaced') ours.gaps = [];
      // A stream that never broke has all that the API server had, and needs no second check.
      else if (end.kind === 'failed' && (ours.gaps.length > 0 || ours.first === undefined)) ours.gaps.push(end.why);
    }
    for (const ours of kept.filter((one) => one.gaps.length > 0))
      if (!logs.some((log) => log.podUid === ours.podUid && log.container === ours.container && log.run === ours.run))
        ours.gaps.push(...(problems.length > 0 ? problems : ['its node no longer has it']));
  }
}

/** A full disk, or a file where a directory should be, is a gap like any other. */
function unwritable(error: unknown): LogCapture {
  return { bytes: 0, sha256: '', first: undefined, gaps: [`its file could not be written: ${messageOf(error)}`] };
}

/** Whether the run that `restartCount` counts has begun: there is a log to follow. */
function hasBegun({ state, lastState }: ContainerStatus): boolean {
  if (state?.running !== undefined) return true;
  const ended = state?.terminated ?? lastState?.terminated;
  // The kubelet counts a restart that never was when it finds the container of an evicted pod gone.
  return ended !== undefined && ended.reason !== 'ContainerStatusUnknown';
}
