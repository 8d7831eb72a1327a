import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { SecretMask } from '../core/secret-mask.ts';
import type { KubeConnection } from '../kube/connection.ts';
import type { LogTimestamp } from '../kube/log-lines.ts';
import { type FollowedLog, type FollowLogOptions, followLog } from '../kube/log-stream.ts';

export interface CaptureOptions {
  connection: KubeConnection;
  namespace: string;
  pod: string;
  container: string;
  /** The file for the log, byte for byte except for secrets. */
  file: string;
  /** Secrets never reach the file. */
  mask: SecretMask;
  /** Shown to the reader, a line at a time, until `shownBytes` are shown. */
  quote: (line: string) => void;
  /** Called when the log cannot be read for a while. */
  onOutage: (text: string) => void;
  signal: AbortSignal;
  ended: FollowLogOptions['ended'];
  instance?: FollowLogOptions['instance'];
  /** How long after the container's end the rest of its log is tried for. */
  giveUpSeconds: number;
  /**
   * The caller gets what is missing at the container's end from elsewhere: once the reader has seen all that is shown, no more
   * is received. A kubelet sends each line by itself, which for a log of 100 MB takes longer than a minute.
   */
  isRestElsewhere: boolean;
}

export interface LogCapture {
  bytes: number;
  /** Of all received bytes, whether or not they could be written. */
  sha256: string;
  /** Timestamp of the first line; undefined when there was none. */
  first: LogTimestamp | undefined;
  /** What is missing from the file, a line each; empty when it is complete. The file has these lines too, at the gaps. */
  gaps: string[];
}

/** More of a log than this is of no use on a console, and printing it would slow down the capture; the file has all of it. */
const shownBytes = 4 * 1024 * 1024;
const shownLines = 50_000;
const shownLineChars = 4000;

/** Follows the log of a container into a file and onto the console until the container has ended. */
export async function captureLog(options: CaptureOptions): Promise<LogCapture> {
  await mkdir(path.dirname(options.file), { recursive: true });
  const file = await open(options.file, 'w');
  const show = new ShownLines(options.quote, options.file);
  const digest = createHash('sha256');
  let masked = options.mask.openStream();
  let unwritable: string | undefined;
  let endsLine = true;
  let hasEnded = false;
  const leaving = new AbortController();
  const leaveRest = () => {
    if (options.isRestElsewhere && hasEnded && show.isCut) leaving.abort();
  };
  // A full disk must not end the run, which may be minutes from its verdict: the file notes where it ends.
  const write = async (bytes: Buffer | string) => {
    if (unwritable !== undefined || bytes.length === 0) return;
    await file.writeFile(bytes).catch((error: unknown) => {
      unwritable = `its file could not be written further: ${error}`;
    });
  };
  const take = async (bytes: Buffer) => {
    show.push(bytes);
    await write(bytes);
  };
  try {
    const followed: FollowedLog = await followLog({
      connection: options.connection,
      namespace: options.namespace,
      pod: options.pod,
      container: options.container,
      signal: AbortSignal.any([options.signal, leaving.signal]),
      ended: async () => {
        const state = await options.ended();
        hasEnded = state !== false;
        leaveRest();
        return state;
      },
      ...(options.instance === undefined ? {} : { instance: options.instance }),
      onOutage: options.onOutage,
      timing: { giveUpMilliseconds: options.giveUpSeconds * 1000 },
      onChunk: async (chunk) => {
        digest.update(chunk);
        endsLine = chunk.at(-1) === 0x0a;
        await take(masked.push(chunk));
        leaveRest();
      },
      onGap: async (gap) => {
        await take(masked.end());
        masked = options.mask.openStream();
        await write(`${endsLine ? '' : '\n'}${describeGap(gap.note)}\n`);
        endsLine = true;
      },
    });
    await take(masked.end());
    show.end();
    const gaps = followed.gaps.map((gap) => gap.note);
    if (unwritable !== undefined) gaps.push(unwritable);
    return { bytes: followed.bytes, sha256: digest.digest('hex'), first: followed.first, gaps };
  } finally {
    await file.close();
  }
}

/** The line that is in a log where a part of it is, or may be, missing. */
function describeGap(note: string): string {
  return `[k8s-test-action: the log is not complete here: ${note}]`;
}

/** Turns bytes into lines for a reader: long ones are cut, and after enough of them there is only a pointer to the file. */
class ShownLines {
  readonly #quote: (line: string) => void;
  readonly #file: string;
  readonly #decoder = new StringDecoder('utf8');
  #line = '';
  #bytes = 0;
  #lines = 0;
  /** Whether nothing more is shown. */
  isCut = false;

  constructor(quote: (line: string) => void, file: string) {
    this.#quote = quote;
    this.#file = file;
  }

  push(chunk: Buffer): void {
    if (this.isCut) return;
    const room = shownBytes - this.#bytes;
    this.#bytes += chunk.length;
    const parts = this.#decoder.write(chunk.length <= room ? chunk : chunk.subarray(0, room)).split('\n');
    for (const [i, part] of parts.entries()) {
      if (i > 0) this.#endLine();
      if (this.#lines >= shownLines) break;
      if (this.#line.length <= shownLineChars) this.#line = cutLine(this.#line + part);
    }
    if (this.#bytes <= shownBytes && this.#lines < shownLines) return;
    this.isCut = true;
    if (this.#line !== '') this.#endLine();
    this.#quote(`… the log continues: all of it is in ${this.#file}`);
  }

  /** The log is over; its last line may have no newline. */
  end(): void {
    if (this.isCut) return;
    this.#line = cutLine(this.#line + this.#decoder.end());
    if (this.#line !== '') this.#endLine();
  }

  #endLine(): void {
    this.#lines += 1;
    this.#quote(this.#line.replace(/\r$/, ''));
    this.#line = '';
  }
}

function cutLine(line: string): string {
  return line.length <= shownLineChars ? line : `${line.slice(0, shownLineChars)}…`;
}
