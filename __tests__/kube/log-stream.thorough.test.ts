import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, type KubeConnection } from '../../src/kube/connection.ts';
import { type FollowedLog, type FollowLogOptions, followLog } from '../../src/kube/log-stream.ts';
import { createLogServer, formatTimestamp, NodeLog, type Piece } from './log-server.ts';
import { listen, writePlainKubeconfig } from './loopback-kubeconfig.ts';
import { SeededRandom } from './seeded-random.ts';

const timing = {
  stallMilliseconds: 5000,
  tickMilliseconds: 5,
  lingerMilliseconds: 15,
  firstRetryMilliseconds: 1,
  maxRetryMilliseconds: 10,
  giveUpMilliseconds: 10_000,
  gatherMilliseconds: 0,
};
/** Short, so that a thousand schedules with their stalls fit into seconds. */
const scheduleTiming = { ...timing, stallMilliseconds: 400, giveUpMilliseconds: 40_000 };

let opened: { server: Server; connection: KubeConnection } | undefined;

afterEach(async () => {
  await opened?.connection.close();
  opened?.server.closeAllConnections();
  opened?.server.close();
  opened = undefined;
});

async function openServer(logs: Map<string, NodeLog>, random: SeededRandom): Promise<KubeConnection> {
  const server = createLogServer(logs, random);
  const connection = connect({ kubeconfigPath: await writePlainKubeconfig(await listen(server)) });
  opened = { server, connection };
  return connection;
}

interface Followed extends FollowedLog {
  received: Buffer;
}

async function follow(
  connection: KubeConnection,
  log: NodeLog,
  options: Partial<FollowLogOptions> = {},
): Promise<Followed> {
  const chunks: Buffer[] = [];
  const result = await followLog({
    connection,
    namespace: 'n',
    pod: 'p',
    container: 'c',
    signal: new AbortController().signal,
    ended: () => log.hasEnded,
    onChunk: (chunk) => {
      chunks.push(chunk);
    },
    timing,
    ...options,
  });
  return { ...result, received: Buffer.concat(chunks) };
}

function pieceAt(epochSeconds: number, nanoseconds: number, text: string | Buffer, startsLine = true): Piece {
  return { epochSeconds, nanoseconds, bytes: Buffer.from(text), startsLine };
}

function written(log: NodeLog): Buffer {
  return Buffer.concat(log.pieces.map((piece) => piece.bytes));
}

const epoch = 1_800_000_000;

describe('followLog, against a server that fails on schedule', () => {
  const schedules = 1000;
  const atOnce = 12;

  it(`neither loses nor doubles a byte without declaring it, in ${schedules} schedules`, async () => {
    const logs = new Map<string, NodeLog>();
    const firstSeed = Number(process.env.LOG_SEED ?? 1);
    const connection = await openServer(logs, new SeededRandom(firstSeed));
    const seen = { rotated: 0, declared: 0, streams: 0, faults: 0 };
    const runOne = async (seed: number) => {
      const log = new NodeLog();
      logs.set(`p${seed}`, log);
      const schedule = new Schedule(log, new SeededRandom(seed));
      const [result] = await Promise.all([
        follow(connection, log, {
          pod: `p${seed}`,
          timing: scheduleTiming,
          onChunk: async (chunk) => {
            schedule.received.push(chunk);
            if (chunk.length % 7 === 0) await delay(1);
          },
        }),
        schedule.run(),
      ]);
      const received = Buffer.concat(schedule.received);
      const problem = judge(log, received, result, schedule.hasRotated);
      if (problem !== undefined) throw new Error(`seed ${seed}: ${problem} (again: LOG_SEED=${seed})`);
      seen.rotated += schedule.hasRotated ? 1 : 0;
      seen.declared += result.gaps.length > 0 ? 1 : 0;
      seen.streams += log.streams;
      seen.faults += schedule.faultsGiven - log.faults.length;
      logs.delete(`p${seed}`);
    };
    let next = firstSeed;
    const failures: unknown[] = [];
    const worker = async () => {
      while (next < firstSeed + schedules && failures.length === 0) {
        const seed = next;
        next += 1;
        await runOne(seed).catch((error: unknown) => failures.push(error));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    expect(failures).toEqual([]);
    // The schedules were worth their name.
    expect(seen.faults).toBeGreaterThan(schedules);
    expect(seen.streams).toBeGreaterThan(schedules * 3);
    expect(seen.rotated).toBeGreaterThan(schedules / 10);
    expect(seen.declared).toBeGreaterThan(schedules / 50);
    expect(seen.declared).toBeLessThan(seen.rotated);
  }, 180_000);
});

/** Bytes of all kinds but newlines. */
const rubbish = makeRubbish(128 * 1024, new SeededRandom(0));

function makeRubbish(length: number, random: SeededRandom): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)).map((byte) => (byte === 0x0a ? 0x20 : byte)));
}

/** What one container writes, when, and what happens to its node meanwhile. */
class Schedule {
  readonly received: Buffer[] = [];
  hasRotated = false;
  readonly faultsGiven: number;
  readonly #log: NodeLog;
  readonly #random: SeededRandom;
  #seconds = epoch;
  #nanoseconds = 0;

  constructor(log: NodeLog, random: SeededRandom) {
    this.#log = log;
    this.#random = random;
    this.faultsGiven = random.below(6);
    for (let i = 0; i < this.faultsGiven; i += 1)
      log.faults.push({
        kind: random.chance(0.05)
          ? 'stall'
          : random.pick(['cut', 'cut', 'cut', 'clean-end', 'refuse', 'foreign-words']),
        afterBytes: random.below(random.pick([40, 400, 4000, 60_000])),
      });
  }

  async run(): Promise<void> {
    const random = this.#random;
    const mayRotate = random.chance(0.4);
    const lines = random.below(60);
    for (let i = 0; i < lines; i += 1) {
      this.#writeLine(i === lines - 1 && random.chance(0.3));
      if (random.chance(0.25)) await delay(random.below(6));
      if (random.chance(0.002)) await delay(scheduleTiming.stallMilliseconds + 10);
      if (mayRotate && random.chance(0.2) && this.received.length > 0) this.#rotate();
    }
    this.#log.end();
  }

  #tick(): void {
    const random = this.#random;
    // Equal lines in one instant are legal.
    if (random.chance(0.3)) return;
    this.#nanoseconds += 1 + random.below(random.pick([1, 1000, 400_000_000]));
    if (random.chance(0.08)) {
      this.#seconds += 1 + random.below(5);
      this.#nanoseconds = random.below(2_000_000);
    }
    if (this.#nanoseconds >= 1e9) {
      this.#nanoseconds -= 1e9;
      this.#seconds += 1;
    }
  }

  #writeLine(isUnfinished: boolean): void {
    const random = this.#random;
    this.#tick();
    const end = isUnfinished ? '' : random.pick(['\n', '\n', '\r\n']);
    if (random.chance(0.05)) {
      // A long line arrives in pieces, a while apart.
      const pieces = 2 + random.below(3);
      for (let i = 0; i < pieces; i += 1) {
        if (i > 0) this.#seconds += random.below(3);
        if (i > 0) this.#nanoseconds = (this.#nanoseconds + 1) % 1e9;
        this.#write(Buffer.concat([this.#rubbish(16_384), Buffer.from(i === pieces - 1 ? end : '')]), i === 0);
      }
      // Other lines are not written within the instant of a piece.
      this.#seconds += 1;
      return;
    }
    const body = random.pick(['', 'again', 'ok 1 - it works', this.#rubbish(random.below(300))]);
    this.#write(Buffer.concat([Buffer.from(body), Buffer.from(end)]), true);
    if (random.chance(0.05) && !isUnfinished) {
      // The other of the two streams was stamped a little earlier, perhaps in the second before, and written a little later.
      const late = this.#nanoseconds - 1 - random.below(1_999_999);
      const [seconds, nanoseconds] = late < 0 ? [this.#seconds - 1, late + 1e9] : [this.#seconds, late];
      this.#log.append(pieceAt(seconds, nanoseconds, 'late\n'));
    }
  }

  #write(bytes: Buffer, startsLine: boolean): void {
    this.#log.append(pieceAt(this.#seconds, this.#nanoseconds, bytes, startsLine));
  }

  #rubbish(length: number): Buffer {
    const from = this.#random.below(rubbish.length - length);
    return rubbish.subarray(from, from + length);
  }

  /** The file begins again; not within an instant, since the number of lost lines would be unknown. */
  #rotate(): void {
    this.#log.fileStart = this.#log.pieces.length;
    this.#seconds += 1;
    this.hasRotated = true;
  }
}

/** @returns what is wrong with what was received, or undefined when every difference is declared. */
function judge(log: NodeLog, received: Buffer, result: FollowedLog, hasRotated: boolean): string | undefined {
  const full = written(log);
  if (result.bytes !== received.length) return `it counts ${result.bytes} bytes, and delivered ${received.length}`;
  if (result.gaps.length === 0)
    return received.equals(full) ? undefined : `${received.length} of ${full.length} bytes, and no gap declared`;
  const notes = result.gaps.map((gap) => gap.note).join('; ');
  if (!hasRotated) return `a gap is declared, but nothing was rotated: ${notes}`;
  const starts = new Map<string, number>();
  let offset = 0;
  for (const piece of log.pieces) {
    const timestamp = formatTimestamp(piece);
    if (!starts.has(timestamp)) starts.set(timestamp, offset);
    offset += piece.bytes.length;
  }
  /** Whether what was received from `at` on is what was written from `from` on, less what is within the gaps from the i-th. */
  const isExplained = (at: number, from: number, i: number): boolean => {
    const gap = result.gaps[i];
    if (gap === undefined) return received.subarray(at).equals(full.subarray(from));
    const resume = /between \S+ and (\S+) may/.exec(gap.note)?.[1];
    const earliest = starts.get(gap.afterTimestamp);
    const latest = resume === undefined ? full.length : starts.get(resume);
    if (earliest === undefined || latest === undefined) return false;
    const common = countCommon(received.subarray(at), full.subarray(from, latest));
    for (let length = common; from + length >= earliest; length -= 1)
      if (length >= 0 && isExplained(at + length, latest, i + 1)) return true;
    return false;
  };
  return isExplained(0, 0, 0) ? undefined : `bytes differ beyond the gaps that are declared: ${notes}`;
}

function countCommon(a: Buffer, b: Buffer): number {
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i += 1;
  return i;
}

describe('followLog', () => {
  it('finishes a line that was cut in the middle', async () => {
    const log = new NodeLog();
    const connection = await openServer(new Map([['p', log]]), new SeededRandom(1));
    log.append(pieceAt(epoch, 5, 'one\n'));
    log.append(pieceAt(epoch, 5, 'two and more\n'));
    log.faults.push({ kind: 'cut', afterBytes: 31 + 4 + 31 + 6 });
    log.end();
    const { received, gaps, lines } = await follow(connection, log);
    expect(received.toString()).toBe('one\ntwo and more\n');
    expect({ gaps, lines, streams: log.streams }).toEqual({ gaps: [], lines: 2, streams: 3 });
  });

  it('declares what was rotated away while the connection was down', async () => {
    const log = new NodeLog();
    const connection = await openServer(new Map([['p', log]]), new SeededRandom(1));
    log.append(pieceAt(epoch, 1, 'one\n'));
    log.faults.push({ kind: 'cut', afterBytes: 31 + 2 });
    const chunks: Buffer[] = [];
    const { gaps } = await follow(connection, log, {
      onChunk: (chunk) => {
        chunks.push(chunk);
        if (log.hasEnded) return;
        log.append(pieceAt(epoch, 2, 'lost\n'));
        log.fileStart = 2;
        log.append(pieceAt(epoch, 3, 'three\n'));
        log.end();
      },
    });
    expect(Buffer.concat(chunks).toString()).toBe('onthree\n');
    expect(gaps).toHaveLength(1);
    expect(gaps[0]).toMatchObject({ afterTimestamp: formatTimestamp(log.pieces[0]!) });
    expect(gaps[0]!.note).toContain(formatTimestamp(log.pieces[2]!));
  });

  it('holds no long line in memory, and waits for its reader', async () => {
    const log = new NodeLog();
    const connection = await openServer(new Map([['p', log]]), new SeededRandom(1));
    const line = Buffer.alloc(5_000_000, 'x');
    log.append(pieceAt(epoch, 1, line));
    log.append(pieceAt(epoch, 2, '\n', false));
    log.end();
    let largest = 0;
    let inFlight = 0;
    const { bytes, lines, gaps } = await follow(connection, log, {
      onChunk: async (chunk) => {
        inFlight += 1;
        expect(inFlight).toBe(1);
        largest = Math.max(largest, chunk.length);
        await delay(1);
        inFlight -= 1;
      },
    });
    expect({ bytes, lines, gaps }).toEqual({ bytes: 5_000_001, lines: 1, gaps: [] });
    expect(largest).toBeLessThan(512 * 1024);
  });

  it('treats messages of the kubelet as errors, not as the log, and ends with a gap', async () => {
    const log = new NodeLog();
    const connection = await openServer(new Map([['p', log]]), new SeededRandom(1));
    log.append(pieceAt(epoch, 1, 'one\n'));
    for (let i = 0; i < 1000; i += 1) log.faults.push({ kind: 'foreign-words', afterBytes: 0 });
    log.end();
    const problems: string[] = [];
    const { received, gaps } = await follow(connection, log, {
      onOutage: (text) => problems.push(text),
      timing: { ...timing, giveUpMilliseconds: 1000, outageGraceSeconds: 0.02 },
    });
    expect(received.length).toBe(0);
    expect(gaps[0]?.note).toContain('no such file or directory');
    expect(problems[0]).toMatch(/the log of p\/c cannot be read since \d s: failed to try resolving symlinks/);
  });

  it('declares lines that may be missing where the clock of the node was set back', async () => {
    const log = new NodeLog();
    const connection = await openServer(new Map([['p', log]]), new SeededRandom(1));
    for (const [seconds, text] of [
      [0, 'a\n'],
      [100, 'b\n'],
      [50, 'c\n'],
      [51, 'd\n'],
    ] as const)
      log.append(pieceAt(epoch + seconds, 1, text));
    log.faults.push({ kind: 'cut', afterBytes: 4 * 33 - 1 });
    log.end();
    const { received, gaps } = await follow(connection, log);
    expect(received.toString()).toBe('a\nb\nc\nd\n');
    expect(gaps.length).toBeGreaterThan(0);
    expect(gaps[0]?.note).toContain('clock of the node was set back');
  });

  it('ends with a gap when the pod is gone', async () => {
    const connection = await openServer(new Map(), new SeededRandom(1));
    const { gaps } = await follow(connection, new NodeLog());
    expect(gaps.map((gap) => gap.note)).toEqual([
      'the pod is gone, and the end of its log could not be confirmed: no such pod',
    ]);
  });

  it('ends with a gap when it is aborted, also while the log is silent', async () => {
    const log = new NodeLog();
    const connection = await openServer(new Map([['p', log]]), new SeededRandom(1));
    log.append(pieceAt(epoch, 1, 'one\n'));
    const stop = new AbortController();
    let text = '';
    const { gaps } = await follow(connection, log, {
      signal: stop.signal,
      onChunk: (chunk) => {
        text += chunk.toString();
        setTimeout(() => stop.abort(), 50);
      },
    });
    expect(text).toBe('one\n');
    expect(gaps.map((gap) => gap.note)).toEqual(['following the log was stopped before its end']);
  });

  it('hands on what its reader throws', async () => {
    const log = new NodeLog();
    const connection = await openServer(new Map([['p', log]]), new SeededRandom(1));
    log.append(pieceAt(epoch, 1, 'one\n'));
    const onChunk = () => {
      throw new Error('the disk is full');
    };
    await expect(follow(connection, log, { onChunk })).rejects.toThrow('the disk is full');
  });

  it('does not wait for a stream that stays open after the end of its container', async () => {
    const log = new NodeLog();
    const connection = await openServer(new Map([['p', log]]), new SeededRandom(1));
    log.append(pieceAt(epoch, 1, 'one\n'));
    log.faults.push({ kind: 'stall', afterBytes: 35 });
    setTimeout(() => log.end(), 20);
    const start = performance.now();
    const { received, gaps } = await follow(connection, log);
    expect(performance.now() - start).toBeLessThan(timing.stallMilliseconds - 1000);
    expect({ text: received.toString(), gaps }).toEqual({ text: 'one\n', gaps: [] });
  });
});
