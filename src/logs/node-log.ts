/**
 * The files in which a node keeps the logs of its containers: what they are called, in which order they are one log, and
 * how their content is read. Written by containerd (`timestamp stream F|P content`, one record a line) and rotated by the
 * kubelet (pkg/kubelet/logs/container_log_manager.go).
 */
import { type LogTimestamp, parseLogTimestamp } from '../kube/log-lines.ts';

/** A file as a node lists it. */
export interface NodeLogFile {
  path: string;
  /** Timestamp of its first record; empty when it holds none. */
  first: string;
}

/** The log of one run of a container, as a node stores it. */
export interface NodeLog {
  podUid: string;
  pod: string;
  container: string;
  /** 0 for the first run, 1 after the first restart… */
  run: number;
  /** Its files, oldest first; compressed ones end in `.gz`. */
  paths: string[];
  /** Timestamp of its first record; undefined when it is empty. */
  first: LogTimestamp | undefined;
}

/** Path of the logs on every node, as `<namespace>_<pod>_<uid>/<container>/<run>.log…`. */
export const nodeLogsPath = '/var/log/pods';

/**
 * Sorts files into logs. The same file may be listed under several paths (a link to it was kept, the kubelet renamed or
 * compressed it): its first record shows that, and of several paths the first one counts.
 */
export function groupNodeLogs(files: NodeLogFile[]): NodeLog[] {
  const logs = new Map<string, { log: NodeLog; parts: { path: string; first: LogTimestamp }[] }>();
  for (const { path, first } of files) {
    const [name = '', container = '', podDirectory = ''] = path.split('/').reverse();
    const run = /^(\d+)\./.exec(name)?.[1];
    const [, pod, podUid] = podDirectory.split('_');
    if (run === undefined || pod === undefined || podUid === undefined) continue;
    const key = `${podUid} ${container} ${run}`;
    const log = { podUid, pod, container, run: Number(run), paths: [], first: undefined };
    const entry = logs.get(key) ?? { log, parts: [] };
    logs.set(key, entry);
    const at = parseLogTimestamp(first);
    if (at === undefined || entry.parts.some((part) => compareTimestamps(part.first, at) === 0)) continue;
    entry.parts.push({ path, first: at });
  }
  return [...logs.values()].map(({ log, parts }) => {
    parts.sort((a, b) => compareTimestamps(a.first, b.first));
    return { ...log, paths: parts.map((part) => part.path), first: parts[0]?.first };
  });
}

/** Negative when `a` is earlier than `b`, 0 when they are the same instant. */
export function compareTimestamps(a: LogTimestamp, b: LogTimestamp): number {
  return a.epochSeconds - b.epochSeconds || a.nanoseconds - b.nanoseconds;
}

/** A timestamp, a stream and a tag: 36 + 7 + 2 characters at most. */
const maxHeaderBytes = 64;
const newline = 0x0a;
const space = 0x20;
const letterF = 0x46;
const letterP = 0x50;
const letterS = 0x73;

/**
 * Turns the bytes of a node's log files into those that the container wrote, as the API server would. It buffers only the head
 * of an incomplete record.
 */
export class NodeLogDecoder {
  /** Bytes of invalid records: left by a node that ran out of disk, or died. */
  damagedBytes = 0;
  #state: 'head' | 'full' | 'partial' | 'damaged' = 'head';
  #carried = '';
  #spaces = 0;

  /** @returns the content of a chunk, at the chunk's own front. */
  push(chunk: Buffer): Buffer {
    let length = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === 'head') {
        at = this.#readHead(chunk, at);
        continue;
      }
      const end = chunk.indexOf(newline, at);
      const to = end === -1 ? chunk.length : end;
      if (this.#state === 'damaged') this.damagedBytes += to - at;
      else length += chunk.copy(chunk, length, at, this.#state === 'full' && end !== -1 ? to + 1 : to);
      at = to;
      if (end === -1) break;
      this.#state = 'head';
      at += 1;
    }
    return chunk.subarray(0, length);
  }

  #readHead(chunk: Buffer, from: number): number {
    const start = this.#carried === '' ? skipPlainHead(chunk, from) : undefined;
    if (start !== undefined) {
      this.#state = chunk[start - 2] === letterF ? 'full' : 'partial';
      return start;
    }
    const limit = Math.min(chunk.length, from + maxHeaderBytes - this.#carried.length);
    for (let at = from; at < limit; at += 1) {
      const byte = chunk[at] ?? 0;
      if (byte === space) this.#spaces += 1;
      // A record without content may end at its tag.
      if (byte !== newline && this.#spaces < 3) continue;
      this.#endHead(this.#carried + chunk.toString('latin1', from, at));
      return byte === newline ? at : at + 1;
    }
    this.#carried += chunk.toString('latin1', from, limit);
    if (this.#carried.length === maxHeaderBytes) this.#endHead(this.#carried);
    return limit;
  }

  #endHead(head: string): void {
    const [timestamp = '', stream, tag = ''] = head.split(' ');
    const isHead = timestamp.length >= 20 && (stream === 'stdout' || stream === 'stderr') && /^[FP](:|$)/.test(tag);
    this.#state = isHead ? (tag.startsWith('F') ? 'full' : 'partial') : 'damaged';
    if (!isHead) this.damagedBytes += head.length;
    this.#carried = '';
    this.#spaces = 0;
  }
}

/**
 * Where the content of a record begins; undefined for a head that is not whole, or unusual. Most heads end here, and cost
 * neither a string nor an object: a log may have millions of them.
 */
function skipPlainHead(chunk: Buffer, from: number): number | undefined {
  const stream = chunk.indexOf(space, from) + 1;
  const start = stream + ' stdout F'.length;
  if (stream - from < 21 || start > from + maxHeaderBytes || start > chunk.length) return undefined;
  const isStream = chunk[stream] === letterS && chunk[stream + 6] === space && chunk[start - 1] === space;
  const tag = chunk[start - 2];
  return isStream && (tag === letterF || tag === letterP) ? start : undefined;
}
